"""One allocation run: which free resources of which agents are offered to whom.

Stage 1 goes through the agents and satisfies quota guarantees; stage 2 goes through them again and shares out the rest,
role by role and framework by framework in the order of the sorters. Sharing is coarse: the first framework that may have
what is free on an agent, and does not refuse it, is offered all of it. What was offered counts at once, so the next agent
sees new shares.

Source: ``src/master/allocator/mesos/hierarchical.cpp`` (``__generateOffers``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from harness.mesos.allocator.books import Books, Framework, Slave
from harness.mesos.allocator.options import Quantities
from harness.mesos.allocator.quota import Headroom, is_quota_kind, shrink
from harness.mesos.messages import Unavailability
from harness.mesos.resources import EMPTY, Identity, Resources

#: framework -> role -> agent -> resources with their allocation role.
Offers: TypeAlias = dict[str, dict[str, dict[str, Resources]]]


class Run:
    """The state of one run; make one, call :meth:`execute`, throw it away."""

    __slots__ = ("books", "headroom", "offers", "shared_offered")

    def __init__(self, books: Books) -> None:
        self.books = books
        self.offers: Offers = {}
        # Shared resources are free even while in use, but are offered once in a run.
        self.shared_offered: dict[str, Resources] = {}
        self.headroom = Headroom(books) if books.quotas else None

    def execute(self, candidates: Iterable[str]) -> Offers:
        """Share out what is free on the candidate agents; the books are changed accordingly.

        Agents are visited in an order that is drawn anew for each stage; benign is the order of their registration. An
        agent with nothing free cannot influence anything and is left out of the draw.
        """
        books = self.books
        if not books.roles:
            return self.offers
        slaves = [books.slaves[slave_id] for slave_id in candidates if self._is_candidate(slave_id)]
        if any(quota.guarantees for quota in books.quotas.values()):
            self._shuffle(slaves)
            for slave in slaves:
                self._guarantee(slave)
        self._shuffle(slaves)
        for slave in slaves:
            self._share_out(slave)
        return self.offers

    def _is_candidate(self, slave_id: str) -> bool:
        slave = self.books.slaves.get(slave_id)
        if slave is None or not slave.active or not slave.free:
            return False
        whitelist = self.books.whitelist
        return whitelist is None or slave.info.hostname in whitelist

    def _shuffle(self, slaves: list[Slave]) -> None:
        choose = self.books.choose
        count = len(slaves)
        for i in range(count - 1):
            j = i + choose("order of agents", count - i)
            if j != i:
                slaves[i], slaves[j] = slaves[j], slaves[i]

    # --- stage 1

    def _guarantee(self, slave: Slave) -> None:
        books, headroom = self.books, self.headroom
        assert headroom is not None
        for role in books.role_sorter.order():
            if not slave.free:
                return
            quota = books.quotas.get(role)
            if quota is None or not quota.guarantees or not headroom.unsatisfied(role):
                continue
            for framework_id in books.framework_sorters[role].order():
                available = self._available(slave, role)
                if not available:
                    break
                framework = books.frameworks[framework_id]
                if not self._may_have(framework, slave, role) or not self._is_enough(available, role, framework):
                    continue
                to_offer = self._guaranteed_part(framework.id, role, self._capable(framework, slave, available))
                if to_offer and self._is_enough(to_offer, role, framework) and not framework.refuses(role, slave.id, to_offer):
                    self._give(framework, slave, role, to_offer)

    def _guaranteed_part(self, framework_id: str, role: str, available: Resources) -> Resources | None:
        headroom = self.headroom
        assert headroom is not None
        quota_part = available.filter(is_quota_kind)
        guaranteed = shrink(quota_part, headroom.unsatisfied(role), False)
        if not guaranteed:
            return None
        # Reservations go along only if they are for exactly this role; what is no scalar is divided by nobody.
        along = available.filter(lambda identity: _goes_along(identity, role))
        extra = quota_part - guaranteed
        if extra:
            # Limits count what the guarantee takes, too.
            extra = headroom.within_limits(role, guaranteed + extra) - guaranteed
            extra = headroom.within_surplus(extra)
        return guaranteed + along + extra

    # --- stage 2

    def _share_out(self, slave: Slave) -> None:
        books = self.books
        if not slave.free:
            return
        for role in books.role_sorter.order():
            available = self._available(slave, role)
            if not available:
                if not slave.free:
                    return
                continue
            # Most agents are alike to all frameworks of a role: what could be offered is computed once.
            alike = self._surplus_part(role, available) if slave.plain else None
            is_enough = alike is not None and self._has_one_of(alike, books.minimal)
            for framework_id in books.framework_sorters[role].order():
                framework = books.frameworks[framework_id]
                if alike is not None and not is_enough and framework.minimal is None:
                    continue
                if not self._may_have(framework, slave, role):
                    continue
                to_offer = alike
                if to_offer is None:
                    to_offer = self._surplus_part(role, self._capable(framework, slave, available))
                if to_offer and self._is_enough(to_offer, role, framework) and not framework.refuses(role, slave.id, to_offer):
                    self._give(framework, slave, role, to_offer)
                    available = self._available(slave, role)
                    if not available:
                        break
                    alike = self._surplus_part(role, available) if slave.plain else None
                    is_enough = alike is not None and self._has_one_of(alike, books.minimal)

    def _surplus_part(self, role: str, available: Resources) -> Resources:
        headroom = self.headroom
        if headroom is None:
            return available
        quota_part = available.filter(is_quota_kind)
        return available - quota_part + headroom.within_surplus(headroom.within_limits(role, quota_part))

    # --- both

    def _available(self, slave: Slave, role: str) -> Resources:
        """What of the agent may go to this role at all; nothing if the agent cannot serve such a role."""
        if not slave.hierarchical and "/" in role:
            return EMPTY
        free = slave.free
        if slave.plain:
            return free
        available = free.allocatable_to(role)
        offered = self.shared_offered.get(slave.id)
        return available if offered is None else available - offered

    def _may_have(self, framework: Framework, slave: Slave, role: str) -> bool:
        if framework.multi_role and not slave.multi_role:
            return False
        options = self.books.options
        if options.filter_gpu_resources and not framework.gpus and slave.total.quantities.get("gpus"):
            return False
        domain = slave.info.domain
        if domain is not None and not framework.region_aware and options.domain is not None:
            is_remote = domain.region != options.domain.region
            if is_remote:
                return False
        return framework.constraints is None or framework.constraints(role, slave.info)

    def _capable(self, framework: Framework, slave: Slave, available: Resources) -> Resources:
        """``available`` without what the framework cannot handle."""
        if slave.plain:
            return available
        return available.filter(
            lambda identity: (
                (framework.shared or not identity.shared)
                and (framework.revocable or not identity.revocable)
                and (framework.refined or len(identity.reservations) < 2)
            )
        )

    def _is_enough(self, resources: Resources, role: str, framework: Framework) -> bool:
        """Whether an offer of these is worth making: it holds one of the minimal amounts."""
        wanted = self.books.minimal
        if framework.minimal is not None:
            wanted = framework.minimal.get(role, wanted)
        return self._has_one_of(resources, wanted)

    def _has_one_of(self, resources: Resources, wanted: tuple[Quantities, ...]) -> bool:
        if not wanted:
            return True
        have = resources.quantities
        for minimum in wanted:
            for name, value in minimum.items():
                if have.get(name, 0) < value:
                    break
            else:
                return True
        return False

    def _give(self, framework: Framework, slave: Slave, role: str, resources: Resources) -> None:
        books = self.books
        marked = resources.allocate(role)
        slave.allocate(framework.id, marked, resources)
        framework.holds_on[slave.id] = None
        books.role_sorter.allocated(role, slave.id, marked)
        books.framework_sorters[role].allocated(framework.id, slave.id, marked)
        by_agent = self.offers.setdefault(framework.id, {}).setdefault(role, {})
        by_agent[slave.id] = by_agent[slave.id] + marked if slave.id in by_agent else marked
        if resources.has_shared:
            self.shared_offered[slave.id] = self.shared_offered.get(slave.id, EMPTY) + resources.shared()
        if self.headroom is not None:
            self.headroom.given(role, resources)


def _goes_along(identity: Identity, role: str) -> bool:
    if is_quota_kind(identity):
        return False
    return not identity.reservations or identity.role == role


def inverse_offers(books: Books, candidates: Iterable[str]) -> dict[str, dict[str, Unavailability]]:
    """Whom to ask to leave which agents: active frameworks that hold something on a candidate with planned maintenance,
    unless they were asked already and have not answered, or refused. Marks them as asked."""
    wanted: dict[str, dict[str, Unavailability]] = {}
    for slave_id in candidates:
        slave = books.slaves.get(slave_id)
        if slave is None or slave.unavailability is None:
            continue
        for framework_id in slave.allocated:
            framework = books.frameworks.get(framework_id)
            if framework is None or not framework.active or framework_id in slave.inverse_offers:
                continue
            if framework.inverse_filters.get(slave_id):
                continue
            slave.inverse_offers[framework_id] = None
            wanted.setdefault(framework_id, {})[slave_id] = slave.unavailability
    return wanted
