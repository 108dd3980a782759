"""The decisive pair: two events whose order alone separates a failing run from a passing one.

Between a failing run and a passing one that differ in a single draw lies, value by value, an edge: a failing run whose neighbour
passes. Both are made, so both ends are verified, and the two events that change places there are the pair. Where several change
places at once, each is moved by itself to see which of them it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from harness.explore.happenings import Happening, Name, about, happenings
from harness.explore.shrink import Recording, signature
from harness.simulation.choices import PICKED, Choice
from harness.simulation.world import World


class RunOfWorld(Recording, Protocol):
    """A finished run whose world can be looked at."""

    @property
    def world(self) -> World:
        """The world it lived in."""

    @property
    def token(self) -> str:
        """Text from which it can be made again."""


class DecisivePair(NamedTuple):
    """Two events, in the order in which they happen in the failing run; in the passing run it is not so.

    There the second comes first, and the first comes after it or, prevented by it, not at all. If the second never happens
    in the failing run, it is the first that prevents it.

    Attributes:
        choice: the draw in which the two runs differ, by the least amount that makes the difference.
        failing: the deviations of the failing run.
        passing: those of the passing one.
        failing_run: the failing run itself.
        passing_run: the passing run itself.
        steps: where the two events are in the trace of the failing run; None for one that does not happen there.
        passing_steps: where they are in the trace of the passing run.
    """

    first: Happening
    second: Happening
    choice: Choice
    failing: tuple[Choice, ...]
    passing: tuple[Choice, ...]
    failing_run: RunOfWorld
    passing_run: RunOfWorld
    steps: tuple[int | None, int | None]
    passing_steps: tuple[int | None, int | None]

    @property
    def mutual(self) -> bool:
        """Whether both events are handled in both runs, so that it is their order that matters and nobody's end."""
        counts = [
            sum(1 for event in happenings(run.world) if event.handled and event.name in self.names)
            for run in (self.failing_run, self.passing_run)
        ]
        return counts == [2, 2]

    @property
    def names(self) -> tuple[Name, Name]:
        """What makes it the same pair in other runs."""
        return self.first.name, self.second.name


Rerun = Callable[[Sequence[Choice]], RunOfWorld]

_MOST_PASSES = 256
_MOST_TRIED = 300
_MOST_RAISED = 6
_MOST_CANDIDATES = 12


class Edge(NamedTuple):
    """A failing and a passing run that differ in one draw only.

    Attributes:
        choice: the draw, with its failing value.
        value: its passing value.
    """

    choice: Choice
    value: int
    failing: tuple[Choice, ...]
    passing: tuple[Choice, ...]
    failing_run: RunOfWorld
    passing_run: RunOfWorld


class Found(NamedTuple):
    """Everything that was learnt about who has to be first.

    Attributes:
        pair: the decisive one; None if there is none.
        effects: what each deviation brings about, by its draw: the pair that is reversed as soon as it deviates less.
    """

    pair: DecisivePair | None
    effects: dict[Choice, DecisivePair]


def decisive_pair(rerun: Rerun, failing: RunOfWorld) -> Found:
    """Find it.

    Each deviation is made smaller, and then larger, until the test passes; then, the last ones first, every event that could
    have come later is delayed until the test passes. Each of these edges has its pair. Of those, one that only tells that
    somebody had ended already is the last resort; otherwise the one nearest to the failure explains most.
    """
    search = _Search(rerun, failing)
    effects: dict[Choice, DecisivePair] = {}
    pairs: list[DecisivePair] = []
    for choice in search.deviations:
        edge = search.edge(choice, choice.value - 1) or search.edge(choice, 0)
        pair = search.pair(edge)
        if pair is not None:
            effects[choice] = pair
            pairs.append(pair)
    for choice in search.deviations if len(search.deviations) <= _MOST_RAISED else ():
        pair = search.pair(search.edge(choice, _utmost(choice)))
        if pair is not None:
            pairs.append(pair)
    pairs += search.delayed()
    return Found(max(pairs, key=_weight, default=None), effects)


def _weight(pair: DecisivePair) -> tuple[bool, bool, bool, int, int]:
    here, place = pair.first.receiver == pair.second.receiver, pair.second.place
    # What only the test sees says less than the end of somebody: it has many causes.
    return (here and pair.mutual, here, pair.mutual, place, pair.first.place)


class _Search:
    def __init__(self, rerun: Rerun, failing: RunOfWorld) -> None:
        assert failing.error is not None
        self.rerun = rerun
        self.failing = failing
        self.wanted = signature(failing.error)
        self.deviations = [choice for choice in failing.choices if choice.value]

    def fails_alike(self, run: RunOfWorld) -> bool:
        return run.error is not None and signature(run.error) == self.wanted

    def edge(self, choice: Choice, far: int) -> Edge | None:
        """Where failing becomes passing while one draw goes from its value to ``far``, by halving; None if that is not there."""
        bad, good = choice.value, far
        if bad == good:
            return None
        bad_run, good_run = self.failing, self.rerun(_with(self.deviations, choice, good))
        if good_run.error is not None:
            return None
        while abs(good - bad) > 1:
            middle = (bad + good) // 2
            run = self.rerun(_with(self.deviations, choice, middle))
            if run.error is None:
                good, good_run = middle, run
            elif self.fails_alike(run):
                bad, bad_run = middle, run
            else:
                return None
        failing, passing = _with(self.deviations, choice, bad), _with(self.deviations, choice, good)
        return Edge(choice._replace(value=bad), good, failing, passing, bad_run, good_run)

    def pair(self, edge: Edge | None) -> DecisivePair | None:
        """Which two events change places at an edge."""
        if edge is None:
            return None
        bad, good = happenings(edge.failing_run.world), happenings(edge.passing_run.world)
        moved = about(edge.choice, edge.failing_run.world, bad)
        # A test that waits passes a delay on to what it does next, without being its cause.
        times = {event.name: event.time for event in good}
        line = {event.name for event in bad if times.get(event.name, event.time) != event.time}
        line |= _line(moved, bad) | _line(moved, good)
        unknown: list[tuple[Happening, Happening]] = []
        candidates = [*_reversed(bad, good)[:_MOST_CANDIDATES], *_reversed_for_the_test(bad, good, line)[:_MOST_CANDIDATES]]
        for first, second in candidates:
            still = first if first.name not in line else second
            verdict = self.decides(edge, still, second if still is first else first)
            if verdict:
                return _pair(edge, first, second, bad, good)
            if verdict is None:
                unknown.append((first, second))
        # What comes after the runs have parted only follows from that.
        parted = min((_begins(pair) for pair in candidates), default=0)
        return next((_pair(edge, *pair, bad, good) for pair in unknown if _begins(pair) <= parted), None)

    def decides(self, edge: Edge, still: Happening, other: Happening) -> bool | None:
        """Whether failing becomes passing, or the reverse, by moving only that event which was not moved by the edge.

        None if it cannot be moved: a timer is exact.
        """
        for begun, run in ((edge.failing, edge.failing_run), (edge.passing, edge.passing_run)):
            events = {event.name: event for event in happenings(run.world)}
            early, late = events.get(still.name), events.get(other.name)
            if early is None or late is None or early.place > late.place:
                continue
            delay = _delay_of(run, early)
            if delay is None:
                return None
            choice, need = delay, late.time - early.time
            if choice.site == PICKED:
                steps = range(1, late.place - early.place + 2)
            else:
                steps = range(need + (need == 0), need + 2)
            for more in steps:
                if choice.value + more > choice.bound:
                    return None
                moved = self.rerun(_with(begun, choice, choice.value + more))
                places = {event.name: event.place for event in happenings(moved.world)}
                if places.get(still.name, -1) < places.get(other.name, 0) and still.name in places:
                    continue
                return moved.error is None if run is edge.failing_run else self.fails_alike(moved)
            return None
        return None

    def delayed(self) -> list[DecisivePair]:
        """Going backwards from the failure, the pairs of events that only have to come later for the test to pass.

        It ends with the first pair in which both events are handled either way.
        """
        found: list[DecisivePair] = []
        late = [choice for choice in self.failing.choices if choice.site in ("latency", PICKED) and choice.value < choice.bound]
        for choice in reversed(late[-_MOST_TRIED:]):
            edge = self.edge(choice, _utmost(choice))
            if edge is None:
                continue
            moved = about(edge.choice, edge.failing_run.world, happenings(edge.failing_run.world))
            pair = self.pair(edge)
            if pair is not None and moved is not None and moved.name in pair.names:
                found.append(pair)
                if pair.mutual:
                    break
        return found


def _line(moved: Happening | None, events: list[Happening]) -> set[Name]:
    """The names of an event and of all that follow from it."""
    start = next((event for event in events if moved is not None and event.name == moved.name), None)
    if start is None:
        return set()
    places, names = {start.place}, {start.name}
    for event in events:
        if event.cause in places and event.cause >= 0:
            places.add(event.place)
            names.add(event.name)
    return names


def _with(deviations: Sequence[Choice], choice: Choice, value: int) -> tuple[Choice, ...]:
    others = [other for other in deviations if other.key != choice.key]
    return (*others, choice._replace(value=value)) if value else tuple(others)


def _utmost(choice: Choice) -> int:
    return min(choice.bound, choice.value + _MOST_PASSES) if choice.site == PICKED else choice.bound


def _delay_of(run: RunOfWorld, event: Happening) -> Choice | None:
    """The draw that says how late an event is."""
    for choice in run.choices:
        if choice.key == ("latency", *event.name):
            return choice
        if choice.site == PICKED and (of := about(choice, run.world, [event])) is not None and of.name == event.name:
            return choice
    return None


def _pair(edge: Edge, first: Happening, second: Happening, bad: list[Happening], good: list[Happening]) -> DecisivePair:
    places = {event.name: event.place for event in bad}
    good_places = {event.name: event.place for event in good}
    return DecisivePair(
        first,
        second,
        edge.choice,
        edge.failing,
        edge.passing,
        edge.failing_run,
        edge.passing_run,
        (places.get(first.name), places.get(second.name)),
        (good_places.get(first.name), good_places.get(second.name)),
    )


def _reversed(bad: list[Happening], good: list[Happening]) -> list[tuple[Happening, Happening]]:
    """The pairs of events at one receiver that change places where the two runs part, the earliest first."""
    at_receiver: dict[str, tuple[list[Happening], list[Happening]]] = {}
    for side, events in enumerate((bad, good)):
        for event in events:
            at_receiver.setdefault(event.receiver, ([], []))[side].append(event)
    pairs = [pair for mine, theirs in at_receiver.values() for pair in _parting(mine, theirs)]
    return sorted(pairs, key=lambda pair: (_begins(pair), pair[0].place, pair[1].place))


def _begins(pair: tuple[Happening, Happening]) -> int:
    return min(pair[0].time, pair[1].time)


def _parting(bad: list[Happening], good: list[Happening]) -> Iterator[tuple[Happening, Happening]]:
    """The first pairs at one receiver that come in one order in one list and not in that order in the other."""
    start = next((i for i, (one, other) in enumerate(zip(bad, good, strict=False)) if one.name != other.name), None)
    if start is None:
        return
    in_bad = {event.name: place for place, event in enumerate(bad)}
    in_good = {event.name: place for place, event in enumerate(good)}
    first, second = bad[start], good[start]
    # One of the two has moved past everything that is between its places in both runs.
    if first.name in in_good and second.name in in_bad:
        for event in bad[start + 1 :]:
            if start <= in_good.get(event.name, -1) < in_good[first.name]:
                yield first, event
        mover = bad[in_bad[second.name]]
        for event in bad[start + 1 : in_bad[second.name]]:
            if in_good.get(event.name, -1) > start:
                yield event, mover
    elif second.name in in_bad:
        yield first, bad[in_bad[second.name]]
    else:
        yield first, second


def _reversed_for_the_test(bad: list[Happening], good: list[Happening], line: set[Name]) -> list[tuple[Happening, Happening]]:
    """The pairs of events at different processes that change places, one of them moved: only the test sees both."""
    place_in_good = {event.name: event.place for event in good}
    still = [event for event in bad if event.name not in line and event.name in place_in_good]
    pairs = []
    for moved in (event for event in bad if event.name in line and event.name in place_in_good):
        for other in still:
            first, second = (moved, other) if moved.place < other.place else (other, moved)
            if moved.receiver != other.receiver and place_in_good[first.name] > place_in_good[second.name]:
                pairs.append((first, second))
    return sorted(pairs, key=lambda pair: (pair[1].time, pair[1].place - pair[0].place))
