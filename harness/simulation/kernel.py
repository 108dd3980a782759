"""The machine: take the next event, set the time, run it, record it. Everything else only decides when to do so again.

Two heaps of plain tuples that never tie, ``(due, order, number, ...)``: deliveries and timers (numbers are unique, so a
comparison of any two entries never gets beyond them). A delivery's due time is
drawn inside its window when it is sent, a timer's is exact; so one draw an event yields every order that the latencies
allow. ``order`` is 0 until several processes have something due at one instant; then it holds who was drawn to go first.

With the clock paused (or while settling) deliveries run in the order of their due times but move no time, and timers run
only when overdue.
"""

from __future__ import annotations

from collections.abc import Callable, Sized
from heapq import heapify, heappop, heappush
from typing import Any, NoReturn, TypeAlias

from harness.durations import Duration
from harness.errors import InternalError, LivelockError
from harness.simulation.choices import Choices
from harness.simulation.events import Channel, Timer
from harness.simulation.limits import Limits
from harness.simulation.trace import FIRED, STRIDE, Trace

Delivery: TypeAlias = tuple[int, int, int, Channel, Any, int, int]
"""(due, order, number, channel, payload, sent at, index of the causing trace record)"""

Alarm: TypeAlias = tuple[int, int, int, Timer, int]
"""(due, order, number, timer, index of the causing trace record)"""

_TIE_BOUND = 0xFFFF


class Kernel:
    """Time, the two heaps, the step. Knows nothing of processes but that somebody receives deliveries."""

    __slots__ = (
        "alarms",
        "cause",
        "choices",
        "deliveries",
        "flat",
        "instant_began",
        "instant_now",
        "limits",
        "next_check",
        "now",
        "number",
        "on_move",
        "paused",
        "receive",
        "steps",
        "ties",
        "trace",
        "under_way",
        "withdrawn",
    )

    def __init__(self, choices: Choices, limits: Limits) -> None:
        self.choices = choices
        # Whether the order at one instant is a choice, or simply that of creation.
        self.ties = choices.ties
        self.limits = limits
        # What to do with a delivery (channel, payload, sent at, cause); set by the society.
        self.receive: Callable[[Channel, Any, int, int], None] = _unset
        self.trace = Trace()
        self.flat = self.trace.flat
        self.deliveries: list[Delivery] = []
        # Empty exactly when nothing is in flight: to ask that without caring how the deliveries are kept.
        self.under_way: Sized = self.deliveries
        self.alarms: list[Alarm] = []
        self.now = 0
        self.number = 0
        # Index of the trace record being executed; -1 while the test itself acts.
        self.cause = -1
        self.paused = False
        # Whether a timer was ever cancelled, or lost its owner: such ones are thrown away when they come up.
        self.withdrawn = False
        self.steps = 0
        self.next_check = limits.check_every
        self.instant_now = 0
        self.instant_began = 0
        self.on_move: list[Callable[[], None]] = []

    # -- putting events in ------------------------------------------------------------------------------------------

    def post(self, channel: Channel, payload: Any) -> None:
        """Send ``payload`` along ``channel``, due inside the channel's window and never before what was sent earlier."""
        now = self.now
        due = now + channel.low
        span = channel.span
        if span:
            stream = channel.stream
            if stream is None:
                stream = channel.stream = self.choices.stream("latency", channel.entity)
            due += self.choices.draw(stream, span)
        if due < channel.last:
            due = channel.last
        else:
            channel.last = due
        self.number = number = self.number + 1
        heappush(self.deliveries, (due, 0, number, channel, payload, now, self.cause))

    def arm(self, timer: Timer) -> Timer:
        """Add a timer at its exact due time."""
        self.number = number = self.number + 1
        heappush(self.alarms, (timer.due_ns, 0, number, timer, self.cause))
        return timer

    def withdraw(self, channel: Channel) -> list[Any]:
        """Take back everything in flight on ``channel``; its payloads in order of sending."""
        mine = sorted((entry for entry in self.deliveries if entry[3] is channel), key=_by_due)
        self.deliveries[:] = [entry for entry in self.deliveries if entry[3] is not channel]
        heapify(self.deliveries)
        return [entry[4] for entry in mine]

    # -- taking events out ------------------------------------------------------------------------------------------

    def step(self, horizon: int) -> bool:
        """Run the next event that is due at or before ``horizon`` (ns); False if there is none. Moves time."""
        if self.steps >= self.next_check:
            self._check_limits()
        alarms = self.alarms
        deliveries = self.deliveries
        while alarms and (not deliveries or alarms[0] < deliveries[0]):
            if self.withdrawn and not alarms[0][3].live:
                heappop(alarms)
                continue
            if alarms[0][0] > horizon:
                return False
            self._fire(heappop(alarms), deliveries)
            return True
        if not deliveries or deliveries[0][0] > horizon:
            return False
        due, order, number, channel, payload, sent, cause = heappop(deliveries)
        if self.ties and not order:
            # Equal times inside one channel with a window are its own order at work, no coincidence.
            rival = deliveries and deliveries[0][0] == due
            if rival and deliveries[0][3] is channel and channel.span and channel.ranked != due:
                rival = False
            if rival or (alarms and alarms[0][0] == due and self._timer_due(due)):
                heappush(deliveries, (due, order, number, channel, payload, sent, cause))
                self._order_ties(due, (deliveries, alarms))
                return True
        if due > self.now:
            self.now = due
            if self.on_move:
                self._moved()
        self.steps += 1
        self.receive(channel, payload, sent, cause)
        self.cause = -1
        return True

    def step_in_place(self) -> bool:
        """Run the next delivery or overdue timer without moving time; False if there is none."""
        alarms = self.alarms
        deliveries = self.deliveries
        while alarms and alarms[0][0] <= self.now and (not deliveries or alarms[0] < deliveries[0]):
            if self.withdrawn and not alarms[0][3].live:
                heappop(alarms)
                continue
            if self.steps >= self.next_check:
                self._check_limits()
            self._fire(heappop(alarms), deliveries)
            return True
        return self.deliver_in_place()

    def deliver_in_place(self) -> bool:
        """Run the next delivery without moving time; False if there is none."""
        if self.steps >= self.next_check:
            self._check_limits()
        deliveries = self.deliveries
        if not deliveries:
            return False
        due, order, number, channel, payload, sent, cause = heappop(deliveries)
        rival = self.ties and not order and deliveries and deliveries[0][0] == due
        if rival and (deliveries[0][3] is not channel or not channel.span or channel.ranked == due):
            heappush(deliveries, (due, order, number, channel, payload, sent, cause))
            self._order_ties(due, (deliveries,))
            return True
        self.steps += 1
        self.receive(channel, payload, sent, cause)
        self.cause = -1
        return True

    def fire_next(self) -> None:
        """Run the earliest timer at its own time, deliveries or not; one must be pending."""
        if self.steps >= self.next_check:
            self._check_limits()
        self._fire(heappop(self.alarms), [])

    def _fire(self, entry: Alarm, deliveries: list[Delivery]) -> None:
        due, order, _, timer, cause = entry
        alarms = self.alarms
        if self.ties and not order and ((alarms and alarms[0][0] == due) or (deliveries and deliveries[0][0] == due)):
            heappush(alarms, entry)
            self._order_ties(due, (deliveries, alarms) if deliveries else (alarms,))
            return
        if due > self.now:
            self.now = due
            if self.on_move:
                self._moved()
        self.steps += 1
        timer.pending = False
        flat = self.flat
        self.cause = len(flat) // STRIDE
        flat += (self.now, FIRED, timer.owner._address, timer.method, timer.armed_ns, cause)
        timer.method(*timer.args)
        self.cause = -1

    def next_timer(self) -> Timer | None:
        """The earliest pending timer."""
        alarms = self.alarms
        while alarms and not alarms[0][3].live:
            heappop(alarms)
        return alarms[0][3] if alarms else None

    def _timer_due(self, due: int) -> bool:
        timer = self.next_timer()
        return timer is not None and timer.due_ns == due

    # -- events due at one instant ----------------------------------------------------------------------------------

    def _order_ties(self, due: int, heaps: tuple[list[Any], ...]) -> None:
        """Draw who goes first among channels and timer owners with something due at this instant.

        Each contender draws a rank, keyed by its own name, so that one more contender does not move the others. Events of
        one contender keep their order: a rank is never below that of its predecessor.
        """
        drawn: list[tuple[int, str, list[Any], Any]] = []
        contenders: dict[str, int] = {}
        for heap in heaps:
            while heap and heap[0][0] == due:
                entry = heappop(heap)
                if heap is not self.alarms or entry[3].live:
                    name = _contender(entry)
                    drawn.append((entry[2], name, heap, entry))
                    contenders[name] = max(entry[1], contenders.get(name, 0))
        # By number; those are unique, so that nothing further is compared.
        drawn.sort()
        alone = len(contenders) == 1
        choices = self.choices
        for number, name, heap, entry in drawn:
            rank = entry[1]
            if not rank:
                rank = 1 if alone else 1 + choices.draw(choices.stream("order", name), _TIE_BOUND)
                rank = contenders[name] = max(rank, contenders[name])
                if heap is self.deliveries:
                    # What joins the channel at this instant must be ranked as well, or it would overtake.
                    entry[3].ranked = due
            heappush(heap, (due, rank, number, *entry[3:]))

    def _moved(self) -> None:
        for callback in self.on_move:
            callback()

    def move_to(self, instant: int) -> None:
        """Set the time to ``instant`` (ns), if that is later."""
        if instant > self.limits.virtual_ns:
            self.give_up(f"virtual_time={Duration(self.limits.virtual_ns)}")
        if instant > self.now:
            self.now = instant
            if self.on_move:
                self._moved()

    # -- limits -----------------------------------------------------------------------------------------------------

    def _check_limits(self) -> None:
        """Looked at before an event is taken out, so that a report names it too."""
        limits = self.limits
        pending = len(self.deliveries) + len(self.alarms)
        if not pending:
            return
        self.next_check = min(self.steps + limits.check_every, max(limits.steps, self.steps + 1))
        if self.now != self.instant_now:
            self.instant_now = self.now
            self.instant_began = self.steps
        reached = None
        if self.steps >= limits.steps:
            reached = f"steps={limits.steps}"
        elif self.steps - self.instant_began >= limits.steps_per_instant:
            reached = f"steps_per_instant={limits.steps_per_instant}"
        elif pending >= limits.pending:
            reached = f"pending={limits.pending}"
        if reached is not None:
            self.give_up(reached)

    def give_up(self, reached: str) -> NoReturn:
        """Raise the :class:`LivelockError` of the limit ``reached`` (its name and value)."""
        raise LivelockError(
            f"the run reached its limit {reached} at {Duration(self.now)} after {self.steps} steps, with "
            f"{len(self.deliveries)} deliveries and {len(self.alarms)} timers still pending.\n"
            f"Next in line:\n{self._next_in_line()}\n"
            "If the run is really that long, give it Limits(...) of its own; otherwise look for processes that keep "
            "answering each other."
        )

    def _next_in_line(self, most: int = 5) -> str:
        lines = [f"  {entry[3]}: {entry[4]}" for entry in sorted(self.deliveries, key=_by_due)[:most]]
        timers = [entry for entry in sorted(self.alarms, key=_by_due) if entry[3].live]
        lines += [f"  timer of {e[3].owner._path}: {e[3].purpose} due at {Duration(e[0])}" for e in timers[:most]]
        return "\n".join(lines) or "  nothing"


def _unset(*_: Any) -> None:
    raise InternalError("the kernel runs without a society")


def _contender(entry: Any) -> str:
    what = entry[3]
    return what.entity if isinstance(what, Channel) else what.owner._path


def _by_due(entry: Any) -> tuple[int, int, int]:
    return (entry[0], entry[1], entry[2])
