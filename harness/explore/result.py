"""What an exploration hands back. A failing run is a function of its schedule, so it is made again when someone looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from harness.errors import MisuseError, NondeterminismError
from harness.explore.determinism import Prepare, first_difference
from harness.explore.explain import Explanation, explain
from harness.explore.leaks import Difference
from harness.explore.shrink import BUDGET, Shrunk, shrink
from harness.explore.statistics import describe_rate, percent, rarer_than, unseen_mass, wilson
from harness.explore.sweep import Outcome
from harness.explore.tokens import Schedule, save
from harness.simulation.choices import PICKED, Choice
from harness.simulation.strategies import Recorded
from harness.simulation.world import World


class FinishedRun(Outcome, Protocol):
    """A run that can be looked at: what :func:`harness.replay` returns."""

    doubt: Difference | None

    @property
    def digest(self) -> str:
        """The fingerprint of its trace."""

    @property
    def world(self) -> World:
        """The world it lived in."""

    @property
    def choices(self) -> Sequence[Choice]:
        """Every draw it made."""

    @property
    def token(self) -> str:
        """Text from which it can be made again."""

    def report(self) -> str:
        """All about it, as text."""


class Failure:
    """One failing seed of an exploration.

    Attributes:
        schedule: seed and strategy of the run.
    """

    def __init__(
        self,
        schedule: Schedule,
        again: Callable[[int], FinishedRun],
        run: FinishedRun | None = None,
        make: Callable[[Schedule], FinishedRun] | None = None,
        *,
        remake: Callable[[Schedule, Prepare], FinishedRun] | None = None,
    ) -> None:
        self.schedule = schedule
        self._again = again
        self._run = run
        # Makes a run of any other schedule of the same test; shrinking and explaining need it.
        self._make = make
        # The same with somebody who looks on; tells whether the failure depends on its choices alone.
        self._remake = remake
        self._doubted = False

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

    @property
    def doubt(self) -> Difference | None:
        """In what the run differs when it is made once more under the same choices; None if it fails alike."""
        run, remake = self.run, self._remake
        if not self._doubted and remake is not None:
            schedule = self.schedule if self.schedule.portable else self.schedule.recorded(run.choices)
            run.doubt = first_difference(run, lambda prepare: remake(schedule, prepare))
            self._doubted = True
        return run.doubt

    def save(self, path: str | Path) -> str:
        """Write the choices of the run to a file that people can read, for a token that is too long for a line.

        Returns:
            ``@PATH``, which ``replay``, ``harness replay`` and ``--cluster-seed`` take as they take a token.

        Raises:
            MisuseError: the file cannot be written.
        """
        return save(self.schedule.recorded(self.choices), path)

    def report(self) -> str:
        """The failure as text: the error, the timeline, the choices, how to replay it; first of all any doubt about it."""
        if self._remake is not None:
            # Makes it again, and leaves with the run what differs.
            _ = self.doubt
        return self.run.report()

    def shrink(self, budget: int = BUDGET) -> ShrunkFailure:
        """The same failure with fewer, then smaller, deviations.

        Args:
            budget: the most runs to make; at about 1000 runs a second the usual one is a matter of seconds.

        Returns:
            A failure like this one, with ``runs`` and ``minimal`` (each deviation is needed); its token is short.

        Raises:
            MisuseError: this failure was made by hand, without a way to run its test.
        """
        shrunk = shrink(self._rerun(), self.run, budget)
        schedule = self.schedule.recorded(shrunk.run.choices)
        return ShrunkFailure(self, schedule, shrunk, self._maker())

    def explain(self, budget: int = BUDGET) -> Explanation:
        """Why it fails, in ten lines (``str()`` or ``print``): deviations in words, the decisive pair, when it was decided."""
        return self.shrink(budget).explain()

    def _maker(self) -> Callable[[Schedule], FinishedRun]:
        if self._make is None:
            raise MisuseError("this Failure cannot run its test; take one from explore(...).failures")
        return self._make

    def _rerun(self) -> Callable[[Sequence[Choice]], FinishedRun]:
        make, seed = self._maker(), self.seed
        picks = any(choice.site == PICKED for choice in self.choices)
        return lambda choices: make(Schedule(seed, Recorded(choices, picks)))

    def __repr__(self) -> str:
        return f"<Failure: seed {self.seed}, strategy {self.schedule.strategy_name}>"


class ShrunkFailure(Failure):
    """A failure after shrinking.

    Attributes:
        original: the failure as it was found.
        runs: how many runs shrinking took.
        minimal: whether each deviation left is needed; False if the budget ran out first.
    """

    def __init__(
        self, original: Failure, schedule: Schedule, shrunk: Shrunk[FinishedRun], make: Callable[[Schedule], FinishedRun]
    ) -> None:
        super().__init__(schedule, lambda _: make(schedule), shrunk.run, make)
        self.original = original
        self.runs = shrunk.runs
        self.minimal = shrunk.minimal
        self._shrunk = shrunk

    def shrink(self, budget: int = BUDGET) -> ShrunkFailure:
        """Itself: it has been shrunk."""
        return self

    def explain(self, budget: int = BUDGET) -> Explanation:
        """See :meth:`Failure.explain`."""
        make = self._maker()
        return explain(self.original._rerun(), lambda strategy, seed: make(Schedule(seed, strategy)), self._shrunk)

    def __repr__(self) -> str:
        return f"<ShrunkFailure: {len(self.deviations)} deviations, seed {self.seed}>"


class Exploration:
    """What :func:`harness.explore` found.

    Attributes:
        runs: how many runs were made; with ``stop_on_failure`` up to and with the first failing one.
        steps: the events of all runs together.
        failures: the failing runs, in the order of the seeds given.
        classes: how often each happens-before class came up, by fingerprint.
        seconds: real time it took.
        out_of_time: whether its budget ended it before all seeds were run.
    """

    def __init__(
        self,
        name: str,
        strategy: str,
        runs: int,
        steps: int,
        failures: Sequence[Failure],
        *,
        classes: Mapping[str, int] | None = None,
        seconds: float = 0.0,
        out_of_time: bool = False,
    ) -> None:
        self.out_of_time = out_of_time
        self.classes = dict(classes or {})
        self.seconds = seconds
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

    @property
    def unseen(self) -> float:
        """How likely the next run is of a class not seen yet, ``0.0..1.0`` (Good-Turing)."""
        return unseen_mass(self.classes)

    def as_dict(self) -> dict[str, Any]:
        """The statistics, for JSON."""
        found: dict[str, int] = {}
        for failure in self.failures:
            name = failure.schedule.strategy_name
            found[name] = found.get(name, 0) + 1
        return {
            "test": self.name,
            "strategy": self.strategy,
            "runs": self.runs,
            "steps": self.steps,
            "failed": [failure.seed for failure in self.failures],
            "failure_rate": self.failure_rate,
            "interval": list(self.confidence_interval),
            "rarer_than": rarer_than(self.runs) if not self.failures else None,
            "found_by": found,
            "classes": len(self.classes),
            "unseen": self.unseen,
            "seconds": round(self.seconds, 3),
            "seconds_per_run": self.seconds / self.runs if self.runs else 0.0,
            "out_of_time": self.out_of_time,
        }

    def report(self) -> str:
        """The rate and how much was seen; if something failed, the failing seeds and the first failure in full."""
        lines = [f"{self.name}: {describe_rate(len(self.failures), self.runs)}, strategy {self.strategy}, {self.steps} steps"]
        if self.classes:
            lines.append(
                f"{len(self.classes)} distinct orders of events; the next run would show a new one with probability"
                f" {percent(self.unseen)} (Good-Turing)"
            )
        if self.out_of_time:
            lines.append("the budget ended it before all seeds were run")
        if self.failures:
            seeds = ", ".join(str(failure.seed) for failure in self.failures[:20])
            more = f" and {len(self.failures) - 20} more" if len(self.failures) > 20 else ""
            lines += [f"failing seeds: {seeds}{more}", "", self.failures[0].report()]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Exploration: {len(self.failures)} of {self.runs} runs failed>"
