"""Properties of a run that a test declares once and that are looked at after every event: always, eventually, leads to."""

from __future__ import annotations

from collections.abc import Callable

from harness.durations import Duration
from harness.errors import HarnessError, InvariantError
from harness.simulation import World


class Property:
    """A named property; ``look`` runs after every event, ``verify_at_end`` once at the end."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self.name = name

    def look(self) -> None:
        """Look at the state after an event.

        Raises:
            InvariantError: the property is broken.
        """
        raise NotImplementedError(type(self).__name__)

    def verify_at_end(self) -> list[HarnessError]:
        """What is broken at the end of the run."""
        return []

    def describe_pending(self) -> list[str]:
        """What is still to come, for the report of a deadlock."""
        return []

    def _broken(self, what: str) -> InvariantError:
        lines = "\n".join(f"  {line}" for line in self._world.trace.recent(10))
        return InvariantError(f"{self.name}: {what} at {self._world.clock.elapsed}\nThe last events before it:\n{lines}")


class Always(Property):
    """Holds after every event."""

    def __init__(self, world: World, name: str, predicate: Callable[[], bool]) -> None:
        super().__init__(world, name)
        self._predicate = predicate

    def look(self) -> None:
        """See :class:`Property`."""
        if not self._predicate():
            raise self._broken("must always hold, and does not")


class Eventually(Property):
    """Holds at some event within a span of virtual time."""

    def __init__(self, world: World, name: str, predicate: Callable[[], bool], within: Duration) -> None:
        super().__init__(world, name)
        self._predicate = predicate
        self._within = within
        self._deadline = world.clock.elapsed + within
        self._met = bool(predicate())

    def look(self) -> None:
        """See :class:`Property`."""
        if self._met:
            return
        if self._world.clock.elapsed <= self._deadline and self._predicate():
            self._met = True
        elif self._world.clock.elapsed > self._deadline:
            self._met = True  # reported once
            raise self._broken(self._missed)

    def verify_at_end(self) -> list[HarnessError]:
        """A deadline that has passed without any event behind it; one beyond the end of the run is no finding: time was left."""
        if self._met or self._world.clock.elapsed < self._deadline or self._predicate():
            return []
        return [self._broken(self._missed)]

    @property
    def _missed(self) -> str:
        return f"was to hold within {self._within}, by {self._deadline}, and did not"

    def describe_pending(self) -> list[str]:
        """The property, if it has not held yet."""
        return [] if self._met else [f"{self.name}: to hold by {self._deadline}"]


class LeadsTo(Property):
    """Whenever ``p`` begins to hold, ``q`` holds within a span of virtual time."""

    def __init__(self, world: World, name: str, p: Callable[[], bool], q: Callable[[], bool], within: Duration) -> None:
        super().__init__(world, name)
        self._p = p
        self._q = q
        self._within = within
        self._since: Duration | None = None

    def look(self) -> None:
        """See :class:`Property`."""
        now = self._world.clock.elapsed
        if self._since is None:
            if self._p() and not self._q():
                self._since = now
        elif now > self._since + self._within:
            since, self._since = self._since, None
            raise self._broken(self._missed(since))
        elif self._q():
            self._since = None

    def verify_at_end(self) -> list[HarnessError]:
        """As for :class:`Eventually`."""
        if self._since is None or self._world.clock.elapsed < self._since + self._within or self._q():
            return []
        return [self._broken(self._missed(self._since))]

    def _missed(self, since: Duration) -> str:
        return f"began at {since}, was to lead to its end within {self._within}, and did not"

    def describe_pending(self) -> list[str]:
        """The obligation that is open, if any."""
        return [] if self._since is None else [f"{self.name}: open since {self._since}, due within {self._within}"]
