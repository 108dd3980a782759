"""The default allocator: dominant resource fairness over a hierarchy of roles.

This is the side that a master sees; each call is dispatched to a process of its own (process.py) and they arrive in the
order of the calls. Source: ``src/master/allocator/mesos/{allocator.hpp,hierarchical.cpp}``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NoReturn

import msgspec

from harness.errors import MisuseError
from harness.mesos.allocator.interface import (
    DEFAULT_FRAMEWORK_OPTIONS,
    Allocator,
    InverseOfferCallback,
    OfferCallback,
)
from harness.mesos.allocator.options import FrameworkOptions, Options, Quota, ResourceConversion
from harness.mesos.allocator.process import HierarchicalAllocatorProcess
from harness.mesos.allocator.sorter import SorterFactory, sorter_of
from harness.mesos.messages import Filters, FrameworkInfo, Request, SlaveInfo, Unavailability
from harness.mesos.resources import Resources
from harness.mesos.versions import behaviour
from harness.simulation.events import Address
from harness.simulation.future import Future
from harness.simulation.process import Process
from harness.simulation.world import World


class HierarchicalAllocator(Allocator):
    """Mesos's own allocator. Offers go out after certain events and in batches, the least served first.

    Args:
        sorter: ``"drf"``, ``"random"`` or a :class:`Sorter` class of your own, for roles and for the frameworks of a role.
        role_sorter: another one for roles.
        framework_sorter: another one for frameworks.
        mesos_version: the release to behave as; by default what :class:`Options` say, which is what its master says.

    Raises:
        MisuseError: an unknown sorter or release.
    """

    def __init__(
        self,
        sorter: str | SorterFactory = "drf",
        *,
        role_sorter: str | SorterFactory | None = None,
        framework_sorter: str | SorterFactory | None = None,
        mesos_version: str | None = None,
    ) -> None:
        self._sorters = (sorter_of(role_sorter or sorter), sorter_of(framework_sorter or sorter))
        self._behaviour = None if mesos_version is None else behaviour(mesos_version)
        self._process: HierarchicalAllocatorProcess | None = None
        self._address: Address | None = None

    def start(
        self,
        world: World,
        options: Options | None = None,
        offer_callback: OfferCallback | None = None,
        inverse_offer_callback: InverseOfferCallback | None = None,
    ) -> HierarchicalAllocator:
        """Use the allocator without a master, under a small process of its own in ``world``; offers go to the callbacks.

        Returns:
            Itself, ready to be called.
        """
        owner = Process("allocator-owner")
        world.spawn(owner)
        self.bind(owner)
        self.initialize(options or Options(), offer_callback or _nobody, inverse_offer_callback or _nobody)
        return self

    def initialize(self, options: Options, offer_callback: OfferCallback, inverse_offer_callback: InverseOfferCallback) -> None:
        """Spawn the allocator's process; its first batch is due one interval later."""
        if getattr(self, "owner", None) is None:
            raise MisuseError("HierarchicalAllocator.initialize: nobody owns it yet; call bind(process) first, or start(world)")
        owner = self.owner
        if self._behaviour is not None:
            options = msgspec.structs.replace(options, behaviour=self._behaviour)
        self._process = HierarchicalAllocatorProcess(
            owner.unique_name("hierarchical-allocator"), self._sorters, options, offer_callback, inverse_offer_callback
        )
        self._address = owner.spawn(self._process)

    @property
    def process(self) -> HierarchicalAllocatorProcess:
        """The process behind this face, for looking at; what it holds belongs to it."""
        if self._process is None:
            raise MisuseError("this HierarchicalAllocator has not been initialized; call start(world), or hand it to a master")
        return self._process

    @property
    def address(self) -> Address:
        """Where the process is, for message rules; the calls are dispatches to it."""
        return self.process.address

    @property
    def metrics(self) -> dict[str, float]:
        """A snapshot under Mesos's names: runs, active filters, dominant shares, totals, quotas."""
        return _metrics(self.process)

    def _call(self, method: str, *args: Any) -> Future[Any]:
        address = self._address or self._nowhere(method)
        return self.owner.dispatch(address, method, *args)

    def _tell(self, method: str, *args: Any) -> None:
        address = self._address or self._nowhere(method)
        self.owner._tell(address, method, *args)

    def _nowhere(self, method: str) -> NoReturn:
        raise MisuseError(
            f"HierarchicalAllocator.{method}: it has not been initialized; call start(world), or hand it to a master"
        )

    # --- the interface; meanings are documented there

    def recover(self, expected_agent_count: int, quotas: Mapping[str, Quota]) -> None:
        """With quotas: no offers until 80 % of the agents are back or 10 minutes have passed (see :class:`Options`)."""
        self._tell("recover", expected_agent_count, dict(quotas))

    def add_framework(
        self,
        framework_id: str,
        framework_info: FrameworkInfo,
        used: Mapping[str, Resources],
        active: bool,
        options: FrameworkOptions = DEFAULT_FRAMEWORK_OPTIONS,
    ) -> None:
        """Leads to a run over all agents if ``active``."""
        self._tell("add_framework", framework_id, framework_info, dict(used), active, options)

    def remove_framework(self, framework_id: str) -> None:
        """Releases everything of the framework; leads to no run."""
        self._tell("remove_framework", framework_id)

    def activate_framework(self, framework_id: str) -> None:
        """Leads to a run over all agents."""
        self._tell("activate_framework", framework_id)

    def deactivate_framework(self, framework_id: str) -> None:
        """Forgets the framework's filters, not its suppressed roles."""
        self._tell("deactivate_framework", framework_id)

    def update_framework(
        self, framework_id: str, framework_info: FrameworkInfo, options: FrameworkOptions = DEFAULT_FRAMEWORK_OPTIONS
    ) -> None:
        """Leads to no run."""
        self._tell("update_framework", framework_id, framework_info, options)

    def add_slave(
        self,
        slave_id: str,
        slave_info: SlaveInfo,
        capabilities: tuple[str, ...],
        unavailability: Unavailability | None,
        total: Resources,
        used: Mapping[str, Resources],
    ) -> None:
        """Leads to a run over this agent."""
        self._tell("add_slave", slave_id, slave_info, capabilities, unavailability, total, dict(used))

    def remove_slave(self, slave_id: str) -> None:
        """Later calls about this agent are harmless."""
        self._tell("remove_slave", slave_id)

    def update_slave(
        self,
        slave_id: str,
        slave_info: SlaveInfo,
        total: Resources | None = None,
        capabilities: tuple[str, ...] | None = None,
    ) -> None:
        """Leads to a run over this agent if anything changed (before 1.3: always)."""
        self._tell("update_slave", slave_id, slave_info, total, capabilities)

    def add_resource_provider(self, slave_id: str, total: Resources, used: Mapping[str, Resources]) -> None:
        """Leads to no run."""
        self._tell("add_resource_provider", slave_id, total, dict(used))

    def activate_slave(self, slave_id: str) -> None:
        """Leads to no run."""
        self._tell("activate_slave", slave_id)

    def deactivate_slave(self, slave_id: str) -> None:
        """The agent's resources stay counted in all shares."""
        self._tell("deactivate_slave", slave_id)

    def update_whitelist(self, whitelist: Collection[str] | None) -> None:
        """Heeded from the next run on."""
        self._tell("update_whitelist", None if whitelist is None else tuple(sorted(whitelist)))

    def request_resources(self, framework_id: str, requests: Iterable[Request]) -> None:
        """Noted and ignored, as in Mesos."""
        self._tell("request_resources", framework_id, tuple(requests))

    def update_allocation(
        self, framework_id: str, slave_id: str, offered_resources: Resources, conversions: Iterable[ResourceConversion]
    ) -> None:
        """The framework holds the converted resources from now on."""
        self._tell("update_allocation", framework_id, slave_id, offered_resources, tuple(conversions))

    def update_available(self, slave_id: str, operations: Iterable[ResourceConversion]) -> Future[None]:
        """The future fails if what is consumed is not free on the agent at that moment."""
        return self._call("update_available", slave_id, tuple(operations))

    def recover_resources(
        self,
        framework_id: str,
        slave_id: str,
        resources: Resources,
        filters: Filters | None = None,
        is_allocated: bool = False,
    ) -> None:
        """Leads to no run; a filter lives for its time, but at least for one interval."""
        self._tell("recover_resources", framework_id, slave_id, resources, filters, is_allocated)

    def transition_offered_to_allocated(self, slave_id: str, resources: Resources) -> None:
        """Nothing changes: offered and allocated resources count alike."""
        self._tell("transition_offered_to_allocated", slave_id, resources)

    def suppress_offers(self, framework_id: str, roles: Collection[str]) -> None:
        """Outstanding offers are not touched."""
        self._tell("suppress_offers", framework_id, tuple(roles))

    def revive_offers(self, framework_id: str, roles: Collection[str]) -> None:
        """Leads to a run over all agents."""
        self._tell("revive_offers", framework_id, tuple(roles))

    def update_unavailability(self, slave_id: str, unavailability: Unavailability | None) -> None:
        """Leads to a run over this agent, in which inverse offers are made."""
        self._tell("update_unavailability", slave_id, unavailability)

    def update_inverse_offer(
        self,
        slave_id: str,
        framework_id: str,
        unavailable_resources: Any = None,
        status: str | None = None,
        filters: Filters | None = None,
    ) -> None:
        """Without filters the framework is asked again at the next run."""
        self._tell("update_inverse_offer", slave_id, framework_id, unavailable_resources, status, filters)

    def get_inverse_offer_statuses(self) -> Future[dict[str, dict[str, str]]]:
        """Answers once everything called before has been served."""
        return self._call("get_inverse_offer_statuses")

    def update_quota(self, role: str, quota: Quota) -> None:
        """Heeded from the next run on."""
        self._tell("update_quota", role, quota)

    def update_weights(self, weight_infos: Iterable[tuple[str, float]] | Mapping[str, float]) -> None:
        """Heeded from the next run on; pairs of role and weight, or a mapping."""
        pairs = weight_infos.items() if isinstance(weight_infos, Mapping) else weight_infos
        self._tell("update_weights", tuple(pairs))

    def pause(self) -> None:
        """Triggers that come meanwhile are forgotten; the next batch covers all agents."""
        self._tell("pause")

    def resume(self) -> None:
        """Leads to no run."""
        self._tell("resume")


def _nobody(framework_id: str, offers: object) -> None:
    """The callback of somebody who does not want to hear."""


def _metrics(process: HierarchicalAllocatorProcess) -> dict[str, float]:
    books = process.books
    found: dict[str, float] = {"allocator/mesos/allocation_runs": process.runs}
    active: dict[str, int] = dict.fromkeys(books.roles, 0)
    for framework in books.frameworks.values():
        for key, by_agent in framework.offer_filters.items():
            role = key or next(iter(framework.roles), "*")
            active[role] = active.get(role, 0) + sum(map(len, by_agent.values()))
    for role, count in active.items():
        found[f"allocator/mesos/offer_filters/roles/{role}/active"] = count
    for role in books.roles:
        found[f"allocator/mesos/roles/{role}/shares/dominant"] = books.role_sorter.share(role)
    for name in ("cpus", "mem", "disk"):
        total = sum(slave.total.quantities.get(name, 0) for slave in books.slaves.values())
        used = sum(slave.used.quantities.get(name, 0) for slave in books.slaves.values())
        found[f"allocator/mesos/resources/{name}/total"] = total / 1000
        found[f"allocator/mesos/resources/{name}/offered_or_allocated"] = used / 1000
    for role, quota in books.quotas.items():
        for word, quantities in (("guarantee", quota.guarantees), ("limit", quota.limits)):
            for name, value in quantities.items():
                found[f"allocator/mesos/quota/roles/{role}/resources/{name}/{word}"] = value / 1000
    return found
