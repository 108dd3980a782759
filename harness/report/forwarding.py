"""The log of a run as records of Python's ``logging``, while it goes on.

Nothing is asked of the processes: after each event the new records of the trace are looked at. So the trace, and with it the
digest, is the same whether anybody listens or not, and who does not listen pays nothing.
"""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Any

from harness.durations import Duration
from harness.report.log_lines import ERROR, INFO, WARNING, is_logged, severity_of, text_of
from harness.simulation.events import Channel
from harness.simulation.society import EPOCH
from harness.simulation.trace import STRIDE, show
from harness.simulation.world import World

ROOT = "harness"
"""Above all loggers of processes: ``harness.<name of the process>``."""

LEVELS = {INFO: logging.INFO, WARNING: logging.WARNING, ERROR: logging.ERROR}

_EPOCH_NS = int(EPOCH.timestamp()) * 1_000_000_000


def stamp(record: logging.LogRecord, time_ns: int, process: str, step: int) -> None:
    """Put a record on the virtual clock.

    ``created``, ``msecs`` and ``relativeCreated`` become virtual, so ``%(asctime)s`` does; new are ``virtual_time`` (a
    :class:`~harness.durations.Duration` since the run began), ``process_name`` (address of the process that runs, ``test``
    outside any) and ``step`` (of the trace, -1 outside any).
    """
    now = _EPOCH_NS + time_ns
    record.created = now / 1e9
    record.msecs = float(now % 1_000_000_000 // 1_000_000)
    record.relativeCreated = time_ns / 1e6
    record.virtual_time = Duration(time_ns)
    record.process_name = process
    record.step = step


def stamp_now(record: logging.LogRecord, world: World) -> None:
    """As :func:`stamp`, with what the world is about at this moment."""
    kernel = world._kernel
    process = "test"
    if kernel.cause >= 0:
        subject = kernel.flat[kernel.cause * STRIDE + 2]
        process = str(subject.target if isinstance(subject, Channel) else subject)
    stamp(record, kernel.now, process, kernel.cause)


class Forwarding:
    """Passes what a world's processes log to Python's ``logging``, from now on until :meth:`stop`.

    As a context manager it stops at the end of the block. A record's ``pathname`` is the host of its process and its ``lineno``
    the step of the trace, since no line of a source file would tell more. The clean-up after a failure is not passed on: it
    explains nothing.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._at = len(world.trace)
        self._busy = False
        self._end = world.follow(self.catch_up)

    def catch_up(self) -> None:
        """Pass on what is new; called by itself after each event."""
        # A handler may log something itself, and is then asked to catch up: the order of lines would suffer.
        if self._busy:
            return
        self._busy = True
        trace = self._world.trace
        flat = trace.flat
        try:
            while self._at * STRIDE < len(flat):
                step = self._at
                self._at += 1
                if trace.aborted and trace.over is not None and step >= trace.over:
                    continue
                if is_logged(flat[step * STRIDE + 1]):
                    self._pass_on(step, flat)
        finally:
            self._busy = False

    def _pass_on(self, step: int, flat: list[Any]) -> None:
        time_ns, kind, subject, detail, extra, _ = flat[step * STRIDE : (step + 1) * STRIDE]
        travelled = isinstance(subject, Channel)
        process = str(subject.target if travelled else subject)
        name, _, host = process.partition("@")
        logger = logging.getLogger(f"{ROOT}.{name}")
        if not logger.isEnabledFor(logging.ERROR):
            return
        said = show(detail) if travelled else detail.format(*extra) if extra else detail
        level = LEVELS[severity_of(kind, said)]
        if not logger.isEnabledFor(level):
            return
        text = text_of(kind, said, str(subject.source) if travelled else "")
        record = logger.makeRecord(logger.name, level, host, step, text, (), None, kind)
        stamp(record, time_ns, process, step)
        logger.handle(record)

    def stop(self) -> None:
        """Pass on what is left, then no more. Idempotent."""
        self.catch_up()
        self._end()

    def __enter__(self) -> Forwarding:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
