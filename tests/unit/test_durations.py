"""Durations: whole nanoseconds, Mesos's notation, arithmetic, and what public arguments accept."""

from __future__ import annotations

import copy
import pickle
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.durations import (
    Duration,
    as_duration,
    hours,
    microseconds,
    milliseconds,
    minutes,
    nanoseconds,
    seconds,
    to_ns,
)
from harness.errors import MisuseError


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("925295ns", 925_295),
        ("1.5ms", 1_500_000),
        ("10us", 10_000),
        ("10secs", 10_000_000_000),
        ("1mins", 60_000_000_000),
        ("2hrs", 7_200_000_000_000),
        ("1days", 86_400_000_000_000),
        ("1weeks", 604_800_000_000_000),
        ("0ns", 0),
        ("-3ms", -3_000_000),
        (" 5 secs ", 5_000_000_000),
        ("0.1secs", 100_000_000),
    ],
)
def test_parse_reads_each_unit_exactly(text: str, ns: int) -> None:
    """Every unit of Mesos is read into whole nanoseconds, without a detour over floats."""
    assert Duration.parse(text).ns == ns


@pytest.mark.parametrize("text", ["", "10", "secs", "10 parsecs", "ten secs", "1.ms", "10s", "1e3ms", "10Secs"])
def test_parse_refuses_what_is_no_duration(text: str) -> None:
    """A text without number, without unit or with an unknown unit is named in the error, with the units there are."""
    with pytest.raises(MisuseError) as caught:
        Duration.parse(text)
    assert repr(text) in str(caught.value)
    assert "weeks" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "0ns",
        "1ns",
        "999ns",
        "925295ns",
        "2.182634ms",
        "15secs",
        "90secs",
        "1mins",
        "75mins",
        "10days",
        "1weeks",
        "520weeks",
        "5us",
        "-15secs",
    ],
)
def test_str_prints_as_mesos_does(text: str) -> None:
    """The largest unit that the value fills, or the next smaller one where only that gives a whole number."""
    assert str(Duration.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "printed"), [("1.5ms", "1500us"), ("1.5hrs", "90mins"), ("0.5us", "500ns"), ("1000ms", "1secs"), ("7days", "1weeks")]
)
def test_str_chooses_the_unit_by_the_value(text: str, printed: str) -> None:
    """How a duration was written does not matter for how it prints."""
    assert str(Duration.parse(text)) == printed
    assert repr(Duration.parse(text)) == f"Duration({printed!r})"


@given(st.integers(min_value=-(10**14), max_value=10**14))
def test_what_is_printed_can_be_read_again(ns: int) -> None:
    """Printing and parsing give the same nanoseconds back, for spans of up to a day."""
    assert Duration.parse(str(Duration(ns))).ns == ns


@given(st.integers(-(10**18), 10**18), st.integers(-(10**18), 10**18))
def test_sums_and_differences_are_exact(a: int, b: int) -> None:
    """Adding and taking away again changes nothing, at any size."""
    assert (Duration(a) + Duration(b)).ns == a + b
    assert Duration(a) + Duration(b) - Duration(b) == Duration(a)


def test_arithmetic() -> None:
    """Durations scale by numbers, divide by numbers and by each other, and have a sign."""
    d = seconds(10)
    assert d * 3 == 3 * d == seconds(30)
    assert d * 0.5 == seconds(5)
    assert d / 4 == milliseconds(2500)
    assert d / seconds(4) == 2.5
    assert d // seconds(3) == 3
    assert d % seconds(3) == seconds(1)
    assert d // 3 == Duration(3_333_333_333)
    assert -d == Duration(-10_000_000_000)
    assert abs(-d) == d
    assert bool(d)
    assert not Duration(0)


@pytest.mark.parametrize(
    "compute",
    [
        lambda: seconds(1) + 1,
        lambda: seconds(1) - "1secs",
        lambda: seconds(1) * "2",
        lambda: seconds(1) < 2,
        lambda: seconds(1) / "x",
    ],
)
def test_arithmetic_with_anything_else_is_a_type_error(compute: Any) -> None:
    """A bare number is no duration in a sum or a comparison: nobody could tell its unit."""
    with pytest.raises(TypeError):
        compute()


def test_comparison_and_hash() -> None:
    """Equal spans are equal and hash alike however they were written; the order is that of time."""
    assert Duration.parse("1000ms") == seconds(1)
    assert hash(Duration.parse("1000ms")) == hash(seconds(1))
    assert milliseconds(999) < seconds(1) <= seconds(1) < minutes(1)
    assert sorted([hours(1), seconds(1), minutes(1)]) == [seconds(1), minutes(1), hours(1)]
    assert seconds(1) != 1
    assert seconds(1) != "1secs"


def test_immutable() -> None:
    """A duration cannot be changed, and copies of any kind equal it."""
    d = seconds(1)
    with pytest.raises(AttributeError, match="immutable"):
        d.ns = 5
    assert copy.copy(d) == d
    assert copy.deepcopy(d) == d
    assert pickle.loads(pickle.dumps(d)) == d


@pytest.mark.parametrize("value", [1.5, "1", None, True])
def test_the_constructor_takes_whole_nanoseconds_only(value: Any) -> None:
    """A float, a text or a truth value would hide a mistake about the unit."""
    with pytest.raises(TypeError, match="whole nanoseconds"):
        Duration(value)


def test_helpers() -> None:
    """There is one helper per unit, and fractions are rounded to the nanosecond."""
    assert [f(2).ns for f in (nanoseconds, microseconds, milliseconds, seconds, minutes, hours)] == [
        2,
        2_000,
        2_000_000,
        2_000_000_000,
        120_000_000_000,
        7_200_000_000_000,
    ]
    assert seconds(0.25) == milliseconds(250)


def test_conversions() -> None:
    """A duration converts to float seconds and to a timedelta (microseconds, rounded down)."""
    d = Duration(1_500_000_999)
    assert d.total_seconds() == pytest.approx(1.500000999)
    assert d.to_timedelta() == timedelta(seconds=1, microseconds=500_000)


@pytest.mark.parametrize(
    "value",
    [seconds(90), timedelta(minutes=1, seconds=30), "90secs", "1.5mins", 90, 90.0],
    ids=lambda value: type(value).__name__,
)
def test_arguments_take_every_notation(value: Any) -> None:
    """Duration, timedelta, text, int and float all mean the same; a number counts seconds."""
    assert to_ns(value, "timeout") == 90_000_000_000
    assert as_duration(value, "timeout") == seconds(90)


@pytest.mark.parametrize("value", [None, True, [1], b"1secs", object])
def test_other_arguments_are_type_errors_naming_the_argument(value: Any) -> None:
    """Whatever is no duration is a TypeError that says which argument it was given for."""
    with pytest.raises(TypeError, match="timeout="):
        to_ns(value, "timeout")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_endless_numbers_are_refused(value: float) -> None:
    """NaN and the infinities are floats but no spans of time."""
    with pytest.raises(MisuseError, match="timeout="):
        to_ns(value, "timeout")
