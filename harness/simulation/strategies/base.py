"""What strategies that pick events have in common, and what pilot runs teach them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from harness.simulation.choices import generator, uniform
from harness.simulation.event_kernel import Event, Label

Pair: TypeAlias = tuple[Label, Label, int, int]
"""Two kinds of event at one receiver, and in how many runs the first (the second) of them came first."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the first runs of a test have shown.

    Attributes:
        contested: most steps at which several events could run.
        draws: most draws of a run.
        counts: events of each entity (a channel, or the owner of timers), on average, at least 1.
        parents: the entity during whose events an entity first appeared.
        pairs: conflicting kinds of event.
    """

    contested: int = 0
    draws: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    parents: Mapping[str, str] = field(default_factory=dict)
    pairs: Sequence[Pair] = ()


NOTHING_KNOWN = Knowledge()


class EventStrategy:
    """Base class: a seeded generator for the picks; draws that are no picks are those of ``random``.

    A subclass has ``pick`` and may extend ``start``; ``ran`` and ``attach`` are optional (see
    :func:`harness.simulation.event_kernel.make_kernel`).
    """

    name = "events"
    picks_events = True

    def __init__(self, knowledge: Knowledge = NOTHING_KNOWN) -> None:
        self.knowledge = knowledge
        self.seed = 0
        self.random = generator("", 0)

    def start(self, seed: int) -> None:
        """A new run begins under this seed."""
        self.seed = seed
        self.random = generator(self.name, seed)

    def choose(self, site: str, entity: str, occurrence: int, bound: int) -> int:
        """The answer to a draw that is no pick: uniform, but one in four is an end of the range.

        Extremes matter (the shortest back-off, the longest) and a uniform draw from a million nanoseconds never hits them.
        """
        extreme = uniform(self.seed, "extreme", f"{site}\0{entity}", occurrence, 7)
        if extreme == 0:
            return 0
        if extreme == 1:
            return bound
        return uniform(self.seed, site, entity, occurrence, bound)


class PosPicks(EventStrategy):
    """Picks by partial order sampling; see pos.py."""

    name = "pos"

    def pick(self, events: Sequence[Event]) -> int:
        """The event of highest priority; those that race with it get a new one."""
        draw = self.random.random
        best, best_priority = 0, -1.0
        for index, event in enumerate(events):
            priority: float | None = event.priority
            if priority is None:
                priority = event.priority = draw()
            if priority > best_priority:
                best, best_priority = index, priority
        chosen = events[best]
        receiver = chosen.receiver
        for event in events:
            channel = event.channel
            if channel is not None and channel.target == receiver:
                event.priority = None
        return best
