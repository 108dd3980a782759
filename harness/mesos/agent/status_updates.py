"""The way of a status update through the agent: executor -> agent -> update manager -> agent -> master, and back.

The steps are dispatches of their own, named as in Mesos, because other events may come between them.
Source: Mesos ``src/slave/slave.cpp`` (``statusUpdate`` and its underscored steps, ``forward``).
"""

from __future__ import annotations

from harness.mesos.agent.books import Books, ExecutorRecord, FrameworkRecord, dispatched_as
from harness.mesos.messages import (
    StatusUpdate,
    StatusUpdateAcknowledgementMessage,
    StatusUpdateMessage,
)
from harness.mesos.states import AgentState, StatusReason, StatusSource, TaskState, is_terminal
from harness.simulation import Address, Future
from harness.simulation.disk import DiskFailure

_DROPPED = (TaskState.TASK_DROPPED, TaskState.TASK_LOST)
_KILLED = (TaskState.TASK_KILLED, TaskState.TASK_KILLING)


class StatusUpdates(Books):
    """The concern of status updates."""

    def status_update(self, update: StatusUpdate, pid: Address | None) -> None:
        """First step: find out whose it is."""
        task_id = update.status.task_id
        if update.uuid is None or update.slave_id != self.info.id:
            self.note("Ignoring status update of task {}: it has no uuid, or is for agent {}", task_id, update.slave_id)
            return
        framework = self._frameworks.get(update.framework_id)
        if framework is None or framework.terminating:
            why = "unknown" if framework is None else "terminating"
            self.note(
                "Ignoring status update {} of task {} for {} framework {}", update.status.state, task_id, why, update.framework_id
            )
            return
        if framework.pending.pop(task_id, None) is not None:
            self._to_update_manager(self._sourced(update, pid, None, framework), None, pid)
            return
        executor = framework.executor_of(task_id)
        if executor is None:
            self.note("Could not find the executor for status update of task {}", task_id)
            self._to_update_manager(self._sourced(update, pid, update.executor_id, framework), None, pid)
            return
        update = self._sourced(update, pid, executor.id_in_tasks, framework)
        if update.status.state is TaskState.TASK_STAGING:
            self.note("Executor {} sent TASK_STAGING for task {}; shutting it down", executor.id, task_id)
            self.shut_down_executor(executor)
        elif task_id in executor.queued or (pid is None and update.status.state in _DROPPED and task_id in executor.launched):
            self._status_update(update, pid, executor.id)
        else:
            # Mesos asks the containerizer for the container's status meanwhile.
            self._tell(self.address, "_status_update", update, pid, executor.id)

    def _status_update(self, update: StatusUpdate, pid: Address | None, executor_id: str) -> None:
        """Second step: enter it into the books, and free what an ended task used."""
        executor = self._executor(update.framework_id, executor_id)
        if executor is None:
            self._to_update_manager(update, None, pid)
            return
        if not executor.update_task_state(update.status):
            self.note("Could not update state of task {} to {}: it has ended already", update.status.task_id, update.status.state)
            self._acknowledge(update, pid)
        elif is_terminal(update.status.state):
            container_id, log = executor.container_id, self._log(executor, update)
            future = self.containerizer.update(container_id, executor.allocated_resources)
            future.on_any(self.defer("__status_update", update, pid, executor_id, log, container_id))
        else:
            self._to_update_manager(update, self._log(executor, update), pid)

    def _log(self, executor: ExecutorRecord, update: StatusUpdate) -> str | None:
        """The file in which the updates of the task are kept; None for frameworks that do not checkpoint."""
        return f"{self._run_folder(executor)}tasks/{update.status.task_id}/task.updates" if executor.checkpoint else None

    @dispatched_as("__status_update")
    def _resources_freed(
        self,
        update: StatusUpdate,
        pid: Address | None,
        executor_id: str,
        log: str | None,
        container_id: str,
        freed: Future[None],
    ) -> None:
        if not freed.ready:
            self.note("Failed to update resources of container {}: {}; destroying it", container_id, freed.error)
            self.containerizer.destroy(container_id)
        self._to_update_manager(update, log, pid)

    def _to_update_manager(self, update: StatusUpdate, log: str | None, pid: Address | None) -> None:
        """Third step: hand it to the update manager; acknowledge when that has it safely."""
        taken = self.dispatch(self.update_manager, "update", update, log)
        taken.on_any(self.defer("___status_update", update, pid))

    @dispatched_as("___status_update")
    def _taken(self, update: StatusUpdate, pid: Address | None, taken: Future[bool]) -> None:
        if taken.ready:
            self._acknowledge(update, pid)
        elif isinstance(taken.error, DiskFailure):
            self._crash("Failed to handle status update {}: {}", update.uuid, taken.error)
        else:
            self.note("Failed to handle status update {} of task {}: {}", update.uuid, update.status.task_id, taken.error)

    def _acknowledge(self, update: StatusUpdate, pid: Address | None) -> None:
        if pid is not None:
            self.send(
                pid,
                StatusUpdateAcknowledgementMessage(
                    slave_id=str(self.info.id),
                    framework_id=update.framework_id,
                    task_id=update.status.task_id,
                    uuid=str(update.uuid),
                ),
            )

    def forward(self, update: StatusUpdate) -> None:
        """The update manager wants this update to go to the master."""
        if self.state is not AgentState.RUNNING:
            self.note("Dropping status update {} of task {}: the agent is {}", update.uuid, update.status.task_id, self.state)
            return
        framework = self._frameworks.get(update.framework_id)
        executor = framework.executor_of(update.status.task_id) if framework is not None else None
        latest = update.status.state
        if executor is not None:
            task_id = update.status.task_id
            record = executor.launched.get(task_id) or executor.terminated.get(task_id)
            if record is not None:
                record.update_state = update.status.state
                record.update_uuid = update.uuid
                latest = record.state
        self._send_to_master(StatusUpdateMessage(update=update.replace(latest_state=latest), pid=self.address))

    def status_update_acknowledgement(self, sender: Address, slave_id: str, framework_id: str, task_id: str, uuid: str) -> None:
        """The framework has an update."""
        if sender != self.master or self.state is not AgentState.RUNNING or slave_id != self.info.id:
            self.note("Dropping acknowledgement {} of task {} from {}: the agent is {}", uuid, task_id, sender, self.state)
            return
        handled = self.dispatch(self.update_manager, "acknowledgement", framework_id, task_id, uuid)
        handled.on_any(self.defer("_status_update_acknowledgement", framework_id, task_id))

    def _status_update_acknowledgement(self, framework_id: str, task_id: str, handled: Future[bool]) -> None:
        if not handled.ready:
            self.note("Failed to handle status update acknowledgement for task {}: {}", task_id, handled.error)
            return
        framework = self._frameworks.get(framework_id)
        executor = framework.executor_of(task_id) if framework is not None else None
        if framework is None or executor is None:
            return
        if task_id in executor.terminated and not handled.get():
            executor.complete_task(task_id)
        if not executor.incomplete:
            self.completed_all(executor)

    def _sourced(
        self, update: StatusUpdate, pid: Address | None, executor_id: str | None, framework: FrameworkRecord
    ) -> StatusUpdate:
        """The update with its source; while the agent drains, also with the reason why tasks are killed."""
        status = update.status
        if pid is not None:
            status = status.replace(source=StatusSource.SOURCE_EXECUTOR, executor_id=executor_id)
        if self.drain_config is not None and status.state in _KILLED:
            status = status.replace(reason=StatusReason.REASON_SLAVE_DRAINING)
            if self.drain_config.mark_gone and status.state is TaskState.TASK_KILLED and framework.info.partition_aware:
                status = status.replace(state=TaskState.TASK_GONE_BY_OPERATOR)
        return update if status is update.status else update.replace(status=status)

    # --- given by the layer above

    def shut_down_executor(self, executor: ExecutorRecord) -> None:
        """End an executor, with its grace period; see ``executors.py``."""
        raise NotImplementedError

    def completed_all(self, executor: ExecutorRecord) -> None:
        """An executor has no incomplete task (any more); see ``executors.py``."""
        raise NotImplementedError
