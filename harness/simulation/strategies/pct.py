"""Probabilistic concurrency testing (Burckhardt and others, ASPLOS 2010), by its published rule.

Each channel, and each owner of timers, gets a random priority when first seen. ``depth - 1`` change points are drawn from the
contested steps, without order: the i-th *drawn*, wherever it falls, lowers whoever is about to run there to level i. (Rules
that hand out the levels by position cannot produce some bugs of depth 3 at all.) A bug of depth d among n channels and k
contested steps is found with probability at least ``1 / (n k^(d-1))`` a run.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.simulation.event_kernel import Event
from harness.simulation.strategies.base import NOTHING_KNOWN, EventStrategy, Knowledge

UNMEASURED = 50


class Pct(EventStrategy):
    """``pct:d``; see the module."""

    def __init__(self, depth: int = 3, knowledge: Knowledge = NOTHING_KNOWN) -> None:
        super().__init__(knowledge)
        self.depth = depth
        self.name = f"pct:{depth}"
        self._priorities: dict[str, float] = {}
        self._levels: dict[int, int] = {}
        self._step = 0
        self._too_long = 0

    def start(self, seed: int) -> None:
        """Draw the change points."""
        super().start(seed)
        self._priorities = {}
        self._step = 0
        # Some headroom: the runs measured need not have been the longest, and a change that never comes finds nothing.
        self._draw_levels(self.knowledge.contested * 3 // 2 + 1 if self.knowledge.contested else UNMEASURED)

    def _draw_levels(self, horizon: int) -> None:
        steps = range(self._step + 1, max(horizon, self._step + self.depth) + 1)
        drawn = self.random.sample(steps, min(self.depth - 1, len(steps)))
        self._levels = {step: level for level, step in enumerate(drawn, 1)}
        self._too_long = self._step + (len(steps) * 3 + 1) // 2

    def pick(self, events: Sequence[Event]) -> int:
        """The event whose entity has the highest priority, after the change that is due at this step, if one is."""
        self._step += 1
        if self._step > self._too_long:
            # Longer than measured: what lies ahead is measured anew, by doubling, so that late steps get their changes too.
            self._draw_levels(2 * self._step)
        best = self._highest(events)
        level = self._levels.get(self._step)
        if level is not None:
            self._priorities[events[best].entity] = level
            best = self._highest(events)
        return best

    def _highest(self, events: Sequence[Event]) -> int:
        priorities = self._priorities
        best, best_priority = 0, -1.0
        for index, event in enumerate(events):
            priority = priorities.get(event.entity)
            if priority is None:
                # Above all levels, at a random place among the others.
                priority = priorities[event.entity] = self.depth + self.random.random()
            if priority > best_priority:
                best, best_priority = index, priority
        return best


def floor(knowledge: Knowledge, depth: int) -> float:
    """The guaranteed probability that one run finds a bug of this depth."""
    entities, steps = max(1, len(knowledge.counts)), max(1, knowledge.contested)
    return 1.0 / (entities * float(steps) ** (depth - 1))
