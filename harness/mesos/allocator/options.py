"""Settings that travel into an allocator: options of the allocator and of a framework, quotas, conversions.

Source: ``include/mesos/allocator/allocator.hpp``, ``include/mesos/quota/quota.hpp``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import msgspec

from harness.durations import DurationLike, minutes, seconds
from harness.errors import MisuseError
from harness.mesos import values
from harness.mesos.allocator.constraints import OfferConstraints
from harness.mesos.messages import FaultDomain
from harness.mesos.resources import Resources
from harness.mesos.versions import Behaviour
from harness.mesos.versions import behaviour as behaviour_of

#: Thousandths of scalars by name.
Quantities: TypeAlias = dict[str, int]

QuantitiesLike: TypeAlias = Resources | str | Mapping[str, float]


def quantities_of(value: QuantitiesLike) -> Quantities:
    """Thousandths by name of a text such as ``cpus:2;mem:0`` (zeros kept), a mapping of numbers, or resources.

    Raises:
        ResourceError: the text is malformed or names something that is no scalar.
        TypeError: the value is of another type.
    """
    if isinstance(value, str):
        return dict(values.parse_quantities(value))
    if isinstance(value, Resources):
        return dict(value.quantities)
    if isinstance(value, Mapping):
        return {name: values.thousandths(amount) for name, amount in value.items()}
    raise TypeError(f"no quantities: {value!r}; wanted a text such as 'cpus:2;mem:1024', a mapping, or Resources")


def quantity_sets(value: str | Iterable[QuantitiesLike] | None) -> tuple[Quantities, ...]:
    """Alternatives of minimal amounts: Mesos's flag notation ``cpus:0.01|mem:32``, or a sequence of quantities."""
    if value is None:
        return ()
    parts: Iterable[QuantitiesLike] = [part for part in value.split("|") if part.strip()] if isinstance(value, str) else value
    return tuple(quantities_of(part) for part in parts)


def show_quantities(quantities: Quantities) -> str:
    """``cpus:2; mem:1024``, or ``{}`` for nothing."""
    return "; ".join(f"{name}:{values.show_scalar(value)}" for name, value in quantities.items()) or "{}"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How an allocator works; names and defaults are Mesos's."""

    #: Time between the end of one batch of allocations and the next; also the shortest life of an offer filter.
    allocation_interval: DurationLike = seconds(1)
    #: Scalars that do not count in fair shares.
    fair_sharing_excluded_resource_names: tuple[str, ...] = ()
    #: Offer agents that have GPUs only to frameworks with the capability GPU_RESOURCES.
    filter_gpu_resources: bool = True
    #: Where the master stands; agents of another region are offered to REGION_AWARE frameworks only.
    domain: FaultDomain | None = None
    #: An offer must hold one of these amounts; a text separates alternatives by ``|``.
    min_allocatable_resources: str | tuple[QuantitiesLike, ...] = "cpus:0.01|mem:32"
    #: With quotas in the registry, how long a recovered allocator waits for agents before it offers anything.
    recovery_timeout: DurationLike = minutes(10)
    #: The share of the registry's agents whose return ends that wait.
    agent_recovery_factor: float = 0.8
    #: The release to behave as.
    behaviour: Behaviour = behaviour_of()


class FrameworkOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a framework asks for beside its info."""

    #: Roles for which it wants no offers until it revives them.
    suppressed_roles: tuple[str, ...] = ()
    #: Which agents it wants offers of, asked before each offer: a function of role and agent, or Mesos's structure (see
    #: constraints.py); None means that every agent will do.
    offer_constraints: OfferConstraints | Mapping[str, Any] | None = None

    def __str__(self) -> str:
        return f"suppressed_roles=[{', '.join(self.suppressed_roles)}]"


class Quota:
    """Guarantees and limits of a top-level role and everything below it.

    A resource that ``guarantees`` does not name has guarantee 0; one that ``limits`` does not name has no limit, while
    ``"cpus:0"`` limits it to nothing.

    Args:
        guarantees: amounts that the role shall always be able to get.
        limits: amounts that it shall never exceed.

    Raises:
        MisuseError: a guarantee lies above its limit.
        ResourceError: a malformed text.
    """

    __slots__ = ("guarantees", "limits")

    def __init__(self, guarantees: QuantitiesLike = "", limits: QuantitiesLike = "") -> None:
        self.guarantees = {name: value for name, value in quantities_of(guarantees).items() if value}
        self.limits = quantities_of(limits)
        for name, value in self.guarantees.items():
            if name in self.limits and value > self.limits[name]:
                raise MisuseError(
                    f"quota: the guarantee {name}:{values.show_scalar(value)} lies above the limit "
                    f"{name}:{values.show_scalar(self.limits[name])}; raise the limit or leave it out"
                )

    @property
    def is_default(self) -> bool:
        """Whether it neither guarantees nor limits anything, which is what a role without a quota has."""
        return not self.guarantees and not self.limits

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quota) and self.guarantees == other.guarantees and self.limits == other.limits

    def __hash__(self) -> int:
        return sum(self.guarantees.values()) + 31 * sum(self.limits.values())

    def __repr__(self) -> str:
        return f"Quota(guarantees={show_quantities(self.guarantees)!r}, limits={show_quantities(self.limits)!r})"


class ResourceConversion(msgspec.Struct, frozen=True, kw_only=True):
    """One step of an operation on resources: ``consumed`` becomes ``converted`` (a reservation, a volume)."""

    consumed: Resources
    converted: Resources

    def apply(self, resources: Resources) -> Resources | None:
        """The resources after the conversion, None if they do not hold what is consumed."""
        if not resources.contains(self.consumed):
            return None
        return resources - self.consumed + self.converted
