"""``harness hunt``: tests under many seeds, in one process or several."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from harness.cli.console import (
    FAILURE_FOUND,
    HARNESS_FAILED,
    NOTHING_FOUND,
    STOPPED,
    USAGE,
    Real,
    budget_option,
    complete_files,
    complete_strategies,
    indented,
    json_option,
    print_json,
    progress_note,
    report_option,
    title,
)
from harness.cli.explaining import Explained, again, explain, explain_line, replay_line, run_only
from harness.cli.progress import Meter
from harness.cli.resuming import run_on_file
from harness.cli.session import Refused, Stopped, Subject, TestResult, run_tests
from harness.cli.workers import run_in_processes
from harness.explore.statistics import describe_rate, rarer_than, wilson

# Nobody asked for explanations, so they may take so long: of one test, of all tests together.
_SECONDS_UNASKED, _SECONDS_UNASKED_IN_ALL = 10.0, 20.0


class _Outcome(NamedTuple):
    seeds: int
    jobs: int
    seconds: float
    stopped: bool
    results: Sequence[TestResult]
    looked: Mapping[str, Explained]
    files: Mapping[str, Sequence[Path]]


@click.command()
@click.argument("tests", nargs=-1, required=True, metavar="TEST...", shell_complete=complete_files)
@click.option("--seeds", default=1000, show_default=True, type=click.IntRange(min=1), help="Seeds to run each test under.")
@click.option("--first-seed", default=0, show_default=True, type=int, help="The seed to begin with.")
@click.option("-j", "--jobs", default=1, show_default=True, type=click.IntRange(min=1), help="Processes to use.")
@click.option(
    "--strategy",
    default=None,
    metavar="S",
    shell_complete=complete_strategies,
    help="What draws the choices: random (default), prompt, pct:3, pos, urw, order, bounded:2, portfolio.",
)
@click.option(
    "--explain/--no-explain",
    "explaining",
    default=None,
    help="Shrink and explain the first failure of each test. By default, unless that takes long.",
)
@budget_option
@report_option
@click.option(
    "--resume",
    default=None,
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write down what is found as it comes; given again, go on where it ended. For one TEST.",
)
@json_option
def hunt(
    tests: Sequence[str],
    seeds: int,
    first_seed: int,
    jobs: int,
    strategy: str | None,
    explaining: bool | None,
    budget: float | None,
    report: Path | None,
    resume: Path | None,
    as_json: bool,
) -> int:
    """Run each TEST (a pytest node id, file or folder) under many seeds; show the lowest failing one and explain it.

    \b
    Examples:
      harness hunt tests/test_it.py --seeds 2000 -j 2
      harness hunt tests/test_it.py::test_agent --strategy portfolio --report out
    """
    drawing = [f"--cluster-strategy={strategy}"] if strategy is not None else []
    options = [f"--cluster-seeds={seeds}", f"--cluster-seed={first_seed}", *drawing]
    options += [f"--cluster-budget={budget:g}s"] if budget is not None else []
    began = Real.seconds()
    jobs = min(jobs, seeds)
    stopped = False
    try:
        with Meter(seeds, jobs, quiet=as_json) as meter:
            if resume is not None:
                wanted = range(first_seed, first_seed + seeds)
                results = run_on_file(tests, drawing, resume, wanted, jobs, budget, meter)
            elif jobs == 1:
                results = run_tests(tests, options, lambda kind, what: meter.tell(0, kind, what))
            else:
                results = run_in_processes(tests, options, jobs, meter)
    except Refused as error:
        raise click.UsageError(str(error)) from None
    except Stopped as error:
        results, stopped = error.results, True
    seconds = Real.seconds() - began
    looked: dict[str, Explained] = {}
    if not stopped:
        try:
            for result, work in _to_look_at(results, explaining, report is not None):
                looked[result.test] = _looked_at(result, work)
        except (Stopped, KeyboardInterrupt):
            stopped = True
    files = {} if report is None else {test: _written(found, report) for test, found in looked.items()}
    outcome = _Outcome(seeds, jobs, seconds, stopped, results, looked, files)
    if as_json:
        print_json(_document(outcome))
    else:
        for result in results:
            click.echo(_text(result, looked.get(result.test), files.get(result.test, ())))
        click.echo(_closing(outcome))
    if stopped:
        runs = sum(result.runs for result in results)
        more = "" if resume is None else "; the same command goes on where this one ended"
        progress_note(f"stopped by Ctrl-C after {seconds:.1f} s: {runs} runs were made; what they showed is above{more}")
        return STOPPED
    return _code(results)


def _code(results: Sequence[TestResult]) -> int:
    if any(result.harness_failed for result in results):
        return HARNESS_FAILED
    if any(result.failed for result in results):
        return FAILURE_FOUND
    return USAGE if any(result.trouble for result in results) else NOTHING_FOUND


# -- looking at what was found --------------------------------------------------------------------------------------


def _to_look_at(
    results: Sequence[TestResult], asked: bool | None, all_of_them: bool
) -> Iterator[tuple[TestResult, Callable[[Subject], Explained]]]:
    """The failing tests whose first failure is to be made again, and what for.

    Args:
        asked: whether to explain; None explains what is explained within seconds.
        all_of_them: also those that are not explained.
    """
    began = Real.seconds()
    for result in results:
        if result.first is None:
            continue
        left = _SECONDS_UNASKED_IN_ALL - (Real.seconds() - began)
        if asked and not result.harness_failed:
            yield result, explain
        elif asked is None and left > 0 and not result.harness_failed:
            yield result, functools.partial(explain, seconds=min(left, _SECONDS_UNASKED))
        elif all_of_them:
            yield result, run_only


def _looked_at(result: TestResult, work: Callable[[Subject], Explained]) -> Explained:
    """What making the failure again by itself came to; that it passes then costs nobody the rest of the hunt."""
    assert result.first is not None
    return again(result.test, result.first.token, work)


def _written(found: Explained, folder: Path) -> list[Path]:
    if found.run.error is None:
        return []
    try:
        return found.write(folder)
    except OSError as error:
        progress_note(f"{error.filename or folder} cannot be written ({error.strerror}): no report of {found.test}")
        return []


# -- showing it -----------------------------------------------------------------------------------------------------


def _text(result: TestResult, looked: Explained | None, files: Sequence[Path]) -> str:
    lines = [title(result.test)]
    if result.trouble and result.first is None:
        return "\n".join([*lines, *indented(result.trouble), ""])
    if result.skipped and not result.runs:
        return "\n".join([*lines, "  skipped", ""])
    rate = result.runs / result.seconds if result.seconds else 0.0
    colour = "red" if result.failed else "green"
    lines.append(f"  {result.runs} seeds, {rate:.0f} seeds/s and process, strategy {result.strategy}")
    lines.append("  " + click.style(describe_rate(len(result.failed), result.runs), fg=colour))
    if result.first is None:
        return "\n".join([*lines, ""])
    lines.append(f"  lowest failing seed: {result.first.seed}{_others(result)}{_finders(result)}")
    lines += ["", *indented(result.first.report), f"  or: {replay_line(result.test, result.first.token)}"]
    if looked is not None and looked.run.error is None:
        lines += ["", *(f"  {line}" for line in _passed_by_itself(result))]
    elif looked is not None and looked.explanation is not None:
        lines += ["", f"  why ({looked.seconds:.1f} s):", *(f"    {line}" for line in looked.lines())]
    elif not result.harness_failed:
        lines.append(f"  why: {explain_line(result.test, result.first.token)}")
    if files:
        lines += ["", *(f"  file: {path}" for path in files)]
    return "\n".join([*lines, ""])


def _passed_by_itself(result: TestResult) -> list[str]:
    return [
        "NOT REPRODUCED: under the same token, but in a session of its own, this test passes. It depends on what no seed",
        "controls, such as what earlier runs left in a module; there are no files of it, and nothing to explain.",
        f"next: pytest {shlex.quote(result.test)} --cluster-seeds={result.runs} --cluster-check-determinism",
    ]


def _others(result: TestResult) -> str:
    if len(result.failed) < 2:
        return ""
    return f" (also {', '.join(map(str, result.failed[1:9]))}{', ...' if len(result.failed) > 9 else ''})"


def _finders(result: TestResult) -> str:
    """In a portfolio: which strategy found it, and how many failing seeds each had."""
    assert result.first is not None
    if result.first.found_by == result.strategy:
        return ""
    counts = ", ".join(f"{name} {count}" for name, count in sorted(result.found_by.items(), key=lambda item: (-item[1], item[0])))
    return f"; found by {result.first.found_by} (failing seeds by strategy: {counts})"


def _closing(outcome: _Outcome) -> str:
    """The last lines, which are what is read first: how many tests failed and, if there are several tests, which."""
    results = outcome.results
    runs = sum(result.runs for result in results)
    failing = [result for result in results if result.failed]
    tests = "1 test" if len(results) == 1 else f"{len(results)} tests"
    found = f"{len(failing)} failed under some" if failing else "none failed"
    lines = [f"{tests}, {runs} seeds in {outcome.seconds:.1f} s: {found}"]
    if len(results) > 1:
        lines += [f"  {r.test}: {describe_rate(len(r.failed), r.runs)}; lowest failing: {min(r.failed)}" for r in failing]
    return "\n".join(lines)


def _reproduced(looked: Explained | None) -> bool | None:
    """Whether the failure happened again in a session of its own; None if nobody has tried."""
    return None if looked is None else looked.run.error is not None


def _document(outcome: _Outcome) -> dict[str, Any]:
    return {
        "seeds": outcome.seeds,
        "jobs": outcome.jobs,
        "seconds": round(outcome.seconds, 3),
        "stopped": outcome.stopped,
        "tests": [
            {
                **result.as_dict(),
                "failure_rate": len(result.failed) / result.runs if result.runs else 0.0,
                "interval": list(wilson(len(result.failed), result.runs)),
                "rarer_than": None if result.failed else rarer_than(result.runs),
                "reproduced": _reproduced(outcome.looked.get(result.test)),
                "explanation": outcome.looked[result.test].as_dict() if result.test in outcome.looked else None,
                "files": [str(path) for path in outcome.files.get(result.test, ())],
            }
            for result in outcome.results
        ],
    }
