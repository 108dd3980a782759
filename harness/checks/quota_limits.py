"""No role is given more than its limit."""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.check import AllocationCheck
from harness.checks.ledger import Ledger, Offer


class QuotaLimits(AllocationCheck):
    """What a role and its descendants have consumed, this offer included, stays within the limits of its top-level role.

    A role that is above a limit already, because the limit was lowered, may keep what it has but gets no more of it.
    """

    def on_offer(self, ledger: Ledger, offer: Offer) -> Iterator[str]:
        """Add the offer to what is consumed."""
        top = offer.role.partition("/")[0]
        limits = ledger.limits.get(top)
        agent = ledger.agents.get(offer.slave_id)
        if limits is None or limits.unsure or agent is None or agent.unsure:
            return
        consumed = ledger.consumed(top)
        for kind, size in offer.amount.items():
            limit = limits.amounts.get(kind.name)
            if limit is None or not isinstance(size, int) or not kind.is_for_quotas:
                continue
            after = consumed.get(kind.name, 0) + size
            if after > limit:
                yield f"with it role {top!r} has {kind.name}:{after / 1000:g}, above its limit of {limit / 1000:g}"
