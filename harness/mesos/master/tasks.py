"""Tasks and executors on the master's books, status updates and their acknowledgements.

Source: Mesos ``src/master/master.cpp``: ``updateTask``, ``removeTask``, ``removeExecutor``, ``statusUpdate``, ``acknowledge``,
``exitedExecutor``, ``schedulerMessage``, ``executorMessage``.
"""

from __future__ import annotations

from datetime import datetime

from harness.mesos.master.authentication import Authentication
from harness.mesos.master.metrics import FINAL_STATES
from harness.mesos.master.records import AgentRecord, FrameworkRecord, frees_resources, remember
from harness.mesos.messages import (
    Call,
    ExecutorInfo,
    ExecutorToFrameworkMessage,
    ExitedExecutorMessage,
    FrameworkToExecutorMessage,
    ShutdownExecutorMessage,
    ShutdownMessage,
    StatusUpdate,
    StatusUpdateAcknowledgementMessage,
    StatusUpdateMessage,
    Task,
    TaskStatus,
)
from harness.mesos.states import StatusReason, StatusSource, TaskState, is_terminal
from harness.simulation import Address


class Tasks(Authentication):
    """Keeps an agent's and a framework's view of a task the same, and the allocator informed."""

    # --- updates made by the master

    def make_update(
        self,
        framework: FrameworkRecord | None,
        task: Task,
        state: TaskState,
        reason: StatusReason,
        message: str,
        unreachable_time: datetime | None = None,
    ) -> StatusUpdate:
        """An update of a known task, made by the master: no uuid, so nobody acknowledges it."""
        framework_id = framework.id if framework is not None else task.framework_id
        return self.make_update_of(
            framework_id, task.task_id, task.slave_id, state, reason, message, task.executor_id, unreachable_time
        )

    def make_update_of(
        self,
        framework_id: str,
        task_id: str,
        slave_id: str | None,
        state: TaskState,
        reason: StatusReason,
        message: str,
        executor_id: str | None = None,
        unreachable_time: datetime | None = None,
    ) -> StatusUpdate:
        """As :meth:`make_update`, for a task that need not be known."""
        now = self.time
        status = TaskStatus(
            task_id=task_id,
            state=state,
            message=message,
            source=StatusSource.SOURCE_MASTER,
            reason=reason,
            slave_id=slave_id,
            executor_id=executor_id,
            timestamp=now,
            unreachable_time=unreachable_time,
        )
        return StatusUpdate(framework_id=framework_id, status=status, executor_id=executor_id, slave_id=slave_id, timestamp=now)

    def forward(
        self, update: StatusUpdate, pid: str | None, framework: FrameworkRecord | None, even_disconnected: bool = False
    ) -> bool:
        """Send an update to a connected framework; otherwise it is dropped. ``pid`` is who wants the acknowledgement."""
        status = update.status
        if framework is None or not (framework.connected or (even_disconnected and framework.pid is not None)):
            self.note(
                "Dropping {} for task {} of framework {}: it is {}",
                status.state,
                status.task_id,
                update.framework_id,
                "unknown" if framework is None else "not connected",
            )
            return False
        self.note("Forwarding status update {} for task {} of framework {}", status.state, status.task_id, framework.id)
        self.tell_framework(framework, StatusUpdateMessage(update=update, pid=pid))
        return True

    def count_final(self, status: TaskStatus) -> None:
        """Count a task that came to its end, by state, and by source and reason."""
        name = FINAL_STATES.get(status.state)
        if name is None:
            return
        self.counters.count(name)
        if status.reason is not None and status.source is not None:
            state, source, reason = status.state.lower(), status.source.lower(), status.reason.lower()
            self.counters.count(f"{state}/{source}/{reason}")

    # --- the books

    def store_task(self, task: Task) -> None:
        """Put a task, or its new state, on its agent's and its framework's books."""
        agent = self.slaves.registered.get(task.slave_id)
        if agent is not None:
            agent.tasks.setdefault(task.framework_id, {})[task.task_id] = task
        framework = self.frameworks.get(task.framework_id)
        if framework is not None:
            framework.tasks[task.task_id] = task

    def update_task(self, task: Task, update: StatusUpdate) -> Task:
        """Take an update into the books and give resources back when the task first stops needing them.

        A terminal state is never left. An agent's ``latest_state`` may be ahead of the state that the update reports.
        """
        status = update.status
        latest = TaskState(update.latest_state or status.state)
        ends = not frees_resources(task.state) and frees_resources(latest)
        moves = latest != task.state and not is_terminal(task.state)
        statuses = task.statuses
        if statuses and statuses[-1].state == status.state:
            statuses = statuses[:-1]
        changed = task.replace(
            state=task.state if is_terminal(task.state) else latest,
            status_update_state=status.state if update.uuid else task.status_update_state,
            status_update_uuid=update.uuid or task.status_update_uuid,
            statuses=(*statuses, status),
        )
        self.store_task(changed)
        self.note("Updating the state of task {} of framework {} (latest state: {})", task.task_id, task.framework_id, latest)
        if ends:
            self.allocator.recover_resources(task.framework_id, task.slave_id, task.resources, None, True)
            self.count_final(status)
        if moves:
            self.publish_task_updated(changed, update)
        return changed

    def remove_task(self, task: Task, *, unreachable: bool = False) -> None:
        """Take a task off the books: to the framework's unreachable or completed ones."""
        if not frees_resources(task.state):
            self.note("Removing task {} of framework {} in non-terminal state {}", task.task_id, task.framework_id, task.state)
            self.allocator.recover_resources(task.framework_id, task.slave_id, task.resources, None, True)
        agent = self.slaves.registered.get(task.slave_id)
        if agent is not None:
            tasks = agent.tasks.get(task.framework_id, {})
            tasks.pop(task.task_id, None)
            if not tasks:
                agent.tasks.pop(task.framework_id, None)
            agent.killed_tasks.pop((task.framework_id, task.task_id), None)
        framework = self.frameworks.get(task.framework_id)
        if framework is None:
            return
        framework.tasks.pop(task.task_id, None)
        if unreachable:
            remember(framework.unreachable_tasks, task.task_id, task, self.flags.max_unreachable_tasks_per_framework)
        else:
            self.complete_task(framework, task)

    def complete_task(self, framework: FrameworkRecord, task: Task) -> None:
        """File a task that is over."""
        framework.completed_tasks.append(task)
        del framework.completed_tasks[: max(0, len(framework.completed_tasks) - self.flags.max_completed_tasks_per_framework)]

    def add_executor(self, agent: AgentRecord, framework: FrameworkRecord | None, framework_id: str, info: ExecutorInfo) -> None:
        """Count on an executor to run."""
        agent.executors.setdefault(framework_id, {})[info.executor_id] = info
        if framework is not None:
            framework.executors.setdefault(agent.id, {})[info.executor_id] = info

    def remove_executor(self, agent: AgentRecord, framework_id: str, executor_id: str) -> None:
        """Take an executor off the books and give its resources back."""
        executors = agent.executors[framework_id]
        info = executors.pop(executor_id)
        if not executors:
            del agent.executors[framework_id]
        self.note("Removing executor {} of framework {} on agent {}", executor_id, framework_id, agent.id)
        framework = self.frameworks.get(framework_id)
        if framework is not None and agent.id in framework.executors:
            framework.executors[agent.id].pop(executor_id, None)
            if not framework.executors[agent.id]:
                del framework.executors[agent.id]
        self.allocator.recover_resources(framework_id, agent.id, info.resources, None, True)

    # --- from agents

    def sender_agent(self, sender: Address, slave_id: str | None, what: str) -> AgentRecord | None:
        """The registered agent that a message is about, or None: then the message is dropped."""
        agent = self.slaves.registered.get(slave_id or "")
        if agent is None:
            removed = slave_id in self.slaves.removed
            self.note("Ignoring {} from {} agent {}", what, "removed" if removed else "unknown", slave_id)
            if removed and self.behaviour.shuts_down_senders_from_removed_agents:
                self.send(sender, ShutdownMessage(message=f"{what} from unknown agent"))
        return agent

    def status_update(self, sender: Address, message: StatusUpdateMessage) -> None:
        """Forward an agent's update to the framework and take it into the books, in this order."""
        update = message.update
        status = update.status
        agent = self.sender_agent(sender, update.slave_id, "Status update")
        if agent is None:
            self.counters.count("invalid_status_updates")
            return
        self.note("Status update {} for task {} from agent {}", status.state, status.task_id, agent.label)
        framework = self.frameworks.get(update.framework_id)
        needs_framework = self.behaviour.updates_need_framework
        valid = self.forward(update, message.pid, framework, even_disconnected=needs_framework)
        if needs_framework and framework is None:
            self.counters.count("invalid_status_updates")
            return
        task = agent.task(update.framework_id, status.task_id)
        if task is None:
            self.note("Could not look up task {} of framework {} on agent {}", status.task_id, update.framework_id, agent.id)
            valid = False
        else:
            self.update_task(task, update)
        self.counters.count("valid_status_updates" if valid else "invalid_status_updates")

    def exited_executor(self, sender: Address, message: ExitedExecutorMessage) -> None:
        """An executor ended: its resources are free, its framework is told."""
        agent = self.sender_agent(sender, message.slave_id, "Executor exited message")
        if agent is None:
            return
        self.note(
            "Executor {} of framework {} on agent {} exited with status {}",
            message.executor_id,
            message.framework_id,
            agent.id,
            message.status,
        )
        if agent.has_executor(message.framework_id, message.executor_id):
            self.remove_executor(agent, message.framework_id, message.executor_id)
        framework = self.frameworks.get(message.framework_id)
        if framework is not None and framework.connected:
            self.tell_framework(framework, message)

    def executor_message(self, sender: Address, message: ExecutorToFrameworkMessage) -> None:
        """Free data for a scheduler; dropped unless both sides are there."""
        agent = self.sender_agent(sender, message.slave_id, "Executor message")
        framework = self.frameworks.get(message.framework_id)
        if agent is None or framework is None or not framework.connected:
            self.counters.count("invalid_executor_to_framework_messages")
            return
        self.counters.count("valid_executor_to_framework_messages")
        self.tell_framework(framework, message)

    # --- from schedulers

    def acknowledge(self, framework: FrameworkRecord, call: Call.Acknowledge) -> None:
        """Pass an acknowledgement on; the one of a terminal update takes the task off the books."""
        agent = self.slaves.registered.get(call.slave_id)
        if agent is None or not agent.connected:
            self.note("Cannot send the acknowledgement for task {}: agent {} is not connected", call.task_id, call.slave_id)
            self.counters.count("invalid_status_update_acknowledgements")
            return
        task = agent.task(framework.id, call.task_id)
        if task is not None:
            if task.status_update_state is None:
                self.note("Ignoring the acknowledgement for task {}: no update of it is known", call.task_id)
                self.counters.count("invalid_status_update_acknowledgements")
                return
            if is_terminal(task.status_update_state) and task.status_update_uuid == call.uuid:
                self.remove_task(task)
                if agent.id in self.slaves.draining:
                    self._tell(self.address, "check_drained", agent)
        self.counters.count("valid_status_update_acknowledgements")
        self.send(
            agent.pid,
            StatusUpdateAcknowledgementMessage(
                slave_id=agent.id, framework_id=framework.id, task_id=call.task_id, uuid=call.uuid
            ),
        )

    def framework_message(self, framework: FrameworkRecord, call: Call.Message) -> None:
        """Free data for an executor; dropped unless its agent is connected."""
        agent = self.slaves.registered.get(call.slave_id)
        if agent is None or not agent.connected:
            self.note("Cannot send a framework message to agent {}: it is not connected", call.slave_id)
            self.counters.count("invalid_framework_to_executor_messages")
            return
        self.counters.count("valid_framework_to_executor_messages")
        self.send(
            agent.pid,
            FrameworkToExecutorMessage(
                slave_id=agent.id, framework_id=framework.id, executor_id=call.executor_id, data=call.data
            ),
        )

    def shutdown_executor(self, framework: FrameworkRecord, call: Call.Shutdown) -> None:
        """Have an executor ended by its agent."""
        agent = self.slaves.registered.get(call.slave_id)
        if agent is None or not agent.connected:
            self.note("Unable to shut executor {} down: agent {} is not connected", call.executor_id, call.slave_id)
            return
        self.send(agent.pid, ShutdownExecutorMessage(framework_id=framework.id, executor_id=call.executor_id))
