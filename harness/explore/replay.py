"""Running one schedule again, and twice to see whether a run depends on nothing but its schedule."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from harness.errors import NondeterminismError
from harness.explore.result import FinishedRun

F = TypeVar("F", bound=FinishedRun)


def difference(first: FinishedRun, second: FinishedRun) -> NondeterminismError | None:
    """What sets two runs of one schedule apart, as an error to raise; None if their digests are equal.

    Equal digests of two runs in one process prove little about other processes; other digests prove a leak.
    """
    if first.digest == second.digest:
        return None
    text = f"two runs under seed {first.seed} differ (digests {first.digest[:16]} and {second.digest[:16]})"
    for index, (one, other) in enumerate(zip(first.choices, second.choices, strict=False), 1):
        if one != other:
            text += (
                f"; first at draw {index}: {one.site} of {one.entity} answered {one.value} of 0..{one.bound} at first,"
                f" then {other.site} of {other.entity} answered {other.value} of 0..{other.bound}"
            )
            break
    else:
        text += f" after equal draws ({len(first.choices)} and {len(second.choices)})"
    return NondeterminismError(f"{text}; look for real time, random, id(), the order of a set, or state kept between runs")


def run_twice(run: Callable[[], F]) -> F:
    """Make a run twice and give the first.

    Raises:
        NondeterminismError: the second had another digest.
    """
    first = run()
    unequal = difference(first, run())
    if unequal is not None:
        raise unequal
    return first
