"""Agents: added, disconnected, marked unreachable, removed.

Source: Mesos ``src/master/master.cpp``: ``addSlave``, ``exited``, ``disconnect``, ``deactivate``, ``agentReregisterTimeout``,
``markUnreachable``, ``_markUnreachable``, ``removeSlave``, ``_removeSlave``, ``__removeSlave``, ``sendSlaveLost``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from harness.mesos.master.observer import SlaveObserver
from harness.mesos.master.records import AgentRecord, FrameworkRecord, remember
from harness.mesos.master.subscription import Subscription
from harness.mesos.messages import (
    ExecutorInfo,
    LostSlaveMessage,
    MarkSlaveUnreachable,
    RemoveSlave,
    ShutdownMessage,
    SlaveInfo,
    StatusUpdate,
    Task,
    UnregisterSlaveMessage,
    UpdateSlaveMessage,
)
from harness.mesos.states import StatusReason, TaskState
from harness.simulation import Address, Future, Promise

MAX_REMOVED_SLAVES = 100_000

REASON_UNHEALTHY = "reason_unhealthy"
REASON_UNREGISTERED = "reason_unregistered"
REASON_REGISTERED = "reason_registered"


class Agents(Subscription):
    """The life of a registered agent, and how it ends."""

    # --- more of it

    def add_slave(self, agent: AgentRecord, tasks: tuple[Task, ...] = (), executors: tuple[ExecutorInfo, ...] = ()) -> None:
        """Put an agent on the books with what it runs: link, observer, tasks, and only then the allocator."""
        slaves = self.slaves
        slaves.removed.pop(agent.id, None)
        slaves.registered[agent.id] = agent
        slaves.by_pid[agent.pid] = agent
        slaves.admitted[agent.id] = agent.pid
        self.link(agent.pid)
        observer = SlaveObserver(
            self.unique_name("slave-observer"),
            agent=agent.pid,
            info=agent.info,
            master=self.address,
            ping_timeout=self.flags.agent_ping_timeout,
            max_ping_timeouts=self.flags.max_agent_ping_timeouts,
            limiter=self.removal_limiter,
            metrics=self.counters,
            counter="slave_unreachable" if self.behaviour.marks_unreachable else "slave_shutdowns",
        )
        agent.observer = self.spawn(observer)
        for executor in executors:
            framework_id = executor.framework_id or ""
            self.add_executor(agent, self.frameworks.get(framework_id), framework_id, executor)
        for task in tasks:
            self.store_task(task)
        self.allocator.add_slave(
            agent.id, agent.info, agent.capabilities, self.unavailability_of(agent), agent.total, agent.used()
        )
        self.publish_agent_added(agent)

    def update_slave(self, sender: Address, message: UpdateSlaveMessage) -> None:
        """An agent's oversubscribed resources changed; anything else it says here is known already."""
        agent = self.sender_agent(sender, message.slave_id, "Update agent message")
        if agent is None:
            return
        if message.resource_version_uuid is not None:
            agent.resource_version_uuid = message.resource_version_uuid
        if not message.update_oversubscribed_resources:
            return
        total = agent.total.nonrevocable() + message.oversubscribed_resources
        if total == agent.total and not self.behaviour.update_slave_always_allocates:
            self.note("Ignoring update of agent {}: nothing changed", agent.label)
            return
        agent.total = total
        self.allocator.update_slave(agent.id, agent.info, total)
        for offer in list(agent.offers.values()):
            if offer.resources.revocable():
                self.rescind_offer(offer)

    # --- the link breaks

    def agent_exited(self, agent: AgentRecord) -> None:
        """Its link broke: no offers, no tasks of frameworks that do not checkpoint, and a time to come back."""
        if not agent.connected:
            self.note("Ignoring duplicate exited() notification for agent {}", agent.label)
            return
        self.note("Agent {} disconnected", agent.label)
        self.disconnect_slave(agent)
        for framework_id in dict.fromkeys((*agent.tasks, *agent.executors)):
            framework = self.frameworks.get(framework_id)
            if framework is not None and not framework.info.checkpoint:
                self._remove_framework_from(agent, framework)
        if self.behaviour.lost_link_timer:
            agent.reregistration_timer = self.delay(self.flags.agent_reregister_timeout, self._agent_reregister_timeout, agent.id)

    def disconnect_slave(self, agent: AgentRecord) -> None:
        """Count an agent as disconnected; pings tell it so."""
        self.note("Disconnecting agent {}", agent.label)
        agent.connected = False
        self._tell(agent.observer, "disconnect")
        self.authenticated.pop(agent.pid, None)
        self.deactivate_slave(agent)

    def deactivate_slave(self, agent: AgentRecord) -> None:
        """No more offers of its resources; the outstanding ones are rescinded."""
        self.note("Deactivating agent {}", agent.label)
        agent.active = False
        self.allocator.deactivate_slave(agent.id)
        for offer in list(agent.offers.values()):
            self.rescind_offer(offer)
        self.withdraw_inverse_offers(agent)

    def _remove_framework_from(self, agent: AgentRecord, framework: FrameworkRecord) -> None:
        self.note("Removing framework {} from disconnected agent {}: it is not checkpointing", framework.label, agent.label)
        message = self.behaviour.disconnected_text.format(hostname=agent.info.hostname)
        for task in list(agent.tasks.get(framework.id, {}).values()):
            update = self.make_update(framework, task, TaskState.TASK_LOST, StatusReason.REASON_SLAVE_DISCONNECTED, message)
            self.remove_task(self.update_task(task, update))
            self.forward(update, None, framework)
        for executor_id in list(agent.executors.get(framework.id, {})):
            self.remove_executor(agent, framework.id, executor_id)

    def _agent_reregister_timeout(self, slave_id: str) -> None:
        agent = self.slaves.registered.get(slave_id)
        if agent is None or agent.connected:
            return
        agent.reregistration_timer = None
        self.counters.count("slave_unreachable_scheduled")
        if self.removal_limiter is None:
            self._agent_did_not_reregister(slave_id)
            return
        self.note("Scheduling removal of agent {}: it did not reregister in time", agent.label)
        permit = self.removal_limiter.acquire()
        permit.on_ready(lambda _permit: self.dispatch(self.address, "_agent_did_not_reregister", slave_id))

    def _agent_did_not_reregister(self, slave_id: str) -> None:
        agent = self.slaves.registered.get(slave_id)
        if agent is None or agent.connected:
            self.note("Canceling removal of agent {}: it is back, or gone already", slave_id)
            self.counters.count("slave_unreachable_canceled")
            return
        self.counters.count("slave_unreachable_completed")
        timeout = self.flags.agent_reregister_timeout
        self.mark_unreachable(agent.info, False, f"agent did not reregister within {timeout} after disconnecting")

    # --- unreachable

    def mark_unreachable(self, info: SlaveInfo, during_master_failover: bool, message: str) -> Future[bool]:
        """Declare an agent unreachable: first in the registry, then here.

        Returns:
            Whether that happened; False if the agent is unknown or something else is being done about it.
        """
        slaves = self.slaves
        slave_id = info.id or ""
        done: Promise[bool] = Promise(f"mark {slave_id} unreachable")
        if not self.behaviour.marks_unreachable:
            self._shut_down_unhealthy(slave_id, message)
            done.set(True)
            return done.future
        obstacle = None
        if during_master_failover and slave_id not in slaves.recovered:
            obstacle = "it has reregistered"
        elif not during_master_failover and slave_id not in slaves.registered:
            obstacle = "it is not registered"
        else:
            busy: dict[str, Mapping[str, object]] = {
                "it is reregistering": slaves.reregistering if self.behaviour.marking_yields_to_return else {},
                "that is under way": slaves.marking_unreachable,
                "it is being removed": slaves.removing,
                "it was removed": slaves.removed,
                "it is being marked gone": slaves.marking_gone,
                "it is gone": slaves.gone,
            }
            obstacle = next((reason for reason, ids in busy.items() if slave_id in ids), None)
        if obstacle is not None:
            self.note("Skipping transition of agent {} to UNREACHABLE: {}", slave_id, obstacle)
            done.set(False)
            return done.future
        self.note("Marking agent {} ({}) unreachable: {}", slave_id, info.hostname, message)
        slaves.marking_unreachable[slave_id] = None
        # One time for the registry and for all updates.
        since = self.time
        operation = MarkSlaveUnreachable(info=info, unreachable_time=since)
        self.registrar.apply(operation).on_any(
            self.defer("_mark_unreachable", info, since, during_master_failover, message, done)
        )
        return done.future

    def _mark_unreachable(
        self,
        info: SlaveInfo,
        since: datetime,
        during_master_failover: bool,
        message: str,
        done: Promise[bool],
        outcome: Future[bool],
    ) -> None:
        slave_id = info.id or ""
        slaves = self.slaves
        slaves.marking_unreachable.pop(slave_id, None)
        answer = self.written(outcome, f"mark agent {slave_id} unreachable")
        if answer is None:
            return
        if not answer:
            self.give_up(f"Failed to mark agent {slave_id} unreachable: the registry does not know it")
            return
        self.note("Marked agent {} ({}) unreachable: {}", slave_id, info.hostname, message)
        self.counters.count("slave_removals")
        self.counters.count(f"slave_removals/{REASON_UNHEALTHY}")
        slaves.unreachable[slave_id] = since
        if during_master_failover:
            slaves.recovered.pop(slave_id, None)
            self.counters.count("recovery_slave_removals")
            self.send_slave_lost(slave_id, info.hostname)
        else:
            agent = slaves.registered.get(slave_id)
            if agent is not None:
                self._remove_lost(agent, since, message)
        done.set(True)

    def _remove_lost(self, agent: AgentRecord, since: datetime, message: str) -> None:
        reason = StatusReason.REASON_SLAVE_REMOVED

        def verdict(framework: FrameworkRecord | None, task: Task) -> StatusUpdate:
            aware = framework is not None and framework.partition_aware
            state = TaskState.TASK_UNREACHABLE if aware else TaskState.TASK_LOST
            return self.make_update(framework, task, state, reason, text, since)

        text = self.behaviour.unreachable_text.format(hostname=agent.info.hostname, message=message)
        self.take_apart(agent, verdict, unreachable=not self.behaviour.unreachable_is_terminal)

    def _shut_down_unhealthy(self, slave_id: str, message: str) -> None:
        """What releases did that did not know of unreachable agents: shut it down and remove it."""
        agent = self.slaves.registered.get(slave_id)
        if agent is None:
            self.slaves.recovered.pop(slave_id, None)
            return
        self.send(agent.pid, ShutdownMessage(message=message))
        self.remove_slave(agent, message, REASON_UNHEALTHY)

    # --- removed

    def unregister_slave(self, sender: Address, message: UnregisterSlaveMessage) -> None:
        """An agent that shuts down says farewell."""
        agent = self.slaves.registered.get(message.slave_id)
        if agent is None:
            self.note("Ignoring unregister agent message from {}: agent {} is unknown", sender, message.slave_id)
        elif agent.pid != sender:
            self.note("Ignoring unregister agent message from {}: agent {} is at {}", sender, agent.id, agent.pid)
        else:
            self.remove_slave(agent, "the agent unregistered", REASON_UNREGISTERED)

    def remove_slave(self, agent: AgentRecord, message: str, reason: str | None = None) -> None:
        """Remove an agent: first from the registry, then here. Until the registry is written it counts as registered."""
        slaves = self.slaves
        if agent.id in slaves.marking_unreachable or agent.id in slaves.marking_gone or agent.id in slaves.removing:
            self.note("Ignoring removal of agent {}: something else is being done about it", agent.label)
            return
        self.note("Removing agent {}: {}", agent.label, message)
        slaves.removing[agent.id] = None
        outbox: list[StatusUpdate] | None = None
        if self.behaviour.clears_memory_first:
            outbox = []
            self.take_apart(agent, self._verdict_on_removed(agent, message), unreachable=False, outbox=outbox)
        operation = RemoveSlave(info=agent.info)
        self.registrar.apply(operation).on_any(self.defer("_remove_slave", agent, message, reason, outbox))

    def _verdict_on_removed(self, agent: AgentRecord, message: str) -> Callable[[FrameworkRecord | None, Task], StatusUpdate]:
        text = self.behaviour.removed_text.format(hostname=agent.info.hostname, message=message)

        def verdict(framework: FrameworkRecord | None, task: Task) -> StatusUpdate:
            return self.make_update(framework, task, TaskState.TASK_LOST, StatusReason.REASON_SLAVE_REMOVED, text)

        return verdict

    def _remove_slave(
        self,
        agent: AgentRecord,
        message: str,
        reason: str | None,
        outbox: list[StatusUpdate] | None,
        outcome: Future[bool],
    ) -> None:
        self.slaves.removing.pop(agent.id, None)
        answer = self.written(outcome, f"remove agent {agent.id}")
        if answer is None:
            return
        if not answer:
            self.give_up(f"Failed to remove agent {agent.id}: the registry does not know it")
            return
        self.note("Removed agent {}: {}", agent.label, message)
        self.counters.count("slave_removals")
        if reason is not None:
            self.counters.count(f"slave_removals/{reason}")
        self.slaves.draining.pop(agent.id, None)
        self.slaves.deactivated.pop(agent.id, None)
        if outbox is None:
            self.take_apart(agent, self._verdict_on_removed(agent, message), unreachable=False)
        else:
            for update in outbox:
                self.forward(update, None, self.frameworks.get(update.framework_id), even_disconnected=True)
            self.send_slave_lost(agent.id, agent.info.hostname)
        self.publish_agent_removed(agent.id)

    def take_apart(
        self,
        agent: AgentRecord,
        verdict: Callable[[FrameworkRecord | None, Task], StatusUpdate],
        *,
        unreachable: bool,
        outbox: list[StatusUpdate] | None = None,
    ) -> None:
        """Take an agent off the books with all that is on it, and tell its frameworks.

        Args:
            agent: a registered one.
            verdict: makes the update for each of its tasks.
            unreachable: file the tasks as unreachable, but for those that the verdict says are gone for good.
            outbox: where to put the updates instead of sending them; then nobody is told that the agent is lost, either.
        """
        # The allocator first: what follows gives resources back that it must not offer again.
        self.allocator.remove_slave(agent.id)
        for framework_id, tasks in list(agent.tasks.items()):
            framework = self.frameworks.get(framework_id)
            for task in list(tasks.values()):
                update = verdict(framework, task)
                kept = unreachable and update.status.state != TaskState.TASK_GONE_BY_OPERATOR
                if kept:
                    self.slaves.unreachable_tasks.setdefault(agent.id, []).append((framework_id, task.task_id))
                self.remove_task(self.update_task(task, update), unreachable=kept)
                if outbox is None:
                    self.forward(update, None, framework, self.behaviour.tells_disconnected_frameworks)
                else:
                    outbox.append(update)
        for framework_id, executors in list(agent.executors.items()):
            for executor_id in list(executors):
                self.remove_executor(agent, framework_id, executor_id)
        for offer in list(agent.offers.values()):
            self.rescind_offer(offer)
        self.withdraw_inverse_offers(agent)
        self._forget(agent)
        if outbox is None:
            self.send_slave_lost(agent.id, agent.info.hostname)

    def _forget(self, agent: AgentRecord) -> None:
        slaves = self.slaves
        del slaves.registered[agent.id]
        # A successor may be registered at the same address already.
        if slaves.by_pid.get(agent.pid) is agent:
            del slaves.by_pid[agent.pid]
        self.authenticated.pop(agent.pid, None)
        remember(slaves.removed, agent.id, None, MAX_REMOVED_SLAVES)
        if agent.reregistration_timer is not None:
            agent.reregistration_timer.cancel()
        self.terminate(agent.observer)

    def send_slave_lost(self, slave_id: str, hostname: str) -> None:
        """Tell every connected framework."""
        for framework in self.frameworks.values():
            if framework.connected or self.behaviour.tells_disconnected_frameworks:
                self.note("Notifying framework {} of lost agent {} ({})", framework.label, slave_id, hostname)
                self.tell_framework(framework, LostSlaveMessage(slave_id=slave_id))
