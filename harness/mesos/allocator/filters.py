"""Refusals: what a framework declined stays away from it for a while.

A filter is kept under (framework, role, agent) and refuses whatever is contained in the resources that were declined: as
soon as the agent has more to offer, the offer is made. A filter has no clock of its own; it refuses until it is removed,
and its removal is an event (see ``HierarchicalAllocatorProcess.expire``).

Source: ``src/master/allocator/mesos/hierarchical.cpp``, ``mesos.proto`` (``Filters``).
"""

from __future__ import annotations

import math

from harness.durations import Duration
from harness.mesos.messages import Filters
from harness.mesos.resources import Resources

SECOND_NS = 1_000_000_000
DEFAULT_REFUSE_NS = 5 * SECOND_NS
LONGEST_REFUSE_NS = 365 * 86_400 * SECOND_NS


#: What does not fit into a signed 64-bit count of nanoseconds cannot be represented.
_UNREPRESENTABLE_NS = 1 << 63


def refuse_ns(filters: Filters, is_capped: bool = True) -> int:
    """How long to refuse, in nanoseconds; 0 means not at all.

    Mesos forgives what makes no sense: a negative number, or none that could be represented, means the default of 5 s, and
    nothing is refused for longer than 365 days. Without the cap, as before 1.5, a refusal may last for centuries.
    """
    seconds: object = filters.refuse_seconds
    if isinstance(seconds, Duration):
        seconds = seconds.total_seconds()
    if not isinstance(seconds, (int, float)) or not math.isfinite(seconds) or seconds < 0:
        return DEFAULT_REFUSE_NS
    refused = round(seconds * SECOND_NS)
    if is_capped:
        return min(refused, LONGEST_REFUSE_NS)
    return refused if refused < _UNREPRESENTABLE_NS else DEFAULT_REFUSE_NS


class OfferFilter:
    """One refusal: the resources as they were declined, without their allocation role."""

    __slots__ = ("resources",)

    def __init__(self, resources: Resources) -> None:
        self.resources = resources

    def __str__(self) -> str:
        return f"refused {self.resources}"

    __repr__ = __str__


class InverseOfferFilter:
    """One refusal of an inverse offer; identity is all that matters."""

    __slots__ = ()

    def __str__(self) -> str:
        return "refused inverse offer"

    __repr__ = __str__
