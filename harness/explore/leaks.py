"""What sets two runs of the same choices apart, and what that is likely to come from: a difference in words."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass

from harness.explore.sources import CHANCE, HASH, IDENTITY, SURROUNDINGS, THREADS, TIME, Asked

AGAIN = "when it was made again in this process"
COLLECTED = "when it was made again with the garbage collector running whenever nothing else did"

_CURES = {
    TIME: "take the time from the clock of the world (clock.now, self.now in a process), or use the fixture wall_clock",
    CHANCE: "draw with self.choose(label, n) or self.backoff(...), or from a random.Random(seed) with the fixture 'seed'",
    IDENTITY: "tell objects apart by a name or a number of your own; a class without __repr__ prints its address",
    HASH: "use hashlib on bytes, or order by the text itself",
    THREADS: "make it a process of the world, or wait for the thread and use nothing that depends on its timing",
    SURROUNDINGS: "read it once, outside the test, and hand it in",
}
_KEPT = (
    "something that is kept from one run to the next: a variable of a module or class, a cache such as lru_cache, a wide fixture",
    "make it anew in every run, or clear it when the run begins",
)
_ENDED = (
    "something that happens when an object is destroyed: a __del__, a callback of a weakref",
    "end things by a call (close(), a with block), not by the garbage collector",
)
_SET_ORDER = (
    "the order of a set, or hash() of a text: both depend on PYTHONHASHSEED",
    "sort the set before anything follows from its order; use hashlib instead of hash()",
)
_PROCESS = (
    "what the process had kept from earlier runs (a cache, a variable of a module), or its directory, time zone or locale",
    "make it anew in every run, and read nothing from the surroundings inside a test",
)
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")
_MOST_CALLS = 3


@dataclass(frozen=True)
class Difference:
    """The first thing in which two runs of the same choices differ.

    Attributes:
        what: ``step`` of the trace, ``draw`` of a choice, or how the runs came to their ``end``.
        index: the how many-th, from 0, as in the trace and in the record of choices.
        then: what it was in the earlier run, as a line.
        now: what it is in the later.
        seen: the line of the user's code that was at work when it showed; empty if there was none.
        sent: the line from which the differing message was sent, if it is one and that is known.
        how: how the later run was made.
        likely: what the difference is likely to come from, a sentence or more.
    """

    what: str
    index: int
    then: str
    now: str
    seen: str = ""
    sent: str = ""
    how: str = AGAIN
    likely: str = ""

    @property
    def steps(self) -> int:
        """By when whatever caused it must have happened, in records of the trace; a draw may have come at any time."""
        return self.index + 1 if self.what != "draw" else 1 << 60

    def explained(self, how: str, likely: str) -> Difference:
        """The same with its circumstances."""
        return dataclasses.replace(self, how=how, likely=likely)

    @property
    def text(self) -> str:
        """All about it, in a few lines."""
        which = "the end" if self.what == "end" else f"{self.what} {self.index}"
        lines = [f"the same choices gave another run {self.how}: {which} was", self.then, "and is now", self.now]
        if self.sent:
            lines.append(f"sent at {self.sent}")
        if self.seen and self.seen != self.sent:
            lines.append(f"noticed at {self.seen}")
        return "\n".join([*lines, self.likely] if self.likely else lines)

    @property
    def headline(self) -> str:
        """The same for the first lines of a failure's report."""
        return f"NOT REPRODUCED: this failure depends on more than its seed.\n{self.text[0].upper()}{self.text[1:]}"


def likely(difference: Difference, how: str, asked: Sequence[Asked], *, hash_order: bool = False) -> str:
    """What a difference is likely to come from, and what to do about it.

    Args:
        how: how the second run was made.
        asked: what it asked for that no seed controls, up to the difference, last first.
        hash_order: two processes that differ only in the hash seed made different runs.
    """
    here = how in (AGAIN, COLLECTED)
    # Inside one process the hash of a text is always the same.
    if here:
        asked = [call for call in asked if call.kind != HASH]
    elif hash_order:
        asked = [call for call in asked if call.kind == HASH]
    if how == COLLECTED:
        return _sentence(*_ENDED)
    if asked:
        kinds = dict.fromkeys(call.kind for call in asked[:_MOST_CALLS])
        calls = ", ".join(str(call) for call in asked[:_MOST_CALLS])
        return "\n".join(
            [f"likely cause: {' or '.join(kinds)}: the run called {calls}", *(f"way out: {_CURES[kind]}" for kind in kinds)]
        )
    if hash_order:
        return _sentence(*_SET_ORDER)
    if _ADDRESS.search(difference.then) and _ADDRESS.search(difference.now):
        return _sentence(IDENTITY, _CURES[IDENTITY])
    return _sentence(*(_KEPT if here else _PROCESS))


def _sentence(cause: str, cure: str) -> str:
    return f"likely cause: {cause}\nway out: {cure}"
