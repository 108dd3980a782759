"""What happened, in order: appended as flat scalars, made into text only when somebody looks, digested once at the end.

Flat, because a million tuples cost the garbage collector more than the run; see ``docs/decisions/``.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, overload

import msgspec

from harness.durations import Duration
from harness.simulation.events import Channel

# Kinds of record.
DELIVERED, FIRED, NOTED, SPAWNED, ENDED, DROPPED, HELD = "delivered", "timer", "note", "spawned", "ended", "dropped", "held"

STRIDE = 6
"""Scalars a record: time in ns, kind, subject, detail, extra, cause."""

_WIDTH = 160
"""Most characters of a line in the text of an error."""

UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
SHORT_IDS = "(an id such as 7aee26e6… is the beginning of a uuid, which the trace has in full)"


def shorten(text: str) -> str:
    """``text`` with every uuid in it cut to its first eight digits and an ellipsis; :data:`SHORT_IDS` explains it to a reader."""
    return UUID.sub(_first_digits, text) if len(text) >= 36 else text


def moment(time: Duration) -> str:
    """A point in time for a reader who compares it with others: in seconds from the first second on, whatever its size."""
    if time.ns < 1_000_000_000:
        return str(time)
    return f"{time.ns // 1_000_000_000}.{time.ns % 1_000_000_000:09}".rstrip("0").rstrip(".") + "secs"


def _first_digits(uuid: re.Match[str]) -> str:
    return f"{uuid[0][:8]}…"


class Record(NamedTuple):
    """One step of the run.

    Attributes:
        step: its place in the trace; ``cause`` of another record refers to it.
        time: virtual time since the run began.
        kind: ``delivered``, ``timer``, ``note``, ``spawned``, ``ended``, ``dropped`` or ``held``.
        process: the address of the process to which it happened.
        source: the address of the sender of a delivery, else an empty text.
        event: the message, dispatch, timer purpose or note text.
        since: when it was sent or armed.
        cause: step of the record during which it was sent or armed; -1 when the test itself did.
    """

    step: int
    time: Duration
    kind: str
    process: str
    source: str
    event: Any
    since: Duration
    cause: int

    @property
    def text(self) -> str:
        """What happened, on one line, without time and process."""
        origin = f"  <- {self.source}" if self.source and self.source != self.process else ""
        if self.kind == DELIVERED:
            return f"{show(self.event)}{origin}"
        if self.kind == FIRED:
            return f"timer {self.event} (armed at {moment(self.since)})"
        if self.kind in (DROPPED, HELD):
            return f"{self.kind}: {show(self.event)}{origin}"
        return str(self.event)

    def __str__(self) -> str:
        return f"{moment(self.time):>14}  {self.process:<28} {self.text}"


def show(value: Any) -> str:
    """``value`` on one line, as its class prints it; classes that do not say how are shown by name and fields."""
    cls: Any = type(value)
    if cls.__str__ is object.__str__ and cls.__repr__ is object.__repr__:
        return f"{cls.__name__}({', '.join(f'{field}={show(item)}' for field, item in _fields(value))})"
    return str(value)


def canonical(value: Any) -> str:
    """A text of ``value`` that depends on nothing but its content: no addresses, no set order, no hash seed."""
    if value is None or isinstance(value, (bool, int, float, bytes)):
        return repr(value)
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, str):
        return str.__repr__(value)
    if isinstance(value, (tuple, list)):
        return f"[{','.join(canonical(item) for item in value)}]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{canonical(key)}:{canonical(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (set, frozenset)):
        return f"<{','.join(sorted(canonical(item) for item in value))}>"
    if isinstance(value, Duration):
        return str(value)
    name = type(value).__qualname__
    method = getattr(type(value), "_canonical", None)
    if method is not None:
        return f"{name}({method(value)})"
    return f"{name}({','.join(f'{field}={canonical(item)}' for field, item in _fields(value))})"


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, msgspec.Struct):
        names: list[str] = list(value.__struct_fields__)
    elif dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
    elif callable(value):
        yield "name", getattr(value, "__qualname__", "")
        return
    else:
        names = [name for base in reversed(type(value).__mro__) for name in _slots(base)]
        names += list(getattr(value, "__dict__", ()))
    for name in names:
        # Private attributes are somebody's machinery, not content.
        if not name.startswith("_"):
            yield name, getattr(value, name, None)


def _slots(base: type) -> tuple[str, ...]:
    slots = base.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


class Trace:
    """The record of one run: a sequence of :class:`Record`.

    Attributes:
        over: how many records there were when the test itself had ended and the clean-up began; None before.
        aborted: whether the test had failed by then, so that the clean-up explains nothing.
    """

    __slots__ = ("aborted", "flat", "over")

    def __init__(self) -> None:
        self.flat: list[Any] = []
        self.over: int | None = None
        self.aborted = False

    def end(self, *, aborted: bool) -> None:
        """The test has ended; what follows is clean-up. Only the first time counts."""
        if self.over is None:
            self.over = len(self)
            self.aborted = aborted

    def __len__(self) -> int:
        return len(self.flat) // STRIDE

    def __iter__(self) -> Iterator[Record]:
        return (self._record(index) for index in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> Record: ...

    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...

    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        if isinstance(index, slice):
            return [self._record(position) for position in range(*index.indices(len(self)))]
        return self._record(index)

    def _record(self, index: int) -> Record:
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(f"trace has {len(self)} records, no record {index}")
        at = index * STRIDE
        time, kind, subject, detail, extra, cause = self.flat[at : at + STRIDE]
        source = ""
        process = str(subject)
        since = time
        event = detail
        if isinstance(subject, Channel):
            source, process, since = str(subject.source), str(subject.target), extra
        elif kind == FIRED:
            event, since = detail.__name__, extra
        elif kind == NOTED:
            event = detail.format(*extra) if extra else detail
        return Record(index, Duration(time), kind, process, source, event, Duration(since), cause)

    def lines(self, since_ns: int = 0, until_ns: int | None = None, last: int | None = None) -> list[str]:
        """Rendered records with ``since_ns <= time <= until_ns``, at most the ``last`` ones."""
        chosen = [
            index
            for index in range(len(self))
            if self.flat[index * STRIDE] >= since_ns and (until_ns is None or self.flat[index * STRIDE] <= until_ns)
        ]
        return [str(self[index]) for index in (chosen if last is None else chosen[-last:])]

    def recent(self, most: int) -> list[str]:
        """The last ``most`` records for the text of an error: a line each, cut where a reader stops, uuids by their beginning."""
        records = self[-most:]
        wide = max((len(shorten(record.process)) for record in records), default=0)
        rows = [f"{moment(record.time):>14}  {shorten(record.process):<{wide}}  {shorten(record.text)}" for record in records]
        return [row if len(row) <= _WIDTH else f"{row[: _WIDTH - 3]}..." for row in rows]

    def digest(self) -> str:
        """A text that is equal for two runs exactly when their traces are."""
        hashed = hashlib.blake2b(digest_size=16)
        flat = self.flat
        for at in range(0, len(flat), STRIDE):
            time, kind, subject, detail, extra, cause = flat[at : at + STRIDE]
            line = f"{time} {kind} {subject} {canonical(detail)} {canonical(extra)} {cause}\n"
            hashed.update(line.encode("utf-8", "surrogatepass"))
        return hashed.hexdigest()
