"""Rules on dispatches and exited events, posting from outside, and what rules never do."""

from __future__ import annotations

from typing import Any

import pytest

from harness.durations import milliseconds
from harness.errors import DeadlockError, MisuseError
from harness.simulation import Address, World
from tests.unit.simulation.toys import Item, Listener, listener, pair


def _send(world: World, a: Listener, b: Listener, *numbers: int) -> None:
    for n in numbers:
        a.send(b.address, Item(n))


# -- dispatches -----------------------------------------------------------------------------------------------------------


def test_dispatches_can_be_expected() -> None:
    """A rule on a dispatch is by receiver and method name; its message carries the arguments; other methods do not match."""
    world = World(1)
    a, b = pair(world)
    rule = world.messages.expect_dispatch(b.address, "tick")
    picky = world.messages.expect_dispatch(b.address, "tick", src=a.address, where=lambda dispatch: dispatch.args == (2,))
    other = world.messages.expect_dispatch(b.address, "tock")
    a.dispatch(b.address, "tick", 1)
    a.dispatch(b.address, "tick", 2)
    a.dispatch(a.address, "tick", 3)
    assert world.wait(rule).args == (1,)
    world.settle()
    assert [dispatch.args for dispatch in rule.messages] == [(1,), (2,)]
    assert (picky.count, other.count) == (1, 0)
    assert str(rule) == "expect dispatch of tick from anybody to b@hb"


def test_dispatches_can_be_dropped() -> None:
    """A dropped dispatch is never made, and its future never completed."""
    world = World(1)
    a, b = pair(world)
    rule = world.messages.drop_dispatch(b.address, "tick", times=1)
    lost, made = a.dispatch(b.address, "tick", 1), a.dispatch(b.address, "tick", 2)
    world.settle()
    assert (lost.state, made.get()) == ("pending", 2)
    assert (rule.count, b.heard) == (1, [2])


def test_dispatches_can_be_held_also_those_to_oneself() -> None:
    """A process's dispatch to itself is held like any other, and made at the release."""
    world = World(1)
    a = listener(world)
    rule = world.messages.hold_dispatch(a.address, "tick")
    future = a.dispatch(a.address, "tick", 4)
    a.defer("tick", 5)()
    world.settle()
    assert a.heard == []
    assert rule.held == 2
    rule.release()
    world.settle()
    assert a.heard == [4, 5]
    assert future.get() == 4


def test_rules_on_messages_leave_dispatches_alone() -> None:
    """Messages, dispatches and exited events have rules of their own."""
    world = World(1)
    a, b = pair(world)
    world.messages.drop(object)
    a.dispatch(b.address, "tick", 1)
    b.work("store", 0, 0, "tick", 2)
    world.settle()
    assert sorted(b.heard) == [1, 2]


@pytest.mark.parametrize("method", ["", "not a name", None, Listener.tick])
def test_dispatch_rules_want_a_method_name(method: Any) -> None:
    """The method is named by a text."""
    with pytest.raises(MisuseError, match="name of a method"):
        World().messages.expect_dispatch(None, method)


# -- exited events --------------------------------------------------------------------------------------------------------


def test_exited_events_can_be_expected_and_dropped() -> None:
    """``src`` is the one that ended, ``dst`` the one that hears of it."""
    world = World(1)
    a, b = pair(world)
    c = listener(world, "c", "hc")
    a.link(b.address)
    c.link(b.address)
    expected = world.messages.expect_exited(b.address, a.address)
    dropped = world.messages.drop_exited(b.address, c.address)
    world.terminate(b.address)
    world.wait(expected)
    world.run_until_idle()
    assert (a.gone, c.gone) == ([b.address], [])
    assert (expected.count, dropped.count) == (1, 1)
    assert expected.deliveries[0].src == b.address
    assert str(dropped) == "drop exited event from b@hb to c@hc"


def test_an_injected_exited_event_is_heard_whatever_is_true() -> None:
    """``dst`` hears that ``src`` ended, linked or not, alive or not; links stay as they are."""
    world = World(1)
    a, b = pair(world)
    a.link(b.address)
    rule = world.messages.expect_exited(src=b.address)
    world.messages.inject_exited(b.address, a.address)
    world.messages.inject_exited("ghost@nowhere", a.address)
    world.run_until_idle()
    assert sorted(a.gone) == ["b@hb", "ghost@nowhere"]
    assert rule.count == 1
    assert b.alive
    world.terminate(b.address)
    world.run_until_idle()
    assert a.gone[2:] == ["b@hb"]


def test_an_injected_exited_event_passes_a_partition() -> None:
    """Injecting is how a one-way partition looks to the side that noticed it."""
    world = World(1)
    a, b = pair(world)
    world.network.partition(a.address, b.address)
    world.messages.inject_exited(b.address, a.address)
    world.settle()
    assert a.gone == [b.address]


# -- posting and looking --------------------------------------------------------------------------------------------------


def test_post_takes_addresses_pids_and_processes() -> None:
    """Sender and receiver may be texts, addresses, processes or handles with a pid; without a receiver it is a misuse."""
    world = World(1)
    a, b = pair(world)
    world.messages.post(Item(1), src=a, dst=b)
    world.messages.post(Item(2), src=Address("a@ha"), dst="b@hb")
    world.messages.post(Item(3), dst=b.address)
    world.run_until_idle()
    assert sorted(zip(b.heard, b.senders, strict=True)) == [(1, "a@ha"), (2, "a@ha"), (3, "")]
    with pytest.raises(MisuseError, match="dst="):
        world.messages.post(Item(1))
    with pytest.raises(MisuseError, match="src=7"):
        world.messages.post(Item(1), src=7, dst=b)


def test_rules_see_posted_messages_by_their_claimed_sender() -> None:
    """A spoofed sender counts as the sender."""
    world = World(1)
    a, b = pair(world)
    rule = world.messages.drop(Item, src="ghost@nowhere")
    world.messages.post(Item(1), src="ghost@nowhere", dst=b.address)
    world.messages.post(Item(2), src=a.address, dst=b.address)
    world.settle()
    assert b.heard == [2]
    assert rule.count == 1


def test_messages_in_flight_can_be_looked_at() -> None:
    """What is on its way is listed with sender, receiver and time of sending, soonest first; dispatches are not."""
    world = World(strategy="prompt")
    a, b = pair(world)
    world.clock.advance("3ms")
    _send(world, a, b, 1, 2)
    b.send(b.address, Item(3))
    a.dispatch(b.address, "tick")
    flying = world.messages.in_flight
    assert [item.message.n for item in flying] == [3, 1, 2]
    assert (flying[1].src, flying[1].dst, flying[1].sent) == ("a@ha", "b@hb", milliseconds(3))
    world.settle()
    assert world.messages.in_flight == []


def test_waiting_for_a_message_that_cannot_come_is_a_deadlock() -> None:
    """The error names the rule that was waited for."""
    world = World(1)
    a, b = pair(world)
    with pytest.raises(DeadlockError, match="expect Item from a@ha to b@hb"):
        world.wait(world.messages.expect(Item, src=a.address, dst=b.address))


@pytest.mark.parametrize(
    ("declare", "text"),
    [
        (lambda m: m.expect("Item"), "wanted a message class"),
        (lambda m: m.expect(()), "wanted a message class"),
        (lambda m: m.drop(Item, times=0), "times=0"),
        (lambda m: m.drop(Item, times=True), "times=True"),
        (lambda m: m.hold(Item, where=3), "where=3"),
        (lambda m: m.delay(Item, by="-1ms"), "by='-1ms'"),
        (lambda m: m.expect(Item, src=object()), "src="),
        (lambda m: m.expect(Item, dst="nowhere"), "dst='nowhere'"),
    ],
)
def test_rules_that_mean_nothing_are_refused(declare: Any, text: str) -> None:
    """What cannot be matched is refused where it is declared, naming the argument."""
    with pytest.raises(MisuseError, match=text):
        declare(World().messages)


def test_rules_do_not_change_the_run() -> None:
    """Watching leaves the digest as it is."""

    def run(watched: bool) -> str:
        world = World(9)
        a, b = pair(world)
        if watched:
            world.messages.expect(Item)
            world.messages.expect_dispatch(None, "tick")
            world.messages.expect_exited()
        for n in range(10):
            a.send(b.address, Item(n))
            b.dispatch(a.address, "tick", n)
        world.run_until_idle()
        return world.digest

    assert run(True) == run(False)
