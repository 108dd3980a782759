"""``harness hunt``: tests under many seeds, in one process or several."""

from __future__ import annotations

import json
import multiprocessing
import shlex
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

import click

from harness.cli.progress import Meter
from harness.cli.session import Refused, TestResult, run_tests
from harness.errors import HarnessError, InternalError
from harness.explore.statistics import describe_rate, wilson


@click.command()
@click.argument("tests", nargs=-1, required=True, metavar="TEST...")
@click.option("--seeds", default=1000, show_default=True, type=click.IntRange(min=1), help="Seeds to run each test under.")
@click.option("--first-seed", default=0, show_default=True, type=int, help="The seed to begin with.")
@click.option("-j", "--jobs", default=1, show_default=True, type=click.IntRange(min=1), help="Processes to use.")
@click.option(
    "--strategy",
    default=None,
    metavar="S",
    help="What draws the choices: random (default), prompt, pct:3, pos, urw, order, bounded:2, portfolio.",
)
@click.option(
    "--report", default=None, metavar="DIR", type=click.Path(file_okay=False), help="Write a text file for each failure."
)
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
def hunt(
    tests: Sequence[str], seeds: int, first_seed: int, jobs: int, strategy: str | None, report: str | None, as_json: bool
) -> int:
    """Run each TEST (a pytest node id or file) under many seeds and show the lowest failing one."""
    options = [f"--cluster-seeds={seeds}", f"--cluster-seed={first_seed}"]
    options += [f"--cluster-strategy={strategy}"] if strategy is not None else []
    options += [f"--cluster-report={report}"] if report is not None else []
    began = time.perf_counter()
    jobs = min(jobs, seeds)
    try:
        with Meter(seeds, jobs, quiet=as_json) as meter:
            if jobs == 1:
                results = run_tests(tests, options, lambda kind, what: meter.tell(0, kind, what))
            else:
                results = _in_processes(tests, options, jobs, meter)
    except Refused as error:
        raise click.UsageError(str(error)) from None
    seconds = time.perf_counter() - began
    if as_json:
        click.echo(json.dumps(_document(results, seeds, jobs, seconds)))
    else:
        for result in results:
            click.echo(_text(result))
        click.echo(_closing_line(results, seconds))
    return _code(results)


def _code(results: Sequence[TestResult]) -> int:
    if any(result.harness_failed for result in results):
        return 3
    if any(result.failed for result in results):
        return 1
    return 2 if any(result.trouble for result in results) else 0


def _text(result: TestResult) -> str:
    title = click.style(result.test, bold=True)
    if result.trouble and result.first is None:
        return f"{title}\n  {result.trouble}\n"
    if result.skipped and not result.runs:
        return f"{title}\n  skipped\n"
    rate = result.runs / result.seconds if result.seconds else 0.0
    colour = "red" if result.failed else "green"
    lines = [title, f"  {result.runs} seeds, {rate:.0f} seeds/s and process, strategy {result.strategy}"]
    lines.append("  " + click.style(describe_rate(len(result.failed), result.runs), fg=colour))
    if result.first is not None:
        more = f" (also {', '.join(map(str, result.failed[1:9]))}{', ...' if len(result.failed) > 9 else ''})" * (
            len(result.failed) > 1
        )
        lines += [f"  lowest failing seed: {result.first.seed}{more}", ""]
        lines += [f"  {line}".rstrip() for line in result.first.report.splitlines()]
        lines += [f"  or: {_replay_line(result)}"]
    return "\n".join(lines) + "\n"


def _replay_line(result: TestResult) -> str:
    assert result.first is not None
    return f"harness replay {shlex.quote(result.test)} {result.first.token}"


def _closing_line(results: Sequence[TestResult], seconds: float) -> str:
    runs = sum(result.runs for result in results)
    failing = sum(1 for result in results if result.failed)
    tests = "1 test" if len(results) == 1 else f"{len(results)} tests"
    return f"{tests}, {runs} seeds in {seconds:.1f} s: {failing} failed under some"


def _document(results: Sequence[TestResult], seeds: int, jobs: int, seconds: float) -> dict[str, Any]:
    return {
        "seeds": seeds,
        "jobs": jobs,
        "seconds": round(seconds, 3),
        "tests": [
            {
                **result.as_dict(),
                "failure_rate": len(result.failed) / result.runs if result.runs else 0.0,
                "interval": list(wilson(len(result.failed), result.runs)),
            }
            for result in results
        ],
    }


# -- several processes ----------------------------------------------------------------------------------------------


def _in_processes(tests: Sequence[str], options: Sequence[str], jobs: int, meter: Meter) -> list[TestResult]:
    context = multiprocessing.get_context("fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn")
    readers: dict[Connection, int] = {}
    processes = []
    for worker in range(jobs):
        reader, writer = context.Pipe(duplex=False)
        shard = [*options, f"--cluster-shard={worker + 1}/{jobs}"]
        process = context.Process(target=_work, args=(writer, tests, shard), daemon=True)  # type: ignore[attr-defined]
        process.start()
        writer.close()
        readers[reader] = worker
        processes.append(process)
    parts: list[TestResult] = []
    try:
        trouble = _listen(readers, parts, meter)
    finally:
        for process in processes:
            process.terminate()
            process.join()
    if trouble is not None:
        raise trouble
    return _merged(parts)


def _listen(readers: dict[Connection, int], parts: list[TestResult], meter: Meter) -> Exception | None:
    trouble: Exception | None = None
    while readers:
        for reader in wait(list(readers)):
            assert isinstance(reader, Connection)
            try:
                kind, what = reader.recv()
            except EOFError:
                worker = readers.pop(reader)
                trouble = trouble or HarnessError(f"worker process {worker + 1} died; run with -j 1 to see why")
                continue
            if kind == "done":
                del readers[reader]
            elif kind == "trouble":
                del readers[reader]
                trouble = trouble or what
            else:
                meter.tell(readers[reader], kind, what)
                if kind == "result":
                    parts.append(what)
    return trouble


def _work(writer: Connection, tests: Sequence[str], options: Sequence[str]) -> None:
    try:
        run_tests(tests, options, lambda kind, what: writer.send((kind, what)))
        writer.send(("done", None))
    except (Refused, HarnessError) as error:
        writer.send(("trouble", error))
    except KeyboardInterrupt:
        pass
    except Exception as error:
        writer.send(("trouble", InternalError(f"{type(error).__name__}: {error}")))
    finally:
        writer.close()


def _merged(parts: Sequence[TestResult]) -> list[TestResult]:
    merged: dict[str, TestResult] = {}
    for part in parts:
        whole = merged.setdefault(part.test, part)
        if whole is part:
            continue
        whole.runs += part.runs
        whole.steps += part.steps
        whole.seconds += part.seconds
        whole.failed = sorted([*whole.failed, *part.failed])
        whole.trouble = whole.trouble or part.trouble
        whole.harness_failed |= part.harness_failed
        if part.first is not None and (whole.first is None or part.first.seed < whole.first.seed):
            whole.first, whole.digest = part.first, part.digest
    return list(merged.values())
