"""The books of the hierarchical allocator: agents, frameworks, roles, and who holds what where.

Two views are kept in step: per agent (what is free there) and per role and framework (the sorters' shares).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from harness.errors import InvariantError
from harness.mesos.allocator.constraints import OfferConstraints, constraints_of
from harness.mesos.allocator.filters import InverseOfferFilter, OfferFilter
from harness.mesos.allocator.options import FrameworkOptions, Options, Quantities, Quota, quantity_sets
from harness.mesos.allocator.sorter import Sorter, SorterFactory, Totals
from harness.mesos.messages import FrameworkInfo, SlaveInfo, Unavailability
from harness.mesos.resources import EMPTY, Resources


class Slave:
    """An agent: its total, what is offered or allocated of it by framework, and what is left."""

    __slots__ = (
        "_free",
        "active",
        "allocated",
        "hierarchical",
        "id",
        "info",
        "inverse_offers",
        "multi_role",
        "plain",
        "statuses",
        "total",
        "unavailability",
        "used",
    )

    def __init__(
        self, slave_id: str, info: SlaveInfo, capabilities: Iterable[str], unavailability: Unavailability | None, total: Resources
    ) -> None:
        self.id = slave_id
        self.info = info
        self.total = total
        self.active = True
        self.allocated: dict[str, Resources] = {}
        # The sum of `allocated` without roles; what is free is the total without it.
        self.used = EMPTY
        self._free: Resources | None = None
        # Whether everything free may be offered to anybody; valid after `free` was read.
        self.plain = True
        self.unavailability = unavailability
        # Maintenance: frameworks that have an unanswered inverse offer, and the last answers.
        self.inverse_offers: dict[str, None] = {}
        self.statuses: dict[str, str] = {}
        self.multi_role = self.hierarchical = False
        self.set_capabilities(capabilities)

    def set_capabilities(self, capabilities: Iterable[str]) -> bool:
        """Take over what the agent can do; True if that changes anything."""
        names = tuple(capabilities)
        before = (self.multi_role, self.hierarchical)
        self.multi_role = "MULTI_ROLE" in names
        self.hierarchical = "HIERARCHICAL_ROLE" in names
        return before != (self.multi_role, self.hierarchical)

    @property
    def free(self) -> Resources:
        """What may be offered: all that nobody has, and shared resources whether somebody has them or not."""
        free = self._free
        if free is None:
            total = self.total
            free = total - self.used
            if total.has_shared:
                free = free.nonshared() + total.shared()
            self._free = free
            self.plain = free.is_plain
        return free

    def set_total(self, total: Resources) -> None:
        """The agent has this much now."""
        self.total = total
        self._free = None

    def allocate(self, framework_id: str, resources: Resources, unallocated: Resources) -> None:
        """The framework has these, given with and without their roles."""
        self.allocated[framework_id] = self.allocated.get(framework_id, EMPTY) + resources
        self.used = self.used + unallocated
        self._free = None

    def release(self, framework_id: str, resources: Resources) -> None:
        """The framework has these no longer.

        Raises:
            InvariantError: it never had them.
        """
        held = self.allocated.get(framework_id, EMPTY)
        if not held.contains(resources):
            raise InvariantError(
                f"allocator: framework {framework_id} gives back {resources} on agent {self.id}, but what it holds there is "
                f"{held}; were these resources recovered twice, or under another role?"
            )
        rest = held - resources
        if rest:
            self.allocated[framework_id] = rest
        else:
            del self.allocated[framework_id]
        self.used = self.used - resources.unallocate()
        self._free = None


#: The key of filters in releases that do not keep them by role.
EVERY_ROLE = ""


class Framework:
    """A framework: its roles, its filters, and on which agents it holds something."""

    __slots__ = (
        "active",
        "constraints",
        "filters_by_role",
        "gpus",
        "holds_on",
        "id",
        "info",
        "inverse_filters",
        "minimal",
        "multi_role",
        "offer_filters",
        "refined",
        "region_aware",
        "revocable",
        "roles",
        "shared",
        "suppressed",
        "tracked",
    )

    def __init__(
        self, framework_id: str, info: FrameworkInfo, options: FrameworkOptions, active: bool, filters_by_role: bool
    ) -> None:
        self.id = framework_id
        self.active = active
        self.filters_by_role = filters_by_role
        # Roles whose sorter knows this framework: those it subscribes to, and those it still holds resources of.
        self.tracked: dict[str, None] = {}
        self.holds_on: dict[str, None] = {}
        self.offer_filters: dict[str, dict[str, dict[OfferFilter, None]]] = {}
        self.inverse_filters: dict[str, dict[InverseOfferFilter, None]] = {}
        self.suppressed: dict[str, None] = {}
        self.set_info(info, options)

    def set_info(self, info: FrameworkInfo, options: FrameworkOptions) -> None:
        """Take over what the framework says of itself, except its suppressed roles."""
        capabilities = info.capabilities
        self.info = info
        self.roles: dict[str, None] = dict.fromkeys(info.subscribed_roles)
        self.multi_role = "MULTI_ROLE" in capabilities
        self.gpus = "GPU_RESOURCES" in capabilities
        self.revocable = "REVOCABLE_RESOURCES" in capabilities
        self.shared = "SHARED_RESOURCES" in capabilities
        self.refined = "RESERVATION_REFINEMENT" in capabilities
        self.region_aware = "REGION_AWARE" in capabilities
        self.constraints: OfferConstraints | None = constraints_of(options.offer_constraints)
        self.minimal: dict[str, tuple[Quantities, ...]] | None = None
        if info.offer_filters:
            self.minimal = {role: quantity_sets(wanted) for role, wanted in info.offer_filters.items()}

    def refuses(self, role: str, slave_id: str, resources: Resources) -> bool:
        """Whether a filter keeps an offer of ``resources`` away."""
        by_agent = self.offer_filters.get(role if self.filters_by_role else EVERY_ROLE)
        if by_agent:
            for offer_filter in by_agent.get(slave_id, ()):
                if offer_filter.resources.contains(resources):
                    return True
        return False


class Books:
    """Agents, frameworks and roles of one allocator, with the sorters that order them."""

    def __init__(self, options: Options, sorters: tuple[SorterFactory, SorterFactory], choose: Callable[[str, int], int]) -> None:
        self.options = options
        self.choose = choose
        self.slaves: dict[str, Slave] = {}
        self.frameworks: dict[str, Framework] = {}
        # Role -> frameworks tracked under it.
        self.roles: dict[str, dict[str, None]] = {}
        self.quotas: dict[str, Quota] = {}
        self.whitelist: frozenset[str] | None = None
        self.minimal = quantity_sets(options.min_allocatable_resources)
        self.totals = Totals()
        self._excluded = tuple(options.fair_sharing_excluded_resource_names)
        self._framework_sorter = sorters[1]
        self.role_sorter: Sorter = sorters[0](self.totals, self._excluded, True, choose, "sort roles")
        self.framework_sorters: dict[str, Sorter] = {}

    # --- roles

    def track(self, framework: Framework, role: str) -> None:
        """From now on ``role`` counts what the framework holds; it gets no offers by that alone."""
        if role in framework.tracked:
            return
        framework.tracked[role] = None
        if role not in self.roles:
            self.roles[role] = {}
            self.role_sorter.add(role)
            self.role_sorter.activate(role)
            self.framework_sorters[role] = self._framework_sorter(
                self.totals, self._excluded, False, self.choose, f"sort frameworks of {role}"
            )
        self.roles[role][framework.id] = None
        self.framework_sorters[role].add(framework.id)

    def untrack(self, framework: Framework, role: str) -> None:
        """The role forgets the framework; a role without frameworks goes too."""
        if role not in framework.tracked:
            return
        del framework.tracked[role]
        del self.roles[role][framework.id]
        self.framework_sorters[role].remove(framework.id)
        if not self.roles[role]:
            del self.roles[role]
            del self.framework_sorters[role]
            self.role_sorter.remove(role)

    def untrack_if_idle(self, framework: Framework, role: str) -> None:
        """Forget a role to which the framework neither subscribes nor owes resources."""
        if role in framework.roles or role not in framework.tracked:
            return
        for slave_id in framework.holds_on:
            held = self.slaves[slave_id].allocated[framework.id]
            if any(identity.allocation_role == role for identity in held.entries):
                return
        self.untrack(framework, role)

    def activate_role(self, framework: Framework, role: str) -> None:
        """The framework takes part in the order of ``role``."""
        self.framework_sorters[role].activate(framework.id)

    def deactivate_role(self, framework: Framework, role: str) -> None:
        """The framework stays in ``role`` but out of its order."""
        self.framework_sorters[role].deactivate(framework.id)

    # --- resources

    def account(self, framework: Framework, slave_id: str, resources: Resources) -> None:
        """Count ``resources``, which carry their roles, in the shares of the framework. The agent's books are not touched."""
        for role, part in resources.allocations.items():
            self.track(framework, role)
            self.role_sorter.allocated(role, slave_id, part)
            self.framework_sorters[role].allocated(framework.id, slave_id, part)
        framework.holds_on[slave_id] = None

    def discount(self, framework: Framework, slave_id: str, resources: Resources) -> None:
        """The opposite of :meth:`account`; call it after the agent's own books were changed."""
        if framework.id not in self.slaves[slave_id].allocated:
            framework.holds_on.pop(slave_id, None)
        for role, part in resources.allocations.items():
            self.role_sorter.unallocated(role, slave_id, part)
            self.framework_sorters[role].unallocated(framework.id, slave_id, part)
            self.untrack_if_idle(framework, role)

    def convert(self, framework: Framework, slave: Slave, old: Resources, new: Resources) -> None:
        """What the framework holds on an agent became something else (reservations, volumes); the total changes with it."""
        slave.release(framework.id, old)
        slave.allocate(framework.id, new, new.unallocate())
        self.set_total(slave, slave.total - old.unallocate() + new.unallocate())
        converted = new.allocations
        for role, part in old.allocations.items():
            self.role_sorter.converted(role, slave.id, part, converted.get(role, EMPTY))
            self.framework_sorters[role].converted(framework.id, slave.id, part, converted.get(role, EMPTY))

    def set_total(self, slave: Slave, total: Resources) -> None:
        """The agent has this much now, for its own books and for all shares."""
        slave.set_total(total)
        self.totals.set(slave.id, total.quantities)

    def with_roles(self, framework: Framework, resources: Resources) -> Resources:
        """The same resources, the part without an allocation role given to the framework's first role."""
        unmarked = resources.filter(lambda identity: identity.allocation_role is None)
        if not unmarked or not framework.roles:
            return resources
        return resources - unmarked + unmarked.allocate(next(iter(framework.roles)))

    def quota(self, role: str) -> Quota | None:
        """The quota of a role, None if it is the default one."""
        return self.quotas.get(role)
