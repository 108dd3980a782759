"""What the user sees meanwhile: a bar on a terminal, now and then a plain line elsewhere. Always on the error stream."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from harness.cli.console import Real
from harness.explore.bounded import Found

_SECONDS_BETWEEN_LINES = 10.0
_WIDTH = 36


class _Display:
    """One line of progress: drawn on a terminal, else printed now and then.

    Args:
        quiet: show nothing.
    """

    def __init__(self, quiet: bool) -> None:
        # A copy of the stream: pytest redirects the original while it runs tests.
        self._stream = _copy_of_stderr()
        self._quiet = quiet
        self._began = Real.seconds()
        self._next_line = self._began + _SECONDS_BETWEEN_LINES
        console = Console(file=self._stream)
        self._bar: Progress | None = None
        if console.is_terminal and not console.is_dumb_terminal and not quiet:
            columns = [
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[remark]}"),
            ]
            # Drawn only when told: a drawing thread would fight with pytest's capturing.
            self._bar = Progress(
                *columns, TimeRemainingColumn(), console=console, auto_refresh=False, transient=True,
                redirect_stdout=False, redirect_stderr=False,
            )  # fmt: skip
            self._task = self._bar.add_task("collecting", total=None, remark="")

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()
        self._stream.flush()

    @property
    def seconds(self) -> float:
        """Real time since it began."""
        return Real.seconds() - self._began

    def show(self, name: str, done: int, total: int, remark: str, line: str) -> None:
        """Show how far it has come.

        Args:
            name, done, total, remark: for the bar.
            line: for a log.
        """
        if self._bar is not None:
            self._bar.update(self._task, description=name, completed=done, total=total, remark=remark)
            self._bar.refresh()
        elif not self._quiet and Real.seconds() >= self._next_line:
            self._next_line = Real.seconds() + _SECONDS_BETWEEN_LINES
            print(line, file=self._stream, flush=True)


class Meter(_Display):
    """Counts the seeds of all tests in all processes; a context manager.

    Args:
        seeds: how many seeds each test runs under.
        workers: how many processes report.
        quiet: show nothing.
    """

    def __init__(self, seeds: int, workers: int = 1, quiet: bool = False) -> None:
        super().__init__(quiet)
        self._seeds = seeds
        self._workers = workers
        self._done: dict[tuple[int, str], tuple[int, int]] = {}
        self._tests = 0

    def tell(self, worker: int, kind: str, what: Any) -> None:
        """Take note of the news of one worker (:data:`harness.cli.session.Listener`)."""
        if kind == "collected":
            tests: Sequence[str] = what
            self._tests = max(self._tests, len(tests))
        elif kind == "progress":
            nodeid, runs, failed, _ = what
            self._done[worker, nodeid] = (runs, failed)
            self._tell(nodeid)
        elif kind == "result":
            self._done[worker, what.test] = (what.runs, len(what.failed))
            self._tell(what.test)

    def _tell(self, nodeid: str) -> None:
        runs = sum(runs for runs, _ in self._done.values())
        failed = sum(failed for _, failed in self._done.values())
        total = self._seeds * self._tests
        name = nodeid.rpartition("/")[2]
        name = name if len(name) <= _WIDTH else f"...{name[3 - _WIDTH :]}"
        self.show(name, runs, total, f"{failed} failed", f"{runs} of {total} seeds, {failed} failed ({nodeid})")


class ProofMeter(_Display):
    """Counts the runs of a proof; a context manager.

    Args:
        levels: how many deviations there may be at most.
        quiet: show nothing.
    """

    def __init__(self, levels: int, quiet: bool = False) -> None:
        super().__init__(quiet)
        self._levels = levels
        self._level = 0
        self._parts = self._done = 0
        self._runs = 1
        self._failing = 0

    def begin_level(self, parts: int) -> None:
        """Runs with one deviation more are made from here on, in so many parts."""
        self._level += 1
        self._parts, self._done = parts, 0
        self._tell()

    def add(self, part: Found) -> None:
        """A part is done."""
        self._done += 1
        self._runs += part.runs
        self._failing += len(part.failing)
        self._tell()

    def told(self) -> str:
        """How far it has come."""
        where = f"part {self._done} of {self._parts} of those with {self._level} of at most {self._levels} deviations"
        return f"{self._runs} runs made, {self._failing} failed, {where}"

    def _tell(self) -> None:
        name = f"{self._level} of {self._levels} deviations"
        self.show(name, self._done, self._parts, f"{self._runs} runs, {self._failing} failed", self.told())


def _copy_of_stderr() -> TextIO:
    try:
        assert sys.__stderr__ is not None
        return os.fdopen(os.dup(sys.__stderr__.fileno()), "w")
    except (AssertionError, OSError, ValueError):
        return sys.stderr
