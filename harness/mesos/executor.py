"""Executors: the driver that connects any executor object to its agent, and the built-in executor that acts commands out.

An executor is any object with some of the callbacks ``registered(driver, executor_info, framework_info, slave_info)``,
``reregistered(driver, slave_info)``, ``launch_task(driver, task)``, ``kill_task(driver, task_id)``,
``framework_message(driver, data)``, ``shutdown(driver)``, ``error(driver, message)``; missing ones are ignored. (Mesos's
driver never calls ``disconnected``, and neither does this one.)

Source: Mesos ``src/exec/exec.cpp``, ``src/launcher/executor.cpp``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from harness.durations import Duration, to_ns
from harness.mesos.containers import ExecutorEnvironment
from harness.mesos.messages import (
    ExecutorRegisteredMessage,
    ExecutorReregisteredMessage,
    ExecutorToFrameworkMessage,
    FrameworkToExecutorMessage,
    KillTaskMessage,
    ReconnectExecutorMessage,
    RegisterExecutorMessage,
    ReregisterExecutorMessage,
    RunTaskGroupMessage,
    RunTaskMessage,
    ShutdownExecutorMessage,
    StatusUpdate,
    StatusUpdateAcknowledgementMessage,
    StatusUpdateMessage,
    TaskInfo,
    TaskStatus,
)
from harness.mesos.states import DriverStatus, StatusSource, TaskState, is_terminal
from harness.simulation import Address, Process, handles

# How long a container takes from its launch to the first word of its executor: an assumption, wide enough to be overtaken.
LAUNCH_LATENCY = (Duration.parse("50us").ns, Duration.parse("5ms").ns)
# How long the command executor stays after its task has ended when nobody acknowledges (``launcher/executor.cpp``).
_LINGER = Duration.parse("1secs").ns


class ExecutorDriver:
    """What an executor holds: calls take effect as dispatches to the driver's process, in the order of the calls."""

    __slots__ = ("_process", "status")

    def __init__(self, process: ExecutorProcess) -> None:
        self._process = process
        self.status = DriverStatus.DRIVER_RUNNING

    @property
    def running(self) -> bool:
        """Whether callbacks still arrive."""
        return self.status is DriverStatus.DRIVER_RUNNING

    @property
    def pid(self) -> Address:
        """Where the driver's process is."""
        return self._process.address

    def send_status_update(self, task: TaskInfo | TaskStatus | str, state: str | None = None, message: str = "") -> DriverStatus:
        """Report that ``task`` (a task, its id, or a finished status) is in ``state``; sent once, and again on reconnection."""
        if isinstance(task, TaskStatus):
            status = task
        else:
            task_id = task if isinstance(task, str) else task.task_id
            if state is None:
                raise TypeError(f"send_status_update({task_id!r}) lacks the state; wanted one such as 'TASK_RUNNING'")
            status = TaskStatus(task_id=task_id, state=TaskState(state), message=message or None)
        return self._call("send_status_update", status)

    def send_framework_message(self, data: bytes | str) -> DriverStatus:
        """Send free data to the scheduler; may be lost."""
        return self._call("send_framework_message", data)

    def stop(self) -> DriverStatus:
        """Leave: no callback comes any more. The container of an in-process executor ends only when it is destroyed."""
        if self.status not in (DriverStatus.DRIVER_RUNNING, DriverStatus.DRIVER_ABORTED):
            return self.status
        aborted = self.status is DriverStatus.DRIVER_ABORTED
        self.status = DriverStatus.DRIVER_STOPPED
        self._dispatch("stop")
        return DriverStatus.DRIVER_ABORTED if aborted else self.status

    def abort(self) -> DriverStatus:
        """No callback comes any more, but the process stays."""
        if self.running:
            self.status = DriverStatus.DRIVER_ABORTED
        return self.status

    def _call(self, method: str, *args: Any) -> DriverStatus:
        if self.running:
            self._dispatch(method, *args)
        return self.status

    def _dispatch(self, method: str, *args: Any) -> None:
        process = self._process
        if process.alive:
            process.dispatch(process.address, method, *args)


class ExecutorProcess(Process):
    """The driver's process. It survives its agent when the framework checkpoints, so it is nobody's child.

    Args:
        name: from ``unique_name("executor")``.
        executor: the object with the callbacks; its ``driver`` attribute, if it has one, is set at launch.
        environment: what the agent says at launch.
    """

    def __init__(self, name: str, executor: Any, environment: ExecutorEnvironment) -> None:
        super().__init__(name)
        self.executor = executor
        self.environment = environment
        self.driver = ExecutorDriver(self)
        self.agent = Address(environment.slave_pid)
        self.connected = False
        # Reported but not acknowledged by the agent, and tasks of which no update was acknowledged; both in order.
        self.updates: dict[str, StatusUpdate] = {}
        self.tasks: dict[str, TaskInfo] = {}
        self._connection = 0
        self._sent = 0
        if hasattr(executor, "driver"):
            executor.driver = self.driver

    # --- coming and going

    def initialize(self) -> None:
        """The container is there; the executor in it needs a while to start."""
        self.work("launch", *_as_spans(LAUNCH_LATENCY), "start")

    def start(self) -> None:
        """Report to the agent, once."""
        self.link(self.agent)
        self.send(self.agent, RegisterExecutorMessage(**self._ids()))

    @handles(ExecutorRegisteredMessage)
    def registered(self, sender: Address, message: ExecutorRegisteredMessage) -> None:
        """The agent takes this executor on."""
        if self.driver.running:
            self.connected = True
            self._connection += 1
            self.callback("registered", message.executor_info, message.framework_info, message.slave_info)

    @handles(ReconnectExecutorMessage)
    def reconnect(self, sender: Address, message: ReconnectExecutorMessage) -> None:
        """An agent that recovers asks who is there: answer with everything it may not know."""
        if not self.driver.running:
            return
        self.agent = sender
        self.link(sender)
        self.send(
            sender,
            ReregisterExecutorMessage(**self._ids(), tasks=tuple(self.tasks.values()), updates=tuple(self.updates.values())),
        )

    @handles(ExecutorReregisteredMessage)
    def reregistered(self, sender: Address, message: ExecutorReregisteredMessage) -> None:
        """The recovered agent knows this executor."""
        if self.driver.running:
            self.connected = True
            self._connection += 1
            self.callback("reregistered", message.slave_info)

    def exited(self, address: Address) -> None:
        """The agent is gone: wait for it if the framework checkpoints and the agent knew us, else end."""
        if not self.driver.running or address != self.agent:
            return
        if self.environment.checkpoint and self.connected:
            self.connected = False
            self._connection += 1
            self.note("Agent exited, but framework has checkpointing enabled; waiting for it to come back")
            self.delay(Duration(self.environment.recovery_timeout), self.recovery_timeout, self._connection)
            return
        self.connected = False
        self.note("Agent exited; shutting down")
        self._shut_down()

    def recovery_timeout(self, connection: int) -> None:
        """The agent had its time; unless it came back meanwhile, end."""
        if self.driver.running and not self.connected and connection == self._connection:
            self.note("Recovery timeout exceeded; shutting down")
            self._shut_down()

    @handles(ShutdownExecutorMessage)
    def shutdown(self, sender: Address, message: ShutdownExecutorMessage) -> None:
        """The agent wants this executor to end."""
        if self.driver.running:
            self._shut_down()

    def stop(self) -> None:
        """The executor left."""
        self.terminate()

    # --- tasks

    @handles(RunTaskMessage)
    def run_task(self, sender: Address, message: RunTaskMessage) -> None:
        """A task to run; while disconnected it is dropped, and the agent learns that from the next reconnection."""
        self._take((message.task,))

    @handles(RunTaskGroupMessage)
    def run_task_group(self, sender: Address, message: RunTaskGroupMessage) -> None:
        """Tasks that belong together; the executor is given one after the other."""
        self._take(message.task_group.tasks)

    def _take(self, tasks: tuple[TaskInfo, ...]) -> None:
        if not self.driver.running or not self.connected:
            return
        self.tasks.update((task.task_id, task) for task in tasks)
        for task in tasks:
            self.callback("launch_task", task)

    @handles(KillTaskMessage)
    def kill_task(self, sender: Address, message: KillTaskMessage) -> None:
        """A task to kill; told to the executor even while disconnected."""
        if self.driver.running:
            self.callback("kill_task", message.task_id)

    @handles(StatusUpdateAcknowledgementMessage)
    def acknowledged(self, sender: Address, message: StatusUpdateAcknowledgementMessage) -> None:
        """The agent has the update safely."""
        if not self.driver.running or not self.connected:
            return
        self.tasks.pop(message.task_id, None)
        update = self.updates.pop(message.uuid, None)
        if update is not None:
            self.on_acknowledged(update)

    def on_acknowledged(self, update: StatusUpdate) -> None:
        """For subclasses: an update of theirs was acknowledged."""

    @handles(FrameworkToExecutorMessage)
    def framework_message(self, sender: Address, message: FrameworkToExecutorMessage) -> None:
        """Free data from the scheduler."""
        if self.driver.running and self.connected:
            self.callback("framework_message", message.data)

    def send_status_update(self, status: TaskStatus) -> None:
        """Number, stamp, remember and send an update."""
        self._sent += 1
        uuid = self.world.uuid(f"{self.path} update {self._sent}")
        environment = self.environment
        now = self.time
        status = status.replace(source=StatusSource.SOURCE_EXECUTOR, slave_id=environment.slave_id, timestamp=now, uuid=uuid)
        update = StatusUpdate(
            framework_id=environment.framework_id,
            executor_id=environment.executor_id,
            slave_id=environment.slave_id,
            status=status,
            timestamp=now,
            uuid=uuid,
        )
        self.updates[uuid] = update
        self.send(self.agent, StatusUpdateMessage(update=update, pid=self.address))

    def send_framework_message(self, data: bytes | str) -> None:
        """Pass data on to the agent."""
        self.send(self.agent, ExecutorToFrameworkMessage(**self._ids(), slave_id=self.environment.slave_id, data=data))

    # --- inside

    def callback(self, name: str, *args: Any) -> None:
        """Call the executor, if it cares."""
        method: Callable[..., object] | None = getattr(self.executor, name, None)
        if method is not None:
            method(self.driver, *args)

    def _shut_down(self) -> None:
        self.callback("shutdown")
        self.driver.abort()

    def _ids(self) -> dict[str, str]:
        return {"framework_id": self.environment.framework_id, "executor_id": self.environment.executor_id}


def _as_spans(bounds: tuple[int, int]) -> tuple[Duration, Duration]:
    return Duration(bounds[0]), Duration(bounds[1])


class _Script(msgspec.Struct, frozen=True, kw_only=True):
    """What a command does: runs for some nanoseconds (None: until killed), then exits with a status."""

    runs: int | None
    status: int = 0


def script_of(command: str | None) -> _Script:
    """How a command is acted out: ``true``, ``false``, ``exit N``, ``sleep N`` (seconds); anything else runs until killed."""
    text = (command or "").strip()
    if text in ("true", ":"):
        return _Script(runs=0)
    if text == "false":
        return _Script(runs=0, status=1)
    found = re.fullmatch(r"exit(?:\s+(\d+))?", text)
    if found:
        return _Script(runs=0, status=int(found[1] or 0) % 256)
    found = re.fullmatch(r"sleep\s+(\d+(?:\.\d+)?)s?", text)
    if found:
        return _Script(runs=to_ns(float(found[1]) if "." in found[1] else int(found[1]), "sleep"))
    return _Script(runs=None)


class CommandExecutorProcess(ExecutorProcess):
    """The executor that comes with Mesos: reports STARTING and RUNNING, acts the command out, and ends after its last task."""

    def __init__(self, name: str, environment: ExecutorEnvironment, on_end: Callable[[int], None]) -> None:
        super().__init__(name, None, environment)
        self._on_end = on_end
        self._alive_tasks: dict[str, TaskInfo] = {}

    def callback(self, name: str, *args: Any) -> None:
        """The driver's callbacks, answered here."""
        if name == "launch_task":
            self._launch(args[0])
        elif name == "kill_task":
            self._end(args[0], TaskState.TASK_KILLED, "Command terminated with signal Terminated")
        elif name == "shutdown":
            # Its tasks die with it; whoever asked for that reports them.
            self._alive_tasks.clear()
            self.terminate()

    def on_acknowledged(self, update: StatusUpdate) -> None:
        """The last word has arrived: leave."""
        if is_terminal(update.status.state):
            self._leave()

    def finalize(self) -> None:
        """The container ends with the executor in it."""
        self._on_end(0)

    def _launch(self, task: TaskInfo) -> None:
        self._alive_tasks[task.task_id] = task
        self.send_status_update(TaskStatus(task_id=task.task_id, state=TaskState.TASK_STARTING))
        self.work(f"fork {task.task_id}", *_as_spans(LAUNCH_LATENCY), "forked", task)

    def forked(self, task: TaskInfo) -> None:
        """The command runs."""
        if task.task_id not in self._alive_tasks:
            return
        self.send_status_update(TaskStatus(task_id=task.task_id, state=TaskState.TASK_RUNNING))
        script = script_of(task.command.value if task.command is not None else None)
        if script.runs:
            self.delay(Duration(script.runs), self.reaped, task.task_id, script.status)
        elif script.runs is not None:
            self.work(f"reap {task.task_id}", *_as_spans(LAUNCH_LATENCY), "reaped", task.task_id, script.status)

    def reaped(self, task_id: str, status: int) -> None:
        """The command has ended by itself."""
        state = TaskState.TASK_FINISHED if status == 0 else TaskState.TASK_FAILED
        self._end(task_id, state, f"Command exited with status {status}")

    def _end(self, task_id: str, state: TaskState, message: str) -> None:
        if self._alive_tasks.pop(task_id, None) is None:
            return
        self.send_status_update(TaskStatus(task_id=task_id, state=state, message=message))
        self.delay(Duration(_LINGER), self.linger)

    def linger(self) -> None:
        """Nobody acknowledged in time."""
        self._leave()

    def _leave(self) -> None:
        if not self._alive_tasks and self.alive:
            self.terminate()
