"""At which values of a random delay something else happens: read off two runs, instead of searched nanosecond by nanosecond.

A delay that is drawn shorter moves its timer, and all that follows from it, to an earlier time; everything else stays where it
is. So between two values the order changes where something that moves meets something that stays.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import NamedTuple

from harness.simulation.events import Channel
from harness.simulation.trace import DELIVERED, DROPPED, FIRED, STRIDE, Trace


class Rows(NamedTuple):
    """The deliveries and timers of a run in order.

    Attributes:
        keys: receiver and name of each; equal for the same event in two runs.
        times: when, in ns.
    """

    keys: tuple[str, ...]
    times: array[int]


def rows_of(trace: Trace, timers: Sequence[int]) -> Rows:
    """Read them off a trace; ``timers`` as for :func:`harness.explore.fingerprint.fingerprint`."""
    flat = trace.flat
    fired = iter(timers)
    counts: dict[str, int] = {}
    keys, times = [], array("q")
    for start in range(0, len(flat), STRIDE):
        kind, subject = flat[start + 1], flat[start + 2]
        if kind in (DELIVERED, DROPPED) and isinstance(subject, Channel):
            name = f"{subject.target}\0{subject.entity}"
        elif kind == FIRED:
            name = f"{subject}\0timer {next(fired, '')}"
        else:
            continue
        count = counts[name] = counts.get(name, 0) + 1
        keys.append(f"{name}\0{count}")
        times.append(flat[start])
    return Rows(tuple(keys), times)


def first_meeting(low: Rows, high: Rows, apart: int, *, at_one_process: bool, from_high: bool = False) -> int | None:
    """How far from one of two runs the order changes first, on the way to the other.

    Args:
        low: the run with the longer delay.
        high: the run with the shorter one.
        apart: how much shorter, in ns.
        at_one_process: only changes at one and the same process count.
        from_high: go from the shorter delay to the longer one.

    Returns:
        Nanoseconds, at least 1: then both events are at the same time, so that the change comes there or beside it. None if no
        two events tell.
    """
    base, other = (high, low) if from_high else (low, high)
    places = {key: place for place, key in enumerate(other.keys)}
    sign = -1 if from_high else 1
    nearest = apart + 1
    # Places in the base of what stays where it is, in the order in which the moving ones come to them.
    staying: list[int] = []
    indices = range(len(base.keys))
    for index in reversed(indices) if from_high else indices:
        key, time = base.keys[index], base.times[index]
        place = places.get(key)
        if place is None:
            # What follows from the shorter delay alone moves; what the shorter delay does away with stays.
            moves = from_high
        else:
            by = (time - other.times[place]) * sign
            if not 0 <= by <= apart:
                continue
            moves = by > 0
        if not moves:
            staying.append(index)
            continue
        receiver = _receiver(key)
        for met in reversed(staying):
            distance = max(1, (time - base.times[met]) * sign)
            if distance >= nearest:
                break
            if at_one_process and _receiver(base.keys[met]) != receiver:
                continue
            met_place = places.get(base.keys[met])
            if met_place is None or place is None or (met_place - place) * sign > 0:
                nearest = distance
                break
    return nearest if nearest <= apart else None


def _receiver(key: str) -> str:
    return key.partition("\0")[0]
