"""The double of a framework's scheduler. Its callbacks do nothing unless told otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.doubles.recorder import Double
from harness.doubles.signatures import Opaque
from harness.mesos.ids import ExecutorID, FrameworkID, OfferID, SlaveID
from harness.mesos.messages import InverseOffer, MasterInfo, Offer, TaskStatus


class SchedulerCallbacks:
    """What a scheduler driver calls; names are Mesos's ``Scheduler`` interface in snake_case. A base for own schedulers too."""

    def registered(self, driver: Opaque, framework_id: FrameworkID, master_info: MasterInfo) -> None:
        """The framework was accepted for the first time."""

    def reregistered(self, driver: Opaque, master_info: MasterInfo) -> None:
        """The framework is known to a newly elected master, or connected again."""

    def disconnected(self, driver: Opaque) -> None:
        """The master is gone; offers held are void."""

    def resource_offers(self, driver: Opaque, offers: Sequence[Offer]) -> None:
        """Resources to use or to decline."""

    def inverse_offers(self, driver: Opaque, inverse_offers: Sequence[InverseOffer]) -> None:
        """Agents that are to be left before their maintenance."""

    def offer_rescinded(self, driver: Opaque, offer_id: OfferID) -> None:
        """An offer is no longer valid."""

    def status_update(self, driver: Opaque, status: TaskStatus) -> None:
        """A task changed its state."""

    def framework_message(self, driver: Opaque, executor_id: ExecutorID, slave_id: SlaveID, data: bytes) -> None:
        """An executor sent something; delivery is never guaranteed."""

    def slave_lost(self, driver: Opaque, slave_id: SlaveID) -> None:
        """An agent was removed."""

    def executor_lost(self, driver: Opaque, executor_id: ExecutorID, slave_id: SlaveID, status: int) -> None:
        """An executor ended."""

    def error(self, driver: Opaque, message: str) -> None:
        """Something that cannot be recovered from; the driver has aborted before."""


# See the allocator's double for why the base is hidden from static checkers.
_Callbacks: Any = SchedulerCallbacks


class MockScheduler(Double, _Callbacks, protocol=SchedulerCallbacks, title="scheduler"):  # type: ignore[misc]
    """A scheduler that records its callbacks, and does what expectations say.

    Args:
        real: a scheduler that the callbacks go on to; by default they do nothing.
        strict: a callback that matches none of its expectations is an error.
    """

    def __init__(self, real: Any = None, *, strict: bool = False) -> None:
        super().__init__(strict=strict)
        self.real = real

    @property
    def forwards(self) -> bool:
        """Whether there is a real scheduler behind it."""
        return self.real is not None

    def _run_real(self, name: str, call: Any) -> Any:
        callback = getattr(self.real, name, None)
        return None if callback is None else callback(*call._positional, **call._kwargs)
