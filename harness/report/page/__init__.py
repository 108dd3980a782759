"""A failure as one HTML page: lanes, arrows, the runs that explain it; it loads nothing and needs no network.

The template and what it includes (style, script) lie beside this file. Only who writes a page loads this, and Jinja with it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from harness.report.document import DeviationEntry, Document, FailureDocument, RunDocument, main_run
from harness.report.page.alignment import align
from harness.report.page.columns import embedded
from harness.simulation.trace import shorten

__all__ = ["page"]

_HERE = Path(__file__).parent
_SCRIPTS = ("data.js", "view.js", "drawing.js", "lanes.js", "axis.js", "list.js", "details.js", "main.js")
_MOST_ROWS = 60


def page(document: Document) -> str:
    """The whole page of a run or a failure, as HTML.

    Args:
        document: as :func:`harness.report.document.read` gives it, or just made. Of a failure with a passing run beside it the
            page opens with both, aligned, at their first difference.
    """
    failure = document if isinstance(document, FailureDocument) else FailureDocument(failing=document)
    main = failure.shrunk or failure.failing
    runs = [(title, run) for title, run in _titled(failure) if run is not None]
    compared, alignment = None, None
    if failure.passing is not None:
        ours = next(number for number, (_, run) in enumerate(runs) if run is main)
        compared, alignment = (ours, len(runs) - 1), align(main, failure.passing)
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["shorten"] = shorten
    headline, rest = _headline(main_run(document))
    template = environment.get_template("page.html.j2")
    return template.render(
        failure=failure,
        found=main_run(document),
        main=main,
        runs=runs,
        headline=headline,
        rest=rest,
        explanation=_explanation(failure, main),
        style=Markup((_HERE / "style.css").read_text("utf-8")),
        script=Markup("\n".join((_HERE / name).read_text("utf-8") for name in _SCRIPTS)),
        data=Markup(embedded(runs, alignment, compared)),
        deviations=_deviations(main),
        more_deviations=max(0, len(main.deviations) - _MOST_ROWS),
        main_number=next(number for number, (_, run) in enumerate(runs) if run is main),
        when=_when,
        most=_MOST_ROWS,
    )


def _titled(failure: FailureDocument) -> list[tuple[str, RunDocument | None]]:
    first = "As found" if failure.shrunk is not None else "Failing" if failure.failing.failed else "Run"
    return [(first, failure.failing), ("Shrunk", failure.shrunk), ("Nearest passing", failure.passing)]


def _headline(run: RunDocument) -> tuple[str, list[str]]:
    """What broke in one line, and the lines that tell more."""
    lines = (run.error or "").splitlines()
    if not lines:
        return "", []
    if not lines[0].startswith("Traceback"):
        return lines[0], lines[1:]
    # A traceback names the exception after its frames; what it says may go on for several lines.
    name = run.error_type or ""
    said = [line for line in lines if line.rpartition(":")[0].endswith(name) or line.startswith(name)]
    return (said[-1] if said else lines[-1]), lines


def _explanation(failure: FailureDocument, main: RunDocument) -> list[str]:
    lines = list(failure.explanation or main.explanation)
    # What broke is said already.
    return lines[1:] if lines and main.error is not None and main.error.startswith(lines[0]) else lines


def _deviations(run: RunDocument) -> list[dict[str, Any]]:
    def told(entry: DeviationEntry) -> dict[str, Any]:
        return {
            "step": entry.step,
            "words": shorten(entry.words),
            "site": entry.site,
            "share": f"{entry.value / entry.bound:.0%}" if entry.bound else "",
        }

    return [told(entry) for entry in run.deviations[:_MOST_ROWS]]


def _when(ns: int) -> str:
    """A moment or span as the script of the page writes it."""
    unit, digits = ("s", 9) if ns >= 10**9 else ("ms", 6) if ns >= 10**6 else ("µs", 3) if ns >= 1000 else ("ns", 0)
    whole, part = divmod(ns, 10**digits)
    return f"{f'{whole}.{part:0{digits}}'.rstrip('0').rstrip('.') if digits else whole} {unit}"
