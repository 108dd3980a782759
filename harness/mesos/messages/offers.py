"""Offers on their way to a scheduler, and their withdrawal."""

from __future__ import annotations

from harness.mesos.messages.base import Record
from harness.mesos.messages.infos import InverseOffer, Offer


class ResourceOffersMessage(Record, frozen=True, kw_only=True):
    """Offers of one allocation; ``pids`` are the agents, in the order of the offers."""

    offers: tuple[Offer, ...] = ()
    pids: tuple[str, ...] = ()


class InverseOffersMessage(Record, frozen=True, kw_only=True):
    """Inverse offers of one allocation."""

    inverse_offers: tuple[InverseOffer, ...] = ()
    pids: tuple[str, ...] = ()


class RescindResourceOfferMessage(Record, frozen=True, kw_only=True):
    """An offer that no longer stands."""

    offer_id: str


class RescindInverseOfferMessage(Record, frozen=True, kw_only=True):
    """An inverse offer that no longer stands."""

    inverse_offer_id: str
