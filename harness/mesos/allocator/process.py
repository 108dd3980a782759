"""The hierarchical allocator as an actor: what each event does to the books. When runs happen: loop.py.

Source: ``src/master/allocator/mesos/hierarchical.cpp``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from harness.durations import Duration
from harness.errors import InvariantError, MisuseError
from harness.mesos.allocator.books import EVERY_ROLE, Framework, Slave
from harness.mesos.allocator.filters import InverseOfferFilter, OfferFilter, refuse_ns
from harness.mesos.allocator.loop import AllocationLoop
from harness.mesos.allocator.options import FrameworkOptions, ResourceConversion
from harness.mesos.messages import Filters, FrameworkInfo, Request, SlaveInfo, Unavailability
from harness.mesos.resources import EMPTY, Resources
from harness.simulation.future import Future, Promise


class HierarchicalAllocatorProcess(AllocationLoop):
    """Where the calls of a :class:`HierarchicalAllocator` arrive, in call order; methods and parameters as there.

    A call about an agent or framework that it does not know is noted and otherwise ignored: a double may have kept the
    addition back, and a master may speak of what was removed while an offer was under way.
    """

    # --- frameworks

    def add_framework(
        self,
        framework_id: str,
        framework_info: FrameworkInfo,
        used: Mapping[str, Resources],
        active: bool,
        options: FrameworkOptions,
    ) -> None:
        """Track it under its roles and count what it uses; a run over all agents follows if it is active."""
        books = self.books
        if framework_id in books.frameworks:
            raise InvariantError(f"allocator: framework {framework_id} was added twice; remove_framework comes in between")
        by_role = self.behaviour.filters_by_role
        framework = books.frameworks[framework_id] = Framework(framework_id, framework_info, options, active, by_role)
        framework.suppressed = dict.fromkeys(role for role in options.suppressed_roles if role in framework.roles)
        for role in framework.roles:
            books.track(framework, role)
            if role not in framework.suppressed:
                books.activate_role(framework, role)
        for slave_id, resources in used.items():
            slave = books.slaves.get(slave_id)
            if slave is not None and resources:
                self._account_known(framework, slave, books.with_roles(framework, resources))
        if active:
            self.generate_offers(books.slaves)
        else:
            self.deactivate_framework(framework_id)
        self.note("Added framework {}", framework_id)

    def _account_known(self, framework: Framework, slave: Slave, resources: Resources) -> None:
        # The agent normally came with the same usage, so its own books have it already; count there what they lack.
        missing = resources - slave.allocated.get(framework.id, EMPTY)
        if missing:
            slave.allocate(framework.id, missing, missing.unallocate())
        self.books.account(framework, slave.id, resources)

    def remove_framework(self, framework_id: str) -> None:
        """Release everything it holds or was offered, and forget it."""
        framework = self._framework(framework_id, "remove_framework")
        if framework is None:
            return
        books = self.books
        for slave_id in list(framework.holds_on):
            slave = books.slaves[slave_id]
            held = slave.allocated[framework_id]
            slave.release(framework_id, held)
            books.discount(framework, slave_id, held)
        for role in list(framework.tracked):
            books.untrack(framework, role)
        for slave in books.slaves.values():
            slave.inverse_offers.pop(framework_id, None)
            slave.statuses.pop(framework_id, None)
        del books.frameworks[framework_id]
        self.note("Removed framework {}", framework_id)

    def activate_framework(self, framework_id: str) -> None:
        """Back into the order of its roles, those it suppressed excepted; a run over all agents follows."""
        framework = self._framework(framework_id, "activate_framework")
        if framework is None:
            return
        framework.active = True
        for role in framework.roles:
            if role not in framework.suppressed:
                self.books.activate_role(framework, role)
        self.note("Activated framework {}", framework_id)
        self.generate_offers(self.books.slaves)

    def deactivate_framework(self, framework_id: str) -> None:
        """Out of the order of all roles, filters forgotten; what it holds stays counted."""
        framework = self._framework(framework_id, "deactivate_framework")
        if framework is None:
            return
        framework.active = False
        for role in framework.tracked:
            self.books.deactivate_role(framework, role)
        # A framework that comes back starts without refusals, but what it suppressed stays suppressed (since 1.4).
        framework.offer_filters.clear()
        framework.inverse_filters.clear()
        if not self.behaviour.suppression_survives_deactivation:
            framework.suppressed.clear()
        self.note("Deactivated framework {}", framework_id)

    def update_framework(self, framework_id: str, framework_info: FrameworkInfo, options: FrameworkOptions) -> None:
        """Take over roles, capabilities and suppressed roles; no run follows."""
        framework = self._framework(framework_id, "update_framework")
        if framework is None:
            return
        books = self.books
        old_roles, old_suppressed = framework.roles, framework.suppressed
        framework.set_info(framework_info, options)
        suppressed = dict.fromkeys(role for role in options.suppressed_roles if role in framework.roles)
        for role in old_roles:
            if role not in framework.roles:
                books.deactivate_role(framework, role)
                framework.offer_filters.pop(role, None)
                framework.suppressed.pop(role, None)
                books.untrack_if_idle(framework, role)
        for role in framework.roles:
            books.track(framework, role)
            if framework.active and role not in old_roles and role not in suppressed:
                books.activate_role(framework, role)
        newly_suppressed = [role for role in suppressed if role not in old_suppressed]
        revived = [role for role in old_suppressed if role in framework.roles and role not in suppressed]
        if newly_suppressed:
            self._suppress(framework, newly_suppressed)
        if revived:
            self._revive(framework, revived)

    def transition_offered_to_allocated(self, slave_id: str, resources: Resources) -> None:
        """Nothing changes: offered and allocated resources count alike."""

    def suppress_offers(self, framework_id: str, roles: Collection[str]) -> None:
        """No offers for these roles (none named: all) until revived."""
        framework = self._framework(framework_id, "suppress_offers")
        if framework is not None:
            self._suppress(framework, self._roles_meant(framework, roles))

    def _roles_meant(self, framework: Framework, roles: Collection[str]) -> Collection[str]:
        # Before 1.3 there is one switch for a framework, whatever role it names.
        return roles if roles and self.behaviour.suppresses_by_role else framework.roles

    def _suppress(self, framework: Framework, roles: Iterable[str]) -> None:
        for role in roles:
            if role in framework.roles:
                framework.suppressed[role] = None
                self.books.deactivate_role(framework, role)
        self.note("Suppressed offers of framework {}", framework.id)

    def revive_offers(self, framework_id: str, roles: Collection[str]) -> None:
        """Forget suppression and filters of these roles (none named: all); a run over all agents follows."""
        framework = self._framework(framework_id, "revive_offers")
        if framework is not None:
            self._revive(framework, self._roles_meant(framework, roles))
            self.generate_offers(self.books.slaves)

    def _revive(self, framework: Framework, roles: Iterable[str]) -> None:
        framework.inverse_filters.clear()
        if not self.behaviour.revive_clears_revived_roles_only:
            framework.offer_filters.clear()
        for role in list(roles):
            if role in framework.roles:
                framework.offer_filters.pop(role, None)
                framework.suppressed.pop(role, None)
                if framework.active:
                    self.books.activate_role(framework, role)
        self.note("Revived offers of framework {}", framework.id)

    # --- agents

    def add_slave(
        self,
        slave_id: str,
        slave_info: SlaveInfo,
        capabilities: tuple[str, ...],
        unavailability: Unavailability | None,
        total: Resources,
        used: Mapping[str, Resources],
    ) -> None:
        """Count the agent and what is used on it; a run over this agent follows."""
        books = self.books
        if slave_id in books.slaves:
            raise InvariantError(f"allocator: agent {slave_id} was added twice; remove_slave comes in between")
        slave = books.slaves[slave_id] = Slave(slave_id, slave_info, capabilities, unavailability, total.unallocate())
        books.totals.set(slave_id, slave.total.quantities)
        for framework_id, resources in used.items():
            if not resources:
                continue
            framework = books.frameworks.get(framework_id)
            if framework is not None:
                resources = books.with_roles(framework, resources)
            slave.allocate(framework_id, resources, resources.unallocate())
            # Shares of a framework that is not known yet are counted when it is added.
            if framework is not None:
                books.account(framework, slave_id, resources)
        if self.paused and self.expected_agents is not None and len(books.slaves) >= self.expected_agents:
            self.note("{} agents are back, offers may be made", len(books.slaves))
            self._recovery_over()
        self.note("Added agent {} ({}) with {}", slave_id, slave_info.hostname, total)
        self.generate_offers((slave_id,))

    def remove_slave(self, slave_id: str) -> None:
        """Release what is held on it, and forget it and the filters about it."""
        slave = self._slave(slave_id, "remove_slave")
        if slave is None:
            return
        books = self.books
        for framework_id, held in list(slave.allocated.items()):
            slave.release(framework_id, held)
            framework = books.frameworks.get(framework_id)
            if framework is not None:
                books.discount(framework, slave_id, held)
        books.totals.remove(slave_id)
        del books.slaves[slave_id]
        self.candidates.pop(slave_id, None)
        self._drop_filters_of(slave_id)
        for framework in books.frameworks.values():
            framework.inverse_filters.pop(slave_id, None)
        self.note("Removed agent {}", slave_id)

    def _drop_filters_of(self, slave_id: str) -> None:
        for framework in self.books.frameworks.values():
            for by_agent in framework.offer_filters.values():
                by_agent.pop(slave_id, None)

    def update_slave(
        self, slave_id: str, slave_info: SlaveInfo, total: Resources | None, capabilities: tuple[str, ...] | None
    ) -> None:
        """Take over what changed; a run over this agent follows if anything did."""
        slave = self._slave(slave_id, "update_slave")
        if slave is None:
            return
        changed = slave.info != slave_info
        if slave.info.attributes != slave_info.attributes:
            # What a framework refused was an agent with other attributes.
            self._drop_filters_of(slave_id)
        slave.info = slave_info
        if capabilities is not None:
            changed = slave.set_capabilities(capabilities) or changed
        if total is not None and total.unallocate() != slave.total:
            self.books.set_total(slave, total.unallocate())
            changed = True
        if changed or self.behaviour.update_slave_always_allocates:
            self.note("Updated agent {} with {}", slave_id, slave.total)
            self.generate_offers((slave_id,))

    def add_resource_provider(self, slave_id: str, total: Resources, used: Mapping[str, Resources]) -> None:
        """More resources on an agent, partly in use already; no run follows."""
        slave = self._slave(slave_id, "add_resource_provider")
        if slave is None:
            return
        self.books.set_total(slave, slave.total + total.unallocate())
        for framework_id, resources in used.items():
            framework = self.books.frameworks.get(framework_id)
            if framework is not None:
                resources = self.books.with_roles(framework, resources)
                self.books.account(framework, slave_id, resources)
            slave.allocate(framework_id, resources, resources.unallocate())

    def activate_slave(self, slave_id: str) -> None:
        """Its free resources may be offered again, from the next run on."""
        slave = self._slave(slave_id, "activate_slave")
        if slave is not None:
            slave.active = True
            self.note("Activated agent {}", slave_id)

    def deactivate_slave(self, slave_id: str) -> None:
        """Its resources are not offered, but stay counted in all shares."""
        slave = self._slave(slave_id, "deactivate_slave")
        if slave is not None:
            slave.active = False
            self.note("Deactivated agent {}", slave_id)

    def update_whitelist(self, whitelist: Collection[str] | None) -> None:
        """Only agents on these hosts are candidates from the next run on; None means all."""
        self.books.whitelist = None if whitelist is None else frozenset(whitelist)

    # --- resources

    def request_resources(self, framework_id: str, requests: Iterable[Request]) -> None:
        """Ignored, as in Mesos."""
        self.note("Ignored a request of framework {} for resources", framework_id)

    def update_allocation(
        self, framework_id: str, slave_id: str, offered_resources: Resources, conversions: Iterable[ResourceConversion]
    ) -> None:
        """What a framework was offered on an agent became something else."""
        framework = self._framework(framework_id, "update_allocation")
        slave = self._slave(slave_id, "update_allocation")
        if framework is None or slave is None:
            return
        resources = offered_resources
        for conversion in conversions:
            converted = conversion.apply(resources)
            if converted is None:
                raise InvariantError(
                    f"allocator: framework {framework_id} converts {conversion.consumed} on agent {slave_id}, "
                    f"but was offered {resources}; validate operations before update_allocation"
                )
            resources = converted
        self.books.convert(framework, slave, offered_resources, resources)

    def update_available(self, slave_id: str, operations: Iterable[ResourceConversion]) -> Future[None]:
        """Convert free resources; the future fails if they are not free."""
        promise: Promise[None] = Promise("update_available")
        slave = self.books.slaves.get(slave_id)
        free = slave.free if slave is not None else EMPTY
        total = slave.total if slave is not None else EMPTY
        for operation in operations:
            converted, new_total = operation.apply(free), operation.apply(total)
            if slave is None or converted is None or new_total is None:
                promise.fail(f"Insufficient resources: {operation.consumed} is not available on agent {slave_id}, only {free}")
                return promise.future
            free, total = converted, new_total
        if slave is not None:
            self.books.set_total(slave, total)
        promise.set(None)
        return promise.future

    def recover_resources(
        self, framework_id: str, slave_id: str, resources: Resources, filters: Filters | None, is_allocated: bool
    ) -> None:
        """Take resources back, and keep them away from the framework if it filters; no run follows."""
        books = self.books
        framework, slave = books.frameworks.get(framework_id), books.slaves.get(slave_id)
        # Removal of either has released everything already, and late offers may come back after it.
        if not resources or framework is None or slave is None:
            return
        resources = books.with_roles(framework, resources)
        roles = resources.allocations
        slave.release(framework_id, resources)
        books.discount(framework, slave_id, resources)
        if filters is None:
            return
        refused_ns = refuse_ns(filters, self.behaviour.caps_refuse_seconds)
        if refused_ns == 0:
            return
        for role in roles:
            if role in framework.roles:
                self._refuse(framework, slave_id, role, resources, refused_ns)

    def _refuse(self, framework: Framework, slave_id: str, role: str, resources: Resources, refused_ns: int) -> None:
        part = resources.allocations[role].unallocate()
        offer_filter = OfferFilter(part)
        if not framework.filters_by_role:
            role = EVERY_ROLE
        framework.offer_filters.setdefault(role, {}).setdefault(slave_id, {})[offer_filter] = None
        self.note("Framework {} filtered agent {} for {}", framework.id, slave_id, Duration(refused_ns))
        # At least until the next batch: a filter that ended before it would have no effect at all.
        life = Duration(max(self.interval_ns, refused_ns))
        self.delay(life, self.expire, framework.id, role, slave_id, offer_filter, recurring=True)

    def expire(self, framework_id: str, role: str, slave_id: str, offer_filter: OfferFilter) -> None:
        """A filter's time is up. It goes through one more dispatch, so that a batch queued at this very instant still meets a
        filter that was made after the batch was timed (since 1.2)."""
        if not self.behaviour.filter_expiry_dispatches:
            self._expire(framework_id, role, slave_id, offer_filter)
            return
        self._tell(self.address, "_expire", framework_id, role, slave_id, offer_filter)

    def _expire(self, framework_id: str, role: str, slave_id: str, offer_filter: OfferFilter) -> None:
        framework = self.books.frameworks.get(framework_id)
        if framework is None:
            return
        by_agent = framework.offer_filters.get(role, {})
        found = by_agent.get(slave_id, {})
        # It may have been dropped by a revive or a removal; then the timer finds nothing.
        found.pop(offer_filter, None)
        if not found:
            by_agent.pop(slave_id, None)
        if not by_agent:
            framework.offer_filters.pop(role, None)

    # --- maintenance

    def update_unavailability(self, slave_id: str, unavailability: Unavailability | None) -> None:
        """Maintenance was planned, changed or cancelled (None); a run over this agent follows."""
        slave = self._slave(slave_id, "update_unavailability")
        if slave is None:
            return
        for framework in self.books.frameworks.values():
            framework.inverse_filters.pop(slave_id, None)
        slave.unavailability = unavailability
        slave.inverse_offers.clear()
        slave.statuses.clear()
        self.generate_offers((slave_id,))

    def update_inverse_offer(
        self, slave_id: str, framework_id: str, unavailable_resources: object, status: str | None, filters: Filters | None
    ) -> None:
        """An inverse offer was answered, or withdrawn (``status`` None)."""
        framework = self._framework(framework_id, "update_inverse_offer")
        slave = self._slave(slave_id, "update_inverse_offer")
        if framework is None or slave is None or slave.unavailability is None:
            return
        slave.inverse_offers.pop(framework_id, None)
        if status is not None:
            slave.statuses[framework_id] = status
        if filters is None:
            return
        refused_ns = refuse_ns(filters, self.behaviour.caps_refuse_seconds)
        if refused_ns:
            inverse_filter = InverseOfferFilter()
            framework.inverse_filters.setdefault(slave_id, {})[inverse_filter] = None
            self.delay(Duration(refused_ns), self.expire_inverse, framework_id, slave_id, inverse_filter, recurring=True)

    def expire_inverse(self, framework_id: str, slave_id: str, inverse_filter: InverseOfferFilter) -> None:
        """The time of an inverse offer's filter is up."""
        framework = self.books.frameworks.get(framework_id)
        if framework is not None:
            found = framework.inverse_filters.get(slave_id, {})
            found.pop(inverse_filter, None)
            if not found:
                framework.inverse_filters.pop(slave_id, None)

    def get_inverse_offer_statuses(self) -> dict[str, dict[str, str]]:
        """The last answers, ``{slave_id: {framework_id: status}}``, for agents with planned maintenance."""
        return {slave.id: dict(slave.statuses) for slave in self.books.slaves.values() if slave.unavailability is not None}

    # --- operators

    def update_weights(self, weight_infos: Iterable[tuple[str, float]]) -> None:
        """Set weights of roles, to be heeded from the next run on (before 1.3: a run follows)."""
        for role, weight in weight_infos:
            if not weight > 0:
                raise MisuseError(f"weight {weight!r} of role {role!r}: wanted a number above 0; 1 is the default")
            self.books.role_sorter.update_weight(role, float(weight))
        if self.behaviour.quota_change_allocates:
            self.generate_offers(self.books.slaves)

    # --- looking up

    def _framework(self, framework_id: str, doing: str) -> Framework | None:
        framework = self.books.frameworks.get(framework_id)
        if framework is None:
            self.note("Ignored {} of framework {}, which was never added or is removed", doing, framework_id)
        return framework

    def _slave(self, slave_id: str, doing: str) -> Slave | None:
        slave = self.books.slaves.get(slave_id)
        if slave is None:
            self.note("Ignored {} of agent {}, which was never added or is removed", doing, slave_id)
        return slave
