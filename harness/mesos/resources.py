"""Amounts of resources and their algebra: :class:`Resources` is an immutable bag of (identity, value) pairs.

``+`` merges, ``-`` removes what is there and never goes below nothing, ``&`` is the common part, ``<=`` asks whether one is
contained in the other. Pairs of equal identity only ever meet each other: two cpus reserved for a role are no part of four
unreserved ones. A persistent volume or a mounted disk is contained, removed and common as a whole or not at all.
Source: ``src/common/resources.cpp``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import msgspec

from harness.errors import MisuseError
from harness.mesos import values
from harness.mesos.values import RANGES, SCALAR, Identity, ResourceError, Value, thousandths

__all__ = ["Identity", "Resource", "ResourceError", "Resources", "ResourcesLike", "is_within"]


class Resource(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One entry of a :class:`Resources`, for reading: ``value`` is a float, (low, high) pairs, or strings, by ``type``."""

    name: str
    type: str = SCALAR
    value: float | tuple[tuple[int, int], ...] | tuple[str, ...]
    role: str = "*"
    reservations: tuple[tuple[str, str], ...] = ()
    allocation_role: str | None = None
    revocable: bool = False
    shared: bool = False
    disk: str | None = None
    provider_id: str | None = None


def is_within(role: str, ancestor: str) -> bool:
    """Whether ``role`` is ``ancestor`` or lies below it in the role tree (``a/b`` lies below ``a``)."""
    return role == ancestor or role.startswith(ancestor + "/")


@functools.lru_cache(maxsize=4096)
def _with_role(identity: Identity, role: str | None) -> Identity:
    return identity._replace(allocation_role=role)


class Resources:
    """An immutable amount of resources; equal by value, hashable, true unless empty.

    Read scalars with ``.cpus .mem .disk .gpus`` (floats, 0 when absent; mem and disk in MB), any other with
    ``.scalar(name)``, ports with ``.ports``. Iteration yields :class:`Resource` records in order of first mention.
    """

    __slots__ = ("_entries", "_hash", "_scalars")
    _entries: dict[Identity, Value]
    _hash: int | None
    _scalars: dict[str, int] | None

    def __init__(self, records: Iterable[Resource] = ()) -> None:
        """From records as iteration yields them. Unlike :meth:`parse` this takes negative scalars too, so that a test can
        build what a master has to refuse; :meth:`validate` tells."""
        entries: dict[Identity, Value] = {}
        for record in records:
            identity, value = _entry(record)
            entries[identity] = values.plus(identity.kind, entries[identity], value) if identity in entries else value
        self._entries = {identity: value for identity, value in entries.items() if value}
        self._hash = None
        self._scalars = None

    @classmethod
    def parse(cls, text: str) -> Resources:
        """Read ``cpus:2;mem:1024;ports:[31000-32000];disks:{a,b};cpus(role):1`` or Mesos's JSON array; memoised.

        Raises:
            ResourceError: malformed; the message names the piece, its position and what was expected.
            TypeError: not a text.
        """
        if not isinstance(text, str):
            raise TypeError(f"Resources.parse takes a text such as 'cpus:2;mem:1024', got {text!r}")
        return _parsed(text)

    @classmethod
    def of(cls, value: ResourcesLike) -> Resources:
        """Resources of what public arguments accept: a ``Resources``, a text, a mapping name -> number, or None (nothing).

        A mapping may hold negative numbers (see :meth:`validate`).
        """
        if isinstance(value, Resources):
            return value
        if value is None:
            return EMPTY
        if isinstance(value, str):
            return _parsed(value)
        if isinstance(value, Mapping):
            return cls(Resource(name=name, value=float(amount)) for name, amount in value.items())
        raise TypeError(f"no resources: {value!r}; wanted Resources, a text such as 'cpus:2;mem:1024', or {{'cpus': 2}}")

    @staticmethod
    def sum(amounts: Iterable[Resources]) -> Resources:
        """All of them added up."""
        total = EMPTY
        for amount in amounts:
            total = total + amount
        return total

    # --- reading

    @property
    def cpus(self) -> float:
        """Processors, 0 when absent."""
        return self.quantities.get("cpus", 0) / 1000

    @property
    def mem(self) -> float:
        """Memory in MB, 0 when absent."""
        return self.quantities.get("mem", 0) / 1000

    @property
    def disk(self) -> float:
        """Disk in MB, 0 when absent."""
        return self.quantities.get("disk", 0) / 1000

    @property
    def gpus(self) -> float:
        """Graphics processors, 0 when absent."""
        return self.quantities.get("gpus", 0) / 1000

    @property
    def ports(self) -> tuple[tuple[int, int], ...]:
        """Inclusive port ranges, sorted; empty when absent."""
        found: list[tuple[int, int]] = []
        for identity, value in self._entries.items():
            if identity.name == "ports" and isinstance(value, tuple):
                found.extend(value)
        return values.coalesce(found)

    @property
    def names(self) -> tuple[str, ...]:
        """The names present, each once, in order of first mention."""
        return tuple(dict.fromkeys(identity.name for identity in self._entries))

    @property
    def quantities(self) -> dict[str, int]:
        """Thousandths of every scalar by name, over all reservations and roles; shared ones count once. Do not change it."""
        scalars = self._scalars
        if scalars is None:
            scalars = {}
            for identity, value in self._entries.items():
                if isinstance(value, int):
                    amount = identity.shared or value
                    name = identity.name
                    scalars[name] = scalars[name] + amount if name in scalars else amount
            self._scalars = scalars
        return scalars

    def scalar(self, name: str) -> float:
        """The scalar called ``name`` over all reservations and roles, 0 when absent."""
        return self.quantities.get(name, 0) / 1000

    def get(self, name: str) -> Resources:
        """Only the entries called ``name``."""
        return self.filter(lambda identity: identity.name == name)

    def contains(self, other: Resources) -> bool:
        """Whether ``other`` is a part of this, identity by identity."""
        mine = self._entries
        for identity, value in other._entries.items():
            have = mine.get(identity)
            if have is None:
                return False
            if have is not value and (
                not values.covers(identity.kind, have, value) or (identity.disk is not None and _is_cut(identity, have, value))
            ):
                return False
        return True

    def validate(self) -> str | None:
        """What is wrong with these amounts in Mesos's words, or None. Only unparsed ones can be wrong."""
        for identity, value in self._entries.items():
            if isinstance(value, int) and value < 0:
                return f"Resource '{_make({identity: value})}' is invalid: Invalid scalar resource: value <= 0"
            if identity.kind == RANGES and isinstance(value, tuple) and any(low > high for low, high in value):
                return f"Resource '{_make({identity: value})}' is invalid: Invalid ranges resource: begin > end"
        return None

    # --- parts

    def filter(self, keep: Callable[[Identity], bool]) -> Resources:
        """Only the entries whose identity ``keep`` accepts; self if that is all of them."""
        entries = {identity: value for identity, value in self._entries.items() if keep(identity)}
        return self if len(entries) == len(self._entries) else _make(entries)

    @property
    def entries(self) -> Mapping[Identity, Value]:
        """The bag itself, for code that counts; do not change it."""
        return self._entries

    @classmethod
    def from_entries(cls, entries: dict[Identity, Value]) -> Resources:
        """From a bag as :attr:`entries` gives it; takes the dict over and drops empty values."""
        return _make({identity: value for identity, value in entries.items() if value})

    @property
    def is_plain(self) -> bool:
        """Whether everything is unreserved, not revocable and not shared: the common case, worth asking first."""
        for identity in self._entries:  # noqa: SIM110 - asked very often, and a generator would double its cost
            if identity.reservations or identity.revocable or identity.shared:
                return False
        return True

    @property
    def has_shared(self) -> bool:
        """Whether anything in it is shared."""
        for identity in self._entries:  # noqa: SIM110 - as in is_plain
            if identity.shared:
                return True
        return False

    def allocate(self, role: str) -> Resources:
        """The same amounts, marked as allocated to ``role``."""
        return _make(_merged((_with_role(identity, role), value) for identity, value in self._entries.items()))

    def unallocate(self) -> Resources:
        """The same amounts without the marks of :meth:`allocate`; amounts of different roles merge."""
        for identity in self._entries:
            if identity.allocation_role is not None:
                return _make(_merged((_with_role(key, None), value) for key, value in self._entries.items()))
        return self

    @property
    def allocations(self) -> dict[str, Resources]:
        """The parts by allocation role; unallocated entries are left out."""
        parts: dict[str, dict[Identity, Value]] = {}
        for identity, value in self._entries.items():
            if identity.allocation_role is not None:
                parts.setdefault(identity.allocation_role, {})[identity] = value
        return {role: _make(entries) for role, entries in parts.items()}

    def reserved(self, role: str | None = None) -> Resources:
        """The reserved entries: all, or those reserved for exactly ``role``."""
        if role is None:
            return self.filter(lambda identity: bool(identity.reservations))
        return self.filter(lambda identity: bool(identity.reservations) and identity.role == role)

    def unreserved(self) -> Resources:
        """The entries that are not reserved for anybody."""
        return self.filter(lambda identity: not identity.reservations)

    def allocatable_to(self, role: str) -> Resources:
        """What may be offered to ``role``: unreserved entries and those reserved for it or an ancestor of it."""
        return self.filter(lambda identity: not identity.reservations or is_within(role, identity.role))

    def revocable(self) -> Resources:
        """The entries that Mesos may take back."""
        return self.filter(lambda identity: identity.revocable)

    def nonrevocable(self) -> Resources:
        """The entries that Mesos may not take back."""
        return self.filter(lambda identity: not identity.revocable)

    def shared(self) -> Resources:
        """The entries that several tasks may hold at once."""
        return self.filter(lambda identity: identity.shared != 0)

    def nonshared(self) -> Resources:
        """The entries that one holder has for itself."""
        return self.filter(lambda identity: identity.shared == 0)

    # --- algebra

    def __add__(self, other: Resources) -> Resources:
        if not isinstance(other, Resources):
            return NotImplemented
        if not other._entries:
            return self
        if not self._entries:
            return other
        result = dict(self._entries)
        for identity, value in other._entries.items():
            mine = result.get(identity)
            result[identity] = value if mine is None else values.plus(identity.kind, mine, value)
        return _make(result)

    def __sub__(self, other: Resources) -> Resources:
        if not isinstance(other, Resources):
            return NotImplemented
        if not other._entries or not self._entries:
            return self
        result = dict(self._entries)
        for identity, value in other._entries.items():
            mine = result.get(identity)
            if mine is None:
                continue
            rest = values.minus(identity.kind, mine, value)
            if identity.disk is not None and _is_cut(identity, mine, value):
                continue
            # Nothing goes below nothing: what was not contained is ignored.
            if rest and (type(rest) is not int or rest > 0):
                result[identity] = rest
            else:
                del result[identity]
        return _make(result)

    def __and__(self, other: Resources) -> Resources:
        if not isinstance(other, Resources):
            return NotImplemented
        theirs = other._entries
        result: dict[Identity, Value] = {}
        for identity, value in self._entries.items():
            if identity in theirs:
                both = values.common(identity.kind, value, theirs[identity])
                if both and not (identity.disk is not None and _is_cut(identity, value, theirs[identity])):
                    result[identity] = both
        return _make(result)

    def __le__(self, other: Resources) -> bool:
        if not isinstance(other, Resources):
            return NotImplemented
        return other.contains(self)

    def __ge__(self, other: Resources) -> bool:
        if not isinstance(other, Resources):
            return NotImplemented
        return self.contains(other)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Resources) and self._entries == other._entries

    def __hash__(self) -> int:
        # Computed from the numbers alone, so that it is the same in every process whatever the hash seed.
        if self._hash is None:
            self._hash = len(self._entries) + 31 * sum(
                value if isinstance(value, int) else len(value) for value in self._entries.values()
            )
        return self._hash

    def __bool__(self) -> bool:
        return bool(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Resource]:
        return map(_record, self._entries.items())

    def to_json(self) -> list[dict[str, Any]]:
        """The other notation, as Mesos's JSON array of ``Resource`` objects; ``parse(json.dumps(...))`` reads it back."""
        return [values.to_json(identity, value) for identity, value in self._entries.items()]

    def __str__(self) -> str:
        return "; ".join(values.show(identity, value) for identity, value in self._entries.items()) or "{}"

    def __repr__(self) -> str:
        return f"Resources({str(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _make, (self._entries,)


#: What public arguments that mean resources accept.
ResourcesLike: TypeAlias = Resources | str | Mapping[str, float] | None


def _is_cut(identity: Identity, have: Value, wanted: Value) -> bool:
    # A volume or a mounted disk has no parts: what is of another size is another thing.
    return have != wanted and identity.is_whole


_new = Resources.__new__


def _make(entries: dict[Identity, Value]) -> Resources:
    # The constructor for trusted dicts (no empty values): twice as fast as going through __init__.
    made = _new(Resources)
    made._entries = entries
    made._hash = None
    made._scalars = None
    return made


def _merged(pairs: Iterable[tuple[Identity, Value]]) -> dict[Identity, Value]:
    entries: dict[Identity, Value] = {}
    for identity, value in pairs:
        entries[identity] = values.plus(identity.kind, entries[identity], value) if identity in entries else value
    return entries


@functools.lru_cache(maxsize=1024)
def _parsed(text: str) -> Resources:
    return _make(dict(values.parse(text)))


def _record(entry: tuple[Identity, Value]) -> Resource:
    identity, value = entry
    return Resource(
        name=identity.name,
        type=identity.kind,
        value=(identity.shared or value) / 1000 if isinstance(value, int) else value,
        role=identity.role,
        reservations=identity.reservations,
        allocation_role=identity.allocation_role,
        revocable=identity.revocable,
        shared=identity.shared != 0,
        disk=identity.disk,
        provider_id=identity.provider_id,
    )


def _entry(record: Resource) -> tuple[Identity, Value]:
    if not isinstance(record, Resource):
        raise MisuseError(f"Resources(...) takes Resource records, got {record!r}; for a text use Resources.parse(...)")
    reservations = record.reservations or (() if record.role == "*" else (("STATIC", record.role),))
    identity = Identity(
        record.name, record.type, reservations, record.allocation_role, record.revocable, 0, record.disk, record.provider_id
    )
    if record.type == SCALAR:
        if isinstance(record.value, tuple):
            raise ResourceError(f"resource {record.name!r} is a SCALAR with the value {record.value!r}; wanted a number")
        amount = thousandths(record.value)
        return (identity._replace(shared=amount), 1) if record.shared else (identity, amount)
    if not isinstance(record.value, tuple):
        raise ResourceError(f"resource {record.name!r} is of {record.type} with the value {record.value!r}; wanted a tuple")
    items: Iterable[Any] = record.value
    return identity, values.coalesce(items) if record.type == RANGES else tuple(sorted(dict.fromkeys(items)))


#: No resources at all.
EMPTY = Resources()
