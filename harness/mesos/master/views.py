"""What a master looks like from outside: tasks, and metrics by Mesos's names."""

from __future__ import annotations

from typing import Any

from harness.mesos.master.leadership import Leadership
from harness.mesos.master.metrics import LIVE_STATES, Metrics
from harness.mesos.master.state import state_of
from harness.mesos.messages import Task
from harness.mesos.resources import Resources
from harness.mesos.states import TaskState

_SCALARS = ("cpus", "mem", "disk", "gpus")


class Views(Leadership):
    """Reading only."""

    @property
    def tasks(self) -> dict[str, Task]:
        """The tasks on the books by task id; should two frameworks use one id, the later framework's."""
        return {task.task_id: task for framework in self.frameworks.values() for task in framework.tasks.values()}

    def state(self) -> dict[str, Any]:
        """The content of ``/state``."""
        return state_of(self)

    @property
    def metrics(self) -> dict[str, int | float]:
        """Counters and gauges as they are now; names that never counted anything read 0."""
        snapshot = _Snapshot(self.counters)
        self._agent_gauges(snapshot)
        self._framework_gauges(snapshot)
        snapshot["master/elected"] = int(self.elected)
        snapshot["master/outstanding_offers"] = len(self.offers)
        snapshot["master/operator_event_stream_subscribers"] = len(self.subscribers)
        snapshot["master/uptime_secs"] = self.now / 1e9
        return snapshot

    def _agent_gauges(self, gauges: dict[str, int | float]) -> None:
        agents = list(self.slaves.registered.values())
        connected = sum(agent.connected for agent in agents)
        active = sum(agent.active for agent in agents)
        gauges["master/slaves_connected"] = connected
        gauges["master/slaves_disconnected"] = len(agents) - connected
        gauges["master/slaves_active"] = active
        gauges["master/slaves_inactive"] = len(agents) - active
        gauges["master/slaves_unreachable"] = len(self.slaves.unreachable)
        total = Resources.sum(agent.total for agent in agents).quantities
        used = Resources.sum(amount for agent in agents for amount in agent.used().values()).quantities
        for name in _SCALARS:
            whole, part = total.get(name, 0) / 1000, used.get(name, 0) / 1000
            gauges[f"master/{name}_total"] = whole
            gauges[f"master/{name}_used"] = part
            gauges[f"master/{name}_percent"] = part / whole if whole else 0.0

    def _framework_gauges(self, gauges: dict[str, int | float]) -> None:
        frameworks = list(self.frameworks.values())
        connected = sum(framework.connected for framework in frameworks)
        active = sum(framework.active for framework in frameworks)
        gauges["master/frameworks_connected"] = connected
        gauges["master/frameworks_disconnected"] = len(frameworks) - connected
        gauges["master/frameworks_active"] = active
        gauges["master/frameworks_inactive"] = len(frameworks) - active
        for name in LIVE_STATES.values():
            gauges[name] = 0
        # Agents know of tasks whose framework has not come back yet.
        for agent in self.slaves.registered.values():
            for tasks in agent.tasks.values():
                for task in tasks.values():
                    if task.state in LIVE_STATES:
                        gauges[LIVE_STATES[task.state]] += 1
        unreachable = LIVE_STATES[TaskState.TASK_UNREACHABLE]
        for framework in frameworks:
            lost = framework.unreachable_tasks.values()
            gauges[unreachable] += sum(task.state == TaskState.TASK_UNREACHABLE for task in lost)


class _Snapshot(dict[str, int | float]):
    __slots__ = ()

    def __init__(self, counters: Metrics) -> None:
        super().__init__(counters)

    def __missing__(self, name: str) -> int:
        return 0
