"""What the user sees meanwhile: a bar on a terminal, now and then a plain line elsewhere. Always on the error stream."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_SECONDS_BETWEEN_LINES = 10.0
_WIDTH = 36


class Meter:
    """Counts the seeds of all tests in all processes; a context manager.

    Args:
        seeds: how many seeds each test runs under.
        workers: how many processes report.
        quiet: show nothing.
    """

    def __init__(self, seeds: int, workers: int = 1, quiet: bool = False) -> None:
        # A copy of the stream: pytest redirects the original while it runs tests.
        self._stream = _copy_of_stderr()
        self._seeds = seeds
        self._workers = workers
        self._quiet = quiet
        self._done: dict[tuple[int, str], tuple[int, int]] = {}
        self._tests = 0
        self._next_line = time.perf_counter() + _SECONDS_BETWEEN_LINES
        console = Console(file=self._stream)
        self._bar: Progress | None = None
        if console.is_terminal and not quiet:
            columns = [
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[failed]} failed"),
            ]
            # Drawn only when told: a drawing thread would fight with pytest's capturing.
            self._bar = Progress(
                *columns, TimeRemainingColumn(), console=console, auto_refresh=False, transient=True,
                redirect_stdout=False, redirect_stderr=False,
            )  # fmt: skip
            self._task = self._bar.add_task("collecting", total=None, failed=0)

    def __enter__(self) -> Meter:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()
        self._stream.flush()

    def tell(self, worker: int, kind: str, what: Any) -> None:
        """Take note of the news of one worker (:data:`harness.cli.session.Listener`)."""
        if kind == "collected":
            tests: Sequence[str] = what
            self._tests = max(self._tests, len(tests))
        elif kind == "progress":
            nodeid, runs, failed, _ = what
            self._done[worker, nodeid] = (runs, failed)
            self._show(nodeid)
        elif kind == "result":
            self._done[worker, what.test] = (what.runs, len(what.failed))
            self._show(what.test)

    def _show(self, nodeid: str) -> None:
        if self._quiet:
            return
        runs = sum(runs for runs, _ in self._done.values())
        failed = sum(failed for _, failed in self._done.values())
        total = self._seeds * self._tests
        if self._bar is not None:
            name = nodeid.rpartition("/")[2]
            name = name if len(name) <= _WIDTH else f"...{name[3 - _WIDTH :]}"
            self._bar.update(self._task, description=name, completed=runs, total=total, failed=failed)
            self._bar.refresh()
        elif time.perf_counter() >= self._next_line:
            self._next_line = time.perf_counter() + _SECONDS_BETWEEN_LINES
            print(f"{runs} of {total} seeds, {failed} failed ({nodeid})", file=self._stream, flush=True)


def _copy_of_stderr() -> TextIO:
    try:
        assert sys.__stderr__ is not None
        return os.fdopen(os.dup(sys.__stderr__.fileno()), "w")
    except (AssertionError, OSError, ValueError):
        return sys.stderr
