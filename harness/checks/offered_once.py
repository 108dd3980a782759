"""Nothing is offered twice: what one has, or was offered, is offered to nobody else until it was given back."""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.amounts import beyond, minus, show
from harness.checks.check import AllocationCheck
from harness.checks.ledger import Ledger, Offer


class OfferedOnce(AllocationCheck):
    """On each agent, what is held and what is offered is never more than there is. Shared resources are exempt."""

    def on_offer(self, ledger: Ledger, offer: Offer) -> Iterator[str]:
        """Compare with what is free."""
        agent = ledger.agents.get(offer.slave_id)
        if agent is None or agent.unsure:
            return
        too_much = beyond(offer.amount, minus(agent.total, agent.all_held()))
        if too_much:
            holders = ", ".join(
                f"{framework_id} has {show(amount)} for {role}"
                for framework_id, by_role in sorted(agent.held.items())
                for role, amount in by_role.items()
            )
            yield (
                f"{show(too_much)} of it is not free: the agent has {show(agent.total)} in all"
                f" and {holders or 'nobody holds anything'}"
            )
