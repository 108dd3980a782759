"""``prove``: the bounded search of :mod:`harness.explore` applied to tests that take a cluster, a world, ..."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

from harness.errors import MisuseError
from harness.explore.bounded import Found, Node, Search
from harness.explore.determinism import check, in_fresh_process
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


def prove(
    test: Callable[..., object],
    max_deviations: int = 2,
    jobs: int = 1,
    executor: Executor | None = None,
    stop_on_failure: bool = True,
    *,
    budget: float | None = None,
    prune: bool = True,
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
        budget: seconds after which to end, exhausted or not.
        prune: of runs that differ only in the order of events at different processes, make one. A test that looks at such
            orders itself (one list for several processes, the order of calls to several doubles) needs False.

    Raises:
        MisuseError: an argument means nothing, or the test cannot be sent to other processes.
    """
    if isinstance(max_deviations, bool) or not isinstance(max_deviations, int) or max_deviations < 0:
        raise MisuseError(f"max_deviations={max_deviations!r}: wanted how many choices may be other than benign, at least 0")
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1:
        raise MisuseError(f"jobs={jobs!r}: wanted the number of processes, at least 1")
    settings: dict[str, Any] = {"mesos_version": mesos_version, "limits": limits}
    plan = Plan(test, settings=settings)
    end = None if budget is None else time.monotonic() + budget
    work = functools.partial(_continue, test, settings, prune, stop_on_failure, end)
    parallel = jobs > 1 or executor is not None
    if parallel:
        require_importable(work, test)
    found = _begin(plan, prune)
    levels = [found.runs]
    nodes = list(found.nodes)
    pool = None if not parallel else executor if executor is not None else process_pool(jobs)
    try:
        for depth in range(1, max_deviations + 1):
            if found.stopped or (found.failing and stop_on_failure):
                break
            last = depth == max_deviations
            level = Found()
            if pool is None:
                with collector_off() as after_run:
                    level = _search(plan, prune, stop_on_failure, end, after_run).continue_all(nodes, last)
            else:
                chunks = [nodes[at : at + _NODES_PER_CHUNK] for at in range(0, len(nodes), _NODES_PER_CHUNK)]
                for part in pool.map(functools.partial(work, last), chunks):
                    level.add(part)
                    if part.stopped:
                        break
            nodes = level.nodes
            level.nodes = []
            levels.append(level.runs)
            found.add(level)
    finally:
        if pool is not None and executor is None:
            pool.shutdown(cancel_futures=True)
    if found.failing and stop_on_failure:
        found.stopped = True
    failures = [_failure(plan, deviations) for deviations in sorted(found.failing, key=len)]
    return Proof(plan.name, max_deviations, found, failures, levels=levels, pruned=prune)


def check_determinism(
    test: Callable[..., object],
    token_or_seed: int | str = 0,
    strategy: str | Strategy = "random",
    *,
    fresh: bool = True,
    mesos_version: str = "1.11",
    limits: Limits | None = None,
) -> Run:
    """Make a run twice here, and once more in a fresh process under another hash seed; all must be the same, step by step.

    Args:
        fresh: whether to start the other process; it takes a third of a second and needs a test that can be imported.

    Returns:
        The run.

    Raises:
        NondeterminismError: at the first step that differs, with both versions of it.
    """
    schedule = read_schedule(token_or_seed, strategy)
    plan = Plan(test, settings={"mesos_version": mesos_version, "limits": limits})
    run: Run = check(lambda prepare: plan.run(schedule, prepare), lambda bench: bench.world)
    if fresh:
        in_fresh_process(test, run.token, run.trace)
    return run


def _failure(plan: Plan, deviations: Sequence[Choice]) -> Failure:
    schedule = Schedule(0, "bounded", tuple(deviations))
    return Failure(schedule, lambda _: plan.run(schedule), None, plan.run)


def _begin(plan: Plan, prune: bool) -> Found:
    return _search(plan, prune, False, None, lambda steps: None).begin()


def _search(plan: Plan, prune: bool, stop_on_failure: bool, end: float | None, after_run: Callable[[int], None]) -> Search[Run]:
    def rerun(deviations: Sequence[Choice]) -> Run:
        run = plan.run(Schedule(0, Recorded(deviations, True)))
        after_run(run.steps)
        return run

    expired = None if end is None else lambda: time.monotonic() > end
    return Search(rerun, prune=prune, expired=expired, stop_on_failure=stop_on_failure)


def _continue(
    test: Callable[..., object],
    settings: Mapping[str, Any],
    prune: bool,
    stop_on_failure: bool,
    end: float | None,
    last: bool,
    nodes: Sequence[Node],
) -> Found:
    with collector_off() as after_run:
        return _search(Plan(test, settings=settings), prune, stop_on_failure, end, after_run).continue_all(nodes, last)
