"""Bounded proof: every run with at most k deviations from the benign one.

A deviation is an event that lets others go first, a given number of times, or another draw (a back-off, a fault) that is not
benign. Starting with the benign run, each run is continued by one more deviation at each later draw, so no set of deviations
comes twice. ``docs/explanation/pruning.md`` says why values between two that give the same happens-before class can be left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from harness.explore.edges import Rows, first_meeting, rows_of
from harness.explore.fingerprint import fingerprint, total_order
from harness.explore.pair import RunOfWorld
from harness.simulation.choices import PICKED, Choice
from harness.simulation.event_kernel import EventKernel

R = TypeVar("R", bound=RunOfWorld)
Rerun: TypeAlias = Callable[[Sequence[Choice]], R]

MOST_VALUES = 256
"""How many values of one draw from a long range (a back-off) are tried at most."""

_ALL_VALUES = 8


class Node(NamedTuple):
    """A run to be continued.

    Attributes:
        deviations: from the benign run, in the order of their draws.
        later: the draws after the last of them.
        offset: how many draws there were up to then.
        group: names its happens-before class.
        order: names the order of all its events.
        free: how many draws there were when the last event that is to let others go first had run: from then on, everything goes
            the benign way.
        rows: its events with their times; None if no draw that comes later has a long range.
    """

    deviations: tuple[Choice, ...]
    later: tuple[Choice, ...]
    offset: int
    group: str
    order: str
    free: int
    rows: Rows | None


@dataclass(slots=True)
class Found:
    """What was seen while some nodes were continued.

    Attributes:
        nodes: the passing runs, to be continued.
        failing: the deviations of failing runs.
        classes: the happens-before classes of all runs.
        left_out: values that were not run, because they lie between two of one class.
        coarse: gaps between values of long draws that were not looked into.
        between: draws from long ranges behind which a further deviation was tried.
        stopped: it ended early: a failure, or the budget.
    """

    nodes: list[Node] = field(default_factory=list)
    failing: list[tuple[Choice, ...]] = field(default_factory=list)
    runs: int = 0
    steps: int = 0
    classes: set[str] = field(default_factory=set)
    left_out: int = 0
    coarse: int = 0
    between: int = 0
    stopped: bool = False

    def add(self, other: Found) -> None:
        """Count in what another worker has seen."""
        self.nodes += other.nodes
        self.failing += other.failing
        self.runs += other.runs
        self.steps += other.steps
        self.classes |= other.classes
        self.left_out += other.left_out
        self.coarse += other.coarse
        self.between += other.between
        self.stopped = self.stopped or other.stopped


class _Member(NamedTuple):
    """One run of a family: the value of the last deviation, and how much of it had an effect."""

    value: int
    spent: int
    failed: bool
    node: Node


class _Over(Exception):
    """Enough has been seen."""


class Search(Generic[R]):
    """Continues nodes.

    Args:
        rerun: makes the run with these deviations and everything else benign, on an event kernel.
        prune: leave out values of a last deviation that lie between two which give the same happens-before class; otherwise
            only those of long draws between two that give the same order of everything.
        expired: asked between runs; True ends it.
        stop_on_failure: end at the first failing run.
        beyond_failures: continue failing runs as well.
    """

    def __init__(
        self,
        rerun: Rerun[R],
        *,
        prune: bool = True,
        expired: Callable[[], bool] | None = None,
        stop_on_failure: bool = True,
        beyond_failures: bool = False,
    ) -> None:
        self._rerun = rerun
        self._prune = prune
        self._expired = expired
        self._stop_on_failure = stop_on_failure
        self._beyond_failures = beyond_failures
        self.found = Found()

    def begin(self) -> Found:
        """The benign run, as a node unless it fails."""
        first = self._make((), 0)
        self.found.nodes += self._to_continue([first])
        return self.found

    def continue_all(self, nodes: Iterable[Node], last: bool) -> Found:
        """Add one deviation to each node, in every way; with ``last`` what comes of it is not to be continued."""
        try:
            for node in nodes:
                for index in range(len(node.later)):
                    members = self._family(node, index, last)
                    if not last:
                        self.found.nodes += self._to_continue(members)
        except _Over:
            self.found.stopped = True
        return self.found

    def _to_continue(self, members: Iterable[_Member]) -> list[Node]:
        return [member.node for member in members if self._beyond_failures or not member.failed]

    def _make(self, deviations: tuple[Choice, ...], offset: int, free: int = 0) -> _Member:
        found = self.found
        if (self._stop_on_failure and found.failing) or (self._expired is not None and self._expired()):
            raise _Over
        run = self._rerun(deviations)
        found.runs += 1
        found.steps += run.steps
        value = spent = 0
        kernel = run.world._kernel
        timers = kernel.fired if isinstance(kernel, EventKernel) else []
        if deviations:
            last = deviations[-1]
            value = spent = last.value
            if last.site == PICKED and isinstance(kernel, EventKernel):
                key = (last.entity, last.occurrence)
                # An event that was still waiting at the end has let no more go first than there were.
                _, left, drawn = kernel.handled.get(key, (0, max(0, spent - run.steps), _NEVER))
                spent -= left
                free = max(free, drawn)
                deviations = (*deviations[:-1], last._replace(value=spent))
        failed = run.error is not None
        if failed:
            found.failing.append(deviations)
        trace, mark = run.world.trace, "!" * failed
        later = tuple(run.choices[offset:])
        # The draw of the last deviation itself may be told apart further.
        rows = rows_of(trace, timers) if any(map(_is_long, (*deviations[-1:], *later))) else None
        group, order = fingerprint(trace, timers) + mark, total_order(trace, timers) + mark
        node = Node(deviations, later, offset, group, order, free, rows)
        found.classes.add(node.group)
        return _Member(value, spent, failed, node)

    def _family(self, node: Node, index: int, last: bool) -> list[_Member]:
        """Runs for all values of one draw: if it is the last deviation, only as many as it takes to see every class."""
        draw = node.later[index]
        # The draws up to this one are the same in every member.
        offset = node.offset + index + 1
        # While another event waits to let others go first, a class may come back.
        by_class = self._prune and last and offset > node.free

        def make(value: int) -> _Member:
            return self._make((*node.deviations, draw._replace(value=value)), offset, node.free)

        if draw.bound <= _ALL_VALUES:
            return [make(value) for value in range(1, draw.bound + 1)]
        start, utmost = _Member(0, 0, False, node), make(draw.bound)
        if _is_long(draw):
            self.found.between += not last
            return self._tell_apart(start, utmost, make, by_class)
        # What it could not let go first, because it had to run itself, has no effect.
        utmost = utmost._replace(value=utmost.spent)
        if not utmost.value:
            # It could let nobody go first: this is the run at hand once more.
            return []
        if not by_class:
            return [make(value) for value in range(1, utmost.value)] + [utmost]
        members = [utmost]
        gaps = [(start, utmost)]
        while gaps:
            low, high = gaps.pop()
            if low.node.group == high.node.group or high.value - low.value <= 1:
                continue
            middle = make((low.value + high.value) // 2)
            members.append(middle)
            gaps += [(low, middle), (middle, high)]
        self.found.left_out += utmost.value - len(members)
        return members

    def _tell_apart(self, start: _Member, utmost: _Member, make: Callable[[int], _Member], by_class: bool) -> list[_Member]:
        """Runs at both ends of each range of values in which the order stays the same."""
        members = [utmost]
        gaps = [(start, utmost, _FROM_LOW)]
        while gaps:
            low, high, way = gaps.pop()
            same = low.node.group == high.node.group if by_class else low.node.order == high.node.order
            if same or high.value - low.value <= 1:
                continue
            if len(members) >= MOST_VALUES:
                self.found.coarse += 1
                continue
            before_at = _foreseen(low, high, way, by_class) if way <= _FROM_HIGH else None
            if before_at is None:
                middle = make((low.value + high.value) // 2)
                members.append(middle)
                way = way + 1 if _FROM_HIGH < way < _FROM_HIGH + _HALVINGS else _FROM_LOW
                gaps += [(middle, high, way), (low, middle, way)]
                continue
            before = low if before_at == low.value else make(before_at)
            after = high if before_at + 1 == high.value else make(before_at + 1)
            members += [member for member in (before, after) if member is not low and member is not high]
            came = before.node.order != after.node.order
            way = _FROM_LOW if came else way + 1
            gaps += [(after, high, way), (low, before, way)]
        return _ends(members)


# How a range of values is searched: by what its lower end tells, by what its upper end tells, then by halving a few times.
_FROM_LOW, _FROM_HIGH, _HALVINGS = 0, 1, 6
_NEVER = 1 << 62


def _ends(members: list[_Member]) -> list[_Member]:
    """Of the values that give the same order, the least and the greatest."""
    members.sort(key=_value_of)
    return [
        member
        for index, member in enumerate(members)
        if not 0 < index < len(members) - 1
        or not members[index - 1].node.order == member.node.order == members[index + 1].node.order
    ]


def _value_of(member: _Member) -> int:
    return member.value


def _is_long(draw: Choice) -> bool:
    return draw.site != PICKED and draw.bound > _ALL_VALUES


def _foreseen(low: _Member, high: _Member, way: int, by_class: bool) -> int | None:
    """The last value before the order changes, as far as one end of the range tells."""
    if low.node.rows is None or high.node.rows is None:
        return None
    apart = high.value - low.value
    from_high = way == _FROM_HIGH
    met = first_meeting(low.node.rows, high.node.rows, apart, at_one_process=by_class, from_high=from_high)
    if met is None:
        return None
    return high.value - met if from_high else low.value + met - 1
