"""Tasks at the agent: from RunTaskMessage to the executor in three steps, and kills at every point in between.

Source: Mesos ``src/slave/slave.cpp`` (``run``, ``_run``, ``__run``, ``___run``, ``killTask``).
"""

from __future__ import annotations

from harness.mesos.agent.books import ExecutorRecord, FrameworkRecord, dispatched_as
from harness.mesos.agent.executors import Executors
from harness.mesos.messages import ExitedExecutorMessage, KillTaskMessage, RunTaskMessage, TaskInfo
from harness.mesos.states import AgentState, ExecutorState, StatusReason, TaskState
from harness.simulation import Future, Promise

_BUSY = (AgentState.RECOVERING, AgentState.TERMINATING)


class Tasks(Executors):
    """The concern of tasks."""

    # --- launching

    def run_task(self, message: RunTaskMessage) -> None:
        """A task arrives: enter it as pending. Unlike most messages it is taken while the agent is disconnected."""
        task, info = message.task, message.framework
        if task.slave_id != self.info.id or self.state in _BUSY:
            self.note("Ignoring run task {}: it is for agent {}, and this one is {}", task.task_id, task.slave_id, self.state)
            return
        framework_id = info.id or message.framework_id
        if framework_id is None:
            self.note("Ignoring run task {}: its framework has no id", task.task_id)
            return
        framework = self._frameworks.get(framework_id)
        if framework is None:
            framework = FrameworkRecord(info if info.id else info.replace(id=framework_id), message.pid)
            self._frameworks[framework_id] = framework
        elif framework.terminating:
            self.note("Ignoring run task {}: framework {} is terminating", task.task_id, framework_id)
            return
        self.note("Got assigned task '{}' for framework {}", task.task_id, framework_id)
        framework.pending[task.task_id] = task
        self.dispatch(self.address, "_run", framework_id, task, message.launch_executor)

    def _run(self, framework_id: str, task: TaskInfo, launch_executor: bool | None) -> None:
        """Second step: garbage collection of the sandbox is off; ask for authorization."""
        framework = self._runnable(framework_id, task)
        if framework is not None:
            self.authorize_task(task).on_any(self.defer("__run", framework_id, task, launch_executor))

    def authorize_task(self, task: TaskInfo) -> Future[bool]:
        """Whether the task may run here; every task may."""
        promise: Promise[bool] = Promise("authorization of a task")
        promise.set(True)
        return promise.future

    @dispatched_as("__run")
    def _run_authorized(self, framework_id: str, task: TaskInfo, launch_executor: bool | None, authorized: Future[bool]) -> None:
        framework = self._runnable(framework_id, task)
        if framework is None:
            return
        del framework.pending[task.task_id]
        if not (authorized.ready and authorized.get()):
            update = self._make_update(
                framework_id,
                task.task_id,
                TaskState.TASK_ERROR,
                StatusReason.REASON_TASK_UNAUTHORIZED,
                "Task is not authorized to launch",
            )
            self.status_update(update, None)
            self._remove_if_idle(framework)
            return
        executor = framework.executors.get(framework.executor_info_of(task).executor_id)
        refusal = self._refusal(executor, launch_executor)
        if refusal is not None:
            self._drop(framework, task, executor, refusal)
            return
        if executor is None:
            executor = self.launch_executor(framework, task)
        executor.queued[task.task_id] = task
        if executor.state is ExecutorState.REGISTERING:
            self.note("Queued task '{}' for executor '{}'", task.task_id, executor.id)
        else:
            self.deliver_tasks(executor, (task.task_id,))

    def _runnable(self, framework_id: str, task: TaskInfo) -> FrameworkRecord | None:
        """The framework, if the task was not killed since the last step."""
        framework = self._frameworks.get(framework_id)
        if framework is None or framework.terminating:
            self.note("Ignoring run task '{}': framework {} is gone or terminating", task.task_id, framework_id)
        elif task.task_id not in framework.pending:
            self.note("Ignoring run task '{}': it has been killed in the meantime", task.task_id)
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

    def _drop(self, framework: FrameworkRecord, task: TaskInfo, executor: ExecutorRecord | None, why: str) -> None:
        self.note("Dropping task '{}': {}", task.task_id, why)
        state = self._lost_or(TaskState.TASK_DROPPED, framework.info)
        reason = StatusReason.REASON_EXECUTOR_TERMINATED
        self.status_update(self._make_update(framework.id, task.task_id, state, reason, why), None)
        if executor is not None and why.startswith("Master wants"):
            # The master does not know of this executor: end it, or tell again that it has ended.
            if executor.state is ExecutorState.TERMINATED:
                self._send_to_master(
                    ExitedExecutorMessage(slave_id=str(self.info.id), framework_id=framework.id, executor_id=executor.id)
                )
            else:
                self.shut_down_executor(executor)
        self._remove_if_idle(framework)

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
            if task_id not in executor.queued:
                self.note("Ignoring task '{}': it has been killed in the meantime", task_id)
                continue
            info = executor.launch(task_id).info
            executor.had_tasks = True
            self.note("Sending task '{}' to executor '{}' of framework {}", task_id, executor_id, framework_id)
            message = RunTaskMessage(framework=framework.info, framework_id=framework_id, task=info, pid=framework.pid)
            self.send(executor.pid, message)

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
        reason = StatusReason.REASON_TASK_KILLED_DURING_LAUNCH
        executor_id = executor.id_in_tasks if executor is not None else None
        update = self._make_update(framework.id, task_id, TaskState.TASK_KILLED, reason, message, executor_id)
        self.status_update(update, None)
        if executor is not None and executor.state is ExecutorState.RUNNING and not executor.queued and not executor.had_tasks:
            self.note("Shutting down executor '{}': it never got a task", executor.id)
            self.shut_down_executor(executor)

    def _remove_if_idle(self, framework: FrameworkRecord) -> None:
        if framework.idle:
            self.remove_framework(framework)
