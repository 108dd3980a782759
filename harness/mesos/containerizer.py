"""Where executors run: in process, as Mesos's own tests do it.

An agent knows its containerizer only through :class:`~harness.mesos.containers.Containerizer`, so a test can put something
else in its place. Source: Mesos ``src/tests/containerizer.cpp``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from harness.mesos.containers import ExecutorEnvironment, Termination
from harness.mesos.executor import CommandExecutorProcess, ExecutorProcess
from harness.mesos.resources import Resources
from harness.simulation import Address, Process
from harness.simulation.future import Future, Promise


class Container:
    """One run of an executor."""

    __slots__ = ("container_id", "ended", "environment", "process", "resources")

    def __init__(self, container_id: str, environment: ExecutorEnvironment) -> None:
        self.container_id = container_id
        self.environment = environment
        self.process: ExecutorProcess
        self.resources: Resources | None = None
        self.ended: Promise[Termination | None] = Promise("container")


class InProcessContainerizer:
    """Runs executors as processes on the agent's host: the given ones by their ids, the built-in one for everything else.

    Args:
        executors: executor id -> object with executor callbacks.
    """

    __slots__ = ("_executors", "containers")

    def __init__(self, executors: Mapping[str, Any] | None = None) -> None:
        self._executors = dict(executors or {})
        self.containers: dict[str, Container] = {}
        """The containers that live, by container id."""

    def recover(self, known: tuple[str, ...]) -> Future[None]:
        """Destroy what no agent will ever ask for: containers that are not in ``known`` and cannot outlive their agent."""
        for container_id, container in list(self.containers.items()):
            if container_id not in known and not container.environment.checkpoint:
                self.destroy(container_id)
        return _ready(None)

    def launch(self, agent: Process, container_id: str, environment: ExecutorEnvironment, *, command: bool) -> Future[bool]:
        """Spawn the executor's process, beside the agent and not below it: it may outlive the agent."""
        container = Container(container_id, environment)
        executor = None if command else self._executors.get(environment.executor_id)
        name = agent.unique_name("executor")
        if executor is None:
            container.process = CommandExecutorProcess(name, environment, partial(self._process_ended, container_id))
        else:
            container.process = ExecutorProcess(name, executor, environment)
        self.containers[container_id] = container
        agent.world.spawn(container.process, agent.host)
        return _ready(True)

    def update(self, container_id: str, resources: Resources) -> Future[None]:
        """Remember the resources."""
        container = self.containers.get(container_id)
        if container is not None:
            container.resources = resources
        return _ready(None)

    def wait(self, container_id: str) -> Future[Termination | None]:
        """See :meth:`~harness.mesos.containers.Containerizer.wait`."""
        container = self.containers.get(container_id)
        return container.ended.future if container is not None else _ready(None)

    def destroy(self, container_id: str, termination: Termination | None = None) -> Future[Termination | None]:
        """End the executor's process at once, whatever it does."""
        container = self.containers.pop(container_id, None)
        if container is None:
            return _ready(None)
        if container.process.alive:
            container.process.world.terminate(container.process.address)
        container.ended.set(termination or Termination(message="Killed executor"))
        return container.ended.future

    def destroy_executor(self, executor_id: str, framework_id: str | None = None) -> int:
        """End the containers of an executor (of all frameworks, or of one); how many there were."""
        doomed = [
            container_id
            for container_id, container in self.containers.items()
            if container.environment.executor_id == executor_id and framework_id in (None, container.environment.framework_id)
        ]
        for container_id in doomed:
            self.destroy(container_id)
        return len(doomed)

    def power_off(self) -> None:
        """The host goes down: every container ends, and nobody is told."""
        containers, self.containers = self.containers, {}
        for container in containers.values():
            if container.process.alive:
                container.process.world.terminate(container.process.address)

    def addresses(self) -> list[Address]:
        """Where the executors are."""
        return [container.process.address for container in self.containers.values()]

    def _process_ended(self, container_id: str, status: int) -> None:
        container = self.containers.pop(container_id, None)
        if container is not None:
            container.ended.set(Termination(status=status))


def _ready(value: Any) -> Future[Any]:
    promise: Promise[Any] = Promise("containerizer")
    promise.set(value)
    return promise.future
