"""The order of events: what every seed keeps, and that everything else comes in every order that the latencies allow."""

from __future__ import annotations

import itertools
from collections import Counter
from functools import partial
from typing import Any

import pytest

from harness.simulation import World, uniform
from tests.unit.simulation.toys import Item, Listener, Scripted, listener, pair

LOW, HIGH = 50_000, 5_000_000
"""The default latency between hosts, in ns."""


# -- what is kept ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("drive", ["run_until_idle", "settle"])
def test_messages_keep_their_order_within_a_channel(drive: str) -> None:
    """From one sender to one receiver messages arrive as they were sent, under every seed, running or settling."""
    for seed in range(200):
        world = World(seed)
        a, b = pair(world)
        for n in range(10):
            a.send(b.address, Item(n))
        getattr(world, drive)()
        assert b.heard == list(range(10))


def test_messages_keep_their_order_when_sent_at_different_instants() -> None:
    """A later message never overtakes an earlier one of its channel, however slow that one is."""
    for seed in range(100):
        world = World(seed)
        a, b = pair(world)
        for n in range(10):
            a.send(b.address, Item(n))
            world.run_for("300us")
        world.run_until_idle()
        assert b.heard == list(range(10))


def test_order_is_kept_without_latency() -> None:
    """Where all latencies are zero and everything happens at one instant, each channel still keeps its order."""
    for seed in range(100):
        world = World(seed, latency=("0ns", "0ns"), local_latency=("0ns", "0ns"))
        log: list[Any] = []
        target = listener(world, log=log)
        senders = [listener(world, name) for name in "abc"]
        for n in range(4):
            for sender in senders:
                sender.send(target.address, Item(n))
        world.run_until_idle()
        for sender in senders:
            mine = [n for n, who in zip(target.heard, target.senders, strict=True) if who == sender.address]
            assert mine == [0, 1, 2, 3]
        assert world.clock.elapsed.ns == 0


class Extremes:
    """A strategy that knows only the ends of each range, so that coincidences are the rule."""

    name = "extremes"
    seed = 0

    def start(self, seed: int) -> None:
        self.seed = seed

    def choose(self, site: str, entity: str, occurrence: int, bound: int) -> int:
        if site == "order":
            return uniform(self.seed, site, entity, occurrence, bound)
        return bound * uniform(self.seed, site, entity, occurrence, 1)


def _forward(process: Scripted, sender: str, message: Item) -> None:
    # The first item makes it send one to itself, all others go on to the target.
    process.send("target@h" if message.n else process.address, Item(message.n or 3))


@pytest.mark.parametrize("drive", ["run_until_idle", "settle"])
def test_order_is_kept_among_many_coincidences(drive: str) -> None:
    """Where due times coincide all the time, also with answers sent meanwhile, each channel keeps its order."""
    for seed in range(300):
        world = World(seed, Extremes(), local_latency=("0ns", "5ms"))
        target = listener(world, "target", "h")
        senders = [Scripted(name, react=_forward) for name in "abc"]
        for sender in senders:
            world.spawn(sender, "h")
        for n in (0, 1, 2):
            for sender in senders:
                world.post(Item(n), sender.address)
        getattr(world, drive)()
        for sender in senders:
            posted = [n for n, who in zip(sender.heard, sender.senders, strict=True) if who == ""]
            assert posted == [0, 1, 2]
            # What it sent on, in the order in which it had heard it.
            forwarded = [n for n, who in zip(target.heard, target.senders, strict=True) if who == sender.address]
            assert forwarded == [n for n in sender.heard if n]


def test_dispatches_and_work_keep_their_order() -> None:
    """Dispatches of one process to another keep their order, and so do pieces of work of one label."""
    for seed in range(100):
        world = World(seed)
        a, b = pair(world)
        for n in range(6):
            a.dispatch(b.address, "tick", n)
            a.work("store", "100us", "5ms", "tick", n)
        world.run_until_idle()
        assert a.heard == b.heard == list(range(6))


def _all_heard(target: Listener, count: int) -> bool:
    return len(target.heard) == count


# -- what is free ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("drive", ["run_until_idle", "settle", "paused"])
def test_messages_of_different_senders_come_in_both_orders(drive: str) -> None:
    """Across channels nothing is promised: whoever sends first may be heard first or last."""
    seen = Counter()
    for seed in range(200):
        world = World(seed)
        target = listener(world)
        a, b = listener(world, "a"), listener(world, "b")
        a.send(target.address, Item(1))
        b.send(target.address, Item(2))
        if drive == "paused":
            with world.clock.pause():
                world.wait(partial(_all_heard, target, 2))
        else:
            getattr(world, drive)()
        seen[tuple(target.heard)] += 1
    assert set(seen) == {(1, 2), (2, 1)}
    assert min(seen.values()) > 60


@pytest.mark.parametrize("latency", [("50us", "5ms"), ("0ns", "0ns"), ("1ms", "1ms")], ids=str)
def test_every_order_of_three_independent_messages_occurs(latency: tuple[str, str]) -> None:
    """Over 2,000 seeds all six orders of three messages of three senders come up, each about equally often."""
    seen: Counter[tuple[int, ...]] = Counter()
    for seed in range(2000):
        world = World(seed, latency=latency)
        target = Listener("t")
        world.spawn(target, "h")
        senders = [Listener(name) for name in "abc"]
        for sender in senders:
            world.spawn(sender)
        world.settle()
        for n, sender in enumerate(senders):
            sender.send(target.address, Item(n))
        world.run_until_idle()
        seen[tuple(target.heard)] += 1
    assert set(seen) == set(itertools.permutations(range(3)))
    assert min(seen.values()) > 200


def test_messages_and_dispatches_of_one_sender_come_in_both_orders() -> None:
    """Messages, dispatches and exited events travel on channels of their own, so they may overtake each other."""
    seen = set()
    for seed in range(100):
        world = World(seed)
        a, b = pair(world)
        b.link(a.address)
        a.send(b.address, Item(1))
        a.dispatch(b.address, "tick", 2)
        world.terminate(a.address)
        world.run_until_idle()
        seen.add(tuple(entry[1] for entry in b.log))
    assert seen == set(itertools.permutations([1, 2, "exited"]))


def test_a_timer_and_a_message_due_at_one_instant_come_in_both_orders() -> None:
    """A delivery may win or lose against a timer of its receiver that is due at the same nanosecond."""
    seen = set()
    for seed in range(60):
        world = World(seed, latency=("1ms", "1ms"))
        a, b = pair(world)
        b.delay("1ms", "tick", 2)
        a.send(b.address, Item(1))
        world.run_until_idle()
        assert b.times == [1_000_000, 1_000_000]
        seen.add(tuple(b.heard))
    assert seen == {(1, 2), (2, 1)}


def test_a_random_back_off_may_overtake_a_message() -> None:
    """A retry without lower bound comes now before, now after an answer on its way: the flake of the real cluster."""
    seen = Counter()
    for seed in range(400):
        world = World(seed)
        a, b = pair(world)
        a.send(b.address, Item(1))
        b.backoff("0ns", "10ms", "tick", 2)
        world.run_until_idle()
        seen[tuple(b.heard)] += 1
    assert set(seen) == {(1, 2), (2, 1)}


@pytest.mark.parametrize(("cancelled", "live", "drawn"), [(1, 0, 0), (0, 1, 2), (1, 1, 2), (3, 0, 0)])
def test_a_cancelled_timer_is_no_rival(cancelled: int, live: int, drawn: int) -> None:
    """Who goes first at one instant is drawn only among what will really happen then: a timer taken back does not count."""
    world = World(5, latency=("1ms", "1ms"))
    a, b = pair(world)
    world.run_until_idle()
    before = len(world.choices)
    timers = [b.delay("1ms", b.tick) for _ in range(cancelled)]
    for n in range(live):
        b.delay("1ms", b.tick, n)
    a.send(b.address, Item(7))
    for timer in timers:
        timer.cancel()
    world.run_until_idle()
    assert [choice.site for choice in world.choices.record[before:]] == ["order"] * drawn
    assert sorted(b.heard) == [*range(live), 7]


def test_initialisations_at_one_instant_come_in_any_order() -> None:
    """Processes spawned together initialise in any order, each before anything else that happens to it."""
    seen = set()
    for seed in range(100):
        world = World(seed)
        log: list[str] = []
        for name in "abc":
            world.spawn(Scripted(name, lambda p: p.log.append(p.name), log=log))
        world.settle()
        seen.add("".join(log))
    assert seen == {"".join(order) for order in itertools.permutations("abc")}


def test_prompt_is_the_order_of_a_calm_machine() -> None:
    """The benign schedule: shortest latencies, so everything comes in the order in which it was sent."""
    world = World(11, strategy="prompt")
    target = listener(world)
    senders = [listener(world, name) for name in "abc"]
    for n in range(3):
        for sender in senders:
            sender.send(target.address, Item(n))
    world.run_until_idle()
    assert target.heard == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert target.senders == [sender.address for sender in senders] * 3
    assert set(target.times) == {LOW}


# -- windows --------------------------------------------------------------------------------------------------------------


def test_a_delivery_never_runs_outside_its_window() -> None:
    """While the clock runs, a message is handled between its sending plus the least and plus the most latency."""
    late = early = 0
    for seed in range(150):
        world = World(seed)
        a, b = pair(world)
        sent: list[int] = []

        def shoot(a: Listener = a, b: Listener = b, sent: list[int] = sent) -> None:
            sent.append(a.now)
            a.send(b.address, Item(len(sent)))

        for _ in range(8):
            a.backoff("0ns", "20ms", shoot)
        world.run_until_idle()
        assert b.heard == list(range(1, 9))
        for at, arrived in zip(sent, b.times, strict=True):
            assert at + LOW <= arrived <= at + HIGH
            late += arrived - at > 0.9 * HIGH
            early += arrived - at < 0.1 * HIGH
    # The whole window is used.
    assert late > 10
    assert early > 10


def test_a_delivery_inside_a_host_is_faster() -> None:
    """Between processes of one host a message takes at most the local latency."""
    for seed in range(50):
        world = World(seed)
        a, b = listener(world, "a", "h"), listener(world, "b", "h")
        a.send(b.address, Item(1))
        world.run_until_idle()
        assert b.times[0] <= 50_000


def test_latencies_can_be_chosen() -> None:
    """The world's latency and local_latency are the windows of all channels."""
    for seed in range(50):
        world = World(seed, latency=("2ms", "3ms"), local_latency=("1us", "2us"))
        a, b, c = listener(world, "a", "h"), listener(world, "b", "h"), listener(world, "c")
        a.send(b.address, Item(1))
        a.send(c.address, Item(1))
        world.run_until_idle()
        assert 1_000 <= b.times[0] <= 2_000
        assert 2_000_000 <= c.times[0] <= 3_000_000


def test_a_timer_never_fires_late_or_early_under_a_running_clock() -> None:
    """Amid all traffic a timer fires at its exact nanosecond."""
    for seed in range(60):
        world = World(seed)
        a, b = pair(world)
        due: list[int] = []
        for n in range(10):
            timer = b.backoff("0ns", "9ms", "tick", -1)
            due.append(timer.due_ns)
            a.send(b.address, Item(n))
            b.send(a.address, Item(n))
            world.run_for("700us")
        world.run_until_idle()
        fired = [at for at, n in zip(b.times, b.heard, strict=True) if n == -1]
        assert fired == sorted(due)


def test_time_never_goes_back() -> None:
    """The times in the trace never decrease, whatever is driven in between."""
    for seed in range(40):
        world = World(seed)
        a, b = pair(world)
        for n in range(5):
            a.send(b.address, Item(n))
            b.backoff("0ns", "3ms", "tick")
            if n % 3 == 0:
                world.settle()
            elif n % 3 == 1:
                world.clock.jump("1ms")
            else:
                world.run_for("1ms")
        world.run_until_idle()
        times = [record.time for record in world.trace]
        assert times == sorted(times)
