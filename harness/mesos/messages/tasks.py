"""Tasks: launching, killing, their status updates and acknowledgements, reconciliation.

Source: Mesos ``messages.proto``.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from harness.mesos.messages.base import Record
from harness.mesos.messages.infos import ExecutorInfo, FrameworkInfo, TaskGroupInfo, TaskInfo, TaskStatus
from harness.mesos.states import StatusReason, StatusSource, TaskState


class RunTaskMessage(Record, frozen=True, kw_only=True):
    """A task to run; ``launch_executor`` tells whether the master counts on a new executor."""

    framework: FrameworkInfo
    task: TaskInfo
    framework_id: str | None = None
    pid: str = ""
    launch_executor: bool | None = None
    resource_version_uuids: tuple[str, ...] = ()


class RunTaskGroupMessage(Record, frozen=True, kw_only=True):
    """A group of tasks to run together in one executor."""

    framework: FrameworkInfo
    executor: ExecutorInfo
    task_group: TaskGroupInfo
    launch_executor: bool | None = None
    resource_version_uuids: tuple[str, ...] = ()


class KillTaskMessage(Record, frozen=True, kw_only=True):
    """A task to kill."""

    framework_id: str
    task_id: str


class StatusUpdate(Record, frozen=True, kw_only=True):
    """A status on its way; ``latest_state`` may be ahead of ``status.state`` while earlier updates wait for their turn."""

    framework_id: str
    status: TaskStatus
    executor_id: str | None = None
    slave_id: str | None = None
    timestamp: datetime | None = None
    uuid: str | None = None
    latest_state: TaskState | None = None


class StatusUpdateMessage(Record, frozen=True, kw_only=True):
    """A status update; ``pid`` is who wants the acknowledgement."""

    update: StatusUpdate
    pid: str | None = None

    @classmethod
    def of(
        cls,
        framework: object,
        agent: object,
        task_id: str,
        state: str,
        *,
        executor_id: str | None = None,
        message: str | None = None,
        source: StatusSource | None = StatusSource.SOURCE_SLAVE,
        reason: StatusReason | None = None,
        uuid: str | None = None,
        timestamp: datetime | None = None,
        pid: str | None = None,
    ) -> StatusUpdateMessage:
        """The message with its nested update; ``framework`` and ``agent`` are ids or anything with an ``id``.

        Without a ``uuid`` one is derived from the other arguments, so equal calls give equal messages.
        """
        framework_id, slave_id = _id_of(framework), _id_of(agent)
        uuid = uuid or _uuid_from(framework_id, slave_id, task_id, state, message or "")
        status = TaskStatus(
            task_id=task_id,
            state=TaskState(state),
            message=message,
            source=source,
            reason=reason,
            slave_id=slave_id,
            executor_id=executor_id,
            timestamp=timestamp,
            uuid=uuid,
        )
        update = StatusUpdate(
            framework_id=framework_id,
            status=status,
            executor_id=executor_id,
            slave_id=slave_id,
            timestamp=timestamp,
            uuid=uuid,
            latest_state=status.state,
        )
        return cls(update=update, pid=pid)


def _id_of(thing: object) -> str:
    named = thing if isinstance(thing, str) else getattr(thing, "id", None)
    if not isinstance(named, str):
        raise TypeError(f"{thing!r} has no id; wanted an id, or a handle that is registered already")
    return named


def _uuid_from(*parts: str) -> str:
    text = hashlib.md5("/".join(parts).encode(), usedforsecurity=False).hexdigest()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class StatusUpdateAcknowledgementMessage(Record, frozen=True, kw_only=True):
    """A status update arrived: from the master to the agent, from the agent to the executor."""

    slave_id: str
    framework_id: str
    task_id: str
    uuid: str


class ReconcileTasksMessage(Record, frozen=True, kw_only=True):
    """Tasks of one framework whose state somebody wants to know."""

    framework_id: str
    statuses: tuple[TaskStatus, ...] = ()
    framework: FrameworkInfo | None = None
