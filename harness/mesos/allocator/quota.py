"""Quotas during one allocation run: what roles have consumed, and how much must be kept free for guarantees.

Only top-level roles have quotas; what their descendants hold counts for them. A role has *consumed* everything reserved
for it, in use or not, and all unreserved, non-revocable scalars that it was offered or allocated. The *required headroom*
is what guarantees still lack, the *available headroom* what could satisfy them; only the surplus of the second over the
first may be given beyond guarantees.

Source: ``src/master/allocator/mesos/hierarchical.cpp``.
"""

from __future__ import annotations

from harness.mesos.allocator.books import Books
from harness.mesos.allocator.options import Quantities
from harness.mesos.resources import Identity, Resources
from harness.mesos.values import SCALAR, Value


def top_level(role: str) -> str:
    """The first part of a role's path."""
    return role.partition("/")[0]


def is_quota_kind(identity: Identity) -> bool:
    """Whether entries of this identity are what quotas are about: unreserved, non-revocable scalars of their own."""
    return identity.kind == SCALAR and not (identity.reservations or identity.revocable or identity.shared)


def shrink(resources: Resources, target: Quantities, absent_is_unlimited: bool) -> Resources:
    """As much of the scalars ``resources`` as fits into ``target`` (thousandths by name).

    A name that ``target`` lacks is dropped, or kept whole if ``absent_is_unlimited``. A volume or a mounted disk
    cannot be divided: it fits whole or not at all.
    """
    rest = dict(target)
    taken: dict[Identity, Value] = {}
    for identity, value in resources.entries.items():
        assert isinstance(value, int)
        if identity.name not in rest:
            if absent_is_unlimited:
                taken[identity] = value
            continue
        fits = min(value, max(rest[identity.name], 0))
        if fits < value and identity.is_whole:
            continue
        rest[identity.name] -= fits
        taken[identity] = fits
    return Resources.from_entries(taken)


class Headroom:
    """The quota accounts of one run; computed at its start, kept up to date as resources are given out."""

    __slots__ = ("available", "books", "consumed", "required")

    def __init__(self, books: Books) -> None:
        self.books = books
        self.consumed: dict[str, Quantities] = {role: {} for role in books.quotas}
        self.available: Quantities = {}
        for slave in books.slaves.values():
            for identity, value in slave.total.entries.items():
                if identity.reservations and isinstance(value, int):
                    self._consume(top_level(identity.role), identity.name, identity.shared or value)
            for held in slave.allocated.values():
                for identity, value in held.entries.items():
                    if is_quota_kind(identity) and isinstance(value, int):
                        self._consume(top_level(identity.allocation_role or "*"), identity.name, value)
            for identity, value in slave.free.entries.items():
                if is_quota_kind(identity) and isinstance(value, int):
                    self.available[identity.name] = self.available.get(identity.name, 0) + value
        self.required: Quantities = {}
        for role in books.quotas:
            for name, value in self.unsatisfied(role).items():
                self.required[name] = self.required.get(name, 0) + value

    def _consume(self, role: str, name: str, value: int) -> None:
        consumed = self.consumed.get(role)
        if consumed is not None:
            consumed[name] = consumed.get(name, 0) + value

    def unsatisfied(self, role: str) -> Quantities:
        """What the guarantees of a role with a quota still lack; names with nothing lacking are left out."""
        consumed = self.consumed[role]
        lacking = {name: value - consumed.get(name, 0) for name, value in self.books.quotas[role].guarantees.items()}
        return {name: value for name, value in lacking.items() if value > 0}

    def within_limits(self, role: str, resources: Resources) -> Resources:
        """As much of the scalars ``resources`` as the limits of the role, or of its top-level ancestor, still allow."""
        top = top_level(role)
        quota = self.books.quotas.get(top)
        if quota is None or not quota.limits:
            return resources
        consumed = self.consumed[top]
        return shrink(resources, {name: value - consumed.get(name, 0) for name, value in quota.limits.items()}, True)

    def within_surplus(self, resources: Resources) -> Resources:
        """As much of the scalars ``resources`` as can go without endangering a guarantee."""
        if not self.required:
            return resources
        surplus = {name: value - self.required.get(name, 0) for name, value in self.available.items()}
        return shrink(resources, surplus, False)

    def given(self, role: str, resources: Resources) -> None:
        """``resources`` went to ``role``; update what is consumed, required and available."""
        top = top_level(role)
        before = self.unsatisfied(top) if top in self.consumed else {}
        for identity, value in resources.entries.items():
            if is_quota_kind(identity) and isinstance(value, int):
                self.available[identity.name] = self.available.get(identity.name, 0) - value
                self._consume(top, identity.name, value)
        if before:
            after = self.unsatisfied(top)
            for name, value in before.items():
                left = self.required[name] - (value - after.get(name, 0))
                if left > 0:
                    self.required[name] = left
                else:
                    del self.required[name]
