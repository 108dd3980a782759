"""What resources are made of: identities, exact values, and the text form.

A resource is an *identity* (which name, reserved for whom, allocated to whom, ...) and a *value* of one of three kinds:

- ``SCALAR``: a number with three exact decimals, kept as a whole number of thousandths, so that sums never drift;
- ``RANGES``: inclusive integer ranges, sorted and merged where they overlap or touch;
- ``SET``: unique strings, sorted.

Only values of equal identity add up. Source: ``src/common/values.cpp``, ``src/common/resources.cpp``.
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

from harness.errors import MisuseError

SCALAR, RANGES, SET = "SCALAR", "RANGES", "SET"

#: Thousandths, merged ranges, or sorted strings, by the kind of the identity.
Value: TypeAlias = int | tuple[Any, ...]

_SMALLEST_NORMAL = 2.2250738585072014e-308
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?inf(inity)?|[+-]?nan", re.ASCII | re.IGNORECASE)


class ResourceError(MisuseError, ValueError):
    """A text or a number that is no resource; the message names the piece, its place, and what was wanted."""


class Identity(NamedTuple):
    """Everything that keeps two resources of one name apart.

    ``reservations`` is the stack of (type, role) pairs, the outermost first, with type ``STATIC`` or ``DYNAMIC``; empty
    means unreserved. ``shared`` is 0, or the size in thousandths of a shared scalar, whose *value* then counts copies:
    several tasks may hold the same volume, and it is gone when the last of them lets go.
    """

    name: str
    kind: str = SCALAR
    reservations: tuple[tuple[str, str], ...] = ()
    allocation_role: str | None = None
    revocable: bool = False
    shared: int = 0
    disk: str | None = None
    provider_id: str | None = None

    @property
    def role(self) -> str:
        """The role of the innermost reservation, ``*`` if unreserved."""
        return self.reservations[-1][1] if self.reservations else "*"

    @property
    def is_whole(self) -> bool:
        """Whether it is had as a whole or not at all: a persistent volume, a mounted disk, a block device."""
        return self.disk is not None and not self.shared and _is_whole(self.disk)


@functools.lru_cache(maxsize=1024)
def _is_whole(disk: str) -> bool:
    info = _disk_info(disk)
    # A label that is no DiskInfo stands for one particular disk.
    return info is None or "persistence" in info or info.get("source", {}).get("type") in ("MOUNT", "BLOCK", "RAW")


def _disk_info(disk: str) -> Mapping[str, Any] | None:
    try:
        info = json.loads(disk)
    except ValueError:
        return None
    return info if isinstance(info, dict) else None


@functools.lru_cache(maxsize=1024)
def _show_disk(disk: str) -> str:
    """A disk as Mesos prints it: its source, the id of its volume and where that is mounted, as far as there are such."""
    info = _disk_info(disk)
    if info is None:
        return disk
    source, volume = info.get("source"), info.get("volume")
    parts = []
    if source is not None:
        place = source.get("path", source.get("mount", {})).get("root") or source.get("id")
        parts.append(f"{source.get('type')}:{place}" if place else str(source.get("type")))
    if "persistence" in info:
        parts.append(str(info["persistence"].get("id")))
    text = ",".join(parts)
    return f"{text}:{volume.get('container_path')}" if volume is not None else text


def thousandths(value: float) -> int:
    """The fixed-point form of a scalar: rounded to three decimals, halves away from zero, as C's ``llround``."""
    scaled = value * 1000
    return math.floor(scaled + 0.5) if scaled >= 0 else math.ceil(scaled - 0.5)


def coalesce(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Inclusive ranges sorted, with overlapping and adjacent ones merged."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            if high > merged[-1][1]:
                merged[-1] = (merged[-1][0], high)
        else:
            merged.append((low, high))
    return tuple(merged)


def _ranges_minus(left: tuple[Any, ...], right: tuple[Any, ...]) -> tuple[Any, ...]:
    remaining: list[tuple[int, int]] = list(left)
    for low, high in right:
        pieces: list[tuple[int, int]] = []
        for a, b in remaining:
            if high < a or b < low:
                pieces.append((a, b))
                continue
            if a < low:
                pieces.append((a, low - 1))
            if high < b:
                pieces.append((high + 1, b))
        remaining = pieces
    return tuple(remaining)


def _ranges_common(left: tuple[Any, ...], right: tuple[Any, ...]) -> tuple[Any, ...]:
    return coalesce((max(a, c), min(b, d)) for a, b in left for c, d in right if max(a, c) <= min(b, d))


def plus(kind: str, left: Value, right: Value) -> Value:
    """The sum of two values of one kind."""
    if isinstance(left, int) and isinstance(right, int):
        return left + right
    assert isinstance(left, tuple)
    assert isinstance(right, tuple)
    if left == right:
        return left
    return coalesce(left + right) if kind == RANGES else tuple(sorted(dict.fromkeys(left + right)))


def minus(kind: str, left: Value, right: Value) -> Value:
    """What is left of ``left`` without ``right``; may be zero, empty or (for scalars) negative."""
    if isinstance(left, int) and isinstance(right, int):
        return left - right
    assert isinstance(left, tuple)
    assert isinstance(right, tuple)
    if left == right:
        return ()
    return _ranges_minus(left, right) if kind == RANGES else tuple(item for item in left if item not in right)


def common(kind: str, left: Value, right: Value) -> Value:
    """The part that both values have."""
    if isinstance(left, int) and isinstance(right, int):
        return min(left, right)
    assert isinstance(left, tuple)
    assert isinstance(right, tuple)
    if left == right:
        return left
    return _ranges_common(left, right) if kind == RANGES else tuple(item for item in left if item in right)


def covers(kind: str, left: Value, right: Value) -> bool:
    """Whether ``right`` is contained in ``left``."""
    if isinstance(left, int) and isinstance(right, int):
        return left >= right
    assert isinstance(left, tuple)
    assert isinstance(right, tuple)
    if left == right:
        return True
    if kind == RANGES:
        return all(any(a <= low and high <= b for a, b in left) for low, high in right)
    return all(item in left for item in right)


# --- text ----------------------------------------------------------------------------------------------------------------


def show_scalar(value: int) -> str:
    """A scalar as Mesos prints it: no trailing zeros, ``0.1``, ``1024``."""
    sign, magnitude = ("-", -value) if value < 0 else ("", value)
    whole, rest = divmod(magnitude, 1000)
    return f"{sign}{whole}.{rest:03d}".rstrip("0") if rest else f"{sign}{whole}"


def show(identity: Identity, value: Value) -> str:
    """One resource in Mesos's notation, for example ``cpus:2``, ``mem(web):512`` or ``ports(allocated: *):[1-5]``."""
    parts = [identity.name]
    if identity.allocation_role is not None:
        parts.append(f"(allocated: {identity.allocation_role})")
    reservations = identity.reservations
    if len(reservations) == 1 and reservations[0][0] == "STATIC":
        parts.append(f"({reservations[0][1]})")
    elif reservations:
        parts.append("(reservations: [" + ",".join(f"({kind},{role})" for kind, role in reservations) + "])")
    if identity.disk is not None:
        parts.append(f"[{_show_disk(identity.disk)}]")
    if identity.revocable:
        parts.append("{REV}")
    if identity.shared:
        parts.append("<SHARED>")
        value = identity.shared
    if isinstance(value, int):
        text = show_scalar(value)
    elif identity.kind == RANGES:
        text = "[" + ", ".join(f"{low}-{high}" for low, high in value) + "]"
    else:
        text = "{" + ", ".join(value) + "}"
    return "".join(parts) + ":" + text


@functools.lru_cache(maxsize=1024)
def parse(text: str) -> tuple[tuple[Identity, Value], ...]:
    """The resources written in ``text``, equal identities summed, zero and empty ones left out; memoised.

    Two notations: ``name:value;name(role):value`` with values ``2.5``, ``[31000-32000, 8080-8090]`` or ``{a, b}``, and a
    JSON array of Mesos's ``Resource`` objects.

    Raises:
        ResourceError: a piece is malformed; the message names it, its place and what was expected.
    """
    found: dict[Identity, Value] = {}
    pieces = _json_pieces(text) if text.lstrip().startswith("[") else _text_pieces(text)
    for identity, value in pieces:
        if value:
            found[identity] = plus(identity.kind, found[identity], value) if identity in found else value
    return tuple(found.items())


@functools.lru_cache(maxsize=1024)
def parse_quantities(text: str) -> tuple[tuple[str, int], ...]:
    """Scalars by name in thousandths, zeros kept (a limit of zero means something); memoised.

    Raises:
        ResourceError: as :func:`parse`, and for anything that is not an unreserved scalar.
    """
    found: dict[str, int] = {}
    for identity, value in _text_pieces(text):
        if not isinstance(value, int) or identity.reservations:
            raise ResourceError(
                f"quantities {text!r}: {identity.name!r} is no plain scalar; wanted for example 'cpus:2;mem:1024'"
            )
        found[identity.name] = found.get(identity.name, 0) + value
    return tuple(found.items())


def _text_pieces(text: str) -> Iterable[tuple[Identity, Value]]:
    position = 0
    for number, piece in enumerate(text.split(";"), start=1):
        if piece.strip():
            yield _piece(text, number, position, "".join(piece.split()))
        position += len(piece) + 1


def _piece(text: str, number: int, position: int, piece: str) -> tuple[Identity, Value]:
    where = f"resources {text!r}: piece {number} ({piece!r}, at position {position})"
    if piece.count(":") != 1:
        problem = "has no ':'" if ":" not in piece else "has more than one ':'"
        raise ResourceError(f"{where} {problem}; wanted name:value or name(role):value, for example 'mem:1024'")
    head, _, tail = piece.partition(":")
    name, bracket, rest = head.partition("(")
    reservations: tuple[tuple[str, str], ...] = ()
    if bracket:
        role, closing, after = rest.partition(")")
        if not closing or after or not role:
            raise ResourceError(f"{where} has a malformed role; wanted name(role):value, for example 'mem(web):512'")
        reservations = () if role == "*" else (("STATIC", role),)
    if not name:
        raise ResourceError(f"{where} has no name before the ':'; wanted name:value, for example 'mem:1024'")
    kind, value = _value(where, tail)
    return Identity(name, kind, reservations), value


def _value(where: str, text: str) -> tuple[str, Value]:
    if text.startswith("["):
        return RANGES, _ranges(where, text)
    if text.startswith("{"):
        if not text.endswith("}"):
            raise ResourceError(f"{where} has a set without its closing brace; wanted {{a, b}}")
        return SET, tuple(sorted(dict.fromkeys(item for item in text[1:-1].split(",") if item)))
    # Python reads more than C does: underscores, digits of other scripts.
    if _NUMBER.fullmatch(text) is None:
        raise ResourceError(f"{where} has the value {text!r}; wanted a number (2.5), ranges ([31000-32000]) or a set ({{a, b}})")
    number = float(text)
    if not math.isfinite(number) or number < 0 or 0 < number < _SMALLEST_NORMAL:
        raise ResourceError(f"{where} has the value {text!r}; wanted a finite number that is not negative")
    return SCALAR, thousandths(number)


def _ranges(where: str, text: str) -> tuple[tuple[int, int], ...]:
    ranges: list[tuple[int, int]] = []
    inside = text[1:-1] if text.endswith("]") else None
    for piece in [] if inside == "" else (inside or "?").split(","):
        low, dash, high = piece.partition("-")
        if not (dash and low.isascii() and low.isdigit() and high.isascii() and high.isdigit()):
            raise ResourceError(f"{where} has the ranges {text!r}; wanted inclusive ranges such as [31000-32000, 8080-8080]")
        if int(low) > int(high):
            raise ResourceError(f"{where} has the range {piece!r}, which ends before it begins; wanted {high}-{low}?")
        ranges.append((int(low), int(high)))
    return coalesce(ranges)


def _json_pieces(text: str) -> Iterable[tuple[Identity, Value]]:
    try:
        entries = json.loads(text)
    except ValueError as problem:
        raise ResourceError(f"resources {text!r}: starts like a JSON array but is none ({problem})") from None
    for number, entry in enumerate(entries, start=1):
        where = f"resources: entry {number} of the JSON array ({entry!r})"
        try:
            yield from_json(entry)
        except ResourceError as problem:
            raise ResourceError(f"{where}: {problem}") from None
        except KeyError as problem:
            raise ResourceError(
                f"{where} lacks {problem}; wanted an object with name, type and one of scalar, ranges, set"
            ) from None
        except (TypeError, AttributeError, ValueError, OverflowError) as problem:
            raise ResourceError(
                f"{where} is malformed ({problem}); wanted an object with name, type and one of scalar, ranges, set"
            ) from None


def from_json(entry: Mapping[str, Any]) -> tuple[Identity, Value]:
    """One ``Resource`` object of Mesos's JSON; a wrong part raises KeyError, TypeError, AttributeError or ValueError."""
    kind, name = str(entry["type"]), str(entry["name"])
    value: Value
    if kind == SCALAR:
        number = float(entry["scalar"]["value"])
        if not math.isfinite(number) or number < 0:
            raise ResourceError(f"resource {name!r} has the scalar {number!r}; wanted a finite number that is not negative")
        value = thousandths(number)
    elif kind == RANGES:
        found = [(int(item["begin"]), int(item["end"])) for item in entry["ranges"].get("range", ())]
        for low, high in found:
            if low > high or low < 0:
                raise ResourceError(f"resource {name!r} has the range {low}-{high}; wanted 0 <= begin <= end")
        value = coalesce(found)
    elif kind == SET:
        value = tuple(sorted(dict.fromkeys(entry["set"].get("item", ()))))
    else:
        raise ResourceError(f"resource {name!r} has the type {kind!r}; wanted SCALAR, RANGES or SET")
    reservations = tuple((str(item.get("type", "DYNAMIC")), str(item["role"])) for item in entry.get("reservations", ()))
    if not reservations and entry.get("role", "*") != "*":
        reservations = (("DYNAMIC" if "reservation" in entry else "STATIC", str(entry["role"])),)
    disk = entry.get("disk")
    identity = Identity(
        name,
        kind,
        reservations,
        entry["allocation_info"]["role"] if "allocation_info" in entry else None,
        "revocable" in entry,
        0,
        json.dumps(disk, sort_keys=True) if disk else None,
        entry["provider_id"]["value"] if "provider_id" in entry else None,
    )
    if "shared" in entry and isinstance(value, int):
        return identity._replace(shared=value), 1
    return identity, value


def to_json(identity: Identity, value: Value) -> dict[str, Any]:
    """One resource as a ``Resource`` object of Mesos's JSON, which :func:`from_json` reads."""
    entry: dict[str, Any] = {"name": identity.name, "type": identity.kind}
    if isinstance(value, int):
        amount = identity.shared or value
        entry["scalar"] = {"value": amount // 1000 if amount % 1000 == 0 else amount / 1000}
    elif identity.kind == RANGES:
        entry["ranges"] = {"range": [{"begin": low, "end": high} for low, high in value]}
    else:
        entry["set"] = {"item": list(value)}
    if identity.reservations:
        entry["reservations"] = [{"type": kind, "role": role} for kind, role in identity.reservations]
    if identity.allocation_role is not None:
        entry["allocation_info"] = {"role": identity.allocation_role}
    if identity.revocable:
        entry["revocable"] = {}
    if identity.shared:
        entry["shared"] = {}
    if identity.disk is not None:
        info = _disk_info(identity.disk)
        entry["disk"] = {"persistence": {"id": identity.disk}} if info is None else dict(info)
    if identity.provider_id is not None:
        entry["provider_id"] = {"value": identity.provider_id}
    return entry
