"""What a number of runs allows to say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.explore import describe_rate, percent, rarer_than, wilson


@pytest.mark.parametrize(
    ("failures", "runs", "low", "high"),
    [(10, 100, 0.05523, 0.17437), (1, 1000, 0.00018, 0.00564), (50, 100, 0.40383, 0.59617)],
)
def test_interval_is_wilsons(failures: int, runs: int, low: float, high: float) -> None:
    """The interval has the published values."""
    assert wilson(failures, runs) == pytest.approx((low, high), abs=1e-4)


@given(st.integers(1, 10_000).flatmap(lambda runs: st.tuples(st.integers(0, runs), st.just(runs))))
def test_interval_holds_the_rate(counts: tuple[int, int]) -> None:
    """The interval lies within 0 and 1 and holds the observed rate."""
    low, high = wilson(*counts)
    assert 0.0 <= low <= counts[0] / counts[1] <= high <= 1.0


def test_interval_without_failures_touches_zero() -> None:
    """No failures leave 0 possible, and not only 0."""
    low, high = wilson(0, 100)
    assert low == 0.0
    assert 0.03 < high < 0.05
    assert wilson(100, 100)[1] == 1.0
    assert wilson(0, 0) == (0.0, 1.0)


def test_absence_of_failures_is_put_carefully() -> None:
    """Without failures the text says how rare they must be, never that there are none."""
    assert rarer_than(3000) == 1001
    assert describe_rate(0, 3000) == "none of 3000 seeds failed: with 95 % confidence fewer than 1 in 1001 would"
    assert describe_rate(0, 0) == "no seeds were run"
    assert describe_rate(0, 3) == "none of 3 seeds failed, too few to tell"


def test_rate_comes_with_its_interval() -> None:
    """With failures the text gives counts, rate and interval."""
    assert describe_rate(7, 2000) == "7 of 2000 seeds failed: 0.35 % (95 % interval 0.17 % to 0.72 %)"


@pytest.mark.parametrize(
    ("rate", "text"), [(0.0, "0 %"), (1.0, "100 %"), (0.12345, "12.3 %"), (0.00351, "0.35 %"), (0.9999, "99.99 %")]
)
def test_percentages_keep_the_digits_that_matter(rate: float, text: str) -> None:
    """A percentage is short, and 100 % means all."""
    assert percent(rate) == text
