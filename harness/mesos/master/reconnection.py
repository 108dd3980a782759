"""An agent is back: the master's books and what the agent reports are brought together.

Source: Mesos ``src/master/master.cpp``: ``__reregisterSlave``, ``___reregisterSlave``, ``reconcileKnownSlave``,
``updateSlaveFrameworks``.
"""

from __future__ import annotations

from harness.mesos.master.agents import Agents
from harness.mesos.master.operations import with_checkpointed
from harness.mesos.master.records import AgentRecord
from harness.mesos.messages import (
    CheckpointResourcesMessage,
    DrainSlaveMessage,
    KillTaskMessage,
    ReconcileTasksMessage,
    ReregisterSlaveMessage,
    ShutdownFrameworkMessage,
    SlaveReregisteredMessage,
    StatusUpdate,
    Task,
    TaskStatus,
)
from harness.mesos.states import AgentCapability, StatusReason, StatusSource, is_terminal
from harness.simulation import Address


class Reconnection(Agents):
    """What follows from an agent's return once it was let in."""

    # --- an agent that was not registered here

    def reconnect_unknown(self, sender: Address, message: ReregisterSlaveMessage) -> None:
        """Put an agent on the books (again) with all it reports; frameworks hear the state of their returning tasks."""
        info = message.slave
        slave_id = info.id or ""
        slaves = self.slaves
        recovered = slaves.recovered.pop(slave_id, None) is not None
        removed_here = slave_id in slaves.removed
        keep_all = recovered or not removed_here or self.behaviour.removed_agents_return == "all"
        aware = {framework.id: framework.partition_aware for framework in message.frameworks if framework.id}
        tasks: list[Task] = []
        # Whoever cannot live with partitions has given these tasks up, running or not.
        unwanted = () if keep_all else tuple(framework_id for framework_id, is_aware in aware.items() if not is_aware)
        text = "Unreachable agent re-reregistered" if slave_id in slaves.unreachable else "Unknown agent reregistered"
        for task in message.tasks:
            if task.framework_id in self.completed_frameworks and not self.behaviour.readmits_tasks_of_completed_frameworks:
                continue
            if not keep_all and not aware.get(task.framework_id, False):
                continue
            if not recovered:
                self._announce_return(task, text)
            tasks.append(task)
        slaves.unreachable_tasks.pop(slave_id, None)
        slaves.removed.pop(slave_id, None)
        slaves.unreachable.pop(slave_id, None)
        agent = AgentRecord(slave_id, info, sender, self.now)
        agent.version = message.version
        agent.capabilities = message.agent_capabilities
        agent.resource_version_uuid = message.resource_version_uuid
        agent.reregistered_ns = self.now
        self.counters.count("slave_reregistrations")
        agent.checkpointed = message.checkpointed_resources
        agent.total = with_checkpointed(info.resources, agent.checkpointed)
        executors = tuple(each for each in message.executor_infos if keep_all or aware.get(each.framework_id or "", False))
        self.add_slave(agent, tuple(tasks), executors)
        if slave_id in slaves.deactivated:
            self.deactivate_slave(agent)
        self._go_on_draining(agent)
        self.send(sender, SlaveReregisteredMessage(slave_id=slave_id, connection=self.connection))
        self.note("Reregistered agent {} with {}", agent.label, agent.total)
        ended = () if self.behaviour.readmits_tasks_of_completed_frameworks else self._completed_of(message)
        for completed in dict.fromkeys((*ended, *unwanted)):
            self.note("Shutting down framework {} at reregistered agent {}", completed, agent.label)
            self.send(sender, ShutdownFrameworkMessage(framework_id=completed))
        self.update_slave_frameworks(agent, message)

    def _announce_return(self, task: Task, text: str) -> None:
        framework = self.frameworks.get(task.framework_id)
        if framework is None:
            return
        framework.unreachable_tasks.pop(task.task_id, None)
        if not self.behaviour.announces_return:
            return
        framework.completed_tasks = [each for each in framework.completed_tasks if each.task_id != task.task_id]
        now = self.time
        status = TaskStatus(
            task_id=task.task_id,
            state=task.state,
            message=text,
            source=StatusSource.SOURCE_MASTER,
            reason=StatusReason.REASON_SLAVE_REREGISTERED,
            slave_id=task.slave_id,
            executor_id=task.executor_id,
            timestamp=now,
        )
        update = StatusUpdate(
            framework_id=framework.id, status=status, executor_id=task.executor_id, slave_id=task.slave_id, timestamp=now
        )
        self.forward(update, None, framework)

    # --- an agent that is registered

    def reconnect_known(self, agent: AgentRecord, sender: Address, message: ReregisterSlaveMessage) -> None:
        """Take an agent back that is on the books: new address, new description, and an answer that settles differences."""
        slaves = self.slaves
        if slaves.by_pid.get(agent.pid) is agent:
            del slaves.by_pid[agent.pid]
        agent.locate(sender)
        slaves.by_pid[sender] = agent
        self.link(sender)
        agent.info = message.slave
        agent.version = message.version
        agent.capabilities = message.agent_capabilities
        agent.resource_version_uuid = message.resource_version_uuid
        agent.checkpointed = agent.checkpointed or message.checkpointed_resources
        agent.total = with_checkpointed(message.slave.resources, agent.checkpointed) + agent.total.revocable()
        agent.reregistered_ns = self.now
        self.counters.count("slave_reregistrations")
        self.note("Reregistering agent {}", agent.label)
        self.allocator.update_slave(agent.id, agent.info, agent.total, agent.capabilities)
        self._settle_differences(agent, message)
        if not agent.connected:
            if agent.reregistration_timer is not None:
                agent.reregistration_timer.cancel()
                agent.reregistration_timer = None
            agent.connected = True
            self._tell(agent.observer, "reconnect")
            if agent.id not in slaves.deactivated:
                agent.active = True
                self.allocator.activate_slave(agent.id)
        self._go_on_draining(agent)
        self.update_slave_frameworks(agent, message)
        without_providers = AgentCapability.RESOURCE_PROVIDER not in agent.capabilities
        if without_providers or self.behaviour.always_sends_checkpointed_resources:
            self.send(agent.pid, CheckpointResourcesMessage(resources=agent.checkpointed))

    def _go_on_draining(self, agent: AgentRecord) -> None:
        """An agent that is being drained may have come back without having heard of it."""
        info = self.slaves.draining.get(agent.id)
        if info is not None:
            self.send(agent.pid, DrainSlaveMessage(config=info.config))
            self._tell(self.address, "check_drained", agent)

    def _settle_differences(self, agent: AgentRecord, message: ReregisterSlaveMessage) -> None:
        reported: dict[tuple[str, str], Task] = {(task.framework_id, task.task_id): task for task in message.tasks}
        self.send(
            agent.pid,
            SlaveReregisteredMessage(
                slave_id=agent.id, connection=self.connection, reconciliations=self._missing_tasks(agent, reported)
            ),
        )
        executors = {(executor.framework_id, executor.executor_id): None for executor in message.executor_infos}
        for framework_id, known in list(agent.executors.items()):
            for executor_id in list(known):
                if (framework_id, executor_id) not in executors:
                    self.note("Executor {} of framework {} is unknown to agent {}", executor_id, framework_id, agent.label)
                    self.remove_executor(agent, framework_id, executor_id)
        for key, task in reported.items():
            if key in agent.killed_tasks and not is_terminal(task.state):
                self.send(agent.pid, KillTaskMessage(framework_id=task.framework_id, task_id=task.task_id))
        for framework_id in self._completed_of(message):
            self.note("Agent {} reregistered with completed framework {}; shutting it down there", agent.label, framework_id)
            self.send(agent.pid, ShutdownFrameworkMessage(framework_id=framework_id))

    def _missing_tasks(self, agent: AgentRecord, reported: dict[tuple[str, str], Task]) -> tuple[ReconcileTasksMessage, ...]:
        """Tasks on the books that the agent did not report, by framework; the agent will say what became of them."""
        messages: list[ReconcileTasksMessage] = []
        for framework_id, tasks in agent.tasks.items():
            statuses = tuple(
                TaskStatus(
                    task_id=task.task_id,
                    state=task.state,
                    source=StatusSource.SOURCE_MASTER,
                    reason=StatusReason.REASON_RECONCILIATION,
                    message="Reconciliation: Latest task state",
                    slave_id=agent.id,
                    executor_id=task.executor_id,
                )
                for task in tasks.values()
                if (framework_id, task.task_id) not in reported
            )
            if statuses:
                self.note("Agent {} does not report {} tasks of framework {}", agent.label, len(statuses), framework_id)
                framework = self.frameworks.get(framework_id)
                info = framework.info if framework is not None else None
                messages.append(ReconcileTasksMessage(framework_id=framework_id, framework=info, statuses=statuses))
        return tuple(messages)

    # --- frameworks that an agent speaks of

    def _completed_of(self, message: ReregisterSlaveMessage) -> tuple[str, ...]:
        reported = [*(framework.id or "" for framework in message.frameworks), *(task.framework_id for task in message.tasks)]
        return tuple(framework_id for framework_id in dict.fromkeys(reported) if framework_id in self.completed_frameworks)

    def update_slave_frameworks(self, agent: AgentRecord, message: ReregisterSlaveMessage) -> None:
        """Tell the agent of its frameworks; those that nobody knew yet are recovered from its report."""
        for info in message.frameworks:
            framework_id = info.id or ""
            framework = self.frameworks.get(framework_id)
            if framework is not None:
                if framework.connected or not self.behaviour.tells_agents_of_connected_frameworks_only:
                    self.send(agent.pid, self.framework_update(framework))
            elif framework_id and framework_id not in self.completed_frameworks:
                self.recover_framework(info)
