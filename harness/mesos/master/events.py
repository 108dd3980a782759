"""What operators that subscribed to the master are told.

Each subscriber holds a list that grows. Which events there are depends on the release; nothing is made for nobody.
Source: Mesos ``src/master/master.cpp``: ``subscribe(StreamingHttpConnection)``, ``Subscribers::send``.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from harness.durations import seconds
from harness.mesos.master.books import Books
from harness.mesos.master.records import AgentRecord, FrameworkRecord
from harness.mesos.messages import AgentDescription, FrameworkDescription, OperatorEvent, StatusUpdate, Task
from harness.mesos.states import FrameworkState

HEARTBEAT_INTERVAL = seconds(15)


class Events(Books):
    """Subscribers and their events."""

    def __init__(self, name: str, **arguments: Any) -> None:
        super().__init__(name, **arguments)
        self.subscribers: list[list[OperatorEvent]] = []

    def add_subscriber(self) -> list[OperatorEvent]:
        """A list that begins with SUBSCRIBED, what there is now, and grows with every event from now on."""
        events: list[OperatorEvent] = []
        beats = "HEARTBEAT" in self.behaviour.operator_events
        subscribed = OperatorEvent.Subscribed(
            agents=tuple(self.describe_agent(agent) for agent in self.slaves.registered.values()),
            frameworks=tuple(self.describe_framework(framework) for framework in self.frameworks.values()),
            tasks=tuple(task for framework in self.frameworks.values() for task in framework.tasks.values()),
            heartbeat_interval=HEARTBEAT_INTERVAL if beats else None,
        )
        events.append(OperatorEvent(type="SUBSCRIBED", subscribed=subscribed))
        self.subscribers.append(events)
        if beats:
            self.delay(HEARTBEAT_INTERVAL, self._heartbeat, events, recurring=True)
        return events

    def _heartbeat(self, events: list[OperatorEvent]) -> None:
        events.append(OperatorEvent(type="HEARTBEAT"))
        self.delay(HEARTBEAT_INTERVAL, self._heartbeat, events, recurring=True)

    def _publish(self, event: OperatorEvent) -> None:
        if event.type in self.behaviour.operator_events:
            for events in self.subscribers:
                events.append(event)

    # --- occasions; each costs next to nothing while nobody listens

    def publish_agent_added(self, agent: AgentRecord) -> None:
        """An agent is on the books."""
        if self.subscribers:
            added = OperatorEvent.AgentAdded(agent=self.describe_agent(agent))
            self._publish(OperatorEvent(type="AGENT_ADDED", agent_added=added))

    def publish_agent_removed(self, slave_id: str) -> None:
        """An agent was removed (not: marked)."""
        if self.subscribers:
            self._publish(OperatorEvent(type="AGENT_REMOVED", agent_removed=OperatorEvent.AgentRemoved(agent_id=slave_id)))

    def publish_framework_added(self, framework: FrameworkRecord) -> None:
        """A framework is on the books."""
        if self.subscribers:
            added = OperatorEvent.FrameworkAdded(framework=self.describe_framework(framework))
            self._publish(OperatorEvent(type="FRAMEWORK_ADDED", framework_added=added))

    def publish_framework_updated(self, framework: FrameworkRecord) -> None:
        """A framework subscribed again or changed."""
        if self.subscribers:
            updated = OperatorEvent.FrameworkUpdated(framework=self.describe_framework(framework))
            self._publish(OperatorEvent(type="FRAMEWORK_UPDATED", framework_updated=updated))

    def publish_framework_removed(self, framework: FrameworkRecord) -> None:
        """A framework ended."""
        if self.subscribers:
            removed = OperatorEvent.FrameworkRemoved(framework_info=framework.info)
            self._publish(OperatorEvent(type="FRAMEWORK_REMOVED", framework_removed=removed))

    def publish_task_added(self, task: Task) -> None:
        """A task was launched."""
        if self.subscribers:
            self._publish(OperatorEvent(type="TASK_ADDED", task_added=OperatorEvent.TaskAdded(task=task)))

    def publish_task_updated(self, task: Task, update: StatusUpdate) -> None:
        """A task changed its state."""
        if self.subscribers:
            updated = OperatorEvent.TaskUpdated(framework_id=task.framework_id, status=update.status, state=task.state)
            self._publish(OperatorEvent(type="TASK_UPDATED", task_updated=updated))

    # --- descriptions

    def moment(self, ns: int) -> datetime:
        """A point of virtual time as an aware datetime."""
        return self.time - timedelta(microseconds=(self.now - ns) / 1000)

    def describe_agent(self, agent: AgentRecord) -> AgentDescription:
        """An agent as operators see it."""
        return AgentDescription(
            agent_info=agent.info,
            pid=agent.pid,
            active=agent.active,
            version=agent.version,
            registered_time=self.moment(agent.registered_ns),
            reregistered_time=None if agent.reregistered_ns is None else self.moment(agent.reregistered_ns),
            total_resources=agent.total,
            capabilities=agent.capabilities,
        )

    def describe_framework(self, framework: FrameworkRecord) -> FrameworkDescription:
        """A framework as operators see it."""
        again = framework.reregistered_ns if framework.reregistered_ns != framework.registered_ns else None
        return FrameworkDescription(
            framework_info=framework.info,
            active=framework.active,
            connected=framework.connected,
            recovered=framework.state is FrameworkState.RECOVERED,
            registered_time=self.moment(framework.registered_ns),
            reregistered_time=None if again is None else self.moment(again),
        )
