"""``explore`` and ``replay``: the engine of :mod:`harness.explore` applied to tests that take a cluster, a world, ..."""

from __future__ import annotations

import functools
import hashlib
import inspect
import itertools
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.durations import DurationLike, to_ns
from harness.errors import MisuseError
from harness.explore.anchoring import anchor
from harness.explore.campaign import Campaign
from harness.explore.chunks import Chunks
from harness.explore.fingerprint import fingerprint
from harness.explore.knowledge import PILOTS
from harness.explore.parallel import Chunk, require_importable
from harness.explore.result import Exploration, Failure
from harness.explore.sweep import sweep
from harness.explore.tokens import Schedule, read_schedule
from harness.runs import Known, Plan, Run
from harness.simulation.choices import PICKED, Strategy
from harness.simulation.limits import Limits
from harness.simulation.strategies import Recorded, check_strategy, learns, member_of

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
    budget: DurationLike | None = None,
    resume: str | Path | None = None,
    mesos_version: str = "1.11",
    limits: Limits | None = None,
) -> Exploration:
    """Run a test under many seeds and gather the failing ones.

    Args:
        test: a callable taking any of ``cluster, clock, allocator, messages, network, world, seed`` by name.
        seeds: how many (then 0, 1, 2, ...), or which.
        strategy: what draws the choices: a name (:func:`harness.simulation.strategies.strategy_names`) or an object.
        jobs: processes to use on this machine; the test must then be importable.
        executor: any executor to use instead of processes of our own, such as that of a Dask cluster
            (``Client(...).get_executor()``); ``jobs`` is then how many chunks are worth submitting.
        stop_on_failure: end at the first failing seed; the result is the same for any number of jobs.
        budget: real time after which no further seeds are begun; the result then says ``out_of_time``.
        resume: a file on which results are written down as they come. If an interrupted exploration of the same test and
            strategy left it, its results are taken over and only the rest is run; the seeds may also go on behind those of then.

    Raises:
        MisuseError: an argument means nothing, the test cannot be sent to other processes, or the file is of something else.
        HarnessError: an executor could not run some seeds; it names them.
    """
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1:
        raise MisuseError(f"jobs={jobs!r}: wanted the number of processes, at least 1")
    check_strategy(strategy)
    settings: dict[str, Any] = {"mesos_version": mesos_version, "limits": limits}
    plan = Plan(test, settings=settings)
    wanted = _seeds(seeds)
    run = functools.partial(_run_seed, plan, strategy)
    classes: dict[str, int] = {}
    began = time.monotonic()
    expired = _expiry(budget, began)
    parallel = jobs > 1 or executor is not None
    work = functools.partial(_run_chunk, test, settings, strategy, stop_on_failure)
    if parallel:
        require_importable(work, test)
    with _campaign(resume, wanted, lambda: _purpose(test, plan, strategy, stop_on_failure, settings)) as on_file:
        # What a strategy learns from the first runs must be the same for all workers, so those runs are made here, each time.
        chunked = parallel or on_file is not None
        rest = iter(wanted)
        here = itertools.islice(rest, PILOTS if learns(strategy) else 0) if chunked else rest
        tally = sweep(
            functools.partial(_counted, run, classes), here, stop_on_failure=stop_on_failure, keep=_KEPT, expired=expired
        )
        found = Chunk(tally.runs, tally.steps, tuple(tally.failed))
        if chunked and not (found.failed and stop_on_failure):
            chunks = Chunks(functools.partial(work, plan.known), jobs, executor, stop_on_failure, expired)
            # A list tells how large chunks should be.
            coming = chunks.of(list(rest) if isinstance(wanted, Sequence) else rest, on_file)
            found = functools.reduce(functools.partial(_sum, classes), coming, found)
    kept = {failing.seed: failing for failing in tally.kept}
    failures = [Failure(_schedule(seed, strategy), run, kept.get(seed), plan.run, remake=plan.run) for seed in found.failed]
    seconds = time.monotonic() - began + (0.0 if on_file is None else on_file.seconds)
    late = expired() and not (found.failed and stop_on_failure) and found.runs < _count(wanted)
    return Exploration(
        plan.name, _name(strategy), found.runs, found.steps, failures, classes=classes, seconds=seconds, out_of_time=late
    )


def replay(
    test: Callable[..., object],
    token_or_seed: int | str,
    strategy: str | Strategy = "random",
    *,
    strict: bool = True,
    mesos_version: str = "1.11",
    limits: Limits | None = None,
) -> Run:
    """Make one run again: same error, same digest.

    Args:
        token_or_seed: what a failing run printed; a bare seed is given to ``strategy``, a token brings its own. ``@PATH`` names a
            file with recorded choices (:func:`harness.explore.tokens.save`).
        strategy: if it learns from the first runs of an exploration, those of ``seeds=N`` are made here beforehand, so that a
            bare seed means the same run as there.
        strict: False applies a record of choices as well as it goes to code that has changed since; the run's ``anchoring`` then
            says which choices fit, which were moved and which had no place. A seed has nothing to anchor: it is drawn anew.

    Returns:
        The run with ``error``, ``digest``, ``choices``, ``trace``, ``report()``. A token that no longer fits the code is
        reported in ``error``, as the :class:`~harness.errors.NondeterminismError` that says where it left the record.

    Raises:
        MisuseError: this is no seed and no token of ours.
    """
    schedule = read_schedule(token_or_seed, strategy)
    plan = Plan(test, settings={"mesos_version": mesos_version, "limits": limits})
    if schedule.choices is None and learns(member_of(schedule.strategy, schedule.seed)) and schedule.seed not in range(PILOTS):
        for seed in range(PILOTS):
            plan.run(Schedule(seed, schedule.strategy))
    if strict or schedule.choices is None:
        return plan.run(schedule)
    return replay_leniently(plan.run, schedule)


def replay_leniently(make: Callable[[Schedule], Run], schedule: Schedule) -> Run:
    """See :func:`replay` with ``strict=False``; ``make`` makes one run, and the schedule has recorded choices."""
    record = schedule.choices or ()
    picks = any(choice.site == PICKED for choice in record)
    anchoring = anchor(lambda choices: make(Schedule(schedule.seed, Recorded(choices, picks))), record)
    run = anchoring.run
    run.anchoring = anchoring
    return run


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


def _count(seeds: Iterable[int]) -> float:
    return len(seeds) if isinstance(seeds, Sequence) else math.inf


def _campaign(
    path: str | Path | None, seeds: Iterable[int], purpose: Callable[[], Mapping[str, Any]]
) -> AbstractContextManager[Campaign | None]:
    if path is None:
        return nullcontext()
    if isinstance(seeds, Sequence):
        return Campaign(path, purpose())
    raise MisuseError(f"seeds={seeds!r} cannot be resumed: wanted how many, a range, or a list; those can be gone through again")


def _expiry(budget: DurationLike | None, began: float) -> Callable[[], bool]:
    if budget is None:
        return lambda: False
    end = began + to_ns(budget, "budget") / 1e9
    return lambda: time.monotonic() >= end


def _sum(classes: dict[str, int], whole: Chunk, part: Chunk) -> Chunk:
    for name, count in part.classes:
        classes[name] = classes.get(name, 0) + count
    return Chunk(whole.runs + part.runs, whole.steps + part.steps, whole.failed + part.failed)


def _purpose(
    test: Callable[..., object], plan: Plan, strategy: str | Strategy, stop_on_failure: bool, settings: Mapping[str, Any]
) -> dict[str, Any]:
    # A change of the test, or of the harness, changes what its seeds do, so results of before say nothing of now.
    try:
        source = hashlib.sha256(inspect.getsource(test).encode()).hexdigest()[:16]
    except (OSError, TypeError):
        source = ""
    return {
        "test": f"{getattr(test, '__module__', '')}.{plan.name}",
        "source": source,
        "strategy": _name(strategy),
        "stop_on_failure": stop_on_failure,
        "mesos_version": settings["mesos_version"],
        "limits": repr(settings["limits"]),
        "release": version("cluster-harness"),
    }


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
