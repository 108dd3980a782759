"""Whether a run depends on nothing but its choices: made again, and compared step by step and draw by draw.

The comparison goes along with the second run and stops it at the first thing that is another one, so that it is known where in
the test that was. If there is a difference, the run is made once more with :mod:`harness.explore.sources` looking on, which tells
what the run asks for that no seed controls. What shows only in another process is the matter of :mod:`harness.explore.fresh`.
"""

from __future__ import annotations

import gc
import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeAlias

from harness.errors import HarnessError, NondeterminismError
from harness.explore.leaks import AGAIN, COLLECTED, Difference, likely
from harness.explore.sources import Sources, place
from harness.explore.sweep import frozen
from harness.simulation.choices import PICKED, Choice, Stream
from harness.simulation.event_kernel import kind_of
from harness.simulation.events import Channel, Dispatch, Work
from harness.simulation.trace import NOTED, STRIDE, Trace, canonical
from harness.simulation.world import World


class Made(Protocol):
    """A finished run, as far as it is compared."""

    @property
    def error(self) -> BaseException | None:
        """Why it failed; None if it passed."""

    @property
    def world(self) -> World:
        """The world it lived in."""

    @property
    def choices(self) -> Sequence[Choice]:
        """Every draw."""


class Owner(Protocol):
    """What a run works with."""

    @property
    def world(self) -> World:
        """The world of the run."""


Prepare: TypeAlias = Callable[[Any], object]
Remake: TypeAlias = Callable[[Prepare], Made]
"""Makes the run once more; what it is given is called with the run's :class:`Owner` before the test begins."""


def row_text(trace: Trace, index: int) -> str:
    """One record as a text that depends on nothing but its content."""
    time, kind, subject, detail, extra, cause = trace.flat[index * STRIDE : (index + 1) * STRIDE]
    return f"{time} {kind} {subject} {canonical(detail)} {canonical(extra)} {cause}"


def fixed_text(trace: Trace, index: int) -> str:
    """The same as far as nothing of it can change any more once it is recorded.

    What a process hands to itself and its neighbours in dispatches, work and notes are its own objects, futures among them; a
    message is never changed after it was sent.
    """
    time, kind, subject, detail, extra, cause = trace.flat[index * STRIDE : (index + 1) * STRIDE]
    if isinstance(detail, (Dispatch, Work)):
        return f"{time} {kind} {subject} {kind_of(detail)} {extra} {cause}"
    if kind == NOTED:
        return f"{time} {kind} {subject} {detail} {cause}"
    return row_text(trace, index)


def row_prints(trace: Trace) -> list[str]:
    """A short print of each record."""
    return [
        hashlib.blake2b(row_text(trace, i).encode("utf-8", "surrogatepass"), digest_size=6).hexdigest() for i in range(len(trace))
    ]


def shown(trace: Trace, index: int) -> str:
    """One record for a reader; ``nothing`` behind the last."""
    return str(trace[index]) if index < len(trace) else "nothing"


class _Differs(HarnessError):
    """Ends a run that is no longer the one it should be; never seen by users, its text is in the difference."""


class Witness:
    """Goes along with a run and compares it with an earlier one.

    Args:
        earlier: the earlier run.
        world: the world of the run to watch, in which nothing has happened yet.
        sources: what to ask where things come from; None if nobody looks.

    Attributes:
        found: the first difference; None so far.
    """

    def __init__(self, earlier: Made, world: World, sources: Sources | None = None) -> None:
        self._earlier = earlier.world.trace
        self._texts = [fixed_text(self._earlier, index) for index in range(len(self._earlier))]
        self._draws = earlier.choices
        self._drawn = 0
        self._trace = world.trace
        self._sources = sources
        self.found: Difference | None = None
        rows = _Rows(self._look)
        world.trace.flat = world._kernel.flat = rows
        choices = world.choices
        record = choices._extend

        def extend(draw: Iterable[Any]) -> None:
            stream, bound, value = draw
            record((stream, bound, value))
            self._draw(stream, bound, value)

        choices._extend = extend
        if sources is not None:
            sources.follow(world)

    def _look(self) -> None:
        index = len(self._trace) - 1
        if self.found is not None or (index < len(self._texts) and fixed_text(self._trace, index) == self._texts[index]):
            return
        then, now = shown(self._earlier, index), shown(self._trace, index)
        if then == now:
            then, now = row_text(self._earlier, index), row_text(self._trace, index)
        *_, subject, _, extra, cause = self._trace.flat[-STRIDE:]
        sent = ""
        if self._sources is not None and isinstance(subject, Channel):
            sent = self._sources.sent_at(subject.entity, extra, cause)
        self._stop(Difference("step", index, then, now, seen=place(sys._getframe()), sent=sent))

    def _draw(self, stream: Stream, bound: int, value: int) -> None:
        index = self._drawn
        self._drawn += 1
        if self.found is not None:
            return
        then = self._draws[index] if index < len(self._draws) else None
        same = then is not None and (then.site, then.entity, then.bound) == (stream.site, stream.entity, bound)
        # How often an event let others go first is known only later.
        if same and then is not None and (stream.site == PICKED or then.value == value):
            return
        now = Choice(stream.site, stream.entity, stream.count, bound, value)
        self._stop(Difference("draw", index, _told(then), _told(now), seen=place(sys._getframe())))

    def _stop(self, difference: Difference) -> None:
        self.found = difference
        if self._sources is not None:
            self._sources.stop()
        raise _Differs("the run is no longer the one that it was")

    def at_end(self, earlier: Made, later: Made) -> Difference | None:
        """The first difference, also when it is that something is missing at the end, or that it ended otherwise."""
        count = len(self._trace)
        if self.found is None and self._trace.digest() != self._earlier.digest():
            self._compare_contents()
        if self.found is None and count < len(self._texts):
            self.found = Difference("step", count, shown(self._earlier, count), "nothing")
        if self.found is None and self._drawn < len(self._draws):
            self.found = Difference("draw", self._drawn, _told(self._draws[self._drawn]), "nothing")
        if self.found is None and type(earlier.error) is not type(later.error):
            self.found = Difference("end", count, _ending(earlier.error), _ending(later.error))
        return self.found

    def _compare_contents(self) -> None:
        """Compare also what could change while the run went on."""
        for index in range(min(len(self._trace), len(self._earlier))):
            then, now = row_text(self._earlier, index), row_text(self._trace, index)
            if then != now:
                self.found = Difference("step", index, then, now)
                return


class _Rows(list[Any]):
    """The records of a run, which somebody looks at as they come."""

    def __init__(self, look: Callable[[], None]) -> None:
        super().__init__()
        self._look = look

    def __iadd__(self, row: Iterable[Any]) -> _Rows:  # type: ignore[misc]
        self.extend(row)
        self._look()
        return self


def _told(choice: Choice | None) -> str:
    if choice is None:
        return "  nothing"
    site, entity, occurrence, bound, value = choice
    answer = "" if site == PICKED else f", answered {value}"
    return f"  {site} of {entity}, its draw {occurrence}, out of 0..{bound}{answer}"


def _ending(error: BaseException | None) -> str:
    if error is None:
        return "  passed"
    first = str(error).partition("\n")[0]
    return f"  {type(error).__name__}: {first}" if first else f"  {type(error).__name__}"


def first_difference(earlier: Made, remake: Remake, *, collecting: bool = False) -> Difference | None:
    """Make a run again, and compare; None if it is the same.

    Args:
        earlier: the run as it was made first.
        remake: makes it again under the same choices.
        collecting: if it is the same, make it a third time with the garbage collector running wherever it may.
    """
    how = AGAIN
    found = _again(earlier, remake)
    if found is None and collecting:
        how = COLLECTED
        found = _again(earlier, remake, collect=True)
    if found is None:
        return None
    sources = Sources()
    again = _again(earlier, remake, collect=how == COLLECTED, sources=sources)
    if again is None:
        # It differs now and then. What was asked for is as good a hint as before.
        again = found
    return again.explained(how, likely(again, how, sources.until(again.steps)))


def _again(earlier: Made, remake: Remake, *, collect: bool = False, sources: Sources | None = None) -> Difference | None:
    witnesses: list[Witness] = []

    def prepare(owner: Owner) -> None:
        world = owner.world
        witnesses.append(Witness(earlier, world, sources))
        if collect:
            world._driver.on_rest.append(_collect)

    with quiet_collector():
        if sources is None:
            later = remake(prepare)
        else:
            with sources:
                later = remake(prepare)
    return witnesses[0].at_end(earlier, later)


def _collect() -> None:
    gc.collect()


@contextmanager
def quiet_collector() -> Iterator[None]:
    """Let no automatic collection fall into the runs inside, and no garbage of earlier runs."""
    enabled, frozen_before = gc.isenabled(), frozen()
    gc.collect()
    if enabled:
        # Not otherwise: in another thread somebody may be about to switch it on again, and nobody here would.
        gc.disable()
    if not frozen_before:
        # What exists already is nobody's garbage; without it a collection takes no time.
        gc.freeze()
    try:
        yield
    finally:
        if not frozen_before:
            gc.unfreeze()
        if enabled:
            gc.enable()


def check(make: Callable[[Prepare | None], Any]) -> Any:
    """Make a run, and again, and with the garbage collector running wherever it may; gives the first.

    Args:
        make: makes the run; what it is given, if anything, is called with the run's :class:`Owner` before the test begins.

    Raises:
        NondeterminismError: one of them differs.
    """
    with quiet_collector():
        first = make(None)
    found = first_difference(first, make, collecting=True)
    if found is not None:
        raise NondeterminismError(found.text)
    return first
