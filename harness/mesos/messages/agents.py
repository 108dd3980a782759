"""Agent and master: registration, the end of an agent, its resources, draining.

Source: Mesos ``messages.proto``.
"""

from __future__ import annotations

from harness.mesos.messages.base import Record
from harness.mesos.messages.infos import (
    NO_RESOURCES,
    CompletedFramework,
    DrainConfig,
    ExecutorInfo,
    FrameworkInfo,
    SlaveInfo,
    Task,
)
from harness.mesos.messages.tasks import ReconcileTasksMessage
from harness.mesos.resources import Resources


class MasterSlaveConnection(Record, frozen=True, kw_only=True):
    """What a master tells an agent about their link: how long silence is normal, in whole seconds."""

    total_ping_timeout_seconds: float | None = None


class RegisterSlaveMessage(Record, frozen=True, kw_only=True):
    """An agent without an id asks to be admitted."""

    slave: SlaveInfo
    version: str = ""
    agent_capabilities: tuple[str, ...] = ()
    checkpointed_resources: Resources = NO_RESOURCES
    resource_version_uuid: str | None = None


class ReregisterSlaveMessage(Record, frozen=True, kw_only=True):
    """An agent that has an id reports for duty, with everything it runs."""

    slave: SlaveInfo
    version: str = ""
    agent_capabilities: tuple[str, ...] = ()
    checkpointed_resources: Resources = NO_RESOURCES
    resource_version_uuid: str | None = None
    executor_infos: tuple[ExecutorInfo, ...] = ()
    tasks: tuple[Task, ...] = ()
    frameworks: tuple[FrameworkInfo, ...] = ()
    completed_frameworks: tuple[CompletedFramework, ...] = ()


class SlaveRegisteredMessage(Record, frozen=True, kw_only=True):
    """The master admitted the agent under this id."""

    slave_id: str
    connection: MasterSlaveConnection | None = None


class SlaveReregisteredMessage(Record, frozen=True, kw_only=True):
    """The master knows the agent again; ``reconciliations`` lists tasks that the agent did not report."""

    slave_id: str
    connection: MasterSlaveConnection | None = None
    reconciliations: tuple[ReconcileTasksMessage, ...] = ()


class UnregisterSlaveMessage(Record, frozen=True, kw_only=True):
    """An agent that shuts down says farewell."""

    slave_id: str


class UpdateSlaveMessage(Record, frozen=True, kw_only=True):
    """An agent tells its master about oversubscribed resources and resource providers."""

    slave_id: str
    resource_categories: Record | None = None
    update_oversubscribed_resources: bool = False
    oversubscribed_resources: Resources = NO_RESOURCES
    resource_version_uuid: str | None = None


class ShutdownMessage(Record, frozen=True, kw_only=True):
    """The master tells an agent to end, with everything it runs."""

    message: str | None = None


class CheckpointResourcesMessage(Record, frozen=True, kw_only=True):
    """The master's view of the resources that an agent must remember."""

    resources: Resources = NO_RESOURCES


class DrainSlaveMessage(Record, frozen=True, kw_only=True):
    """The master tells an agent to kill its tasks and take no new ones."""

    config: DrainConfig
