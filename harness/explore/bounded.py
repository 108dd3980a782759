"""Bounded proof: every run with at most k deviations from the benign one.

A deviation is an event that lets others go first, a given number of times, or another draw (a back-off, a fault) that is not
benign. Starting with the benign run, each run is continued by one more deviation at each later draw, so no set of deviations
comes twice. ``docs/explanation/pruning.md`` says why values between two that give the same happens-before class can be left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from harness.explore.fingerprint import fingerprint, total_order
from harness.explore.pair import RunOfWorld
from harness.simulation.choices import PICKED, Choice
from harness.simulation.event_kernel import EventKernel

R = TypeVar("R", bound=RunOfWorld)
Rerun: TypeAlias = Callable[[Sequence[Choice]], R]

FINEST = 32
"""Draws from long ranges (back-offs) are told apart down to one part in this many."""

_ALL_VALUES = 8


class Node(NamedTuple):
    """A run to be continued.

    Attributes:
        deviations: from the benign run, in the order of their draws.
        later: the draws after the last of them.
        offset: how many draws there were up to then.
        group: names its happens-before class.
        order: names the order of all its events.
    """

    deviations: tuple[Choice, ...]
    later: tuple[Choice, ...]
    offset: int
    group: str
    order: str


@dataclass(slots=True)
class Found:
    """What was seen while some nodes were continued.

    Attributes:
        nodes: the passing runs, to be continued.
        failing: the deviations of failing runs.
        coarse: gaps between values of long draws that were not looked into.
        stopped: it ended early: a failure, or the budget.
    """

    nodes: list[Node] = field(default_factory=list)
    failing: list[tuple[Choice, ...]] = field(default_factory=list)
    runs: int = 0
    steps: int = 0
    coarse: int = 0
    stopped: bool = False

    def add(self, other: Found) -> None:
        """Count in what another worker has seen."""
        self.nodes += other.nodes
        self.failing += other.failing
        self.runs += other.runs
        self.steps += other.steps
        self.coarse += other.coarse
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
    """

    def __init__(
        self, rerun: Rerun[R], *, prune: bool = True, expired: Callable[[], bool] | None = None, stop_on_failure: bool = True
    ) -> None:
        self._rerun = rerun
        self._prune = prune
        self._expired = expired
        self._stop_on_failure = stop_on_failure
        self.found = Found()

    def begin(self) -> Found:
        """The benign run, as a node unless it fails."""
        first = self._make((), 0)
        if not first.failed:
            self.found.nodes.append(first.node)
        return self.found

    def continue_all(self, nodes: Iterable[Node], last: bool) -> Found:
        """Add one deviation to each node, in every way; with ``last`` what comes of it is not to be continued."""
        try:
            for node in nodes:
                for index in range(len(node.later)):
                    members = self._family(node, index, by_class=self._prune and last)
                    if not last:
                        self.found.nodes += [member.node for member in members if not member.failed]
        except _Over:
            self.found.stopped = True
        return self.found

    def _make(self, deviations: tuple[Choice, ...], offset: int) -> _Member:
        found = self.found
        if (self._stop_on_failure and found.failing) or (self._expired is not None and self._expired()):
            raise _Over
        run = self._rerun(deviations)
        found.runs += 1
        found.steps += run.steps
        value = spent = 0
        if deviations:
            last = deviations[-1]
            value = spent = last.value
            kernel = run.world._kernel
            if last.site == PICKED and isinstance(kernel, EventKernel):
                spent -= kernel.handled.get((last.entity, last.occurrence), (0, 0))[1]
                deviations = (*deviations[:-1], last._replace(value=spent))
        failed = run.error is not None
        if failed:
            found.failing.append(deviations)
        trace, mark = run.world.trace, "!" * failed
        node = Node(deviations, tuple(run.choices[offset:]), offset, fingerprint(trace) + mark, total_order(trace) + mark)
        return _Member(value, spent, failed, node)

    def _family(self, node: Node, index: int, *, by_class: bool) -> list[_Member]:
        """Runs for all values of one draw; ``by_class``: only as many as it takes to see every class."""
        draw = node.later[index]
        # The draws up to this one are the same in every member.
        offset = node.offset + index + 1

        def make(value: int) -> _Member:
            return self._make((*node.deviations, draw._replace(value=value)), offset)

        if draw.bound <= _ALL_VALUES:
            return [make(value) for value in range(1, draw.bound + 1)]
        utmost = make(draw.bound)
        # What it could not let go first, because it had to run itself, has no effect.
        utmost = utmost._replace(value=utmost.spent)
        if draw.site == PICKED and not by_class:
            return [make(value) for value in range(1, utmost.value)] + [utmost]
        finest = 1 if draw.site == PICKED else max(1, draw.bound // FINEST)
        members = [_Member(0, 0, False, node), utmost]
        gaps = [(members[0], utmost)]
        while gaps:
            low, high = gaps.pop()
            if (
                low.node.group == high.node.group if by_class else low.node.order == high.node.order
            ) or high.value - low.value <= 1:
                continue
            if high.value - low.value <= finest:
                self.found.coarse += 1
                continue
            middle = make((low.value + high.value) // 2)
            members.append(middle)
            gaps += [(low, middle), (middle, high)]
        return members[1:]
