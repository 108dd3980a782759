"""The sections of a failure report as plain text, the same for pytest, the command line and Python."""

from __future__ import annotations

import os
import traceback
from collections.abc import Sequence

from harness.errors import HarnessError, ProcessError, SystemFailure
from harness.report.chart import MOST_COLUMNS, led_to, time_width, trace_chart
from harness.simulation.choices import Choice
from harness.simulation.trace import Trace, moment, shorten

TIMELINE_LINES = 40
REPORT_LINES = 58
_WIDTH = 160
_PROCESS = 36
_HARNESS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))).replace(os.sep, "/") + "/"


def timeline(trace: Trace, most: int = TIMELINE_LINES) -> str:
    """The last ``most`` records of a trace, one a line: time, process, what happened.

    Uuids are cut to their beginning. When the test itself failed, these are the last before its failure: the clean-up that
    followed explains nothing.
    """
    end = trace.over if trace.aborted and trace.over is not None else len(trace)
    hidden = max(0, end - most)
    shown = trace[hidden:end]
    wide = min(_PROCESS, max((len(shorten(record.process)) for record in shown), default=0))
    room = time_width(record.time for record in shown)
    lines = [
        _cut(f"{moment(record.time):>{room}}  {shorten(record.process):<{wide}}  {shorten(record.text)}") for record in shown
    ]
    if hidden:
        lines.insert(0, f"({hidden} earlier records left out)")
    if end < len(trace):
        lines.append(f"(here the test failed; {len(trace) - end} records of the clean-up left out)")
    return "\n".join(lines) or "(nothing happened)"


def _cut(line: str) -> str:
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 3]}..."


def choices_text(choices: Sequence[Choice], most: int = 5) -> str:
    """How many draws there were, how many deviated, and the sites at which most of them did."""
    deviations = [choice for choice in choices if choice.value]
    sites: dict[str, int] = {}
    for choice in deviations:
        sites[choice.site] = sites.get(choice.site, 0) + 1
    ranked = sorted(sites.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{site}: {count}" for site, count in ranked[:most])
    more = f", {len(ranked) - most} more sites" if len(ranked) > most else ""
    where = f" ({shown}{more})" if shown else ""
    return f"{len(choices)} draws, {len(deviations)} of them not benign{where}"


def error_text(error: BaseException) -> str:
    """The error with its notes, and where it was raised.

    One of ours says all there is to say, so its place is one line; for any other, and for the cause of a
    :class:`~harness.errors.ProcessError`, the frames of the user's own code follow.
    """
    if not isinstance(error, HarnessError):
        return _traceback_text(error)
    lines = [f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())]
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_machinery(frame)]
    if own:
        lines.append(f"(raised at {_relative(own[-1].filename)}:{own[-1].lineno}: {own[-1].line})")
    if isinstance(error, ProcessError) and error.__cause__ is not None:
        lines.append(_traceback_text(error.__cause__))
    return "\n".join(lines)


def _traceback_text(error: BaseException) -> str:
    summary = traceback.TracebackException.from_exception(error)
    own = [frame for frame in summary.stack if not _is_machinery(frame)]
    if own:
        summary.stack = traceback.StackSummary.from_list(own)
    return "".join(summary.format(chain=False)).rstrip()


def _is_machinery(frame: traceback.FrameSummary) -> bool:
    path = frame.filename.replace(os.sep, "/")
    return path.startswith(_HARNESS) or any(part in path for part in ("/_pytest/", "/pluggy/", "/harness_fixtures/"))


def _relative(path: str) -> str:
    here = os.path.relpath(path)
    return path if here.startswith("..") else here


def run_report(
    *,
    seed: int,
    strategy: str,
    token: str,
    error: BaseException | None,
    trace: Trace,
    choices: Sequence[Choice],
    digest: str,
    steps: int,
    how_to_replay: str = "",
    lines: int = REPORT_LINES,
) -> str:
    """One run in full, in at most about ``lines`` lines: what the error leaves is given to the timeline."""
    verdict = "passed" if error is None else "FAILED"
    head = [f"seed {seed}, strategy {strategy}: {verdict} after {steps} steps"]
    if error is not None:
        head += ["", *error_text(error).splitlines()]
    foot = ["", f"choices: {choices_text(choices)}", f"digest: {digest}", f"token: {token}"]
    if how_to_replay:
        foot.append(f"replay: {how_to_replay}")
    room = lines - len(head) - len(foot) - 3 - MOST_COLUMNS
    marked = led_to(trace, error.step) if isinstance(error, SystemFailure) else ()
    body = ["", "timeline:", *trace_chart(trace, min(room, TIMELINE_LINES), marked).splitlines()] if room >= 5 else []
    return "\n".join(head + body + foot)
