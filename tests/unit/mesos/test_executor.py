"""The executor driver, the built-in command executor and the in-process containerizer, without an agent."""

from __future__ import annotations

from typing import Any

import pytest

from harness.durations import seconds
from harness.mesos.containerizer import InProcessContainerizer
from harness.mesos.containers import ExecutorEnvironment, Termination
from harness.mesos.executor import script_of
from harness.mesos.messages import (
    CommandInfo,
    ExecutorInfo,
    ExecutorRegisteredMessage,
    ExecutorReregisteredMessage,
    FrameworkInfo,
    FrameworkToExecutorMessage,
    KillTaskMessage,
    ReconnectExecutorMessage,
    RegisterExecutorMessage,
    ReregisterExecutorMessage,
    RunTaskMessage,
    ShutdownExecutorMessage,
    SlaveInfo,
    StatusUpdateAcknowledgementMessage,
    StatusUpdateMessage,
    TaskInfo,
)
from harness.mesos.messages.base import Record
from harness.mesos.states import DriverStatus
from harness.simulation import Address, Process, World, handles
from tests.unit.mesos.agent_toys import ToyExecutor

FRAMEWORK = FrameworkInfo(id="M-0000")
SLAVE = SlaveInfo(hostname="a1", id="M-S0")


class ToyAgent(Process):
    """Registers every executor and remembers what they say."""

    def __init__(self) -> None:
        super().__init__("slave(1)")
        self.heard: list[tuple[Address, Any]] = []
        self.acknowledges = True

    @handles(Record)
    def anything(self, sender: Address, message: Any) -> None:
        self.heard.append((sender, message))
        if isinstance(message, RegisterExecutorMessage):
            info = ExecutorInfo(executor_id=message.executor_id)
            answer = ExecutorRegisteredMessage(
                executor_info=info, framework_id="M-0000", framework_info=FRAMEWORK, slave_id="M-S0", slave_info=SLAVE
            )
            self.send(sender, answer)
        elif isinstance(message, ReregisterExecutorMessage):
            self.send(sender, ExecutorReregisteredMessage(slave_id="M-S0", slave_info=SLAVE))
        elif isinstance(message, StatusUpdateMessage) and self.acknowledges:
            update = message.update
            acknowledgement = StatusUpdateAcknowledgementMessage(
                slave_id="M-S0", framework_id="M-0000", task_id=update.status.task_id, uuid=str(update.uuid)
            )
            self.send(sender, acknowledgement)

    def of(self, kind: type) -> list[Any]:
        return [message for _, message in self.heard if isinstance(message, kind)]

    def states(self) -> list[str]:
        return [str(m.update.status.state) for m in self.of(StatusUpdateMessage)]


class Stage:
    """A world with a toy agent and one container launched by it."""

    def __init__(self, executor: Any = None, *, checkpoint: bool = False) -> None:
        self.world = World(strategy="prompt")
        self.agent = ToyAgent()
        self.world.spawn(self.agent, "a1")
        self.world.settle()
        self.containerizer = InProcessContainerizer({"default": executor} if executor is not None else {})
        environment = ExecutorEnvironment(
            slave_pid=self.agent.address,
            slave_id="M-S0",
            framework_id="M-0000",
            executor_id="default",
            checkpoint=checkpoint,
            recovery_timeout=seconds(900).ns,
        )
        self.containerizer.launch(self.agent, "c1", environment, command=executor is None)
        self.process = self.containerizer.containers["c1"].process
        self.world.settle()

    def post(self, message: Record) -> None:
        self.world.post(message, to=self.process.address, src=self.agent.address)
        self.world.settle()

    def run(self, command: str | None = None, task_id: str = "t1") -> None:
        task = TaskInfo(task_id=task_id, slave_id="M-S0", command=CommandInfo(value=command))
        self.post(RunTaskMessage(framework=FRAMEWORK, framework_id="M-0000", task=task))


@pytest.mark.parametrize(
    ("command", "runs", "status"),
    [
        ("true", 0, 0),
        ("false", 0, 1),
        ("exit 7", 0, 7),
        ("exit", 0, 0),
        ("sleep 10", 10_000_000_000, 0),
        ("sleep 0.5", 500_000_000, 0),
        ("python server.py", None, 0),
        (None, None, 0),
    ],
)
def test_commands(command: str | None, runs: int | None, status: int) -> None:
    """A few commands are acted out, every other runs until it is killed."""
    assert (script_of(command).runs, script_of(command).status) == (runs, status)


def test_registration() -> None:
    """An executor registers once and is given its driver before the first callback."""
    executor = ToyExecutor()
    stage = Stage(executor)
    assert executor.calls == [("registered", "default", "M-S0")]
    assert executor.driver.status is DriverStatus.DRIVER_RUNNING
    assert stage.agent.of(RegisterExecutorMessage) == [RegisterExecutorMessage(framework_id="M-0000", executor_id="default")]


def test_callbacks_and_calls() -> None:
    """Tasks, kills and data reach the executor; updates and data reach the agent."""
    executor = ToyExecutor()
    stage = Stage(executor)
    stage.run()
    stage.post(KillTaskMessage(framework_id="M-0000", task_id="t1"))
    stage.post(FrameworkToExecutorMessage(slave_id="M-S0", framework_id="M-0000", executor_id="default", data="hi"))
    executor.driver.send_status_update("t1", "TASK_RUNNING", "up")
    stage.world.settle()
    assert executor.calls[1:] == [("launch_task", "t1"), ("kill_task", "t1"), ("framework_message", "hi")]
    (message,) = stage.agent.of(StatusUpdateMessage)
    status = message.update.status
    assert (status.task_id, status.state, status.message, status.source) == ("t1", "TASK_RUNNING", "up", "SOURCE_EXECUTOR")
    assert message.pid == stage.process.address
    assert status.timestamp == stage.world.clock.now


def test_no_callbacks_after_abort() -> None:
    """An aborted driver neither calls back nor sends."""
    executor = ToyExecutor()
    stage = Stage(executor)
    assert executor.driver.abort() is DriverStatus.DRIVER_ABORTED
    stage.run()
    assert executor.driver.send_status_update("t1", "TASK_RUNNING") is DriverStatus.DRIVER_ABORTED
    stage.world.settle()
    assert executor.calls == [("registered", "default", "M-S0")]
    assert stage.agent.states() == []


def test_stop_leaves_the_container() -> None:
    """A driver that stops ends its process, but the container of a test's executor ends only when destroyed."""
    executor = ToyExecutor()
    stage = Stage(executor)
    assert executor.driver.stop() is DriverStatus.DRIVER_STOPPED
    stage.world.settle()
    assert not stage.process.alive
    assert "c1" in stage.containerizer.containers
    ended = stage.containerizer.wait("c1")
    stage.containerizer.destroy("c1")
    assert ended.get() == Termination(message="Killed executor")


def test_shutdown_without_checkpointing() -> None:
    """When the agent dies, an executor that does not checkpoint is told to shut down."""
    executor = ToyExecutor()
    stage = Stage(executor)
    stage.world.terminate(stage.agent.address)
    stage.world.settle()
    assert executor.calls[-1] == ("shutdown",)
    assert executor.driver.status is DriverStatus.DRIVER_ABORTED


def test_recovery_timeout() -> None:
    """With checkpointing an executor waits for its agent as long as the recovery timeout says, and not longer."""
    executor = ToyExecutor()
    stage = Stage(executor, checkpoint=True)
    stage.world.terminate(stage.agent.address)
    stage.world.run_for("14mins")
    assert executor.driver.status is DriverStatus.DRIVER_RUNNING
    stage.world.run_for("2mins")
    assert executor.calls[-1] == ("shutdown",)


def test_reconnection() -> None:
    """A recovered agent is told what was not acknowledged, and the recovery timeout does not matter any more."""
    executor = ToyExecutor()
    stage = Stage(executor, checkpoint=True)
    stage.agent.acknowledges = False
    stage.run()
    executor.driver.send_status_update("t1", "TASK_RUNNING")
    stage.world.settle()
    stage.world.terminate(stage.agent.address)
    stage.world.settle()
    stage.agent = ToyAgent()
    stage.world.spawn(stage.agent, "a1")
    stage.post(ReconnectExecutorMessage(slave_id="M-S0"))
    (message,) = stage.agent.of(ReregisterExecutorMessage)
    assert [update.status.state for update in message.updates] == ["TASK_RUNNING"]
    assert [task.task_id for task in message.tasks] == ["t1"]
    stage.world.run_for("20mins")
    assert executor.driver.status is DriverStatus.DRIVER_RUNNING


def test_acknowledged_tasks_are_not_reported_again() -> None:
    """What the agent acknowledged is left out at a reconnection."""
    executor = ToyExecutor()
    stage = Stage(executor, checkpoint=True)
    stage.run()
    executor.driver.send_status_update("t1", "TASK_RUNNING")
    stage.world.settle()
    stage.post(ReconnectExecutorMessage(slave_id="M-S0"))
    (message,) = stage.agent.of(ReregisterExecutorMessage)
    assert message.tasks == message.updates == ()


@pytest.mark.parametrize(
    ("command", "state", "message"),
    [
        ("true", "TASK_FINISHED", "Command exited with status 0"),
        ("exit 7", "TASK_FAILED", "Command exited with status 7"),
        ("sleep 10", "TASK_FINISHED", "Command exited with status 0"),
    ],
)
def test_command_executor(command: str, state: str, message: str) -> None:
    """The built-in executor reports STARTING, RUNNING and the end of its command, then leaves with its container."""
    stage = Stage()
    ended = stage.containerizer.wait("c1")
    stage.run(command)
    stage.world.run_until_idle()
    assert stage.agent.states() == ["TASK_STARTING", "TASK_RUNNING", state]
    assert stage.agent.of(StatusUpdateMessage)[-1].update.status.message == message
    assert stage.world.clock.elapsed >= seconds(10 if command.startswith("sleep") else 0)
    assert ended.ready
    assert stage.containerizer.containers == {}


def test_command_executor_runs_until_killed() -> None:
    """Any other command ends only by a kill."""
    stage = Stage()
    stage.run("server")
    stage.world.run_for("1hrs")
    assert stage.agent.states() == ["TASK_STARTING", "TASK_RUNNING"]
    stage.post(KillTaskMessage(framework_id="M-0000", task_id="t1"))
    assert stage.agent.states()[-1] == "TASK_KILLED"


def test_command_executor_leaves_without_acknowledgement() -> None:
    """Nobody acknowledges the end: the built-in executor leaves a second later."""
    stage = Stage()
    stage.agent.acknowledges = False
    stage.run("true")
    stage.world.settle()
    assert stage.process.alive
    stage.world.run_for("2secs")
    assert not stage.process.alive


def test_shutdown_of_the_command_executor() -> None:
    """Told to shut down, the built-in executor ends at once and reports nothing."""
    stage = Stage()
    stage.run("server")
    stage.post(ShutdownExecutorMessage())
    assert not stage.process.alive
    assert stage.agent.states() == ["TASK_STARTING", "TASK_RUNNING"]


def test_destroy_executor_by_id() -> None:
    """Containers are found by their executor's id; an unknown container is no error."""
    stage = Stage(ToyExecutor())
    assert stage.containerizer.destroy_executor("other") == 0
    assert stage.containerizer.destroy_executor("default", "M-0001") == 0
    assert stage.containerizer.destroy_executor("default") == 1
    assert not stage.process.alive
    assert stage.containerizer.wait("c1").get() is None
    assert stage.containerizer.destroy("c1").get() is None
