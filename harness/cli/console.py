"""What all commands share: exit codes, JSON on the output stream, kinds of arguments."""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

NOTHING_FOUND, FAILURE_FOUND, USAGE, HARNESS_FAILED, UNDECIDED, STOPPED = 0, 1, 2, 3, 4, 130

_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "secs": 1.0, "m": 60.0, "min": 60.0, "mins": 60.0, "h": 3600.0, "hrs": 3600.0}


class Real:
    """Real time. A test may freeze time: names of modules are then replaced, attributes of a class are not."""

    seconds = staticmethod(time.perf_counter)


def print_json(document: Any) -> None:
    """Print one JSON document on one line; with ``--json`` this is all that goes to the output stream."""
    click.echo(json.dumps(document, ensure_ascii=False))


def title(text: str) -> str:
    """The line over a result."""
    return click.style(text, bold=True)


def indented(text: str) -> list[str]:
    """Lines of a report under a title."""
    return [f"  {line}".rstrip() for line in text.splitlines()]


def progress_note(text: str) -> None:
    """One line for the person who waits, on the error stream."""
    click.echo(f"harness: {text}", err=True)


def write_text(path: Path, text: str) -> None:
    """Write a file that somebody asked for.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written ({error.strerror}); name another file") from None


def writable_folder(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    """Refuse a folder before any work is done in which no file could be written afterwards."""
    if value is None:
        return None
    try:
        value.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=value):
            return value
    except OSError as error:
        raise click.UsageError(
            f"--report {value}: nothing can be written there ({error.strerror}); name a folder that can be written to"
        ) from None


def complete_files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Leave it to the shell: a test begins with a file."""
    return [CompletionItem(incomplete, type="file")]


def complete_strategies(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The strategies whose names begin so."""
    from harness.simulation.strategies import strategy_names

    return [CompletionItem(name) for name in strategy_names() if name.startswith(incomplete)]


def read_span(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """A span of real time such as ``60s`` or ``5m``, in seconds."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", value.strip())
    if found is None or found[2] not in _UNITS or float(found[1]) <= 0:
        raise click.BadParameter(f"{value!r} is no span of real time; wanted one such as 60s, 5m or 1h", ctx, param)
    return float(found[1]) * _UNITS[found[2]]


json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, and nothing else.")
budget_option = click.option("--budget", default=None, metavar="60s", callback=read_span, help="Real time after which to end.")
report_option = click.option(
    "--report",
    default=None,
    metavar="DIR",
    type=click.Path(path_type=Path),
    callback=writable_folder,
    help="Write files for each failure: text, page (.html), document (.json).",
)


def one_run(function: Callable[..., Any]) -> click.Command:
    """A command about one run of one test: TEST, TOKEN and, for a bare seed, --strategy."""
    strategy = click.option(
        "--strategy",
        default=None,
        metavar="S",
        shell_complete=complete_strategies,
        help="For a bare seed: what draws the choices (random by default).",
    )
    test = click.argument("test", metavar="TEST", shell_complete=complete_files)
    token = click.argument("token", metavar="TOKEN")
    # A seed may be negative, which looks like an option.
    return click.command(context_settings={"ignore_unknown_options": True})(test(token(strategy(function))))
