"""The scheduler driver: registration, authentication, and what masters and agents tell it."""

from __future__ import annotations

import pytest

from harness.durations import Duration
from harness.errors import MisuseError
from harness.mesos.detector import fresh_info
from harness.mesos.messages import (
    AuthenticateMessage,
    AuthenticationMechanismsMessage,
    AuthenticationStepMessage,
    Call,
    Credential,
    ExecutorToFrameworkMessage,
    ExitedExecutorMessage,
    FrameworkInfo,
    FrameworkRegisteredMessage,
    LostSlaveMessage,
    RescindResourceOfferMessage,
    ResourceOffersMessage,
    StatusUpdateMessage,
    TaskStatus,
)
from harness.mesos.states import DriverStatus, TaskState
from harness.mesos.versions import behaviour
from tests.unit.mesos.scheduler_bench import AGENT, GOOD, INFO, OFFER, TASK, Bench

# -- registration ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("credential", [None, GOOD])
@pytest.mark.parametrize("seed", range(3))
def test_it_registers(credential: Credential | None, seed: int) -> None:
    """With and without credential it subscribes at once, gets its id, and tells the scheduler."""
    bench = Bench(seed=seed, credential=credential).registered()
    assert bench.driver.framework_id == "m1-0000"
    assert bench.driver.connected
    assert bench.driver.master == INFO
    assert bench.scheduler.seen == [("registered", "m1-0000", INFO)]
    subscribe = bench.master.calls[0].subscribe
    assert subscribe is not None
    assert not subscribe.force
    assert bench.world.clock.elapsed < Duration.parse("100ms")


def test_retries_have_growing_upper_bounds() -> None:
    """A silent master sees a subscription at once, then after at most 2, 4, 8 ... 60 seconds; benign is the bound itself."""
    bench = Bench(strategy="prompt", silent=True)
    bench.world.run_for("200secs")
    gaps = [round((b - a) / 1e9) for a, b in zip(bench.master.times, bench.master.times[1:], strict=False)]
    assert gaps == [2, 4, 8, 16, 32, 60, 60]


def test_a_failover_timeout_bounds_the_retries() -> None:
    """No gap is longer than a tenth of the failover timeout."""
    bench = Bench(strategy="prompt", silent=True, info=FrameworkInfo(failover_timeout=10))
    bench.world.run_for("5500ms")
    gaps = [round((b - a) / 1e9) for a, b in zip(bench.master.times, bench.master.times[1:], strict=False)]
    assert gaps == [1, 1, 1, 1, 1]


@pytest.mark.parametrize("seed", range(4))
def test_retries_stop_when_connected(seed: int) -> None:
    """The pending retry finds the driver connected and does nothing; its answer tells the scheduler once."""
    bench = Bench(seed=seed).registered()
    bench.world.run_for("100secs")
    assert len(bench.master.calls) == 1
    assert bench.scheduler.names == ["registered"]


def test_a_framework_with_an_id_takes_over() -> None:
    """An id in the info means failover: forced, until registered once."""
    bench = Bench(info=FrameworkInfo(id="m0-0007")).registered()
    first = bench.master.calls[0]
    assert first.framework_id == "m0-0007"
    assert first.subscribe is not None
    assert first.subscribe.force
    bench.appoint(fresh_info(INFO, 1))
    again = bench.master.calls[1].subscribe
    assert again is not None
    assert not again.force


def test_reappointing_reregisters() -> None:
    """The same master appointed again: disconnected, then reregistered, with the same id and no force."""
    bench = Bench().registered()
    bench.offer()
    bench.appoint(fresh_info(INFO, 1))
    bench.world.run_until_idle()
    assert bench.scheduler.names == ["registered", "resource_offers", "disconnected", "reregistered"]
    assert bench.master.calls[1].framework_id == "m1-0000"
    assert bench.driver.offers == {}


def test_losing_the_leader_disconnects_once() -> None:
    """No leader: disconnected once, nothing is sent, and the next leader is subscribed to."""
    bench = Bench().registered()
    bench.appoint(None)
    bench.appoint(None)
    bench.world.run_for("10secs")
    assert bench.scheduler.names == ["registered", "disconnected"]
    assert not bench.driver.connected
    assert bench.driver.master is None
    assert len(bench.master.calls) == 1
    bench.appoint(fresh_info(INFO, 1))
    assert bench.driver.connected


def test_the_masters_death_alone_means_nothing() -> None:
    """A broken link is no news to a driver: only the detector tells."""
    bench = Bench().registered()
    bench.world.terminate("master@m")
    bench.world.settle()
    assert bench.driver.connected
    assert bench.scheduler.names == ["registered"]


def test_registration_from_others_or_twice_is_ignored() -> None:
    """A registration counts once, and only from the leader."""
    bench = Bench(silent=True)
    bench.world.settle()
    message = FrameworkRegisteredMessage(framework_id="x-0001", master_info=INFO)
    bench.post(message, src="master@other")
    assert not bench.driver.connected
    bench.post(message)
    bench.post(message)
    assert bench.scheduler.names == ["registered"]


# -- authentication -------------------------------------------------------------------------------------------------------


def test_refused_authentication_is_an_error() -> None:
    """A wrong secret aborts the driver, then the scheduler is told."""
    bench = Bench(credential=Credential(principal="test-principal", secret="no"))
    status: list[str] = []
    bench.scheduler.on["error"] = lambda driver, message: status.append(driver.status)
    bench.world.run_for("1secs")
    assert bench.scheduler.seen == [("error", "Master refused authentication")]
    assert status == [DriverStatus.DRIVER_ABORTED]
    assert bench.master.calls == []


def test_time_outs_of_authentication_widen() -> None:
    """With all challenges lost, attempts follow each other without pause, timed out after at most 7, 9, 13, 21, 37, 60 s."""
    bench = Bench(strategy="prompt", credential=GOOD)
    bench.world.messages.drop(AuthenticationStepMessage)
    attempts = bench.world.messages.expect(AuthenticateMessage)
    bench.world.run_for("220secs")
    times = [delivery.time.total_seconds() for delivery in attempts.deliveries]
    assert [round(b - a) for a, b in zip(times, times[1:], strict=False)] == [7, 9, 13, 21, 37, 60, 60]


def test_old_releases_pause_between_attempts() -> None:
    """Up to 1.5 an attempt gets 5 s, and pauses of at most 2, 4, 8 ... 60 s lie between."""
    bench = Bench(strategy="prompt", credential=GOOD, behaviour=behaviour("1.5"))
    bench.world.messages.drop(AuthenticationStepMessage)
    attempts = bench.world.messages.expect(AuthenticateMessage)
    bench.world.run_for("55secs")
    times = [delivery.time.total_seconds() for delivery in attempts.deliveries]
    assert [round(b - a) for a, b in zip(times, times[1:], strict=False)] == [7, 9, 13, 21]


def test_a_new_leader_restarts_a_hanging_attempt() -> None:
    """A detection during an attempt gives it up and starts another at once."""
    bench = Bench(credential=GOOD)
    bench.world.messages.drop(AuthenticationMechanismsMessage, times=1)
    bench.world.settle()
    assert not bench.driver.connected
    bench.appoint(fresh_info(INFO, 1))
    assert bench.driver.connected
    assert bench.world.clock.elapsed < Duration.parse("1secs")


def test_losing_the_leader_ends_an_attempt() -> None:
    """Without a leader an attempt that ends is not repeated; the next leader gets a new one."""
    bench = Bench(credential=GOOD)
    bench.world.messages.drop(AuthenticationMechanismsMessage, times=1)
    bench.world.settle()
    bench.appoint(None)
    bench.world.run_for("20secs")
    assert bench.master.calls == []
    bench.appoint(fresh_info(INFO, 1))
    assert bench.driver.connected


# -- events ---------------------------------------------------------------------------------------------------------------


def test_offers_are_held_until_used_or_rescinded() -> None:
    """Offers are shown to the scheduler, held, and leave with a rescission, a decline or a launch."""
    bench = Bench().registered()
    bench.offer()
    assert bench.driver.offers == {OFFER.id: OFFER}
    bench.post(RescindResourceOfferMessage(offer_id=OFFER.id))
    assert bench.driver.offers == {}
    bench.offer()
    bench.driver.decline_offer(OFFER)
    assert bench.driver.offers == {}
    bench.offer()
    bench.driver.launch_tasks([OFFER.id], [TASK])
    assert bench.driver.offers == {}
    assert bench.scheduler.names == ["registered", "resource_offers", "offer_rescinded", "resource_offers", "resource_offers"]


def test_next_offers_can_be_waited_for() -> None:
    """The future completes with the offers, after the callback."""
    bench = Bench().registered()
    future = bench.driver.next_offers()
    bench.offer()
    assert future.get() == (OFFER,)


def test_messages_of_other_masters_are_ignored() -> None:
    """Offers, updates and losses count only from the leader."""
    bench = Bench().registered()
    for message in (
        ResourceOffersMessage(offers=(OFFER,), pids=(AGENT,)),
        RescindResourceOfferMessage(offer_id="x"),
        StatusUpdateMessage.of("m1-0000", "m1-S0", "t1", "TASK_RUNNING", pid=AGENT),
        LostSlaveMessage(slave_id="m1-S0"),
        ExitedExecutorMessage(slave_id="m1-S0", framework_id="m1-0000", executor_id="e"),
    ):
        bench.post(message, src="master@other")
    assert bench.scheduler.names == ["registered"]


def test_losses_and_messages_reach_the_scheduler() -> None:
    """Each message becomes the callback with Mesos's parameters."""
    bench = Bench().registered()
    bench.post(LostSlaveMessage(slave_id="m1-S0"))
    bench.post(ExitedExecutorMessage(slave_id="m1-S0", framework_id="m1-0000", executor_id="e", status=7))
    bench.post(ExecutorToFrameworkMessage(slave_id="m1-S0", framework_id="m1-0000", executor_id="e", data="hi"), src=AGENT)
    assert bench.scheduler.seen[1:] == [
        ("slave_lost", "m1-S0"),
        ("executor_lost", "e", "m1-S0", 7),
        ("framework_message", "e", "m1-S0", "hi"),
    ]


def test_updates_of_agents_are_acknowledged_implicitly() -> None:
    """After the callback the driver acknowledges through the master; the status carries the uuid."""
    bench = Bench().registered()
    message = StatusUpdateMessage.of("m1-0000", "m1-S0", "t1", "TASK_RUNNING", pid=AGENT)
    bench.post(message)
    status = bench.scheduler.seen[-1][1]
    assert status.state == TaskState.TASK_RUNNING
    assert status.uuid == message.update.uuid
    (call,) = bench.master.of("ACKNOWLEDGE")
    assert call.acknowledge == Call.Acknowledge(slave_id="m1-S0", task_id="t1", uuid=message.update.uuid or "")


def test_updates_of_the_master_are_not_acknowledged() -> None:
    """An update without the pid of an agent wants no acknowledgement and shows no uuid."""
    bench = Bench().registered()
    bench.post(StatusUpdateMessage.of("m1-0000", "m1-S0", "t1", "TASK_LOST"))
    assert bench.scheduler.seen[-1][1].uuid is None
    assert bench.master.of("ACKNOWLEDGE") == []


def test_explicit_acknowledgements_are_the_schedulers_affair() -> None:
    """Nothing is acknowledged until the scheduler does; one status gives one call."""
    bench = Bench(implicit_acknowledgements=False).registered()
    bench.post(StatusUpdateMessage.of("m1-0000", "m1-S0", "t1", "TASK_RUNNING", pid=AGENT))
    assert bench.master.of("ACKNOWLEDGE") == []
    bench.driver.acknowledge_status_update(bench.scheduler.seen[-1][1])
    bench.driver.acknowledge_status_update(TaskStatus(task_id="t1", state=TaskState.TASK_LOST))
    bench.world.settle()
    assert len(bench.master.of("ACKNOWLEDGE")) == 1


def test_explicit_acknowledgement_of_an_implicit_driver_is_misuse() -> None:
    """The error says how to start the framework instead."""
    bench = Bench().registered()
    with pytest.raises(MisuseError, match="implicit_acknowledgements=False"):
        bench.driver.acknowledge_status_update(TaskStatus(task_id="t1", state=TaskState.TASK_RUNNING))


def test_missing_callbacks_are_skipped() -> None:
    """Any object can be a scheduler."""
    bench = Bench(start=False)
    bench.driver.process.scheduler = object()
    bench.driver.start()
    bench.registered()
    bench.offer()
    assert list(bench.driver.offers) == [OFFER.id]
