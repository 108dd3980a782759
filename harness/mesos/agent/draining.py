"""Draining: the agent kills what it runs, takes nothing new, and is drained when its last framework is gone.

Source: Mesos ``src/slave/slave.cpp`` (``drain``).
"""

from __future__ import annotations

from harness.mesos.agent.tasks import Tasks
from harness.mesos.messages import DrainConfig, KillTaskMessage
from harness.mesos.states import AgentState


class Draining(Tasks):
    """The concern of draining. Dropping new tasks is in ``tasks.py``, the reason in updates in ``status_updates.py``."""

    def drain(self, config: DrainConfig) -> None:
        """Begin to drain, or begin again: the master repeats the order at each re-registration."""
        if self.state in (AgentState.RECOVERING, AgentState.TERMINATING):
            self.note("Ignoring the order to drain: the agent is {}", self.state)
            return
        self.note("Draining agent with {}", config)
        if not self._saved(self.checkpoint.save_drain_config, config):
            return
        self.drain_config = config
        self.kill_everything()
        if not self._frameworks:
            self.end_of_draining()

    def kill_everything(self) -> None:
        """Kill every task, wherever it is by now."""
        for framework_id, framework in list(self._frameworks.items()):
            executors = list(framework.executors.values())
            tasks = [*framework.pending, *(task_id for e in executors for task_id in (*e.queued, *e.launched))]
            for task_id in tasks:
                # Killing one task of a group that is not at its executor yet has killed the others, too.
                if task_id in framework.pending or framework.executor_of(task_id) is not None:
                    self.kill_task(KillTaskMessage(framework_id=framework_id, task_id=task_id))
