"""What a bounded proof hands back, and honestly: what was run, what failed, and what was not covered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.explore.bounded import MOST_VALUES, Found
from harness.explore.result import Failure


class Proof:
    """What :func:`harness.prove` found.

    Attributes:
        max_deviations: the bound.
        runs: how many runs were made.
        steps: the events of all runs together.
        levels: the runs made with 0, 1, ... deviations.
        classes: how many happens-before classes these runs are of.
        left_out: how many runs were not made because they are of the class of two that were, between which they lie.
        failures: the failing runs, those with the fewest deviations first.
        exhausted: whether every run within the bound was made, or is of a class with one that was made.
        pruned: whether runs were left out at all.
        seconds: real time it took.
        budget: real time it might have taken; None if there was no limit.
    """

    def __init__(
        self,
        name: str,
        max_deviations: int,
        found: Found,
        failures: Sequence[Failure],
        *,
        levels: Sequence[int],
        pruned: bool,
        seconds: float = 0.0,
        budget: float | None = None,
        failure_ends: bool = True,
    ) -> None:
        self.name = name
        self.max_deviations = max_deviations
        self.runs = found.runs
        self.steps = found.steps
        self.levels = tuple(levels)
        self.classes = len(found.classes)
        self.left_out = found.left_out
        self.failures = list(failures)
        self.exhausted = not found.stopped
        self.pruned = pruned
        self.seconds = seconds
        self.budget = budget
        # What a search that is not exhausted was ended by.
        self._ended_by = "a failure was found" if failure_ends and self.failures else "the budget ran out"
        self._coarse = found.coarse
        self._between = found.between

    @property
    def not_covered(self) -> list[str]:
        """What this says nothing about, one line each."""
        lines = [f"runs with more than {_deviations(self.max_deviations)}"]
        if not self.exhausted:
            done = len(self.levels) - 1
            more = ", and all with more" if done < self.max_deviations else ""
            lines.append(f"part of the runs with {_deviations(done)}{more}: {self._ended_by}")
        if self.failures:
            lines.append("what deviates from a failing run")
        if self._coarse:
            lines.append(
                f"{self._coarse} ranges of random delays whose ends differ: of each delay {MOST_VALUES} values were tried"
            )
        if self._between:
            lines.append(
                f"of {self._between} random delays with a further deviation behind them, values inside a range in which"
                " the order stays the same"
            )
        return lines

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "test": self.name,
            "max_deviations": self.max_deviations,
            "exhausted": self.exhausted,
            "runs": self.runs,
            "runs_by_deviations": list(self.levels),
            "steps": self.steps,
            "pruned": self.pruned,
            "classes": self.classes,
            "left_out": self.left_out,
            "failures": [
                {"token": failure.token, "deviations": len(failure.deviations), "error": type(failure.error).__name__}
                for failure in self.failures
            ],
            "not_covered": self.not_covered,
            "seconds": round(self.seconds, 3),
            "budget": self.budget,
        }

    def report(self) -> str:
        """The verdict, what it rests on, what was not covered, and the first failure in full."""
        count = len(self.failures)
        if count:
            first = f"with {_deviations(len(self.failures[0].deviations))}"
            verdict = f"REFUTED: a run fails {first}" if count == 1 else f"REFUTED: {count} runs fail, the first {first}"
        elif self.exhausted:
            verdict = f"PROVEN: no run with at most {_deviations(self.max_deviations)} fails"
        else:
            verdict = "UNDECIDED: no run has failed so far"
        levels = ", ".join(f"{runs} with {depth or 'none'}" for depth, runs in enumerate(self.levels))
        classes = f"{self.classes} happens-before class" + "es" * (self.classes != 1)
        if self.left_out:
            classes += f"; {self.left_out} more runs would be of the same"
        lines = [
            f"{self.name}: {verdict}",
            f"  {self.runs} runs in {self.seconds:.1f} s, by deviations: {levels}; {classes}",
            "  a deviation: an event that comes later than it could, a random delay that is shorter, a fault",
        ]
        lines += [f"  not covered: {line}" for line in self.not_covered]
        if count:
            lines += ["", self.failures[0].report()]
        return "\n".join(lines)

    def __repr__(self) -> str:
        state = "exhausted" if self.exhausted else "not exhausted"
        return f"<Proof: at most {_deviations(self.max_deviations)}, {state}, {self.runs} runs, {len(self.failures)} failing>"


def _deviations(count: int) -> str:
    return "no deviation" if not count else f"{count} deviation{'s' * (count > 1)}"
