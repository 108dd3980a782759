"""A failing run of a test that pytest has set up: shrunk, explained, and put into files."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from harness.cli.console import Real
from harness.cli.session import Subject, run_tests
from harness.errors import InternalError, MisuseError
from harness.explore.explain import Explanation
from harness.explore.result import Failure
from harness.explore.shrink import BUDGET
from harness.explore.sweep import collector_off
from harness.explore.tokens import Schedule, in_a_line
from harness.report.document import FailureDocument, document_of
from harness.runs import Run


class Explained(NamedTuple):
    """What became of one test and token.

    Attributes:
        test: the node id.
        run: the run itself.
        explanation: None if the run passed, or nobody asked for one.
        seconds: real time that shrinking and explaining took.
    """

    test: str
    run: Run
    explanation: Explanation | None
    seconds: float

    @property
    def token(self) -> str:
        """Of the shrunk run; of the run itself if there is none."""
        return self.run.token if self.explanation is None else str(self.explanation.shrunk.run.token)

    def as_dict(self) -> dict[str, Any] | None:
        """For ``--json``; None if there is no explanation."""
        return None if self.explanation is None else {**self.explanation.as_dict(), "seconds": round(self.seconds, 3)}

    def lines(self) -> list[str]:
        """For people: the reason, and the command that makes the shortest form of it again."""
        if self.explanation is None:
            return ["The run passes: there is nothing to explain."]
        return [*self.explanation.lines, f"shrunk: {replay_line(self.test, self.token)}"]

    def document(self) -> FailureDocument:
        """For the page: the run beside the shrunk and the nearest passing one, as far as they are known."""
        # Pages are made of templates, which take their time to load.
        from harness.report.failure_files import explained

        failing = document_of(self.run, test=self.test, replay=replay_line(self.test, self.run.named))
        if self.explanation is not None:
            return explained(failing, self.explanation, self.test)
        return FailureDocument(failing=failing, remark=f"Not explained; {explain_line(self.test, self.run.named)} does that.")

    def write(self, folder: Path) -> list[Path]:
        """Write text, page and document of the failure.

        Raises:
            OSError: that is not possible.
        """
        from harness.report.failure_files import write_failure

        if self.run.schedule.choices is not None:
            # Beside the other files, so that whoever gets the folder has all of it.
            with contextlib.suppress(MisuseError):
                reference = in_a_line(self.run.schedule, folder)
                self.run.how_to_replay = self.run.how_to_replay.replace(self.run.named, reference)
                self.run.reference = reference
        return write_failure(folder, self.test, f"{self.test}\n\n{self.run.report()}\n", self.document())


def replay_line(test: str, token: str) -> str:
    """The command that makes a run again."""
    return f"harness replay {shlex.quote(test)} {token}"


def explain_line(test: str, token: str) -> str:
    """The command that explains a run."""
    return f"harness explain {shlex.quote(test)} {token}"


class _OutOfTime(Exception):
    """Nobody asked for it, so nobody waits for it."""


def explain(subject: Subject, budget: int = BUDGET, seconds: float | None = None) -> Explained:
    """Make the run of the subject's schedule and, if it fails, shrink and explain it; work for ``run_tests``.

    Args:
        budget: the most runs to shrink with.
        seconds: real time after which to give it up, all of it; so how fast the machine is never shows in an explanation.
    """
    began = Real.seconds()
    end = None if seconds is None else began + seconds
    # A great many runs follow each other, as in a sweep.
    with collector_off() as after_run:

        def run(schedule: Schedule) -> Run:
            if end is not None and Real.seconds() > end:
                raise _OutOfTime
            done = subject.run(schedule)
            after_run(done.steps)
            return done

        failing = subject.run(subject.schedule)
        if failing.error is None or isinstance(failing.error, InternalError):
            return Explained(subject.name, failing, None, 0.0)
        try:
            explanation = explain_failure(Failure(failing.schedule, lambda _: failing, failing, run), budget)
        except _OutOfTime:
            return Explained(subject.name, failing, None, Real.seconds() - began)
    return Explained(subject.name, failing, explanation, Real.seconds() - began)


def run_only(subject: Subject) -> Explained:
    """The same without an explanation."""
    return Explained(subject.name, subject.run(subject.schedule), None, 0.0)


def explain_failure(failure: Failure, budget: int = BUDGET) -> Explanation:
    """Shrink, then explain."""
    return failure.shrink(budget).explain()


def again(test: str, token: str, work: Callable[[Subject], Explained] = explain, options: list[str] | None = None) -> Explained:
    """Make the run of one test under a token or a seed once more, for :func:`explain` or :func:`run_only`.

    Raises:
        Refused, Stopped: see :func:`harness.cli.session.run_tests`.
        InternalError: the test was collected but did not run.
    """
    found: list[Explained] = []
    troubles: list[str] = []

    def listener(kind: str, what: Any) -> None:
        if kind == "work":
            found.append(what)
        elif kind == "result":
            troubles.append(what.trouble or ("it was skipped" if what.skipped else ""))

    run_tests([test], [f"--cluster-seed={token}", *(options or [])], listener, single=True, work=work)
    if not found:
        raise InternalError(f"{test} was collected but did not run: {' '.join(troubles) or 'run it with pytest to see why'}")
    return found[0]
