"""Offers accepted and declined, and the tasks launched with them.

Source: Mesos ``src/master/master.cpp``: ``accept``, ``_accept``, ``decline``, ``addTask``.
"""

from __future__ import annotations

from harness.mesos.authorizer import Action, AuthorizationRequest
from harness.mesos.master.books import granted, why_not
from harness.mesos.master.reconciliation import Reconciliation
from harness.mesos.master.records import NO_RESOURCES, AgentRecord, FrameworkRecord
from harness.mesos.master.validation import validate_offers, validate_task
from harness.mesos.messages import Call, ExecutorInfo, Filters, Offer, RunTaskMessage, Task, TaskInfo
from harness.mesos.resources import Resources
from harness.mesos.states import StatusReason, TaskState
from harness.simulation import Future

DEFAULT_FILTERS = Filters()


class Acceptance:
    """An ACCEPT on its way: what was offered, what is to be launched, and what the authorizer says to each task."""

    __slots__ = ("answers", "filters", "offered", "pending", "role", "slave_id", "tasks", "waiting")

    def __init__(self, first: Offer, offered: Resources, tasks: list[TaskInfo], filters: Filters) -> None:
        self.slave_id = first.slave_id
        self.role = first.role or "*"
        self.offered = offered
        self.tasks = tasks
        self.filters = filters
        self.answers: list[Future[bool] | bool] = []
        self.waiting = 0
        # Whether the tasks were noted as pending, because somebody had to think.
        self.pending = False

    def __str__(self) -> str:
        return f"{len(self.tasks)} tasks on {self.slave_id}"


class Launching(Reconciliation):
    """Turns offers into tasks."""

    def decline(self, framework: FrameworkRecord, call: Call.Decline) -> None:
        """Give offers back, with the caller's filters (five seconds by default)."""
        self.note("Processing DECLINE call for {} offers of framework {}", len(call.offer_ids), framework.label)
        for offer_id in call.offer_ids:
            offer = self.offers.get(offer_id)
            if offer is None or offer.framework_id != framework.id:
                self.note("Ignoring decline of offer {}: it is no longer valid", offer_id)
                continue
            self.discard_offer(offer, call.filters or DEFAULT_FILTERS)

    def accept(self, framework: FrameworkRecord, call: Call.Accept) -> None:
        """Check the offers, take them off the books, and launch once every task is authorized."""
        tasks = [task for operation in call.operations if operation.launch for task in operation.launch.task_infos]
        error = validate_offers(call.offer_ids, self.offers, framework, self.slaves.registered)
        if error is not None:
            self._refuse(framework, call, tasks, error)
            return
        self.note("Processing ACCEPT call for {} offers of framework {}", len(call.offer_ids), framework.label)
        offers = [self.offers[offer_id] for offer_id in call.offer_ids]
        for offer in offers:
            self.remove_offer(offer)
        offered = Resources.sum(offer.resources for offer in offers)
        acceptance = Acceptance(offers[0], offered, tasks, call.filters or DEFAULT_FILTERS)
        for task in tasks:
            request = AuthorizationRequest(
                action=Action.RUN_TASK, subject=framework.info.principal, framework_info=framework.info, task_info=task
            )
            acceptance.answers.append(self.authorizer.authorized(request))
        waiting = [answer for answer in acceptance.answers if isinstance(answer, Future) and not answer.done]
        if not waiting:
            # With nothing to wait for, the calls of a framework take effect in the order in which they came.
            self._accept(framework.id, acceptance)
            return
        framework.pending_tasks.update((task.task_id, task) for task in tasks)
        acceptance.pending = True
        acceptance.waiting = len(waiting)
        for answer in waiting:
            answer.on_any(self.defer("_authorized", framework.id, acceptance))

    def _authorized(self, framework_id: str, acceptance: Acceptance, answer: Future[bool]) -> None:
        acceptance.waiting -= 1
        if not acceptance.waiting:
            self._accept(framework_id, acceptance)

    def _refuse(self, framework: FrameworkRecord, call: Call.Accept, tasks: list[TaskInfo], error: str) -> None:
        self.note("ACCEPT call of framework {} used invalid offers: {}", framework.label, error)
        for offer_id in dict.fromkeys(call.offer_ids):
            offer = self.offers.get(offer_id)
            if offer is not None:
                self.discard_offer(offer)
        for task in tasks:
            self._drop(framework, task, StatusReason.REASON_INVALID_OFFERS, f"Task launched with invalid offers: {error}")

    def _accept(self, framework_id: str, acceptance: Acceptance) -> None:
        framework = self.frameworks.get(framework_id)
        slave_id = acceptance.slave_id
        if framework is None:
            self.note("Ignoring ACCEPT call of framework {}: it is gone", framework_id)
            self.allocator.recover_resources(framework_id, slave_id, acceptance.offered, None, False)
            return
        agent = self.slaves.registered.get(slave_id)
        if agent is None or not agent.connected:
            reason = StatusReason.REASON_SLAVE_DISCONNECTED if agent else StatusReason.REASON_SLAVE_REMOVED
            text = "Agent disconnected" if agent else "Agent removed"
            self.note("Ignoring ACCEPT call of framework {} for agent {}: {}", framework.label, slave_id, text)
            for task in acceptance.tasks:
                framework.pending_tasks.pop(task.task_id, None)
                self._drop(framework, task, reason, text)
            self.allocator.recover_resources(framework_id, slave_id, acceptance.offered, None, False)
            return
        left = acceptance.offered
        for task, answer in zip(acceptance.tasks, acceptance.answers, strict=True):
            if acceptance.pending and framework.pending_tasks.pop(task.task_id, None) is None:
                continue  # killed while the authorizer was thinking
            left = left - self._launch(framework, agent, allocated(task, acceptance.role), answer, left)
        self.allocator.pause()
        if left:
            self.allocator.recover_resources(framework_id, slave_id, left, acceptance.filters, False)
        launched = acceptance.offered - left
        if launched:
            self.allocator.transition_offered_to_allocated(slave_id, launched)
        self.allocator.resume()

    def _launch(
        self, framework: FrameworkRecord, agent: AgentRecord, task: TaskInfo, answer: Future[bool] | bool, left: Resources
    ) -> Resources:
        """Launch one task if it may and can be; what it takes of ``left``."""
        if not (granted(answer) if isinstance(answer, Future) else answer):
            refusal = f"Not authorized to launch as user '{framework.info.user}'"
            text = why_not(answer, refusal) if isinstance(answer, Future) else refusal
            self._reject(framework, task, StatusReason.REASON_TASK_UNAUTHORIZED, text)
            return NO_RESOURCES
        error = validate_task(task, framework, agent, left)
        if error is not None:
            self._reject(framework, task, StatusReason.REASON_TASK_INVALID, error)
            return NO_RESOURCES
        taken = task.resources
        executor = task.executor
        # A command task brings its own executor, made by the agent.
        new_executor = executor is None or not agent.has_executor(framework.id, executor.executor_id)
        if executor is not None and new_executor:
            self.add_executor(agent, framework, framework.id, executor)
            taken = taken + executor.resources
        staged = Task(
            task_id=task.task_id,
            framework_id=framework.id,
            slave_id=agent.id,
            state=TaskState.TASK_STAGING,
            name=task.name,
            executor_id=executor.executor_id if executor is not None else None,
            resources=task.resources,
            labels=task.labels,
            kill_policy=task.kill_policy,
            max_completion_time=task.max_completion_time,
        )
        self.store_task(staged)
        self.publish_task_added(staged)
        self.note("Launching task {} of framework {} with {} on agent {}", task.task_id, framework.label, taken, agent.label)
        uuids = () if agent.resource_version_uuid is None else (agent.resource_version_uuid,)
        self.send(
            agent.pid,
            RunTaskMessage(
                framework=framework.info,
                framework_id=framework.id,
                pid=framework.pid or "",
                task=task,
                launch_executor=new_executor,
                resource_version_uuids=uuids,
            ),
        )
        return taken

    def _reject(self, framework: FrameworkRecord, task: TaskInfo, reason: StatusReason, message: str) -> None:
        self.note("Rejecting task {} of framework {}: {}", task.task_id, framework.label, message)
        self._report(framework, task, TaskState.TASK_ERROR, reason, message)

    def _drop(self, framework: FrameworkRecord, task: TaskInfo, reason: StatusReason, message: str) -> None:
        state = TaskState.TASK_DROPPED if framework.partition_aware else TaskState.TASK_LOST
        self._report(framework, task, state, reason, message)

    def _report(
        self, framework: FrameworkRecord, task: TaskInfo, state: TaskState, reason: StatusReason, message: str
    ) -> None:
        executor_id = task.executor.executor_id if task.executor is not None else None
        update = self.make_update_of(framework.id, task.task_id, task.slave_id, state, reason, message, executor_id)
        self.count_final(update.status)
        self.forward(update, None, framework)


def allocated(task: TaskInfo, role: str) -> TaskInfo:
    """The task with its resources, and its executor's, marked as allocated to the role of the offers."""
    executor: ExecutorInfo | None = task.executor
    if executor is not None and executor.resources:
        executor = executor.replace(resources=executor.resources.allocate(role))
    return task.replace(resources=task.resources.allocate(role), executor=executor)
