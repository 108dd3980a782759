"""``harness show``: a run as people look at it, its whole timeline or what was allocated to whom."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from harness.cli.session import Refused, run_tests
from harness.errors import InternalError
from harness.report.allocation import allocation_page
from harness.report.text import timeline

_TOKEN = re.compile(r"^\s*token: (\S+)$", re.MULTILINE)


@click.command()
@click.argument("source", metavar="FILE|TEST")
@click.argument("token", metavar="[TOKEN]", required=False)
@click.option("--last", default=None, type=click.IntRange(min=1), metavar="N", help="Only the last N records.")
@click.option(
    "--allocation",
    default=None,
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="PAGE.html",
    help="Write a page that plots who held what over time, by role and framework, and the dominant shares.",
)
def show(source: str, token: str | None, last: int | None, allocation: Path | None) -> int:
    """Make a run again and print its timeline.

    FILE is a report that 'harness hunt --report DIR' or 'pytest --cluster-report=DIR' wrote; or name a TEST, with the TOKEN or
    the seed of the run.
    """
    test = source
    if token is None:
        test, token = _read(Path(source))
    run = _run_again(test, token)
    if allocation is not None:
        allocation.write_text(allocation_page(run.trace, f"{test} under {token}"), encoding="utf-8")
        click.echo(f"{allocation}: who held what in {test} under {token}")
        return 0
    click.echo(click.style(f"{test} under {token}", bold=True))
    click.echo(timeline(run.trace, len(run.trace) if last is None else last))
    return 0


def _read(report: Path) -> tuple[str, str]:
    if not report.is_file():
        raise click.UsageError(
            f"{report} is no report file; name one that 'harness hunt --report DIR' wrote, or a test and the token of its run"
        )
    text = report.read_text(encoding="utf-8")
    found = _TOKEN.search(text)
    if found is None:
        raise click.UsageError(f"{report} names no token, so it is no report of a run; hunt again with --report DIR")
    return text.splitlines()[0], found[1]


def _run_again(test: str, token: str) -> Any:
    runs: list[Any] = []

    def listen(kind: str, what: Any) -> None:
        if kind == "run" and what is not None:
            runs.append(what)

    try:
        run_tests([test], [f"--cluster-seed={token}"], listen, single=True)
    except Refused as error:
        raise click.UsageError(str(error)) from None
    if not runs:
        raise InternalError(f"{test} was collected but did not run; run it with pytest to see why")
    return runs[0]
