"""``harness replay``: one run of one test, again."""

from __future__ import annotations

import json

import click

from harness.cli.session import Refused, run_tests
from harness.errors import InternalError


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("test", metavar="TEST")
@click.argument("token", metavar="TOKEN")
@click.option("--strategy", default=None, metavar="S", help="For a bare seed: what draws the choices (random by default).")
@click.option("--json", "as_json", is_flag=True, help="Print the run as JSON.")
def replay(test: str, token: str, strategy: str | None, as_json: bool) -> int:
    """Run TEST (a pytest node id) once under TOKEN, or under a seed, as a failing run printed it."""
    options = [f"--cluster-seed={token}", *([] if strategy is None else [f"--cluster-strategy={strategy}"])]
    try:
        if token == "last":
            raise Refused("'last' is for pytest --cluster-seed; here a seed or a token is wanted")
        results = run_tests([test], options, lambda kind, what: None, single=True)
    except Refused as error:
        raise click.UsageError(str(error)) from None
    if not results:
        raise InternalError(f"{test} was collected but did not run; run it with pytest to see why")
    result = results[0]
    if as_json:
        click.echo(json.dumps(result.as_dict()))
    else:
        click.echo(click.style(result.test, bold=True))
        click.echo(result.first.report if result.first is not None else result.report or result.trouble or "skipped")
    if result.harness_failed:
        return 3
    return 1 if result.failed else 2 if result.trouble else 0
