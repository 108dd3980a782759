"""An allocator on the bench: agents and frameworks by name, offers in a list, no master.

::

    lab = AllocatorLab(world)
    lab.add_agent("a1", "cpus:2;mem:1024")
    framework = lab.add_framework("f1", role="web")
    world.settle()
    lab.allocations[0].resources       # what f1 was offered
"""

from __future__ import annotations

from typing import Any

import msgspec

from harness.errors import MisuseError
from harness.mesos.allocator.hierarchical import HierarchicalAllocator
from harness.mesos.allocator.interface import Allocator
from harness.mesos.allocator.options import FrameworkOptions, Options, Quota
from harness.mesos.ids import FrameworkID, SlaveID
from harness.mesos.messages import Filters, FrameworkInfo, SlaveInfo, Unavailability
from harness.mesos.resources import Resources, ResourcesLike
from harness.mesos.states import AgentCapability
from harness.mesos.versions import behaviour
from harness.simulation.process import Process
from harness.simulation.world import World

ALL_CAPABILITIES = tuple(str(capability) for capability in AgentCapability)


class Allocation(msgspec.Struct, frozen=True, kw_only=True):
    """What one run offered to one framework for one role."""

    framework_id: FrameworkID
    role: str
    #: Resources by agent, carrying their allocation role.
    agents: dict[SlaveID, Resources]

    @property
    def resources(self) -> Resources:
        """All of it together, without the allocation role, for comparing."""
        return Resources.sum(self.agents.values()).unallocate()

    def __getitem__(self, slave_id: str) -> Resources:
        """What is offered of one agent, carrying its allocation role; KeyError if nothing."""
        return self.agents[SlaveID(slave_id)]


class InverseAllocation(msgspec.Struct, frozen=True, kw_only=True):
    """Which agents one run asked a framework to leave."""

    framework_id: FrameworkID
    agents: dict[SlaveID, Unavailability]


class AllocatorLab:
    """An allocator in a world, with the boilerplate done.

    Args:
        world: where it lives; nothing happens until the world runs (``world.settle()``).
        allocator: the one to look at; default a new :class:`HierarchicalAllocator`.
        mesos_version: the release to behave as.
        options: fields of :class:`Options`, for example ``allocation_interval="50ms"``.

    Attributes:
        allocations: every offer as an :class:`Allocation`, in order; grows.
        inverse_allocations: the same for inverse offers.
        allocator: the allocator, for all other calls.
        agents, frameworks: ids by name.
    """

    def __init__(
        self, world: World, allocator: Allocator | None = None, *, mesos_version: str | None = None, **options: Any
    ) -> None:
        known = Options.__struct_fields__
        for name in options:
            if name not in known:
                raise MisuseError(f"AllocatorLab has no option {name!r}; it takes those of Options: {', '.join(known)}")
        self.world = world
        self.allocator: Allocator = HierarchicalAllocator() if allocator is None else allocator
        self.allocations: list[Allocation] = []
        self.inverse_allocations: list[InverseAllocation] = []
        self.agents: dict[str, SlaveID] = {}
        self.frameworks: dict[str, FrameworkID] = {}
        self._infos: dict[str, SlaveInfo] = {}
        if mesos_version is not None:
            options["behaviour"] = behaviour(mesos_version)
        self._owner = owner = Process("lab")
        world.spawn(owner)
        self.allocator.bind(owner)
        self.allocator.initialize(Options(**options), self._offered, self._asked_to_leave)

    def add_agent(
        self,
        name: str,
        resources: ResourcesLike = "cpus:2;mem:1024;disk:1024;ports:[31000-32000]",
        *,
        used: dict[str, Resources] | None = None,
        unavailability: Unavailability | None = None,
        capabilities: tuple[str, ...] = ALL_CAPABILITIES,
        **info: Any,
    ) -> SlaveID:
        """Add an agent on host ``name``; ``info`` are further fields of its :class:`SlaveInfo`.

        Returns:
            Its id, which is its name: agents are told apart as the test calls them.
        """
        slave_id = SlaveID(name)
        total = Resources.of(resources)
        fields = {"hostname": name, "id": slave_id, "resources": total, **info}
        slave_info = self._infos[slave_id] = SlaveInfo(**fields)
        self.agents[name] = slave_id
        self.allocator.add_slave(slave_id, slave_info, capabilities, unavailability, total, used or {})
        return slave_id

    def add_framework(
        self,
        name: str,
        role: str = "*",
        *,
        roles: tuple[str, ...] | None = None,
        active: bool = True,
        used: dict[str, Resources] | None = None,
        suppressed_roles: tuple[str, ...] = (),
        offer_constraints: Any = None,
        **info: Any,
    ) -> FrameworkID:
        """Add a framework in one role, or in ``roles``; ``info`` are further fields of its :class:`FrameworkInfo`.

        Returns:
            Its id, which is its name.
        """
        framework_id = FrameworkID(name)
        capabilities = tuple(info.pop("capabilities", ()))
        wanted = (role,) if roles is None else tuple(roles)
        if "MULTI_ROLE" not in capabilities:
            capabilities = ("MULTI_ROLE", *capabilities)
        framework_info = FrameworkInfo(name=name, id=framework_id, roles=wanted, capabilities=capabilities, **info)
        self.frameworks[name] = framework_id
        options = FrameworkOptions(suppressed_roles=tuple(suppressed_roles), offer_constraints=offer_constraints)
        self.allocator.add_framework(framework_id, framework_info, used or {}, active, options)
        return framework_id

    def update_agent(self, slave_id: str, resources: ResourcesLike) -> None:
        """The agent's total changes."""
        self.allocator.update_slave(slave_id, self._infos[slave_id], Resources.of(resources), None)

    def recover(self, allocation: Allocation, refuse_seconds: float | None = None, *, is_allocated: bool = False) -> None:
        """Give everything of ``allocation`` back, refusing it for ``refuse_seconds``; None gives back without a filter."""
        filters = None if refuse_seconds is None else Filters(refuse_seconds=refuse_seconds)
        for slave_id, resources in allocation.agents.items():
            self.allocator.recover_resources(allocation.framework_id, slave_id, resources, filters, is_allocated)

    def set_quota(self, role: str, guarantees: Any = "", limits: Any = "") -> None:
        """Set the quota of a top-level role; without amounts it is removed."""
        self.allocator.update_quota(role, Quota(guarantees, limits))

    def _offered(self, framework_id: str, offers: dict[str, dict[str, Resources]]) -> None:
        # Into the trace, as the dispatch to a master would be: reports read it there.
        self._owner.note("Offering to framework {}: {}", framework_id, offers)
        for role, by_agent in offers.items():
            self.allocations.append(
                Allocation(
                    framework_id=FrameworkID(framework_id),
                    role=role,
                    agents={SlaveID(slave_id): resources for slave_id, resources in by_agent.items()},
                )
            )

    def _asked_to_leave(self, framework_id: str, agents: dict[str, Unavailability]) -> None:
        self.inverse_allocations.append(
            InverseAllocation(
                framework_id=FrameworkID(framework_id),
                agents={SlaveID(slave_id): unavailability for slave_id, unavailability in agents.items()},
            )
        )
