"""Rules on deliveries: watching, dropping, holding, delaying, duplicating, forbidding; messages, dispatches, exited events."""

from __future__ import annotations

from typing import Any

import pytest

from harness.durations import Duration, milliseconds
from harness.errors import DeadlockError, ExpectationError, MisuseError
from harness.simulation import Address, World
from tests.unit.simulation.toys import Item, Listener, Other, Scripted, SpecialItem, listener, pair

MS = 1_000_000


def _send(world: World, a: Listener, b: Listener, *numbers: int) -> None:
    for n in numbers:
        a.send(b.address, Item(n))


# -- expect ---------------------------------------------------------------------------------------------------------------


def test_expect_is_intercepted_before_and_handled_after_the_handler() -> None:
    """``intercepted`` is ready when the handler is about to run, ``handled`` when it has run."""
    world = World(1)
    states: list[Any] = []
    b = Scripted("b", react=lambda p, s, m: states.append((rule.intercepted.ready, rule.handled.ready)))
    world.spawn(b, "hb")
    rule = world.messages.expect(Item)
    rule.intercepted.on_ready(lambda message: states.append(("intercepted", message, list(b.heard))))
    rule.handled.on_ready(lambda message: states.append(("handled", message, list(b.heard))))
    world.post(Item(1), b.address)
    world.settle()
    assert states == [("intercepted", Item(1), []), (True, False), ("handled", Item(1), [1])]


def test_waiting_for_an_expected_message_waits_until_it_is_handled() -> None:
    """``wait(rule)`` returns the message after its handler ran."""
    world = World(1)
    a, b = pair(world)
    rule = world.messages.expect(Item, src=a.address, dst=b.address)
    _send(world, a, b, 5)
    assert world.wait(rule) == Item(5)
    assert b.heard == [5]
    assert world.wait(rule) == Item(5)


def test_expect_records_everything_and_never_fails_because_of_more() -> None:
    """Each match is recorded with message, sender, receiver and time; the first one satisfies."""
    world = World(strategy="prompt")
    a, b = pair(world)
    rule = world.messages.expect(Item)
    assert (rule.count, rule.message, rule.messages, rule.deliveries) == (0, None, [], [])
    _send(world, a, b, 1, 2, 3)
    world.run_until_idle()
    assert (rule.count, rule.message, rule.messages) == (3, Item(3), [Item(1), Item(2), Item(3)])
    first = rule.deliveries[0]
    assert (first.message, first.src, first.dst, first.time) == (Item(1), "a@ha", "b@hb", Duration(50_000))
    assert rule.future.get() == Item(1)


def test_expect_matches_by_class_sender_receiver_and_predicate() -> None:
    """Subclasses match; several classes may be given; ``where`` is asked at each message that matches otherwise."""
    world = World(1)
    a, b = pair(world)
    c = listener(world, "c", "hc")
    asked: list[int] = []
    rules = {
        "type": world.messages.expect(SpecialItem),
        "tuple": world.messages.expect((SpecialItem, Other)),
        "src": world.messages.expect(Item, src=a.address),
        "dst": world.messages.expect(Item, dst=b.address),
        "host": world.messages.expect(Item, src="hc"),
        "process": world.messages.expect(Item, dst=b),
        "where": world.messages.expect(Item, src="a@ha", where=lambda item: asked.append(item.n) or item.n > 1),
    }
    a.send(b.address, Item(1))
    a.send(b.address, SpecialItem(2))
    a.send(c.address, Other())
    c.send(a.address, Item(4))
    world.run_until_idle()
    assert {name: rule.count for name, rule in rules.items()} == {
        "type": 1,
        "tuple": 2,
        "src": 2,
        "dst": 2,
        "host": 1,
        "process": 2,
        "where": 1,
    }
    assert asked == [1, 2]


def test_an_expectation_begins_when_it_is_declared() -> None:
    """What was delivered before is missed; what is still on its way is seen."""
    world = World(1)
    a, b = pair(world)
    _send(world, a, b, 1)
    world.settle()
    _send(world, a, b, 2)
    rule = world.messages.expect(Item)
    world.settle()
    assert rule.messages == [Item(2)]


def test_all_expectations_of_one_message_see_it() -> None:
    """Rules that only watch pass the message on to older ones."""
    world = World(1)
    a, b = pair(world)
    rules = [world.messages.expect(Item) for _ in range(3)]
    _send(world, a, b, 1)
    world.settle()
    assert [rule.count for rule in rules] == [1, 1, 1]
    assert all(rule.handled.ready for rule in rules)


def test_a_handle_covers_all_processes_of_its_role() -> None:
    """As source or destination a handle stands for its processes and all their children, living or gone, and no others."""

    class Handle:
        def __init__(self, *roots: str) -> None:
            self._roots = roots
            self._host = "ha"
            self.pid = roots[0]

    world = World(1)
    a = Scripted("a", lambda p: p.spawn(Listener("observer")))
    world.spawn(a, "ha")
    world.settle()
    neighbour, b = listener(world, "neighbour", "ha"), listener(world, "b", "hb")
    handle = Handle("a@ha")
    rule = world.messages.expect(Item, src=handle)
    world.process("observer@ha").send(b.address, Item(1))
    a.send(b.address, Item(2))
    neighbour.send(b.address, Item(3))
    world.run_until_idle()
    assert sorted(item.n for item in rule.messages) == [1, 2]
    world.messages.post(Item(4), src=handle, dst=b.address)
    world.settle()
    assert rule.message == Item(4)


# -- drop -----------------------------------------------------------------------------------------------------------------


def test_drop_discards_every_match() -> None:
    """A dropped message is never handled, but counted, traced, and told to whoever waits for the rule."""
    world = World(1)
    a, b = pair(world)
    rule = world.messages.drop(Item, where=lambda item: item.n != 2)
    _send(world, a, b, 1, 2, 3)
    assert world.wait(rule) == Item(1)
    world.settle()
    assert b.heard == [2]
    assert rule.messages == [Item(1), Item(3)]
    assert not rule.handled.done
    assert [record.event for record in world.trace if record.kind == "dropped"] == [Item(1), Item(3)]


def test_a_rule_steps_aside_after_its_times() -> None:
    """With ``times=n`` the next n matches are taken, later ones go to older rules or the handler."""
    world = World(1)
    a, b = pair(world)
    older = world.messages.drop(Item, times=1)
    newer = world.messages.drop(Item, times=2)
    _send(world, a, b, 1, 2, 3, 4)
    world.settle()
    assert newer.messages == [Item(1), Item(2)]
    assert older.messages == [Item(3)]
    assert b.heard == [4]


def test_cancelled_rules_are_not_asked() -> None:
    """After ``cancel``, or at the end of its block, a rule lets everything pass and keeps what it has recorded."""
    world = World(1)
    a, b = pair(world)
    with world.messages.drop(Item) as dropped:
        _send(world, a, b, 1)
        world.settle()
    _send(world, a, b, 2)
    rule = world.messages.drop(Item)
    rule.cancel()
    rule.cancel()
    world.settle()
    assert b.heard == [2]
    assert (dropped.count, rule.count) == (1, 0)


def test_the_newest_rule_is_asked_first() -> None:
    """A newer drop hides the message from an older watcher; a newer watcher sees what an older drop takes."""
    world = World(1)
    a, b = pair(world)
    old_watch = world.messages.expect(Item)
    drop = world.messages.drop(Item)
    new_watch = world.messages.expect(Item)
    _send(world, a, b, 1)
    world.settle()
    assert (old_watch.count, drop.count, new_watch.count) == (0, 1, 1)
    assert new_watch.intercepted.ready
    assert not new_watch.handled.done
    assert b.heard == []


# -- hold -----------------------------------------------------------------------------------------------------------------


def test_hold_keeps_messages_until_released() -> None:
    """Held messages are counted; release delivers them in order and stops holding."""
    for seed in range(50):
        world = World(seed)
        a, b = pair(world)
        rule = world.messages.hold(Item)
        _send(world, a, b, 1, 2, 3)
        world.settle()
        assert b.heard == []
        assert (rule.count, rule.held) == (3, 3)
        assert world.wait(rule) == Item(1)
        assert rule.release() == 3
        assert rule.held == 0
        _send(world, a, b, 4)
        world.run_until_idle()
        assert [n for n in b.heard if n < 4] == [1, 2, 3]
        assert 4 in b.heard
        assert rule.handled.ready
        assert rule.release() == 0


def test_later_traffic_overtakes_what_is_held() -> None:
    """What the rule does not hold goes on; what is sent after the release stays behind what was released."""
    for seed in range(60):
        world = World(seed)
        a, b = pair(world)
        rule = world.messages.hold(Item, times=1)
        _send(world, a, b, 1, 2)
        world.settle()
        assert b.heard == [2]
        rule.release()
        _send(world, a, b, 3)
        world.run_until_idle()
        assert b.heard == [2, 1, 3]


def test_a_released_message_passes_every_other_rule() -> None:
    """Neither older nor newer rules see a message again that was released."""
    world = World(1)
    a, b = pair(world)
    old = world.messages.drop(Item)
    hold = world.messages.hold(Item)
    _send(world, a, b, 1)
    world.settle()
    new = world.messages.drop(Item)
    hold.release()
    world.settle()
    assert b.heard == [1]
    assert (old.count, new.count) == (0, 0)


def test_a_watched_message_that_is_held_counts_as_handled_after_its_release() -> None:
    """A watcher that saw the message before it was held waits until it has been handled after all."""
    world = World(1)
    a, b = pair(world)
    hold = world.messages.hold(Item)
    watch = world.messages.expect(Item)
    _send(world, a, b, 1)
    world.settle()
    assert watch.intercepted.ready
    assert not watch.handled.done
    hold.release()
    assert world.wait(watch) == Item(1)
    assert b.heard == [1]


def test_a_cancelled_hold_keeps_what_it_has() -> None:
    """After cancel nothing more is held, and what is held can still be released."""
    world = World(1)
    a, b = pair(world)
    with world.messages.hold(Item) as rule:
        _send(world, a, b, 1)
        world.settle()
    _send(world, a, b, 2)
    world.settle()
    assert b.heard == [2]
    rule.release()
    world.settle()
    assert b.heard == [2, 1]


def test_release_to_a_receiver_that_has_ended() -> None:
    """What is released to nobody is dropped like any message."""
    world = World(1)
    a, b = pair(world)
    rule = world.messages.hold(Item)
    _send(world, a, b, 1)
    world.settle()
    world.terminate(b.address)
    rule.release()
    world.settle()
    assert b.heard == []
    assert world.trace[-1].kind == "dropped"


def test_only_a_hold_can_release() -> None:
    """Releasing anything else is a misuse that names the rule."""
    with pytest.raises(MisuseError, match="drop Item from anybody to anybody"):
        World().messages.drop(Item).release()


# -- delay, duplicate, never ----------------------------------------------------------------------------------------------


def test_delay_delivers_exactly_that_much_later() -> None:
    """Delayed messages arrive their latency plus the delay after the sending, in order among themselves."""
    for strategy in ("prompt", "random"):
        for seed in range(20):
            world = World(seed, strategy=strategy)
            a, b = pair(world)
            rule = world.messages.delay(Item, by="10ms")
            _send(world, a, b, 1, 2, 3)
            world.run_until_idle()
            assert b.heard == [1, 2, 3]
            assert b.times == [delivery.time.ns + 10 * MS for delivery in rule.deliveries]
            assert rule.handled.ready


def test_a_delayed_message_may_be_overtaken() -> None:
    """Only what matches is delayed."""
    world = World(1)
    a, b = pair(world)
    world.messages.delay(Item, times=1, by="10ms")
    _send(world, a, b, 1, 2)
    world.run_until_idle()
    assert b.heard == [2, 1]


def test_a_paused_clock_keeps_delayed_messages() -> None:
    """A delay is virtual time: it passes when time is advanced."""
    world = World(1)
    a, b = pair(world)
    world.clock.pause()
    world.messages.delay(Item, by="10ms")
    _send(world, a, b, 1)
    world.settle()
    assert b.heard == []
    world.clock.advance("10ms")
    assert b.times == [10 * MS]


def test_duplicate_delivers_a_second_copy() -> None:
    """The copy comes later on the same channel and passes the rules unseen."""
    for seed in range(20):
        world = World(seed)
        a, b = pair(world)
        rule = world.messages.duplicate(Item, times=1)
        _send(world, a, b, 1, 2)
        world.run_until_idle()
        assert sorted(b.heard) == [1, 1, 2]
        assert b.heard[0] == 1
        assert (rule.count, rule.handled.ready) == (1, True)


def test_never_fails_the_run_at_the_delivery() -> None:
    """A forbidden message raises where it arrives, naming rule, message, sender and receiver; it is not handled."""
    world = World(1)
    a, b = pair(world)
    world.messages.never(Item, src=a.address, where=lambda item: item.n == 2)
    _send(world, a, b, 1, 2)
    with pytest.raises(ExpectationError) as caught:
        world.run_until_idle()
    text = str(caught.value)
    assert "never Item from a@ha to anybody" in text
    assert "Item(n=2)" in text
    assert "to b@hb" in text
    assert b.heard == [1]


def test_never_holds_to_the_end_of_the_run() -> None:
    """Late deliveries count, unless the rule was cancelled before."""
    world = World(1)
    a, b = pair(world)
    world.messages.never(Item)
    _send(world, a, b, 1)
    with pytest.raises(ExpectationError):
        world.finish()
    other = World(1)
    a, b = pair(other)
    with other.messages.never(Item):
        pass
    _send(other, a, b, 1)
    other.finish()
    assert b.heard == [1]


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
