"""``prove``: the bounded search of :mod:`harness.explore` applied to tests that take a cluster, a world, ..."""

from __future__ import annotations

import functools
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from typing import Any, Protocol, TypeAlias

from harness.durations import DurationLike, to_ns
from harness.errors import HarnessError, MisuseError
from harness.explore.bounded import Found, Node, Search
from harness.explore.determinism import check
from harness.explore.fresh import in_fresh_process
from harness.explore.parallel import process_pool, require_importable
from harness.explore.proof import Proof
from harness.explore.result import Failure
from harness.explore.sweep import collector_off
from harness.explore.tokens import Schedule, read_schedule
from harness.runs import Plan, Run
from harness.simulation.choices import Choice, Strategy
from harness.simulation.limits import Limits
from harness.simulation.strategies import Recorded

__all__ = ["Proof", "check_determinism", "prove"]

_NODES_PER_CHUNK = 4


class RealTime:
    """Real time. A test may freeze time: names of modules are then replaced, attributes of a class are not."""

    seconds = staticmethod(time.monotonic)


class Runner(Protocol):
    """What a proof makes its runs with."""

    @property
    def name(self) -> str:
        """What a report calls it."""

    def run(self, schedule: Schedule) -> Run:
        """Make one run; a failing test is in the run's ``error``."""


Watch: TypeAlias = Callable[[int, int, int], object]
"""Told how many runs were made, with how many deviations they are now, and how many have failed."""

Spread: TypeAlias = Callable[[Callable[[Sequence[Node]], Found], bool, Sequence[Sequence[Node]]], Iterable[Found]]
"""Called with the work to be done on a chunk, whether this is the last level, and the chunks; gives what each came to."""


def prove(
    test: Callable[..., object],
    max_deviations: int = 2,
    jobs: int = 1,
    executor: Executor | None = None,
    stop_on_failure: bool = True,
    *,
    budget: DurationLike | None = None,
    prune: bool = True,
    watch: Watch | None = None,
    mesos_version: str = "1.11",
    limits: Limits | None = None,
) -> Proof:
    """Make every run of a test that deviates at most so often from the benign one.

    Args:
        test: as for :func:`harness.explore`.
        max_deviations: how many draws may be other than benign: events that come later than they could, back-offs, faults.
        jobs: processes to use on this machine; the test must then be importable.
        executor: any executor to use instead.
        stop_on_failure: end at the first failing run; what is left is then not exhausted.
        budget: real time after which to end, exhausted or not: seconds, or a text such as ``"5mins"``.
        prune: of runs that differ only in the order of events at different processes, make one. A test that looks at such
            orders itself (one list for several processes, the order of calls to several doubles) needs False.
        watch: told after every run, or with several processes now and then, how many runs were made, with how many deviations
            they are now, and how many have failed.

    Raises:
        MisuseError: an argument means nothing, or the test cannot be sent to other processes.
    """
    if isinstance(max_deviations, bool) or not isinstance(max_deviations, int) or max_deviations < 0:
        raise MisuseError(f"max_deviations={max_deviations!r}: wanted how many choices may be other than benign, at least 0")
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1:
        raise MisuseError(f"jobs={jobs!r}: wanted the number of processes, at least 1")
    settings: dict[str, Any] = {"mesos_version": mesos_version, "limits": limits}
    plan = Plan(test, settings=settings)
    end = None if budget is None else RealTime.seconds() + _seconds(budget)
    if jobs == 1 and executor is None:
        return prove_runs(plan, max_deviations, stop_on_failure, end=end, prune=prune, watch=watch)
    work = functools.partial(_continue, test, settings, prune, stop_on_failure)
    require_importable(work, test)
    pool = executor if executor is not None else process_pool(jobs)
    workers = jobs if executor is None or jobs > 1 else os.cpu_count() or 2

    def spread(_: object, last: bool, chunks: Sequence[Sequence[Node]]) -> Iterator[Found]:
        return _in_flight(pool, workers * 2, end, functools.partial(work, last), chunks)

    try:
        return prove_runs(plan, max_deviations, stop_on_failure, end=end, prune=prune, spread=spread, watch=watch)
    finally:
        if executor is None:
            pool.shutdown(cancel_futures=True)


def prove_runs(
    plan: Runner,
    max_deviations: int,
    stop_on_failure: bool = True,
    *,
    end: float | None = None,
    prune: bool = True,
    spread: Spread | None = None,
    watch: Watch | None = None,
) -> Proof:
    """:func:`prove` for whatever can make a run of a schedule, such as a test that pytest has set up.

    Args:
        plan: makes the runs.
        end: when :class:`RealTime` exceeds this, end.
        spread: distributes the work of a level over processes; without it everything is done here.
        watch: as for :func:`prove`.
    """
    began = RealTime.seconds()
    found = _search(plan, prune, False, None, lambda steps: None).begin()
    levels = [found.runs]
    nodes = list(found.nodes)
    for depth in range(1, max_deviations + 1):
        if found.stopped or (found.failing and stop_on_failure):
            break
        last = depth == max_deviations

        def tell(part: Found, depth: int = depth) -> None:
            if watch is not None:
                watch(found.runs + part.runs, depth, len(found.failing) + len(part.failing))

        def continued(nodes: Sequence[Node], last: bool = last, tell: Callable[[Found], None] | None = None) -> Found:
            with collector_off() as after_run:
                return _search(plan, prune, stop_on_failure, end, after_run, tell).continue_all(nodes, last)

        level = Found()
        if spread is None:
            level = continued(nodes, tell=None if watch is None else tell)
        else:
            chunks = [nodes[at : at + _NODES_PER_CHUNK] for at in range(0, len(nodes), _NODES_PER_CHUNK)]
            for part in spread(continued, last, chunks):
                level.add(part)
                tell(level)
                if part.stopped:
                    break
        nodes = level.nodes
        level.nodes = []
        levels.append(level.runs)
        found.add(level)
    if found.failing and stop_on_failure:
        found.stopped = True
    failures = [_failure(plan, deviations) for deviations in sorted(found.failing, key=len)]
    seconds = RealTime.seconds() - began
    budget = None if end is None else round(end - began, 3)
    return Proof(
        plan.name,
        max_deviations,
        found,
        failures,
        levels=levels,
        pruned=prune,
        seconds=seconds,
        budget=budget,
        failure_ends=stop_on_failure,
    )


def check_determinism(
    test: Callable[..., object],
    token_or_seed: int | str = 0,
    strategy: str | Strategy = "random",
    *,
    fresh: bool = True,
    mesos_version: str = "1.11",
    limits: Limits | None = None,
) -> Run:
    """Make a run again, and once more with the garbage collector running wherever it may, and in a fresh process.

    All must be the same, step by step and draw by draw. The fresh process has another hash seed, directory, time zone and locale.

    Args:
        fresh: whether to start the other process; it takes a third of a second and needs a test that can be imported.

    Returns:
        The run as it was made first.

    Raises:
        NondeterminismError: at the first step that differs, with both versions of it, what it is likely to come from, and what
            to do about that.
        MisuseError: the test cannot be imported elsewhere.
    """
    schedule = read_schedule(token_or_seed, strategy)
    settings: dict[str, Any] = {"mesos_version": mesos_version, "limits": limits}
    plan = Plan(test, settings=settings)
    run: Run = check(lambda prepare: plan.run(schedule, prepare))
    if fresh:
        in_fresh_process(test, run.token, run.trace, settings)
    return run


def _failure(plan: Runner, deviations: Sequence[Choice]) -> Failure:
    schedule = Schedule(0, "bounded", tuple(deviations))
    remake = plan.run if isinstance(plan, Plan) else None
    return Failure(schedule, lambda _: plan.run(schedule), None, plan.run, remake=remake)


def _search(
    plan: Runner,
    prune: bool,
    stop_on_failure: bool,
    end: float | None,
    after_run: Callable[[int], None],
    tell: Callable[[Found], None] | None = None,
) -> Search[Run]:
    def rerun(deviations: Sequence[Choice]) -> Run:
        if tell is not None:
            tell(search.found)
        run = plan.run(Schedule(0, Recorded(deviations, True)))
        after_run(run.steps)
        return run

    expired = None if end is None else lambda: RealTime.seconds() > end
    search: Search[Run] = Search(rerun, prune=prune, expired=expired, stop_on_failure=stop_on_failure)
    return search


def _in_flight(
    pool: Executor,
    most: int,
    end: float | None,
    work: Callable[[float | None, Sequence[Node]], Found],
    chunks: Sequence[Sequence[Node]],
) -> Iterator[Found]:
    """The results of all chunks in their order, so many of them under way at a time."""
    pending: deque[Future[Found]] = deque()
    coming = iter(chunks)
    try:
        while True:
            while len(pending) < most and (chunk := next(coming, None)) is not None:
                # What clock the other machine has is not known, but how much time is left is.
                left = None if end is None else end - RealTime.seconds()
                pending.append(pool.submit(work, left, chunk))
            if not pending:
                return
            yield _result(pending.popleft())
    finally:
        for future in pending:
            future.cancel()


def _result(future: Future[Found]) -> Found:
    try:
        return future.result()
    except HarnessError:
        raise
    except Exception as error:
        raise HarnessError(
            f"a worker could not do its part of the proof ({type(error).__name__}: {error}); can the workers import the test?"
            " Prove it with jobs=1 to see whether the test is to blame"
        ) from error


def _continue(
    test: Callable[..., object],
    settings: Mapping[str, Any],
    prune: bool,
    stop_on_failure: bool,
    last: bool,
    left: float | None,
    nodes: Sequence[Node],
) -> Found:
    end = None if left is None else RealTime.seconds() + left
    with collector_off() as after_run:
        return _search(Plan(test, settings=settings), prune, stop_on_failure, end, after_run).continue_all(nodes, last)


def _seconds(budget: DurationLike) -> float:
    return to_ns(budget, "budget") / 1e9
