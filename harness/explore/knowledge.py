"""What strategies learn about a test from the first runs of a sweep, whatever strategy those had."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from harness.simulation.event_kernel import EventKernel, Label, kind_of
from harness.simulation.events import Channel
from harness.simulation.strategies.base import Knowledge, Pair
from harness.simulation.trace import DELIVERED, FIRED, STRIDE
from harness.simulation.world import World

PILOTS = 4
"""How many runs are learnt from. They come first, so what is learnt does not depend on how the rest is spread over workers."""

_MOST_PAIRS = 4000


class Seen(NamedTuple):
    """One event of a finished run.

    Attributes:
        entity: channel, or path of the timer's owner.
        label: its kind.
        parent: the entity of the event that caused it; empty if the test did.
        before: the kinds of all events that led to it.
    """

    entity: str
    label: Label
    parent: str
    before: frozenset[Label]


class Observed(NamedTuple):
    """What one finished run has shown."""

    events: list[Seen]
    contested: int
    draws: int


def observe(world: World) -> Observed:
    """Read it from the trace."""
    flat = world.trace.flat
    classes = world._society.classes
    at: dict[int, Seen] = {}
    for start in range(0, len(flat), STRIDE):
        _, kind, subject, detail, _, cause = flat[start : start + STRIDE]
        if kind == DELIVERED and isinstance(subject, Channel):
            entity = subject.entity
            label = Label(classes.get(subject.source) or str(subject.source), subject.target, kind_of(detail))
        elif kind == FIRED:
            owner = detail.__self__
            entity = owner._path
            label = Label(type(owner).__name__, str(subject), f"timer {detail.__name__}")
        else:
            continue
        parent = at.get(cause)
        before = parent.before | {parent.label} if parent is not None else frozenset()
        at[start // STRIDE] = Seen(entity, label, parent.entity if parent is not None else "", before)
    kernel = world._kernel
    contested = kernel.contested if isinstance(kernel, EventKernel) else len(at)
    return Observed(list(at.values()), contested, len(world.choices))


def summary(pilots: Sequence[Observed]) -> Knowledge:
    """What these runs have shown."""
    counts: dict[str, int] = {}
    parents: dict[str, str] = {}
    for pilot in pilots:
        for entity, _, parent, _ in pilot.events:
            counts[entity] = counts.get(entity, 0) + 1
            # An entity that exists before its parent (by another pilot's account) keeps its first account: no cycles.
            parents.setdefault(entity, parent if parent in counts and parent != entity else "")
    return Knowledge(
        contested=max((pilot.contested for pilot in pilots), default=0),
        draws=max((pilot.draws for pilot in pilots), default=0),
        counts={entity: max(1, round(count / max(1, len(pilots)))) for entity, count in counts.items()},
        parents=parents,
        pairs=_pairs(pilots),
    )


def _pairs(pilots: Sequence[Observed]) -> tuple[Pair, ...]:
    """All unordered pairs of kinds at one receiver that could come in either order."""
    seen: dict[tuple[Label, Label], list[int]] = {}
    # What led to an event of a kind in every case: such a pair has one order only.
    always: dict[Label, frozenset[Label]] = {}
    for pilot in pilots:
        # Label -> place of its first event in this run, by receiver.
        receivers: dict[str, dict[Label, int]] = {}
        for place, (_, label, _, before) in enumerate(pilot.events):
            receivers.setdefault(label.receiver, {}).setdefault(label, place)
            always[label] = always[label] & before if label in always else before
        for labels in receivers.values():
            names = sorted(labels)
            for index, one in enumerate(names):
                for other in names[index + 1 :]:
                    firsts = seen.setdefault((one, other), [0, 0])
                    firsts[labels[one] > labels[other]] += 1
    pairs = [
        (one, other, first, second)
        for (one, other), (first, second) in sorted(seen.items())
        if _can_be_held(one, other) and one not in always[other] and other not in always[one]
    ]
    return tuple(pairs[:_MOST_PAIRS])


def _can_be_held(one: Label, other: Label) -> bool:
    # Timers are exact, so only a message can wait for another event; the start of a process precedes all that it does.
    return not (one.kind.startswith("timer ") and other.kind.startswith("timer ")) and "Start" not in (one.kind, other.kind)
