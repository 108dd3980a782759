"""Answers to "what became of this task?", and the wish to kill one.

Source: Mesos ``src/master/master.cpp``: ``reconcile``, ``kill``.
"""

from __future__ import annotations

from datetime import datetime

from harness.mesos.master.inverse_offers import InverseOffers
from harness.mesos.master.records import FrameworkRecord
from harness.mesos.messages import Call, KillTaskMessage, StatusUpdateMessage, Task
from harness.mesos.states import StatusReason, TaskState

LATEST = "Reconciliation: Latest task state"


class Reconciliation(InverseOffers):
    """Nothing here changes a task: answers are made from the books."""

    def reconcile(self, framework: FrameworkRecord, call: Call.Reconcile) -> None:
        """Implicit (no tasks named): the state of each task on the books. Explicit: an answer for each task, if there is one."""
        if not call.tasks:
            self.note("Performing implicit task state reconciliation for framework {}", framework.label)
            for info in framework.pending_tasks.values():
                self._answer(framework, info.task_id, info.slave_id, TaskState.TASK_STAGING, LATEST)
            for task in framework.tasks.values():
                self._answer_known(framework, task)
            return
        self.note("Performing explicit task state reconciliation for {} tasks of framework {}", len(call.tasks), framework.label)
        for question in call.tasks:
            self.reconcile_task(framework, question.task_id, question.slave_id)

    def reconcile_task(self, framework: FrameworkRecord, task_id: str, slave_id: str | None) -> None:
        """Answer for one task. The first rule that fits decides."""
        aware = framework.partition_aware
        slaves = self.slaves
        pending = framework.pending_tasks.get(task_id)
        task = framework.tasks.get(task_id)
        if pending is not None:
            self._answer(framework, task_id, pending.slave_id, TaskState.TASK_STAGING, LATEST)
        elif task is not None:
            self._answer_known(framework, task)
        elif slave_id in slaves.recovered if slave_id is not None else slaves.recovered:
            # Its agent may still come back and tell.
            self.note("Dropping reconciliation of task {} of framework {}: agents are still expected back", task_id, framework.id)
        elif slave_id is not None and slave_id in slaves.registered:
            state = TaskState(self.behaviour.missing_task_state) if aware else TaskState.TASK_LOST
            self._answer(framework, task_id, slave_id, state, "Reconciliation: Task is unknown to the agent")
        elif slave_id is not None and slave_id in slaves.unreachable:
            state = TaskState.TASK_UNREACHABLE if aware else TaskState.TASK_LOST
            since = slaves.unreachable[slave_id]
            self._answer(framework, task_id, slave_id, state, "Reconciliation: Task is unreachable", unreachable_time=since)
        elif slave_id is not None and slave_id in slaves.gone:
            state = TaskState.TASK_GONE_BY_OPERATOR if aware else TaskState.TASK_LOST
            self._answer(framework, task_id, slave_id, state, "Reconciliation: Task is gone")
        else:
            state = TaskState(self.behaviour.unknown_task_state) if aware else TaskState.TASK_LOST
            self._answer(framework, task_id, slave_id, state, "Reconciliation: Task is unknown")

    def kill(self, framework: FrameworkRecord, call: Call.Kill) -> None:
        """Pass a kill on to the agent, now or when it is back; an unknown task is reconciled instead."""
        pending = framework.pending_tasks.pop(call.task_id, None)
        if pending is not None:
            self.note("Killing task {} of framework {} before its launch", call.task_id, framework.id)
            update = self.make_update_of(
                framework.id,
                call.task_id,
                pending.slave_id,
                TaskState.TASK_KILLED,
                StatusReason.REASON_TASK_KILLED_DURING_LAUNCH,
                "Killed before delivery to the agent",
            )
            self.forward(update, None, framework)
            return
        task = framework.tasks.get(call.task_id)
        if task is None:
            self.note("Cannot kill task {} of framework {}: it is unknown; performing reconciliation", call.task_id, framework.id)
            self.reconcile_task(framework, call.task_id, call.slave_id)
            return
        if call.slave_id is not None and call.slave_id != task.slave_id:
            self.note("Cannot kill task {}: it is on agent {}, not on {}", call.task_id, task.slave_id, call.slave_id)
            return
        agent = self.slaves.registered[task.slave_id]
        # Remembered, since the agent may be cut off without the master knowing it: it is told again when it comes back.
        agent.killed_tasks[framework.id, task.task_id] = None
        if agent.connected:
            self.note("Telling agent {} to kill task {} of framework {}", agent.label, task.task_id, framework.label)
            self.send(agent.pid, KillTaskMessage(framework_id=framework.id, task_id=task.task_id))
        else:
            self.note("Cannot kill task {} now: agent {} is disconnected; it is told when it returns", task.task_id, agent.id)

    def _answer_known(self, framework: FrameworkRecord, task: Task) -> None:
        state = task.status_update_state or task.state
        self._answer(framework, task.task_id, task.slave_id, state, LATEST, task.executor_id)

    def _answer(
        self,
        framework: FrameworkRecord,
        task_id: str,
        slave_id: str | None,
        state: TaskState,
        message: str,
        executor_id: str | None = None,
        unreachable_time: datetime | None = None,
    ) -> None:
        reason = StatusReason.REASON_RECONCILIATION
        update = self.make_update_of(framework.id, task_id, slave_id, state, reason, message, executor_id, unreachable_time)
        self.note("Sending reconciliation state {} for task {} of framework {}", state, task_id, framework.id)
        self.tell_framework(framework, StatusUpdateMessage(update=update, pid=None))
