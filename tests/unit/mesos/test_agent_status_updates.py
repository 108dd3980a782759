"""The way of status updates: one at a time for each task, repeated until acknowledged, in order."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from harness.durations import seconds
from harness.mesos.messages import (
    MasterSlaveConnection,
    PingSlaveMessage,
    ShutdownExecutorMessage,
    SlaveRegisteredMessage,
    StatusUpdateAcknowledgementMessage,
    StatusUpdateMessage,
    TaskState,
    UpdateFrameworkMessage,
)
from harness.mesos.messages.infos import TaskStatus
from tests.unit.mesos.agent_toys import Stage, ToyExecutor, executor_task


def launched(**arguments: Any) -> tuple[Stage, ToyExecutor]:
    """A stage whose toy executor has a task, and whose master does not acknowledge."""
    executor = ToyExecutor()
    stage = Stage(executors={"default": executor}, **arguments)
    stage.start()
    stage.master.acknowledges = False
    stage.run(executor_task())
    stage.world.settle()
    return stage, executor


def updates(stage: Stage) -> list[StatusUpdateMessage]:
    return stage.master.of(StatusUpdateMessage)


def test_an_update_is_forwarded_and_acknowledged_to_the_executor() -> None:
    """The executor is acknowledged as soon as the agent has the update, before the master says anything."""
    stage, executor = launched()
    seen = stage.world.messages.expect(StatusUpdateAcknowledgementMessage, dst=executor.driver.pid)
    executor.driver.send_status_update("t1", "TASK_RUNNING", "up")
    stage.world.settle()
    (message,) = updates(stage)
    assert message.pid == stage.agent.address
    assert message.update.latest_state is TaskState.TASK_RUNNING
    status = message.update.status
    assert (status.message, status.source, status.executor_id, status.slave_id) == ("up", "SOURCE_EXECUTOR", "default", "M-S0")
    assert seen.count == 1


def test_one_update_at_a_time() -> None:
    """The next update of a task leaves only when the one before it is acknowledged; each tells the newest state."""
    stage, executor = launched()
    for state in ("TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"):
        executor.driver.send_status_update("t1", state)
    stage.world.settle()
    assert stage.states("t1") == ["TASK_STARTING"]
    for _ in range(3):
        stage.master.acknowledge(stage.agent.address, updates(stage)[-1])
        stage.world.settle()
    assert stage.states("t1") == ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]
    assert updates(stage)[1].update.latest_state is TaskState.TASK_FINISHED
    assert stage.agent.tasks == {}


def test_retries_double_up_to_ten_minutes() -> None:
    """Unacknowledged, an update is sent again after 10, 20, 40 ... s, at most 10 min apart, always the same one."""
    stage, executor = launched()
    # A master that never pings would make the agent reregister, and that sends pending updates as well.
    stage.post(SlaveRegisteredMessage(slave_id="M-S0", connection=MasterSlaveConnection(total_ping_timeout_seconds=7200)))
    stage.post(PingSlaveMessage())
    stage.world.settle()
    executor.driver.send_status_update("t1", "TASK_RUNNING")
    stage.world.run_for("50mins")
    times = stage.master.times(StatusUpdateMessage)
    gaps = [round((later - earlier) / seconds(1).ns) for earlier, later in pairwise(times)]
    assert gaps == [10, 20, 40, 80, 160, 320, 600, 600, 600]
    assert len({message.update.uuid for message in updates(stage)}) == 1


def test_nothing_is_repeated_after_the_acknowledgement() -> None:
    """An acknowledged update leaves no timer behind."""
    stage, executor = launched()
    stage.master.acknowledges = True
    executor.driver.send_status_update("t1", "TASK_RUNNING")
    stage.world.run_for("1hrs")
    assert stage.states("t1") == ["TASK_RUNNING"]
    assert [timer for timer in stage.world.clock.timers if timer.purpose == "timeout"] == []


def test_wrong_acknowledgements_are_harmless() -> None:
    """An acknowledgement with another uuid, or from a stranger, or repeated, changes nothing."""
    stage, executor = launched()
    executor.driver.send_status_update("t1", "TASK_RUNNING")
    stage.world.settle()
    (message,) = updates(stage)
    wrong = StatusUpdateAcknowledgementMessage(slave_id="M-S0", framework_id="M-0000", task_id="t1", uuid="other")
    stage.post(wrong)
    stage.world.post(wrong.replace(uuid=message.update.uuid), to=stage.agent.address, src="master@elsewhere")
    stage.post(wrong.replace(task_id="t2"))
    stage.world.run_for("15secs")
    assert stage.states("t1") == ["TASK_RUNNING"] * 2
    for _ in range(2):
        stage.master.acknowledge(stage.agent.address, message)
    stage.world.run_for("1hrs")
    assert stage.states("t1") == ["TASK_RUNNING"] * 2


def test_no_updates_while_disconnected() -> None:
    """What comes while there is no master is sent after the next registration."""
    stage, executor = launched()
    leader = stage.detector.leader
    stage.detector.appoint(None)
    stage.world.settle()
    executor.driver.send_status_update("t1", "TASK_RUNNING")
    stage.world.run_for("1mins")
    assert updates(stage) == []
    stage.detector.appoint(leader)
    stage.world.run_for("1secs")
    assert stage.states("t1") == ["TASK_RUNNING"]


def test_a_resubscribed_framework_gets_pending_updates_again() -> None:
    """An UpdateFrameworkMessage makes the agent send what is unacknowledged."""
    stage, executor = launched()
    executor.driver.send_status_update("t1", "TASK_RUNNING")
    stage.world.settle()
    stage.post(UpdateFrameworkMessage(framework_id="M-0000", pid="scheduler@f2"))
    stage.world.settle()
    assert stage.states("t1") == ["TASK_RUNNING"] * 2


def test_duplicates_are_acknowledged_again_but_not_forwarded() -> None:
    """An executor that repeats an update is acknowledged again; the master hears of it once."""
    stage, executor = launched()
    executor.driver.send_status_update("t1", "TASK_RUNNING")
    stage.world.settle()
    acknowledged = stage.world.messages.expect(StatusUpdateAcknowledgementMessage, dst=executor.driver.pid)
    (message,) = updates(stage)
    repeated = StatusUpdateMessage(update=message.update, pid=executor.driver.pid)
    stage.world.post(repeated, to=stage.agent.address, src=executor.driver.pid)
    stage.world.settle()
    assert acknowledged.count == 1
    assert len(updates(stage)) == 1


def test_the_first_terminal_update_counts() -> None:
    """A second terminal update is acknowledged to the executor and goes nowhere."""
    stage, executor = launched()
    stage.master.acknowledges = True
    acknowledged = stage.world.messages.expect(StatusUpdateAcknowledgementMessage, dst=executor.driver.pid)
    executor.driver.send_status_update("t1", "TASK_FINISHED")
    executor.driver.send_status_update("t1", "TASK_KILLED")
    stage.world.run_for("1mins")
    assert stage.states("t1") == ["TASK_FINISHED"]
    assert acknowledged.count == 2


def test_staging_is_no_update() -> None:
    """An executor that reports TASK_STAGING is shut down."""
    stage, executor = launched()
    shutdown = stage.world.messages.expect(ShutdownExecutorMessage)
    executor.driver.send_status_update(TaskStatus(task_id="t1", state=TaskState.TASK_STAGING))
    stage.world.settle()
    assert shutdown.count == 1
    assert updates(stage) == []


def test_updates_for_unknown_frameworks_are_dropped() -> None:
    """What no framework of this agent can want is neither forwarded nor acknowledged."""
    stage, executor = launched()
    acknowledged = stage.world.messages.expect(StatusUpdateAcknowledgementMessage)
    message = StatusUpdateMessage.of("M-0009", "M-S0", "t1", "TASK_RUNNING", pid=executor.driver.pid)
    stage.world.post(message, to=stage.agent.address, src=executor.driver.pid)
    stage.world.settle()
    assert acknowledged.count == 0
    assert updates(stage) == []
