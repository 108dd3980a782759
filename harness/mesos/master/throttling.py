"""How often schedulers may speak: messages counted by principal, and held back by the flag ``rate_limits``.

A message of a registered framework takes a permit of its principal's limiter before it is looked at; the end of its process
does too, so that it stays behind its messages. A framework that has more messages waiting than the capacity is told to abort.
Source: Mesos ``src/master/master.cpp``: ``consume(MessageEvent)``, ``consume(ExitedEvent)``, ``throttled``, ``exceededCapacity``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.durations import Duration
from harness.errors import FlagError
from harness.mesos.limiter import RateLimiter
from harness.mesos.master.events import Events
from harness.mesos.messages import FrameworkErrorMessage
from harness.simulation import Address

_SECOND_NS = 1_000_000_000


class Speaker:
    """The scheduler at one pid: its principal, and the names of that principal's counters."""

    __slots__ = ("principal", "processed", "received")

    def __init__(self, principal: str | None) -> None:
        self.principal = principal
        self.received = f"frameworks/{principal}/messages_received"
        self.processed = f"frameworks/{principal}/messages_processed"


class Limit:
    """One limiter, the messages that wait for it, and how many may."""

    __slots__ = ("capacity", "limiter", "waiting")

    def __init__(self, qps: float, capacity: int | None) -> None:
        self.limiter = RateLimiter(1, Duration(round(_SECOND_NS / qps)))
        self.capacity = capacity
        self.waiting = 0

    def __str__(self) -> str:
        return f"{self.waiting} waiting"


class Throttling(Events):
    """Speakers and limits."""

    def __init__(self, name: str, **arguments: Any) -> None:
        super().__init__(name, **arguments)
        self.speakers: dict[str, Speaker] = {}
        self.limits, self.default_limit = read_rate_limits(self.flags.rate_limits)
        self.throttles = bool(self.limits) or self.default_limit is not None

    def bind_limits(self) -> None:
        """Spawn the limiters; when the master starts."""
        for limit in (*self.limits.values(), self.default_limit):
            if limit is not None:
                limit.limiter.bind(self)

    # --- who speaks

    def enter_speaker(self, pid: str, principal: str | None) -> None:
        """A framework's scheduler is at ``pid``."""
        speaker = self.speakers[pid] = Speaker(principal)
        if principal is not None and speaker.received not in self.counters:
            self.counters[speaker.received] = self.counters[speaker.processed] = 0

    def leave_speaker(self, pid: str | None, *, for_good: bool) -> None:
        """It is not there any more. The counters of a principal live as long as one of its frameworks."""
        speaker = self.speakers.pop(pid or "", None)
        if speaker is None or not for_good:
            return
        if not any(other.principal == speaker.principal for other in self.speakers.values()):
            self.counters.pop(speaker.received, None)
            self.counters.pop(speaker.processed, None)

    def heard_from(self, speaker: Speaker) -> None:
        """Count a message that arrives."""
        if speaker.principal is not None:
            self.counters[speaker.received] += 1

    def done_with(self, speaker: Speaker) -> None:
        """Count a message that was processed, unless that removed the principal's last framework."""
        if speaker.principal is not None and speaker.processed in self.counters:
            self.counters[speaker.processed] += 1

    # --- limits

    def limit_of(self, speaker: Speaker) -> Limit | None:
        """The limit that a speaker is under: its principal's, or the default one if its principal is not mentioned."""
        if speaker.principal is not None and speaker.principal in self.limits:
            return self.limits[speaker.principal]
        return self.default_limit

    def hold_back(self, limit: Limit, sender: Address, message: Any) -> None:
        """Let a message wait for its permit."""
        if limit.capacity is not None and limit.waiting >= limit.capacity:
            kind = type(message).__name__
            self.note("Dropping message {} from {}: capacity({}) exceeded", kind, sender, limit.capacity)
            text = f"Message {kind} dropped: capacity({limit.capacity}) exceeded"
            self.send(sender, FrameworkErrorMessage(message=text))
            return
        limit.waiting += 1
        limit.limiter.acquire().on_ready(self.defer("throttled", limit, sender, message))

    def throttled(self, limit: Limit, sender: Address, message: Any, permit: None) -> None:
        """The permit is there: go on with the message."""
        limit.waiting -= 1
        self.consume(sender, message)

    def consume(self, sender: Address, message: Any) -> None:
        """Process a message; filled in by the master."""
        raise NotImplementedError


def read_rate_limits(value: Any) -> tuple[dict[str, Limit | None], Limit | None]:
    """The limits by principal (None: explicitly unlimited) and the default one, from the flag ``rate_limits``.

    Raises:
        FlagError: not of the form of Mesos's ``RateLimits``.
    """
    if value is None:
        return {}, None
    wanted = "{'limits': [{'principal': 'p', 'qps': 1.0, 'capacity': 2}], 'aggregate_default_qps': 1.0}"
    if not isinstance(value, Mapping):
        raise FlagError(f"flag rate_limits={value!r} of a master cannot be; wanted a mapping such as {wanted}")
    limits: dict[str, Limit | None] = {}
    for entry in value.get("limits", ()):
        if not isinstance(entry, Mapping) or not isinstance(entry.get("principal"), str):
            raise FlagError(f"flag rate_limits of a master has the entry {entry!r}; wanted one with a principal, as in {wanted}")
        limits[entry["principal"]] = _limit(entry.get("qps"), entry.get("capacity"), wanted)
    default = _limit(value.get("aggregate_default_qps"), value.get("aggregate_default_capacity"), wanted)
    return limits, default


def _limit(qps: Any, capacity: Any, wanted: str) -> Limit | None:
    if qps is None:
        return None
    if isinstance(qps, bool) or not isinstance(qps, (int, float)) or qps <= 0:
        raise FlagError(f"flag rate_limits of a master has qps={qps!r}; wanted a number above 0, as in {wanted}")
    if capacity is not None and (isinstance(capacity, bool) or not isinstance(capacity, int) or capacity < 0):
        raise FlagError(f"flag rate_limits of a master has capacity={capacity!r}; wanted a whole number, as in {wanted}")
    return Limit(qps, capacity)
