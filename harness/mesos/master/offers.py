"""Offers: made from what the allocator decides, and taken back.

*Rescinding* tells the framework, *discarding* does not; both return the resources to the allocator.
Source: Mesos ``src/master/master.cpp``: ``offer``, ``rescindOffer``, ``discardOffer``, ``_removeOffer``, ``offerTimeout``.
"""

from __future__ import annotations

from harness.mesos.master.records import AgentRecord, FrameworkRecord
from harness.mesos.master.tasks import Tasks
from harness.mesos.messages import (
    AllocationInfo,
    Filters,
    Offer,
    RescindResourceOfferMessage,
    ResourceOffersMessage,
    Unavailability,
)
from harness.mesos.resources import Resources


class Offers(Tasks):
    """Outstanding offers, on the books of their framework and their agent."""

    # --- what the allocator calls, in its own process

    def offer_callback(self, framework_id: str, resources: dict[str, dict[str, Resources]]) -> None:
        """Take a decision of the allocator as an event of the master's own: ``offer``."""
        self._tell(self.address, "offer", framework_id, resources)

    def offer(self, framework_id: str, resources: dict[str, dict[str, Resources]]) -> None:
        """Offer resources ``{role: {agent: resources}}``; whatever can no longer be offered goes back."""
        framework = self.frameworks.get(framework_id)
        if framework is None or not framework.connected or not framework.active:
            self.note("Returning resources offered to framework {}: it is terminated or inactive", framework_id)
            for pieces in resources.values():
                for slave_id, piece in pieces.items():
                    self.allocator.recover_resources(framework_id, slave_id, piece, None, False)
            return
        offers: list[Offer] = []
        pids: list[str] = []
        for role, pieces in resources.items():
            for slave_id, piece in pieces.items():
                agent = self.slaves.registered.get(slave_id)
                if agent is None or not agent.active:
                    state = "unknown" if agent is None else "inactive"
                    self.note("Returning resources of agent {} offered to framework {}: it is {}", slave_id, framework_id, state)
                    self.allocator.recover_resources(framework_id, slave_id, piece, None, False)
                    continue
                offers.append(self._add_offer(framework, agent, role, piece))
                pids.append(agent.pid)
        if offers:
            self.note("Sending {} offers to framework {}, the first is {}", len(offers), framework.label, offers[0].id)
            self.tell_framework(framework, ResourceOffersMessage(offers=tuple(offers), pids=tuple(pids)))

    def _add_offer(self, framework: FrameworkRecord, agent: AgentRecord, role: str, resources: Resources) -> Offer:
        offer = Offer(
            id=self.new_offer_id(),
            framework_id=framework.id,
            slave_id=agent.id,
            hostname=agent.info.hostname,
            resources=resources,
            attributes=agent.info.attributes,
            executor_ids=tuple(agent.executors.get(framework.id, ())),
            allocation_info=AllocationInfo(role=role),
            domain=agent.info.domain,
            unavailability=self.unavailability_of(agent),
        )
        self.offers[offer.id] = framework.offers[offer.id] = agent.offers[offer.id] = offer
        if self.flags.offer_timeout is not None:
            self._offer_timers[offer.id] = self.delay(self.flags.offer_timeout, self._offer_timeout, offer.id)
        return offer

    def unavailability_of(self, agent: AgentRecord) -> Unavailability | None:
        """The planned unavailability of an agent's machine, or None."""
        machine = self.machines.get(agent.info.hostname.lower()) if self.machines else None
        return None if machine is None else machine.unavailability

    # --- taking back

    def remove_offer(self, offer: Offer) -> None:
        """Take an offer off the books; its resources are somebody else's business now."""
        del self.offers[offer.id]
        framework = self.frameworks.get(offer.framework_id)
        if framework is not None:
            framework.offers.pop(offer.id, None)
        agent = self.slaves.registered.get(offer.slave_id)
        if agent is not None:
            agent.offers.pop(offer.id, None)
        timer = self._offer_timers.pop(offer.id, None)
        if timer is not None:
            timer.cancel()

    def rescind_offer(self, offer: Offer, filters: Filters | None = None) -> None:
        """Tell the framework that the offer no longer stands, and return its resources."""
        framework = self.frameworks.get(offer.framework_id)
        if framework is not None:
            self.tell_framework(framework, RescindResourceOfferMessage(offer_id=offer.id))
        self.discard_offer(offer, filters)

    def discard_offer(self, offer: Offer, filters: Filters | None = None) -> None:
        """Return the resources of an offer, without a word to the framework."""
        self.allocator.recover_resources(offer.framework_id, offer.slave_id, offer.resources, filters, False)
        self.remove_offer(offer)

    def _offer_timeout(self, offer_id: str) -> None:
        offer = self.offers.get(offer_id)
        if offer is not None:
            self.note("Rescinding offer {}: nobody used it in time", offer_id)
            self.rescind_offer(offer)
