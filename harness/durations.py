"""Spans of virtual time: whole nanoseconds, written the way Mesos writes them.

Floats appear only where people type them (a number of seconds); everything inside counts nanoseconds, so sums are exact
and two runs can be compared byte by byte.
"""

from __future__ import annotations

import functools
import re
from datetime import timedelta
from typing import TypeAlias

from harness.errors import MisuseError

_UNITS: tuple[tuple[str, int], ...] = (
    ("weeks", 604_800_000_000_000),
    ("days", 86_400_000_000_000),
    ("hrs", 3_600_000_000_000),
    ("mins", 60_000_000_000),
    ("secs", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
)
_NANOSECONDS_OF = dict(_UNITS)
_TEXT = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*([a-z]+)\s*")


@functools.total_ordering
class Duration:
    """An immutable span of virtual time in whole nanoseconds; negative spans are allowed (differences of instants)."""

    __slots__ = ("ns",)
    ns: int

    def __init__(self, ns: int) -> None:
        if not isinstance(ns, int) or isinstance(ns, bool):
            raise TypeError(f"Duration takes whole nanoseconds, got {ns!r}; use Duration.parse('1.5ms') or seconds(1.5)")
        object.__setattr__(self, "ns", ns)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"Duration is immutable; cannot set {name!r}")

    def __reduce__(self) -> tuple[type[Duration], tuple[int]]:
        # Copying and pickling go through the constructor: attributes cannot be set.
        return Duration, (self.ns,)

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Read Mesos's notation, for example ``925295ns``, ``1.5ms``, ``10secs``, ``1mins``, ``2hrs``, ``1days``, ``1weeks``.

        Raises:
            MisuseError: the text has no number, no unit, or an unknown unit.
        """
        return cls(_parse(text))

    def total_seconds(self) -> float:
        """The span in seconds, as a float."""
        return self.ns / 1_000_000_000

    def to_timedelta(self) -> timedelta:
        """The span as a :class:`datetime.timedelta`, rounded down to its microseconds."""
        return timedelta(microseconds=self.ns // 1000)

    def __str__(self) -> str:
        # Mesos (stout's duration.hpp) takes the largest unit in which the value is at least one, or the next smaller one if
        # only that gives a whole number: 925295ns and 90secs, but 2.182634ms. Fractions have up to 15 digits.
        magnitude = abs(self.ns)
        sign = "-" if self.ns < 0 else ""
        for place, (unit, size) in enumerate(_UNITS):
            if magnitude < size:
                continue
            if magnitude % size:
                smaller, smaller_size = _UNITS[place + 1]
                if magnitude % smaller_size:
                    return f"{sign}{magnitude / size:.15g}{unit}"
                unit, size = smaller, smaller_size
            return f"{sign}{magnitude // size}{unit}"
        return "0ns"

    def __repr__(self) -> str:
        return f"Duration({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Duration) and self.ns == other.ns

    def __lt__(self, other: Duration) -> bool:
        if not isinstance(other, Duration):
            return NotImplemented
        return self.ns < other.ns

    def __hash__(self) -> int:
        return self.ns

    def __bool__(self) -> bool:
        return self.ns != 0

    def __add__(self, other: Duration) -> Duration:
        if not isinstance(other, Duration):
            return NotImplemented
        return Duration(self.ns + other.ns)

    def __sub__(self, other: Duration) -> Duration:
        if not isinstance(other, Duration):
            return NotImplemented
        return Duration(self.ns - other.ns)

    def __mul__(self, factor: float) -> Duration:
        if isinstance(factor, int):
            return Duration(self.ns * factor)
        if isinstance(factor, float):
            return Duration(round(self.ns * factor))
        return NotImplemented

    __rmul__ = __mul__

    def __truediv__(self, divisor: Duration | float) -> float | Duration:
        if isinstance(divisor, Duration):
            return self.ns / divisor.ns
        if isinstance(divisor, (int, float)):
            return Duration(round(self.ns / divisor))
        return NotImplemented

    def __floordiv__(self, divisor: Duration | int) -> int | Duration:
        if isinstance(divisor, Duration):
            return self.ns // divisor.ns
        if isinstance(divisor, int):
            return Duration(self.ns // divisor)
        return NotImplemented

    def __mod__(self, divisor: Duration) -> Duration:
        if isinstance(divisor, Duration):
            return Duration(self.ns % divisor.ns)
        return NotImplemented

    def __neg__(self) -> Duration:
        return Duration(-self.ns)

    def __abs__(self) -> Duration:
        return Duration(abs(self.ns))


DurationLike: TypeAlias = Duration | timedelta | str | int | float


@functools.lru_cache(maxsize=1024)
def _parse(text: str) -> int:
    match = _TEXT.fullmatch(text)
    if match is None or match[2] not in _NANOSECONDS_OF:
        units = ", ".join(reversed(_NANOSECONDS_OF))
        raise MisuseError(f"not a duration: {text!r}; wanted a number and a unit ({units}), for example '1.5ms' or '10secs'")
    whole, _, decimals = match[1].lstrip("-").partition(".")
    size = _NANOSECONDS_OF[match[2]]
    ns = int(whole) * size
    if decimals:
        # Rounded to the nearest nanosecond, so that what was printed with 15 digits reads back as the same span.
        scale = 10 ** len(decimals)
        ns += (2 * int(decimals) * size + scale) // (2 * scale)
    return -ns if match[1].startswith("-") else ns


def to_ns(value: DurationLike, argument: str) -> int:
    """Nanoseconds of anything a public argument accepts; ``argument`` names the parameter in errors.

    Raises:
        TypeError: the value is of no accepted type.
        MisuseError: the value is a text that is not a duration, or not a finite number.
    """
    if isinstance(value, Duration):
        return value.ns
    if isinstance(value, str):
        return _parse(value)
    if isinstance(value, timedelta):
        return (value.days * 86_400 + value.seconds) * 1_000_000_000 + value.microseconds * 1000
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(
            f"{argument}={value!r} is no duration; wanted a Duration, a timedelta, a text such as '10ms', or a number of seconds"
        )
    if isinstance(value, int):
        return value * 1_000_000_000
    if value != value or value in (float("inf"), float("-inf")):
        raise MisuseError(f"{argument}={value!r} is no finite number of seconds")
    return round(value * 1_000_000_000)


def as_duration(value: DurationLike, argument: str) -> Duration:
    """The :class:`Duration` of anything a public argument accepts; errors as :func:`to_ns`."""
    return value if isinstance(value, Duration) else Duration(to_ns(value, argument))


def nanoseconds(n: int) -> Duration:
    """``n`` nanoseconds."""
    return Duration(n)


def _of(n: float, unit: int) -> Duration:
    return Duration(n * unit if isinstance(n, int) else round(n * unit))


def microseconds(n: float) -> Duration:
    """``n`` microseconds."""
    return _of(n, 1_000)


def milliseconds(n: float) -> Duration:
    """``n`` milliseconds."""
    return _of(n, 1_000_000)


def seconds(n: float) -> Duration:
    """``n`` seconds."""
    return _of(n, 1_000_000_000)


def minutes(n: float) -> Duration:
    """``n`` minutes."""
    return _of(n, 60_000_000_000)


def hours(n: float) -> Duration:
    """``n`` hours."""
    return _of(n, 3_600_000_000_000)
