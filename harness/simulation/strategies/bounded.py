"""At most k deviations from the benign run, at random places: for flakes that need little, in runs that are long.

This samples; :func:`harness.prove` goes through all of them.
"""

from __future__ import annotations

from harness.simulation.choices import PICKED
from harness.simulation.strategies.base import NOTHING_KNOWN, EventStrategy, Knowledge

UNMEASURED = 100
_DOUBLINGS = 7


class Bounded(EventStrategy):
    """``bounded:k``; see the module."""

    def __init__(self, most: int = 2, knowledge: Knowledge = NOTHING_KNOWN) -> None:
        super().__init__(knowledge)
        self.most = most
        self.name = f"bounded:{most}"
        self._places: dict[int, None] = {}
        self._draws = 0

    def start(self, seed: int) -> None:
        """Draw where to deviate; a run that is longer than the pilots is benign at its end."""
        super().start(seed)
        self._draws = 0
        horizon = max(self.knowledge.draws or UNMEASURED, self.most)
        self._places = dict.fromkeys(self.random.sample(range(1, horizon + 1), self.most))

    def choose(self, site: str, entity: str, occurrence: int, bound: int) -> int:
        """0, but at the drawn places: any other value; events are passed over once to a hundred times, rarely often."""
        self._draws += 1
        if self._draws not in self._places:
            return 0
        if site != PICKED:
            return 1 + int(self.random.random() * bound)
        return min(bound, int(2.0 ** (self.random.random() * _DOUBLINGS)))
