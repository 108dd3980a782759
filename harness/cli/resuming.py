"""A hunt on file: what each chunk of seeds gave is written down as it comes, so that another hunt can go on behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from harness.cli.console import Real
from harness.cli.forking import can_fork, forked_map
from harness.cli.progress import Meter
from harness.cli.session import Refused, Stopped, Subject, TestResult, describe, run_tests
from harness.cli.trial import VERSION
from harness.explore.campaign import Campaign
from harness.explore.knowledge import PILOTS
from harness.explore.parallel import Chunk
from harness.explore.sweep import sweep
from harness.explore.tokens import Schedule
from harness.simulation.strategies import learns

_SEEDS_PER_CHUNK = 50


class _Timed(NamedTuple):
    """What a chunk of seeds gave, and the real time it took."""

    chunk: Chunk
    seconds: float


class _Hunt:
    """The hunt for one test."""

    def __init__(self, subject: Subject, path: Path, seeds: range, jobs: int, budget: float | None, meter: Meter) -> None:
        self.subject = subject
        self.path = path
        self.seeds = seeds
        self.jobs = jobs
        self.end = None if budget is None else Real.seconds() + budget
        self.meter = meter
        self.strategy = subject.schedule.strategy
        self.result = TestResult(subject.name)
        self.stopped = False

    def run(self) -> _Hunt:
        """Read what is on file, make the rest, and write it down."""
        purpose = {"test": self.subject.name, "strategy": self.subject.schedule.strategy_name, "package": VERSION}
        with Campaign(self.path, purpose) as campaign:
            for _, chunk in campaign.stored(self.seeds):
                self._add(chunk)
            self.result.seconds = campaign.seconds
            rest = self.seeds[self.result.runs :]
            pieces = [rest[at : at + _SEEDS_PER_CHUNK] for at in range(0, len(rest), _SEEDS_PER_CHUNK)]
            try:
                if pieces and learns(self.strategy):
                    # What a strategy learns from the first runs must be the same in every process and after every interruption.
                    for seed in self.seeds[:PILOTS]:
                        self._make(seed)
                for piece, done in zip(pieces, self._done(pieces), strict=False):
                    self._add(done.chunk)
                    self.result.seconds += done.seconds
                    campaign.add(piece, done.chunk, done.seconds)
                    self._tell()
                    if self.end is not None and Real.seconds() > self.end:
                        break
            except KeyboardInterrupt:
                self.stopped = True
        lowest = min(self.result.failed, default=None)
        describe(self.result, self.strategy, None if lowest is None else self._make(lowest))
        return self

    def _done(self, pieces: Sequence[range]) -> Iterator[_Timed]:
        if self.jobs > 1 and len(pieces) > 1:
            return forked_map(self._sweep, pieces, self.jobs, lambda done: None)
        return map(self._sweep, pieces)

    def _sweep(self, seeds: Sequence[int]) -> _Timed:
        began = Real.seconds()
        tally = sweep(self._make, seeds)
        return _Timed(Chunk(tally.runs, tally.steps, tuple(tally.failed)), Real.seconds() - began)

    def _tell(self) -> None:
        result = self.result
        self.meter.tell(0, "progress", (result.test, result.runs, len(result.failed), len(self.seeds)))

    def _make(self, seed: int) -> Any:
        return self.subject.run(Schedule(seed, self.strategy))

    def _add(self, chunk: Chunk) -> None:
        self.result.runs += chunk.runs
        self.result.steps += chunk.steps
        self.result.failed = sorted([*self.result.failed, *chunk.failed])


def run_on_file(
    tests: Sequence[str], options: Sequence[str], path: Path, seeds: range, jobs: int, budget: float | None, meter: Meter
) -> list[TestResult]:
    """Run one test under these seeds, except those that are on file already.

    Args:
        options: for pytest; the strategy.
        path: the file; made if it is not there.
        budget: real seconds after which no further chunk is begun.

    Raises:
        Refused, Stopped, InternalError: see :func:`harness.cli.session.run_tests`.
        MisuseError: the file is of another test, strategy, release or other seeds, or no such file.
    """
    if len(tests) != 1:
        raise Refused(f"--resume {path} takes one test, these are {len(tests)}; give each a file of its own")
    if jobs > 1 and not can_fork():
        raise Refused(f"-j {jobs} with --resume: this platform cannot fork processes; leave -j away")
    hunts: list[_Hunt] = []
    others: list[TestResult] = []

    def work(subject: Subject) -> _Hunt:
        return _Hunt(subject, path, seeds, jobs, budget, meter).run()

    def listener(kind: str, what: Any) -> None:
        if kind == "work":
            hunts.append(what)
        elif kind == "result" and not hunts:
            others.append(what)
        elif kind == "collected":
            meter.tell(0, kind, what)

    run_tests(tests, [f"--cluster-seed={seeds[0]}", *options], listener, single=True, work=work)
    results = [hunt.result for hunt in hunts] or others
    if any(hunt.stopped for hunt in hunts):
        raise Stopped(results)
    return results
