"""Work on a list of things in forked processes.

A child begins as a copy of this process, so what it works with (a test that pytest has set up, closures and all) need not be
sent to it; only the results come back through a pipe.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from harness.errors import HarnessError, InternalError

T = TypeVar("T")
R = TypeVar("R")


def can_fork() -> bool:
    """Whether this platform has what it takes."""
    return "fork" in multiprocessing.get_all_start_methods()


def forked_map(work: Callable[[T], R], things: Sequence[T], jobs: int, done: Callable[[R], object]) -> Iterator[R]:
    """What ``work`` makes of each thing, in their order, whichever process is the first to be ready.

    Args:
        work: need not be importable; what it returns must be picklable.
        jobs: how many processes.
        done: told of each result as soon as it is there, in any order.

    Raises:
        HarnessError: what ``work`` raised, or a process died.
    """
    context: Any = multiprocessing.get_context("fork")
    pipes: dict[Connection, int] = {}
    processes: list[BaseProcess] = []
    try:
        for _ in range(min(jobs, len(things))):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, work, things), daemon=True)
            process.start()
            theirs.close()
            pipes[ours] = -1
            processes.append(process)
        results: dict[int, R] = {}
        begun = given = 0
        for pipe in pipes:
            pipe.send(begun)
            pipes[pipe], begun = begun, begun + 1
        while given < len(things):
            if given in results:
                yield results.pop(given)
                given += 1
                continue
            for ready in wait(list(pipes)):
                assert isinstance(ready, Connection)
                result = _received(ready, pipes[ready])
                results[pipes[ready]] = result
                done(result)
                if begun < len(things):
                    ready.send(begun)
                    pipes[ready], begun = begun, begun + 1
                else:
                    del pipes[ready]
    finally:
        for process in processes:
            process.kill()
            process.join()


def _received(pipe: Connection, index: int) -> Any:
    try:
        fine, result = pipe.recv()
    except EOFError:
        raise HarnessError(f"a worker process died at part {index + 1} of the work; run with -j 1 to see why") from None
    if not fine:
        raise result
    return result


def _serve(pipe: Connection, work: Callable[[T], R], things: Sequence[T]) -> None:
    # A terminal sends Ctrl-C to every process; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            index = pipe.recv()
            answer: tuple[bool, R | Exception]
            try:
                answer = (True, work(things[index]))
            except HarnessError as error:
                answer = (False, error)
            except Exception as error:
                answer = (False, InternalError(f"{type(error).__name__}: {error}"))
            pipe.send(answer)
