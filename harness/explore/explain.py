"""Why a run fails, in at most ten lines: deviations in words, which of them decide, the decisive pair, when it was decided."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from harness.explore.curve import Curve, probability_curve
from harness.explore.happenings import Happening, about, draw_in_words, follows, happenings, in_words, instant
from harness.explore.pair import DecisivePair, Rerun, RunOfWorld, decisive_pair
from harness.explore.shrink import Shrunk, signature
from harness.explore.sweep import Outcome
from harness.simulation.choices import PICKED, Choice, Strategy

_VALUES = 10
_SHOWN = 4


class Told(NamedTuple):
    """One deviation that is left after shrinking, and what is known about it.

    Attributes:
        choice: the draw.
        words: the same for people, without a full stop.
        failing: how many of the ``tried`` other values fail as well.
        tried: how many other values were tried.
        step: which record of the shrunk run's trace it is about; None if there is none.
    """

    choice: Choice
    words: str
    failing: int
    tried: int
    step: int | None

    @property
    def decides(self) -> bool:
        """Whether its value matters: most other values pass. Otherwise it only must not be benign."""
        return self.failing * 2 < self.tried

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the draw, the words, the step, and the outcome of trying other values."""
        return {
            **self.choice._asdict(),
            "words": self.words,
            "step": self.step,
            "decides": self.decides,
            "other_values": {"tried": self.tried, "failing": self.failing},
        }


class Explanation:
    """What is known about a failure.

    Attributes:
        shrunk: the outcome of shrinking; its ``run`` is the failing run with the fewest and least deviations.
        deviations: each deviation that is left, in the order of drawing.
        pair: the two events whose order decides; None if there is no such pair.
        curve: how likely the failure was along the run.
        failing_run: the failing run to look at; its neighbour is ``passing_run``. Where there is a pair, they differ in one draw
            only, and ``pair.steps`` and ``pair.passing_steps`` say where the two events are in the trace of each.
        passing_run: the nearest passing run known; None if the failure takes no deviation.
    """

    def __init__(
        self,
        shrunk: Shrunk[Any],
        deviations: Sequence[Told],
        pair: DecisivePair | None,
        curve: Curve | None,
        passing_run: RunOfWorld | None = None,
    ) -> None:
        self.shrunk = shrunk
        self.deviations = tuple(deviations)
        self.pair = pair
        self.curve = curve
        self.failing_run: RunOfWorld = shrunk.run if pair is None else pair.failing_run
        self.passing_run = passing_run if pair is None else pair.passing_run

    @property
    def deciding(self) -> tuple[Choice, ...]:
        """The deviations whose value matters: most others pass."""
        return tuple(told.choice for told in self.deviations if told.decides)

    @property
    def free(self) -> tuple[Choice, ...]:
        """The deviations that only must not be benign: most other values fail as well."""
        return tuple(told.choice for told in self.deviations if not told.decides)

    @property
    def jump(self) -> Happening | None:
        """The event of the shrunk run about which the draw was with which the failure becomes likely; None if unknown."""
        if self.curve is None or self.curve.draw is None:
            return None
        world = self.shrunk.run.world
        return about(self.curve.draw, world, happenings(world))

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the lines for people, and the same as data.

        Steps count the records of a trace from 0; times are ns since the run began; tokens make the runs again.
        """
        error, pair = self.shrunk.run.error, self.pair
        return {
            "error": f"{type(error).__name__}: {error}",
            "lines": self.lines,
            "shrunk": {
                "deviations_before": self.shrunk.before,
                "deviations": len(self.deviations),
                "runs": self.shrunk.runs,
                "minimal": self.shrunk.minimal,
                "token": self.shrunk.run.token,
            },
            "deviations": [told.as_dict() for told in self.deviations],
            "pair": None
            if pair is None
            else {
                "process": pair.first.receiver,
                "first": _event_as_dict(pair.first, pair.steps[0], pair.passing_steps[0]),
                "second": _event_as_dict(pair.second, pair.steps[1], pair.passing_steps[1]),
            },
            "curve": None
            if self.curve is None
            else {**self.curve.as_dict(), "step": None if (jump := self.jump) is None else jump.place},
            "failing_token": self.failing_run.token,
            "passing_token": None if self.passing_run is None else self.passing_run.token,
        }

    @property
    def lines(self) -> list[str]:
        """The text, at most ten lines."""
        error = self.shrunk.run.error
        assert error is not None
        first = str(error).partition("\n")[0]
        lines = [f"{type(error).__name__}: {first}"]
        count = len(self.deviations)
        if count:
            lines.append(f"It takes {count} deviation{'s' * (count > 1)} from the calm run ({self.shrunk.report()}):")
        elif self.pair is not None:
            lines.append("It fails in the calm run already, in which every choice is benign.")
        else:
            lines.append("It fails in the calm run, in which every choice is benign: no schedule is to blame.")
        lines += [f"  - {told.words} [{_weight(told)}]" for told in self.deviations[:_SHOWN]]
        if count > _SHOWN:
            lines.append(f"  - and {count - _SHOWN} more")
        if self.pair is not None:
            lines += _pair_in_words(self.pair)
        if self.curve is not None and self.curve.draw is not None:
            world = self.shrunk.run.world
            lines.append(_jump(self.curve, draw_in_words(self.curve.draw, world, happenings(world)), self.jump))
        return lines

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def __repr__(self) -> str:
        return f"<Explanation: {len(self.deviations)} deviations, {'a' if self.pair is not None else 'no'} decisive pair>"


def _event_as_dict(event: Happening, step: int | None, passing_step: int | None) -> dict[str, Any]:
    return {
        "text": event.text,
        "words": event.words,
        "time_ns": event.time,
        "since_ns": event.since,
        "step": step,
        "passing_step": passing_step,
        "handled": event.handled,
    }


def _weight(told: Told) -> str:
    if told.failing == told.tried:
        return f"any other value fails too: {told.tried} tried"
    return f"{'decides: ' if told.decides else ''}{told.failing} of {told.tried} other values fail too"


def _pair_in_words(pair: DecisivePair) -> list[str]:
    first, second = pair.first, pair.second
    where = f"at {first.at}" if first.receiver == second.receiver else "in the eyes of the test"
    lines = [f"Decisive is the order of two events {where}; both runs were made, and the other way round the test passes:"]
    told = [event.words if first.receiver == second.receiver else f"{event.words} to {event.at}" for event in (first, second)]
    if pair.steps[1] is None:
        line = f"  {told[0]} ({instant(first.time)}) prevents {told[1]}, which comes first when the test passes"
    else:
        gone = "" if second.handled else ", when nobody is there any more"
        line = f"  first {told[0]} ({instant(first.time)}), then {told[1]} ({instant(second.time)}){gone}"
        if pair.passing_steps[0] is None:
            line += "; the other way round, the former never happens"
        elif pair.passing_steps[1] is None:
            line += "; when the test passes, the latter never happens"
    return [*lines, line]


def _effect(moved: Happening | None, pair: DecisivePair | None) -> str:
    """What a deviation brings about: the order that is another one as soon as it deviates less."""
    if pair is None:
        return ""
    first, second = pair.first, pair.second
    events = happenings(pair.failing_run.world)
    moved = next((event for event in events if moved is not None and event.name == moved.name), None)
    if first.receiver != second.receiver:
        return f"; so {first.words} to {first.at} came before {second.words} to {second.at}"
    if moved is not None and pair.steps[1] is not None and follows(second, moved, events):
        late = "it" if second.name == moved.name else second.words
        return f"; so {late} came after {first.words}{_where(first, moved)}"
    early = "it" if moved is not None and first.name == moved.name else first.words
    return f"; so {early} came before {second.words}{_where(first, moved)}"


def _where(event: Happening, moved: Happening | None) -> str:
    return "" if moved is not None and event.receiver == moved.receiver else f" at {event.at}"


def _jump(curve: Curve, draw: str, step: Happening | None) -> str:
    before, after = curve.before, curve.after
    when = "" if step is None else f" ({instant(step.time)})"
    return (
        f"It becomes likely with {draw}{when}: with all draws before it as here and the rest random {before.failing} of"
        f" {before.tries} runs fail, with it {after.failing}"
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
    found = decisive_pair(rerun, failing)
    told = []
    for index, choice in enumerate(deviations):
        count = sum(
            1
            for value in _others(choice)
            if (error := rerun([*deviations[:index], choice._replace(value=value), *deviations[index + 1 :]]).error) is not None
            and signature(error) == wanted
        )
        event = about(choice, failing.world, events)
        effect = _effect(event, found.effects.get(choice))
        words = in_words(choice, failing.world, events, brief=bool(effect)) + effect
        told.append(Told(choice, words, count, _VALUES, None if event is None else event.place))
    curve = probability_curve(run, failing.choices, wanted) if deviations else None
    return Explanation(shrunk, told, found.pair, curve, _nearest_passing(rerun, deviations) if found.pair is None else None)


def _nearest_passing(rerun: Rerun, deviations: Sequence[Choice]) -> RunOfWorld | None:
    """A passing run with as many of the deviations as possible, the later ones being spared first."""
    for index in reversed(range(len(deviations))):
        run = rerun([*deviations[:index], *deviations[index + 1 :]])
        if run.error is None:
            return run
    calm = rerun(())
    return calm if calm.error is None else None


def _others(choice: Choice) -> list[int]:
    """Other values of a deviation, 0 excepted."""
    generator = random.Random("other values")
    # Being passed over more than a few dozen times is the same as for ever.
    bound = min(choice.bound, max(24, 2 * choice.value)) if choice.site == PICKED else choice.bound
    return [1 + int(generator.random() * bound) for _ in range(_VALUES)]
