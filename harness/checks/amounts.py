"""Amounts as the checks count them: from the records that resources consist of, without the algebra under test.

An amount is a dict from a *kind* (everything that keeps two resources apart, the allocation role excepted) to thousandths of a
scalar, or to the set of the single numbers or strings.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from harness.mesos.resources import Resource


class Kind(NamedTuple):
    """What keeps two resources apart."""

    name: str
    reservations: tuple[tuple[str, str], ...] = ()
    revocable: bool = False
    shared: bool = False
    disk: str | None = None
    provider_id: str | None = None

    @property
    def role(self) -> str:
        """For whom it is reserved, ``*`` for everybody."""
        return self.reservations[-1][1] if self.reservations else "*"

    @property
    def is_for_quotas(self) -> bool:
        """Whether quotas count it when somebody has it."""
        return not (self.reservations or self.revocable or self.shared)

    def __str__(self) -> str:
        marks = [f"({self.role})"] if self.reservations else []
        marks += ["{revocable}"] if self.revocable else []
        marks += ["<shared>"] if self.shared else []
        return self.name + "".join(marks)


#: Thousandths of a scalar, or the members of ranges and sets.
Size: TypeAlias = int | frozenset[int] | frozenset[str]
Amount: TypeAlias = dict[Kind, Size]


def amount_of(records: Iterable[Resource]) -> Amount:
    """What resources amount to, whoever they are allocated to."""
    found: Amount = {}
    for record in records:
        kind = Kind(record.name, record.reservations, record.revocable, record.shared, record.disk, record.provider_id)
        found[kind] = joined(found[kind], _size(record)) if kind in found else _size(record)
    return found


def _size(record: Resource) -> Size:
    value = record.value
    if not isinstance(value, tuple):
        return round(value * 1000)
    members: list[int] = []
    texts: list[str] = []
    for item in value:
        if isinstance(item, str):
            texts.append(item)
        else:
            members.extend(range(item[0], item[1] + 1))
    return frozenset(texts) if texts else frozenset(members)


def joined(left: Size, right: Size) -> Size:
    """Both together."""
    if isinstance(left, int) or isinstance(right, int):
        assert isinstance(left, int)
        assert isinstance(right, int)
        return left + right
    return frozenset(left) | frozenset(right)  # type: ignore[return-value]


def rest(left: Size, right: Size) -> Size:
    """What of ``left`` is left without ``right``; never less than nothing."""
    if isinstance(left, int) or isinstance(right, int):
        assert isinstance(left, int)
        assert isinstance(right, int)
        return max(left - right, 0)
    return left - right


def plus(left: Amount, right: Amount) -> Amount:
    """Both amounts together."""
    total = dict(left)
    for kind, size in right.items():
        total[kind] = joined(total[kind], size) if kind in total else size
    return total


def minus(left: Amount, right: Amount) -> Amount:
    """``left`` without ``right``; what was not there is ignored."""
    remaining: Amount = {}
    for kind, size in left.items():
        remaining[kind] = rest(size, right[kind]) if kind in right else size
    return {kind: size for kind, size in remaining.items() if size}


def beyond(left: Amount, right: Amount) -> Amount:
    """The part of ``left`` that ``right`` does not have; shared resources are never too many."""
    return {kind: size for kind, size in minus(left, right).items() if not kind.shared}


def scalars(amount: Amount) -> dict[str, int]:
    """Thousandths by name."""
    found: dict[str, int] = {}
    for kind, size in amount.items():
        if isinstance(size, int):
            found[kind.name] = found.get(kind.name, 0) + size
    return found


def show(amount: Amount) -> str:
    """An amount on one line."""
    parts = []
    for kind, size in amount.items():
        if isinstance(size, int):
            parts.append(f"{kind}:{size / 1000:g}")
        else:
            members = sorted(size)
            few = ", ".join(map(str, members[:4])) + (f" and {len(members) - 4} more" if len(members) > 4 else "")
            parts.append(f"{kind}:{{{few}}}")
    return "; ".join(parts) or "nothing"
