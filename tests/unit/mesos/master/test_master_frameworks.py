"""Schedulers at the master: subscription, failover, disconnection, removal."""

from __future__ import annotations

from typing import Any

import pytest
from master_bench import Bench, ToyScheduler, real_bench

from harness.mesos.authorizer import Authorizer
from harness.mesos.messages import (
    Call,
    DeactivateFrameworkMessage,
    FrameworkRegisteredMessage,
    FrameworkReregisteredMessage,
    RescindResourceOfferMessage,
    ShutdownFrameworkMessage,
    UpdateFrameworkMessage,
)
from harness.simulation import Future


class Refusing(Authorizer):
    """Says no to everything."""

    def authorized(self, request: Any) -> Future[bool] | bool:
        return False


def another(bench: Bench, scheduler: ToyScheduler, name: str = "another", **info: Any) -> ToyScheduler:
    """A second scheduler of the same framework, not subscribed yet."""
    info.setdefault("capabilities", scheduler.info.capabilities)
    second = bench.scheduler(name, subscribe=False, **info)
    second.id = scheduler.id
    return second


def test_a_new_framework_gets_an_id() -> None:
    """Registered, and active in the allocator."""
    bench = Bench()
    scheduler = bench.scheduler()
    assert scheduler.heard == [FrameworkRegisteredMessage(framework_id="m1-0000", master_info=bench.master.info)]
    ((framework_id, info, used, active, _options),) = bench.allocator.args("add_framework")
    assert (framework_id, info.id, used, active) == ("m1-0000", "m1-0000", {}, True)


def test_a_retry_is_acknowledged_again() -> None:
    """The same framework, the same id, no second call of the allocator."""
    bench = Bench()
    scheduler = bench.scheduler()
    scheduler.id = None
    scheduler.subscribe()
    bench.settle()
    assert [message.framework_id for message in scheduler.heard_of(FrameworkRegisteredMessage)] == ["m1-0000", "m1-0000"]
    assert bench.allocator.names().count("add_framework") == 1


@pytest.mark.parametrize(
    ("info", "flags", "error"),
    [
        ({"roles": ("a b",)}, {}, "invalid role"),
        ({"roles": ("a", "a")}, {}, "duplicate"),
        ({"roles": ("x",)}, {"roles": ("y",)}, "not present in the master's --roles"),
        ({"failover_timeout": -1.0}, {}, "failover_timeout"),
        ({"failover_timeout": 1e10}, {}, "The framework failover_timeout (1e+10) is invalid"),
        ({"failover_timeout": "soon"}, {}, "failover_timeout"),
        ({}, {"authenticate_frameworks": True}, "is not authenticated"),
    ],
)
def test_an_invalid_framework_is_refused(info: dict[str, Any], flags: dict[str, Any], error: str) -> None:
    """The scheduler is told why, and its driver aborts."""
    bench = Bench(**flags)
    scheduler = bench.scheduler(**info)
    (text,) = scheduler.errors
    assert error in text
    assert bench.master.frameworks == {}


def test_an_unauthorized_framework_is_refused() -> None:
    """The authorizer's no reaches the scheduler."""
    bench = Bench(authorizer=Refusing())
    assert bench.scheduler().errors == ["Not authorized to use roles '{ * }'"]


def test_another_scheduler_needs_force() -> None:
    """Without it the newcomer is sent away; with it the old one is, and outstanding offers are discarded."""
    bench = real_bench()
    bench.agent()
    first = bench.scheduler(failover_timeout=10.0)
    second = another(bench, first, failover_timeout=10.0)
    second.subscribe()
    bench.settle()
    assert second.errors == ["Framework failed over"]
    second.subscribe(force=True)
    bench.settle()
    assert first.errors == ["Framework failed over"]
    assert first.heard_of(RescindResourceOfferMessage) == []
    assert len(second.heard_of(FrameworkRegisteredMessage)) == 1
    bench.advance("1secs")
    assert len(second.offers) == 1


def test_failover_calls_the_allocator_in_order() -> None:
    """updateFramework, then each old offer back; activation only if it was inactive."""
    bench = Bench()
    agent = bench.agent()
    first = bench.scheduler()
    bench.allocator.offer_callback(first.id, {"*": {agent.id: agent.info.resources.allocate("*")}})
    bench.settle()
    del bench.allocator.calls[:]
    second = another(bench, first)
    second.subscribe(force=True)
    bench.settle()
    assert bench.allocator.names() == ["update_framework", "recover_resources"]


def test_the_same_scheduler_subscribes_again() -> None:
    """Its offers are rescinded, and it reregisters."""
    bench = real_bench()
    agent = bench.agent()
    scheduler = bench.scheduler()
    (offer_id,) = scheduler.offers
    scheduler.subscribe()
    bench.settle()
    assert scheduler.heard_of(RescindResourceOfferMessage) == [RescindResourceOfferMessage(offer_id=offer_id)]
    assert len(scheduler.heard_of(FrameworkReregisteredMessage)) == 1
    assert agent.heard_of(UpdateFrameworkMessage)[-1].framework_id == scheduler.id


def test_a_framework_whose_scheduler_ends_is_removed_at_once() -> None:
    """No failover timeout: agents end its executors, and its id is refused from then on."""
    bench = real_bench()
    agent = bench.agent()
    scheduler = bench.scheduler()
    bench.running_task(scheduler, agent)
    scheduler.terminate()
    bench.settle()
    assert bench.master.frameworks == {}
    assert agent.heard_of(ShutdownFrameworkMessage) == [ShutdownFrameworkMessage(framework_id=scheduler.id)]
    assert bench.master.agents["m1-S0"].tasks == {}
    assert bench.metric("tasks_killed") == 1
    late = another(bench, scheduler)
    late.subscribe()
    bench.settle()
    assert late.errors == ["Framework has been removed"]


def test_a_framework_has_its_failover_timeout() -> None:
    """It may come back in that time; otherwise it is removed."""
    bench = Bench()
    first = bench.scheduler(failover_timeout=10.0)
    first.terminate()
    bench.settle()
    assert bench.master.frameworks[first.id].state == "DISCONNECTED"
    bench.advance("9secs")
    second = another(bench, first, failover_timeout=10.0)
    second.subscribe(force=True)
    bench.settle()
    bench.advance("9secs")
    assert bench.master.frameworks[first.id].connected
    second.terminate()
    bench.settle()
    bench.advance("10secs")
    assert bench.master.frameworks == {}


def test_the_end_of_a_framework_in_the_allocator() -> None:
    """Deactivated with its offers back, its tasks back, then removed while paused."""
    bench = Bench()
    agent = bench.agent()
    scheduler = bench.scheduler()
    offer = agent.info.resources.allocate("*")
    bench.allocator.offer_callback(scheduler.id, {"*": {agent.id: offer}})
    bench.settle()
    bench.running_task(scheduler, agent)
    bench.allocator.offer_callback(scheduler.id, {"*": {agent.id: offer}})
    bench.settle()
    del bench.allocator.calls[:]
    scheduler.call("TEARDOWN")
    bench.settle()
    assert bench.allocator.names() == [
        "deactivate_framework",
        "recover_resources",
        "recover_resources",
        "pause",
        "remove_framework",
        "resume",
    ]
    assert [args[4] for args in bench.allocator.args("recover_resources")] == [False, True]
    assert scheduler.states == ["TASK_RUNNING"]


def test_a_deactivated_framework_stays_connected() -> None:
    """Its offers are rescinded; only its own scheduler can do this."""
    bench = real_bench()
    bench.agent()
    scheduler = bench.scheduler()
    stranger = another(bench, scheduler)
    stranger.send(stranger.master, DeactivateFrameworkMessage(framework_id=scheduler.id))
    bench.settle()
    assert bench.master.frameworks[scheduler.id].active
    scheduler.send(scheduler.master, DeactivateFrameworkMessage(framework_id=scheduler.id))
    bench.settle()
    record = bench.master.frameworks[scheduler.id]
    assert (record.active, record.connected, scheduler.offers) == (False, True, {})


def test_calls_of_strangers_are_dropped() -> None:
    """A known framework's id in the wrong hands does nothing."""
    bench = Bench()
    scheduler = bench.scheduler()
    stranger = another(bench, scheduler)
    stranger.call("TEARDOWN")
    bench.settle()
    assert list(bench.master.frameworks) == [scheduler.id]
    assert stranger.heard == []


def test_calls_of_a_disconnected_framework_make_its_driver_abort() -> None:
    """The link broke, but the driver lives: it is told so, at the break and at each call."""
    bench = Bench()
    scheduler = bench.scheduler(failover_timeout=100.0)
    bench.world.messages.inject_exited(scheduler.address, bench.master.address)
    bench.settle()
    scheduler.call("REVIVE", revive=Call.Revive())
    bench.settle()
    assert scheduler.errors == ["Framework disconnected", "Framework disconnected"]


def test_suppress_and_revive_reach_the_allocator() -> None:
    """With the roles named; none named means all."""
    bench = Bench()
    scheduler = bench.scheduler(roles=("a", "b"))
    scheduler.call("SUPPRESS", suppress=Call.Suppress(roles=("a",)))
    bench.settle()
    assert bench.master.frameworks[scheduler.id].suppressed_roles == ("a",)
    scheduler.call("REVIVE", revive=Call.Revive())
    bench.settle()
    assert bench.master.frameworks[scheduler.id].suppressed_roles == ()
    assert bench.allocator.args("suppress_offers") == [(scheduler.id, ("a",))]
    assert bench.allocator.args("revive_offers") == [(scheduler.id, ())]


def test_offers_of_a_role_that_was_left_are_rescinded() -> None:
    """UPDATE_FRAMEWORK changes the roles; the framework keeps its user and its checkpointing."""
    bench = real_bench()
    agent = bench.agent()
    scheduler = bench.scheduler(roles=("a",), user="one")
    assert len(scheduler.offers) == 1
    info = scheduler.info.replace(id=scheduler.id, roles=("b",), user="two", checkpoint=True)
    scheduler.call("UPDATE_FRAMEWORK", update_framework=Call.UpdateFramework(framework_info=info))
    bench.settle()
    record = bench.master.frameworks[scheduler.id]
    assert (record.info.roles, record.info.user, record.info.checkpoint) == (("b",), "one", False)
    assert len(scheduler.heard_of(RescindResourceOfferMessage)) == 1
    assert agent.heard_of(UpdateFrameworkMessage)


def test_a_call_without_its_content_is_dropped() -> None:
    """A malformed call changes nothing."""
    bench = Bench()
    scheduler = bench.scheduler()
    scheduler.call("DECLINE")
    scheduler.call("RECONCILE_OPERATIONS")
    bench.settle()
    assert len(scheduler.heard) == 1
