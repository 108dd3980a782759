"""The seeds of one test over several processes, with the result that one process would have given.

Seeds go out in chunks and come back in order; what lies behind the first failing seed is not counted when a failure ends the
sweep. So neither the number of workers nor their speed shows in the result.
"""

from __future__ import annotations

import multiprocessing
import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import NamedTuple

from harness.errors import HarnessError, MisuseError


class Chunk(NamedTuple):
    """What one worker found in one chunk of seeds."""

    runs: int
    steps: int
    failed: tuple[int, ...]
    classes: tuple[tuple[str, int], ...] = ()


def process_pool(jobs: int) -> ProcessPoolExecutor:
    """A pool of ``jobs`` processes: forked where the platform can (they start with everything imported), else spawned."""
    methods = multiprocessing.get_all_start_methods()
    return ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("fork" if "fork" in methods else "spawn"))


def require_importable(work: object, test: object) -> None:
    """Fail early and clearly when a test cannot be sent to another process.

    Raises:
        MisuseError: pickling it fails: it is a lambda, a function inside a function, or bound to such an object.
    """
    try:
        pickle.dumps(work)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        name = getattr(test, "__qualname__", repr(test))
        raise MisuseError(
            f"{name} cannot be sent to another process ({error}); define it, and its strategy, "
            "at the top of a module, or use jobs=1"
        ) from None


def sweep_chunks(
    work: Callable[[Sequence[int]], Chunk],
    seeds: Iterable[int],
    executor: Executor,
    *,
    chunk_size: int,
    in_flight: int,
    stop_on_failure: bool,
    expired: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[Sequence[int], Chunk]]:
    """Give ``work`` to the executor chunk by chunk; yields seeds and result of each, in the order of the seeds.

    Args:
        work: runs some seeds and stops at the first failing one if the sweep does; must be importable.
        in_flight: how many chunks may be under way, which is also how much may be run in vain.
        expired: once it says True, no further chunk is begun.

    Raises:
        HarnessError: a worker process died, or could not do its work; it names the seeds.
    """
    pending: deque[tuple[Sequence[int], Future[Chunk]]] = deque()
    source = iter(seeds)
    try:
        while True:
            while len(pending) < in_flight and not expired() and (part := tuple(islice(source, chunk_size))):
                pending.append((part, executor.submit(work, part)))
            if not pending:
                return
            seeds_of_chunk, future = pending.popleft()
            chunk = _result(seeds_of_chunk, future)
            yield seeds_of_chunk, chunk
            if stop_on_failure and chunk.failed:
                return
    finally:
        for _, future in pending:
            future.cancel()


def _result(seeds: Sequence[int], future: Future[Chunk]) -> Chunk:
    which = f"the seeds {seeds[0]}..{seeds[-1]}"
    try:
        return future.result()
    except HarnessError:
        raise
    except BrokenProcessPool as error:
        raise HarnessError(f"a worker process died under one of {which} ({error}); run them with jobs=1 to see why") from error
    except Exception as error:
        # Other people's executors have errors of their own: a worker that was killed, a module that is not there.
        raise HarnessError(
            f"the executor could not run {which} ({type(error).__name__}: {error}); can the workers import the test, and have"
            " they the same releases? Run them with jobs=1 to see whether the test is to blame"
        ) from error
