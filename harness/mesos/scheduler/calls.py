"""What a scheduler asks of the master: each driver call as it runs inside the actor.

Calls made before the driver was stopped or aborted are still served; none of them needs the driver to be running. While
disconnected most are dropped, launches are answered at once with lost tasks, suppression is remembered.
Source: Mesos ``src/sched/sched.cpp``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.mesos.messages import (
    Call,
    DeactivateFrameworkMessage,
    Filters,
    FrameworkInfo,
    FrameworkToExecutorMessage,
    Operation,
    Request,
    TaskInfo,
    TaskStatus,
)
from harness.mesos.scheduler.registration import Registration
from harness.mesos.states import CallType, OperationType, StatusReason, StatusSource, TaskState


class Calls(Registration):
    """The part of the actor that turns driver calls into messages."""

    # -- the end ------------------------------------------------------------------------------------------------------

    def stop(self, failover: bool) -> None:
        """End this process; the framework too, unless another scheduler shall take over."""
        self.note("Stopping framework {}", self.info.id)
        if self.connected and not failover:
            self.send_call(Call(type=CallType.TEARDOWN, framework_id=self.info.id))
        self.terminate()

    def abort(self) -> None:
        """Ask the master for no more offers; the framework stays until the driver is stopped."""
        self.note("Aborting framework {}", self.info.id)
        if self.connected and self.master is not None and self.info.id:
            self.send(self.master.pid, DeactivateFrameworkMessage(framework_id=self.info.id))

    # -- offers -------------------------------------------------------------------------------------------------------

    def launch_tasks(self, offer_ids: Sequence[str], tasks: Sequence[TaskInfo], filters: Filters) -> None:
        """Accept offers with one LAUNCH of these tasks; no tasks means to decline."""
        launch = Operation.Launch(task_infos=tuple(self._with_framework(task) for task in tasks))
        self.accept_offers(offer_ids, (Operation(type=OperationType.LAUNCH, launch=launch),), filters)

    def accept_offers(self, offer_ids: Sequence[str], operations: Sequence[Operation], filters: Filters) -> None:
        """Use offers; while disconnected the tasks are lost at once."""
        tasks = [task for operation in operations for task in _tasks_of(operation)]
        if not self.connected:
            self.note("Ignoring accept of {} offers as master is disconnected", len(offer_ids))
            for task in tasks:
                self._lose(task)
            return
        self._remember_agents(offer_ids, tasks)
        accept = Call.Accept(offer_ids=tuple(offer_ids), operations=tuple(operations), filters=filters)
        self.send_call(Call(type=CallType.ACCEPT, framework_id=self.info.id, accept=accept))

    def decline_offers(self, offer_ids: Sequence[str], filters: Filters) -> None:
        """Give offers back."""
        if self._connected("decline"):
            for offer_id in offer_ids:
                self.agent_of_offer.pop(offer_id, None)
            decline = Call.Decline(offer_ids=tuple(offer_ids), filters=filters)
            self.send_call(Call(type=CallType.DECLINE, framework_id=self.info.id, decline=decline))

    def accept_inverse_offers(self, inverse_offer_ids: Sequence[str], filters: Filters) -> None:
        """Agree to leave agents."""
        if self._connected("accept of inverse offers"):
            accept = Call.AcceptInverseOffers(inverse_offer_ids=tuple(inverse_offer_ids), filters=filters)
            self.send_call(Call(type=CallType.ACCEPT_INVERSE_OFFERS, framework_id=self.info.id, accept_inverse_offers=accept))

    def decline_inverse_offers(self, inverse_offer_ids: Sequence[str], filters: Filters) -> None:
        """Refuse to leave agents."""
        if self._connected("decline of inverse offers"):
            decline = Call.DeclineInverseOffers(inverse_offer_ids=tuple(inverse_offer_ids), filters=filters)
            self.send_call(Call(type=CallType.DECLINE_INVERSE_OFFERS, framework_id=self.info.id, decline_inverse_offers=decline))

    def revive_offers(self, roles: Sequence[str]) -> None:
        """Want offers again, for these roles or for all."""
        if not self.connected and not self._remembers_suppression():
            self.note("Ignoring revive as master is disconnected")
            return
        if roles:
            for role in roles:
                self.suppressed_roles.pop(role, None)
        else:
            self.suppressed_roles.clear()
        if self.connected:
            revive = Call.Revive(roles=tuple(roles))
            self.send_call(Call(type=CallType.REVIVE, framework_id=self.info.id, revive=revive))
        else:
            self.update_on_connect = True

    def suppress_offers(self, roles: Sequence[str]) -> None:
        """Want no offers, for these roles or for all."""
        if not self.connected and not self._remembers_suppression():
            self.note("Ignoring suppress as master is disconnected")
            return
        self.suppressed_roles.update(dict.fromkeys(roles or self.info.subscribed_roles))
        if self.connected:
            suppress = Call.Suppress(roles=tuple(roles))
            self.send_call(Call(type=CallType.SUPPRESS, framework_id=self.info.id, suppress=suppress))
        else:
            self.update_on_connect = True

    def request_resources(self, requests: Sequence[Request]) -> None:
        """Hint at wanted resources."""
        if self._connected("request"):
            request = Call.Request(requests=tuple(requests))
            self.send_call(Call(type=CallType.REQUEST, framework_id=self.info.id, request=request))

    # -- tasks --------------------------------------------------------------------------------------------------------

    def kill_task(self, task_id: str) -> None:
        """Kill a task."""
        if self._connected("kill"):
            self.send_call(Call(type=CallType.KILL, framework_id=self.info.id, kill=Call.Kill(task_id=task_id)))

    def acknowledge_status_update(self, status: TaskStatus) -> None:
        """Acknowledge a status; one without a uuid or an agent wants none."""
        if status.uuid is None or status.slave_id is None:
            self.note("Ignoring acknowledgement of {}: it has no uuid or no agent", status.task_id)
        elif self._connected("acknowledgement"):
            self.send_acknowledgement(status.slave_id, status.task_id, status.uuid)

    def send_acknowledgement(self, slave_id: str, task_id: str, uuid: str) -> None:
        """Send the acknowledgement of one update to the master."""
        acknowledge = Call.Acknowledge(slave_id=slave_id, task_id=task_id, uuid=uuid)
        self.send_call(Call(type=CallType.ACKNOWLEDGE, framework_id=self.info.id, acknowledge=acknowledge))

    def reconcile_tasks(self, statuses: Sequence[TaskStatus]) -> None:
        """Ask for the state of these tasks, or of all."""
        if self._connected("reconcile"):
            tasks = tuple(Call.Reconcile.Task(task_id=status.task_id, slave_id=status.slave_id) for status in statuses)
            reconcile = Call.Reconcile(tasks=tasks)
            self.send_call(Call(type=CallType.RECONCILE, framework_id=self.info.id, reconcile=reconcile))

    # -- the rest -----------------------------------------------------------------------------------------------------

    def send_framework_message(self, executor_id: str, slave_id: str, data: bytes | str) -> None:
        """Send data to an executor: straight to its agent if we launched there, else through the master."""
        if not self._connected("framework message"):
            return
        pid = self.agent_pids.get(slave_id)
        if pid is None:
            message = Call.Message(slave_id=slave_id, executor_id=executor_id, data=data)
            self.send_call(Call(type=CallType.MESSAGE, framework_id=self.info.id, message=message))
        else:
            direct = FrameworkToExecutorMessage(
                slave_id=slave_id, framework_id=self.info.id or "", executor_id=executor_id, data=data
            )
            self.send(pid, direct)

    def update_framework(self, info: FrameworkInfo, suppressed_roles: Sequence[str], offer_constraints: Any) -> None:
        """Replace the framework's description, its suppressed roles and its offer constraints."""
        if not self.info.id:
            self.error_from_master("update_framework() must not be called prior to registration with the master")
            return
        if info.id is not None and info.id != self.info.id:
            self.error_from_master(
                f"update_framework() got the id {info.id}, but this framework is {self.info.id}; leave the id out or keep it"
            )
            return
        self.info = info.replace(id=self.info.id)
        self.suppressed_roles = dict.fromkeys(suppressed_roles)
        self.offer_constraints = offer_constraints
        if self.connected:
            self.send_update_framework()
        else:
            self.update_on_connect = True

    # -- helpers ------------------------------------------------------------------------------------------------------

    def _connected(self, what: str) -> bool:
        if not self.connected:
            self.note("Ignoring {} as master is disconnected", what)
        return self.connected

    def _remembers_suppression(self) -> bool:
        # Came in the same release (1.9) as the allocator's clearing of single roles.
        return self.behaviour.revive_clears_revived_roles_only

    def _with_framework(self, task: TaskInfo) -> TaskInfo:
        executor = task.executor
        if executor is None or executor.framework_id is not None:
            return task
        return task.replace(executor=executor.replace(framework_id=self.info.id))

    def _remember_agents(self, offer_ids: Sequence[str], tasks: Sequence[TaskInfo]) -> None:
        for offer_id in offer_ids:
            agent = self.agent_of_offer.pop(offer_id, None)
            if agent is not None and any(task.slave_id == agent[0] for task in tasks):
                self.agent_pids[agent[0]] = agent[1]

    def _lose(self, task: TaskInfo) -> None:
        if not self.running:
            return
        dropped = self.info.partition_aware and self.behaviour.drops_missing_tasks
        status = TaskStatus(
            task_id=task.task_id,
            state=TaskState.TASK_DROPPED if dropped else TaskState.TASK_LOST,
            message="Master disconnected",
            source=StatusSource.SOURCE_MASTER,
            reason=StatusReason.REASON_MASTER_DISCONNECTED,
            timestamp=self.time,
        )
        self.callback("status_update", status)


def _tasks_of(operation: Operation) -> tuple[TaskInfo, ...]:
    if operation.launch is not None:
        return operation.launch.task_infos
    if operation.launch_group is not None:
        return operation.launch_group.task_group.tasks
    return ()
