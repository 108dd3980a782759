"""When a failure becomes inevitable: the share of failing runs among those that follow the failing one for a while.

The first k draws are kept, the rest are drawn anew, several times; then the same for other k. Where the share jumps, the run
was decided.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from harness.explore.shrink import Signature, signature
from harness.explore.sweep import Outcome
from harness.simulation.choices import PICKED, Choice, Key, Strategy, uniform

POINTS = 9
TRIES = 16


class Prefix:
    """Follows a run for its first draws, and then goes its own way.

    Args:
        choices: the draws of the run, all of them, in order.
        kept: how many of them to follow.
    """

    name = "prefix"

    def __init__(self, choices: Sequence[Choice], kept: int) -> None:
        self._kept: dict[Key, int] = {choice.key: choice.value for choice in choices[:kept]}
        self.picks_events = any(choice.site == PICKED for choice in choices)
        self._seed = 0

    def start(self, seed: int) -> None:
        """A new run begins under this seed."""
        self._seed = seed

    def choose(self, site: str, entity: str, occurrence: int, bound: int) -> int:
        """The kept value, or a random one."""
        value = self._kept.get((site, entity, occurrence))
        if value is not None:
            return min(value, bound)
        if site == PICKED:
            # Being passed over is a matter of a few times; half of all events are not.
            drawn = uniform(self._seed, site, entity, occurrence, 23)
            return max(0, drawn - 12)
        return uniform(self._seed, site, entity, occurrence, bound)


class Point(NamedTuple):
    """``failing`` of ``tries`` runs fail if the first ``kept`` draws are kept."""

    kept: int
    failing: int
    tries: int

    @property
    def share(self) -> float:
        """0.0 .. 1.0."""
        return self.failing / self.tries if self.tries else 0.0


class Curve(NamedTuple):
    """The points in order, and the draw with which the share jumps most: it is the last of the kept ones after the jump."""

    points: tuple[Point, ...]
    before: Point
    after: Point
    draw: Choice | None

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the points, and between which two of them the share jumps most."""
        return {
            "points": [point._asdict() for point in self.points],
            "jump": {"from": self.before.kept, "to": self.after.kept, "draw": self.draw and self.draw._asdict()},
        }


def probability_curve(run: Callable[[Strategy, int], Outcome], choices: Sequence[Choice], wanted: Signature) -> Curve:
    """Measure it.

    Args:
        run: makes a run with this strategy under this seed.
        choices: all draws of the failing run, in order.
        wanted: what counts as failing.
    """
    total = len(choices)
    known: dict[int, Point] = {}

    def at(kept: int) -> Point:
        point = known.get(kept)
        if point is None:
            strategy = Prefix(choices, kept)
            outcomes = [run(strategy, seed) for seed in range(TRIES)]
            failing = sum(1 for done in outcomes if done.error is not None and signature(done.error) == wanted)
            point = known[kept] = Point(kept, failing, TRIES)
        return point

    for number in range(POINTS):
        at(total * number // (POINTS - 1))
    while True:
        points = [known[kept] for kept in sorted(known)]
        steps = list(pairwise(points))
        if not steps:
            return Curve(tuple(points), points[0], points[0], None)
        before, after = max(steps, key=lambda step: step[1].share - step[0].share)
        if after.kept - before.kept <= 1 or len(known) >= 2 * POINTS:
            draw = choices[after.kept - 1] if after.kept and after.share > before.share else None
            return Curve(tuple(points), before, after, draw)
        at((before.kept + after.kept) // 2)
