"""The network: partitions, healing, latencies, losses, duplicates and broken links; order within a channel survives all."""

from __future__ import annotations

import random
from typing import Any

import pytest

from harness.durations import milliseconds
from harness.errors import DeadlockError, MisuseError
from harness.simulation import World
from tests.unit.simulation.toys import Item, Listener, Scripted, listener, pair


def _exchange(world: World, a: Listener, b: Listener) -> tuple[list[int], list[int]]:
    """What each hears when both send one message."""
    a.heard.clear()
    b.heard.clear()
    a.send(b.address, Item(1))
    b.send(a.address, Item(2))
    world.settle()
    return a.heard, b.heard


# -- partitions -----------------------------------------------------------------------------------------------------------


def test_a_partition_stops_both_directions_until_healed() -> None:
    """Nothing passes either way; everything that was kept arrives after the healing."""
    world = World(1)
    a, b = pair(world)
    world.network.partition(a.address, b.address)
    assert _exchange(world, a, b) == ([], [])
    world.run_for("1mins")
    assert (a.heard, b.heard) == ([], [])
    world.network.heal()
    world.settle()
    assert (a.heard, b.heard) == ([2], [1])
    assert _exchange(world, a, b) == ([2], [1])


def test_a_one_way_partition_stops_one_direction() -> None:
    """From source to destination nothing passes, back everything does."""
    world = World(1)
    a, b = pair(world)
    world.network.partition_one_way(a.address, b.address)
    assert _exchange(world, a, b) == ([2], [])
    world.network.heal(a.address, b.address)
    world.settle()
    assert b.heard == [1]


def test_isolation_cuts_off_one_from_all_others() -> None:
    """An isolated process neither hears nor is heard, while the others go on; a host's own processes still talk."""
    world = World(1)
    a, b = pair(world)
    c = listener(world, "c", "hc")
    mate = listener(world, "mate", "ha")
    world.network.isolate("ha")
    assert _exchange(world, a, b) == ([], [])
    assert _exchange(world, a, mate) == ([2], [1])
    assert _exchange(world, b, c) == ([2], [1])
    world.network.heal("ha")
    world.settle()
    # What was kept arrives behind what mate had said.
    assert a.heard == [2, 2]


@pytest.mark.parametrize("how", ["run", "settle"])
def test_healing_keeps_the_order_of_each_channel(how: str) -> None:
    """Messages sent before, during and after a partition, or on their way at either end of it, arrive in the order of sending."""
    for seed in range(150):
        world = World(seed)
        a, b = pair(world)
        numbers = iter(range(100))

        def burst(a: Listener = a, b: Listener = b, numbers: Any = numbers) -> None:
            for _ in range(3):
                a.send(b.address, Item(next(numbers)))

        burst()
        world.run_for("1ms")
        world.network.partition("ha", "hb")
        burst()
        world.run_for("2ms")
        burst()
        world.network.heal("ha", "hb")
        burst()
        if how == "run":
            world.run_for("1ms")
            world.network.isolate("hb")
            burst()
            world.run_for("3ms")
            world.network.heal("hb")
        burst()
        world.run_until_idle()
        assert b.heard == sorted(b.heard)
        assert len(b.heard) == next(numbers)


def test_a_partition_holds_what_is_on_its_way_already() -> None:
    """Cutting the wire stops messages that have been sent but not arrived."""
    world = World(strategy="prompt")
    a, b = pair(world)
    a.send(b.address, Item(1))
    world.run_for("10us")
    world.network.partition("ha", "hb")
    world.run_for("1secs")
    assert b.heard == []
    world.network.heal()
    world.run_until_idle()
    assert b.heard == [1]


def test_partitions_concern_dispatches_and_exited_events_too() -> None:
    """Whatever goes from one host to another waits: also calls, and the news of an end."""
    world = World(1)
    a, b = pair(world)
    b.link(a.address)
    world.network.partition("ha", "hb")
    future = a.dispatch(b.address, "tick", 5)
    world.settle()
    assert not future.done
    world.terminate(a.address)
    world.run_for("1mins")
    assert b.gone == []
    world.network.heal()
    world.run_until_idle()
    assert future.get() == 5
    assert b.gone == [a.address]


def test_partitions_leave_timers_work_and_local_calls_alone() -> None:
    """A process that is cut off still serves its own timers, work and dispatches to itself."""
    world = World(1)
    a = listener(world, "a", "ha")
    world.network.isolate("ha")
    a.delay("1ms", "tick", 1)
    a.work("store", "2ms", "2ms", "tick", 2)
    a.dispatch(a.address, "tick", 0)
    world.run_until_idle()
    assert a.heard == [0, 1, 2]


def test_partitions_concern_processes_spawned_later() -> None:
    """A host that is cut off stays so for processes and channels that did not exist then."""
    world = World(1)
    a = listener(world, "a", "ha")
    listener(world, "b", "hb")
    world.network.partition("ha", "hb")
    later = listener(world, "later", "hb")
    assert _exchange(world, a, later) == ([], [])


def test_an_address_stands_for_its_process_and_its_children() -> None:
    """Partitioning a process, by address or as an object, leaves others of that host alone, its children excepted."""
    world = World(1)
    parent = Scripted("parent", lambda p: p.spawn(Listener("child")))
    world.spawn(parent, "ha")
    world.settle()
    mate = listener(world, "mate", "ha")
    b = listener(world, "b", "hb")
    for party in (parent.address, parent):
        world.network.partition(party, b.address)
        assert _exchange(world, parent, b) == ([], [])
        assert _exchange(world, world.process("child@ha"), b) == ([], [])
        assert _exchange(world, mate, b) == ([2], [1])
        world.network.heal()
        world.settle()


def test_a_handle_stands_for_its_host() -> None:
    """Whatever has processes and a host may be named as one end of a partition."""

    class Handle:
        _host = "ha"
        _roots = ("a@ha",)

    world = World(1)
    a, b = pair(world)
    handle = Handle()
    world.network.partition(handle, "hb")
    assert _exchange(world, a, b) == ([], [])
    world.network.heal(handle)
    world.settle()
    assert (a.heard, b.heard) == ([2], [1])


def test_overlapping_partitions_are_healed_one_by_one() -> None:
    """A channel is open again only when nothing closes it any more."""
    world = World(1)
    a, b = pair(world)
    world.network.partition("ha", "hb")
    world.network.isolate("ha")
    world.network.heal("ha", "hb")
    assert _exchange(world, a, b) == ([], [])
    world.network.heal()
    world.settle()
    assert (a.heard, b.heard) == ([2], [1])


def test_healing_nothing_in_particular_is_allowed() -> None:
    """``heal()`` ends whatever there is, also nothing; healing something that is not cut off is a misuse."""
    world = World(1)
    pair(world)
    world.network.heal()
    with pytest.raises(MisuseError, match="there is no partition of ha"):
        world.network.heal("ha")


def test_waiting_behind_a_partition_is_a_deadlock_that_says_so() -> None:
    """When only a partition keeps the message, the error lists it and names heal()."""
    world = World(1)
    a, b = pair(world)
    world.network.partition("ha", "hb")
    a.send(b.address, Item(1))
    with pytest.raises(DeadlockError, match=r"(?s)Item\(n=1\) from a@ha to b@hb.*kept by a partition.*network.heal\(\)"):
        world.wait(lambda: b.heard)


@pytest.mark.parametrize("given", ["nowhere", 7, object()])
def test_unknown_parties_are_refused(given: Any) -> None:
    """A host that is not there and things that are no party are misuses naming the argument."""
    world = World(1)
    pair(world)
    with pytest.raises(MisuseError, match="b="):
        world.network.partition("ha", given)


def test_order_survives_any_mixture_of_faults_and_driving() -> None:
    """Whatever is cut, healed, settled, jumped and run meanwhile, each channel delivers everything once, in order."""
    for seed in range(400):
        script = random.Random(seed)
        world = World(seed, latency=("0ns", "3ms"), local_latency=("0ns", "3ms"))
        processes = [listener(world, name, host) for name, host in (("a", "h0"), ("b", "h1"), ("c", "h0"))]
        sent: dict[tuple[str, str], list[int]] = {}
        for n in range(script.randint(5, 40)):
            step = script.random()
            if step < 0.5:
                sender, receiver = script.sample(processes, 2)
                sender.send(receiver.address, Item(n))
                sent.setdefault((sender.address, receiver.address), []).append(n)
            elif step < 0.6:
                world.settle()
            elif step < 0.7:
                world.run_for(script.choice(["1ms", "3ms", "1us"]))
            elif step < 0.75:
                world.clock.jump("2ms")
            elif step < 0.8:
                world.clock.advance("1ms")
            elif step < 0.87:
                world.network.partition("h0", "h1")
            elif step < 0.92:
                world.network.isolate("h0")
            else:
                world.network.heal()
        world.network.heal()
        world.run_until_idle()
        for (source, target), numbers in sent.items():
            receiver = world.process(target)
            assert [n for n, who in zip(receiver.heard, receiver.senders, strict=True) if who == source] == numbers


# -- latency --------------------------------------------------------------------------------------------------------------


def test_latency_of_one_direction_can_be_set() -> None:
    """From now on messages of that direction take that long, for channels in use and new ones; others are as before."""
    for seed in range(30):
        world = World(seed)
        a, b = pair(world)
        a.send(b.address, Item(0))
        world.run_until_idle()
        begin = world.clock.elapsed.ns
        world.network.latency("ha", "hb", "1secs", "2secs")
        a.send(b.address, Item(1))
        b.send(a.address, Item(1))
        a.dispatch(b.address, "tick", 2)
        world.run_until_idle()
        assert all(10**9 <= t - begin <= 2 * 10**9 for t in b.times[1:])
        assert len(b.times) == 3
        assert a.times[0] - begin <= 5_000_000


def test_latency_for_anybody() -> None:
    """None stands for everybody; a later rule overrides an earlier one."""
    world = World(3)
    a, b = pair(world)
    world.network.latency(None, None, "10ms", "10ms")
    world.network.latency(None, b.address, "20ms", "20ms")
    _exchange_and_run(world, a, b)
    assert (a.times, b.times) == ([10_000_000], [20_000_000])


def _exchange_and_run(world: World, a: Listener, b: Listener) -> None:
    a.send(b.address, Item(1))
    b.send(a.address, Item(2))
    world.run_until_idle()


def test_a_shorter_latency_does_not_break_the_order() -> None:
    """Messages sent after the line got faster stay behind those that are still on their way."""
    for seed in range(30):
        world = World(seed)
        a, b = pair(world)
        world.network.latency("ha", "hb", "1secs", "2secs")
        a.send(b.address, Item(1))
        world.network.latency("ha", "hb", "0ns", "1us")
        a.send(b.address, Item(2))
        world.run_until_idle()
        assert b.heard == [1, 2]


@pytest.mark.parametrize(("low", "high"), [("2ms", "1ms"), ("-1ms", "1ms")])
def test_latency_must_be_a_range(low: str, high: str) -> None:
    """The least is at least 0 and at most the most."""
    world = World()
    with pytest.raises(MisuseError, match="latency"):
        world.network.latency(None, None, low, high)


# -- losses and duplicates ------------------------------------------------------------------------------------------------


def test_losses_happen_at_their_rate_and_are_choices() -> None:
    """About the given share of messages is lost, different ones under each seed, none in the benign run."""
    heard = 0
    outcomes = set()
    for seed in range(40):
        world = World(seed)
        a, b = pair(world)
        world.network.loss("ha", "hb", 0.3)
        for n in range(20):
            a.send(b.address, Item(n))
        world.run_until_idle()
        assert b.heard == sorted(b.heard)
        heard += len(b.heard)
        outcomes.add(tuple(b.heard))
        assert sum(record.kind == "dropped" for record in world.trace) == 20 - len(b.heard)
    assert 0.6 < heard / 800 < 0.8
    assert len(outcomes) > 30
    calm = World(strategy="prompt")
    a, b = pair(calm)
    calm.network.loss("ha", "hb", 0.9)
    _exchange_and_run(calm, a, b)
    assert b.heard == [1]


def test_certain_losses_are_certain() -> None:
    """Rate 1 loses everything under every strategy, and rate 0 ends the losses."""
    for strategy in ("random", "prompt"):
        world = World(2, strategy=strategy)
        a, b = pair(world)
        world.network.loss("ha", "hb", 1)
        assert _exchange(world, a, b) == ([2], [])
        world.network.loss("ha", "hb", 0)
        assert _exchange(world, a, b) == ([2], [1])


def test_duplicates_come_once_more() -> None:
    """With rate 1 each message comes exactly twice, and the first copies keep their order."""
    for seed in range(20):
        world = World(seed)
        a, b = pair(world)
        world.network.duplicate("ha", "hb", 1)
        for n in range(5):
            a.send(b.address, Item(n))
        world.run_until_idle()
        assert sorted(b.heard) == sorted([*range(5), *range(5)])
        assert list(dict.fromkeys(b.heard)) == [0, 1, 2, 3, 4]


def test_losses_and_duplicates_concern_messages_only() -> None:
    """Dispatches and exited events are neither lost nor repeated."""
    world = World(2)
    a, b = pair(world)
    b.link(a.address)
    for fault in (world.network.loss, world.network.duplicate):
        fault(None, None, 1)
        future = a.dispatch(b.address, "tick", 5)
        world.run_until_idle()
        assert future.get() == 5
    world.terminate(a.address)
    world.run_until_idle()
    assert (b.heard, b.gone) == ([5, 5], [a.address])


@pytest.mark.parametrize("rate", [-0.1, 1.5, "0.5", True])
def test_rates_are_probabilities(rate: Any) -> None:
    """Anything that is no probability is refused with its value."""
    world = World()
    for fault in (world.network.loss, world.network.duplicate):
        with pytest.raises(MisuseError, match="wanted a probability"):
            fault(None, None, rate)


# -- links ----------------------------------------------------------------------------------------------------------------


def test_a_broken_link_is_heard_by_each_linker_and_nobody_ends() -> None:
    """Both directions break: each process that had linked hears ``exited``, both live on, and the link is gone."""
    world = World(1)
    a, b = pair(world)
    c = listener(world, "c", "hc")
    a.link(b.address)
    b.link(a.address)
    c.link(b.address)
    world.network.break_link(a.address, b.address)
    world.run_until_idle()
    assert (a.gone, b.gone, c.gone) == ([b.address], [a.address], [])
    assert a.alive
    assert b.alive
    world.terminate(b.address)
    world.run_until_idle()
    assert a.gone == [b.address]
    assert c.gone == [b.address]


def test_a_broken_link_is_heard_in_spite_of_a_partition() -> None:
    """A process finds out about its broken link by itself."""
    world = World(1)
    a, b = pair(world)
    a.link(b.address)
    world.network.partition("ha", "hb")
    world.network.break_link("ha", "hb")
    world.settle()
    assert a.gone == [b.address]


def test_breaking_what_is_not_linked_is_a_misuse() -> None:
    """A link that is not there cannot break, not even a second time."""
    world = World(1)
    a, b = pair(world)
    with pytest.raises(MisuseError, match="not linked"):
        world.network.break_link(a.address, b.address)
    a.link(b.address)
    world.network.break_link(b.address, a.address)
    with pytest.raises(MisuseError, match="not linked"):
        world.network.break_link(a.address, b.address)


def test_faults_are_part_of_the_run() -> None:
    """Equal seeds with equal faults give equal digests, and the record of a faulty run can be replayed."""

    def run(seed: int, replay: Any = None) -> World:
        world = World(seed, replay=replay)
        a, b = pair(world)
        world.network.loss(None, None, 0.2)
        world.network.duplicate(None, None, 0.2)
        for n in range(10):
            a.send(b.address, Item(n))
            b.send(a.address, Item(n))
            world.run_for("1ms")
            if n == 4:
                world.network.partition("ha", "hb")
        world.network.heal()
        world.run_until_idle()
        return world

    for seed in range(5):
        first = run(seed)
        assert run(seed).digest == first.digest
        assert run(0, first.choices.record).digest == first.digest
    assert world_time_is_sane(first)


def world_time_is_sane(world: World) -> bool:
    """Whether the run above ended when its last message could have arrived."""
    return milliseconds(10) <= world.clock.elapsed <= milliseconds(40)
