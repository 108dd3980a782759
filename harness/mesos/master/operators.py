"""What operators ask of a master, but for maintenance: weights, quotas, agents drained, deactivated, marked gone, teardown.

Every call is authorized, written into the registry, and only then takes effect; the answer is a future that is ready by then, or
failed with Mesos's words. Source: Mesos ``src/master/{http,quota_handler,weights_handler}.cpp``, and ``markGone`` and
``checkAndTransitionDrainingAgent`` in ``src/master/master.cpp``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from harness.durations import Duration
from harness.mesos.allocator.options import Quantities, Quota, show_quantities
from harness.mesos.authorizer import Action
from harness.mesos.master.maintenance import Maintenance
from harness.mesos.master.records import AgentRecord, FrameworkRecord, frees_resources
from harness.mesos.master.validation import validate_role
from harness.mesos.messages import (
    DeactivateAgent,
    DrainAgent,
    DrainConfig,
    DrainInfo,
    DrainSlaveMessage,
    MarkAgentDrained,
    MarkSlaveGone,
    Offer,
    QuotaConfig,
    ReactivateAgent,
    ShutdownMessage,
    StatusUpdate,
    Task,
    UpdateQuota,
    UpdateWeights,
    WeightInfo,
)
from harness.mesos.resources import is_within
from harness.mesos.states import AgentCapability, StatusReason, TaskState
from harness.simulation import Future, Promise

GONE = "Agent has been marked gone"


class Operators(Maintenance):
    """The operator's calls."""

    # --- weights

    def update_weights(self, weights: Mapping[str, float]) -> Future[None]:
        """Set weights of roles; all offers are taken back if a role with frameworks is among them."""
        infos = tuple(WeightInfo(role=role.strip(), weight=weight) for role, weight in weights.items())
        return self.ask(Action.UPDATE_WEIGHT, ", ".join(weights), "_update_weights", infos)

    def _update_weights(self, promise: Promise[None], infos: tuple[WeightInfo, ...]) -> None:
        text = "Failed to validate update weights request JSON"
        for info in infos:
            error = validate_role(info.role)
            if error is not None:
                promise.fail(f"{text}: Invalid role '{info.role}': {error}")
            elif not self._role_is_allowed(info.role):
                promise.fail(f"{text}: Unknown role '{info.role}'")
            elif not info.weight > 0:
                promise.fail(f"{text} for role '{info.role}': Invalid weight '{info.weight:g}': Weights must be positive")
        if not promise.future.done:
            self.store(UpdateWeights(weight_infos=infos), promise, "_updated_weights", infos)

    def _updated_weights(self, infos: tuple[WeightInfo, ...]) -> None:
        self.weights.update((info.role, info.weight) for info in infos)
        self.allocator.update_weights([(info.role, info.weight) for info in infos])
        # Offers made under the old weights would stand in the way of the new ones.
        roles = {role: None for framework in self.frameworks.values() for role in framework.info.subscribed_roles}
        if any(info.role in roles for info in infos):
            for offer in list(self.offers.values()):
                self.rescind_offer(offer)

    def _role_is_allowed(self, role: str) -> bool:
        return role == "*" or self.flags.roles is None or role in self.flags.roles

    # --- quotas

    def update_quota(self, role: str, guarantees: str, limits: str, force: bool = False) -> Future[None]:
        """Set what a role is guaranteed and limited to; both empty is no quota. Offers in the way are taken back."""
        quota = Quota(guarantees, limits)
        config = QuotaConfig(role=role, guarantees=_text(quota.guarantees), limits=_text(quota.limits))
        return self.ask(Action.UPDATE_QUOTA, role, "_update_quota", config, force)

    def _update_quota(self, promise: Promise[None], config: QuotaConfig, force: bool) -> None:
        error = self._quota_error(config, force)
        if error is not None:
            promise.fail(error)
        else:
            self.store(UpdateQuota(configs=(config,)), promise, "_updated_quota", config)

    def _quota_error(self, config: QuotaConfig, force: bool) -> str | None:
        role = config.role
        if not self._role_is_allowed(role):
            return f"Invalid QuotaConfig: '{role}' is not on the roles whitelist"
        if "/" in role:
            return f"Updating quota on nested role '{role}' is not supported yet"
        error = validate_role(role)
        if error is not None:
            return f"Invalid QuotaConfig: {error}"
        if force:
            return None
        quota = Quota(config.guarantees, config.limits)
        consumed = self._consumed(role)
        if not _fits(consumed, quota.limits):
            return (
                f"Invalid QuotaConfig: Role '{role}' is already consuming '{show_quantities(consumed)}'; this is more than the "
                f"requested limits '{show_quantities(quota.limits)}' (use 'force' flag to bypass this check)"
            )
        total: Quantities = {}
        for each in (*(known for name, known in self.quotas.items() if name != role), quota):
            _add(total, each.guarantees)
        capacity: Quantities = {}
        for agent in self.slaves.registered.values():
            _add(capacity, agent.total.nonrevocable().quantities)
        if not _covers(capacity, total):
            return (
                f"Invalid QuotaConfig: total quota guarantees '{show_quantities(total)}' exceed cluster capacity "
                f"'{show_quantities(capacity)}' (use 'force' flag to bypass this check)"
            )
        return None

    def _consumed(self, role: str) -> Quantities:
        """What a role and those below it have: all that is reserved for them, and whatever else they use."""
        consumed: Quantities = {}
        for agent in self.slaves.registered.values():
            for identity, value in agent.total.entries.items():
                if isinstance(value, int) and identity.reservations and is_within(identity.role, role):
                    _add(consumed, {identity.name: identity.shared or value})
            for used in agent.used().values():
                for identity, value in used.entries.items():
                    plain = not (identity.reservations or identity.revocable or identity.shared)
                    if isinstance(value, int) and plain and is_within(identity.allocation_role or "*", role):
                        _add(consumed, {identity.name: value})
        return consumed

    def _updated_quota(self, config: QuotaConfig) -> None:
        role = config.role
        quota = Quota(config.guarantees, config.limits)
        if quota.is_default:
            self.quotas.pop(role, None)
        else:
            self.quotas[role] = quota
        self.allocator.update_quota(role, quota)
        # Offers of the role until it is within its limits, then offers of others until its guarantees could be met.
        held = self._consumed(role)
        mine, others = self._offers_of(role)
        for offer in mine:
            _add(held, offer.resources.quantities)
        for offer in mine:
            if _fits(held, quota.limits):
                break
            _add(held, offer.resources.quantities, -1)
            self.rescind_offer(offer)
        for offer in others:
            if _covers(held, quota.guarantees):
                break
            _add(held, offer.resources.quantities)
            self.rescind_offer(offer)

    def _offers_of(self, role: str) -> tuple[list[Offer], list[Offer]]:
        mine: list[Offer] = []
        others: list[Offer] = []
        for offer in self.offers.values():
            (mine if is_within(offer.role or "*", role) else others).append(offer)
        return mine, others

    # --- agents: deactivated, drained

    def deactivate_agent(self, slave_id: str) -> Future[None]:
        """Offer nothing of an agent until it is reactivated, over restarts of agent and master."""
        return self.ask(Action.DEACTIVATE_AGENT, slave_id, "_deactivate_agent", slave_id)

    def _deactivate_agent(self, promise: Promise[None], slave_id: str) -> None:
        if self._is_known(promise, slave_id):
            self.store(DeactivateAgent(slave_id=slave_id), promise, "_deactivated_agent", slave_id)

    def _deactivated_agent(self, slave_id: str) -> None:
        self.slaves.deactivated[slave_id] = None
        agent = self.slaves.registered.get(slave_id)
        if agent is not None:
            self.deactivate_slave(agent)

    def _is_known(self, promise: Promise[None], slave_id: str) -> bool:
        slaves = self.slaves
        if slave_id in slaves.registered or slave_id in slaves.recovered or slave_id in slaves.unreachable:
            return True
        promise.fail("Unknown agent")
        return False

    def drain_agent(self, slave_id: str, max_grace: Duration | None, mark_gone: bool) -> Future[None]:
        """Deactivate an agent and have it kill all its tasks; once it is empty it is DRAINED, or gone if so wished."""
        config = DrainConfig(max_grace_period=max_grace, mark_gone=mark_gone)
        return self.ask(Action.DRAIN_AGENT, slave_id, "_drain_agent", slave_id, config)

    def _drain_agent(self, promise: Promise[None], slave_id: str, config: DrainConfig) -> None:
        agent = self.slaves.registered.get(slave_id)
        if agent is not None and machine_key_of(agent) in self.machines:
            hostname = agent.info.hostname
            promise.fail(f"Agent {slave_id} is part of a maintenance schedule under Machine {hostname}")
        elif agent is not None and AgentCapability.AGENT_DRAINING not in agent.capabilities:
            promise.fail(f"Agent {slave_id} is not capable of draining")
        elif not self._is_known(promise, slave_id):
            return
        elif slave_id in self.slaves.marking_gone:
            promise.fail("Agent is currently being marked gone")
        else:
            operation = DrainAgent(slave_id=slave_id, max_grace_period=config.max_grace_period, mark_gone=config.mark_gone)
            self.store(operation, promise, "_draining_agent", slave_id, config)

    def _draining_agent(self, slave_id: str, config: DrainConfig) -> None:
        self.slaves.draining[slave_id] = DrainInfo(config=config)
        self.slaves.deactivated[slave_id] = None
        agent = self.slaves.registered.get(slave_id)
        if agent is None:
            return
        self.note("Transitioning agent {} to the DRAINING state", agent.label)
        self.deactivate_slave(agent)
        self.send(agent.pid, DrainSlaveMessage(config=config))
        self.check_drained(agent)

    def check_drained(self, agent: AgentRecord) -> None:
        """Whether a draining agent has become empty; then it is DRAINED, or gone."""
        info = self.slaves.draining.get(agent.id)
        if info is None or info.state != "DRAINING" or agent.tasks or agent.id in self.slaves.marking_gone:
            return
        if any(pending.slave_id == agent.id for each in self.frameworks.values() for pending in each.pending_tasks.values()):
            return
        promise: Promise[None] = Promise(f"drain {agent.id}")
        if info.config.mark_gone:
            self.note("Marking agent {} gone, as it has finished draining", agent.label)
            self._mark_agent_gone(promise, agent.id)
        else:
            self.store(MarkAgentDrained(slave_id=agent.id), promise, "_drained_agent", agent.id)

    def _drained_agent(self, slave_id: str) -> None:
        info = self.slaves.draining.get(slave_id)
        if info is not None:
            self.note("Agent {} is DRAINED", slave_id)
            self.slaves.draining[slave_id] = info.replace(state="DRAINED")

    def reactivate_agent(self, slave_id: str) -> Future[None]:
        """Offer an agent's resources again after it was deactivated or drained."""
        return self.ask(Action.REACTIVATE_AGENT, slave_id, "_reactivate_agent", slave_id)

    def _reactivate_agent(self, promise: Promise[None], slave_id: str) -> None:
        info = self.slaves.draining.get(slave_id)
        if slave_id not in self.slaves.deactivated:
            promise.fail("Agent is not deactivated")
        elif info is not None and info.state == "DRAINING":
            promise.fail("Agent is still in the DRAINING state")
        else:
            self.store(ReactivateAgent(slave_id=slave_id), promise, "_reactivated_agent", slave_id)

    def _reactivated_agent(self, slave_id: str) -> None:
        self.slaves.draining.pop(slave_id, None)
        self.slaves.deactivated.pop(slave_id, None)
        agent = self.slaves.registered.get(slave_id)
        if agent is None:
            return
        if not agent.connected:
            self.note("Disconnected agent {} is reactivated when it reregisters", agent.label)
            return
        self.note("Reactivating agent {}", agent.label)
        agent.active = True
        self.allocator.activate_slave(slave_id)

    # --- agents: gone

    def mark_agent_gone(self, slave_id: str) -> Future[None]:
        """Declare an agent gone for good: it will never be let in again, and its tasks are over."""
        return self.ask(Action.MARK_AGENT_GONE, slave_id, "_mark_agent_gone", slave_id)

    def _mark_agent_gone(self, promise: Promise[None], slave_id: str) -> None:
        slaves = self.slaves
        if slave_id in slaves.gone:
            self.note("Not marking agent {} as gone: it is gone already", slave_id)
            promise.set(None)
        elif slave_id in slaves.marking_gone:
            promise.fail(f"Agent '{slave_id}' is already being transitioned to gone")
        elif slave_id in slaves.removing:
            promise.fail(f"Agent '{slave_id}' is being transitioned to removed")
        elif slave_id in slaves.marking_unreachable:
            promise.fail(f"Agent '{slave_id}' is being transitioned to unreachable")
        elif not (slave_id in slaves.registered or slave_id in slaves.recovered or slave_id in slaves.unreachable):
            promise.fail(f"Agent '{slave_id}' not found")
        else:
            self.note("Marking agent {} as gone", slave_id)
            slaves.marking_gone[slave_id] = None
            self.store(MarkSlaveGone(id=slave_id, gone_time=self.time), promise, "mark_gone", slave_id, self.time)

    def mark_gone(self, slave_id: str, since: datetime) -> None:
        """The registry says that an agent is gone; see to the rest."""
        slaves = self.slaves
        slaves.marking_gone.pop(slave_id, None)
        slaves.gone[slave_id] = since
        slaves.draining.pop(slave_id, None)
        slaves.deactivated.pop(slave_id, None)
        agent = slaves.registered.get(slave_id)
        if agent is not None:
            self.send(agent.pid, ShutdownMessage(message=GONE))
            self.take_apart(agent, self._verdict_on_gone, unreachable=True)
            return
        slaves.recovered.pop(slave_id, None)
        slaves.unreachable.pop(slave_id, None)
        for framework_id, task_id in slaves.unreachable_tasks.pop(slave_id, ()):
            framework = self.frameworks.get(framework_id)
            task = framework.unreachable_tasks.pop(task_id, None) if framework is not None else None
            if framework is None or task is None:
                continue
            update = self._verdict_on_gone(framework, task)
            if not frees_resources(task.state) or task.state == TaskState.TASK_UNREACHABLE:
                self.count_final(update.status)
            self.complete_task(framework, task.replace(state=update.status.state))
            self.forward(update, None, framework)

    def _verdict_on_gone(self, framework: FrameworkRecord | None, task: Task) -> StatusUpdate:
        if framework is not None and framework.partition_aware:
            state, reason = TaskState.TASK_GONE_BY_OPERATOR, StatusReason.REASON_SLAVE_REMOVED_BY_OPERATOR
        else:
            state, reason = TaskState.TASK_LOST, StatusReason.REASON_SLAVE_REMOVED
        return self.make_update(framework, task, state, reason, GONE)

    # --- frameworks

    def teardown_framework(self, framework_id: str) -> Future[None]:
        """End a framework, as its own TEARDOWN would."""
        return self.ask(Action.TEARDOWN_FRAMEWORK, framework_id, "_teardown_framework", framework_id)

    def _teardown_framework(self, promise: Promise[None], framework_id: str) -> None:
        framework = self.frameworks.get(framework_id)
        if framework is None:
            promise.fail("No framework found with specified ID")
            return
        self.note("Processing teardown of framework {} by an operator", framework.label)
        self.remove_framework(framework)
        promise.set(None)


def machine_key_of(agent: AgentRecord) -> str:
    """The machine that an agent is on."""
    return agent.info.hostname.lower()


def _text(quantities: Quantities) -> str:
    return show_quantities(quantities) if quantities else ""


def _add(total: Quantities, more: Mapping[str, int], times: int = 1) -> None:
    for name, value in more.items():
        total[name] = total.get(name, 0) + times * value


def _fits(held: Mapping[str, int], limits: Mapping[str, int]) -> bool:
    return all(held.get(name, 0) <= limit for name, limit in limits.items())


def _covers(held: Mapping[str, int], wanted: Mapping[str, int]) -> bool:
    return all(held.get(name, 0) >= value for name, value in wanted.items())
