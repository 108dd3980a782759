"""The actor behind a scheduler driver: what masters and agents send to it, and the callbacks that follow.

Its handlers: FrameworkRegistered, FrameworkReregistered, FrameworkError (``registration.py``); ResourceOffers, InverseOffers,
RescindResourceOffer, RescindInverseOffer, StatusUpdate, LostSlave, ExitedExecutor, ExecutorToFramework (here).
Source: Mesos ``src/sched/sched.cpp``.
"""

from __future__ import annotations

from typing import Any

from harness.mesos.messages import (
    ExecutorToFrameworkMessage,
    ExitedExecutorMessage,
    InverseOffersMessage,
    LostSlaveMessage,
    Offer,
    RescindInverseOfferMessage,
    RescindResourceOfferMessage,
    ResourceOffersMessage,
    StatusUpdate,
    StatusUpdateMessage,
    TaskStatus,
)
from harness.mesos.scheduler.calls import Calls
from harness.simulation import Address, handles
from harness.simulation.future import Future, Promise


class SchedulerProcess(Calls):
    """One scheduler's actor; made and spawned by :class:`~harness.mesos.scheduler.driver.SchedulerDriver`.

    Arguments as for :class:`~harness.mesos.scheduler.registration.Registration`.
    """

    def __init__(self, name: str, **arguments: Any) -> None:
        super().__init__(name, **arguments)
        self._awaited_offers: list[Promise[tuple[Offer, ...]]] = []

    def next_offers(self) -> Future[tuple[Offer, ...]]:
        """The next offers that arrive; ready after the scheduler's callback for them."""
        promise: Promise[tuple[Offer, ...]] = Promise("next offers")
        self._awaited_offers.append(promise)
        return promise.future

    def finalize(self) -> None:
        """No more offers will come either."""
        super().finalize()
        for promise in self._awaited_offers:
            promise.discard()

    # -- offers -------------------------------------------------------------------------------------------------------

    @handles(ResourceOffersMessage)
    def resource_offers(self, sender: Address, message: ResourceOffersMessage) -> None:
        """Offers of one allocation."""
        if self._ignored("resource offers", sender):
            return
        for offer, pid in zip(message.offers, message.pids, strict=False):
            self.agent_of_offer[offer.id] = (offer.slave_id, pid)
        for offer in message.offers:
            self.offers[offer.id] = offer
        self.callback("resource_offers", message.offers)
        if self._awaited_offers:
            awaited, self._awaited_offers = self._awaited_offers, []
            for promise in awaited:
                promise.set(message.offers)

    @handles(InverseOffersMessage)
    def inverse_offers(self, sender: Address, message: InverseOffersMessage) -> None:
        """Wishes that the framework leaves agents."""
        if not self._ignored("inverse offers", sender):
            self.callback("inverse_offers", message.inverse_offers)

    @handles(RescindResourceOfferMessage)
    def rescind_offer(self, sender: Address, message: RescindResourceOfferMessage) -> None:
        """An offer no longer stands."""
        if not self._ignored("rescind offer", sender):
            self.offers.pop(message.offer_id, None)
            self.agent_of_offer.pop(message.offer_id, None)
            self.callback("offer_rescinded", message.offer_id)

    @handles(RescindInverseOfferMessage)
    def rescind_inverse_offer(self, sender: Address, message: RescindInverseOfferMessage) -> None:
        """An inverse offer no longer stands; the driver's interface has no callback for that."""
        self._ignored("rescind inverse offer", sender)

    # -- tasks --------------------------------------------------------------------------------------------------------

    @handles(StatusUpdateMessage)
    def status_update(self, sender: Address, message: StatusUpdateMessage) -> None:
        """A task changed; with implicit acknowledgements it is acknowledged after the callback, if the driver still runs."""
        if self._ignored("status update", sender):
            return
        update = message.update
        # Only an agent (which names itself in ``pid``) waits for an acknowledgement; what masters make up carries no uuid.
        uuid = (update.uuid or None) if message.pid else None
        self.callback("status_update", _status_of(update, uuid))
        if not self.implicit_acknowledgements or uuid is None:
            return
        if not self.running:
            self.note("Not acknowledging the update of task {}: the driver is not running", update.status.task_id)
        elif update.slave_id is not None:
            self.send_acknowledgement(update.slave_id, update.status.task_id, uuid)

    # -- losses and messages ------------------------------------------------------------------------------------------

    @handles(LostSlaveMessage)
    def lost_slave(self, sender: Address, message: LostSlaveMessage) -> None:
        """An agent is gone or unreachable."""
        if not self._ignored("lost agent", sender):
            self.agent_pids.pop(message.slave_id, None)
            self.callback("slave_lost", message.slave_id)

    @handles(ExitedExecutorMessage)
    def lost_executor(self, sender: Address, message: ExitedExecutorMessage) -> None:
        """An executor ended."""
        if not self._ignored("lost executor", sender):
            self.callback("executor_lost", message.executor_id, message.slave_id, message.status)

    @handles(ExecutorToFrameworkMessage)
    def framework_message(self, sender: Address, message: ExecutorToFrameworkMessage) -> None:
        """Data from an executor, straight from its agent, so neither connection nor sender count."""
        if not self.running:
            self.note("Ignoring framework message because the driver is not running")
            return
        self.callback("framework_message", message.executor_id, message.slave_id, message.data)

    def _ignored(self, what: str, sender: Address) -> bool:
        reason = self.reason_to_ignore(sender)
        if reason:
            self.note("Ignoring {} message because {}", what, reason)
        return bool(reason)


def _status_of(update: StatusUpdate, uuid: str | None) -> TaskStatus:
    # The scheduler gets one record, so what the update knows and the status lacks goes into the status.
    status = update.status
    changes: dict[str, object] = {}
    if status.uuid != uuid:
        changes["uuid"] = uuid
    if status.slave_id is None and update.slave_id is not None:
        changes["slave_id"] = update.slave_id
    if status.executor_id is None and update.executor_id is not None:
        changes["executor_id"] = update.executor_id
    if status.timestamp is None and update.timestamp is not None:
        changes["timestamp"] = update.timestamp
    return status.replace(**changes) if changes else status
