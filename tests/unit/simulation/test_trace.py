"""The trace: what is written down, how it reads, and a digest that depends on content alone."""

from __future__ import annotations

import enum
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from harness.durations import Duration, milliseconds, seconds
from harness.simulation import Process, World
from harness.simulation.trace import canonical
from tests.unit.simulation.toys import Item, Listener, Scripted, listener, pair


def test_every_kind_of_event_is_a_record() -> None:
    """Spawns, deliveries, timers, notes, drops, holds and ends are traced with time, process, sender and cause."""
    world = World(strategy="prompt")
    a, b = pair(world)
    a.send(b.address, Item(1))
    a.send("nobody@x", Item(2))
    b.delay("10ms", "tick", 3)
    b.note("b says {}", "hi")
    with world.messages.hold(Item, times=1, where=lambda item: item.n == 1):
        world.run_until_idle()
    world.terminate(a.address)
    kinds = [record.kind for record in world.trace]
    assert kinds.count("spawned") == 2
    assert [record.kind for record in world.trace if record.step >= 4] == ["note", "held", "dropped", "timer", "ended"]
    held = next(record for record in world.trace if record.kind == "held")
    assert (held.process, held.source, held.event, held.time, held.since) == (
        "b@hb",
        "a@ha",
        Item(1),
        Duration(50_000),
        Duration(0),
    )
    timer = next(record for record in world.trace if record.kind == "timer")
    assert (timer.process, timer.event, timer.time, timer.since) == ("b@hb", "tick", milliseconds(10), Duration(0))
    assert world.trace[-1].process == "a@ha"


def test_a_record_names_its_cause() -> None:
    """What a handler sent points back to the record of that handler; what the test did has no cause."""
    world = World()
    answerer = Scripted("answerer", react=lambda p, s, m: (p.send("listener@listener", Item(m.n + 1)), p.delay("1ms", "tick")))
    target = listener(world)
    world.post(Item(1), world.spawn(answerer))
    world.run_until_idle()
    records = list(world.trace)
    first = next(r for r in records if r.event == Item(1))
    second = next(r for r in records if r.event == Item(2))
    timer = next(r for r in records if r.kind == "timer")
    assert first.cause == -1
    assert second.cause == first.step
    assert timer.cause == first.step
    assert target.heard == [2]
    assert [record.step for record in records] == list(range(len(records)))


def test_a_trace_is_a_sequence() -> None:
    """It has a length, can be indexed from both ends and walked; an index out of range is an IndexError."""
    world = World()
    listener(world)
    trace = world.trace
    assert len(trace) == len(list(trace)) == 2
    assert trace[0].kind == "spawned"
    assert trace[-1] == trace[1]
    with pytest.raises(IndexError, match="2 records"):
        trace[2]
    with pytest.raises(IndexError):
        trace[-3]


def test_lines_can_be_cut_out_by_time_and_number() -> None:
    """``lines`` gives rendered records between two instants, at most the last ones."""
    world = World()
    process = Scripted("p", lambda p: [p.delay(seconds(n), "tick", n) for n in range(1, 6)])
    world.spawn(process)
    world.run_until_idle()
    ticks = world.trace.lines(since_ns=2_000_000_000, until_ns=4_000_000_000)
    assert [line.split()[0] for line in ticks] == ["2secs", "3secs", "4secs"]
    assert world.trace.lines(last=1) == ticks[:0] + [str(world.trace[-1])]
    assert len(world.trace.lines(last=2)) == 2
    assert len(world.trace.lines()) == len(world.trace)


def test_lines_read_well() -> None:
    """A line shows time, process and event, with the sender of a message."""
    world = World(strategy="prompt")
    a, b = pair(world)
    a.send(b.address, Item(1))
    world.run_until_idle()
    line = world.trace.lines(last=1)[0]
    assert line.split() == ["50us", "b@hb", "Item(n=1)", "<-", "a@ha"]


def test_recent_lines_fit_a_report() -> None:
    """In the text of an error uuids are cut to their beginning, long lines to a width, and the columns stand below each other."""
    world = World(strategy="prompt")
    a, b = pair(world)
    a.note("before")
    a.note("id 7aee26e6-a383-47e5-a3b6-feedbc580dcb")
    b.note("x" * 500)
    first, second = world.trace.recent(2)
    assert first.split() == ["0ns", "a@ha", "id", "7aee26e6…"]
    assert second.endswith("xxx...")
    assert len(second) == 160
    assert first.index("id ") == second.index("xxx")


def test_equal_runs_have_equal_digests_and_different_ones_do_not() -> None:
    """The digest tells runs apart by what happened, in which order, and when."""

    def run(seed: int, *numbers: int, note: str = "") -> str:
        world = World(seed)
        a, b = pair(world)
        for n in numbers:
            a.send(b.address, Item(n))
        if note:
            a.note(note)
        world.run_until_idle()
        return world.digest

    base = run(1, 1, 2)
    assert run(1, 1, 2) == base
    others = [run(2, 1, 2), run(1, 2, 1), run(1, 1), run(1, 1, 2, note="x"), run(1, 1, 2, note="y")]
    assert len({base, *others}) == 6


def test_the_digest_can_be_asked_for_at_any_time() -> None:
    """Asking changes nothing, and asking again after more events gives another text."""
    world = World()
    process = listener(world)
    before = world.digest
    assert world.digest == before
    process.tick()
    assert world.digest == before
    world.post(Item(1), process.address)
    world.settle()
    assert world.digest != before


class Colour(enum.Enum):
    RED = 1


class Struct(msgspec.Struct):
    x: int
    y: Any = None


@dataclass
class Data:
    b: int
    a: int


class Slotted:
    __slots__ = ("_hidden", "shown")

    def __init__(self) -> None:
        self.shown = 1
        self._hidden = object()


class Plain:
    def __init__(self) -> None:
        self.z = [1]
        self._secret = object()


class Named:
    def _canonical(self) -> str:
        return "by itself"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (True, "True"),
        (1.5, "1.5"),
        (b"x", "b'x'"),
        ("x'y", '"x\'y"'),
        ((1, "a"), "[1,'a']"),
        ([1, [2]], "[1,[2]]"),
        ({"b": 1, "a": 2}, "{'b':1,'a':2}"),
        (OrderedDict(a=1), "{'a':1}"),
        ({"c", "a", "b"}, "<'a','b','c'>"),
        (frozenset({2, 1}), "<1,2>"),
        (Colour.RED, "Colour.RED"),
        (Duration(1500), "1500ns"),
        (Struct(1, "q"), "Struct(x=1,y='q')"),
        (Data(1, 2), "Data(b=1,a=2)"),
        (Slotted(), "Slotted(shown=1)"),
        (Plain(), "Plain(z=[1])"),
        (Named(), "Named(by itself)"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_are_digested_by_their_content(value: Any, text: str) -> None:
    """Records are digested field by field, sets in sorted order, objects without their private parts; never by identity."""
    assert canonical(value) == text
    assert " at 0x" not in canonical([value])


def test_functions_are_digested_by_name() -> None:
    """A callback that travels in a dispatch counts by its name, not by where it lies in memory."""
    assert "test_functions_are_digested_by_name" in canonical(test_functions_are_digested_by_name)
    assert " at 0x" not in canonical(lambda: None)


def test_processes_may_travel_in_dispatches() -> None:
    """A process that is handed over in a dispatch is digested by its path, not with the whole world behind it."""

    class Holder(Process):
        def hold(self, other: Process) -> None:
            pass

    digests = set()
    for _ in range(2):
        world = World(3)
        target = Listener("t")
        world.spawn(target, "h")
        target.dispatch(world.spawn(Holder("holder")), "hold", target)
        world.run_until_idle()
        digests.add(world.digest)
    assert len(digests) == 1
    assert canonical(target) == "Listener(t@h)"
    assert canonical(Listener("unborn")) == "Listener(unborn)"
