"""Counters of a master under Mesos's full names; one that was never hit reads 0.

Gauges (``master/tasks_running``, ``master/slaves_connected``, ...) are not counted but looked up when somebody reads them:
see :meth:`~harness.mesos.master.views.Views.metrics`. Source: Mesos ``src/master/metrics.cpp``.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.mesos.states import TaskState


class Metrics(dict[str, int]):
    """Name -> count, without a KeyError for what never happened."""

    __slots__ = ()

    def __missing__(self, name: str) -> int:
        return 0

    def count(self, name: str, by: int = 1) -> None:
        """Add to ``master/<name>``."""
        key = f"master/{name}"
        self[key] = self.get(key, 0) + by


#: States whose tasks are counted at the moment of reading.
LIVE_STATES: Mapping[TaskState, str] = {
    state: f"master/{state.value.lower().replace('task_', 'tasks_')}"
    for state in (
        TaskState.TASK_STAGING,
        TaskState.TASK_STARTING,
        TaskState.TASK_RUNNING,
        TaskState.TASK_KILLING,
        TaskState.TASK_UNREACHABLE,
    )
}

#: States whose tasks are counted once, when they reach the state.
FINAL_STATES: Mapping[TaskState, str] = {
    state: state.value.lower().replace("task_", "tasks_")
    for state in (
        TaskState.TASK_FINISHED,
        TaskState.TASK_FAILED,
        TaskState.TASK_KILLED,
        TaskState.TASK_LOST,
        TaskState.TASK_ERROR,
        TaskState.TASK_DROPPED,
        TaskState.TASK_GONE,
        TaskState.TASK_GONE_BY_OPERATOR,
    )
}
