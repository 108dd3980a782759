"""How often: counts that judge and describe themselves."""

from __future__ import annotations

import pytest

from harness.doubles.cardinality import Cardinality, times
from harness.errors import MisuseError


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (1, 1, "exactly once"),
        (2, 2, "exactly twice"),
        (5, 5, "exactly 5 times"),
        (1, None, "at least once"),
        (3, None, "at least 3 times"),
        (0, None, "any number of times"),
        (0, 0, "never"),
        (0, 1, "at most once"),
        (1, 3, "between 1 and 3 times"),
    ],
)
def test_says_itself_in_english(low: int, high: int | None, text: str) -> None:
    """A cardinality prints as an English phrase."""
    assert str(Cardinality(low, high)) == text


@pytest.mark.parametrize(
    ("count", "satisfied", "saturated"), [(0, False, False), (1, True, False), (2, True, True), (3, False, True)]
)
def test_judges_a_count(count: int, satisfied: bool, saturated: bool) -> None:
    """Satisfied means enough and not too many, saturated that one more is too many."""
    cardinality = Cardinality(1, 2)
    assert cardinality.satisfied(count) is satisfied
    assert cardinality.saturated(count) is saturated


def test_without_upper_end_is_never_saturated() -> None:
    """An open range takes any number of calls."""
    assert not Cardinality(0, None).saturated(10**9)


@pytest.mark.parametrize(("low", "high"), [(2, 1), (-1, None), (True, None), (1.5, None), (0, "3")])
def test_refuses_what_is_no_count(low: object, high: object) -> None:
    """Empty ranges and things that are no counts are mistakes of the test."""
    with pytest.raises(MisuseError):
        Cardinality(low, high)  # type: ignore[arg-type]


def test_times() -> None:
    """Counts read as adverbs."""
    assert [times(n) for n in (0, 1, 2, 3)] == ["never", "once", "twice", "3 times"]


def test_equal_ranges_are_equal() -> None:
    """Cardinalities compare and hash by value."""
    assert Cardinality(1, None) == Cardinality(1, None)
    assert len({Cardinality(1, None), Cardinality(1, None), Cardinality(0, 0)}) == 2
