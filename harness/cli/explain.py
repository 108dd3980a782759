"""``harness explain``: why one run of one test fails."""

from __future__ import annotations

import functools
from pathlib import Path

import click

from harness.cli import explaining
from harness.cli.console import (
    FAILURE_FOUND,
    NOTHING_FOUND,
    json_option,
    one_run,
    print_json,
    title,
    write_text,
)
from harness.cli.session import Refused, Stopped
from harness.errors import InternalError
from harness.explore.shrink import BUDGET


@one_run
@click.option(
    "--runs", default=BUDGET, show_default=True, type=click.IntRange(min=1), metavar="N", help="The most runs to shrink with."
)
@click.option(
    "--page",
    default=None,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUT.html",
    help="Write a page with the run, the shrunk and the nearest passing one side by side.",
)
@json_option
def explain(test: str, token: str, strategy: str | None, runs: int, page: Path | None, as_json: bool) -> int:
    """Shrink the failing run of TEST under TOKEN, and say what decides it.

    The answer has at most a dozen lines: the choices that it takes, in words; the two events whose order decides; the point of
    the run from which the failure was likely; and the command that makes the shortest failing run again.

    \b
    Example:
      harness explain tests/test_it.py::test_agent ch1-random-18
    """
    options = [] if strategy is None else [f"--cluster-strategy={strategy}"]
    try:
        if token == "last":
            raise Refused("'last' is for pytest --cluster-seed; here a seed or a token is wanted")
        found = explaining.again(test, token, functools.partial(explaining.explain, budget=runs), options)
    except Refused as error:
        raise click.UsageError(str(error)) from None
    except Stopped:
        raise click.Abort from None
    run = found.run
    if isinstance(run.error, InternalError):
        raise run.error
    if page is not None:
        from harness.report.page import page as page_of

        write_text(page, page_of(found.document()))
    if as_json:
        print_json(
            {
                "test": found.test,
                "token": run.token,
                "seed": run.seed,
                "failed": run.failed,
                "error": None if run.error is None else f"{type(run.error).__name__}: {run.error}",
                "explanation": found.as_dict(),
                "page": None if page is None else str(page),
            }
        )
    else:
        click.echo(title(f"{found.test} under {run.named}"))
        click.echo("\n".join(f"  {line}" for line in found.lines()))
        if page is not None:
            click.echo(f"  page: {page}")
    return FAILURE_FOUND if run.failed else NOTHING_FOUND
