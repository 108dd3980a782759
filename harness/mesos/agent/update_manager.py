"""The task status update manager: forwards updates one at a time for each task, again and again until acknowledged.

Source: Mesos ``src/slave/task_status_update_manager.cpp``.
"""

from __future__ import annotations

from harness.durations import Duration
from harness.mesos.agent.checkpoint import Checkpoint
from harness.mesos.agent.state import SavedTask
from harness.mesos.messages import StatusUpdate
from harness.mesos.states import is_terminal
from harness.simulation import Address, Future, Process, Promise, Timer
from harness.simulation.disk import DiskFailure

RETRY_MIN = Duration.parse("10secs").ns
RETRY_MAX = Duration.parse("10mins").ns


class Stream:
    """The updates of one task, in order of arrival; ``log`` is the file that keeps them, if they are kept."""

    __slots__ = ("acknowledged", "log", "pending", "received", "terminated", "timeout")

    def __init__(self, log: str | None) -> None:
        self.log = log
        self.pending: list[StatusUpdate] = []
        self.received: dict[str, None] = {}
        self.acknowledged: dict[str, None] = {}
        self.terminated = False
        # When the head is due again (ns), if it was forwarded.
        self.timeout: int | None = None


class TaskStatusUpdateManager(Process):
    """A child of the agent, spoken to by dispatches only; it forwards by dispatching ``forward`` to the agent.

    Args:
        name: from ``unique_name("task-status-update-manager")``.
        agent: to whom updates are forwarded.
        checkpoint: where logs of updates are kept.
    """

    def __init__(self, name: str, agent: Address, checkpoint: Checkpoint) -> None:
        super().__init__(name)
        self.agent = agent
        self.checkpoint = checkpoint
        self.paused = False
        self.streams: dict[tuple[str, str], Stream] = {}
        self.timers: list[Timer] = []

    def recover(self, framework_id: str, tasks: tuple[SavedTask, ...]) -> None:
        """Open the streams again that an earlier life left unfinished; they are forwarded once the agent is registered."""
        for task in tasks:
            stream = Stream(task.log)
            for update in task.updates:
                uuid = str(update.uuid)
                stream.received[uuid] = None
                if uuid in task.acknowledged:
                    stream.acknowledged[uuid] = None
                    stream.terminated = stream.terminated or is_terminal(update.status.state)
                else:
                    stream.pending.append(update)
            if task.updates and not stream.terminated:
                self.streams[framework_id, task.info.task_id] = stream

    def update(self, update: StatusUpdate, log: str | None = None) -> Future[bool] | bool:
        """Take an update in, and write it to ``log`` if there is one.

        True as well for an update that was taken in before, so that its executor is acknowledged again.
        """
        key = (update.framework_id, update.status.task_id)
        stream = self.streams.get(key)
        if stream is None:
            stream = self.streams[key] = Stream(log)
        elif (stream.log is None) != (log is None):
            return _failed(f"Mismatched checkpoint value for status update {update.uuid} of task {key[1]}")
        uuid = str(update.uuid)
        if uuid in stream.acknowledged or uuid in stream.received:
            self.note("Ignoring duplicate status update {} for task {}", uuid, key[1])
            return True
        if log is not None:
            try:
                self.checkpoint.log_update(log, update)
            except DiskFailure as error:
                return _failed(error)
        stream.received[uuid] = None
        stream.pending.append(update)
        if not self.paused and len(stream.pending) == 1:
            self._forward(stream, RETRY_MIN)
        return True

    def acknowledgement(self, framework_id: str, task_id: str, uuid: str) -> Future[bool] | bool:
        """Note an acknowledgement of the update in front; false when that ended the stream. Anything else fails."""
        key = (framework_id, task_id)
        stream = self.streams.get(key)
        if stream is None:
            return _failed(f"Cannot find the status update stream for task {task_id} of framework {framework_id}")
        if uuid in stream.acknowledged:
            return _failed(f"Duplicate status update acknowledgement {uuid} for task {task_id}")
        if not stream.pending:
            return _failed(f"Unexpected status update acknowledgement {uuid} for task {task_id}: nothing is pending")
        head = stream.pending[0]
        if head.uuid != uuid:
            return _failed(f"Unexpected status update acknowledgement {uuid} for task {task_id}; expected {head.uuid}")
        if stream.log is not None:
            try:
                self.checkpoint.log_update(stream.log, uuid)
            except DiskFailure as error:
                return _failed(error)
        stream.pending.pop(0)
        stream.acknowledged[uuid] = None
        stream.timeout = None
        if is_terminal(head.status.state):
            if stream.pending:
                self.note("Acknowledged a terminal update of task {}, but {} more are pending", task_id, len(stream.pending))
            del self.streams[key]
        elif stream.pending and not self.paused:
            self._forward(stream, RETRY_MIN)
        self._rest()
        return key in self.streams

    def pause(self) -> None:
        """Forward nothing: there is no master to hear it. Timers that fire meanwhile are lost."""
        self.paused = True

    def resume(self) -> None:
        """Forward the head of every stream, forwarded before or not."""
        self.paused = False
        for stream in self.streams.values():
            if stream.pending:
                self._forward(stream, RETRY_MIN)

    def cleanup(self, framework_id: str) -> None:
        """Drop the streams of a framework."""
        for key in [key for key in self.streams if key[0] == framework_id]:
            del self.streams[key]
        self._rest()

    def timeout(self, interval: int) -> None:
        """A retry timer fired: send again whatever is overdue, in any stream, and wait twice the timer's own interval."""
        if self.paused:
            return
        longer = min(2 * interval, RETRY_MAX)
        for stream in self.streams.values():
            if stream.pending and stream.timeout is not None and stream.timeout <= self.now:
                self.note("Resending status update {} of task {}", stream.pending[0].uuid, stream.pending[0].status.task_id)
                self._forward(stream, longer)

    def _forward(self, stream: Stream, interval: int) -> None:
        self._tell(self.agent, "forward", stream.pending[0])
        stream.timeout = self.now + interval
        self.timers.append(self.delay(Duration(interval), self.timeout, interval))

    def _rest(self) -> None:
        """With nothing to forward no timer can do anything any more."""
        if not any(stream.pending for stream in self.streams.values()):
            for timer in self.timers:
                timer.cancel()
            self.timers.clear()


def _failed(reason: str | BaseException) -> Future[bool]:
    promise: Promise[bool] = Promise("status update manager")
    promise.fail(reason)
    return promise.future
