"""Tasks at the agent: from RunTaskMessage to the executor in three steps, and kills at every point in between.

Source: Mesos ``src/slave/slave.cpp`` (``run``, ``_run``, ``__run``, ``___run``, ``killTask``).
"""

from __future__ import annotations

from harness.mesos.agent.books import ExecutorRecord, FrameworkRecord, dispatched_as
from harness.mesos.agent.executors import Executors
from harness.mesos.messages import (
    ExitedExecutorMessage,
    FrameworkInfo,
    KillTaskMessage,
    RunTaskGroupMessage,
    RunTaskMessage,
    TaskGroupInfo,
    TaskInfo,
)
from harness.mesos.messages.base import Record
from harness.mesos.states import AgentState, ExecutorState, StatusReason, TaskState
from harness.simulation import Future, Promise

_BUSY = (AgentState.RECOVERING, AgentState.TERMINATING)
# What is launched in one go.
Work = TaskInfo | RunTaskGroupMessage


class Tasks(Executors):
    """The concern of tasks."""

    # --- launching

    def run_task(self, message: RunTaskMessage) -> None:
        """A task arrives: enter it as pending. Unlike most messages it is taken while the agent is disconnected."""
        info = message.framework
        framework_id = info.id or message.framework_id
        self._accept(framework_id, info, message.pid, message.task, message.launch_executor)

    def run_task_group(self, message: RunTaskGroupMessage) -> None:
        """Tasks arrive that are launched together or not at all."""
        self._accept(message.framework.id, message.framework, "", message, message.launch_executor)

    def _accept(self, framework_id: str | None, info: FrameworkInfo, pid: str, work: Work, launch_executor: bool | None) -> None:
        tasks = _tasks_of(work)
        if any(task.slave_id != self.info.id for task in tasks) or self.state in _BUSY:
            self.note("Ignoring run {}: it is for agent {}, and this one is {}", _named(work), tasks[0].slave_id, self.state)
            return
        if framework_id is None:
            self.note("Ignoring run {}: its framework has no id", _named(work))
            return
        framework = self._frameworks.get(framework_id)
        if framework is None:
            framework = FrameworkRecord(info if info.id else info.replace(id=framework_id), pid)
            self._frameworks[framework_id] = framework
            if info.checkpoint and not self._saved(self.checkpoint.save_framework, framework.info, pid):
                return
        elif framework.terminating:
            self.note("Ignoring run {}: framework {} is terminating", _named(work), framework_id)
            return
        self.note("Got assigned {} for framework {}", _named(work), framework_id)
        for task in tasks:
            framework.pending[task.task_id] = task
        if len(tasks) > 1:
            framework.groups.update((task.task_id, tasks) for task in tasks)
        self._tell(self.address, "_run", framework_id, work, launch_executor)

    def _run(self, framework_id: str, work: Work, launch_executor: bool | None) -> None:
        """Second step: garbage collection of the sandbox is off; ask for authorization."""
        framework = self._runnable(framework_id, work)
        if framework is not None:
            self.authorize_task(work).on_any(self.defer("__run", framework_id, work, launch_executor))

    def authorize_task(self, work: Work) -> Future[bool]:
        """Whether the task (or the group) may run here; everything may."""
        promise: Promise[bool] = Promise("authorization of a task")
        promise.set(True)
        return promise.future

    @dispatched_as("__run")
    def _run_authorized(self, framework_id: str, work: Work, launch_executor: bool | None, authorized: Future[bool]) -> None:
        framework = self._runnable(framework_id, work)
        if framework is None:
            return
        tasks = _tasks_of(work)
        for task in tasks:
            del framework.pending[task.task_id]
        if not (authorized.ready and authorized.get()):
            error, reason = TaskState.TASK_ERROR, StatusReason.REASON_TASK_UNAUTHORIZED
            self._refuse(framework, tasks, error, reason, "Task is not authorized to launch")
            return
        dropped = self._lost_or(TaskState.TASK_DROPPED, framework.info)
        if self.drain_config is not None:
            self.note("Dropping {}: the agent is draining", _named(work))
            self._refuse(framework, tasks, dropped, StatusReason.REASON_SLAVE_DRAINING, "Agent is draining")
            return
        info = work.executor if isinstance(work, RunTaskGroupMessage) else framework.executor_info_of(work)
        executor = framework.executors.get(info.executor_id)
        refusal = self._refusal(executor, launch_executor)
        if refusal is not None:
            self.note("Dropping {}: {}", _named(work), refusal)
            self._refuse(framework, tasks, dropped, StatusReason.REASON_EXECUTOR_TERMINATED, refusal)
            self._settle_disagreement(framework, executor, refusal)
            return
        if executor is None:
            command = isinstance(work, TaskInfo) and work.executor is None
            executor = self.launch_executor(framework, info, command=command)
            if executor is None:
                return
        self._queue(executor, work, tasks)

    def _queue(self, executor: ExecutorRecord, work: Work, tasks: tuple[TaskInfo, ...]) -> None:
        for task in tasks:
            executor.queued[task.task_id] = task
            if executor.checkpoint and not self._saved(self.checkpoint.save_task, self._run_folder(executor), task):
                return
        if executor.state is ExecutorState.REGISTERING:
            self.note("Queued {} for executor '{}'", _named(work), executor.id)
        else:
            self.deliver_tasks(executor, tuple(task.task_id for task in tasks))

    def _runnable(self, framework_id: str, work: Work) -> FrameworkRecord | None:
        """The framework, if nothing of the work was killed since the last step."""
        framework = self._frameworks.get(framework_id)
        if framework is None or framework.terminating:
            self.note("Ignoring run {}: framework {} is gone or terminating", _named(work), framework_id)
        elif not all(task.task_id in framework.pending for task in _tasks_of(work)):
            self.note("Ignoring run {}: it has been killed in the meantime", _named(work))
            self._remove_if_idle(framework)
        else:
            return framework
        return None

    def _refusal(self, executor: ExecutorRecord | None, launch_executor: bool | None) -> str | None:
        """Why the task cannot have its executor; None if it can. What the master counted on may not hold any more."""
        if launch_executor is True and executor is not None:
            return "Master wants to launch executor, but one already exists"
        if launch_executor is False and executor is None:
            return "No executor is expected to launch and there is no executor running"
        if executor is not None and executor.state in (ExecutorState.TERMINATING, ExecutorState.TERMINATED):
            return f"Executor is {executor.state.lower()}"
        return None

    def _refuse(
        self, framework: FrameworkRecord, tasks: tuple[TaskInfo, ...], state: TaskState, reason: StatusReason, why: str
    ) -> None:
        for task in tasks:
            framework.groups.pop(task.task_id, None)
            self.status_update(self._make_update(framework.id, task.task_id, state, reason, why), None)
        self._remove_if_idle(framework)

    def _settle_disagreement(self, framework: FrameworkRecord, executor: ExecutorRecord | None, why: str) -> None:
        """The master does not know of an executor that is here: end it, or tell again that it has ended."""
        if executor is None or not why.startswith("Master wants"):
            return
        if executor.state is ExecutorState.TERMINATED:
            self._send_to_master(
                ExitedExecutorMessage(slave_id=str(self.info.id), framework_id=framework.id, executor_id=executor.id)
            )
        else:
            self.shut_down_executor(executor)

    def deliver_tasks(self, executor: ExecutorRecord, task_ids: tuple[str, ...]) -> None:
        """Give the container what the tasks need, then send them."""
        ready = self.containerizer.update(executor.container_id, executor.allocated_resources)
        ready.on_any(self.defer("___run", executor.framework_id, executor.id, executor.container_id, task_ids))

    @dispatched_as("___run")
    def _send_tasks(
        self, framework_id: str, executor_id: str, container_id: str, task_ids: tuple[str, ...], ready: Future[None]
    ) -> None:
        framework = self._frameworks.get(framework_id)
        executor = self._executor(framework_id, executor_id)
        if framework is None or executor is None or executor.container_id != container_id:
            return
        if not ready.ready:
            self.note("Failed to update resources of container {}: {}; destroying it", container_id, ready.error)
            state = self._lost_or(TaskState.TASK_GONE, framework.info)
            reason = StatusReason.REASON_CONTAINER_UPDATE_FAILED
            self._destroy(executor, state, reason, f"Failed to update resources for container: {ready.error}")
            return
        if executor.state is not ExecutorState.RUNNING or executor.pid is None:
            self.note("Not sending tasks to executor '{}': it is {}", executor_id, executor.state)
            return
        for task_id in task_ids:
            if task_id in executor.queued:
                self.send(executor.pid, self._launch(framework, executor, task_id))
            elif task_id not in executor.launched:
                self.note("Ignoring task '{}': it has been killed in the meantime", task_id)

    def _launch(self, framework: FrameworkRecord, executor: ExecutorRecord, task_id: str) -> Record:
        """Launch a queued task with its whole group; the message that says so."""
        executor.had_tasks = True
        group = framework.groups.get(task_id)
        if group is None:
            info = executor.launch(task_id).info
            self.note("Sending task '{}' to executor '{}' of framework {}", task_id, executor.id, framework.id)
            return RunTaskMessage(framework=framework.info, framework_id=framework.id, task=info, pid=framework.pid)
        for task in group:
            del framework.groups[task.task_id]
            executor.launch(task.task_id)
        self.note("Sending a group of {} tasks to executor '{}' of framework {}", len(group), executor.id, framework.id)
        return RunTaskGroupMessage(framework=framework.info, executor=executor.info, task_group=TaskGroupInfo(tasks=group))

    # --- killing

    def kill_task(self, message: KillTaskMessage) -> None:
        """Kill a task wherever it is by now."""
        framework_id, task_id = message.framework_id, message.task_id
        if self.state in _BUSY:
            self.note("Ignoring kill task {}: the agent is {}", task_id, self.state)
            return
        framework = self._frameworks.get(framework_id)
        if framework is None or framework.terminating:
            self.note("Ignoring kill task {}: framework {} is unknown or terminating", task_id, framework_id)
            return
        if task_id in framework.pending:
            self._kill_before_launch(framework, task_id, "Task killed while it was pending", None)
            self._remove_if_idle(framework)
            return
        executor = framework.executor_of(task_id)
        if executor is None:
            self.note("Cannot kill task {} of framework {}: no executor has it", task_id, framework_id)
            state = self._lost_or(TaskState.TASK_DROPPED, framework.info)
            reason = StatusReason.REASON_EXECUTOR_TERMINATED
            self.status_update(self._make_update(framework_id, task_id, state, reason, "Cannot find executor"), None)
        elif task_id in executor.queued:
            self._kill_before_launch(framework, task_id, "Task killed while it was queued", executor)
        elif executor.state is ExecutorState.RUNNING and executor.pid is not None:
            self.send(executor.pid, message)
        else:
            self.note("Ignoring kill task {}: executor '{}' is {}", task_id, executor.id, executor.state)

    def _kill_before_launch(
        self, framework: FrameworkRecord, task_id: str, message: str, executor: ExecutorRecord | None
    ) -> None:
        """A task that its executor has not got yet is killed here, and with it the group it belongs to."""
        reason = StatusReason.REASON_TASK_KILLED_DURING_LAUNCH
        executor_id = executor.id_in_tasks if executor is not None else None
        group = framework.groups.get(task_id)
        if group is not None:
            message = "A task within the task group was killed before delivery to the executor"
        for each in [task_id] if group is None else [task.task_id for task in group]:
            framework.groups.pop(each, None)
            update = self._make_update(framework.id, each, TaskState.TASK_KILLED, reason, message, executor_id)
            self.status_update(update, None)
        if executor is not None and executor.state is ExecutorState.RUNNING and not executor.queued and not executor.had_tasks:
            self.note("Shutting down executor '{}': it never got a task", executor.id)
            self.shut_down_executor(executor)

    def _remove_if_idle(self, framework: FrameworkRecord) -> None:
        if framework.idle:
            self.remove_framework(framework)


def _tasks_of(work: Work) -> tuple[TaskInfo, ...]:
    return (work,) if isinstance(work, TaskInfo) else work.task_group.tasks


def _named(work: Work) -> str:
    if isinstance(work, TaskInfo):
        return f"task '{work.task_id}'"
    return f"task group [{', '.join(task.task_id for task in work.task_group.tasks)}]"
