"""What a question to a cluster looks like, whoever answers: the same calls and the same events on both sides.

Events are dicts with the names of Mesos's v1 scheduler API: ``type``, and what belongs to that type. Heartbeats are left out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

Event = dict[str, Any]


@dataclass(frozen=True)
class Wanted:
    """A task to be launched: resources in Mesos's notation, a shell command or None, another agent than the offer's or None."""

    task_id: str
    resources: str = "cpus:1;mem:32"
    command: str | None = "sleep 1000"
    agent: str | None = None


class Conversation(ABC):
    """One framework's talk with its master. Updates that want an acknowledgement get it at once."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.heard = 0

    # -- what each side does in its own way ---------------------------------------------------------------------------

    @property
    @abstractmethod
    def now(self) -> float:
        """Seconds on the clock of this side."""

    @abstractmethod
    def await_event(self, deadline: float) -> bool:
        """Wait until ``events`` has grown, at most until ``deadline``; whether it has."""

    @abstractmethod
    def accept(self, offer: Event, *tasks: Wanted, more: tuple[Event, ...] = ()) -> None:
        """Launch tasks on an offer, and on more of them together; the rest may come back at once."""

    @abstractmethod
    def decline(self, offer: Event, refuse_seconds: float) -> None:
        """Give an offer back."""

    @abstractmethod
    def suppress(self) -> None:
        """Want no offers."""

    @abstractmethod
    def revive(self) -> None:
        """Want offers again."""

    @abstractmethod
    def reconcile(self, *tasks: tuple[str, str | None]) -> None:
        """Ask for the state of these tasks (id, agent or None); of all if none is given."""

    @abstractmethod
    def kill(self, task_id: str) -> None:
        """Kill a task."""

    @abstractmethod
    def teardown(self) -> None:
        """End the framework."""

    @abstractmethod
    def leave(self) -> None:
        """Break the connection without ending the framework; the master has noticed when this returns."""

    # -- what follows from it -----------------------------------------------------------------------------------------

    def next(self, *types: str, within: float = 15.0) -> Event | None:
        """The next event of one of these types, skipping others; None if none comes in time."""
        deadline = self.now + within
        while True:
            while self.heard < len(self.events):
                event = self.events[self.heard]
                self.heard += 1
                if not types or event["type"] in types:
                    return event
            if not self.await_event(deadline):
                return None

    @property
    def id(self) -> str:
        """The framework's id, once it is subscribed."""
        found: str = next(event["framework_id"] for event in self.events if event["type"] == "SUBSCRIBED")
        return found

    def offer(self, within: float = 15.0) -> Event:
        """The next offer of a whole agent; a part, left from an earlier question, is given back and waited for again."""
        while True:
            event = self.next("OFFERS", within=within)
            assert event is not None, f"no offer within {within} s; heard: {self.events}"
            for offer in event["offers"]:
                if offer["resources"]["cpus"] >= self.whole_cpus:
                    return dict(offer, time=event["time"])
                self.decline(offer, 0.0)

    whole_cpus = 0.0

    def update(self, within: float = 15.0) -> Event:
        """The next status update."""
        event = self.next("UPDATE", within=within)
        assert event is not None, f"no status update within {within} s; heard: {self.events}"
        return event

    def answer(self) -> tuple[Any, ...]:
        """The next status update, as far as the two sides can agree on it: names instead of ids."""
        status = self.update()["status"]
        fields = ("task_id", "state", "source", "reason", "message")
        return tuple(self._named(status.get(field)) for field in fields) + (status.get("agent_id") is not None,)

    def _named(self, text: Any) -> Any:
        if not isinstance(text, str):
            return text
        for event in self.events:
            for offer in event.get("offers", ()):
                text = text.replace(offer["id"], "<offer>").replace(offer["agent_id"], "<agent>")
        text = text.replace(self.id, "<framework>")
        # Mesos lists resources in the order of its own containers, which means nothing.
        text, more_than, available = text.partition(" more than available ")
        return text + more_than + "; ".join(sorted(available.split("; ")))


class Side(ABC):
    """A cluster with one agent that nobody else uses."""

    name: str
    whole_cpus: float

    @abstractmethod
    def fresh(self) -> str:
        """A text that this side never gave before."""

    @abstractmethod
    def subscribe(self, *, framework_id: str | None = None, partition_aware: bool = False, **info: Any) -> Conversation:
        """Begin a conversation; info: ``failover_timeout``, ``roles``."""
