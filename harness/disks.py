"""Faults of the disks of a cluster's hosts, addressed by agent."""

from __future__ import annotations

from harness.handles import AgentHandle
from harness.simulation import Disk, World


class Disks:
    """``cluster.disk``; an agent is named by its handle or its hostname."""

    __slots__ = ("_world",)

    def __init__(self, world: World) -> None:
        self._world = world

    def of(self, agent: AgentHandle | str) -> Disk:
        """The disk of the agent's host, to look at its files."""
        return self._world.disk(agent if isinstance(agent, str) else agent.hostname)

    def fail_writes(self, agent: AgentHandle | str, after: int | None = 0) -> None:
        """Let ``after`` more writes succeed and every later one fail; None mends the disk."""
        self.of(agent).fail_writes(after)

    def lose_unsynced(self, agent: AgentHandle | str) -> list[str]:
        """Power failure: go back to what was synced; the paths that were lost or went back."""
        return self.of(agent).lose_unsynced()

    def corrupt(self, agent: AgentHandle | str, path: str) -> None:
        """Make a file unreadable.

        Raises:
            MisuseError: there is no such file.
        """
        self.of(agent).corrupt(path)
