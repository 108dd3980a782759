"""Offers go to those who may have them: known, active, of that role, not suppressed, and not reserved for others."""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.check import AllocationCheck
from harness.checks.ledger import Ledger, Offer


class Eligibility(AllocationCheck):
    """The framework may be offered this agent for this role, and these resources may go to that role."""

    def on_offer(self, ledger: Ledger, offer: Offer) -> Iterator[str]:
        """Look at agent, framework, role and reservations."""
        yield from self._agent(ledger, offer)
        yield from self._framework(ledger, offer)
        for record in offer.resources:
            if record.allocation_role != offer.role:
                yield f"{record.name} carries the allocation role {record.allocation_role!r}"
        for kind in offer.amount:
            if kind.reservations and kind.role != offer.role and not offer.role.startswith(kind.role + "/"):
                yield f"{kind.name} is reserved for {kind.role!r}"

    @staticmethod
    def _agent(ledger: Ledger, offer: Offer) -> Iterator[str]:
        agent = ledger.agents.get(offer.slave_id)
        if agent is None:
            yield "the agent was never added, or is removed"
            return
        if not agent.active.on:
            yield "the agent is deactivated"
        whitelist = ledger.whitelist
        if whitelist is not None and not ledger.whitelist_unsure and agent.hostname not in whitelist:
            yield f"host {agent.hostname} is not on the whitelist"

    @staticmethod
    def _framework(ledger: Ledger, offer: Offer) -> Iterator[str]:
        framework = ledger.frameworks.get(offer.framework_id)
        if framework is None:
            yield "the framework was never added, or is removed"
            return
        if not framework.active.on:
            yield "the framework is deactivated"
        role = framework.roles.get(offer.role)
        if role is None or not role.on:
            yield f"the framework does not subscribe to the role; its roles are {', '.join(framework.roles)}"
        elif not framework.unsuppressed[offer.role].on:
            yield "the framework has suppressed offers for the role"
