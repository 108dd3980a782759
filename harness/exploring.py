"""``explore`` and ``replay``: the engine of :mod:`harness.explore` applied to tests that take a cluster, a world, ..."""

from __future__ import annotations

import functools
import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

from harness.errors import MisuseError
from harness.explore.fingerprint import fingerprint
from harness.explore.knowledge import PILOTS
from harness.explore.parallel import Chunk, process_pool, require_importable, sweep_chunks
from harness.explore.result import Exploration, Failure
from harness.explore.sweep import sweep
from harness.explore.tokens import Schedule, read_schedule
from harness.runs import Known, Plan, Run
from harness.simulation.choices import Strategy
from harness.simulation.limits import Limits
from harness.simulation.strategies import check_strategy, learns, member_of

__all__ = ["Exploration", "Failure", "Run", "explore", "replay"]

_KEPT = 20


def explore(
    test: Callable[..., object],
    seeds: int | Iterable[int] = 1000,
    strategy: str | Strategy = "portfolio",
    jobs: int = 1,
    executor: Executor | None = None,
    stop_on_failure: bool = True,
    *,
    mesos_version: str = "1.11",
    limits: Limits | None = None,
) -> Exploration:
    """Run a test under many seeds and gather the failing ones.

    Args:
        test: a callable taking any of ``cluster, clock, allocator, messages, network, world, seed`` by name.
        seeds: how many (then 0, 1, 2, ...), or which.
        strategy: what draws the choices: a name (:func:`harness.simulation.strategies.strategy_names`) or an object.
        jobs: processes to use on this machine; the test must then be importable.
        executor: any executor to use instead of processes of our own; ``jobs`` is then how many chunks are worth submitting.
        stop_on_failure: end at the first failing seed; the result is the same for any number of jobs.

    Raises:
        MisuseError: an argument means nothing, or the test cannot be sent to other processes.
    """
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1:
        raise MisuseError(f"jobs={jobs!r}: wanted the number of processes, at least 1")
    check_strategy(strategy)
    settings: dict[str, Any] = {"mesos_version": mesos_version, "limits": limits}
    plan = Plan(test, settings=settings)
    wanted = _seeds(seeds)
    run = functools.partial(_run_seed, plan, strategy)
    classes: dict[str, int] = {}
    began = time.perf_counter()
    parallel = jobs > 1 or executor is not None
    if parallel:
        work = functools.partial(_run_chunk, test, settings, strategy, stop_on_failure)
        require_importable(work, test)
    # What a strategy learns from the first runs must be the same for all workers, so those runs are made here.
    rest = iter(wanted)
    here = itertools.islice(rest, PILOTS if learns(strategy) else 0) if parallel else rest
    tally = sweep(functools.partial(_counted, run, classes), here, stop_on_failure=stop_on_failure, keep=_KEPT)
    runs, steps, failed = tally.runs, tally.steps, list(tally.failed)
    if parallel and not (failed and stop_on_failure):
        work = functools.partial(work, plan.known)
        for chunk in _in_processes(work, list(rest) if isinstance(seeds, int) else rest, jobs, executor, stop_on_failure):
            runs += chunk.runs
            steps += chunk.steps
            failed += chunk.failed
            for name, count in chunk.classes:
                classes[name] = classes.get(name, 0) + count
    kept = {failing.seed: failing for failing in tally.kept}
    failures = [Failure(_schedule(seed, strategy), run, kept.get(seed), plan.run) for seed in failed]
    seconds = time.perf_counter() - began
    return Exploration(plan.name, _name(strategy), runs, steps, failures, classes=classes, seconds=seconds)


def replay(
    test: Callable[..., object],
    token_or_seed: int | str,
    strategy: str | Strategy = "random",
    *,
    mesos_version: str = "1.11",
    limits: Limits | None = None,
) -> Run:
    """Make one run again: same error, same digest.

    Args:
        token_or_seed: what a failing run printed; a bare seed is given to ``strategy``, a token brings its own.

    Returns:
        The run with ``error``, ``digest``, ``choices``, ``trace``, ``report()``. A token that no longer fits the code is
        reported in ``error``, as the :class:`~harness.errors.NondeterminismError` that says where it left the record.

    Raises:
        MisuseError: this is no seed and no token of ours.
    """
    schedule = read_schedule(token_or_seed, strategy)
    return Plan(test, settings={"mesos_version": mesos_version, "limits": limits}).run(schedule)


def _schedule(seed: int, strategy: str | Strategy) -> Schedule:
    # A portfolio's failure names the member that found it.
    return Schedule(seed, member_of(strategy, seed))


def _run_seed(plan: Plan, strategy: str | Strategy, seed: int) -> Run:
    return plan.run(Schedule(seed, strategy))


def _counted(run: Callable[[int], Run], classes: dict[str, int], seed: int) -> Run:
    done = run(seed)
    name = fingerprint(done.trace)
    classes[name] = classes.get(name, 0) + 1
    return done


def _name(strategy: str | Strategy) -> str:
    return strategy if isinstance(strategy, str) else strategy.name


def _seeds(seeds: int | Iterable[int]) -> Iterable[int]:
    if isinstance(seeds, int) and not isinstance(seeds, bool):
        if seeds < 0:
            raise MisuseError(f"seeds={seeds}: wanted how many seeds to run, or an iterable of seeds")
        return range(seeds)
    if isinstance(seeds, (str, bytes, bool)) or not isinstance(seeds, Iterable):
        raise MisuseError(f"seeds={seeds!r}: wanted how many seeds to run, or an iterable of seeds such as range(100, 200)")
    return seeds


def _in_processes(
    work: Callable[[Sequence[int]], Chunk],
    seeds: Iterable[int],
    jobs: int,
    executor: Executor | None,
    stop_on_failure: bool,
) -> Iterator[Chunk]:
    workers = jobs if executor is None or jobs > 1 else os.cpu_count() or 2
    size = min(100, max(1, len(seeds) // (workers * 4))) if isinstance(seeds, Sequence) else 25
    pool = process_pool(jobs) if executor is None else executor
    try:
        yield from sweep_chunks(work, seeds, pool, chunk_size=size, in_flight=workers * 2, stop_on_failure=stop_on_failure)
    finally:
        if executor is None:
            pool.shutdown(cancel_futures=True)


def _run_chunk(
    test: Callable[..., object],
    settings: Mapping[str, Any],
    strategy: str | Strategy,
    stop_on_failure: bool,
    known: Known | None,
    seeds: Sequence[int],
) -> Chunk:
    plan = Plan(test, settings=settings, known=known)
    classes: dict[str, int] = {}
    run = functools.partial(_counted, functools.partial(_run_seed, plan, strategy), classes)
    tally = sweep(run, seeds, stop_on_failure=stop_on_failure)
    return Chunk(tally.runs, tally.steps, tuple(tally.failed), tuple(classes.items()))
