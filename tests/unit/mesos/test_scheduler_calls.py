"""The scheduler driver: what a scheduler asks of it, and its end."""

from __future__ import annotations

import pytest

from harness.mesos.detector import fresh_info
from harness.mesos.messages import (
    DeactivateFrameworkMessage,
    ExecutorInfo,
    Filters,
    FrameworkErrorMessage,
    FrameworkInfo,
    LostSlaveMessage,
    ResourceOffersMessage,
    StatusUpdateMessage,
    TaskStatus,
)
from harness.mesos.scheduler import SchedulerDriver
from harness.mesos.states import DriverStatus, StatusReason, StatusSource, TaskState
from harness.mesos.versions import behaviour
from tests.unit.mesos.scheduler_bench import AGENT, GOOD, INFO, OFFER, TASK, Bench

# -- calls ----------------------------------------------------------------------------------------------------------------


def test_calls_reach_the_master_in_order() -> None:
    """Each driver call becomes Mesos's call of that type, with the framework's id."""
    bench = Bench().registered()
    driver = bench.driver
    driver.launch_tasks([OFFER], [TASK], refuse_seconds=0)
    driver.decline_offer("m1-O1", refuse_seconds="1mins")
    driver.kill_task("t1")
    driver.reconcile_tasks([TaskStatus(task_id="t1", state=TaskState.TASK_RUNNING, slave_id="m1-S0")])
    driver.request_resources(())
    driver.suppress_offers()
    driver.revive_offers(["a"])
    driver.accept_inverse_offers("m1-O7", refuse_seconds=0)
    driver.decline_inverse_offers(["m1-O8"])
    driver.update_framework(FrameworkInfo(name="other"), suppressed_roles=("b",))
    assert driver.decline_offer("m1-O2") == DriverStatus.DRIVER_RUNNING
    bench.world.settle()
    calls = bench.master.calls[1:]
    assert [call.type for call in calls] == [
        "ACCEPT",
        "DECLINE",
        "KILL",
        "RECONCILE",
        "REQUEST",
        "SUPPRESS",
        "REVIVE",
        "ACCEPT_INVERSE_OFFERS",
        "DECLINE_INVERSE_OFFERS",
        "UPDATE_FRAMEWORK",
        "DECLINE",
    ]
    assert {call.framework_id for call in calls} == {"m1-0000"}
    accept, decline = calls[0].accept, calls[1].decline
    assert accept is not None
    assert accept.offer_ids == (OFFER.id,)
    assert accept.filters == Filters(refuse_seconds=0)
    assert accept.operations[0].launch is not None
    assert accept.operations[0].launch.task_infos == (TASK,)
    assert decline is not None
    assert decline.filters == Filters(refuse_seconds=60)
    assert calls[-1].decline is not None
    assert calls[-1].decline.filters == Filters(refuse_seconds=5)
    update = calls[9].update_framework
    assert update is not None
    assert update.framework_info.id == "m1-0000"
    assert update.suppressed_roles == ("b",)


def test_executors_learn_their_framework() -> None:
    """A launch fills in the framework's id where the executor's info lacks it."""
    bench = Bench().registered()
    bench.driver.launch_tasks("o", [TASK.replace(executor=ExecutorInfo(executor_id="e"))])
    bench.world.settle()
    accept = bench.master.calls[-1].accept
    assert accept is not None
    assert accept.operations[0].launch is not None
    executor = accept.operations[0].launch.task_infos[0].executor
    assert executor is not None
    assert executor.framework_id == "m1-0000"


def test_framework_messages_go_to_the_agent_once_launched_there() -> None:
    """Before a launch through the master, afterwards straight to the agent, until that is lost."""
    bench = Bench().registered()
    bench.driver.send_framework_message("e", "m1-S0", "1")
    bench.offer()
    bench.driver.launch_tasks([OFFER], [TASK])
    bench.driver.send_framework_message("e", "m1-S0", "2")
    bench.world.settle()
    bench.post(LostSlaveMessage(slave_id="m1-S0"))
    bench.driver.send_framework_message("e", "m1-S0", "3")
    bench.world.settle()
    assert [call.message.data for call in bench.master.of("MESSAGE") if call.message is not None] == ["1", "3"]
    assert [message.data for message in bench.agent.messages] == ["2"]


@pytest.mark.parametrize(
    ("capabilities", "release", "state"),
    [
        ((), "1.11", TaskState.TASK_LOST),
        (("PARTITION_AWARE",), "1.11", TaskState.TASK_DROPPED),
        (("PARTITION_AWARE",), "1.1", TaskState.TASK_LOST),
    ],
)
def test_launches_while_disconnected_are_lost_at_once(capabilities: tuple[str, ...], release: str, state: TaskState) -> None:
    """The driver itself answers each task, in no time, and nothing reaches a master."""
    bench = Bench(info=FrameworkInfo(capabilities=capabilities), behaviour=behaviour(release)).registered()
    bench.offer()
    bench.world.clock.pause()
    bench.appoint(None)
    before = bench.world.clock.elapsed
    bench.driver.launch_tasks([OFFER], [TASK])
    bench.world.settle()
    status = bench.scheduler.seen[-1][1]
    assert (status.task_id, status.state) == ("t1", state)
    assert (status.source, status.reason) == (StatusSource.SOURCE_MASTER, StatusReason.REASON_MASTER_DISCONNECTED)
    assert bench.world.clock.elapsed == before
    assert len(bench.master.calls) == 1


def test_other_calls_while_disconnected_are_dropped() -> None:
    """Kills, declines, reconciliations, requests and messages are neither sent nor remembered."""
    bench = Bench().registered()
    bench.appoint(None)
    bench.driver.kill_task("t1")
    bench.driver.decline_offer("o")
    bench.driver.reconcile_tasks()
    bench.driver.request_resources(())
    bench.driver.send_framework_message("e", "m1-S0", "x")
    bench.world.settle()
    bench.appoint(fresh_info(INFO, 1))
    assert [call.type for call in bench.master.calls] == ["SUBSCRIBE", "SUBSCRIBE"]


def test_suppression_is_part_of_the_next_subscription() -> None:
    """What was suppressed while connected is named when subscribing again."""
    bench = Bench().registered()
    bench.driver.suppress_offers(["b"])
    bench.world.settle()
    bench.appoint(fresh_info(INFO, 1))
    subscribe = bench.master.calls[-1].subscribe
    assert subscribe is not None
    assert subscribe.suppressed_roles == ("b",)


def test_suppression_while_disconnected_is_sent_on_reconnection() -> None:
    """Roles suppressed and revived meanwhile are in the subscription, and in an update before the callback."""
    bench = Bench().registered()
    bench.appoint(None)
    bench.driver.suppress_offers()
    bench.driver.revive_offers(["a"])
    bench.world.settle()
    bench.appoint(fresh_info(INFO, 1))
    assert [call.type for call in bench.master.calls] == ["SUBSCRIBE", "SUBSCRIBE", "UPDATE_FRAMEWORK"]
    update = bench.master.calls[-1].update_framework
    assert update is not None
    assert update.suppressed_roles == ("b",)


def test_old_releases_forget_suppression_while_disconnected() -> None:
    """Before 1.9 a driver without master ignores it."""
    bench = Bench(behaviour=behaviour("1.5")).registered()
    bench.appoint(None)
    bench.driver.suppress_offers()
    bench.world.settle()
    bench.appoint(fresh_info(INFO, 1))
    subscribe = bench.master.calls[-1].subscribe
    assert subscribe is not None
    assert subscribe.suppressed_roles == ()


def test_updating_an_unregistered_framework_is_an_error() -> None:
    """The driver aborts with an error that names the call."""
    bench = Bench(silent=True)
    bench.world.settle()
    bench.driver.update_framework(FrameworkInfo())
    bench.world.settle()
    assert bench.scheduler.names == ["error"]
    assert "update_framework() must not be called prior" in bench.scheduler.seen[0][1]
    assert bench.driver.status == DriverStatus.DRIVER_ABORTED


# -- the end --------------------------------------------------------------------------------------------------------------


def test_status_goes_through_its_life() -> None:
    """NOT_STARTED, RUNNING, then STOPPED for good; calls outside of RUNNING only return the status."""
    bench = Bench(start=False)
    driver = bench.driver
    assert driver.status == driver.stop() == driver.kill_task("t") == DriverStatus.DRIVER_NOT_STARTED
    driver.start()
    bench.registered()
    assert driver.stop() == driver.status == DriverStatus.DRIVER_STOPPED
    assert driver.start() == driver.abort() == driver.kill_task("t") == DriverStatus.DRIVER_STOPPED
    bench.world.settle()
    assert [call.type for call in bench.master.calls] == ["SUBSCRIBE", "TEARDOWN"]


def test_stop_after_abort_tells_of_the_abort() -> None:
    """abort() deactivates; stop() afterwards returns ABORTED once, and tears down."""
    bench = Bench().registered()
    assert bench.driver.abort() == DriverStatus.DRIVER_ABORTED
    assert bench.driver.stop() == DriverStatus.DRIVER_ABORTED
    assert bench.driver.status == DriverStatus.DRIVER_STOPPED
    bench.world.settle()
    assert bench.master.others == [DeactivateFrameworkMessage(framework_id="m1-0000")]
    assert len(bench.master.of("TEARDOWN")) == 1


@pytest.mark.parametrize("connected", [True, False])
def test_stopping_for_a_failover_or_disconnected_says_nothing(connected: bool) -> None:
    """No TEARDOWN leaves; the process is gone."""
    bench = Bench().registered()
    if not connected:
        bench.appoint(None)
    bench.driver.stop(failover=connected)
    bench.world.settle()
    assert bench.master.of("TEARDOWN") == []
    assert not bench.driver.process.alive


def test_calls_made_before_stop_still_leave() -> None:
    """Order of calls is order of messages, also when the driver is stopped right after."""
    bench = Bench().registered()
    bench.driver.kill_task("t1")
    bench.driver.stop()
    bench.world.settle()
    assert [call.type for call in bench.master.calls[1:]] == ["KILL", "TEARDOWN"]


@pytest.mark.parametrize("end", ["stop", "abort"])
def test_no_callback_after_the_end(end: str) -> None:
    """From the call on, nothing reaches the scheduler, whatever is on its way."""
    bench = Bench().registered()
    bench.world.post(ResourceOffersMessage(offers=(OFFER,), pids=(AGENT,)), to=bench.driver.address or "", src="master@m")
    bench.detector.appoint(None)
    getattr(bench.driver, end)()
    bench.world.run_until_idle()
    assert bench.scheduler.names == ["registered"]


@pytest.mark.parametrize("seed", range(10))
def test_no_acknowledgement_leaves_after_stop_and_abort_in_the_callback(seed: int) -> None:
    """stop() then abort() inside status_update: the update stays unacknowledged."""
    bench = Bench(seed=seed).registered()

    def end(driver: SchedulerDriver, status: TaskStatus) -> None:
        driver.stop()
        driver.abort()

    bench.scheduler.on["status_update"] = end
    bench.post(StatusUpdateMessage.of("m1-0000", "m1-S0", "t1", "TASK_RUNNING", pid=AGENT))
    bench.world.run_until_idle()
    assert bench.driver.status == DriverStatus.DRIVER_STOPPED
    assert bench.master.of("ACKNOWLEDGE") == []
    assert len(bench.master.of("TEARDOWN")) == 1


def test_an_error_aborts_before_the_callback() -> None:
    """The scheduler finds the driver aborted, and a second error is not told."""
    bench = Bench().registered()
    seen: list[str] = []
    bench.scheduler.on["error"] = lambda driver, message: seen.append(driver.status)
    bench.post(FrameworkErrorMessage(message="Framework failed over"))
    bench.post(FrameworkErrorMessage(message="again"))
    assert bench.scheduler.seen[1:] == [("error", "Framework failed over")]
    assert seen == [DriverStatus.DRIVER_ABORTED]
    assert len(bench.master.others) == 1


def test_a_stopped_driver_hears_of_no_appointment() -> None:
    """Detections asked for earlier may end later without effect."""
    bench = Bench().registered()
    bench.driver.stop()
    bench.world.settle()
    bench.appoint(fresh_info(INFO, 1))
    assert len(bench.master.of("SUBSCRIBE")) == 1


def test_equal_seeds_give_equal_runs() -> None:
    """Registration, authentication and an end leave the same trace under the same seed."""

    def run(seed: int) -> str:
        bench = Bench(seed=seed, credential=GOOD).registered()
        bench.offer()
        bench.driver.stop()
        bench.world.run_until_idle()
        return bench.world.digest

    assert run(3) == run(3)
    assert run(3) != run(4)
