"""The events of a finished run by name, so that two runs can be compared and deviations be told in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from harness.durations import Duration
from harness.simulation.choices import PICKED, Choice
from harness.simulation.event_kernel import EventKernel, kind_of
from harness.simulation.events import EXITED, Channel
from harness.simulation.trace import DELIVERED, DROPPED, FIRED, STRIDE
from harness.simulation.world import World

Name: TypeAlias = tuple[str, int]
"""Channel (or owner and purpose of a timer), and how many came before on it, from 1."""


class Happening(NamedTuple):
    """One event of a run.

    Attributes:
        name: equal for the same event in two runs.
        receiver: address of the process to which it happened.
        text: what it was, for people.
        time: when, since the run began, in ns.
        since: when it was sent or armed, in ns.
        place: its record in the trace.
        handled: False if it came when nobody was there any more.
    """

    name: Name
    receiver: str
    text: str
    time: int
    since: int
    place: int
    handled: bool

    def __str__(self) -> str:
        gone = "" if self.handled else " (nobody there any more)"
        return f"{self.text} at {Duration(self.time)}{gone}"


def happenings(world: World) -> list[Happening]:
    """All deliveries and timers of a run, in order."""
    flat = world.trace.flat
    counts: dict[str, int] = {}
    texts: dict[int, str] = {}
    found = []
    for start in range(0, len(flat), STRIDE):
        time, kind, subject, detail, extra, cause = flat[start : start + STRIDE]
        if kind in (DELIVERED, DROPPED) and isinstance(subject, Channel):
            entity, receiver, since = subject.entity, str(subject.target), extra
            if subject.kind is EXITED:
                text = str(detail)
            elif subject.source == subject.target:
                # Its own doing says little without what it follows from.
                origin = texts.get(cause, "")
                text = kind_of(detail) + (f" for {origin.partition(' for ')[2] or origin}" if origin else "")
            else:
                text = f"{kind_of(detail)} from {subject.source or 'the test'}"
            texts[start // STRIDE] = text
        elif kind == FIRED:
            entity, receiver, since = f"{detail.__self__._path} {detail.__name__}", str(subject), extra
            text = texts[start // STRIDE] = f"timer {detail.__name__}"
        else:
            continue
        nth = counts[entity] = counts.get(entity, 0) + 1
        found.append(Happening((entity, nth), receiver, text, time, since, start // STRIDE, kind != DROPPED))
    return found


def about(choice: Choice, world: World, events: list[Happening]) -> Happening | None:
    """The event that a draw decided about; None if it is not known (it never happened, or the draw is of another kind)."""
    if choice.site == PICKED:
        kernel = world._kernel
        handled: Mapping[tuple[str, int], tuple[int, int]] = kernel.handled if isinstance(kernel, EventKernel) else {}
        place, _ = handled.get((choice.entity, choice.occurrence), (-1, 0))
        return next((event for event in events if event.place == place), None)
    entity = choice.entity
    if choice.site.startswith("backoff "):
        entity = f"{choice.entity} {choice.site.removeprefix('backoff ')}"
    return next((event for event in events if event.name == (entity, choice.occurrence)), None)


_ORDINALS = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth"}


def nth(number: int) -> str:
    """``first``, ``second``, ... ``17th``."""
    return _ORDINALS.get(number) or f"{number}th"


def in_words(choice: Choice, world: World, events: list[Happening]) -> str:
    """One deviation as a sentence without its full stop."""
    event = about(choice, world, events)
    which = nth(choice.occurrence)
    if choice.site.startswith("backoff "):
        purpose = choice.site.removeprefix("backoff ")
        if event is None:
            return f"the {which} {purpose} of {choice.entity} was drawn {Duration(choice.value)} shorter than the longest"
        delay = event.time - event.since
        longest = Duration(delay + choice.value)
        return f"the {which} {purpose} of {choice.entity} was drawn {Duration(delay)} instead of up to {longest}"
    if event is None:
        what = {"latency": "latency", PICKED: "turn", "order": "rank"}.get(choice.site, choice.site)
        return f"the {which} {what} of {choice.entity} was {choice.value} of 0..{choice.bound}"
    if choice.site == "latency":
        took = event.time - event.since
        usual = f" instead of {Duration(took - choice.value)}" if took >= choice.value else ""
        return f"{event.text} to {event.receiver} (number {choice.occurrence} of its channel) took {Duration(took)}{usual}"
    if choice.site == PICKED:
        ahead = _ahead(event, events)
        tail = f", and came after {ahead}" if ahead else ""
        return f"{event.text} to {event.receiver} let {choice.value} events go first{tail}"
    if choice.site in ("loss", "duplicate"):
        return f"{event.text} to {event.receiver} was {'lost' if choice.site == 'loss' else 'delivered twice'}"
    return f"{choice.site} of {choice.entity} ({which}) was {choice.value} of 0..{choice.bound}"


def _ahead(event: Happening, events: list[Happening]) -> str:
    before = [
        other for other in events if other.receiver == event.receiver and event.since <= other.time and other.place < event.place
    ]
    return before[-1].text if before else ""
