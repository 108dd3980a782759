"""Replay that bends instead of breaking: a record applied to a run that may have changed since."""

from __future__ import annotations

from collections.abc import Iterable

from harness.simulation.choices import PICKED, Choice, Key


class Recorded:
    """Answers from a record by key; what the record lacks is benign, what no longer fits is bent to the nearest value.

    Strict replay (``replay=`` of a world) stops where the record does not fit; this goes on and can say how far it is off.

    Args:
        choices: a record or its deviations.
        picks_events: whether the run needs an event kernel; None: if the record has picks.
    """

    name = "recorded"

    def __init__(self, choices: Iterable[Choice], picks_events: bool | None = None) -> None:
        self._wanted: dict[Key, Choice] = {choice.key: choice for choice in choices if choice.value}
        if picks_events is None:
            picks_events = any(choice.site == PICKED for choice in self._wanted.values())
        self.picks_events = picks_events
        self._asked: dict[Key, None] = {}
        self._bent = 0

    def start(self, seed: int) -> None:
        """A new run begins."""
        self._asked = {}
        self._bent = 0

    def choose(self, site: str, entity: str, occurrence: int, bound: int) -> int:
        """The recorded value, at most ``bound``."""
        choice = self._wanted.get((site, entity, occurrence))
        if choice is None:
            return 0
        self._asked[choice.key] = None
        if choice.bound != bound:
            self._bent += 1
        return min(choice.value, bound)

    @property
    def distance(self) -> int:
        """How many of the recorded deviations did not find their place in the run as they were."""
        return len(self._wanted) - len(self._asked) + self._bent
