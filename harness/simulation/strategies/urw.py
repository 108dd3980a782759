"""Uniform random walk (Zhao and others, "Selectively uniform concurrency testing", ASPLOS 2025): weigh by what is left to do.

A plain random walk gives a long worker and a short one equal chances at every step, so the long one nearly always ends last.
Here an entity is picked in proportion to the events that it, and everybody it has yet to bring forth, still has ahead; in
programs whose counts do not depend on the order this makes all interleavings equally likely.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.simulation.event_kernel import Event
from harness.simulation.strategies.base import NOTHING_KNOWN, EventStrategy, Knowledge


class Urw(EventStrategy):
    """``urw``; see the module. What pilots have not shown weighs 1."""

    name = "urw"

    def __init__(self, knowledge: Knowledge = NOTHING_KNOWN) -> None:
        super().__init__(knowledge)
        self._whole = _with_offspring(knowledge)
        self._weights: dict[str, int] = {}

    def start(self, seed: int) -> None:
        """Nobody has run yet."""
        super().start(seed)
        self._weights = {}

    def _appear(self, entity: str) -> int:
        weight = self._weights[entity] = self._whole.get(entity, 1)
        parent = self.knowledge.parents.get(entity, "")
        if parent in self._weights:
            self._weights[parent] = max(1, self._weights[parent] - weight)
        return weight

    def pick(self, events: Sequence[Event]) -> int:
        """One of them, in proportion to what its entity has left."""
        weights = self._weights
        total = 0
        sums = []
        for event in events:
            weight = weights.get(event.entity)
            total += self._appear(event.entity) if weight is None else weight
            sums.append(total)
        mark = self.random.random() * total
        for index, upto in enumerate(sums):
            if mark < upto:
                return index
        return len(events) - 1

    def ran(self, event: Event) -> None:
        """One less to do."""
        weights = self._weights
        weight = weights.get(event.entity)
        if weight is None:
            weight = self._appear(event.entity)
        if weight > 1:
            weights[event.entity] = weight - 1


def _with_offspring(knowledge: Knowledge) -> dict[str, int]:
    whole = dict(knowledge.counts)
    # Children appear after their parents, so going backwards every child is complete before it is added.
    for entity in reversed(list(knowledge.counts)):
        parent = knowledge.parents.get(entity, "")
        if parent in whole and parent != entity:
            whole[parent] += whole[entity]
    return whole
