"""Nobody is offered what it refused, before the time of the refusal is over."""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.amounts import beyond, show
from harness.checks.check import AllocationCheck
from harness.checks.ledger import Ledger, Offer
from harness.durations import Duration


class RefusalsKept(AllocationCheck):
    """An offer is more than what was refused, or comes later. A refusal ends early by a revive, a deactivation, and a change
    or removal of the agent."""

    def on_offer(self, ledger: Ledger, offer: Offer) -> Iterator[str]:
        """Compare with the refusals that still hold."""
        for refusal in ledger.refusals:
            if refusal[:3] != offer[:3] or offer.at_ns >= refusal.until_ns:
                continue
            if not beyond(offer.amount, refusal.amount):
                yield f"the framework refused {show(refusal.amount)} of it until {Duration(refusal.until_ns)}"
