"""Offers accepted and declined, and the tasks launched with them.

Source: Mesos ``src/master/master.cpp``: ``accept``, ``_accept``, ``decline``, ``addTask``.
"""

from __future__ import annotations

from harness.mesos.allocator.options import ResourceConversion
from harness.mesos.authorizer import Action, AuthorizationRequest
from harness.mesos.master.books import granted, why_not
from harness.mesos.master.operations import Operations
from harness.mesos.master.records import NO_RESOURCES, AgentRecord, FrameworkRecord
from harness.mesos.master.validation import validate_amounts, validate_group, validate_offers, validate_task
from harness.mesos.messages import (
    Call,
    ExecutorInfo,
    Filters,
    Offer,
    Operation,
    RunTaskGroupMessage,
    RunTaskMessage,
    Task,
    TaskGroupInfo,
    TaskInfo,
)
from harness.mesos.resources import Resources
from harness.mesos.states import StatusReason, TaskState
from harness.simulation import Future

DEFAULT_FILTERS = Filters()


class Acceptance:
    """An ACCEPT on its way: what was offered, what is to be done with it, and what the authorizer says to each task."""

    __slots__ = ("answers", "filters", "offered", "operations", "pending", "role", "slave_id", "tasks", "waiting")

    def __init__(self, first: Offer, offered: Resources, call: Call.Accept, tasks: list[TaskInfo]) -> None:
        self.slave_id = first.slave_id
        self.role = first.role or "*"
        self.offered = offered
        self.operations = call.operations
        self.tasks = tasks
        self.filters = call.filters or DEFAULT_FILTERS
        self.answers: list[Future[bool] | bool] = []
        self.waiting = 0
        # Whether the tasks were noted as pending, because somebody had to think.
        self.pending = False

    def __str__(self) -> str:
        return f"{len(self.tasks)} tasks on {self.slave_id}"


class Launching(Operations):
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
        tasks = [task for operation in call.operations for task in tasks_of(operation)]
        error = validate_offers(call.offer_ids, self.offers, framework, self.slaves.registered)
        if error is not None:
            self._refuse(framework, call, tasks, error)
            return
        self.note("Processing ACCEPT call for {} offers of framework {}", len(call.offer_ids), framework.label)
        offers = [self.offers[offer_id] for offer_id in call.offer_ids]
        for offer in offers:
            self.remove_offer(offer)
        offered = Resources.sum(offer.resources for offer in offers)
        acceptance = Acceptance(offers[0], offered, call, tasks)
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
        left, conversions = self._perform(framework, agent, acceptance)
        had = acceptance.offered
        new = NO_RESOURCES
        if conversions:
            self.allocator.update_allocation(framework_id, slave_id, had, conversions)
            self.apply_conversions(agent, conversions)
            # What was made and not used is not declined: it shall be offered again at once.
            new = left - had
            for conversion in conversions:
                had = had - conversion.consumed + conversion.converted
        self.allocator.pause()
        if new:
            self.allocator.recover_resources(framework_id, slave_id, new, None, False)
        rest = left - new
        if rest:
            self.allocator.recover_resources(framework_id, slave_id, rest, acceptance.filters, False)
        launched = had - left
        if launched:
            self.allocator.transition_offered_to_allocated(slave_id, launched)
        self.allocator.resume()

    def _perform(
        self, framework: FrameworkRecord, agent: AgentRecord, acceptance: Acceptance
    ) -> tuple[Resources, list[ResourceConversion]]:
        """Do what was asked, in its order; what is left over, and the conversions on the way."""
        left = acceptance.offered
        conversions: list[ResourceConversion] = []
        answers = iter(acceptance.answers)
        role = acceptance.role
        for operation in acceptance.operations:
            tasks = tasks_of(operation)
            granted_or_not = [next(answers) for _ in tasks]
            killed = [
                task.task_id
                for task in tasks
                # Killed while the authorizer was thinking.
                if acceptance.pending and framework.pending_tasks.pop(task.task_id, None) is None
            ]
            if operation.launch_group is not None:
                group = operation.launch_group
                left = left - self._launch_group(framework, agent, group, role, granted_or_not, killed, left)
            elif operation.launch is not None:
                spoilt = validate_amounts(tasks)
                for task, answer in zip(tasks, granted_or_not, strict=True):
                    if task.task_id in killed:
                        continue
                    if spoilt is not None:
                        self._reject(framework, task, StatusReason.REASON_TASK_INVALID, spoilt)
                    else:
                        left = left - self._launch(framework, agent, allocated(task, role), answer, left)
            else:
                conversion = self.converted(framework, agent, role, operation, left)
                if conversion is not None:
                    conversions.append(conversion)
                    left = left - conversion.consumed + conversion.converted
        return left, conversions

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
        self._stage(framework, agent, task, executor)
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

    def _stage(self, framework: FrameworkRecord, agent: AgentRecord, task: TaskInfo, executor: ExecutorInfo | None) -> None:
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

    def _launch_group(
        self,
        framework: FrameworkRecord,
        agent: AgentRecord,
        group: Operation.LaunchGroup,
        role: str,
        answers: list[Future[bool] | bool],
        killed: list[str],
        left: Resources,
    ) -> Resources:
        """Launch a group of tasks in one executor, all or none; what it takes of ``left``."""
        tasks = [allocated(task, role) for task in group.task_group.tasks]
        executor = group.executor.replace(framework_id=framework.id, resources=group.executor.resources.allocate(role))
        error = validate_amounts(group.task_group.tasks, group.executor)
        if error is not None:
            return self._reject_all(framework, tasks, TaskState.TASK_ERROR, StatusReason.REASON_TASK_GROUP_INVALID, error)
        if not all(granted(answer) if isinstance(answer, Future) else answer for answer in answers):
            reason, text = StatusReason.REASON_TASK_GROUP_UNAUTHORIZED, "A task within the task group is not authorized"
            return self._reject_all(framework, tasks, TaskState.TASK_ERROR, reason, text)
        if killed:
            living = [task for task in tasks if task.task_id not in killed]
            text = "A task within the task group was killed before delivery to the agent"
            reason = StatusReason.REASON_TASK_KILLED_DURING_LAUNCH
            return self._reject_all(framework, living, TaskState.TASK_KILLED, reason, text)
        error = validate_group(tasks, executor, framework, agent, left)
        if error is not None:
            return self._reject_all(framework, tasks, TaskState.TASK_ERROR, StatusReason.REASON_TASK_GROUP_INVALID, error)
        new_executor = not agent.has_executor(framework.id, executor.executor_id)
        taken = Resources.sum(task.resources for task in tasks)
        if new_executor:
            self.add_executor(agent, framework, framework.id, executor)
            taken = taken + executor.resources
        for task in tasks:
            self._stage(framework, agent, task, executor)
        self.note("Launching {} tasks of framework {} as a group on agent {}", len(tasks), framework.label, agent.label)
        message = RunTaskGroupMessage(
            framework=framework.info,
            executor=executor,
            task_group=TaskGroupInfo(tasks=tuple(tasks)),
            launch_executor=new_executor,
            resource_version_uuids=() if agent.resource_version_uuid is None else (agent.resource_version_uuid,),
        )
        self.send(agent.pid, message)
        return taken

    def _reject_all(
        self, framework: FrameworkRecord, tasks: list[TaskInfo], state: TaskState, reason: StatusReason, message: str
    ) -> Resources:
        self.note("Rejecting a group of {} tasks of framework {}: {}", len(tasks), framework.label, message)
        for task in tasks:
            self._report(framework, task, state, reason, message)
        return NO_RESOURCES

    def _reject(self, framework: FrameworkRecord, task: TaskInfo, reason: StatusReason, message: str) -> None:
        self.note("Rejecting task {} of framework {}: {}", task.task_id, framework.label, message)
        self._report(framework, task, TaskState.TASK_ERROR, reason, message)

    def _drop(self, framework: FrameworkRecord, task: TaskInfo, reason: StatusReason, message: str) -> None:
        dropped = framework.partition_aware and self.behaviour.drops_missing_tasks
        state = TaskState.TASK_DROPPED if dropped else TaskState.TASK_LOST
        self._report(framework, task, state, reason, message)

    def _report(self, framework: FrameworkRecord, task: TaskInfo, state: TaskState, reason: StatusReason, message: str) -> None:
        executor_id = task.executor.executor_id if task.executor is not None else None
        update = self.make_update_of(framework.id, task.task_id, task.slave_id, state, reason, message, executor_id)
        self.count_final(update.status)
        self.forward(update, None, framework)


def tasks_of(operation: Operation) -> tuple[TaskInfo, ...]:
    """The tasks that an operation launches."""
    if operation.launch is not None:
        return operation.launch.task_infos
    if operation.launch_group is not None:
        return operation.launch_group.task_group.tasks
    return ()


def allocated(task: TaskInfo, role: str) -> TaskInfo:
    """The task with its resources, and its executor's, marked as allocated to the role of the offers."""
    executor: ExecutorInfo | None = task.executor
    if executor is not None and executor.resources:
        executor = executor.replace(resources=executor.resources.allocate(role))
    return task.replace(resources=task.resources.allocate(role), executor=executor)
