"""The virtual clock as tests use it: look, pause, settle, advance, jump. Only the kernel moves time, and only while driven.

Four verbs, four meanings: *settle* runs what is in flight and moves no time; *advance* moves time by an amount and fires each
timer at its own instant; *jump* moves time first and lets everything overdue fire afterwards; a *running* clock moves by
itself while a test waits. Semantics of pause, advance and settle: libprocess ``clock.hpp``, with one time for all processes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import NamedTuple

from harness.durations import Duration, DurationLike, to_ns
from harness.errors import DeadlockError, MisuseError
from harness.simulation.drive import Driver
from harness.simulation.events import Address, Timer
from harness.simulation.society import EPOCH, Society


class PendingTimer(NamedTuple):
    """A timer that has not fired yet.

    Attributes:
        owner: address of the process that armed it.
        due: when it fires, since the run began.
        purpose: name of the method it calls.
        low: shortest delay that could have been drawn for it.
        high: longest delay that could have been drawn for it.
        recurring: part of a loop that goes on for ever.
    """

    owner: Address
    due: Duration
    purpose: str
    low: Duration
    high: Duration
    recurring: bool

    def __str__(self) -> str:
        drawn = f" (drawn from {self.low}..{self.high})" if self.low != self.high else ""
        return f"{self.owner} {self.purpose} due at {self.due}{drawn}"


def describe(timer: Timer) -> PendingTimer:
    """The public record of a kernel timer."""
    return PendingTimer(
        timer.owner._address,
        Duration(timer.due_ns),
        timer.purpose,
        Duration(timer.low_ns),
        Duration(timer.high_ns),
        timer.recurring,
    )


class _Pause:
    """What ``pause()`` returns: leaving a ``with`` block restores the state from before."""

    __slots__ = ("_clock", "_was_paused")

    def __init__(self, clock: Clock, was_paused: bool) -> None:
        self._clock = clock
        self._was_paused = was_paused

    def __enter__(self) -> Clock:
        return self._clock

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if not self._was_paused:
            self._clock.resume()


class Clock:
    """The time of one world."""

    __slots__ = ("_driver", "_kernel", "_society")

    def __init__(self, society: Society, driver: Driver) -> None:
        self._society = society
        self._kernel = society.kernel
        self._driver = driver

    @property
    def now(self) -> datetime:
        """The virtual time as an aware UTC datetime; every run begins at the same instant."""
        return self._society.datetime_at(self._kernel.now)

    @property
    def epoch(self) -> datetime:
        """The instant at which the run began."""
        return EPOCH

    @property
    def elapsed(self) -> Duration:
        """Virtual time since the run began."""
        return Duration(self._kernel.now)

    @property
    def elapsed_ns(self) -> int:
        """Virtual time since the run began, in nanoseconds."""
        return self._kernel.now

    @property
    def paused(self) -> bool:
        """Whether the clock is paused."""
        return self._kernel.paused

    def pause(self) -> _Pause:
        """Stop the clock: messages still flow, at the instant at which they were sent; timers wait. Idempotent.

        Used as ``with clock.pause():`` it restores the earlier state at the end, so it nests.
        """
        was_paused, self._kernel.paused = self._kernel.paused, True
        return _Pause(self, was_paused)

    def resume(self) -> None:
        """Let the clock run again while a test waits. Idempotent; time that was moved stays moved."""
        self._kernel.paused = False

    def settle(self) -> int:
        """Deliver everything in flight and everything that follows from it, without moving time.

        Works alike under a running and a paused clock. Timers fire only if they are due already.

        Returns:
            The number of steps it took.
        """
        return self._driver.settle()

    def advance(self, duration: DurationLike) -> None:
        """Settle, move time by ``duration``, firing every timer at its own time and settling after each; end settled."""
        ns = to_ns(duration, "duration")
        if ns < 0:
            raise MisuseError(f"advance({duration!r}): time does not go back; wanted a duration of at least 0")
        self._driver.advance_to(self._kernel.now + ns)

    def advance_to_next_timer(self) -> PendingTimer:
        """Advance to the earliest pending timer, as :meth:`advance` does; returns that timer.

        Raises:
            DeadlockError: no timer is pending.
        """
        self._driver.settle()
        timer = self._driver.next_timer()
        if timer is None:
            raise DeadlockError("advance_to_next_timer: no timer is pending, so time cannot move to one")
        record = describe(timer)
        self._driver.advance_to(timer.due_ns)
        return record

    def jump(self, duration: DurationLike) -> None:
        """Move time at once, as a suspended machine sees it: overdue timers fire together at the next step afterwards."""
        ns = to_ns(duration, "duration")
        if ns < 0:
            raise MisuseError(f"jump({duration!r}): time does not go back; wanted a duration of at least 0")
        self._driver.must_be_idle("clock.jump")
        self._kernel.move_to(self._kernel.now + ns)

    @property
    def timers(self) -> list[PendingTimer]:
        """All pending timers, earliest first."""
        return [describe(entry[3]) for entry in sorted(self._kernel.alarms, key=_order) if entry[3].live]

    def on_move(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback()`` whenever time has moved, before anything runs at the new time; returns what undoes it."""
        self._kernel.on_move.append(callback)

        def undo() -> None:
            if callback in self._kernel.on_move:
                self._kernel.on_move.remove(callback)

        return undo

    def __repr__(self) -> str:
        return f"<Clock {self.elapsed}{', paused' if self.paused else ''}>"


def _order(entry: tuple[int, int, int, Timer, int]) -> tuple[int, int, int]:
    return entry[:3]
