"""One test under many seeds, as fast as the test allows.

The garbage collector is off during a sweep and runs once in ten runs: a world is a heap of cycles, and left to itself the
collector would walk everything ever loaded, again and again. Everything that existed before the sweep is frozen meanwhile,
so that a collection looks at nothing but the worlds of the sweep.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

# Few enough for the garbage to be still in the processor's cache, which measured a fifth faster than a hundred.
RUNS_PER_COLLECTION = 10
STEPS_PER_COLLECTION = 100_000

# Python 3.12 begins with some 400 objects frozen, of its own; whoever freezes a program freezes thousands.
_FROZEN_AT_MOST_BY_PYTHON = 1_000


class Outcome(Protocol):
    """What a sweep needs to know of a finished run."""

    @property
    def seed(self) -> int:
        """The seed it ran under."""

    @property
    def error(self) -> BaseException | None:
        """Why it failed; None if it passed."""

    @property
    def steps(self) -> int:
        """The events it took."""


R = TypeVar("R", bound=Outcome)


@dataclass(slots=True)
class Tally(Generic[R]):
    """What a sweep has seen: counts, the failing seeds in the order met, and the runs that failed (up to ``keep``)."""

    runs: int = 0
    steps: int = 0
    failed: list[int] = field(default_factory=list)
    kept: list[R] = field(default_factory=list)
    out_of_time: bool = False

    @property
    def first(self) -> R | None:
        """The failing run with the lowest seed."""
        return min(self.kept, key=_seed_of, default=None)


def _seed_of(run: Outcome) -> int:
    return run.seed


def sweep(
    run: Callable[[int], R],
    seeds: Iterable[int],
    *,
    stop_on_failure: bool = False,
    keep: int = 1,
    expired: Callable[[], bool] | None = None,
    progress: Callable[[Tally[R]], None] | None = None,
) -> Tally[R]:
    """Run one test under each seed.

    Args:
        run: makes one run; it reports a failing test in ``error`` and raises only for what must end the sweep.
        stop_on_failure: end after the first failing seed.
        keep: how many failing runs to hold in full; the one with the lowest seed is always among them.
        expired: asked between runs; True ends the sweep and sets ``out_of_time``.
        progress: called after every run.
    """
    tally: Tally[R] = Tally()
    with collector_off() as after_run:
        for seed in seeds:
            if expired is not None and expired():
                tally.out_of_time = True
                break
            done = run(seed)
            tally.runs += 1
            tally.steps += done.steps
            if done.error is not None:
                tally.failed.append(seed)
                _keep(tally, done, keep)
            if progress is not None:
                progress(tally)
            if stop_on_failure and tally.failed:
                break
            steps = done.steps
            # The world goes before the collector comes, so that none outlives its collection.
            del done
            after_run(steps)
    return tally


def _keep(tally: Tally[R], run: R, limit: int) -> None:
    kept = tally.kept
    kept.append(run)
    if len(kept) > max(1, limit):
        kept.remove(max(kept, key=_seed_of))


def frozen() -> bool:
    """Whether somebody has frozen what exists (``gc.freeze``): then it is theirs to unfreeze."""
    return gc.get_freeze_count() > _FROZEN_AT_MOST_BY_PYTHON


@contextmanager
def collector_off() -> Iterator[Callable[[int], None]]:
    """Switch automatic garbage collection off; call what this gives with the steps of each run, and it collects now and then."""
    enabled, frozen_before = gc.isenabled(), frozen()
    runs = steps = 0

    def after_run(run_steps: int) -> None:
        nonlocal runs, steps
        runs += 1
        steps += run_steps
        if runs >= RUNS_PER_COLLECTION or steps >= STEPS_PER_COLLECTION:
            gc.collect()
            runs = steps = 0

    if enabled:
        # Not otherwise: in another thread somebody may be about to switch it on again, and nobody here would.
        gc.disable()
    if not frozen_before:
        gc.freeze()
    try:
        yield after_run
    finally:
        if not frozen_before:
            gc.unfreeze()
        if enabled:
            gc.enable()
