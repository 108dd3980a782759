"""The double of an executor. It runs in process; its callbacks do nothing unless told otherwise."""

from __future__ import annotations

from typing import Any

from harness.doubles.recorder import Double
from harness.doubles.signatures import Opaque
from harness.errors import MisuseError
from harness.mesos.ids import ExecutorID, TaskID
from harness.mesos.messages import ExecutorInfo, FrameworkInfo, SlaveInfo, TaskInfo


class ExecutorCallbacks:
    """What an executor driver calls; names are Mesos's ``Executor`` interface in snake_case. A base for own executors too."""

    def registered(
        self, driver: Opaque, executor_info: ExecutorInfo, framework_info: FrameworkInfo, slave_info: SlaveInfo
    ) -> None:
        """The agent knows the executor."""

    def reregistered(self, driver: Opaque, slave_info: SlaveInfo) -> None:
        """A restarted agent knows the executor again."""

    def disconnected(self, driver: Opaque) -> None:
        """The agent is gone, perhaps only for a while."""

    def launch_task(self, driver: Opaque, task: TaskInfo) -> None:
        """Run a task."""

    def kill_task(self, driver: Opaque, task_id: TaskID) -> None:
        """End a task."""

    def framework_message(self, driver: Opaque, data: bytes) -> None:
        """The scheduler sent something; delivery is never guaranteed."""

    def shutdown(self, driver: Opaque) -> None:
        """End, with all tasks."""

    def error(self, driver: Opaque, message: str) -> None:
        """Something that cannot be recovered from; the driver has aborted before."""


# See the allocator's double for why the base is hidden from static checkers.
_Callbacks: Any = ExecutorCallbacks


class MockExecutor(Double, _Callbacks, protocol=ExecutorCallbacks, title="executor"):  # type: ignore[misc]
    """An executor that records its callbacks, and does what expectations say.

    Args:
        executor_id: tasks name it by this id.
        real: an executor that the callbacks go on to; by default they do nothing.
        strict: a callback that matches none of its expectations is an error.

    Attributes:
        driver: set when the executor is launched; sends status updates and messages.
    """

    def __init__(self, executor_id: str = "default", *, real: Any = None, strict: bool = False) -> None:
        if not isinstance(executor_id, str) or not executor_id:
            raise MisuseError(f"MockExecutor({executor_id!r}): wanted an executor id, for example 'default'")
        super().__init__(strict=strict)
        self.executor_id = ExecutorID(executor_id)
        self.real = real
        self.driver: Any = None

    @property
    def forwards(self) -> bool:
        """Whether there is a real executor behind it."""
        return self.real is not None

    def _run_real(self, name: str, call: Any) -> Any:
        callback = getattr(self.real, name, None)
        return None if callback is None else callback(*call._positional, **call._kwargs)

    def _refers_to(self, value: Any) -> bool:
        if isinstance(value, str):
            return value == self.executor_id
        return bool(getattr(value, "executor_id", None) == self.executor_id)

    def __repr__(self) -> str:
        return f"MockExecutor({str(self.executor_id)!r})"
