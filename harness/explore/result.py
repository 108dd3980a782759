"""What an exploration hands back. A failing run is a function of its schedule, so it is made again when someone looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from harness.errors import NondeterminismError
from harness.explore.statistics import describe_rate, wilson
from harness.explore.sweep import Outcome
from harness.explore.tokens import Schedule
from harness.simulation.choices import Choice


class FinishedRun(Outcome, Protocol):
    """A run that can be looked at: what :func:`harness.replay` returns."""

    @property
    def digest(self) -> str:
        """The fingerprint of its trace."""

    @property
    def choices(self) -> Sequence[Choice]:
        """Every draw it made."""

    def report(self) -> str:
        """All about it, as text."""


class Failure:
    """One failing seed of an exploration.

    Attributes:
        schedule: seed and strategy of the run.
    """

    def __init__(self, schedule: Schedule, again: Callable[[int], FinishedRun], run: FinishedRun | None = None) -> None:
        self.schedule = schedule
        self._again = again
        self._run = run

    @property
    def seed(self) -> int:
        """The failing seed."""
        return self.schedule.seed

    @property
    def run(self) -> FinishedRun:
        """The failing run itself; made again if it was found in another process or was not kept.

        Raises:
            NondeterminismError: made again, it passes.
        """
        if self._run is None:
            run = self._again(self.seed)
            if run.error is None:
                raise NondeterminismError(
                    f"seed {self.seed} failed and then passed under the same strategy {self.schedule.strategy_name!r}:"
                    " the test depends on something that no seed controls"
                    " (real time, random, the order of a set, state kept between runs)"
                )
            self._run = run
        return self._run

    @property
    def error(self) -> BaseException:
        """The exception that made the run fail: the original one, also when a handler of a process raised it."""
        error = self.run.error
        assert error is not None
        return error

    @property
    def token(self) -> str:
        """Text for ``replay(test, token)``, ``harness replay`` and ``--cluster-seed``."""
        if self.schedule.portable:
            return self.schedule.token
        # The strategy is the user's own, or knows the test; what it chose can be written down all the same.
        return self.schedule.recorded(self.choices).token

    @property
    def choices(self) -> Sequence[Choice]:
        """Every draw of the run, in order."""
        return self.run.choices

    @property
    def deviations(self) -> tuple[Choice, ...]:
        """The draws that were not benign."""
        return tuple(choice for choice in self.choices if choice.value)

    @property
    def digest(self) -> str:
        """The fingerprint of the run's trace; a replay has the same."""
        return self.run.digest

    def report(self) -> str:
        """The failure as text: the error, the timeline, the choices, how to replay it."""
        return self.run.report()

    def __repr__(self) -> str:
        return f"<Failure: seed {self.seed}, strategy {self.schedule.strategy_name}>"


class Exploration:
    """What :func:`harness.explore` found.

    Attributes:
        runs: how many runs were made; with ``stop_on_failure`` up to and with the first failing one.
        steps: the events of all runs together.
        failures: the failing runs, in the order of the seeds given.
    """

    def __init__(self, name: str, strategy: str, runs: int, steps: int, failures: Sequence[Failure]) -> None:
        self.name = name
        self.strategy = strategy
        self.runs = runs
        self.steps = steps
        self.failures = list(failures)

    @property
    def failure_rate(self) -> float:
        """Failing runs over all runs, ``0.0..1.0``."""
        return len(self.failures) / self.runs if self.runs else 0.0

    @property
    def confidence_interval(self) -> tuple[float, float]:
        """The 95 % interval of the failure rate (Wilson)."""
        return wilson(len(self.failures), self.runs)

    def report(self) -> str:
        """One line with the rate; if something failed, the failing seeds and the first failure in full."""
        lines = [f"{self.name}: {describe_rate(len(self.failures), self.runs)}, strategy {self.strategy}, {self.steps} steps"]
        if self.failures:
            seeds = ", ".join(str(failure.seed) for failure in self.failures[:20])
            more = f" and {len(self.failures) - 20} more" if len(self.failures) > 20 else ""
            lines += [f"failing seeds: {seeds}{more}", "", self.failures[0].report()]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Exploration: {len(self.failures)} of {self.runs} runs failed>"
