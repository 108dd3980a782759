"""Tasks and executors at an agent: launch steps, kills, executor ends, framework ends."""

from __future__ import annotations

from typing import Any

import pytest

from harness.mesos.flags import AgentFlags
from harness.mesos.messages import (
    ExecutorToFrameworkMessage,
    ExitedExecutorMessage,
    FrameworkToExecutorMessage,
    KillTaskMessage,
    ReconcileTasksMessage,
    RegisterExecutorMessage,
    ReregisterSlaveMessage,
    ShutdownExecutorMessage,
    ShutdownFrameworkMessage,
    SlaveReregisteredMessage,
    StatusUpdateMessage,
    TaskState,
    TaskStatus,
)
from harness.mesos.states import AgentState
from harness.simulation import Process, handles
from tests.unit.mesos.agent_toys import FRAMEWORK, Stage, ToyExecutor, command_task, executor_task

AWARE = FRAMEWORK.replace(capabilities=("PARTITION_AWARE",))
KILL = KillTaskMessage(framework_id="M-0000", task_id="t1")


class ToyScheduler(Process):
    """Keeps the data it is sent."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.heard: list[Any] = []

    @handles(ExecutorToFrameworkMessage)
    def data(self, sender: str, message: ExecutorToFrameworkMessage) -> None:
        self.heard.append(message.data)


def started(**arguments: Any) -> tuple[Stage, ToyExecutor]:
    executor = ToyExecutor()
    stage = Stage(executors={"default": executor}, **arguments)
    stage.start()
    stage.world.settle()
    return stage, executor


def running(**arguments: Any) -> tuple[Stage, ToyExecutor]:
    """A stage with a task that runs in a toy executor."""
    stage, executor = started(**arguments)
    stage.run(executor_task())
    stage.world.settle()
    executor.driver.send_status_update("t1", "TASK_RUNNING")
    stage.world.settle()
    return stage, executor


def last(stage: Stage) -> TaskStatus:
    status: TaskStatus = stage.master.of(StatusUpdateMessage)[-1].update.status
    return status


def test_launch_in_an_executor() -> None:
    """A task starts its executor, which registers and is handed the task."""
    stage, executor = started()
    stage.run(executor_task())
    stage.world.settle()
    assert executor.calls == [("registered", "default", "M-S0"), ("launch_task", "t1")]
    assert stage.agent.tasks["t1"].state is TaskState.TASK_STAGING
    assert list(stage.agent.executors) == ["default"]
    assert stage.agent.frameworks["M-0000"].name == "toy"


def test_two_tasks_share_an_executor() -> None:
    """A second task for a running executor starts no other."""
    stage, executor = running()
    stage.run(executor_task("t2"))
    stage.world.settle()
    assert executor.calls[-1] == ("launch_task", "t2")
    assert len(stage.containerizer.containers) == 1


@pytest.mark.parametrize(("command", "end"), [("true", "TASK_FINISHED"), ("exit 7", "TASK_FAILED")])
def test_command_task(command: str, end: str) -> None:
    """A command runs to its end, every update reaches the master in order, and nothing is left of the framework."""
    stage, _ = started()
    stage.run(command_task(command))
    stage.world.run_until_idle()
    assert stage.states("t1") == ["TASK_STARTING", "TASK_RUNNING", end]
    assert stage.agent.tasks == stage.agent.frameworks == stage.agent.executors == {}
    assert stage.master.of(ExitedExecutorMessage) == []
    assert last(stage).executor_id is None


def test_snapshots_do_not_change() -> None:
    """What was read of an agent stays as it was."""
    stage, executor = running()
    before = stage.agent.tasks
    executor.driver.send_status_update("t1", "TASK_FINISHED")
    stage.world.settle()
    assert before["t1"].state is TaskState.TASK_RUNNING
    assert stage.agent.tasks == {}


def test_run_task_from_a_stranger() -> None:
    """Only the current master can assign tasks."""
    stage, _ = started()
    stage.master.address = "master@elsewhere"  # type: ignore[assignment]
    stage.run(executor_task())
    stage.world.settle()
    assert stage.agent.frameworks == {}


def test_run_task_for_another_agent() -> None:
    """A task with another agent's id is ignored."""
    stage, _ = started()
    stage.run(executor_task().replace(slave_id="M-S7"))
    stage.world.settle()
    assert stage.agent.frameworks == {}


@pytest.mark.parametrize("step", ["_run", "__run"])
def test_kill_between_the_launch_steps(step: str) -> None:
    """A task killed before its executor exists is reported killed and never launched."""
    stage, executor = started()
    held = stage.world.messages.hold_dispatch(stage.agent.address, step)
    stage.run(executor_task())
    stage.world.settle()
    stage.post(KILL)
    stage.world.settle()
    held.release()
    stage.world.settle()
    assert executor.calls == []
    assert stage.states("t1") == ["TASK_KILLED"]
    assert last(stage).reason == "REASON_TASK_KILLED_DURING_LAUNCH"
    assert stage.agent.frameworks == {}


def test_kill_while_the_executor_registers() -> None:
    """A queued task is reported killed; the executor that comes too late for it is shut down."""
    stage, executor = started()
    stage.world.clock.pause()
    registrations = stage.world.messages.hold(RegisterExecutorMessage, dst=stage.agent.address)
    stage.run(executor_task())
    stage.world.settle()
    stage.post(KILL)
    stage.world.settle()
    assert stage.states("t1") == ["TASK_KILLED"]
    registrations.release()
    stage.world.settle()
    assert executor.calls == [("shutdown",)]


def test_kill_of_a_running_task() -> None:
    """The executor of a running task decides what a kill means."""
    stage, executor = running()
    stage.post(KILL)
    stage.world.settle()
    assert executor.calls[-1] == ("kill_task", "t1")
    assert stage.states("t1") == ["TASK_RUNNING"]


@pytest.mark.parametrize(("framework", "state"), [(FRAMEWORK, "TASK_LOST"), (AWARE, "TASK_DROPPED")])
def test_kill_of_an_unknown_task(framework: Any, state: str) -> None:
    """A kill for which no executor exists is answered with a final state."""
    stage, _ = started()
    stage.run(executor_task(), framework)
    stage.world.settle()
    stage.post(KILL.replace(task_id="t2"))
    stage.world.settle()
    assert stage.states("t2") == [state]
    assert last(stage).reason == "REASON_EXECUTOR_TERMINATED"


@pytest.mark.parametrize(("framework", "state"), [(FRAMEWORK, "TASK_LOST"), (AWARE, "TASK_DROPPED")])
def test_missing_executor_is_not_launched_again(framework: Any, state: str) -> None:
    """When the master counts on an executor that has gone, the task is dropped."""
    stage, executor = started()
    stage.run(executor_task(), framework, launch_executor=False)
    stage.world.settle()
    assert stage.states("t1") == [state]
    assert executor.calls == []


def test_unexpected_executor_is_shut_down() -> None:
    """When the master counts on a new executor but there is one, the task is dropped and the executor ended."""
    stage, executor = running()
    stage.run(executor_task("t2"), launch_executor=True)
    stage.world.settle()
    assert stage.states("t2") == ["TASK_LOST"]
    assert executor.calls[-1] == ("shutdown",)


def test_executor_registration_timeout() -> None:
    """An executor that does not register in time is destroyed, and its task fails."""
    stage, _ = started()
    stage.world.messages.drop(RegisterExecutorMessage)
    stage.run(executor_task())
    stage.world.run_for("59secs")
    assert stage.states("t1") == []
    stage.world.run_for("2secs")
    assert stage.states("t1") == ["TASK_FAILED"]
    assert last(stage).reason == "REASON_EXECUTOR_REGISTRATION_TIMEOUT"
    assert last(stage).message == "Executor did not register within 1mins"


def test_end_of_an_executor() -> None:
    """When a container ends, its live tasks fail, the master hears of the executor, and all is forgotten."""
    stage, _ = running()
    stage.containerizer.destroy_executor("default")
    stage.world.settle()
    assert stage.states("t1") == ["TASK_RUNNING", "TASK_FAILED"]
    assert last(stage).source == "SOURCE_SLAVE"
    assert last(stage).reason == "REASON_EXECUTOR_TERMINATED"
    (exited,) = stage.master.of(ExitedExecutorMessage)
    assert (exited.framework_id, exited.executor_id, exited.slave_id) == ("M-0000", "default", "M-S0")
    assert stage.agent.frameworks == {}


def test_ended_executor_waits_for_acknowledgements() -> None:
    """An executor that has ended stays in the books until its tasks' last updates are acknowledged."""
    stage, _ = running()
    stage.master.acknowledges = False
    stage.containerizer.destroy_executor("default")
    stage.world.settle()
    assert stage.agent.tasks["t1"].state is TaskState.TASK_FAILED
    assert stage.agent.executors == {}
    stage.master.acknowledge(stage.agent.address, stage.master.of(StatusUpdateMessage)[-1])
    stage.world.settle()
    assert stage.agent.tasks == stage.agent.frameworks == {}


def test_shutdown_of_a_framework() -> None:
    """Executors get their grace period, tasks get no updates, then the framework is forgotten."""
    stage, executor = running()
    stage.post(ShutdownFrameworkMessage(framework_id="M-0000"))
    stage.world.settle()
    assert executor.calls[-1] == ("shutdown",)
    stage.world.run_for("4secs")
    assert stage.agent.frameworks
    stage.world.run_for("2secs")
    assert stage.agent.frameworks == {}
    assert stage.states("t1") == ["TASK_RUNNING"]


def test_shutdown_of_an_executor() -> None:
    """The master may end one executor; its task fails when the grace period is over."""
    stage, executor = running()
    stage.post(ShutdownExecutorMessage(framework_id="M-0000", executor_id="default"))
    stage.world.run_for("6secs")
    assert executor.calls[-1] == ("shutdown",)
    assert stage.states("t1") == ["TASK_RUNNING", "TASK_FAILED"]


def test_graceful_shutdown_waits_for_executors() -> None:
    """An agent that shuts down ends when its last framework has."""
    stage, executor = running()
    stage.agent.dispatch(stage.agent.address, "shutdown")
    stage.world.run_for("4secs")
    assert stage.agent.state is AgentState.TERMINATING
    assert executor.calls[-1] == ("shutdown",)
    stage.world.run_for("2secs")
    assert not stage.agent.alive
    assert stage.states("t1") == ["TASK_RUNNING"]


@pytest.mark.parametrize(("checkpoint", "calls"), [(False, [("shutdown",)]), (True, [])])
def test_crash(checkpoint: bool, calls: list[Any]) -> None:
    """The executors of a crashed agent live on only with checkpointing; containers end in neither case."""
    stage, executor = started()
    stage.run(executor_task(), FRAMEWORK.replace(checkpoint=checkpoint))
    stage.world.settle()
    stage.world.terminate(stage.agent.address)
    stage.world.run_for("10secs")
    assert executor.calls[2:] == calls
    assert len(stage.containerizer.containers) == 1


def test_what_a_dead_agent_waited_for_does_not_reach_its_successor() -> None:
    """A container that ends after its agent was replaced by one of another work_dir is no news to the new one."""
    stage, _ = started()
    stage.run(executor_task(), FRAMEWORK.replace(checkpoint=True))
    stage.world.settle()
    stage.world.terminate(stage.agent.address)
    stage.agent = stage.new_agent(flags=AgentFlags.of(work_dir="other"))
    stage.start()
    stage.containerizer.destroy_executor("default")
    stage.world.run_for("1secs")
    assert stage.agent.state is AgentState.RUNNING
    assert stage.master.of(ExitedExecutorMessage) == []


def test_reregistration_reports_everything() -> None:
    """An agent that reregisters lists its frameworks, executors and tasks."""
    stage, _ = running()
    stage.run(command_task("server", "t2"))
    stage.world.settle()
    stage.reappoint()
    stage.world.run_for("1secs")
    (message,) = stage.master.of(ReregisterSlaveMessage)
    assert [info.executor_id for info in message.executor_infos] == ["default"]
    assert {task.task_id: task.state for task in message.tasks} == {"t1": "TASK_RUNNING", "t2": "TASK_RUNNING"}
    assert [info.id for info in message.frameworks] == ["M-0000"]
    assert message.tasks[0].status_update_state == "TASK_RUNNING"


@pytest.mark.parametrize(("framework", "state"), [(FRAMEWORK, "TASK_LOST"), (AWARE, "TASK_DROPPED")])
def test_reconciliation_of_unknown_tasks(framework: Any, state: str) -> None:
    """Tasks the master believes here and that are not get a final state; known ones get nothing."""
    stage, _ = running()
    statuses = tuple(TaskStatus(task_id=task_id, state=TaskState.TASK_RUNNING) for task_id in ("t1", "t9"))
    reconciliation = ReconcileTasksMessage(framework_id="M-0000", framework=framework, statuses=statuses)
    stage.post(SlaveReregisteredMessage(slave_id="M-S0", reconciliations=(reconciliation,)))
    stage.world.settle()
    assert stage.states("t9") == [state]
    assert last(stage).reason == "REASON_RECONCILIATION"
    assert stage.states("t1") == ["TASK_RUNNING"]


def test_messages_between_scheduler_and_executor() -> None:
    """Data goes through the agent in both directions."""
    stage, executor = running()
    stage.post(FrameworkToExecutorMessage(slave_id="M-S0", framework_id="M-0000", executor_id="default", data="down"))
    stage.world.settle()
    assert executor.calls[-1] == ("framework_message", "down")
    scheduler = ToyScheduler("scheduler")
    stage.world.spawn(scheduler, "f1")
    executor.driver.send_framework_message("up")
    stage.world.settle()
    assert scheduler.heard == ["up"]
