"""What a number of runs says about a failure rate, honestly: with an interval, and never "it does not happen"."""

from __future__ import annotations

import math
from collections.abc import Mapping

_Z_95 = 1.959963984540054  # the two-sided 95 % point of the normal distribution


def wilson(failures: int, runs: int) -> tuple[float, float]:
    """The 95 % interval of the failure rate by Wilson's score method, as (low, high) in ``0.0..1.0``.

    It stays meaningful where the textbook interval does not: for no failures, for few runs. Without runs it is (0, 1).
    """
    if runs <= 0:
        return (0.0, 1.0)
    z2 = _Z_95 * _Z_95
    rate = failures / runs
    centre = (rate + z2 / (2 * runs)) / (1 + z2 / runs)
    half = _Z_95 * math.sqrt(rate * (1 - rate) / runs + z2 / (4 * runs * runs)) / (1 + z2 / runs)
    # The ends are exact where rounding would leave 1e-19 behind.
    low = 0.0 if failures == 0 else max(0.0, centre - half)
    high = 1.0 if failures == runs else min(1.0, centre + half)
    return (low, high)


def rarer_than(runs: int) -> int:
    """With 95 % confidence the failure happens in fewer than 1 in this many runs, given ``runs`` runs without one."""
    return max(1, math.floor(1 / (1 - 0.05 ** (1 / runs)))) if runs > 0 else 1


def unseen_mass(classes: Mapping[str, int]) -> float:
    """How likely the next run is of a class not seen yet (Good and Turing): the share of runs whose class came up only once.

    Args:
        classes: how often each happens-before class came up. Without any run it is 1.
    """
    runs = sum(classes.values())
    return sum(1 for count in classes.values() if count == 1) / runs if runs else 1.0


def percent(rate: float) -> str:
    """A rate as text with the digits that matter: ``0.35 %``, ``12 %``, ``100 %``."""
    value = rate * 100
    if value in (0.0, 100.0) or value >= 99.95:
        return f"{value:.0f} %" if value in (0.0, 100.0) else f"{value:.2f} %"
    return f"{value:.2g} %" if value < 10 else f"{value:.3g} %"


def describe_chosen(failures: int, runs: int) -> str:
    """The same of seeds that were run because they had failed before: they say nothing about a rate."""
    return f"{failures} of {runs} remembered seeds still fail" if failures else f"none of {runs} remembered seeds fails any more"


def describe_rate(failures: int, runs: int, noun: str = "seeds") -> str:
    """One line: how many failed, the rate and its 95 % interval, or what the absence of failures allows to say."""
    if runs == 0:
        return f"no {noun} were run"
    if failures == 0:
        found, rarer = f"none of {runs} {noun} failed", rarer_than(runs)
        # "Fewer than 1 in 1" says nothing in many words.
        return f"{found}: with 95 % confidence fewer than 1 in {rarer} would" if rarer > 1 else f"{found}, too few to tell"
    low, high = wilson(failures, runs)
    return f"{failures} of {runs} {noun} failed: {percent(failures / runs)} (95 % interval {percent(low)} to {percent(high)})"
