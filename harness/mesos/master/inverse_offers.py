"""Inverse offers: frameworks asked to leave agents before their maintenance, and what they answer.

Source: Mesos ``src/master/master.cpp``: ``inverseOffer``, ``acceptInverseOffers``, ``declineInverseOffers``,
``removeInverseOffer``, ``inverseOfferTimeout``.
"""

from __future__ import annotations

from typing import Any

from harness.mesos.master.offers import Offers
from harness.mesos.master.records import AgentRecord, FrameworkRecord
from harness.mesos.messages import (
    Call,
    Filters,
    InverseOffer,
    InverseOffersMessage,
    RescindInverseOfferMessage,
    Unavailability,
)

_DEFAULT_FILTERS = Filters()


class InverseOffers(Offers):
    """Outstanding inverse offers, on the books of their framework and their agent."""

    def inverse_offer_callback(self, framework_id: str, unavailable: dict[str, Unavailability]) -> None:
        """Take a wish of the allocator as an event of the master's own: ``inverse_offer``."""
        self._tell(self.address, "inverse_offer", framework_id, unavailable)

    def inverse_offer(self, framework_id: str, unavailable: dict[str, Unavailability]) -> None:
        """Ask a framework to leave agents, ``{agent: unavailability}``."""
        framework = self.frameworks.get(framework_id)
        if framework is None or not framework.connected or not framework.active:
            self.note("Ignoring inverse offers for framework {}: it is terminated or inactive", framework_id)
            return
        inverse_offers: list[InverseOffer] = []
        pids: list[str] = []
        for slave_id, unavailability in unavailable.items():
            agent = self.slaves.registered.get(slave_id)
            if agent is None or not agent.active:
                self.note("Ignoring inverse offer of agent {} for framework {}: it is not active", slave_id, framework_id)
                continue
            inverse_offers.append(self._add_inverse_offer(framework, agent, unavailability))
            pids.append(agent.pid)
        if inverse_offers:
            self.note("Sending {} inverse offers to framework {}", len(inverse_offers), framework.label)
            message = InverseOffersMessage(inverse_offers=tuple(inverse_offers), pids=tuple(pids))
            self.tell_framework(framework, message)

    def _add_inverse_offer(self, framework: FrameworkRecord, agent: AgentRecord, unavailability: Unavailability) -> InverseOffer:
        inverse_offer = InverseOffer(
            id=self.new_offer_id(), framework_id=framework.id, slave_id=agent.id, unavailability=unavailability
        )
        books = (self.inverse_offers, framework.inverse_offers, agent.inverse_offers)
        for book in books:
            book[inverse_offer.id] = inverse_offer
        if self.flags.offer_timeout is not None:
            timer = self.delay(self.flags.offer_timeout, self._inverse_offer_timeout, inverse_offer.id)
            self._offer_timers[inverse_offer.id] = timer
        return inverse_offer

    def _inverse_offer_timeout(self, inverse_offer_id: str) -> None:
        inverse_offer = self.inverse_offers.get(inverse_offer_id)
        if inverse_offer is not None:
            self.note("Rescinding inverse offer {}: nobody answered it in time", inverse_offer_id)
            self.withdraw_inverse_offer(inverse_offer, rescind=True)

    # --- answers

    def accept_inverse_offers(self, framework: FrameworkRecord, call: Call.AcceptInverseOffers) -> None:
        """The framework agrees to leave."""
        self._answered(framework, call.inverse_offer_ids, "ACCEPT", call.filters)

    def decline_inverse_offers(self, framework: FrameworkRecord, call: Call.DeclineInverseOffers) -> None:
        """The framework does not want to leave."""
        self._answered(framework, call.inverse_offer_ids, "DECLINE", call.filters)

    def _answered(
        self, framework: FrameworkRecord, inverse_offer_ids: tuple[str, ...], status: str, filters: Filters | None
    ) -> None:
        self.note("Processing {} of {} inverse offers by framework {}", status, len(inverse_offer_ids), framework.label)
        for inverse_offer_id in inverse_offer_ids:
            inverse_offer = self.inverse_offers.get(inverse_offer_id)
            if inverse_offer is None or inverse_offer.framework_id != framework.id:
                self.note("Ignoring {} of inverse offer {}: it is no longer valid", status, inverse_offer_id)
                continue
            self.allocator.update_inverse_offer(
                inverse_offer.slave_id or "",
                framework.id,
                inverse_offer.unavailability,
                status,
                filters or _DEFAULT_FILTERS,
            )
            self._remove_inverse_offer(inverse_offer)

    # --- taking back

    def withdraw_inverse_offer(self, inverse_offer: InverseOffer, *, rescind: bool) -> None:
        """Tell the allocator that nobody answered, and the framework (``rescind``) that nobody asks any more."""
        framework_id = inverse_offer.framework_id
        self.allocator.update_inverse_offer(inverse_offer.slave_id or "", framework_id, inverse_offer.unavailability, None, None)
        framework = self.frameworks.get(framework_id)
        if rescind and framework is not None:
            self.tell_framework(framework, RescindInverseOfferMessage(inverse_offer_id=inverse_offer.id))
        self._remove_inverse_offer(inverse_offer)

    def withdraw_inverse_offers(self, of: AgentRecord | FrameworkRecord, *, rescind: bool = True) -> None:
        """The same for all of an agent or a framework."""
        if of.inverse_offers:
            for inverse_offer in list(of.inverse_offers.values()):
                self.withdraw_inverse_offer(inverse_offer, rescind=rescind)

    def _remove_inverse_offer(self, inverse_offer: InverseOffer) -> None:
        del self.inverse_offers[inverse_offer.id]
        framework = self.frameworks.get(inverse_offer.framework_id)
        if framework is not None:
            framework.inverse_offers.pop(inverse_offer.id, None)
        agent = self.slaves.registered.get(inverse_offer.slave_id or "")
        if agent is not None:
            agent.inverse_offers.pop(inverse_offer.id, None)
        timer: Any = self._offer_timers.pop(inverse_offer.id, None)
        if timer is not None:
            timer.cancel()
