"""The decisive pair: two events at one process whose order alone separates a failing run from a passing one.

Between a failing run and a passing one that differ in a single draw lies, value by value, an edge: a failing run whose neighbour
passes. Both are made, so both ends are verified, and the two events that change places there are the pair.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from harness.explore.happenings import Happening, about, happenings
from harness.explore.shrink import Recording, signature
from harness.simulation.choices import PICKED, Choice
from harness.simulation.world import World


class RunOfWorld(Recording, Protocol):
    """A finished run whose world can be looked at."""

    @property
    def world(self) -> World:
        """The world it lived in."""


class DecisivePair(NamedTuple):
    """Two events, in the order in which they happened in the failing run; the passing run has them the other way round.

    Attributes:
        choice: the draw in which the two runs differ, by the least possible amount.
        failing: the deviations of the failing run.
        passing: those of the passing one.
    """

    first: Happening
    second: Happening
    choice: Choice
    failing: tuple[Choice, ...]
    passing: tuple[Choice, ...]


Rerun = Callable[[Sequence[Choice]], RunOfWorld]

_MOST_PASSES = 256
_MOST_TRIED = 300


def decisive_pair(rerun: Rerun, failing: RunOfWorld) -> DecisivePair | None:
    """Find it, going backwards from the failure; None if no order at one process decides.

    First every event that could have come later is delayed until the test passes: then it is one of the two. If no such event
    is found, the deviations themselves are lowered, and where the runs part first is the pair.
    """
    search = _Search(rerun, failing)
    late = [choice for choice in failing.choices if choice.site in ("latency", PICKED) and choice.value < choice.bound]
    for choice in reversed(late[-_MOST_TRIED:]):
        utmost = min(choice.bound, choice.value + _MOST_PASSES) if choice.site == PICKED else choice.bound
        pair = search.between(choice, utmost, direct=True)
        if pair is not None:
            return pair
    lowered = [search.between(choice, 0, direct=False) for choice in search.deviations]
    found = [pair for pair in lowered if pair is not None]
    return max(found, key=lambda pair: (pair.first.time, pair.second.time), default=None)


class _Search:
    def __init__(self, rerun: Rerun, failing: RunOfWorld) -> None:
        assert failing.error is not None
        self.rerun = rerun
        self.failing = failing
        self.wanted = signature(failing.error)
        self.deviations = [choice for choice in failing.choices if choice.value]

    def with_value(self, choice: Choice, value: int) -> tuple[Choice, ...]:
        others = [other for other in self.deviations if other.key != choice.key]
        return (*others, choice._replace(value=value))

    def between(self, choice: Choice, far: int, *, direct: bool) -> DecisivePair | None:
        """The pair at the edge between failing and passing while one draw goes from its value to ``far``, by halving."""
        bad, good = choice.value, far
        bad_run, good_run = self.failing, self.rerun(self.with_value(choice, good))
        if good_run.error is not None:
            return None
        while abs(good - bad) > 1:
            middle = (bad + good) // 2
            run = self.rerun(self.with_value(choice, middle))
            if run.error is None:
                good, good_run = middle, run
            elif signature(run.error) == self.wanted:
                bad, bad_run = middle, run
            else:
                return None
        events = happenings(bad_run.world)
        swapped = _swapped(events, happenings(good_run.world))
        if swapped is None:
            return None
        moved = about(choice, bad_run.world, events)
        if direct and (moved is None or moved.name not in (swapped[0].name, swapped[1].name)):
            return None
        edge = choice._replace(value=bad)
        return DecisivePair(*swapped, edge, self.with_value(choice, bad), self.with_value(choice, good))


def _swapped(bad: list[Happening], good: list[Happening]) -> tuple[Happening, Happening] | None:
    """The first two events at one receiver that come in one order in the bad run and in the other in the good one."""
    place_in_good = {event.name: place for place, event in enumerate(good)}
    by_receiver: dict[str, list[Happening]] = {}
    for event in bad:
        place = place_in_good.get(event.name)
        if place is None:
            continue
        earlier = by_receiver.setdefault(event.receiver, [])
        # Ahead of it in the bad run, behind it in the good one; the nearest of them.
        overtaken = [other for other in earlier if place_in_good[other.name] > place]
        if overtaken:
            return overtaken[-1], event
        earlier.append(event)
    return None
