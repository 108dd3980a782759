"""What operators are told: the events of a subscription to the master.

Source: Mesos ``v1/master/master.proto`` (``Event``).
"""

from __future__ import annotations

from datetime import datetime

from harness.durations import Duration
from harness.mesos.messages.base import Record
from harness.mesos.messages.infos import NO_RESOURCES, FrameworkInfo, SlaveInfo, Task, TaskStatus
from harness.mesos.resources import Resources
from harness.mesos.states import TaskState


class AgentDescription(Record, frozen=True, kw_only=True):
    """An agent as its master describes it to operators (Mesos: ``Response.GetAgents.Agent``)."""

    agent_info: SlaveInfo
    pid: str
    active: bool
    version: str = ""
    registered_time: datetime | None = None
    reregistered_time: datetime | None = None
    total_resources: Resources = NO_RESOURCES
    capabilities: tuple[str, ...] = ()


class FrameworkDescription(Record, frozen=True, kw_only=True):
    """A framework as its master describes it to operators (Mesos: ``Response.GetFrameworks.Framework``)."""

    framework_info: FrameworkInfo
    active: bool
    connected: bool
    recovered: bool = False
    registered_time: datetime | None = None
    reregistered_time: datetime | None = None


class OperatorEvent(Record, frozen=True, kw_only=True):
    """One event: ``type`` is SUBSCRIBED, HEARTBEAT, AGENT_ADDED, ..., and the field of that name in lower case says more."""

    class Subscribed(Record, frozen=True, kw_only=True):
        """The subscription began; these agents, frameworks and tasks were there already."""

        agents: tuple[AgentDescription, ...] = ()
        frameworks: tuple[FrameworkDescription, ...] = ()
        tasks: tuple[Task, ...] = ()
        heartbeat_interval: Duration | None = None

    class AgentAdded(Record, frozen=True, kw_only=True):
        """An agent was admitted, or is back from being unreachable."""

        agent: AgentDescription

    class AgentRemoved(Record, frozen=True, kw_only=True):
        """An agent was removed. One that becomes unreachable or is marked gone is not reported."""

        agent_id: str

    class FrameworkAdded(Record, frozen=True, kw_only=True):
        """A framework subscribed for the first time."""

        framework: FrameworkDescription

    class FrameworkUpdated(Record, frozen=True, kw_only=True):
        """A framework subscribed again or changed its description."""

        framework: FrameworkDescription

    class FrameworkRemoved(Record, frozen=True, kw_only=True):
        """A framework ended."""

        framework_info: FrameworkInfo

    class TaskAdded(Record, frozen=True, kw_only=True):
        """A task was launched."""

        task: Task

    class TaskUpdated(Record, frozen=True, kw_only=True):
        """A task changed its state; ``status`` is what the change was learnt from."""

        framework_id: str
        status: TaskStatus
        state: TaskState

    type: str
    subscribed: OperatorEvent.Subscribed | None = None
    agent_added: OperatorEvent.AgentAdded | None = None
    agent_removed: OperatorEvent.AgentRemoved | None = None
    framework_added: OperatorEvent.FrameworkAdded | None = None
    framework_updated: OperatorEvent.FrameworkUpdated | None = None
    framework_removed: OperatorEvent.FrameworkRemoved | None = None
    task_added: OperatorEvent.TaskAdded | None = None
    task_updated: OperatorEvent.TaskUpdated | None = None
