"""Shrinking: from a failing run to one that fails alike with fewer, then smaller, deviations from the benign run.

Draws are keyed, so taking a deviation away leaves all others where they were: a process, a message, a fault can be made benign
as a whole, and what is left still means the same. The result is 1-minimal: make any one of its deviations benign, and the
failure is gone (unless the budget ran out first, which is said).
"""

from __future__ import annotations

import random
import re
import traceback
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeAlias, TypeVar

from harness.explore.sweep import Outcome
from harness.simulation.choices import PICKED, Choice


class Recording(Outcome, Protocol):
    """A finished run that tells its choices."""

    @property
    def choices(self) -> Sequence[Choice]:
        """Every draw it made."""


R = TypeVar("R", bound=Recording)

Signature: TypeAlias = tuple[str, str]
"""Type of the error, and where it came from: a line of the test, or the text without its numbers."""

BUDGET = 2500
_REDRAWS = 50
_FEW = 3
_WORDS = re.compile(r"0x[0-9a-f]+|\d+(\.\d+)?(ns|us|ms|secs|mins|hrs)?")


def signature(error: BaseException) -> Signature:
    """What two errors must share to be the same failure."""
    name = type(error).__name__
    lines = str(error).splitlines()
    # Our own errors say what is wrong in their first line; where they are raised says little.
    said = _WORDS.sub("#", lines[0]) if lines else ""
    if type(error).__module__.startswith("harness."):
        return (name, said)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/harness/" not in frame.filename.replace("\\", "/")] or list(frames)
    return (name, f"{own[-1].filename}:{own[-1].lineno}") if own else (name, said)


class Shrunk(Generic[R]):
    """What shrinking has come to.

    Attributes:
        run: the smallest failing run found.
        runs: how many were tried.
        before: how many deviations there were.
        minimal: whether each remaining deviation was found to be needed; False if the budget ran out.
        budget: how many might have been tried.
    """

    def __init__(self, run: R, runs: int, before: int, minimal: bool, budget: int = BUDGET) -> None:
        self.run = run
        self.runs = runs
        self.before = before
        self.minimal = minimal
        self.budget = budget

    @property
    def deviations(self) -> tuple[Choice, ...]:
        """What is left."""
        return tuple(choice for choice in self.run.choices if choice.value)

    def report(self) -> str:
        """One line."""
        end = "none can be spared" if self.minimal else "the budget ran out before each was tried alone"
        return f"shrunk from {self.before} in {self.runs} of {self.budget} runs allowed; {end}"

    def __repr__(self) -> str:
        return f"<Shrunk: {self.before} -> {len(self.deviations)} deviations, {self.runs} runs>"


class _OutOfBudget(Exception):
    """Enough runs have been made."""


class _Shrinker(Generic[R]):
    def __init__(self, rerun: Callable[[Sequence[Choice]], R], failing: R, budget: int) -> None:
        error = failing.error
        assert error is not None
        self.rerun = rerun
        self.wanted = signature(error)
        self.best = failing
        self.current = [choice for choice in failing.choices if choice.value]
        self.budget = budget
        self.runs = 0
        self.tried: dict[tuple[Choice, ...], None] = {}

    def fails(self, candidate: Sequence[Choice]) -> bool:
        """Whether this run fails alike; if so it becomes the current one. A candidate is tried once only."""
        key = tuple(candidate)
        if key in self.tried:
            return False
        self.tried[key] = None
        if self.runs >= self.budget:
            raise _OutOfBudget
        self.runs += 1
        run = self.rerun(key)
        if run.error is None or signature(run.error) != self.wanted:
            return False
        left = [choice for choice in run.choices if choice.value]
        if len(left) > len(self.current):
            # A bent record may deviate in more places than it says.
            return False
        self.best = run
        # What the run never asked for is gone for good.
        self.current = left
        return True

    # -- fewer ------------------------------------------------------------------------------------------------------

    def drop_groups(self, group_of: Callable[[Choice], str]) -> None:
        """Make whole groups benign, largest first."""
        sizes: dict[str, int] = {}
        for choice in self.current:
            sizes[group_of(choice)] = sizes.get(group_of(choice), 0) + 1
        for group in sorted(sizes, key=lambda name: (-sizes[name], name)):
            left = [choice for choice in self.current if group_of(choice) != group]
            if len(left) < len(self.current):
                self.fails(left)

    def drop_blocks(self) -> None:
        """Make blocks benign, halving their size down to one."""
        size = len(self.current) // 2
        while size >= 1:
            start = 0
            while start < len(self.current):
                if not self.fails(self.current[:start] + self.current[start + size :]):
                    start += size
            size //= 2

    def drop_singles(self) -> bool:
        """Make each benign alone, until none can be spared; whether any could."""
        before = len(self.current)
        index = 0
        while index < len(self.current):
            if self.fails(self.current[:index] + self.current[index + 1 :]):
                index = 0
            else:
                index += 1
        return len(self.current) < before

    def trade(self) -> bool:
        """Spare one by letting another deviate more: by what the spared one did, or to its utmost; whether that worked for any.

        Delays on one path add up, and one long delay is easier to tell than three short ones.
        """
        for gone in range(len(self.current)):
            for kept in range(len(self.current)):
                if kept == gone:
                    continue
                other = self.current[kept]
                for value in (other.value + self.current[gone].value, other.bound):
                    candidate = list(self.current)
                    candidate[kept] = other._replace(value=min(value, other.bound))
                    del candidate[gone]
                    if self.fails(candidate):
                        return True
        return False

    def gather(self) -> bool:
        """Spare one by letting all others of one site deviate to their utmost; whether that worked for any."""
        for site in sorted({choice.site for choice in self.current}):
            if sum(1 for choice in self.current if choice.site == site) <= 1:
                continue
            for gone in list(self.current):
                kept = [choice for choice in self.current if choice.key != gone.key]
                if self.fails([c._replace(value=_utmost(c)) if c.site == site else c for c in kept]):
                    return True
        return False

    def redraw(self) -> bool:
        """Spare one by drawing the others anew, some at their ends; whether that worked for any.

        Whether a run fails is no matter of "at least" in every deviation: a back-off may have to fall into a gap.
        """
        generator = random.Random("redraw")
        for gone in range(len(self.current)):
            kept = self.current[:gone] + self.current[gone + 1 :]
            for _ in range(_REDRAWS if self.may_guess else 0):
                if kept and self.fails([_redrawn(choice, generator) for choice in kept]):
                    return True
        # Still too many to tell in a sentence: what do any two or three of them achieve?
        for number in range(_REDRAWS * 14 if len(self.current) > _FEW else 0):
            kept = sorted(generator.sample(self.current, 2 + number % 3), key=self.current.index)
            if self.may_guess and self.fails([_redrawn(choice, generator) for choice in kept]):
                return True
        return False

    @property
    def may_guess(self) -> bool:
        """Whether enough of the budget is left for what is sure to lead somewhere."""
        return self.runs * 5 < self.budget * 3

    @property
    def minimal(self) -> bool:
        """Whether each deviation has been made benign alone, and was found to be needed."""
        tried = self.tried
        return all((*self.current[:index], *self.current[index + 1 :]) in tried for index in range(len(self.current)))

    # -- smaller ----------------------------------------------------------------------------------------------------

    def lower_values(self) -> None:
        """Bring each deviation as near to 0 as it goes, by halving the gap; exact if failing is a matter of "at least"."""
        index = 0
        while index < len(self.current):
            key, low = self.current[index].key, 0
            while (at := self._place(key)) is not None and self.current[at].value - low > 1:
                value = self.current[at].value
                middle = (low + value) // 2
                if not self.fails([*self.current[:at], self.current[at]._replace(value=middle), *self.current[at + 1 :]]):
                    low = middle
            index += 1

    def _place(self, key: tuple[str, str, int]) -> int | None:
        return next((index for index, choice in enumerate(self.current) if choice.key == key), None)

    def shrink(self) -> None:
        """All passes, until nothing can be spared or the budget runs out."""
        try:
            if self.fails(()):
                return
            for group_of in (_root_of, _entity_of, _site_of):
                self.drop_groups(group_of)
            self.drop_blocks()
            self.drop_singles()
            while self.trade() or self.gather() or self.redraw():
                self.drop_singles()
            while True:
                self.lower_values()
                if not self.drop_singles():
                    return
        except _OutOfBudget:
            return


def _redrawn(choice: Choice, generator: random.Random) -> Choice:
    draw = generator.random()
    if draw < 0.25:
        return choice
    bound = _utmost(choice)
    return choice._replace(value=bound if draw < 0.35 else 1 + int(generator.random() * bound))


def _utmost(choice: Choice) -> int:
    # Being passed over more than a few dozen times is the same as for ever.
    return min(choice.bound, max(50, 2 * choice.value)) if choice.site == PICKED else choice.bound


def _root_of(choice: Choice) -> str:
    return choice.entity.partition(" -> ")[0].partition("/")[0]


def _entity_of(choice: Choice) -> str:
    return choice.entity


def _site_of(choice: Choice) -> str:
    return choice.site


def shrink(rerun: Callable[[Sequence[Choice]], R], failing: R, budget: int = BUDGET) -> Shrunk[R]:
    """Shrink a failing run.

    Args:
        rerun: makes the run with these deviations and everything else benign, bending what does not fit.
        failing: the run to begin with.
        budget: the most runs to make.
    """
    shrinker = _Shrinker(rerun, failing, budget)
    before = len(shrinker.current)
    shrinker.shrink()
    return Shrunk(shrinker.best, shrinker.runs, before, shrinker.minimal, budget)
