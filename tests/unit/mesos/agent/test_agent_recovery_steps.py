"""Recovery of an agent, step by step, against a toy master: what is written, what is read, who is asked, who is refused."""

from __future__ import annotations

from typing import Any

import pytest

from harness.mesos.containerizer import InProcessContainerizer
from harness.mesos.containers import Termination
from harness.mesos.flags import AgentFlags
from harness.mesos.messages import (
    CheckpointResourcesMessage,
    ExecutorReregisteredMessage,
    PingSlaveMessage,
    PongSlaveMessage,
    ReconnectExecutorMessage,
    RegisterExecutorMessage,
    RegisterSlaveMessage,
    ReregisterExecutorMessage,
    ReregisterSlaveMessage,
    ShutdownExecutorMessage,
    SlaveInfo,
    StatusUpdateAcknowledgementMessage,
    StatusUpdateMessage,
    UpdateFrameworkMessage,
)
from harness.mesos.messages.base import Record
from harness.mesos.resources import Resources
from harness.mesos.states import AgentState
from harness.simulation import Promise
from tests.unit.mesos.agent_toys import FRAMEWORK, Stage, ToyExecutor, command_task, executor_task

KEEPING = FRAMEWORK.replace(checkpoint=True)
RUN = "agent/meta/slaves/M-S0/frameworks/M-0000/executors/default/"


def running(**flags: Any) -> tuple[Stage, ToyExecutor]:
    """A registered agent with the running task ``t1`` of a framework that checkpoints."""
    executor = ToyExecutor()
    stage = Stage(executors={"default": executor}, **flags)
    stage.start()
    stage.run(executor_task(), KEEPING)
    stage.world.settle()
    executor.driver.send_status_update("t1", "TASK_RUNNING")
    stage.world.settle()
    assert stage.states("t1") == ["TASK_RUNNING"]
    return stage, executor


def next_life(stage: Stage, **changes: Any) -> None:
    """The agent crashes and is started again; nothing of the new life has run yet."""
    if stage.agent.alive:
        stage.world.terminate(stage.agent.address)
    stage.agent = stage.new_agent(**changes)
    stage.spawn()


def paths(stage: Stage) -> list[str]:
    """Every file on the agent's disk; container ids shortened."""
    found = []
    for path in stage.world.disk("a1").paths():
        before, runs, after = path.partition("/runs/")
        name = after.partition("/")
        found.append(path if not runs or not name[1] else f"{before}/runs/<id>/{name[2]}")
    return found


def heard_by_executors(stage: Stage, kind: type[Record]) -> int:
    """How many messages of a kind the agent sent to executors."""
    return sum(kind.__name__ in line and "executor(" in line.split()[1] for line in stage.world.trace.lines())


# --- writing


def test_what_is_written() -> None:
    """A checkpointing framework's task leaves Mesos's files behind, in the order of the events; updates go into a log."""
    stage, _ = running()
    assert paths(stage) == [
        "agent/meta/boot_id",
        "agent/meta/slaves/M-S0/slave.info",
        "agent/meta/slaves/latest",
        "agent/meta/slaves/M-S0/frameworks/M-0000/framework.info",
        "agent/meta/slaves/M-S0/frameworks/M-0000/framework.pid",
        f"{RUN}executor.info",
        f"{RUN}runs/latest",
        f"{RUN}runs/<id>/pids/forked.pid",
        f"{RUN}runs/<id>/tasks/t1/task.info",
        f"{RUN}runs/<id>/pids/libprocess.pid",
        f"{RUN}runs/<id>/tasks/t1/task.updates",
    ]
    disk = stage.world.disk("a1")
    (log,) = (disk.read(path) for path in disk.paths() if path.endswith("task.updates"))
    update, acknowledged = log
    assert (update.status.state, acknowledged) == ("TASK_RUNNING", update.uuid)
    # What a reboot makes worthless anyway was not synced.
    assert [path.rpartition("/")[2] for path in disk.lose_unsynced()] == [
        "framework.info",
        "framework.pid",
        "executor.info",
        "latest",
        "forked.pid",
        "task.info",
        "libprocess.pid",
    ]


def test_what_is_not_written() -> None:
    """Without checkpointing only the agent itself is remembered."""
    stage = Stage(executors={"default": ToyExecutor()})
    stage.start()
    stage.run(executor_task(), FRAMEWORK)
    stage.world.settle()
    assert paths(stage) == ["agent/meta/boot_id", "agent/meta/slaves/M-S0/slave.info", "agent/meta/slaves/latest"]


def test_a_new_place_of_the_scheduler_is_written() -> None:
    """A scheduler that moved is remembered at its new place."""
    stage, _ = running()
    stage.post(UpdateFrameworkMessage(framework_id="M-0000", framework_info=KEEPING, pid="scheduler@f2"))
    stage.world.settle()
    assert stage.world.disk("a1").read("agent/meta/slaves/M-S0/frameworks/M-0000/framework.pid") == "scheduler@f2"


def test_an_executor_that_has_ended_is_not_recovered() -> None:
    """An executor whose last update was acknowledged is marked on disk, and the next life knows nothing of it."""
    stage, executor = running()
    executor.driver.send_status_update("t1", "TASK_FINISHED")
    stage.containerizer.destroy_executor("default")
    stage.world.settle()
    assert f"{RUN}runs/<id>/executor.sentinel" in paths(stage)
    next_life(stage)
    stage.world.run_for("1secs")
    assert stage.agent.state is AgentState.RUNNING
    assert stage.agent.frameworks == {}


# --- the way through


def test_recovery_takes_its_time() -> None:
    """Executors are asked at once; the agent looks for its master when their two seconds are over, and not earlier."""
    stage, executor = running()
    next_life(stage)
    stage.world.run_for("1990ms")
    assert stage.agent.state is AgentState.RECOVERING
    assert heard_by_executors(stage, ReconnectExecutorMessage) == 1
    assert heard_by_executors(stage, ExecutorReregisteredMessage) == 1
    stage.world.run_for("50ms")
    assert stage.agent.state is AgentState.RUNNING
    (message,) = stage.master.of(ReregisterSlaveMessage)
    assert [(task.task_id, task.state) for task in message.tasks] == [("t1", "TASK_RUNNING")]
    assert [info.executor_id for info in message.executor_infos] == ["default"]
    assert [(info.id, info.checkpoint) for info in message.frameworks] == [("M-0000", True)]
    assert executor.calls[-1] == ("reregistered", "M-S0")


@pytest.mark.parametrize(("version", "wait"), [("1.0", 2), ("1.2", 2), ("1.5", 9), ("1.11", 9)])
def test_the_wait_is_a_flag_only_in_later_releases(version: str, wait: int) -> None:
    """Up to 1.2 executors have two seconds whatever the flag says."""
    stage, _ = running(version=version, executor_reregistration_timeout="9secs")
    next_life(stage)
    stage.world.run_for(wait - 0.01)
    assert stage.agent.state is AgentState.RECOVERING
    stage.world.run_for("100ms")
    assert stage.agent.state is AgentState.RUNNING


def test_pings_are_answered_while_recovering() -> None:
    """Whatever the agent does, it answers pings."""
    stage, _ = running()
    next_life(stage)
    stage.world.run_for("1secs")
    stage.post(PingSlaveMessage(connected=False))
    stage.world.settle()
    assert stage.agent.state is AgentState.RECOVERING
    assert len(stage.master.of(PongSlaveMessage)) == 1


def test_a_reconnection_is_asked_for_again_with_the_flag() -> None:
    """With a retry interval the request is repeated while the executor is silent and the agent recovers."""
    stage, _ = running(executor_reregistration_timeout="5secs", executor_reregistration_retry_interval="1secs")
    stage.world.messages.drop(ReregisterExecutorMessage, times=3)
    next_life(stage)
    stage.world.run_for("6secs")
    assert heard_by_executors(stage, ReconnectExecutorMessage) == 4
    assert stage.agent.tasks["t1"].state == "TASK_RUNNING"


@pytest.mark.parametrize(("retry", "refusals"), [(None, 1), ("100secs", 0)])
def test_an_executor_that_reregisters_twice(retry: str | None, refusals: int) -> None:
    """A second re-registration is answered by a shutdown, unless retries are on: then it is ignored."""
    stage, executor = running(executor_reregistration_retry_interval=retry)
    next_life(stage)
    stage.world.run_for("1secs")
    again = ReregisterExecutorMessage(framework_id="M-0000", executor_id="default")
    stage.world.post(again, to=stage.agent.address, src=executor.driver.pid)
    stage.world.settle()
    assert heard_by_executors(stage, ShutdownExecutorMessage) == refusals


def test_strangers_are_shut_down() -> None:
    """An executor that registers while the agent recovers, or that the agent does not know, is told to end."""
    stage, executor = running()
    next_life(stage)
    stage.world.run_for("1secs")
    for message in (
        RegisterExecutorMessage(framework_id="M-0000", executor_id="default"),
        ReregisterExecutorMessage(framework_id="M-0000", executor_id="other"),
        ReregisterExecutorMessage(framework_id="M-0009", executor_id="default"),
    ):
        before = heard_by_executors(stage, ShutdownExecutorMessage)
        stage.world.post(message, to=stage.agent.address, src=executor.driver.pid)
        stage.world.settle()
        assert heard_by_executors(stage, ShutdownExecutorMessage) == before + 1


def test_shutdown_while_recovering() -> None:
    """An agent that is asked to end while it recovers ends when its executors have, and never registers."""
    stage, executor = running()
    next_life(stage)
    stage.world.run_for("1secs")
    stage.agent.dispatch(stage.agent.address, "shutdown")
    stage.world.run_for("1secs")
    assert stage.agent.state is AgentState.TERMINATING
    assert executor.calls[-1] == ("shutdown",)
    stage.world.run_for("10secs")
    assert not stage.agent.alive
    assert stage.master.of(ReregisterSlaveMessage) == []


def test_a_containerizer_that_cannot_recover_ends_the_agent() -> None:
    """Without its containers an agent does not go on."""

    class Failing(InProcessContainerizer):
        def recover(self, known: tuple[str, ...]) -> Any:
            promise: Promise[None] = Promise("recovery")
            promise.fail("no docker")
            return promise.future

    stage, _ = running()
    next_life(stage, containerizer=Failing())
    stage.world.run_for("1secs")
    assert not stage.agent.alive
    assert any("Failed to perform recovery: no docker" in line for line in stage.world.trace.lines())


def test_cleanup() -> None:
    """recover=cleanup gives executors their grace period, then ends the agent; it never looks for a master."""
    stage, executor = running()
    asked = len(stage.master.of(RegisterSlaveMessage))
    next_life(stage, flags=AgentFlags.of(recover="cleanup"))
    stage.world.run_for("4secs")
    assert stage.agent.state is AgentState.TERMINATING
    assert executor.calls[-1] == ("shutdown",)
    stage.world.run_for("2secs")
    assert not stage.agent.alive
    assert stage.containerizer.containers == {}
    assert stage.master.of(ReregisterSlaveMessage) == []
    assert len(stage.master.of(RegisterSlaveMessage)) == asked


@pytest.mark.parametrize("registered", [True, False])
def test_cleanup_of_what_is_gone_or_nameless(registered: bool) -> None:
    """Cleaning up ends as well when the container is gone already, or when its executor never registered."""
    stage = Stage(executors={"default": ToyExecutor()})
    stage.start()
    if not registered:
        stage.world.messages.drop(RegisterExecutorMessage)
    stage.run(executor_task(), KEEPING)
    stage.world.settle()
    stage.world.terminate(stage.agent.address)
    if registered:
        stage.containerizer.destroy_executor("default")
    next_life(stage, flags=AgentFlags.of(recover="cleanup"))
    stage.world.run_for("1secs")
    assert not stage.agent.alive


# --- status updates


def test_unacknowledged_updates_are_sent_again() -> None:
    """Updates that no master acknowledged are sent after the restart, one at a time, and acknowledged ones never again."""
    stage, executor = running()
    stage.master.acknowledges = False
    executor.driver.send_status_update("t1", "TASK_RUNNING", message="again")
    executor.driver.send_status_update("t1", "TASK_FINISHED")
    stage.world.settle()
    next_life(stage)
    stage.master.heard.clear()
    stage.master.acknowledges = True
    stage.world.run_for("3secs")
    updates = [message.update for message in stage.master.of(StatusUpdateMessage)]
    assert [(update.status.state, update.status.message) for update in updates] == [
        ("TASK_RUNNING", "again"),
        ("TASK_FINISHED", None),
    ]
    # The master is told at once how far things have got.
    assert updates[0].latest_state == "TASK_FINISHED"


def test_an_update_that_was_taken_in_but_not_acknowledged_to_the_executor() -> None:
    """What the executor sends again is acknowledged again, and not taken for a second update."""
    stage, executor = running()
    stage.world.messages.drop(StatusUpdateAcknowledgementMessage, src=stage.agent.address)
    executor.driver.send_status_update("t1", "TASK_RUNNING", message="again")
    stage.world.settle()
    next_life(stage)
    acknowledged = stage.world.messages.expect(StatusUpdateAcknowledgementMessage, src=stage.agent.address)
    stage.master.heard.clear()
    stage.world.run_for("30secs")
    assert stage.states("t1") == []
    assert acknowledged.count >= 1


def test_the_retry_goes_on_after_a_restart() -> None:
    """A recovered stream starts over with the shortest interval, counted from the registration: 10 s, then 20 s more."""
    stage, executor = running()
    stage.master.acknowledges = False
    executor.driver.send_status_update("t1", "TASK_RUNNING", message="again")
    stage.world.run_for("25secs")
    assert len(stage.states("t1")) == 1 + 2
    next_life(stage)
    stage.master.heard.clear()
    stage.world.wait(stage.agent.registered_future)
    stage.world.run_for("35secs")
    first, *later = stage.master.times(StatusUpdateMessage)
    assert [at - first for at in later] == [pytest.approx(10e9, abs=2e7), pytest.approx(30e9, abs=3e7)]


def test_a_task_that_ended_unacknowledged_is_not_closed() -> None:
    """A task that has ended is reported as ended until its last update is acknowledged; only then its executor is forgotten."""
    stage, executor = running()
    stage.master.acknowledges = False
    executor.driver.send_status_update("t1", "TASK_FINISHED")
    stage.world.settle()
    stage.containerizer.destroy_executor("default")
    stage.world.settle()
    next_life(stage)
    stage.world.run_for("3secs")
    assert [task.state for task in stage.master.of(ReregisterSlaveMessage)[-1].tasks] == ["TASK_FINISHED"]
    stage.master.acknowledges = True
    stage.world.run_for("30secs")
    assert stage.agent.frameworks == {}
    assert set(stage.states("t1")) == {"TASK_RUNNING", "TASK_FINISHED"}


def test_the_containerizer_may_know_why_a_container_ended() -> None:
    """A container that ends during recovery settles its tasks with what the containerizer says of its end."""
    stage, _ = running()
    next_life(stage)
    stage.world.run_for("1secs")
    (container_id,) = stage.containerizer.containers
    stage.containerizer.destroy(container_id, Termination(message="out of memory"))
    stage.world.run_for("2secs")
    status = stage.master.of(StatusUpdateMessage)[-1].update.status
    assert (status.state, status.reason, status.message) == ("TASK_FAILED", "REASON_EXECUTOR_TERMINATED", "out of memory")


# --- the disk fails


@pytest.mark.parametrize("writes", range(18))
def test_a_disk_that_fails_at_any_point(writes: int) -> None:
    """Whichever write fails, the agent ends cleanly there; once the disk is mended it comes back and its task ends well."""
    stage = Stage()
    disk = stage.world.disk("a1")
    disk.fail_writes(after=writes)
    stage.spawn()
    stage.world.run_for("100ms")
    if stage.agent.alive:
        stage.run(command_task("sleep 1"), KEEPING)
        stage.world.run_for("2secs")
    ended = not stage.agent.alive
    # An acknowledgement that cannot be written (the last is number 15) is only as good as lost; of 17 writes none fails.
    assert ended is (writes not in (15, 17))
    if ended:
        assert any("Failed to" in line and "write to" in line for line in stage.world.trace.lines())
    disk.fail_writes(None)
    if ended:
        next_life(stage)
    stage.world.run_for("5secs")
    assert stage.agent.state is AgentState.RUNNING
    if not stage.agent.tasks and not stage.states("t1"):
        stage.run(command_task("sleep 1"), KEEPING)
        stage.world.run_for("5secs")
    assert stage.states("t1")[-1] in ("TASK_FINISHED", "TASK_LOST", "TASK_FAILED")


# --- hanging, and the end of the host


def test_hold_and_release() -> None:
    """A held recovery goes no further than its containers; released it goes on where it was."""
    stage, _ = running()
    next_life(stage)
    hold = stage.agent.recovery_hold = Promise("hold")
    stage.world.run_for("1mins")
    assert stage.agent.state is AgentState.RECOVERING
    assert heard_by_executors(stage, ReconnectExecutorMessage) == 0
    hold.set(None)
    stage.world.run_for("3secs")
    assert stage.agent.state is AgentState.RUNNING
    assert stage.agent.tasks["t1"].state == "TASK_RUNNING"


def test_hold_in_the_middle() -> None:
    """A hold that comes while executors are waited for keeps the agent from its master all the same."""
    stage, _ = running()
    next_life(stage)
    stage.world.run_for("1secs")
    hold = stage.agent.recovery_hold = Promise("hold")
    stage.world.run_for("1mins")
    assert stage.agent.state is AgentState.RECOVERING
    hold.set(None)
    stage.world.run_for("1secs")
    assert stage.agent.state is AgentState.RUNNING


def test_power_failure() -> None:
    """When the host goes down nobody hears anything, and the next life does not ask executors that cannot be there."""
    stage, executor = running()
    stage.world.disk("a1").sync()
    stage.agent.power_off()
    stage.containerizer.power_off()
    stage.world.settle()
    assert executor.calls[-1] == ("launch_task", "t1")
    next_life(stage, boot_id="second")
    stage.world.run_for("3secs")
    assert heard_by_executors(stage, ReconnectExecutorMessage) == 0
    status = stage.master.of(StatusUpdateMessage)[-1].update.status
    assert (status.task_id, status.state, status.reason) == ("t1", "TASK_FAILED", "REASON_EXECUTOR_TERMINATED")


# --- reserved resources


RESERVED = Resources.parse("cpus(role):1;mem(role):512")
DYNAMIC = Resources.from_entries(
    {identity._replace(reservations=(("DYNAMIC", "role"),)): value for identity, value in RESERVED.entries.items()}
)


def reserved() -> Stage:
    """A registered agent that was told of reservations."""
    stage = Stage()
    stage.start()
    stage.post(CheckpointResourcesMessage(resources=DYNAMIC))
    stage.world.settle()
    return stage


def test_reservations_survive() -> None:
    """What frameworks reserved is reported again after a restart, whatever becomes of the agent's id."""
    for forget in (False, True):
        stage = reserved()
        stage.world.terminate(stage.agent.address)
        if forget:
            stage.agent.checkpoint.forget()
        next_life(stage)
        stage.world.run_for("1secs")
        message = stage.master.of(RegisterSlaveMessage if forget else ReregisterSlaveMessage)[-1]
        assert message.checkpointed_resources == DYNAMIC


@pytest.mark.parametrize(("resources", "lives"), [("cpus:2;mem:1024", True), ("cpus:2;mem:256", False)])
def test_reservations_must_fit(resources: str, lives: bool) -> None:
    """An agent that has not got any more what was reserved on it does not start, not even as a new one."""
    stage = reserved()
    stage.agent.checkpoint.forget()
    next_life(stage, info=SlaveInfo(hostname="a1", resources=Resources.parse(resources)))
    stage.world.run_for("1secs")
    assert stage.agent.alive is lives
    assert any("do not fit" in line for line in stage.world.trace.lines()) is not lives


def test_only_the_master_may_change_reservations() -> None:
    """What somebody else says of reserved resources is ignored, and nothing is written that is known already."""
    stage = reserved()
    stage.world.post(CheckpointResourcesMessage(), to=stage.agent.address, src="master@elsewhere")
    stage.world.disk("a1").fail_writes()
    stage.post(CheckpointResourcesMessage(resources=DYNAMIC))
    stage.world.settle()
    assert stage.agent.alive
    assert stage.agent.checkpointed_resources == DYNAMIC
    stage.post(CheckpointResourcesMessage())
    stage.world.settle()
    assert not stage.agent.alive
