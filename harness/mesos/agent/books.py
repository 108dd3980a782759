"""The books of an agent: what it knows of itself, of frameworks, executors and tasks.

Source: Mesos ``src/slave/slave.hpp`` (``Slave``, ``Framework``, ``Executor``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from harness.mesos.agent.checkpoint import Checkpoint
from harness.mesos.agent.update_manager import TaskStatusUpdateManager
from harness.mesos.containers import Containerizer, Termination
from harness.mesos.detector import Detector
from harness.mesos.flags import AgentFlags
from harness.mesos.ids import SlaveID
from harness.mesos.messages import (
    CommandInfo,
    Credential,
    DrainConfig,
    ExecutorInfo,
    FrameworkInfo,
    SlaveInfo,
    StatusUpdate,
    Task,
    TaskInfo,
    TaskStatus,
)
from harness.mesos.messages.base import Record
from harness.mesos.messages.infos import NO_RESOURCES
from harness.mesos.resources import Resources
from harness.mesos.states import (
    AGENT,
    EXECUTOR,
    TASK,
    AgentState,
    ExecutorState,
    StatusReason,
    StatusSource,
    TaskState,
    is_terminal,
    move,
)
from harness.mesos.versions import Behaviour
from harness.simulation import Address, Future, Process, Promise, Timer
from harness.simulation.disk import DiskFailure

F = TypeVar("F", bound=Callable[..., Any])

_COMMAND_EXECUTOR_OVERHEAD = Resources.parse("cpus:0.1;mem:32")
_MAX_COMPLETED_TASKS_PER_EXECUTOR = 200


def dispatched_as(name: str) -> Callable[[F], F]:
    """Make a method known to dispatches by a name that starts with two underscores.

    Mesos numbers the steps of a chain with underscores (``_run``, ``__run``), and tests intercept them by these names; Python
    would mangle such a name if it were written as a method.
    """

    def mark(method: F) -> F:
        method._dispatched_as = name  # type: ignore[attr-defined]
        return method

    return mark


class TaskRecord:
    """A task that was given to an executor."""

    __slots__ = ("executor_id", "framework_id", "history", "info", "slave_id", "statuses", "update_state", "update_uuid")

    def __init__(self, info: TaskInfo, framework_id: str, executor_id: str | None) -> None:
        self.info = info
        self.framework_id = framework_id
        self.slave_id = info.slave_id
        self.executor_id = executor_id
        self.history = [TaskState.TASK_STAGING]
        self.statuses: list[TaskStatus] = []
        self.update_state: TaskState | None = None
        self.update_uuid: str | None = None

    @property
    def state(self) -> TaskState:
        """The state in the newest status, whether or not the master has heard of it."""
        return self.history[-1]

    def update(self, status: TaskStatus) -> None:
        """Take a status in."""
        move(TASK, self.info.task_id, self.history, status.state)
        # Of several statuses in a row with one state only the newest is kept.
        if self.statuses and self.statuses[-1].state == status.state:
            self.statuses.pop()
        self.statuses.append(status)

    def snapshot(self) -> Task:
        """The task as it is reported to the master."""
        return task_of(
            self.info,
            self.framework_id,
            self.executor_id,
            state=self.state,
            statuses=tuple(self.statuses),
            status_update_state=self.update_state,
            status_update_uuid=self.update_uuid,
        )


def task_of(info: TaskInfo, framework_id: str, executor_id: str | None, state: TaskState, **more: Any) -> Task:
    """The accounting record of a task."""
    return Task(
        task_id=info.task_id,
        framework_id=framework_id,
        slave_id=info.slave_id,
        executor_id=executor_id,
        name=info.name,
        resources=info.resources,
        labels=info.labels,
        kill_policy=info.kill_policy,
        max_completion_time=info.max_completion_time,
        state=state,
        **more,
    )


class ExecutorRecord:
    """An executor and the tasks that are on their way to it, run, or have ended but not been acknowledged."""

    __slots__ = (
        "checkpoint",
        "command",
        "completed",
        "container_id",
        "framework_id",
        "had_tasks",
        "history",
        "info",
        "launched",
        "pending_termination",
        "pid",
        "queued",
        "terminated",
        "timer",
    )

    def __init__(self, info: ExecutorInfo, framework: FrameworkRecord, container_id: str, *, command: bool) -> None:
        self.info = info
        self.framework_id = framework.id
        self.container_id = container_id
        self.checkpoint = framework.info.checkpoint
        self.command = command
        self.history = [ExecutorState.REGISTERING]
        self.pid: Address | None = None
        self.queued: dict[str, TaskInfo] = {}
        self.launched: dict[str, TaskRecord] = {}
        self.terminated: dict[str, TaskRecord] = {}
        self.completed: dict[str, TaskRecord] = {}
        self.had_tasks = False
        # The time it has left to register, later to end.
        self.timer: Timer | None = None
        # Why the agent is ending this executor, if it is the agent that does.
        self.pending_termination: Termination | None = None

    @property
    def id(self) -> str:
        """Its id within its framework."""
        return self.info.executor_id

    @property
    def state(self) -> ExecutorState:
        """Where it is in its life."""
        return self.history[-1]

    @property
    def id_in_tasks(self) -> str | None:
        """The executor id as tasks show it: none for the built-in command executor."""
        return None if self.command else self.id

    def move(self, to: ExecutorState) -> None:
        """Go on in life; what the agent waited for in the state that ends does not matter any more."""
        move(EXECUTOR, self.id, self.history, to)
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def has_task(self, task_id: str) -> bool:
        """Whether the task is queued here, runs, or has ended unacknowledged."""
        return task_id in self.queued or task_id in self.launched or task_id in self.terminated

    @property
    def incomplete(self) -> bool:
        """Whether there is a task whose last update is not acknowledged yet."""
        return bool(self.queued or self.launched or self.terminated)

    def launch(self, task_id: str) -> TaskRecord:
        """Turn a queued task into a launched one."""
        record = TaskRecord(self.queued.pop(task_id), self.framework_id, self.id_in_tasks)
        self.launched[task_id] = record
        return record

    def update_task_state(self, status: TaskStatus) -> bool:
        """Take a status in; False if it is not for a task that lives here (unknown, or ended already)."""
        task_id = status.task_id
        if is_terminal(status.state):
            if task_id in self.queued:
                record = self.launch(task_id)
            elif task_id in self.launched:
                record = self.launched[task_id]
            else:
                return False
            del self.launched[task_id]
            self.terminated[task_id] = record
        elif task_id in self.launched:
            record = self.launched[task_id]
        else:
            return False
        record.update(status)
        return True

    def complete_task(self, task_id: str) -> None:
        """The last update of an ended task is acknowledged."""
        self.completed[task_id] = self.terminated.pop(task_id)
        if len(self.completed) > _MAX_COMPLETED_TASKS_PER_EXECUTOR:
            del self.completed[next(iter(self.completed))]

    @property
    def allocated_resources(self) -> Resources:
        """What it and its live tasks use."""
        used = [task.resources for task in self.queued.values()]
        return Resources.sum([self.info.resources, *(record.info.resources for record in self.launched.values()), *used])


class FrameworkRecord:
    """A framework with something on this agent."""

    __slots__ = ("executors", "groups", "info", "pending", "pid", "terminating")

    def __init__(self, info: FrameworkInfo, pid: str) -> None:
        self.info = info
        self.pid = pid
        self.terminating = False
        # Tasks between their arrival and their executor, by id.
        self.pending: dict[str, TaskInfo] = {}
        # Task id -> all tasks of its group, until the group is at its executor.
        self.groups: dict[str, tuple[TaskInfo, ...]] = {}
        self.executors: dict[str, ExecutorRecord] = {}

    @property
    def id(self) -> str:
        """Its id."""
        assert self.info.id is not None
        return self.info.id

    @property
    def idle(self) -> bool:
        """Whether nothing of it is left here."""
        return not self.executors and not self.pending

    def executor_of(self, task_id: str) -> ExecutorRecord | None:
        """The executor that has the task, queued, running, or ended unacknowledged."""
        for executor in self.executors.values():
            if executor.has_task(task_id):
                return executor
        return None

    def executor_info_of(self, task: TaskInfo) -> ExecutorInfo:
        """The executor the task names, or the one that a command task gets of its own."""
        if task.executor is not None:
            return task.executor if task.executor.framework_id else task.executor.replace(framework_id=self.id)
        command = task.command or CommandInfo()
        return ExecutorInfo(
            executor_id=task.task_id,
            framework_id=self.id,
            name=f"Command Executor (Task: {task.task_id}) (Command: sh -c '{command.value or ''}')",
            source=task.task_id,
            command=command,
            resources=_COMMAND_EXECUTOR_OVERHEAD,
            labels=task.labels,
        )


class Books(Process):
    """What every concern of an agent shares; see :class:`~harness.mesos.agent.agent.Agent` for the arguments."""

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        for method in list(vars(cls).values()):
            alias = getattr(method, "_dispatched_as", None)
            if alias is not None:
                setattr(cls, alias, method)

    def __init__(
        self,
        name: str,
        *,
        info: SlaveInfo,
        flags: AgentFlags,
        detector: Detector,
        credential: Credential | None,
        containerizer: Containerizer,
        behaviour: Behaviour,
        boot_id: str = "",
    ) -> None:
        super().__init__(name)
        self.info = info
        self.flags = flags
        self.detector = detector
        self.credential = credential
        self.containerizer = containerizer
        self.behaviour = behaviour
        self.boot_id = boot_id
        self.checkpoint: Checkpoint
        # What frameworks reserved, or made volumes of, as the master wants it remembered.
        self.checkpointed_resources = NO_RESOURCES
        # Set while the agent drains.
        self.drain_config: DrainConfig | None = None
        self.master: Address | None = None
        self.update_manager: Address
        self._registered: Promise[SlaveID] = Promise("agent registered")
        self._history = [AgentState.RECOVERING]
        self._frameworks: dict[str, FrameworkRecord] = {}
        self._updates_made = 0
        self._containers_made = 0
        # The process died as by a crash (exit code 1), or is in finalize: no clean-up may end it once more.
        self._crashed = False
        self._ending = False

    # --- what others may look at

    @property
    def state(self) -> AgentState:
        """What the agent is doing."""
        return self._history[-1]

    @property
    def id(self) -> SlaveID | None:
        """The id a master gave it, in this life or an earlier one."""
        return SlaveID(self.info.id) if self.info.id is not None else None

    @property
    def registered_future(self) -> Future[SlaveID]:
        """Done when a master first registers (or reregisters) this life of the agent; its value is the id."""
        return self._registered.future

    @property
    def frameworks(self) -> dict[str, FrameworkInfo]:
        """The frameworks with something on this agent, by id."""
        return {framework_id: framework.info for framework_id, framework in self._frameworks.items()}

    @property
    def executors(self) -> dict[str, ExecutorInfo]:
        """The executors that have not ended, by id."""
        return {e.id: e.info for e in self._all_executors() if e.state is not ExecutorState.TERMINATED}

    @property
    def tasks(self) -> dict[str, Task]:
        """All tasks that are not completed, by id: on their way, running, and ended but not acknowledged."""
        return {task.task_id: task for task in self._all_tasks()}

    # --- shared by the concerns

    def _all_executors(self) -> Iterator[ExecutorRecord]:
        for framework in self._frameworks.values():
            yield from framework.executors.values()

    def _all_tasks(self) -> Iterator[Task]:
        for framework in self._frameworks.values():
            staging = TaskState.TASK_STAGING
            for task in framework.pending.values():
                yield task_of(task, framework.id, task.executor.executor_id if task.executor else None, staging)
            for executor in framework.executors.values():
                for record in executor.launched.values():
                    yield record.snapshot()
                for record in executor.terminated.values():
                    yield record.snapshot()
                for task in executor.queued.values():
                    yield task_of(task, framework.id, executor.id_in_tasks, staging)

    def _move(self, to: AgentState) -> None:
        move(AGENT, self.info.id or self.name, self._history, to)

    def _executor(self, framework_id: str, executor_id: str) -> ExecutorRecord | None:
        framework = self._frameworks.get(framework_id)
        return framework.executors.get(executor_id) if framework is not None else None

    def _send_to_master(self, message: Record) -> None:
        if self.master is not None:
            self.send(self.master, message)

    def _crash(self, template: str, *args: Any) -> None:
        """End as ``EXIT(EXIT_FAILURE)`` does: nothing is cleaned up, executors live on."""
        self.note(template, *args)
        self._crashed = True
        self.terminate()

    def _spawn_update_manager(self) -> None:
        name = self.unique_name("task-status-update-manager")
        self.update_manager = self.spawn(TaskStatusUpdateManager(name, self.address, self.checkpoint))

    def _saved(self, write: Callable[..., None], *args: Any, **more: Any) -> bool:
        """Checkpoint something; an agent that cannot ends at once, and then this is false."""
        try:
            write(*args, **more)
        except DiskFailure as error:
            self._crash("Failed to checkpoint: {}", error)
            return False
        return True

    def _run_folder(self, executor: ExecutorRecord) -> str:
        return self.checkpoint.run(executor.framework_id, executor.id, executor.container_id)

    def _lost_or(self, state: TaskState, framework: FrameworkInfo) -> TaskState:
        """``state`` for a partition-aware framework (where the release knows it), else TASK_LOST."""
        aware = framework.partition_aware and self.behaviour.drops_missing_tasks
        return state if aware else TaskState.TASK_LOST

    def _make_update(
        self,
        framework_id: str,
        task_id: str,
        state: TaskState,
        reason: StatusReason,
        message: str,
        executor_id: str | None = None,
    ) -> StatusUpdate:
        """A status update that comes from the agent itself."""
        self._updates_made += 1
        uuid = self.world.uuid(f"{self.path} update {self._updates_made}")
        now = self.time
        status = TaskStatus(
            task_id=task_id,
            state=state,
            message=message,
            source=StatusSource.SOURCE_SLAVE,
            reason=reason,
            slave_id=self.info.id,
            executor_id=executor_id,
            timestamp=now,
            uuid=uuid,
        )
        return StatusUpdate(
            framework_id=framework_id,
            executor_id=executor_id,
            slave_id=self.info.id,
            status=status,
            timestamp=now,
            uuid=uuid,
        )

    def status_update(self, update: StatusUpdate, pid: Address | None) -> None:
        """A status update from an executor (its pid) or from the agent itself (None); see ``status_updates.py``."""
        raise NotImplementedError
