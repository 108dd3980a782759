"""Master and scheduler driver: subscription, its end, messages between schedulers and executors.

Source: Mesos ``messages.proto``. What schedulers ask for is in ``calls.py``, what they are offered in ``offers.py``.
"""

from __future__ import annotations

from harness.mesos.messages.base import Record
from harness.mesos.messages.infos import FrameworkInfo, MasterInfo


class FrameworkRegisteredMessage(Record, frozen=True, kw_only=True):
    """The master knows this framework now, or again after a failover."""

    framework_id: str
    master_info: MasterInfo


class FrameworkReregisteredMessage(Record, frozen=True, kw_only=True):
    """The master knows this framework still."""

    framework_id: str
    master_info: MasterInfo


class FrameworkErrorMessage(Record, frozen=True, kw_only=True):
    """The master wants nothing more to do with this scheduler; the driver aborts."""

    message: str


class DeactivateFrameworkMessage(Record, frozen=True, kw_only=True):
    """A driver that aborts asks to get no more offers."""

    framework_id: str


class UnregisterFrameworkMessage(Record, frozen=True, kw_only=True):
    """A driver asks that its framework be removed (older than the TEARDOWN call, same meaning)."""

    framework_id: str


class ShutdownFrameworkMessage(Record, frozen=True, kw_only=True):
    """The master tells an agent to end everything of a framework."""

    framework_id: str


class UpdateFrameworkMessage(Record, frozen=True, kw_only=True):
    """The master tells an agent where a framework's scheduler is now."""

    framework_id: str
    pid: str
    framework_info: FrameworkInfo | None = None


class FrameworkToExecutorMessage(Record, frozen=True, kw_only=True):
    """Free data from a scheduler to one of its executors; may be lost."""

    slave_id: str
    framework_id: str
    executor_id: str
    data: bytes | str


class ExecutorToFrameworkMessage(Record, frozen=True, kw_only=True):
    """Free data from an executor to its scheduler; may be lost."""

    slave_id: str
    framework_id: str
    executor_id: str
    data: bytes | str


class LostSlaveMessage(Record, frozen=True, kw_only=True):
    """The master tells a driver that an agent is gone or unreachable."""

    slave_id: str
