"""A kernel for strategies that want to see which events may run, instead of drawing a due time for each when it is sent.

Each pending event has a window: a delivery's is sent + least latency .. sent + most latency, a timer's is its due time. An
event may run when its earliest instant is not after the latest of any other; running it moves time to its earliest instant,
if that is later. Where several may run, a strategy with ``pick`` is asked for one of them, or, without ``pick``, each is
asked how often it lets others go first.

Either way the same thing is recorded, once an event: how many times it was passed over by one that comes later in the benign
order (earliest first, then oldest). That number is keyed by the event's own name, is 0 in the benign run, and determines the
run: the next event is the first that has been passed over as often as it is to be.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from heapq import heapify, heappop
from typing import Any, NamedTuple, TypeAlias

from harness.simulation.choices import PICKED, Choices, StrategyChoices
from harness.simulation.events import Channel, Dispatch, Released, Timer, Work
from harness.simulation.kernel import Delivery, Kernel
from harness.simulation.limits import Limits
from harness.simulation.trace import FIRED, STRIDE

BOUND = 0xFFFF
_NEVER = 1 << 80


class Label(NamedTuple):
    """What kind of event it is, whoever the individuals are: class of the sender, receiver, type of the message."""

    sender: str
    receiver: str
    kind: str


def kind_of(payload: Any) -> str:
    """What kind of thing is delivered: the type of a message, the method of a dispatch, the label of a piece of work."""
    if type(payload) is Released:
        payload = payload.payload
    if type(payload) is Dispatch:
        return payload.method
    return payload.label if type(payload) is Work else type(payload).__name__


class Event:
    """A pending delivery or timer, as a strategy sees it.

    Attributes:
        entity: name of its channel, or creation path of the timer's owner.
        earliest: first instant at which it can run, in ns.
        latest: last instant at which it can run, in ns.
        cause: the entity of the event during which it was sent or armed; empty if the test did that.
        label: what kind of event it is, once somebody has asked the kernel for it; None before.
        priority: for the strategy's own use; None at first.
    """

    __slots__ = (
        "at",
        "cause",
        "cause_step",
        "channel",
        "earliest",
        "entity",
        "label",
        "latest",
        "left",
        "nth",
        "number",
        "payload",
        "priority",
        "sent",
        "timer",
    )

    def __init__(
        self,
        entity: str,
        earliest: int,
        latest: int,
        number: int,
        channel: Channel | None = None,
        payload: Any = None,
        sent: int = 0,
        cause: str = "",
        cause_step: int = -1,
    ) -> None:
        self.entity = entity
        self.earliest = earliest
        self.latest = latest
        self.number = number
        self.channel = channel
        self.payload = payload
        self.sent = sent
        self.cause = cause
        # The index of the trace record during which it was sent.
        self.cause_step = cause_step
        self.timer: Timer | None = None
        # Where it is in the record of choices, and how often it still lets others go first; set when first contested.
        self.at = -1
        self.left = 0
        # Its draw is the n-th of its entity.
        self.nth = 0
        self.label: Label | None = None
        self.priority: Any = None

    @property
    def receiver(self) -> str:
        """Address of the process to which it happens."""
        if self.channel is not None:
            return self.channel.target
        if self.timer is None:
            return ""
        address: str = self.timer.owner._address
        return address

    @property
    def kind(self) -> str:
        """Type of the message, or name of the method that it calls."""
        return f"timer {self.timer.purpose}" if self.timer is not None else kind_of(self.payload)

    def __repr__(self) -> str:
        return f"<Event: {self.kind} of {self.entity}, {self.earliest}..{self.latest} ns>"


DEADLINE = "deadline"
"""Entity of the event that stands for the end of the time that the test has given."""

Pick: TypeAlias = Callable[[Sequence[Event]], int]
_Head: TypeAlias = tuple[int, int, Event]


class EventKernel(Kernel):
    """As :class:`Kernel`, with the events that may run laid before a strategy; an all-benign run is the same in both.

    Args:
        choices: the record, and the answers to all other draws.
        limits: when to give up.
        pick: which of several events (in benign order) goes next; None to draw instead.
        ran: told of every event just before it runs; None if nobody cares.
    """

    __slots__ = (
        "_armed",
        "_behind",
        "_heads",
        "_nth_armed",
        "_pick",
        "_ran",
        "_running",
        "_timers",
        "classes",
        "contested",
        "fired",
        "handled",
    )

    def __init__(
        self, choices: Choices, limits: Limits, pick: Pick | None = None, ran: Callable[[Event], None] | None = None
    ) -> None:
        # The first of each channel, soonest first; behind it what waits for its turn.
        self._heads: list[_Head] = []
        self._behind: dict[Channel, deque[Event]] = {}
        # The view of a pending timer by its number, so that it stays one event from step to step.
        self._timers: dict[int, Event] = {}
        self._pick = pick
        self._ran = ran
        self._running = ""
        # The class of whoever lives at an address; set by the world, for labels.
        self.classes: Mapping[str, str] = {}
        # At how many steps there was something to choose.
        self.contested = 0
        # Which record of the trace a draw was about, how often its event would still have let others go first, and how many
        # draws there had been when it ran, by the draw's entity and occurrence.
        self.handled: dict[tuple[str, int], tuple[int, int, int]] = {}
        # Of each timer that has fired, in order: the how many-th it was that its owner had armed.
        self.fired: list[int] = []
        self._armed: dict[str, int] = {}
        self._nth_armed: dict[int, int] = {}
        super().__init__(choices, limits)
        self.under_way = self._heads

    @property
    def deliveries(self) -> list[Delivery]:
        """Everything in flight, in the form of the other kernel; a snapshot."""
        events = [event for _, _, event in self._heads]
        events += [event for queue in self._behind.values() for event in queue]
        return [(e.earliest, 0, e.number, e.channel, e.payload, e.sent, e.cause_step) for e in events if e.channel is not None]

    @deliveries.setter
    def deliveries(self, value: list[Delivery]) -> None:
        assert not value

    def label(self, event: Event) -> Label:
        """The kind of an event, with individuals replaced by their class where that is known."""
        label = event.label
        if label is None:
            channel = event.channel
            if channel is None:
                name = "" if event.timer is None else type(event.timer.owner).__name__
            else:
                name = self.classes.get(channel.source) or str(channel.source)
            label = event.label = Label(name, event.receiver, event.kind)
        return label

    # -- putting events in ------------------------------------------------------------------------------------------

    def post(self, channel: Channel, payload: Any) -> None:
        """Send ``payload`` along ``channel``; when it arrives inside the channel's window is left open."""
        now = self.now
        earliest = now + channel.low
        latest = earliest + channel.span
        if earliest < channel.last:
            earliest = channel.last
            if latest < earliest:
                latest = earliest
        else:
            channel.last = earliest
        self.number = number = self.number + 1
        event = Event(channel.entity, earliest, latest, number, channel, payload, now, self._running, self.cause)
        queue = self._behind.get(channel)
        if queue is None:
            self._behind[channel] = deque()
            insort(self._heads, (earliest, number, event))
        else:
            queue.append(event)

    def withdraw(self, channel: Channel) -> list[Any]:
        """Take back everything in flight on ``channel``; its payloads in order of sending."""
        queue = self._behind.pop(channel, None)
        if queue is None:
            return []
        first = next(index for index, head in enumerate(self._heads) if head[2].channel is channel)
        payloads = [self._heads.pop(first)[2].payload]
        return payloads + [event.payload for event in queue]

    def arm(self, timer: Timer) -> Timer:
        """As in the other kernel, and count it: a timer of a process is known by the how many-th it was."""
        path = timer.owner._path
        self._armed[path] = self._nth_armed[self.number + 1] = self._armed.get(path, 0) + 1
        return super().arm(timer)

    # -- taking events out ------------------------------------------------------------------------------------------

    def step(self, horizon: int) -> bool:
        """Run one of the events that may run at or before ``horizon`` (ns); False if none does. Moves time."""
        if self.steps >= self.next_check:
            self._check_limits()
        alarms = self.alarms
        while alarms and not alarms[0][3].live:
            heappop(alarms)
        due = alarms[0][0] if alarms else _NEVER
        bound = min(due, horizon)
        count = 0
        for earliest, _, event in self._heads:
            if earliest > bound:
                break
            if event.latest < bound:
                bound = event.latest
            count += 1
        if due <= bound:
            return self._choose(count, self._next_timers(due), None)
        if count == 1 and bound < horizon:
            self._run(0, True)
            return True
        if not count:
            return False
        # All of them may also come after the test has stopped waiting.
        return self._choose(count, (), Event(DEADLINE, horizon, horizon, 0) if bound == horizon else None)

    def step_in_place(self) -> bool:
        """Run one delivery or overdue timer without moving time; False if there is none."""
        if self.steps >= self.next_check:
            self._check_limits()
        alarms = self.alarms
        while alarms and not alarms[0][3].live:
            heappop(alarms)
        heads = self._heads
        if alarms and alarms[0][0] <= self.now:
            due = alarms[0][0]
            return self._choose(bisect_left(heads, (due + 1,)), self._next_timers(due), None, False)
        return self.deliver_in_place()

    def deliver_in_place(self) -> bool:
        """Run one delivery without moving time; False if there is none."""
        if self.steps >= self.next_check:
            self._check_limits()
        heads = self._heads
        if len(heads) > 1:
            return self._choose(len(heads), (), None, False)
        if not heads:
            return False
        self._run(0, False)
        return True

    def fire_next(self) -> None:
        """Run the earliest timer, or the one chosen among those of its instant, deliveries or not; one must be pending."""
        if self.steps >= self.next_check:
            self._check_limits()
        alarms = self.alarms
        while not alarms[0][3].live:
            heappop(alarms)
        self._choose(0, self._next_timers(alarms[0][0]), None)

    def _next_timers(self, due: int) -> Sequence[Event]:
        """The first timer of each owner among those due at this instant, the earliest of all; oldest first."""
        alarms = self.alarms
        entries = alarms[:1]
        if any(entry[0] == due for entry in alarms[1:3]):
            entries = sorted(entry for entry in alarms if entry[0] == due and entry[3].live)
        owners: dict[str, Event] = {}
        for _, _, number, timer, cause in entries:
            path = timer.owner._path
            if path not in owners:
                event = self._timers.get(number)
                if event is None:
                    event = self._timers[number] = Event(path, due, due, number, cause_step=cause)
                    event.timer = timer
                owners[path] = event
        return list(owners.values())

    def _choose(self, count: int, timers: Sequence[Event], deadline: Event | None, moves: bool = True) -> bool:
        """Run one of the first ``count`` deliveries and ``timers``, or none if the deadline is chosen."""
        heads = self._heads
        events = [head[2] for head in heads[:count]]
        for timer in timers:
            place = bisect_left(heads, (timer.earliest, timer.number), 0, count)
            events.insert(place + len(events) - count, timer)
        if deadline is not None:
            events.append(deadline)
        chosen = events[0] if len(events) == 1 else events[self._contest(events)]
        if chosen is deadline:
            return False
        if chosen.timer is not None:
            self._fire_timer(chosen)
        else:
            self._run(bisect_left(heads, (chosen.earliest, chosen.number)), moves)
        return True

    def _contest(self, events: list[Event]) -> int:
        """The index of the event that goes next; writes down who was passed over for it."""
        self.contested += 1
        choices = self.choices
        pick = self._pick
        for event in events:
            if event.at < 0 and event.entity != DEADLINE:
                channel = event.channel
                stream = choices.stream(PICKED, event.entity) if channel is None else channel.stream
                if stream is None:
                    assert channel is not None
                    stream = channel.stream = choices.stream(PICKED, event.entity)
                if pick is None:
                    event.at = 0
                    event.left = choices.draw(stream, BOUND)
                else:
                    event.at = choices.reserve(stream, BOUND)
                event.nth = stream.count
        if pick is not None:
            index = pick(events)
            if index:
                for event in events[:index]:
                    choices.count_up(event.at)
            return index
        least = min(event.left for event in events)
        index = 0
        while events[index].left > least:
            events[index].left -= 1
            index += 1
        return index

    # -- running one ------------------------------------------------------------------------------------------------

    def _run(self, index: int, moves: bool) -> None:
        event = self._heads.pop(index)[2]
        channel = event.channel
        assert channel is not None
        now = self.now
        if moves and event.earliest > now:
            self.now = now = event.earliest
            if self.on_move:
                self._moved()
        queue = self._behind[channel]
        if queue:
            following = queue.popleft()
            if following.latest < now:
                following.latest = now
            insort(self._heads, (following.earliest, following.number, following))
        else:
            del self._behind[channel]
        self.steps += 1
        self._running = event.entity
        if event.nth:
            self.handled[event.entity, event.nth] = (len(self.flat) // STRIDE, event.left, len(self.choices))
        if self._ran is not None:
            self._ran(event)
        self.receive(channel, event.payload, event.sent, event.cause_step)
        self.cause = -1
        self._running = ""

    def _fire_timer(self, event: Event) -> None:
        del self._timers[event.number]
        self.fired.append(self._nth_armed.pop(event.number))
        alarms = self.alarms
        if alarms[0][2] == event.number:
            heappop(alarms)
        else:
            alarms[:] = [entry for entry in alarms if entry[2] != event.number]
            heapify(alarms)
        if event.earliest > self.now:
            self.now = event.earliest
            if self.on_move:
                self._moved()
        self.steps += 1
        timer = event.timer
        assert timer is not None
        timer.pending = False
        self._running = event.entity
        if event.nth:
            self.handled[event.entity, event.nth] = (len(self.flat) // STRIDE, event.left, len(self.choices))
        if self._ran is not None:
            self._ran(event)
        flat = self.flat
        self.cause = len(flat) // STRIDE
        flat += (self.now, FIRED, timer.owner._address, timer.method, timer.armed_ns, event.cause_step)
        timer.method(*timer.args)
        self.cause = -1
        self._running = ""


def make_kernel(choices: Choices, limits: Limits) -> Kernel:
    """The kernel that these choices need: a strategy with ``picks_events`` sees the events, and so does its replay.

    Of such a strategy, ``pick(events)`` is asked where several events may run, ``ran(event)`` is told of each event, and
    ``attach(kernel)`` is called at the start; all three are optional.
    """
    if not choices.picks_events:
        return Kernel(choices, limits)
    chooser = choices.chooser if isinstance(choices, StrategyChoices) else None
    kernel = EventKernel(choices, limits, getattr(chooser, "pick", None), getattr(chooser, "ran", None))
    attach = getattr(chooser, "attach", None)
    if attach is not None:
        attach(kernel)
    return kernel
