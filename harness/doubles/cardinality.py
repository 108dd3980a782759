"""How often a call is wanted: one object that judges a count and says itself in English.

Every text about counts in this package is built from the words made here, so that a declaration, a failure and a deadlock
report speak of the same thing in the same way. After googlemock's cardinalities.
"""

from __future__ import annotations

from harness.errors import MisuseError


def times(count: int) -> str:
    """``never``, ``once``, ``twice``, ``3 times``..."""
    if count == 0:
        return "never"
    if count == 1:
        return "once"
    return "twice" if count == 2 else f"{count} times"


class Cardinality:
    """A range of call counts, both ends included; ``high=None`` means without an upper end.

    Raises:
        MisuseError: an end is no whole number of at least 0, or the range is empty.
    """

    __slots__ = ("high", "low")

    def __init__(self, low: int, high: int | None) -> None:
        _whole(low, "at least")
        if high is not None:
            _whole(high, "at most")
            if high < low:
                raise MisuseError(f"no count is at least {low} and at most {high}; wanted the smaller number first")
        self.low = low
        self.high = high

    def satisfied(self, count: int) -> bool:
        """Whether ``count`` calls are enough and not too many."""
        return count >= self.low and (self.high is None or count <= self.high)

    def saturated(self, count: int) -> bool:
        """Whether one call more than ``count`` would be too many."""
        return self.high is not None and count >= self.high

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cardinality) and (self.low, self.high) == (other.low, other.high)

    def __hash__(self) -> int:
        return self.low * 1_000_003 + (-1 if self.high is None else self.high)

    def __str__(self) -> str:
        low, high = self.low, self.high
        if high is None:
            return f"at least {times(low)}" if low else "any number of times"
        if high == 0:
            return "never"
        if low == high:
            return f"exactly {times(low)}"
        return f"between {low} and {high} times" if low else f"at most {times(high)}"

    def __repr__(self) -> str:
        return f"Cardinality({self})"


def _whole(value: object, what: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise MisuseError(f"a call count must be a whole number from 0 on; got {value!r} for {what!r}")


ONCE = Cardinality(1, 1)
AT_LEAST_ONCE = Cardinality(1, None)
NEVER = Cardinality(0, 0)
ANY_NUMBER = Cardinality(0, None)
