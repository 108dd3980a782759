"""``harness show``: a run as people look at it: its timeline, a page, a diagram, a log, what was allocated to whom."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import msgspec

from harness.cli.console import NOTHING_FOUND, complete_files, json_option, title, write_text
from harness.cli.explaining import replay_line
from harness.cli.rendering import FORMATS, Selection, render
from harness.cli.session import Refused, Stopped, run_tests
from harness.errors import InternalError, NondeterminismError
from harness.report.document import Document, RunDocument, document_of, read

_TITLE = 80
_TOKEN = re.compile(r"^\s*token: (\S+)$", re.MULTILINE)
_RUNS = ("failing", "shrunk", "passing")
_FOR_PEOPLE = ("timeline", "columns")


def _file(**extra: Any) -> Any:
    return {"default": None, "type": click.Path(dir_okay=False, writable=True, path_type=Path), **extra}


@click.command()
@click.argument("source", metavar="FILE|TEST", shell_complete=complete_files)
@click.argument("token", metavar="[TOKEN]", required=False)
@click.option("--format", "kind", default="timeline", show_default=True, type=click.Choice(FORMATS), help="What to print.")
@click.option("-o", "--output", **_file(metavar="OUT", help="Write to this file instead of printing."))
@click.option("--page", **_file(metavar="OUT.html", help="Write the page: a lane for each process, messages as arrows."))
@click.option("--process", "processes", multiple=True, metavar="P", help="Only what concerns this process or host. Repeatable.")
@click.option("--type", "types", multiple=True, metavar="T", help="Only messages, timers and calls of this type. Repeatable.")
@click.option("--last", default=None, type=click.IntRange(min=1), metavar="N", help="Only the last N of them.")
@click.option("--run", "which", default=None, type=click.Choice(_RUNS), help="Of a failure's document: which of its runs.")
@click.option(
    "--allocation",
    **_file(
        metavar="OUT.html",
        help="Write a page that plots who held what over time, by role and framework; the test runs again for it.",
    ),
)
@json_option
def show(
    source: str,
    token: str | None,
    kind: str,
    output: Path | None,
    page: Path | None,
    processes: tuple[str, ...],
    types: tuple[str, ...],
    last: int | None,
    which: str | None,
    allocation: Path | None,
    as_json: bool,
) -> int:
    """Show a run.

    FILE is what 'harness hunt --report DIR' or 'pytest --cluster-report=DIR' wrote: a document (.json), which is shown as it is,
    or a text report, for which the test runs again. Or name a TEST, with the TOKEN or the seed of the run.

    \b
    Examples:
      harness show out/test_agent.json --page agent.html
      harness show out/test_agent.json --format mermaid --process master --last 30
      harness show tests/test_it.py::test_agent ch1-random-18 --format log -o agent.log
    """
    test, document, run = _found(source, token)
    main = _chosen(document, which)
    if allocation is not None:
        _write_allocation(allocation, run if run is not None else _run_again(test, main.token)[1], main)
        return NOTHING_FOUND
    if page is not None:
        from harness.report.page import page as page_of

        write_text(page, page_of(document if which is None else main))
        click.echo(f"{page}: {main.test} under {brief(main.token)}, open it in a browser")
        return NOTHING_FOUND
    if as_json:
        shown = document if which is None else main
        text = msgspec.json.encode(shown).decode()
    else:
        text = render(main, kind, Selection(processes, types, last))
        if kind in _FOR_PEOPLE and output is None:
            text = f"{title(f'{main.test} under {brief(main.token)}')}\n{text}"
    if output is None:
        click.echo(text)
    else:
        write_text(output, text + "\n")
        click.echo(f"{output}: {main.test} under {brief(main.token)}")
    return NOTHING_FOUND


# -- where the run comes from ---------------------------------------------------------------------------------------


def brief(token: str) -> str:
    """A token as part of a title: a long one is cut."""
    return token if len(token) <= _TITLE else f"{token[:_TITLE]}... ({len(token)} characters)"


def _found(source: str, token: str | None) -> tuple[str, Document, Any]:
    """The test, its document, and the run if it had to be made again."""
    if token is not None:
        return _made_again(source, token)
    path = Path(source)
    if path.suffix == ".json" and not path.is_dir():
        document = read(path)
        test = document.test if isinstance(document, RunDocument) else document.failing.test
        return test, document, None
    return _made_again(*_read_report(path))


def _read_report(report: Path) -> tuple[str, str]:
    wanted = "name one that 'harness hunt --report DIR' wrote, or a test and the token of its run"
    if not report.is_file():
        raise click.UsageError(f"{report} is no report file; {wanted}")
    try:
        text = report.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise click.UsageError(f"{report} is no text, so it is no report of a run; {wanted}") from None
    except OSError as error:
        raise click.UsageError(f"{report} cannot be read ({error.strerror}); {wanted}") from None
    found = _TOKEN.search(text)
    if found is None:
        raise click.UsageError(f"{report} names no token, so it is no report of a run; hunt again with --report DIR")
    return text.splitlines()[0], found[1]


def _made_again(test: str, token: str) -> tuple[str, Document, Any]:
    name, run = _run_again(test, token)
    return name, document_of(run, test=name, replay=replay_line(name, run.named)), run


def _run_again(test: str, token: str) -> tuple[str, Any]:
    runs: list[Any] = []
    names: list[str] = []

    def listen(kind: str, what: Any) -> None:
        if kind == "run" and what is not None:
            runs.append(what)
        elif kind == "result":
            names.append(what.test)

    try:
        run_tests([test], [f"--cluster-seed={token}"], listen, single=True)
    except Refused as error:
        raise click.UsageError(str(error)) from None
    except Stopped:
        raise click.Abort from None
    if not runs:
        raise InternalError(f"{test} was collected but did not run; run it with pytest to see why")
    if isinstance(runs[0].error, NondeterminismError) and runs[0].schedule.choices is not None:
        # The token is of another test, or of another version of this one: what ran is not what was asked for.
        raise runs[0].error
    return names[0], runs[0]


def _chosen(document: Document, which: str | None) -> RunDocument:
    if isinstance(document, RunDocument):
        if which is not None:
            raise click.UsageError(f"--run {which}: this is a single run, not the document of a failure; leave --run away")
        return document
    run: RunDocument | None = getattr(document, which or "failing")
    if run is None:
        there = ", ".join(name for name in _RUNS if getattr(document, name) is not None)
        why = f" ({document.remark})" if document.remark else ""
        raise click.UsageError(f"--run {which}: the document has no such run{why}; it has {there}")
    return run


# -- files ----------------------------------------------------------------------------------------------------------


def _write_allocation(path: Path, run: Any, main: RunDocument) -> None:
    from harness.report.allocation import allocation_page

    write_text(path, allocation_page(run.trace, f"{main.test} under {brief(main.token)}"))
    click.echo(f"{path}: who held what in {main.test} under {brief(main.token)}")
