"""``cluster.log``: the log of a run while it goes on, rendered when somebody reads it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, overload

from harness.durations import DurationLike, to_ns
from harness.errors import MisuseError
from harness.report.forwarding import Forwarding
from harness.report.log_lines import SEVERITIES, is_logged, line, severity_of, text_of
from harness.simulation.trace import DROPPED, STRIDE
from harness.simulation.world import World


class LogLine(NamedTuple):
    """One line before it is a text.

    Attributes:
        step: the record of the trace that it tells of.
        time_ns: virtual time since the run began.
        severity: ``I``, ``W`` or ``E``.
        process: address of the process.
        text: what it says.
    """

    step: int
    time_ns: int
    severity: str
    process: str
    text: str

    def __str__(self) -> str:
        return line(self.time_ns, self.severity, self.process, self.text)


class Log(Sequence[str]):
    """What processes wrote into their logs, and which messages never arrived: lines in the manner of glog, on virtual time.

    A sequence of texts that grows as the run goes on. ``"Admitted agent" in log`` asks whether any line contains that text.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        # Steps of the records that are lines, found so far; the trace only grows.
        self._steps: list[int] = []
        self._scanned = 0

    def __len__(self) -> int:
        return len(self._found())

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        steps = self._found()
        if isinstance(index, slice):
            return [str(self._line(step)) for step in steps[index]]
        if not -len(steps) <= index < len(steps):
            raise IndexError(f"the log has {len(steps)} lines, no line {index}")
        return str(self._line(steps[index]))

    def __iter__(self) -> Iterator[str]:
        return (str(self._line(step)) for step in list(self._found()))

    def __contains__(self, text: object) -> bool:
        return isinstance(text, str) and any(text in entry for entry in self)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (Log, list, tuple)):
            return list(self) == list(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    @property
    def text(self) -> str:
        """All lines as one text."""
        return "\n".join(self)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Log: {len(self)} lines; print it, or use .lines(process=..., since=...)>"

    def lines(
        self,
        process: Any = None,
        since: DurationLike = 0,
        until: DurationLike | None = None,
        severity: str = "I",
    ) -> list[str]:
        """Some of the lines.

        Args:
            process: address, name or host of the processes to hear, or the handle of a master or an agent; None for all.
            since: virtual time since the run began from which on lines count.
            until: the last virtual time at which lines count; None for no end.
            severity: the mildest to show: ``"I"``, ``"W"`` or ``"E"``.

        Raises:
            MisuseError: no such process has ever lived, or there is no such severity.
        """
        return [str(entry) for entry in self.entries(process, since, until, severity)]

    def entries(
        self,
        process: Any = None,
        since: DurationLike = 0,
        until: DurationLike | None = None,
        severity: str = "I",
    ) -> list[LogLine]:
        """As :meth:`lines`, taken apart."""
        if severity not in SEVERITIES:
            raise MisuseError(f"severity={severity!r}: wanted one of {', '.join(map(repr, SEVERITIES))}")
        wanted = None if process is None else self._addresses(process)
        since_ns = to_ns(since, "since")
        until_ns = None if until is None else to_ns(until, "until")
        mildest = SEVERITIES.index(severity)
        return [
            entry
            for entry in map(self._line, self._found())
            if (wanted is None or entry.process in wanted)
            and entry.time_ns >= since_ns
            and (until_ns is None or entry.time_ns <= until_ns)
            and SEVERITIES.index(entry.severity) >= mildest
        ]

    def to_logging(self) -> Forwarding:
        """Pass every further line to Python's ``logging``, at the moment it is written.

        Loggers are called ``harness.<name of the process>``. Ends with the returned object's ``stop()``, or with its ``with``.
        """
        return Forwarding(self._world)

    def _found(self) -> list[int]:
        flat = self._world.trace.flat
        kinds = flat[self._scanned * STRIDE + 1 :: STRIDE]
        if kinds:
            self._steps += [step for step, kind in enumerate(kinds, self._scanned) if is_logged(kind)]
            self._scanned += len(kinds)
        return self._steps

    def _line(self, step: int) -> LogLine:
        record = self._world.trace[step]
        text = record.text if record.kind == "note" else record.text.removeprefix("dropped: ").partition("  <- ")[0]
        said = text_of(record.kind, text, record.source)
        return LogLine(step, record.time.ns, severity_of(record.kind, text), record.process, said)

    def _addresses(self, process: Any) -> frozenset[str]:
        wanted = str(getattr(process, "pid", process))
        # A message can be lost on its way to where nobody has ever lived.
        lost = (self._line(step).process for step in self._found() if self._world.trace.flat[step * STRIDE + 1] == DROPPED)
        known = list(dict.fromkeys([*map(str, self._world._society.roots), *lost]))
        found = frozenset(address for address in known if wanted in (address, *address.split("@", 1)))
        if not found:
            names = list(dict.fromkeys(name for address in known for name in (address, *address.split("@", 1))))
            near = difflib.get_close_matches(wanted, names, 3)
            hint = f"did you mean {', '.join(near)}?" if near else f"there are {', '.join(known) or 'none'}"
            raise MisuseError(f"process={process!r}: no process of that address, name or host has lived in this run; {hint}")
        return found
