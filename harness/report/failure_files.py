"""What a failing test leaves in a folder: the report as text, the page to look at, the document to work with."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from harness.explore.explain import Explanation
from harness.explore.result import Failure, FinishedRun, ShrunkFailure
from harness.explore.shrink import BUDGET
from harness.explore.tokens import Schedule
from harness.report.document import Document, FailureDocument, RunDocument, document_of, write
from harness.report.page import page
from harness.simulation.choices import PICKED
from harness.simulation.strategies import Recorded

SECONDS = 6.0
"""Real time that shrinking and explaining a failure may take together before the page does without."""

MOST_STEPS = 200_000
"""Longer runs are not made again at all."""

_PART_OF_SHRINKING = 0.5
# In steps far apart, so that how busy the machine is hardly ever shows in an explanation.
_RUNS = (BUDGET, 500, 60)
_TIMED = 3
_PART_OF_TIMING = 0.02
_TRIED = 5


class _OutOfTime(Exception):
    """Nobody waits longer."""


def failure_document(
    run: Any,
    *,
    test: str,
    replay: str = "",
    make: Callable[[Schedule], FinishedRun] | None = None,
    now: Callable[[], float] | None = None,
    seconds: float = SECONDS,
    remark: str = "",
) -> FailureDocument:
    """A failing run beside the runs that explain it, as far as these can be made in the time given.

    Args:
        run: the failing run.
        test: node id or name of the test.
        replay: the command that makes the run again.
        make: makes a run of the same test under another schedule; None if that is not possible.
        now: real seconds, counted from anywhere.
        seconds: how long shrinking and explaining may take.
        remark: why nothing is made, if ``make`` is None.
    """
    failing = document_of(run, test=test, replay=replay)
    if run.steps > MOST_STEPS and make is not None:
        make, remark = None, f"A run of {run.steps} events takes too long to be made again and again, so it was not explained."
    if make is None or now is None:
        return FailureDocument(failing=failing, remark=remark)
    shrunk, explanation = None, None
    try:
        failure = _hurried(run, make, now, seconds)
        shrunk = failure.shrink(_budget(failure, now, seconds))
        explanation = shrunk.explain()
    except _OutOfTime:
        remark = f"Explaining was given up after {seconds:g} s; 'harness explain TEST TOKEN' takes the time that it needs."
    except Exception as error:
        remark = f"The failure could not be explained, since making it again went wrong: {type(error).__name__}: {error}"
    if explanation is not None:
        return explained(failing, explanation, test)
    least = None if shrunk is None else document_of(shrunk.run, test=test)
    passing = None if shrunk is None else _passing(run, make, shrunk)
    return FailureDocument(
        failing=failing, shrunk=least, passing=None if passing is None else document_of(passing, test=test), remark=remark
    )


def _passing(run: Any, make: Callable[[Schedule], FinishedRun], shrunk: ShrunkFailure) -> FinishedRun | None:
    """A passing run for little: that with one deviation less, which is there if each is needed."""
    picks = any(choice.site == PICKED for choice in run.choices)
    deviations = shrunk.deviations
    for spared in reversed(deviations[-_TRIED:]):
        others = [choice for choice in deviations if choice is not spared]
        try:
            found = make(Schedule(run.seed, Recorded(others, picks)))
        except Exception:
            return None
        if found.error is None:
            return found
    return None


def explained(failing: RunDocument, explanation: Explanation, test: str) -> FailureDocument:
    """A failing run beside the runs of its explanation."""
    pair, passing = explanation.pair, explanation.passing_run
    shrunk = document_of(explanation.failing_run, test=test, pair=None if pair is None else pair.steps)
    remark = "" if passing is not None else "There is no passing run to compare with: it fails without any deviation."
    more = len(shrunk.deviations) - len(explanation.deviations)
    if more > 0:
        draws = "one more draw deviates" if more == 1 else f"{more} more draws deviate"
        remark = f"To stand right next to the passing run, {draws} in the shrunk run than it takes to fail."
    return FailureDocument(
        failing=failing,
        shrunk=shrunk,
        passing=None if passing is None else document_of(passing, test=test, pair=None if pair is None else pair.passing_steps),
        explanation=tuple(explanation.lines),
        remark=remark,
    )


def _hurried(run: Any, make: Callable[[Schedule], FinishedRun], now: Callable[[], float], seconds: float) -> Failure:
    """The failure, made again only while there is time."""
    end = now() + seconds

    def make_in_time(schedule: Schedule) -> FinishedRun:
        if now() > end:
            raise _OutOfTime
        return make(schedule)

    return Failure(run.schedule, lambda _: make_in_time(run.schedule), run, make_in_time)


def _budget(failure: Failure, now: Callable[[], float], seconds: float) -> int:
    """How many runs shrinking may make, so that explaining has some time left; by how long one run takes at best."""
    make, times = failure._maker(), [now()]
    # Timing a slow run again would cost more than it tells.
    while len(times) <= _TIMED and times[-1] - times[0] < seconds * _PART_OF_TIMING:
        make(failure.schedule)
        times.append(now())
    took = min(after - before for before, after in pairwise(times))
    return next((runs for runs in _RUNS if runs * took <= seconds * _PART_OF_SHRINKING), _RUNS[-1])


def stem_of(nodeid: str) -> str:
    """What the files of a test are called, without their endings: its node id as far as that can be a file name."""
    name = re.sub(r"[^A-Za-z0-9_.=-]+", "-", nodeid).strip("-")[:120]
    return f"{name}-{hashlib.sha256(nodeid.encode()).hexdigest()[:8]}"


def write_failure(folder: Path, nodeid: str, text: str, document: Document) -> list[Path]:
    """Write the three files of a failure; the folder is made if it is not there.

    Args:
        text: the report; of a failure that is explained the explanation is added.

    Returns:
        Their paths: ``.txt``, ``.html``, ``.json``.

    Raises:
        OSError: the folder or a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stem = stem_of(nodeid)
    paths = [folder / f"{stem}.{ending}" for ending in ("txt", "html", "json")]
    if isinstance(document, FailureDocument) and document.explanation:
        text = f"{text.rstrip()}\n\nwhy:\n" + "".join(f"  {line}\n" for line in document.explanation)
    _write(paths[0], text)
    _write(paths[1], page(document))
    write(paths[2], document)
    return paths


def _write(path: Path, text: str) -> None:
    # By rename: a reader never sees half a file.
    partial = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    partial.write_text(text, "utf-8")
    partial.replace(path)
