"""What is in a live run, read out: contents of messages, names that two runs share, what was pending, what deserves a mark."""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any, NamedTuple

import msgspec

from harness.durations import Duration
from harness.simulation.clock import PendingTimer, describe
from harness.simulation.event_kernel import kind_of
from harness.simulation.events import DISPATCH, EXITED, START, Channel, Dispatch, Released, Work
from harness.simulation.future import Future
from harness.simulation.trace import DELIVERED, DROPPED, FIRED, HELD, STRIDE, show
from harness.simulation.world import World

_DEPTH = 5
_ITEMS = 24
_LETTERS = 600

_PLAIN = (str, int, float, bytes, Duration, enum.Enum)
_NEWS = re.compile(
    r"\b(re-?)?(registered|subscribed|elected|admitted|added|activated|launched|started|recovered|connected|reconnected)\b"
    r"|\b(disconnected|removed|deactivated|marked|unreachable|failed over|finished|stopped|terminated|killed|lost|gone|returns)\b"
    r"|\b(became|becomes|is (now )?(UP|DOWN)|TASK_[A-Z]+|state)\b|->",
    re.IGNORECASE,
)
_NO_NEWS = re.compile(
    r"(ignoring|dropping|received|receiving|processing|attempting|skipping|scheduling|canceling|cancelling|refusing|sending|sent"
    r"|returning|already|waiting)\b",
    re.IGNORECASE,
)


class Pending(NamedTuple):
    """What was still to come at some moment: timers and deliveries, as the kernel holds them."""

    alarms: list[Any]
    deliveries: list[Any]

    @property
    def timers(self) -> list[PendingTimer]:
        """The timers, earliest first."""
        return [describe(entry[3]) for entry in sorted(self.alarms, key=lambda entry: entry[:3])]

    @property
    def in_flight(self) -> list[tuple[Channel, Any, int]]:
        """Channel, what travels on it and when it was sent (ns), oldest first."""
        oldest_first = sorted(self.deliveries, key=lambda entry: (entry[5], entry[2]))
        return [(channel, payload, sent) for _, _, _, channel, payload, sent, _ in oldest_first]


def pending_of(world: World) -> Pending:
    """What is pending now; cheap, because it is asked at the end of every run and looked at only if that failed."""
    kernel = world._kernel
    return Pending([entry for entry in kernel.alarms if entry[3].live], list(kernel.deliveries))


# --- what is in a message


def type_of(payload: Any) -> str:
    """The class of a message, the method of a dispatch, the label of a piece of work, ``exited`` or ``initialize``."""
    name = kind_of(payload)
    return {"Exited": "exited", "Start": "initialize"}.get(name, name)


def fields_of(payload: Any, receiver: Any = None) -> dict[str, Any]:
    """What a payload holds, as names and texts; nested contents as mappings, some levels deep, absent ones left out.

    Args:
        receiver: the process that gets it, if it is still there: it knows what the arguments of its methods are called.
    """
    if type(payload) is Released:
        payload = payload.payload
    if type(payload) is Dispatch:
        return _arguments(getattr(receiver, payload.method, None), payload.args)
    if type(payload) is Work:
        return {"then": payload.method.__name__, **_arguments(payload.method, payload.args)}
    return _items(_named(payload), 0)


def _arguments(method: Any, values: Sequence[Any]) -> dict[str, Any]:
    # Of a bound method the first name is its own instance.
    code = getattr(method, "__code__", None)
    names = [] if code is None else list(code.co_varnames[1 : code.co_argcount])
    names += [str(index) for index in range(len(names), len(values))]
    return _items(zip(names, values, strict=False), 0)


def _is_record(value: Any) -> bool:
    if isinstance(value, Future):
        return False
    return isinstance(value, msgspec.Struct) or dataclasses.is_dataclass(value) or hasattr(value, "_fields")


def _numbered(values: Sequence[Any], depth: int) -> dict[str, Any]:
    return _items(((str(index), value) for index, value in enumerate(values)), depth)


def _items(pairs: Any, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for count, (name, value) in enumerate(pairs):
        if count >= _ITEMS:
            found["..."] = "more left out"
            break
        plain = _plain(value, depth + 1)
        if plain is not None:
            found[name] = plain
    return found


def _plain(value: Any, depth: int) -> Any:
    if value is None or value in ((), "", []):
        return None
    if isinstance(value, _PLAIN) or depth >= _DEPTH or callable(value):
        return _short(show(value))
    if isinstance(value, Mapping):
        return _items(((str(key), item) for key, item in value.items()), depth) or None
    if isinstance(value, (list, tuple)) and not _is_record(value):
        if not any(_is_record(item) for item in value):
            return _short(", ".join(show(item) for item in value))
        return _numbered(value, depth)
    if isinstance(value, Set):
        return _short(", ".join(sorted(show(item) for item in value)))
    return (_items(_named(value), depth) if _is_record(value) else None) or _short(show(value))


def _short(text: str) -> str:
    return text if len(text) <= _LETTERS else f"{text[: _LETTERS - 1]}…"


def _named(value: Any) -> Iterator[tuple[str, Any]]:
    """The public fields of a record: msgspec struct, dataclass, named tuple; of anything else its public attributes."""
    if isinstance(value, msgspec.Struct):
        names: Sequence[str] = value.__struct_fields__
    elif dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
    elif hasattr(value, "_fields"):
        names = value._fields
    else:
        slots = [base.__dict__.get("__slots__", ()) for base in reversed(type(value).__mro__)]
        names = [name for some in slots for name in ((some,) if isinstance(some, str) else some)]
        names = [*names, *getattr(value, "__dict__", ())]
    for name in names:
        if not name.startswith("_"):
            yield name, getattr(value, name, None)


# --- names that two runs share


def names_of(flat: Sequence[Any]) -> list[str]:
    """A name for each record, the same for the same event in two runs: who does what to whom, and the how manieth that is."""
    counts: dict[str, int] = {}
    names = []
    for at in range(0, len(flat), STRIDE):
        _, kind, subject, detail, _, _ = flat[at : at + STRIDE]
        if isinstance(subject, Channel):
            what = f"{kind} {subject.entity}" if kind == HELD else subject.entity
        elif kind == FIRED:
            what = f"{detail.__self__._path} {detail.__name__}"
        else:
            what = f"{subject} {detail if isinstance(detail, str) else kind}"
        count = counts[what] = counts.get(what, 0) + 1
        names.append(f"{what} #{count}")
    return names


# --- what deserves a mark


def tells_state(note: str) -> bool:
    """Whether a note reads as news of a change ("Registered agent ...") rather than of something under way or refused."""
    return _NO_NEWS.match(note) is None and _NEWS.search(note) is not None


def repeats(flat: Sequence[Any], recurring: Set[str]) -> list[int]:
    """The records at which a message arrives (or is lost) that says again what was said before, because a timer ran out.

    Args:
        recurring: purposes of timers that are part of a loop for ever; what these send again and again is no repetition.
    """
    said: dict[tuple[str, str], None] = {}
    found = []
    for at in range(0, len(flat), STRIDE):
        _, kind, subject, detail, _, cause = flat[at : at + STRIDE]
        if kind not in (DELIVERED, DROPPED) or not isinstance(subject, Channel):
            continue
        if subject.kind in (START, EXITED) or subject.source == subject.target:
            continue
        if subject.kind == DISPATCH and subject.source.host == subject.target.host:
            continue
        what = (subject.entity, show(detail))
        if what in said and _timer_behind(flat, cause, subject.source, recurring):
            found.append(at // STRIDE)
        said[what] = None
    return found


def _timer_behind(flat: Sequence[Any], cause: int, sender: str, recurring: Set[str]) -> bool:
    """Whether the sender sent because one of its own timers had run out, directly or by calls to itself."""
    while cause >= 0:
        _, kind, subject, detail, _, before = flat[cause * STRIDE : (cause + 1) * STRIDE]
        if kind == FIRED:
            return str(subject) == sender and detail.__name__ not in recurring
        if not isinstance(subject, Channel) or subject.source != sender or subject.target != sender:
            return False
        cause = before
    return False
