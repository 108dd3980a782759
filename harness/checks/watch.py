"""An allocator with somebody looking over its shoulder.

::

    watch = AllocatorWatch(MyAllocator())
    lab = AllocatorLab(world, watch)            # or cluster.start_master(allocator=watch)

Every call is passed on and entered into a ledger, every offer is checked against it, and the first one that is wrong fails the
run with an :class:`~harness.errors.InvariantError`. What the allocator is and how it decides is not looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import msgspec

from harness.checks.amounts import amount_of, minus, plus
from harness.checks.check import AllocationCheck
from harness.checks.eligibility import Eligibility
from harness.checks.ledger import Agent, Framework, Ledger, Limits, Offer, Refusal, Switch
from harness.checks.offered_once import OfferedOnce
from harness.checks.quota_limits import QuotaLimits
from harness.checks.refusals import RefusalsKept
from harness.checks.totals import TotalsAgree
from harness.durations import Duration
from harness.errors import HarnessError, InvariantError
from harness.mesos.allocator import Allocator, FrameworkOptions, InverseOfferCallback, OfferCallback, Options, Quota
from harness.mesos.allocator import ResourceConversion as Conversion
from harness.mesos.messages import Filters, FrameworkInfo, Request, SlaveInfo, Unavailability
from harness.mesos.resources import Resources
from harness.simulation import Future, Process

SECOND_NS = 1_000_000_000
_NO_OPTIONS = FrameworkOptions()


class WatchedCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call to the allocator, or one ``offer`` from it."""

    index: int
    method: str
    args: dict[str, Any]
    time: Duration


def all_checks() -> tuple[AllocationCheck, ...]:
    """One of each check that holds for any allocator."""
    return OfferedOnce(), Eligibility(), RefusalsKept(), QuotaLimits(), TotalsAgree()


class AllocatorWatch(Allocator):
    """Passes everything on to ``real`` and checks its offers.

    To know when a call has been served it asks ``real.get_inverse_offer_statuses()``, whose answer must come after everything
    called before; an allocator that does its work at once inherits one that does.

    Args:
        real: the allocator to be checked.
        checks: what to look at; by default :func:`all_checks`.

    Attributes:
        calls: all calls and offers so far, which ``harness.report.allocation.allocation_page`` draws.
        ledger: who has what.
        findings: what was found wrong.
    """

    def __init__(self, real: Allocator, checks: Iterable[AllocationCheck] | None = None) -> None:
        self.real = real
        self.checks = all_checks() if checks is None else tuple(checks)
        self.calls: list[WatchedCall] = []
        self.findings: list[HarnessError] = []
        # How often something happened that ends refusals early.
        self._forgotten = 0
        self.ledger = Ledger(self._when_served)

    def _when_served(self, action: Callable[[], None]) -> None:
        self.real.get_inverse_offer_statuses().on_any(lambda _: action())

    def _record(self, method: str, **args: Any) -> None:
        time = self.owner.elapsed
        self.calls.append(WatchedCall(index=len(self.calls), method=method, args=args, time=time))

    # --- the two ends

    def bind(self, owner: Process) -> None:
        """Told to the real one, too; the verdict at the end of the run is asked for."""
        super().bind(owner)
        owner.world.add_check(self)
        self.real.bind(owner)

    def initialize(self, options: Options, offer_callback: OfferCallback, inverse_offer_callback: InverseOfferCallback) -> None:
        """Begin to work, with a look at each offer."""

        def offered(framework_id: str, offers: dict[str, dict[str, Resources]]) -> None:
            self._offered(framework_id, offers)
            offer_callback(framework_id, offers)

        self.real.initialize(options, offered, inverse_offer_callback)

    def _offered(self, framework_id: str, offers: dict[str, dict[str, Resources]]) -> None:
        self._record("offer", framework_id=framework_id, offers=offers)
        ledger = self.ledger
        for role, by_agent in offers.items():
            for slave_id, resources in by_agent.items():
                offer = Offer(framework_id, role, slave_id, amount_of(resources), resources, self.owner.now)
                wrong = [f"{type(check).__name__}: {text}" for check in self.checks for text in check.on_offer(ledger, offer)]
                agent = ledger.agents.get(slave_id)
                if agent is not None and framework_id in ledger.frameworks:
                    agent.add(framework_id, role, offer.amount)
                if wrong:
                    self._fail(f"{type(self.real).__name__} offers {offer} at {self.owner.elapsed}\n  " + "\n  ".join(wrong))

    def _fail(self, text: str) -> None:
        error = InvariantError(text)
        self.findings.append(error)
        raise error

    def verify(self) -> None:
        """Compare the allocator's own figures with the ledger, now; it must have had time to serve all calls.

        Raises:
            InvariantError: they differ.
        """
        metrics = getattr(self.real, "metrics", None)
        if not isinstance(metrics, Mapping) or self.ledger.unserved:
            return
        wrong = [f"{type(check).__name__}: {text}" for check in self.checks for text in check.on_books(self.ledger, metrics)]
        if wrong:
            self._fail(f"{type(self.real).__name__} has lost count:\n  " + "\n  ".join(wrong))

    def verify_at_end(self) -> list[HarnessError]:
        """What was found, for the end of the run."""
        return list(self.findings)

    def describe_pending(self) -> list[str]:
        """Nothing is ever waited for here."""
        return []

    # --- frameworks

    def add_framework(
        self,
        framework_id: str,
        framework_info: FrameworkInfo,
        used: Mapping[str, Resources],
        active: bool,
        options: FrameworkOptions = _NO_OPTIONS,
    ) -> None:
        """Passed on."""
        self._record("add_framework", framework_id=framework_id, framework_info=framework_info, used=used, active=active)
        ledger = self.ledger
        framework = ledger.frameworks[framework_id] = Framework(framework_id, framework_info.subscribed_roles, active)
        for role in options.suppressed_roles:
            if role in framework.roles:
                framework.unsuppressed[role] = Switch(on=False)
        for slave_id, resources in used.items():
            agent = ledger.agents.get(slave_id)
            if agent is not None:
                ledger.hold(framework_id, agent, resources)
        self.real.add_framework(framework_id, framework_info, used, active, options)
        for slave_id in used:
            if slave_id in ledger.agents:
                ledger.uncertain(ledger.agents[slave_id])

    def remove_framework(self, framework_id: str) -> None:
        """Passed on."""
        self._record("remove_framework", framework_id=framework_id)
        ledger = self.ledger
        framework = ledger.frameworks.get(framework_id)
        self.real.remove_framework(framework_id)
        for agent in ledger.agents.values():
            agent.held.pop(framework_id, None)
        self._forget_refusals(lambda refusal: refusal.framework_id == framework_id)

        def gone() -> None:
            if framework is not None and ledger.frameworks.get(framework_id) is framework:
                del ledger.frameworks[framework_id]
                for agent in ledger.agents.values():
                    agent.held.pop(framework_id, None)

        ledger.served(gone)

    def activate_framework(self, framework_id: str) -> None:
        """Passed on."""
        self._record("activate_framework", framework_id=framework_id)
        framework = self.ledger.frameworks.get(framework_id)
        if framework is not None:
            framework.active.allow()
        self.real.activate_framework(framework_id)

    def deactivate_framework(self, framework_id: str) -> None:
        """Passed on; what it refused may be offered again when it comes back."""
        self._record("deactivate_framework", framework_id=framework_id)
        self.real.deactivate_framework(framework_id)
        self._forget_refusals(lambda refusal: refusal.framework_id == framework_id)
        framework = self.ledger.frameworks.get(framework_id)
        if framework is not None:
            framework.active.forbid(self.ledger.served)

    def update_framework(self, framework_id: str, framework_info: FrameworkInfo, options: FrameworkOptions = _NO_OPTIONS) -> None:
        """Passed on."""
        self._record("update_framework", framework_id=framework_id, framework_info=framework_info)
        self.real.update_framework(framework_id, framework_info, options)
        self._forget_refusals(lambda refusal: refusal.framework_id == framework_id)
        framework = self.ledger.frameworks.get(framework_id)
        if framework is None:
            return
        wanted = framework_info.subscribed_roles
        for role in wanted:
            framework.roles.setdefault(role, Switch()).allow()
            framework.unsuppressed.setdefault(role, Switch())
        for role, subscribed in framework.roles.items():
            if role not in wanted:
                subscribed.forbid(self.ledger.served)
        for role, unsuppressed in framework.unsuppressed.items():
            if role in options.suppressed_roles:
                unsuppressed.forbid(self.ledger.served)
            else:
                unsuppressed.allow()

    def suppress_offers(self, framework_id: str, roles: Collection[str]) -> None:
        """Passed on."""
        self._record("suppress_offers", framework_id=framework_id, roles=tuple(roles))
        self.real.suppress_offers(framework_id, roles)
        framework = self.ledger.frameworks.get(framework_id)
        if framework is not None:
            for role in roles or tuple(framework.roles):
                if role in framework.unsuppressed:
                    framework.unsuppressed[role].forbid(self.ledger.served)

    def revive_offers(self, framework_id: str, roles: Collection[str]) -> None:
        """Passed on; what it refused for these roles may be offered again."""
        self._record("revive_offers", framework_id=framework_id, roles=tuple(roles))
        framework = self.ledger.frameworks.get(framework_id)
        if framework is not None:
            meant = tuple(roles) or tuple(framework.roles)
            for role in meant:
                if role in framework.unsuppressed:
                    framework.unsuppressed[role].allow()
            self._forget_refusals(lambda refusal: refusal.framework_id == framework_id and refusal.role in meant)
        self.real.revive_offers(framework_id, roles)

    def _forget_refusals(self, which: Callable[[Refusal], bool]) -> None:
        self.ledger.refusals = [refusal for refusal in self.ledger.refusals if not which(refusal)]
        self._forgotten += 1

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
        """Passed on."""
        self._record("add_slave", slave_id=slave_id, slave_info=slave_info, total=total, used=used)
        ledger = self.ledger
        was_there = slave_id in ledger.agents
        agent = ledger.agents[slave_id] = Agent(slave_id, slave_info.hostname, amount_of(total))
        for framework_id, resources in used.items():
            ledger.hold(framework_id, agent, resources)
        self.real.add_slave(slave_id, slave_info, capabilities, unavailability, total, used)
        if was_there:
            # Offers of its earlier life may still be under way.
            ledger.uncertain(agent)

    def remove_slave(self, slave_id: str) -> None:
        """Passed on."""
        self._record("remove_slave", slave_id=slave_id)
        ledger = self.ledger
        self.real.remove_slave(slave_id)
        self._forget_refusals(lambda refusal: refusal.slave_id == slave_id)
        agent = ledger.agents.get(slave_id)
        if agent is None:
            return
        agent.held.clear()
        ledger.uncertain(agent)

        def gone() -> None:
            if ledger.agents.get(slave_id) is agent:
                del ledger.agents[slave_id]

        ledger.served(gone)

    def update_slave(
        self,
        slave_id: str,
        slave_info: SlaveInfo,
        total: Resources | None = None,
        capabilities: tuple[str, ...] | None = None,
    ) -> None:
        """Passed on; what was refused of the agent may be offered again."""
        self._record("update_slave", slave_id=slave_id, slave_info=slave_info, total=total)
        agent = self.ledger.agents.get(slave_id)
        self.real.update_slave(slave_id, slave_info, total, capabilities)
        self._forget_refusals(lambda refusal: refusal.slave_id == slave_id)
        if agent is not None and total is not None:
            agent.total = amount_of(total)
            self.ledger.uncertain(agent)

    def add_resource_provider(self, slave_id: str, total: Resources, used: Mapping[str, Resources]) -> None:
        """Passed on."""
        self._record("add_resource_provider", slave_id=slave_id, total=total, used=used)
        agent = self.ledger.agents.get(slave_id)
        self.real.add_resource_provider(slave_id, total, used)
        if agent is not None:
            agent.total = plus(agent.total, amount_of(total))
            for framework_id, resources in used.items():
                for role, amount in self.ledger.parts(framework_id, resources):
                    agent.add(framework_id, role, amount)
            self.ledger.uncertain(agent)

    def activate_slave(self, slave_id: str) -> None:
        """Passed on."""
        self._record("activate_slave", slave_id=slave_id)
        if slave_id in self.ledger.agents:
            self.ledger.agents[slave_id].active.allow()
        self.real.activate_slave(slave_id)

    def deactivate_slave(self, slave_id: str) -> None:
        """Passed on."""
        self._record("deactivate_slave", slave_id=slave_id)
        self.real.deactivate_slave(slave_id)
        if slave_id in self.ledger.agents:
            self.ledger.agents[slave_id].active.forbid(self.ledger.served)

    def update_whitelist(self, whitelist: Collection[str] | None) -> None:
        """Passed on."""
        self._record("update_whitelist", whitelist=whitelist)
        ledger = self.ledger
        self.real.update_whitelist(whitelist)
        ledger.whitelist = None if whitelist is None else frozenset(whitelist)
        ledger.whitelist_unsure += 1

        def sure() -> None:
            ledger.whitelist_unsure -= 1

        ledger.served(sure)

    # --- resources

    def request_resources(self, framework_id: str, requests: Iterable[Request]) -> None:
        """Passed on."""
        self.real.request_resources(framework_id, requests)

    def update_allocation(
        self, framework_id: str, slave_id: str, offered_resources: Resources, conversions: Iterable[Conversion]
    ) -> None:
        """Passed on; the total of the agent changes with what the framework holds."""
        steps = tuple(conversions)
        self._record("update_allocation", framework_id=framework_id, slave_id=slave_id, conversions=steps)
        self.real.update_allocation(framework_id, slave_id, offered_resources, steps)
        agent = self.ledger.agents.get(slave_id)
        if agent is None:
            return
        for step in steps:
            for role, amount in self.ledger.parts(framework_id, step.consumed):
                agent.take(framework_id, role, amount)
            for role, amount in self.ledger.parts(framework_id, step.converted):
                agent.add(framework_id, role, amount)
            agent.total = plus(minus(agent.total, amount_of(step.consumed)), amount_of(step.converted))
        self.ledger.uncertain(agent)

    def update_available(self, slave_id: str, operations: Iterable[Conversion]) -> Future[None]:
        """Passed on; the total of the agent changes if the allocator says so."""
        steps = tuple(operations)
        self._record("update_available", slave_id=slave_id, operations=steps)
        agent = self.ledger.agents.get(slave_id)

        def converted(future: Future[None]) -> None:
            if agent is not None and future.ready:
                for step in steps:
                    agent.total = plus(minus(agent.total, amount_of(step.consumed)), amount_of(step.converted))

        if agent is not None:
            agent.unsure += 1
        answer = self.real.update_available(slave_id, steps).on_any(converted)
        if agent is not None:
            agent.unsure -= 1
            self.ledger.uncertain(agent)
        return answer

    def recover_resources(
        self,
        framework_id: str,
        slave_id: str,
        resources: Resources,
        filters: Filters | None = None,
        is_allocated: bool = False,
    ) -> None:
        """Passed on; a refusal holds from when it was served."""
        ledger = self.ledger
        self._record("recover_resources", framework_id=framework_id, slave_id=slave_id, resources=resources)
        ledger.release(framework_id, slave_id, resources)
        self.real.recover_resources(framework_id, slave_id, resources, filters, is_allocated)
        refused_ns = 0 if filters is None else _refused_ns(filters)
        if refused_ns <= 0 or slave_id not in ledger.agents or framework_id not in ledger.frameworks:
            return
        until_ns = self.owner.now + refused_ns
        forgotten = self._forgotten
        parts = [Refusal(framework_id, role, slave_id, part, until_ns) for role, part in ledger.parts(framework_id, resources)]

        def refused() -> None:
            # Something that forgets refusals may have come in between; then it is not certain that this one holds.
            if self._forgotten == forgotten:
                now = self.owner.now
                ledger.refusals = [refusal for refusal in ledger.refusals if refusal.until_ns > now] + parts

        ledger.served(refused)

    def transition_offered_to_allocated(self, slave_id: str, resources: Resources) -> None:
        """Passed on."""
        self._record("transition_offered_to_allocated", slave_id=slave_id, resources=resources)
        self.real.transition_offered_to_allocated(slave_id, resources)

    # --- maintenance, operators

    def update_unavailability(self, slave_id: str, unavailability: Unavailability | None) -> None:
        """Passed on."""
        self.real.update_unavailability(slave_id, unavailability)

    def update_inverse_offer(
        self,
        slave_id: str,
        framework_id: str,
        unavailable_resources: Any = None,
        status: str | None = None,
        filters: Filters | None = None,
    ) -> None:
        """Passed on."""
        self.real.update_inverse_offer(slave_id, framework_id, unavailable_resources, status, filters)

    def get_inverse_offer_statuses(self) -> Future[dict[str, dict[str, str]]]:
        """Passed on."""
        return self.real.get_inverse_offer_statuses()

    def recover(self, expected_agent_count: int, quotas: Mapping[str, Quota]) -> None:
        """Passed on."""
        self.real.recover(expected_agent_count, quotas)
        for role, quota in quotas.items():
            self._limit(role, quota)

    def update_quota(self, role: str, quota: Quota) -> None:
        """Passed on; a limit holds from when it was served."""
        self._record("update_quota", role=role, quota=quota)
        self.real.update_quota(role, quota)
        self._limit(role, quota)

    def _limit(self, role: str, quota: Quota) -> None:
        limits = self.ledger.limits.setdefault(role, Limits())
        limits.amounts = quota.limits
        limits.unsure += 1

        def sure() -> None:
            limits.unsure -= 1

        self.ledger.served(sure)

    def update_weights(self, weight_infos: Iterable[tuple[str, float]] | Mapping[str, float]) -> None:
        """Passed on."""
        pairs = tuple(weight_infos.items() if isinstance(weight_infos, Mapping) else weight_infos)
        self._record("update_weights", weight_infos=pairs)
        self.ledger.weights.update(pairs)
        self.real.update_weights(pairs)

    def pause(self) -> None:
        """Passed on."""
        self.real.pause()

    def resume(self) -> None:
        """Passed on."""
        self.real.resume()


def _refused_ns(filters: Filters) -> int:
    seconds: object = filters.refuse_seconds
    if isinstance(seconds, Duration):
        return seconds.ns
    if not isinstance(seconds, (int, float)) or not math.isfinite(seconds) or seconds < 0:
        # Mesos takes its default for what makes no sense.
        return 5 * SECOND_NS
    return round(min(seconds, 365 * 86_400) * SECOND_NS)
