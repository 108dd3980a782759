"""``harness replay``: one run of one test, again."""

from __future__ import annotations

import functools

import click

from harness.cli.console import (
    FAILURE_FOUND,
    HARNESS_FAILED,
    NOTHING_FOUND,
    USAGE,
    json_option,
    one_run,
    print_json,
    title,
)
from harness.cli.explaining import Explained, again
from harness.cli.session import Refused, Stopped, Subject, run_tests
from harness.errors import InternalError, MisuseError
from harness.explore.tokens import Schedule, read_schedule
from harness.exploring import replay_leniently


@one_run
@click.option(
    "--lenient",
    is_flag=True,
    help="Apply recorded choices as well as it goes to a test that has changed since, and say how far they still fit.",
)
@json_option
def replay(test: str, token: str, strategy: str | None, lenient: bool, as_json: bool) -> int:
    """Run TEST (a pytest node id) once under TOKEN, or under a seed, as a failing run printed it.

    \b
    Examples:
      harness replay tests/test_it.py::test_agent ch1-random-18
      harness replay tests/test_it.py::test_agent 18 --strategy pct:3
    """
    options = [f"--cluster-seed={token}", *([] if strategy is None else [f"--cluster-strategy={strategy}"])]
    try:
        if token == "last":
            raise Refused("'last' is for pytest --cluster-seed; here a seed or a token is wanted")
        if lenient:
            return _leniently(test, token, as_json)
        results = run_tests([test], options, lambda kind, what: None, single=True)
    except Refused as error:
        raise click.UsageError(str(error)) from None
    except Stopped:
        raise click.Abort from None
    if not results:
        raise InternalError(f"{test} was collected but did not run; run it with pytest to see why")
    result = results[0]
    if as_json:
        print_json(result.as_dict())
    else:
        click.echo(title(result.test))
        click.echo(result.first.report if result.first is not None else result.report or result.trouble or "skipped")
    if result.harness_failed:
        return HARNESS_FAILED
    return FAILURE_FOUND if result.failed else USAGE if result.trouble else NOTHING_FOUND


def _leniently(test: str, token: str, as_json: bool) -> int:
    try:
        schedule = read_schedule(token)
    except MisuseError as error:
        raise Refused(f"TOKEN: {error}") from None
    if schedule.choices is None:
        raise Refused(f"{token} is a seed, which has no recorded choices to fit; leave out --lenient")
    run = again(test, token, functools.partial(_anchored, schedule)).run
    assert run.anchoring is not None
    if as_json:
        print_json({"test": test, "failed": run.failed, "token": run.token, "digest": run.digest, **run.anchoring.as_dict()})
    else:
        click.echo(title(test))
        click.echo(run.report())
    return FAILURE_FOUND if run.failed else NOTHING_FOUND


def _anchored(schedule: Schedule, subject: Subject) -> Explained:
    return Explained(subject.name, replay_leniently(subject.run, schedule), None, 0.0)
