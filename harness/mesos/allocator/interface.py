"""What a master asks of an allocator, and nothing about how it is answered.

Every call is a message in spirit: it returns at once, and only where a :class:`Future` is shown is there an answer. A master
calls in the order of its own events, and the allocator keeps that order. Parameters carry Mesos's names in snake_case.

Source: ``include/mesos/allocator/allocator.hpp``.
"""

# ruff: noqa: B027 - methods without a body here are defaults that do nothing on purpose.

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeAlias

from harness.errors import MisuseError
from harness.mesos.allocator.options import FrameworkOptions, Options, Quota, ResourceConversion
from harness.mesos.messages import Filters, FrameworkInfo, Request, SlaveInfo, Unavailability
from harness.mesos.resources import Resources
from harness.simulation.future import Future, Promise
from harness.simulation.process import Process

#: ``offer_callback(framework_id, {role: {slave_id: resources}})``; the resources carry their allocation role.
OfferCallback: TypeAlias = Callable[[str, dict[str, dict[str, Resources]]], object]

#: ``inverse_offer_callback(framework_id, {slave_id: unavailability})``.
InverseOfferCallback: TypeAlias = Callable[[str, dict[str, Unavailability]], object]

DEFAULT_FRAMEWORK_OPTIONS = FrameworkOptions()


class Allocator(ABC):
    """Base class of allocators; a subclass works wherever a :class:`HierarchicalAllocator` does.

    The abstract methods are those without which no offer can be made or returned. The others have defaults that do nothing
    (those that promise an answer give an empty one), so an allocator need not know of quotas, maintenance or operators.
    """

    #: The process under which the allocator lives; set by :meth:`bind`.
    owner: Process

    def bind(self, owner: Process) -> None:
        """Told once, before :meth:`initialize`, in whose process the allocator lives: it may spawn children, send and set
        timers there. Whoever owns the allocator (a master, a lab) calls this; it is no part of Mesos's interface."""
        self.owner = owner

    @abstractmethod
    def initialize(self, options: Options, offer_callback: OfferCallback, inverse_offer_callback: InverseOfferCallback) -> None:
        """Begin to work; called once, before everything below."""

    def recover(self, expected_agent_count: int, quotas: Mapping[str, Quota]) -> None:
        """A newly elected master read this from its registry; an allocator may hold offers back until agents return."""

    # --- frameworks

    @abstractmethod
    def add_framework(
        self,
        framework_id: str,
        framework_info: FrameworkInfo,
        used: Mapping[str, Resources],
        active: bool,
        options: FrameworkOptions = DEFAULT_FRAMEWORK_OPTIONS,
    ) -> None:
        """A framework appeared; ``used`` is what it holds already, by agent. Inactive ones get no offers."""

    @abstractmethod
    def remove_framework(self, framework_id: str) -> None:
        """A framework is gone for good; everything it holds or was offered is free."""

    @abstractmethod
    def activate_framework(self, framework_id: str) -> None:
        """A framework may get offers (again)."""

    @abstractmethod
    def deactivate_framework(self, framework_id: str) -> None:
        """A framework gets no more offers; what it holds stays accounted."""

    @abstractmethod
    def update_framework(
        self, framework_id: str, framework_info: FrameworkInfo, options: FrameworkOptions = DEFAULT_FRAMEWORK_OPTIONS
    ) -> None:
        """A framework changed its roles, capabilities or suppressed roles."""

    # --- agents

    @abstractmethod
    def add_slave(
        self,
        slave_id: str,
        slave_info: SlaveInfo,
        capabilities: tuple[str, ...],
        unavailability: Unavailability | None,
        total: Resources,
        used: Mapping[str, Resources],
    ) -> None:
        """An agent was admitted; ``used`` is what frameworks hold on it already."""

    @abstractmethod
    def remove_slave(self, slave_id: str) -> None:
        """An agent is gone, with everything held on it."""

    @abstractmethod
    def update_slave(
        self,
        slave_id: str,
        slave_info: SlaveInfo,
        total: Resources | None = None,
        capabilities: tuple[str, ...] | None = None,
    ) -> None:
        """An agent changed; None means unchanged."""

    def add_resource_provider(self, slave_id: str, total: Resources, used: Mapping[str, Resources]) -> None:
        """An agent got more resources, some of them in use. Default: nothing."""

    @abstractmethod
    def activate_slave(self, slave_id: str) -> None:
        """Resources of the agent may be offered (again)."""

    @abstractmethod
    def deactivate_slave(self, slave_id: str) -> None:
        """Resources of the agent must not be offered for now."""

    def update_whitelist(self, whitelist: Collection[str] | None) -> None:
        """Offer only agents on these hosts; None means all, an empty one nobody. Default: nothing."""

    # --- resources

    def request_resources(self, framework_id: str, requests: Iterable[Request]) -> None:
        """A framework says what it would like. Default: nothing, as in Mesos."""

    @abstractmethod
    def update_allocation(
        self, framework_id: str, slave_id: str, offered_resources: Resources, conversions: Iterable[ResourceConversion]
    ) -> None:
        """A framework converted what it was offered: made reservations, volumes."""

    def update_available(self, slave_id: str, operations: Iterable[ResourceConversion]) -> Future[None]:
        """An operator converts free resources of an agent. Default: refused.

        Returns:
            A future that fails if the resources are not free.
        """
        promise: Promise[None] = Promise("update_available")
        promise.fail(MisuseError(f"{type(self).__name__} does not convert available resources; override update_available"))
        return promise.future

    @abstractmethod
    def recover_resources(
        self,
        framework_id: str,
        slave_id: str,
        resources: Resources,
        filters: Filters | None = None,
        is_allocated: bool = False,
    ) -> None:
        """A framework gave resources back, or lost them; ``filters`` say for how long it does not want them again.

        ``is_allocated`` tells that they were in use, not only offered.
        """

    def transition_offered_to_allocated(self, slave_id: str, resources: Resources) -> None:
        """Offered resources came into use. Default: nothing."""

    def suppress_offers(self, framework_id: str, roles: Collection[str]) -> None:
        """A framework wants no offers for these roles; none named means all. Default: nothing."""

    def revive_offers(self, framework_id: str, roles: Collection[str]) -> None:
        """A framework wants offers again and its filters forgotten; none named means all roles. Default: nothing."""

    # --- maintenance

    def update_unavailability(self, slave_id: str, unavailability: Unavailability | None) -> None:
        """An agent's planned maintenance changed. Default: nothing."""

    def update_inverse_offer(
        self,
        slave_id: str,
        framework_id: str,
        unavailable_resources: Any = None,
        status: str | None = None,
        filters: Filters | None = None,
    ) -> None:
        """An inverse offer was answered (``status``) or withdrawn (None). Default: nothing."""

    def get_inverse_offer_statuses(self) -> Future[dict[str, dict[str, str]]]:
        """What frameworks said to inverse offers: ``{slave_id: {framework_id: status}}``. Default: nothing was said."""
        promise: Promise[dict[str, dict[str, str]]] = Promise("get_inverse_offer_statuses")
        promise.set({})
        return promise.future

    # --- operators

    def update_quota(self, role: str, quota: Quota) -> None:
        """The quota of a role changed. Default: nothing."""

    def update_weights(self, weight_infos: Iterable[tuple[str, float]]) -> None:
        """Weights of roles changed. Default: nothing."""

    def pause(self) -> None:
        """Make no offers until :meth:`resume`; a plain switch, not counted. Default: nothing."""

    def resume(self) -> None:
        """End of :meth:`pause`; triggers nothing by itself. Default: nothing."""
