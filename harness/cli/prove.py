"""``harness prove``: every run of one test with at most so many deviations from the calm one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from harness.cli.console import (
    FAILURE_FOUND,
    HARNESS_FAILED,
    NOTHING_FOUND,
    STOPPED,
    UNDECIDED,
    Real,
    budget_option,
    complete_files,
    json_option,
    print_json,
    progress_note,
    report_option,
)
from harness.cli.explaining import Explained, explain_failure, replay_line
from harness.cli.forking import can_fork, forked_map
from harness.cli.progress import ProofMeter
from harness.cli.session import Refused, Stopped, Subject, run_tests
from harness.errors import InternalError
from harness.explore.bounded import Found, Node
from harness.explore.proof import Proof
from harness.explore.result import Failure
from harness.explore.tokens import Schedule
from harness.proving import RealTime, prove_runs
from harness.runs import Run


class _Wanted(NamedTuple):
    max_deviations: int
    jobs: int
    budget: float | None
    go_on: bool
    prune: bool


class _Proven(NamedTuple):
    test: str
    proof: Proof
    explained: Explained | None

    @property
    def code(self) -> int:
        """The exit code: a search that was not exhausted is no proof."""
        if any(isinstance(failure.error, InternalError) for failure in self.proof.failures):
            return HARNESS_FAILED
        if self.proof.failures:
            return FAILURE_FOUND
        return NOTHING_FOUND if self.proof.exhausted else UNDECIDED


class _Plan(NamedTuple):
    """The runs of a subject, as a proof wants them."""

    name: str
    run: Callable[[Schedule], Run]


@click.command()
@click.argument("test", metavar="TEST", shell_complete=complete_files)
@click.option(
    "--max-deviations",
    default=2,
    show_default=True,
    type=click.IntRange(min=0),
    metavar="K",
    help="How many choices may be other than calm: events that come late, back-offs, faults.",
)
@click.option("-j", "--jobs", default=1, show_default=True, type=click.IntRange(min=1), help="Processes to use.")
@budget_option
@click.option("--all", "go_on", is_flag=True, help="Go on after the first failing run.")
@click.option(
    "--every-order",
    is_flag=True,
    help="Make also runs that differ only in the order of events at different processes; for a test that looks at such orders.",
)
@report_option
@json_option
def prove(
    test: str,
    max_deviations: int,
    jobs: int,
    budget: float | None,
    go_on: bool,
    every_order: bool,
    report: Path | None,
    as_json: bool,
) -> int:
    """Make every run of TEST (a pytest node id) that deviates at most K times from the calm one, without repeats.

    In the calm run nothing is late. If no run fails, no schedule with so few deviations makes the test fail, and the exit code
    is 0; the first failing run is shrunk and explained, exit code 1. When --budget ends it before all runs were made and none
    has failed, nothing is proven: exit code 4.

    \b
    Example:
      harness prove tests/test_it.py::test_agent --max-deviations 2 -j 2
    """
    if jobs > 1 and not can_fork():
        raise click.UsageError(f"-j {jobs}: this platform cannot fork processes; leave -j away")
    wanted = _Wanted(max_deviations, jobs, budget, go_on, not every_order)
    found: list[_Proven] = []
    remarks: list[str] = []

    def listener(kind: str, what: Any) -> None:
        if kind == "work":
            found.append(what)
        elif kind == "result":
            remarks.append(what.trouble or ("it is skipped" if what.skipped else ""))

    with ProofMeter(max_deviations, quiet=as_json) as meter:
        try:
            # One run under one seed, whatever marker and ini file say.
            run_tests([test], ["--cluster-seed=0"], listener, single=True, work=lambda subject: _work(subject, wanted, meter))
        except Refused as error:
            raise click.UsageError(str(error)) from None
        except Stopped:
            progress_note(f"stopped by Ctrl-C after {meter.seconds:.1f} s: {meter.told()}; this proves nothing")
            return STOPPED
    if not found:
        raise click.UsageError(f"{test} cannot be proven: {' '.join(remarks) or 'it did not run; run it with pytest to see why'}")
    proven = found[0]
    files = _written(proven, report)
    if as_json:
        print_json({**_document(proven, wanted), "files": [str(path) for path in files]})
    else:
        click.echo("\n".join([_text(proven), *(f"file: {path}" for path in files)]))
    return proven.code


def _work(subject: Subject, wanted: _Wanted, meter: ProofMeter) -> _Proven:
    end = None if wanted.budget is None else RealTime.seconds() + wanted.budget

    def spread(work: Callable[[Sequence[Node]], Found], last: bool, chunks: Sequence[Sequence[Node]]) -> Iterator[Found]:
        meter.begin_level(len(chunks))
        if wanted.jobs > 1 and len(chunks) > 1:
            yield from forked_map(work, chunks, wanted.jobs, meter.add)
            return
        for chunk in chunks:
            part = work(chunk)
            meter.add(part)
            yield part

    plan = _Plan(subject.name, subject.run)
    proof = prove_runs(plan, wanted.max_deviations, not wanted.go_on, end=end, prune=wanted.prune, spread=spread)
    return _Proven(subject.name, proof, _explained(subject.name, proof))


def _explained(test: str, proof: Proof) -> Explained | None:
    if not proof.failures or isinstance(proof.failures[0].error, InternalError):
        return None
    began = Real.seconds()
    failure: Failure = proof.failures[0]
    run: Any = failure.run
    return Explained(test, run, explain_failure(failure), Real.seconds() - began)


def _written(proven: _Proven, folder: Path | None) -> list[Path]:
    if folder is None or proven.explained is None:
        return []
    try:
        return proven.explained.write(folder)
    except OSError as error:
        progress_note(f"{error.filename or folder} cannot be written ({error.strerror}): no report of {proven.test}")
        return []


def _text(proven: _Proven) -> str:
    first, *lines = proven.proof.report().splitlines()
    colour = {NOTHING_FOUND: "green", UNDECIDED: "yellow"}.get(proven.code, "red")
    text = [click.style(first, fg=colour, bold=True), *lines]
    if proven.explained is not None:
        text += ["", f"why ({proven.explained.seconds:.1f} s):", *(f"  {line}" for line in proven.explained.lines())]
    return "\n".join(text)


def _document(proven: _Proven, wanted: _Wanted) -> dict[str, Any]:
    return {
        **proven.proof.as_dict(),
        "test": proven.test,
        "proven": proven.code == NOTHING_FOUND,
        "jobs": wanted.jobs,
        "budget": wanted.budget,
        "replay": [replay_line(proven.test, failure.token) for failure in proven.proof.failures[:1]],
        "explanation": None if proven.explained is None else proven.explained.as_dict(),
    }
