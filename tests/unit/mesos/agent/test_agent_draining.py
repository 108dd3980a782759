"""Draining at the agent, and task groups."""

from __future__ import annotations

from typing import Any

import pytest

from harness.mesos.messages import (
    DrainConfig,
    DrainSlaveMessage,
    ExecutorInfo,
    FrameworkInfo,
    KillTaskMessage,
    RegisterExecutorMessage,
    RunTaskGroupMessage,
    StatusUpdateMessage,
    TaskGroupInfo,
)
from harness.mesos.states import AgentState
from tests.unit.mesos.agent_toys import FRAMEWORK, Stage, ToyExecutor, command_task, executor_task

AWARE = FRAMEWORK.replace(capabilities=("PARTITION_AWARE",))
DRAIN = DrainSlaveMessage(config=DrainConfig())
GONE = DrainSlaveMessage(config=DrainConfig(mark_gone=True))


def server(framework: FrameworkInfo = FRAMEWORK) -> Stage:
    """A registered agent with the running command task ``t1``."""
    stage = Stage()
    stage.start()
    stage.run(command_task("serve"), framework)
    stage.world.settle()
    assert stage.states("t1")[-1] == "TASK_RUNNING"
    return stage


def last(stage: Stage) -> Any:
    """The newest status that the master has."""
    return stage.master.of(StatusUpdateMessage)[-1].update.status


# --- draining


@pytest.mark.parametrize(
    ("framework", "order", "state"),
    [
        (FRAMEWORK, DRAIN, "TASK_KILLED"),
        (AWARE, DRAIN, "TASK_KILLED"),
        (FRAMEWORK, GONE, "TASK_KILLED"),
        (AWARE, GONE, "TASK_GONE_BY_OPERATOR"),
    ],
)
def test_draining_kills_tasks(framework: FrameworkInfo, order: DrainSlaveMessage, state: str) -> None:
    """Tasks are killed for the reason that the agent drains; one that is to be gone says so to those who understand it."""
    stage = server(framework)
    stage.post(order)
    stage.world.settle()
    assert (last(stage).task_id, last(stage).state, last(stage).reason) == ("t1", state, "REASON_SLAVE_DRAINING")
    assert stage.agent.frameworks == {}
    assert stage.agent.drain_config is None


def test_draining_kills_what_has_no_executor_yet() -> None:
    """Pending and queued tasks are killed as well."""
    stage = Stage(executors={"default": ToyExecutor()})
    stage.start()
    stage.world.messages.drop(RegisterExecutorMessage)
    stage.run(executor_task("queued"))
    stage.world.settle()
    held = stage.world.messages.hold_dispatch(stage.agent.address, "__run")
    stage.run(executor_task("pending"))
    stage.world.settle()
    stage.post(DRAIN)
    stage.world.settle()
    statuses = [message.update.status for message in stage.master.of(StatusUpdateMessage)]
    assert sorted((s.task_id, s.state, s.reason) for s in statuses) == [
        ("pending", "TASK_KILLED", "REASON_SLAVE_DRAINING"),
        ("queued", "TASK_KILLED", "REASON_SLAVE_DRAINING"),
    ]
    held.release()
    stage.world.settle()
    assert len(stage.master.of(StatusUpdateMessage)) == 2


@pytest.mark.parametrize(("framework", "state"), [(FRAMEWORK, "TASK_LOST"), (AWARE, "TASK_DROPPED")])
def test_a_draining_agent_takes_no_tasks(framework: FrameworkInfo, state: str) -> None:
    """A task that arrives while the agent drains is dropped."""
    executor = ToyExecutor()
    stage = Stage(executors={"default": executor})
    stage.start()
    stage.run(executor_task(), framework)
    stage.world.settle()
    stage.post(DRAIN)
    stage.run(executor_task("late"), framework)
    stage.world.settle()
    assert (last(stage).task_id, last(stage).state, last(stage).reason) == ("late", state, "REASON_SLAVE_DRAINING")
    assert executor.calls[-1] == ("kill_task", "t1")


def test_an_empty_agent_is_drained_at_once() -> None:
    """With nothing to end the agent takes tasks again right away: it is for the master not to send any."""
    stage = Stage()
    stage.start()
    stage.post(DRAIN)
    stage.run(command_task("serve"))
    stage.world.settle()
    assert stage.states("t1")[-1] == "TASK_RUNNING"


def test_draining_survives_a_restart() -> None:
    """An agent that drained when it ended goes on draining: its order is on disk, and executors that return are told."""
    executor = ToyExecutor()
    stage = Stage(executors={"default": executor})
    stage.start()
    stage.run(executor_task(), FRAMEWORK.replace(checkpoint=True))
    stage.world.settle()
    executor.driver.send_status_update("t1", "TASK_RUNNING")
    stage.world.settle()
    stage.post(DRAIN)
    stage.world.settle()
    assert executor.calls[-1] == ("kill_task", "t1")
    executor.calls.clear()
    stage.world.terminate(stage.agent.address)
    stage.agent = stage.new_agent()
    stage.start()
    assert stage.agent.drain_config == DrainConfig()
    assert executor.calls == [("reregistered", "M-S0")]
    # The master repeats the order.
    stage.post(DRAIN)
    stage.world.settle()
    executor.driver.send_status_update("t1", "TASK_KILLED")
    stage.world.settle()
    assert last(stage).reason == "REASON_SLAVE_DRAINING"


def test_a_stranger_cannot_drain() -> None:
    """Only the master can order an agent to drain."""
    stage = server()
    stage.world.post(DRAIN, to=stage.agent.address, src="master@elsewhere")
    stage.world.settle()
    assert stage.states("t1")[-1] == "TASK_RUNNING"
    assert stage.agent.state is AgentState.RUNNING


# --- task groups


def group(*task_ids: str) -> RunTaskGroupMessage:
    """Tasks that belong together, for the executor ``default``."""
    tasks = tuple(executor_task(task_id) for task_id in task_ids)
    executor = ExecutorInfo(executor_id="default", framework_id="M-0000")
    return RunTaskGroupMessage(framework=FRAMEWORK, executor=executor, task_group=TaskGroupInfo(tasks=tasks))


def test_a_group_is_launched_together() -> None:
    """The tasks of a group reach their executor in one message, in order, and are reported one by one."""
    executor = ToyExecutor()
    stage = Stage(executors={"default": executor})
    stage.start()
    stage.post(group("t1", "t2"))
    stage.world.settle()
    assert executor.calls[1:] == [("launch_task", "t1"), ("launch_task", "t2")]
    assert sum("RunTaskGroupMessage" in line and "executor(1)" in line for line in stage.world.trace.lines()) == 1
    for task_id in ("t1", "t2"):
        executor.driver.send_status_update(task_id, "TASK_RUNNING")
    stage.world.settle()
    assert [stage.states(task_id) for task_id in ("t1", "t2")] == [["TASK_RUNNING"], ["TASK_RUNNING"]]


@pytest.mark.parametrize("stopped", ["_run", "__run", "queued"])
def test_killing_one_task_of_a_group_that_is_not_delivered(stopped: str) -> None:
    """A kill before the delivery kills the whole group, and nothing of it reaches the executor."""
    executor = ToyExecutor()
    stage = Stage(executors={"default": executor})
    stage.start()
    if stopped == "queued":
        held: Any = stage.world.messages.hold(RegisterExecutorMessage)
    else:
        held = stage.world.messages.hold_dispatch(stage.agent.address, stopped)
    stage.post(group("t1", "t2"))
    stage.world.settle()
    stage.post(KillTaskMessage(framework_id="M-0000", task_id="t2"))
    stage.world.settle()
    held.release()
    stage.world.settle()
    statuses = [message.update.status for message in stage.master.of(StatusUpdateMessage)]
    assert {(s.task_id, s.state, s.reason) for s in statuses} == {
        ("t1", "TASK_KILLED", "REASON_TASK_KILLED_DURING_LAUNCH"),
        ("t2", "TASK_KILLED", "REASON_TASK_KILLED_DURING_LAUNCH"),
    }
    assert all("within the task group" in str(status.message) for status in statuses)
    assert not any(call[0] == "launch_task" for call in executor.calls)


def test_a_refused_group() -> None:
    """A group whose executor is not there as the master thinks is dropped as a whole."""
    stage = Stage(executors={"default": ToyExecutor()})
    stage.start()
    stage.post(group("t1", "t2").replace(launch_executor=False))
    stage.world.settle()
    assert [stage.states(task_id) for task_id in ("t1", "t2")] == [["TASK_LOST"], ["TASK_LOST"]]
    assert stage.agent.frameworks == {}
