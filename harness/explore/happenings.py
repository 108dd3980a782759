"""The events of a finished run by name, so that two runs can be compared and deviations be told in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from harness.durations import Duration
from harness.simulation.choices import PICKED, Choice
from harness.simulation.event_kernel import EventKernel, kind_of
from harness.simulation.events import EXITED, MESSAGE, Channel, Released
from harness.simulation.trace import DELIVERED, DROPPED, FIRED, STRIDE, shorten
from harness.simulation.world import World

Name: TypeAlias = tuple[str, int]
"""Channel (or owner and purpose of a timer), and how many came before on it, from 1."""


class Happening(NamedTuple):
    """One event of a run.

    Attributes:
        name: equal for the same event in two runs.
        receiver: address of the process to which it happened.
        text: what it was, with full addresses.
        time: when, since the run began, in ns.
        since: when it was sent or armed, in ns.
        place: its record in the trace.
        handled: False if it came when nobody was there any more.
        words: the same as ``text`` for people: processes by the shortest name that is clear, and which of several it was.
        cause: the record during which it was sent or armed; -1 if the test did that.
        at: the receiver as in ``words``.
    """

    name: Name
    receiver: str
    text: str
    time: int
    since: int
    place: int
    handled: bool
    words: str
    cause: int
    at: str

    def __str__(self) -> str:
        gone = "" if self.handled else " (nobody there any more)"
        return f"{self.text} at {Duration(self.time)}{gone}"


def happenings(world: World) -> list[Happening]:
    """All deliveries and timers of a run, in order."""
    return _Reader(world).read()


class _Reader:
    def __init__(self, world: World) -> None:
        self.flat = world.trace.flat
        self.names = short_names(world)
        # Record -> what it was: in full, in words.
        self.told: dict[int, tuple[str, str]] = {}
        # How many of one kind there are on a channel, and how many of them have been met.
        self.kinds: dict[tuple[str, str], int] = {}
        self.met: dict[tuple[str, str], int] = {}

    def read(self) -> list[Happening]:
        flat = self.flat
        for start in range(0, len(flat), STRIDE):
            _, kind, subject, detail, _, _ = flat[start : start + STRIDE]
            if kind in (DELIVERED, DROPPED) and isinstance(subject, Channel) and subject.kind is MESSAGE:
                key = (subject.entity, _sort_of(detail))
                self.kinds[key] = self.kinds.get(key, 0) + 1
        counts: dict[str, int] = {}
        found = []
        for start in range(0, len(flat), STRIDE):
            time, kind, subject, detail, since, cause = flat[start : start + STRIDE]
            place = start // STRIDE
            if kind in (DELIVERED, DROPPED) and isinstance(subject, Channel):
                entity, receiver = subject.entity, str(subject.target)
                text, words = self.delivery(subject, detail, cause)
            elif kind == FIRED:
                entity, receiver = f"{detail.__self__._path} {detail.__name__}", str(subject)
                text = words = f"timer {detail.__name__}"
            else:
                continue
            self.told[place] = (text, words)
            nth_of_entity = counts[entity] = counts.get(entity, 0) + 1
            handled = kind != DROPPED
            at = self.names.get(receiver, receiver)
            found.append(Happening((entity, nth_of_entity), receiver, text, time, since, place, handled, words, cause, at))
        return found

    def delivery(self, channel: Channel, payload: Any, cause: int) -> tuple[str, str]:
        source = str(channel.source)
        short = self.names.get(source, source)
        if channel.kind is EXITED:
            return str(payload), f"the news of {short}'s exit"
        kind = kind_of(payload)
        if source == channel.target:
            # Its own doing says little without what it follows from.
            text, words = self.told.get(cause, ("", ""))
            return kind + _origin(text), kind + _origin(words)
        text = f"{kind} from {source or 'the test'}"
        sort = _sort_of(payload)
        key = (channel.entity, sort)
        self.met[key] = self.met.get(key, 0) + 1
        which = f"the {nth(self.met[key])} " if self.kinds.get(key, 0) > 1 else ""
        return text, f"{which}{sort} from {short or 'the test'}"


def _origin(text: str) -> str:
    return f" for {text.partition(' for ')[2] or text}" if text else ""


def _sort_of(payload: Any) -> str:
    """The kind, and what one message type for many purposes says of its purpose: ``Call SUPPRESS``."""
    inner = payload.payload if type(payload) is Released else payload
    purpose = getattr(inner, "type", None)
    return f"{kind_of(payload)} {purpose}" if isinstance(purpose, str) and purpose.isupper() else kind_of(payload)


def short_names(world: World) -> dict[str, str]:
    """Address -> a shorter name that is still clear: the host, for the one process there that was not spawned by another."""
    roots: dict[str, list[str]] = {}
    for address, root in world._society.roots.items():
        # The second of an address has a number behind it.
        if root.partition("#")[0] == address:
            roots.setdefault(address.partition("@")[2], []).append(address)
    names = {str(address): shorten(address) for address in world._society.roots}
    names.update({addresses[0]: host for host, addresses in roots.items() if len(addresses) == 1})
    return names


def about(choice: Choice, world: World, events: list[Happening]) -> Happening | None:
    """The event that a draw decided about; None if it is not known (it never happened, or the draw is of another kind)."""
    if choice.site == PICKED:
        kernel = world._kernel
        handled: Mapping[tuple[str, int], tuple[int, int, int]] = kernel.handled if isinstance(kernel, EventKernel) else {}
        place, _, _ = handled.get((choice.entity, choice.occurrence), (-1, 0, 0))
        return next((event for event in events if event.place == place), None)
    entity = choice.entity
    if choice.site.startswith("backoff "):
        entity = f"{choice.entity} {choice.site.removeprefix('backoff ')}"
    return next((event for event in events if event.name == (entity, choice.occurrence)), None)


_ORDINALS = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth"}
_SUFFIXES = {1: "st", 2: "nd", 3: "rd"}


def nth(number: int) -> str:
    """``first``, ``second``, ... ``17th``, ``22nd``."""
    suffix = "th" if number % 100 in (11, 12, 13) else _SUFFIXES.get(number % 10, "th")
    return _ORDINALS.get(number) or f"{number}{suffix}"


_UNITS = ((1_000_000_000, "secs"), (1_000_000, "ms"), (1_000, "us"), (1, "ns"))


def span(ns: int) -> str:
    """A length of time with four digits, for people: nobody compares nanoseconds by eye."""
    unit, name = next(((unit, name) for unit, name in _UNITS if abs(ns) >= unit), _UNITS[-1])
    return f"{ns / unit:.4g}{name}" if abs(ns) < 10_000 * unit else f"{ns // unit}{name}"


def instant(ns: int) -> str:
    """A point in time for people: in ms to two places, from one second on in seconds to five."""
    number, unit = (f"{ns / 1_000_000:.2f}", "ms") if ns < 1_000_000_000 else (f"{ns / 1_000_000_000:.5f}", "secs")
    return number.rstrip("0").rstrip(".") + unit


def in_words(choice: Choice, world: World, events: list[Happening], *, brief: bool = False) -> str:
    """One deviation as a sentence without its full stop; ``brief`` if what it led to is told elsewhere."""
    event = about(choice, world, events)
    which = nth(choice.occurrence)
    owner = _person(choice.entity, world)
    if choice.site.startswith("backoff "):
        purpose = choice.site.removeprefix("backoff ")
        if event is None:
            return f"the {which} {purpose} of {owner} was drawn {span(choice.value)} shorter than the longest"
        delay = event.time - event.since
        return f"the {which} {purpose} of {owner} was drawn {span(delay)} instead of up to {span(delay + choice.value)}"
    if event is None:
        what = {"latency": "latency", PICKED: "turn", "order": "rank"}.get(choice.site, choice.site)
        if choice.site == "latency":
            return f"the {which} delivery {owner} was drawn {span(choice.value)} later than the soonest, and never came"
        return f"the {which} {what} of {owner} was drawn {choice.value} (of 0..{choice.bound}) instead of 0"
    if choice.site == "latency":
        took = event.time - event.since
        calm = took - choice.value
        # What was due while time stood still, or behind an earlier one, did not take what was drawn.
        if calm <= 0:
            return f"{_at(event)} was due {span(choice.value)} later than it could have been"
        if span(took) == span(calm):
            return f"{_at(event)} took {span(choice.value)} more than it had to, {span(took)} in all"
        return f"{_at(event)} took {span(took)} instead of {span(calm)}"
    if choice.site == PICKED:
        ahead = "" if brief else _ahead(event, events)
        tail = f", and came after {ahead}" if ahead else ""
        return f"{_at(event)} let {choice.value} event{'s' * (choice.value > 1)} go first{tail}"
    if choice.site in ("loss", "duplicate"):
        return f"{_at(event)} was {'lost' if choice.site == 'loss' else 'delivered twice'}"
    return f"{choice.site} of {owner} ({which}) was {choice.value} of 0..{choice.bound}"


def draw_in_words(choice: Choice, world: World, events: list[Happening]) -> str:
    """What was drawn, whatever its value: ``the latency of RegisterSlaveMessage from agent1 to master``."""
    event = about(choice, world, events)
    if choice.site.startswith("backoff "):
        return f"the {nth(choice.occurrence)} {choice.site.removeprefix('backoff ')} of {_person(choice.entity, world)}"
    what = "turn" if choice.site == PICKED else choice.site
    return f"the {what} of {_person(choice.entity, world) if event is None else _at(event)}"


def follows(later: Happening, earlier: Happening, events: list[Happening]) -> bool:
    """Whether ``later`` is, or was brought about by, ``earlier``: both of the run with these events."""
    causes = {event.place: event.cause for event in events}
    place = later.place
    while place > earlier.place and place in causes:
        place = causes[place]
    return place == earlier.place


def _at(event: Happening) -> str:
    place = "in" if event.words.partition(" ")[0] == "timer" else "to"
    return f"{event.words} {place} {event.at}"


def _person(entity: str, world: World) -> str:
    """A process or channel by its short name."""
    names = short_names(world)
    source, arrow, rest = entity.partition(" -> ")
    target, space, kind = rest.partition(" ")
    root, _, child = source.partition("/")
    owner = names.get(root.partition("#")[0], shorten(root))
    if child:
        owner = f"{shorten(child.rpartition('/')[2])} of {owner}"
    return f"from {owner} to {names.get(target, shorten(target))}{space}{kind}" if arrow else f"{owner}{space}{kind}"


def _ahead(event: Happening, events: list[Happening]) -> str:
    before = [
        other for other in events if other.receiver == event.receiver and event.since <= other.time and other.place < event.place
    ]
    return before[-1].words if before else ""
