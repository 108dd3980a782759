"""Why a run fails, in at most ten lines: deviations in words, which of them decide, the decisive pair, when it was decided."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from harness.durations import Duration
from harness.explore.curve import Curve, probability_curve
from harness.explore.happenings import happenings, in_words
from harness.explore.pair import DecisivePair, Rerun, decisive_pair
from harness.explore.shrink import Shrunk, signature
from harness.explore.sweep import Outcome
from harness.simulation.choices import PICKED, Choice, Strategy

_VALUES = 10
_SHOWN = 4


class Explanation:
    """What is known about a failure.

    Attributes:
        deviations: each remaining deviation in words, with how many of the other values tried fail as well.
        pair: the two events whose order decides; None if there is no such pair.
        curve: how likely the failure was along the run.
    """

    def __init__(
        self, shrunk: Shrunk[Any], deviations: Sequence[tuple[Choice, str, int]], pair: DecisivePair | None, curve: Curve | None
    ) -> None:
        self.shrunk = shrunk
        self.deviations = tuple(deviations)
        self.pair = pair
        self.curve = curve

    @property
    def deciding(self) -> tuple[Choice, ...]:
        """The deviations whose value matters: most others pass."""
        return tuple(choice for choice, _, failing in self.deviations if failing * 2 < _VALUES)

    @property
    def free(self) -> tuple[Choice, ...]:
        """The deviations that only must not be benign: most other values fail as well."""
        return tuple(choice for choice, _, failing in self.deviations if failing * 2 >= _VALUES)

    @property
    def lines(self) -> list[str]:
        """The text, at most ten lines."""
        error = self.shrunk.run.error
        assert error is not None
        first = str(error).partition("\n")[0]
        lines = [f"{type(error).__name__}: {first}"]
        if not self.deviations:
            return [*lines, "It fails in the calm run, in which every choice is benign: no schedule is to blame."]
        lines.append(f"It takes {len(self.deviations)} deviations from the calm run ({self.shrunk.report()}):")
        for choice, words, failing in self.deviations[:_SHOWN]:
            how = "decides" if choice in self.deciding else "any value will do"
            lines.append(f"  - {words} [{how}: {failing} of {_VALUES} other values fail too]")
        if len(self.deviations) > _SHOWN:
            lines.append(f"  - and {len(self.deviations) - _SHOWN} more")
        if self.pair is not None:
            lines.append(
                f"Decisive is the order of two events at {self.pair.first.receiver}; the other way round the test passes:"
            )
            lines.append(f"  first {self.pair.first}, then {self.pair.second} (sent at {Duration(self.pair.second.since)})")
        if self.curve is not None and self.curve.draw is not None:
            lines.append(_jump(self.curve))
        return lines

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def __repr__(self) -> str:
        return f"<Explanation: {len(self.deviations)} deviations, {'a' if self.pair is not None else 'no'} decisive pair>"


def _jump(curve: Curve) -> str:
    draw, before, after = curve.draw, curve.before, curve.after
    assert draw is not None
    return (
        f"The failure becomes likely ({before.failing} of {before.tries} random continuations fail, then {after.failing}) with"
        f" draw {after.kept} of {curve.points[-1].kept}: {draw.site} of {draw.entity}"
    )


def explain(rerun: Rerun, run: Callable[[Strategy, int], Outcome], shrunk: Shrunk[Any]) -> Explanation:
    """Explain a failing run that has been shrunk.

    Args:
        rerun: makes the run with these deviations and everything else benign.
        run: makes a run with this strategy under this seed.
    """
    failing = shrunk.run
    assert failing.error is not None
    wanted = signature(failing.error)
    events = happenings(failing.world)
    deviations = list(shrunk.deviations)
    told = []
    for index, choice in enumerate(deviations):
        count = sum(
            1
            for value in _others(choice)
            if (error := rerun([*deviations[:index], choice._replace(value=value), *deviations[index + 1 :]]).error) is not None
            and signature(error) == wanted
        )
        told.append((choice, in_words(choice, failing.world, events), count))
    pair = decisive_pair(rerun, failing) if deviations else None
    curve = probability_curve(run, failing.choices, wanted) if deviations else None
    return Explanation(shrunk, told, pair, curve)


def _others(choice: Choice) -> list[int]:
    """Other values of a deviation, 0 excepted."""
    generator = random.Random("other values")
    # Being passed over more than a few dozen times is the same as for ever.
    bound = min(choice.bound, max(24, 2 * choice.value)) if choice.site == PICKED else choice.bound
    return [1 + int(generator.random() * bound) for _ in range(_VALUES)]
