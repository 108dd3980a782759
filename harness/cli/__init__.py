"""The command ``harness``: hunt for failing seeds, replay one, explain it, prove that none is left.

Exit codes: 0 nothing found, 1 a failure was found, 2 usage, 3 the harness itself failed, 4 a proof that ran out of time,
130 stopped by Ctrl-C.

click and rich are imported here and in the modules beside, and nowhere else. Each command lives in a module of its own, which is
loaded when the command is used: help and completion cost no more than click.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from typing import Any, NamedTuple

import click

from harness.cli.console import HARNESS_FAILED, STOPPED, USAGE
from harness.errors import HarnessError, MisuseError


class _Command(NamedTuple):
    module: str
    usage: str
    summary: str


_COMMANDS = {
    "hunt": _Command("hunt", "hunt TEST...", "run tests under many seeds; show and explain what fails"),
    "replay": _Command("replay", "replay TEST TOKEN", "make one run again"),
    "explain": _Command("explain", "explain TEST TOKEN", "shrink a failing run and say what decides it"),
    "prove": _Command("prove", "prove TEST", "make every run with at most so many deviations"),
    "show": _Command("show", "show FILE", "a run as timeline, page, diagram or log"),
    "doctor": _Command("doctor", "doctor", "check this installation"),
    "completion": _Command("completion", "completion SHELL", "print the completion script for bash, zsh or fish"),
}
_BROKEN_PIPE = 141


class _Commands(click.Group):
    """Loads a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"harness.cli.{_COMMANDS[cmd_name].module}"), cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            # Whoever read this has seen enough. Nothing may be written any more, not even at the interpreter's end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return _BROKEN_PIPE
        return result

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(command.usage, command.summary) for command in _COMMANDS.values()])


@click.command(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 nothing found, 1 a failure was found, 2 usage, 3 the harness itself failed."
    " 'harness COMMAND --help' tells more.",
)
@click.version_option(package_name="cluster-harness", prog_name="harness")
def cli() -> None:
    """Tests for clusters in which every flake has a seed.

    \b
    Example, from a test that fails now and then to the reason:
      harness hunt tests/test_it.py --seeds 2000 -j 2
    """


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the console script; ends the process with one of the exit codes."""
    try:
        code = cli.main(arguments, prog_name="harness", standalone_mode=False, color=_color())
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.Abort:
        click.echo("harness: stopped by Ctrl-C before there was a result", err=True)
        code = STOPPED
    except (click.ClickException, MisuseError) as error:
        text = error.format_message() if isinstance(error, click.ClickException) else str(error)
        click.echo(f"harness: {text}", err=True)
        code = USAGE
    except HarnessError as error:
        click.echo(f"harness: {type(error).__name__}: {error}", err=True)
        code = HARNESS_FAILED
    except Exception as error:
        traceback.print_exc()
        click.echo(f"harness: this is a bug of the harness, please report it: {type(error).__name__}: {error}", err=True)
        code = HARNESS_FAILED
    sys.exit(code or 0)


def _color() -> bool | None:
    if os.environ.get("NO_COLOR"):
        return False
    return True if os.environ.get("FORCE_COLOR") else None
