"""Rules on deliveries: watching, dropping, holding, delaying, duplicating, forbidding; messages, dispatches, exited events."""

from __future__ import annotations

from typing import Any

import pytest

from harness.durations import Duration
from harness.errors import ExpectationError, MisuseError
from harness.simulation import World
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


def test_handled_holds_the_message_that_was_handled() -> None:
    """When an older rule takes the first match, ``handled`` waits for, and holds, the first that got through."""
    world = World(1)
    a, b = pair(world)
    world.messages.drop(Item, times=1)
    rule = world.messages.expect(Item)
    _send(world, a, b, 1, 2)
    assert world.wait(rule) == Item(2)
    assert rule.intercepted.get() == Item(1)


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
