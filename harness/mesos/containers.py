"""What agents, containers and executors agree on: the interface of containerizers, and what an executor is told at launch.

Source: Mesos ``src/slave/containerizer/containerizer.hpp``.
"""

from __future__ import annotations

from typing import Protocol

from harness.mesos.messages.base import Record
from harness.mesos.resources import Resources
from harness.mesos.states import StatusReason, TaskState
from harness.simulation import Process
from harness.simulation.future import Future


class ExecutorEnvironment(Record, frozen=True, kw_only=True):
    """What an agent tells an executor at launch (Mesos: the ``MESOS_*`` environment variables); spans in nanoseconds."""

    slave_pid: str
    slave_id: str
    framework_id: str
    executor_id: str
    checkpoint: bool = False
    recovery_timeout: int = 900_000_000_000
    shutdown_grace_period: int = 5_000_000_000


class Termination(Record, frozen=True, kw_only=True):
    """How a container ended; ``state`` and ``reason`` only when the containerizer knows better than its agent."""

    status: int = 0
    state: TaskState | None = None
    reason: StatusReason | None = None
    message: str = "Executor terminated"


class Containerizer(Protocol):
    """What an agent needs of its containerizer. Every answer is a future, so each may take its time."""

    def recover(self, known: tuple[str, ...]) -> Future[None]:
        """The agent starts (again) and expects these containers to live."""
        ...

    def launch(self, agent: Process, container_id: str, environment: ExecutorEnvironment, *, command: bool) -> Future[bool]:
        """Start an executor; ``command`` asks for the built-in one. The name comes from the agent's host."""
        ...

    def update(self, container_id: str, resources: Resources) -> Future[None]:
        """Give a container these resources from now on."""
        ...

    def wait(self, container_id: str) -> Future[Termination | None]:
        """How the container ended, once it has; None for an unknown one."""
        ...

    def destroy(self, container_id: str, termination: Termination | None = None) -> Future[Termination | None]:
        """End a container and the executor in it."""
        ...
