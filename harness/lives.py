"""The lives of an agent: what stays the same over its restarts, and how the next life is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from harness.descriptions import attributes_of, resources_of
from harness.errors import MisuseError
from harness.handles import AgentHandle
from harness.mesos.agent import Agent
from harness.mesos.containerizer import InProcessContainerizer
from harness.mesos.flags import AgentFlags
from harness.mesos.messages import Attribute, Credential, SlaveInfo
from harness.mesos.resources import Resources
from harness.mesos.versions import Behaviour
from harness.simulation import World


class AgentLives:
    """Makes each life of one agent; changes made at a restart hold for the lives after it.

    Args:
        world: where the agent lives.
        host: its host.
        resources: what it offers.
        attributes: what frameworks may look at.
        flags: its flags.
        detector_of: the detector of a handle.
        credential: to authenticate with; None for none.
        containerizer: where its executors run; outlives the agent.
        behaviour: what the release does.
    """

    def __init__(
        self,
        world: World,
        host: str,
        *,
        resources: Resources,
        attributes: tuple[Attribute, ...],
        flags: AgentFlags,
        detector_of: Callable[[AgentHandle], Any],
        credential: Credential | None,
        containerizer: InProcessContainerizer,
        behaviour: Behaviour,
    ) -> None:
        self._world = world
        self._host = host
        self._resources = resources
        self._attributes = attributes
        self._flags = flags
        self._detector_of = detector_of
        self._credential = credential
        self._containerizer = containerizer
        self._behaviour = behaviour

    def begin(self, handle: AgentHandle, same_pid: bool, overrides: Mapping[str, Any]) -> Agent:
        """Spawn the next life.

        Args:
            handle: the agent.
            same_pid: keep the address of the life before.
            overrides: flags to change, and ``resources`` or ``attributes``.
        """
        changes = dict(overrides)
        resources, attributes = changes.pop("resources", None), changes.pop("attributes", None)
        self._flags = AgentFlags.of(self._flags, **changes)
        if resources is not None:
            self._resources = resources_of(resources)
        if attributes is not None:
            self._attributes = attributes_of(attributes)
        before = handle._process
        agent = Agent(
            before.name if before is not None and same_pid else self._world.unique_name("slave", self._host),
            info=SlaveInfo(hostname=self._host, port=self._flags.port, resources=self._resources, attributes=self._attributes),
            flags=self._flags,
            detector=self._detector_of(handle),
            credential=self._credential,
            containerizer=self._containerizer,
            behaviour=self._behaviour,
        )
        self._world.spawn(agent, self._host)
        return handle._spawned(agent)


def executors_by_id(executors: Iterable[Any], world: World) -> dict[str, Any]:
    """The executors of an agent by their ids, each attached to the world if it can be.

    Raises:
        MisuseError: one has no ``executor_id``, or two have the same.
    """
    by_id: dict[str, Any] = {}
    for executor in executors:
        if not isinstance(getattr(executor, "executor_id", None), str):
            raise MisuseError(f"executors: {executor!r} has no executor_id; wanted for example MockExecutor('default')")
        if executor.executor_id in by_id:
            raise MisuseError(f"executors: two have the id {executor.executor_id!r}; tasks name their executor by its id")
        if hasattr(executor, "attach"):
            executor.attach(world)
        by_id[executor.executor_id] = executor
    return by_id
