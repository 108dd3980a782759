"""Limits of a run. Everything has one, and reaching it says which, how much, and what was still pending."""

from __future__ import annotations

from harness.durations import DurationLike, to_ns
from harness.errors import MisuseError


class Limits:
    """How far a run may go before :class:`~harness.errors.LivelockError` ends it.

    Args:
        steps: events in the whole run.
        steps_per_instant: events without the clock moving.
        pending: events in flight and timers armed at one time.
        virtual_time: how far the clock may move.
    """

    __slots__ = ("pending", "steps", "steps_per_instant", "virtual_ns")

    def __init__(
        self,
        *,
        steps: int = 10_000_000,
        steps_per_instant: int = 1_000_000,
        pending: int = 5_000_000,
        virtual_time: DurationLike = "520weeks",
    ) -> None:
        for name, value in (("steps", steps), ("steps_per_instant", steps_per_instant), ("pending", pending)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise MisuseError(f"Limits({name}={value!r}): wanted a whole number of at least 1")
        self.steps = steps
        self.steps_per_instant = steps_per_instant
        self.pending = pending
        self.virtual_ns = to_ns(virtual_time, "virtual_time")

    @property
    def check_every(self) -> int:
        """How many steps may pass between two looks at the limits, so that small limits are exact."""
        return min(4096, self.steps, self.steps_per_instant, self.pending)

    def __repr__(self) -> str:
        return f"Limits(steps={self.steps}, steps_per_instant={self.steps_per_instant}, pending={self.pending})"
