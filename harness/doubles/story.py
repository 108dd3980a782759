"""The part of a trace that belongs to a failure: few lines, the telling ones, in order, and how many were left out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from harness.doubles.differences import Mentions
from harness.simulation import Record, World
from harness.simulation.trace import moment, shorten

#: Indices of the events that led to the last one.
Chain: TypeAlias = dict[int, None]

_LINES = 32
_CHAIN = 14
_CHAIN_BEFORE = 3
_WIDTH = 150
_PROCESS = 36
#: A failure at the end of a long run must not take longer to tell than the run took.
_LOOKED_AT = 5000
#: How much each kind of record tells; the least telling are left out first.
_WEIGHTS = {"note": 0, "ended": 0, "dropped": 0, "held": 0, "timer": 1, "delivered": 2, "spawned": 3}


def story_between(world: World | None, since_ns: int, until_ns: int, words: Iterable[str], title: str, end: int) -> list[str]:
    """The telling lines between two instants, and the chain of events that led to the last one, even if it began earlier."""
    if world is None:
        return []
    chain = _chain(world, end)
    records = _backwards(world, until_ns, since_ns, _LOOKED_AT, end)
    first = records[0].step if records else end
    earlier = [each for record in chain if record.step < first for each in (record, *_notes_of(world, record, first))]
    earlier = earlier[-2 * _CHAIN_BEFORE :]
    lines = _render([*earlier, *records], words, title, {record.step: None for record in chain}, keep_newest=False)
    return lines and [f"{lines[1]}", *lines[2:], "  (events marked > led to the last call, one causing the next)"]


def story_until(
    world: World | None, until_ns: int, words: Iterable[str], title: str, *, whole: bool = True, end: int | None = None
) -> list[str]:
    """The last telling lines up to an instant; unless ``whole``, nothing of the clean-up after the test."""
    if world is None:
        return []
    if end is None:
        end = len(world.trace) if whole or world.trace.over is None else world.trace.over
    return _render(_backwards(world, until_ns, 0, _LOOKED_AT // 10, end), words, title, {}, keep_newest=True)


def _notes_of(world: World, record: Record, end: int) -> list[Record]:
    """What a process said about itself while an event was handled."""
    trace = world.trace
    near = (trace[step] for step in range(record.step + 1, min(record.step + 8, end)))
    return [each for each in near if each.kind == "note" and each.cause == record.step]


def _chain(world: World, end: int) -> list[Record]:
    """The events each of which caused the next, up to the newest but for what it has written itself; oldest first."""
    trace = world.trace
    chain: list[Record] = []
    index = end - 1
    # That a child was spawned meanwhile led to nothing yet.
    while index > 0 and trace[index].kind == "spawned":
        index -= 1
    while index >= 0 and len(chain) < _CHAIN:
        record = trace[index]
        chain.append(record)
        if record.cause >= index:
            break
        index = record.cause
    chain.reverse()
    return chain


def _backwards(world: World, until_ns: int, since_ns: int, limit: int, end: int) -> list[Record]:
    """Of the first ``end`` records those of a span of time, at most ``limit`` of them, the newest."""
    trace = world.trace
    found: list[Record] = []
    index = end
    while index > 0 and len(found) < limit:
        index -= 1
        record = trace[index]
        if record.time.ns < since_ns:
            break
        if record.time.ns <= until_ns:
            found.append(record)
    found.reverse()
    return found


def _render(records: list[Record], words: Iterable[str], title: str, chain: Chain, *, keep_newest: bool) -> list[str]:
    if not records:
        return []
    mentions = Mentions(words)
    lines = [(record, str(record)) for record in records]
    inner = {record.step for record in records if record.step in chain and _inside(record)}
    # What a process said first about such a step tells it better than the step.
    inner_notes = {record.cause: record.step for record in reversed(records) if record.kind == "note" and record.cause in inner}
    first_notes = dict.fromkeys(inner_notes.values())
    candidates = [
        (record, line) for record, line in lines if record.step in chain or mentions(line) or record.step in first_notes
    ] or lines
    candidates, chain = _told_by_notes(candidates, chain)
    chosen = _most_telling(candidates, chain, keep_newest)
    left_out = len(records) - len(chosen)
    span = f"{moment(records[0].time)} .. {moment(records[-1].time)}"
    omitted = f"; {left_out} of {len(records)} events left out" if left_out else ""
    rows = [(record, moment(record.time), shorten(record.process)) for record, _ in chosen]
    late = max(len(time) for _, time, _ in rows)
    wide = min(_PROCESS, max(len(process) for _, _, process in rows))
    lines_shown = [
        _cut(f"{'>' if record.step in chain else ' '} {time:>{late}}  {process:<{wide}}  {shorten(record.text)}")
        for record, time, process in rows
    ]
    return ["", f"{title} ({span}{omitted}):", *lines_shown]


def _told_by_notes(candidates: list[tuple[Record, str]], chain: Chain) -> tuple[list[tuple[Record, str]], Chain]:
    """Leave out the steps of a process with itself that its own notes tell better; those notes take their place in the chain."""
    told = {record.cause for record, _ in candidates if record.kind == "note"}
    inner = {record.step for record, _ in candidates if _inside(record) and record.step in told}
    marked = dict.fromkeys(step for step in chain if step not in inner)
    marked.update((record.step, None) for record, _ in candidates if record.cause in inner and record.cause in chain)
    return [candidate for candidate in candidates if candidate[0].step not in inner], marked


def _inside(record: Record) -> bool:
    return record.kind == "delivered" and record.source in ("", record.process)


def _most_telling(candidates: list[tuple[Record, str]], chain: Chain, keep_newest: bool) -> list[tuple[Record, str]]:
    if keep_newest:
        # The end of a run is mostly clearing up; what processes said about themselves reaches further back.
        return [candidate for candidate in candidates if _WEIGHTS.get(candidate[0].kind) == 0][-_LINES:] or candidates[-_LINES:]
    if len(candidates) <= _LINES:
        return candidates
    ranked = sorted(range(len(candidates)), key=lambda position: (_weight(candidates[position][0], chain), position))
    return [candidates[position] for position in sorted(ranked[:_LINES])]


def _weight(record: Record, chain: Chain) -> int:
    # Steps of a process with itself (dispatches, stores) are told better by its notes.
    inside = _inside(record)
    if record.step in chain:
        return 2 if inside else -1
    return _WEIGHTS.get(record.kind, 2) + inside


def _cut(line: str) -> str:
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 3]}..."
