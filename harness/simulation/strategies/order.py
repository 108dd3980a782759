"""Order constraints over partial order sampling: "no X before some Y", for kinds of event that meet at one receiver.

A kind is (class of the sender, receiver, type of the message), so one constraint speaks of a hundred senders as of one: what
takes luck a hundred times for strategies that look at individuals takes it once. One or two constraints are drawn a run from
the pairs that pilot runs have shown, more often against the usual order than with it. (Ideas: Procrastination for Erlang
by Arts, Claessen, Hughes and others; reads-from fuzzing by Wolff and others, 2024.)
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.simulation.event_kernel import Event, EventKernel, Label
from harness.simulation.strategies.base import NOTHING_KNOWN, Knowledge, PosPicks


class Order(PosPicks):
    """``order``; see the module. Without pilots it is POS."""

    name = "order"

    def __init__(self, knowledge: Knowledge = NOTHING_KNOWN) -> None:
        super().__init__(knowledge)
        # Kinds held back -> the kinds that each of them waits for.
        self.constraints: dict[Label, dict[Label, None]] = {}
        self._waiting: dict[Label, dict[Label, None]] = {}
        self._kernel: EventKernel | None = None

    def attach(self, kernel: EventKernel) -> None:
        """The run begins on this kernel."""
        self._kernel = kernel

    def start(self, seed: int) -> None:
        """Draw the constraints."""
        super().start(seed)
        self.constraints = {}
        pairs = self.knowledge.pairs
        for _ in range(min(len(pairs), 1 + int(self.random.random() * 2))):
            one, other, one_first, other_first = pairs[int(self.random.random() * len(pairs))]
            # Three in four against the order that the pilots mostly had; a timer cannot be held back.
            usual = one_first >= other_first
            reverse = self.random.random() < 0.75
            first, held = (other, one) if usual == reverse else (one, other)
            if held.kind.startswith("timer "):
                first, held = held, first
            self.constraints.setdefault(held, {})[first] = None
        self._waiting = {held: dict(firsts) for held, firsts in self.constraints.items()}

    def pick(self, events: Sequence[Event]) -> int:
        """As POS among those that nothing holds back; among all if everything is held back."""
        waiting = self._waiting
        if not waiting:
            return super().pick(events)
        assert self._kernel is not None
        label = self._kernel.label
        free = [index for index, event in enumerate(events) if label(event) not in waiting]
        if not free or len(free) == len(events):
            return super().pick(events)
        return free[super().pick([events[index] for index in free])]

    def ran(self, event: Event) -> None:
        """What waits for an event of this kind waits no longer."""
        waiting = self._waiting
        if not waiting:
            return
        assert self._kernel is not None
        label = self._kernel.label(event)
        for held in [held for held, firsts in waiting.items() if label in firsts]:
            del waiting[held]
