"""Agent and executor driver, and what the master hears of executors.

Source: Mesos ``messages.proto``.
"""

from __future__ import annotations

from harness.mesos.messages.base import Record
from harness.mesos.messages.infos import ExecutorInfo, FrameworkInfo, SlaveInfo, TaskInfo
from harness.mesos.messages.tasks import StatusUpdate


class RegisterExecutorMessage(Record, frozen=True, kw_only=True):
    """A new executor reports to its agent, once."""

    framework_id: str
    executor_id: str


class ExecutorRegisteredMessage(Record, frozen=True, kw_only=True):
    """The agent takes the executor on."""

    executor_info: ExecutorInfo
    framework_id: str
    framework_info: FrameworkInfo
    slave_id: str
    slave_info: SlaveInfo


class ReconnectExecutorMessage(Record, frozen=True, kw_only=True):
    """An agent that recovers asks an executor to report again."""

    slave_id: str


class ReregisterExecutorMessage(Record, frozen=True, kw_only=True):
    """An executor reports to its recovered agent, with what was not acknowledged."""

    framework_id: str
    executor_id: str
    tasks: tuple[TaskInfo, ...] = ()
    updates: tuple[StatusUpdate, ...] = ()


class ExecutorReregisteredMessage(Record, frozen=True, kw_only=True):
    """The recovered agent knows the executor again."""

    slave_id: str
    slave_info: SlaveInfo


class ShutdownExecutorMessage(Record, frozen=True, kw_only=True):
    """The agent (or, for an agent, the master) wants an executor to end."""

    framework_id: str | None = None
    executor_id: str | None = None


class ExitedExecutorMessage(Record, frozen=True, kw_only=True):
    """An executor has ended: from the agent to the master, from there to the scheduler; may be lost."""

    slave_id: str
    framework_id: str
    executor_id: str
    status: int = 0
