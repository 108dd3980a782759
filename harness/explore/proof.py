"""What a bounded proof hands back, and honestly: what was run, what failed, and what was not covered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.explore.bounded import FINEST, Found
from harness.explore.result import Failure


class Proof:
    """What :func:`harness.prove` found.

    Attributes:
        max_deviations: the bound.
        runs: how many runs were made.
        steps: the events of all runs together.
        failures: the failing runs, those with the fewest deviations first.
        exhausted: whether every run within the bound was made, or is of a class with one that was made.
    """

    def __init__(
        self, name: str, max_deviations: int, found: Found, failures: Sequence[Failure], *, levels: Sequence[int], pruned: bool
    ) -> None:
        self.name = name
        self.max_deviations = max_deviations
        self.runs = found.runs
        self.steps = found.steps
        self.failures = list(failures)
        self.exhausted = not found.stopped
        self.pruned = pruned
        # Runs made with 0, 1, ... deviations.
        self.levels = tuple(levels)
        self._coarse = found.coarse

    @property
    def not_covered(self) -> list[str]:
        """What this says nothing about, one line each."""
        lines = [f"runs with more than {self.max_deviations} deviations"]
        if not self.exhausted:
            done = len(self.levels) - 1
            why = "a failure was found" if self.failures else "the budget ran out"
            lines.append(f"part of the runs with {done} deviations, and those with more: {why}")
        if self.failures:
            lines.append("what deviates from a failing run")
        if self._coarse:
            lines.append(f"{self._coarse} gaps of less than 1/{FINEST} of the range of a random delay, whose ends differ")
        return lines

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "test": self.name,
            "max_deviations": self.max_deviations,
            "exhausted": self.exhausted,
            "runs": self.runs,
            "runs_by_deviations": list(self.levels),
            "pruned": self.pruned,
            "failures": [failure.token for failure in self.failures],
            "not_covered": self.not_covered,
        }

    def report(self) -> str:
        """The verdict, what was not covered, and the first failure in full."""
        if self.failures:
            verdict = f"{len(self.failures)} failing, the first with {len(self.failures[0].deviations)} deviations"
        else:
            verdict = "none fails" if self.exhausted else "none has failed so far"
        how = "one of each happens-before class" if self.pruned else "every order"
        lines = [f"{self.name}: at most {self.max_deviations} deviations, {how}, {self.runs} runs: {verdict}"]
        lines += [f"  not covered: {line}" for line in self.not_covered]
        if self.failures:
            lines += ["", self.failures[0].report()]
        return "\n".join(lines)

    def __repr__(self) -> str:
        state = "exhausted" if self.exhausted else "not exhausted"
        return f"<Proof: at most {self.max_deviations} deviations, {state}, {self.runs} runs, {len(self.failures)} failing>"
