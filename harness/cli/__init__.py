"""The command ``harness``: hunt for failing seeds, replay one, show one.

Exit codes: 0 nothing found, 1 a failure was found, 2 usage, 3 the harness itself failed.

click and rich are imported here and in the modules beside, and nowhere else.
"""

from __future__ import annotations

import sys

import click

from harness.cli.hunt import hunt
from harness.cli.replay import replay
from harness.cli.show import show
from harness.errors import HarnessError, MisuseError

NOTHING_FOUND, FAILURE_FOUND, USAGE, HARNESS_FAILED = 0, 1, 2, 3


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cluster-harness", prog_name="harness")
def cli() -> None:
    """Tests for clusters in which every flake has a seed.

    \b
    harness hunt TEST...        run tests under many seeds, show the failing ones
    harness replay TEST TOKEN   make one run again
    harness show FILE           its whole timeline, or a page of who held what
    """


cli.add_command(hunt)
cli.add_command(replay)
cli.add_command(show)


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the console script; ends the process with one of the exit codes."""
    try:
        code = cli.main(arguments, prog_name="harness", standalone_mode=False)
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.Abort:
        click.echo("stopped", err=True)
        code = 130
    except (click.ClickException, MisuseError) as error:
        text = error.format_message() if isinstance(error, click.ClickException) else str(error)
        click.echo(f"harness: {text}", err=True)
        code = USAGE
    except HarnessError as error:
        click.echo(f"harness: {type(error).__name__}: {error}", err=True)
        code = HARNESS_FAILED
    sys.exit(code or 0)
