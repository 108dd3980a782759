"""Seeds in chunks: to this process, to processes of our own, or to somebody's executor; written down on the way if wanted."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from typing import Any

from harness.explore.campaign import Campaign
from harness.explore.parallel import Chunk, process_pool, sweep_chunks


class Chunks:
    """Seeds handed out in chunks.

    Args:
        work: runs some seeds; must be importable unless there is only this process.
        jobs: processes of our own; 1 without an executor means this one.
        executor: somebody's executor to use instead.
        stop_on_failure: nothing behind the first failing seed counts.
        expired: once it says True, no further chunk is begun.
    """

    def __init__(
        self,
        work: Callable[[Sequence[int]], Chunk],
        jobs: int,
        executor: Executor | None,
        stop_on_failure: bool,
        expired: Callable[[], bool],
    ) -> None:
        self._work = work
        self._jobs = jobs
        self._executor = executor
        self._stop_on_failure = stop_on_failure
        self._expired = expired

    def of(self, seeds: Iterable[int], campaign: Campaign | None = None) -> Iterator[Chunk]:
        """The results, in the order of the seeds.

        Args:
            campaign: what it has on file is not run again, and the rest is written down, each chunk before it counts.
        """
        if campaign is None:
            for _, chunk in self._run(seeds):
                yield chunk
            return
        seeds = tuple(seeds)
        done = 0
        for part, chunk in campaign.stored(seeds):
            done += len(part)
            yield chunk
            if self._stop_on_failure and chunk.failed:
                return
        before = time.monotonic()
        for part, chunk in self._run(seeds[done:]):
            now = time.monotonic()
            campaign.add(part, chunk, now - before)
            before = now
            yield chunk

    def _run(self, seeds: Iterable[int]) -> Iterator[tuple[Sequence[int], Chunk]]:
        jobs, executor = self._jobs, self._executor
        workers = jobs if executor is None or jobs > 1 else os.cpu_count() or 2
        size = min(100, max(1, len(seeds) // (workers * 4))) if isinstance(seeds, Sequence) else 25
        here = executor is None and jobs == 1
        pool = executor if executor is not None else _Here() if here else process_pool(jobs)
        try:
            yield from sweep_chunks(
                self._work,
                seeds,
                pool,
                chunk_size=size,
                in_flight=1 if here else workers * 2,
                stop_on_failure=self._stop_on_failure,
                expired=self._expired,
            )
        finally:
            if executor is None:
                pool.shutdown(cancel_futures=True)


class _Here(Executor):
    """The executor that is this process: a campaign without workers is written down chunk by chunk as well."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Do it now; what it raises is raised here, an interrupt included."""
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future
