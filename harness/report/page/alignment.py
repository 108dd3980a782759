"""Two runs of one test put side by side: which event of one is which of the other, and where they first differ."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from harness.report.document import RecordEntry, RunDocument


class Alignment(NamedTuple):
    """Columns for two runs.

    Attributes:
        columns: (step of one, step of the other); -1 where a run has nothing to put there. An event that both runs have, but in
            another order, stands in two columns.
        difference: the first column at which some process lives through something else; None if there is none.
    """

    columns: list[tuple[int, int]]
    difference: int | None


def align(one: RunDocument, other: RunDocument) -> Alignment:
    """Put the events of two runs into common columns, in the order of both as far as they agree."""
    ours, theirs = one.records, other.records
    place = {record.name: step for step, record in enumerate(theirs)}
    shared = [(step, place[record.name]) for step, record in enumerate(ours) if record.name in place]
    columns: list[tuple[int, int]] = []
    at, there = 0, 0
    for step, match in [*_rising(shared), (len(ours), len(theirs))]:
        columns += [(before, -1) for before in range(at, step)]
        columns += [(-1, before) for before in range(there, match)]
        if step < len(ours):
            columns.append((step, match))
        at, there = step + 1, match + 1
    return Alignment(columns, _first_difference(columns, ours, theirs))


def _rising(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest choice of pairs of which both halves only grow; the first halves do already."""
    ends: list[int] = []
    last_of: list[int] = []
    before: list[int] = []
    for index, (_, match) in enumerate(pairs):
        length = bisect_left(ends, match)
        before.append(last_of[length - 1] if length else -1)
        if length == len(ends):
            ends.append(match)
            last_of.append(index)
        else:
            ends[length] = match
            last_of[length] = index
    chosen = []
    index = last_of[-1] if last_of else -1
    while index >= 0:
        chosen.append(pairs[index])
        index = before[index]
    return chosen[::-1]


def _first_difference(
    columns: Sequence[tuple[int, int]], ours: Sequence[RecordEntry], theirs: Sequence[RecordEntry]
) -> int | None:
    """Events of different processes may change places without anybody noticing; what one process lives through may not."""
    column_of_ours = {step: column for column, (step, _) in enumerate(columns) if step >= 0}
    column_of_theirs = {step: column for column, (_, step) in enumerate(columns) if step >= 0}
    found: list[int] = []
    mine, its = _by_process(ours), _by_process(theirs)
    for process in {**mine, **its}:
        one, other = mine.get(process, []), its.get(process, [])
        same = 0
        while same < min(len(one), len(other)) and _alike(ours[one[same]], theirs[other[same]]):
            same += 1
        found += [column_of_ours[step] for step in one[same : same + 1]]
        found += [column_of_theirs[step] for step in other[same : same + 1]]
    return min(found, default=None)


def _by_process(records: Sequence[RecordEntry]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for step, record in enumerate(records):
        found.setdefault(record.process, []).append(step)
    return found


def _alike(one: RecordEntry, other: RecordEntry) -> bool:
    return one.name == other.name and one.kind == other.kind
