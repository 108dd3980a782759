"""What messages speak about: agents, frameworks, masters, tasks, executors, statuses.

Source: Mesos ``mesos.proto``. Times are aware datetimes, spans are :class:`~harness.durations.Duration`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from harness.durations import Duration, DurationLike
from harness.mesos.messages.base import Record
from harness.mesos.resources import Resources
from harness.mesos.states import StatusReason, StatusSource, TaskState

NO_RESOURCES = Resources.parse("")


class Credential(Record, frozen=True, kw_only=True):
    """A principal and the secret that proves it."""

    principal: str
    secret: str = ""


class Attribute(Record, frozen=True, kw_only=True):
    """A fact about an agent that frameworks may look at; ``value`` is the text after the colon."""

    name: str
    value: str


class Label(Record, frozen=True, kw_only=True):
    """A free pair of texts attached to something."""

    key: str
    value: str | None = None


class FaultDomain(Record, frozen=True, kw_only=True):
    """Where an agent or master stands; Mesos's ``DomainInfo.FaultDomain`` with its two names flattened."""

    region: str
    zone: str


class MachineID(Record, frozen=True, kw_only=True):
    """A machine as maintenance knows it."""

    hostname: str | None = None
    ip: str | None = None


class Unavailability(Record, frozen=True, kw_only=True):
    """A planned interval in which a machine is gone; without a duration it never ends."""

    start: datetime
    duration: Duration | None = None


class SlaveInfo(Record, frozen=True, kw_only=True):
    """An agent as it describes itself; ``id`` is None until a master gave it one."""

    hostname: str
    port: int = 5051
    resources: Resources = NO_RESOURCES
    attributes: tuple[Attribute, ...] = ()
    id: str | None = None
    checkpoint: bool = True
    domain: FaultDomain | None = None


class MasterInfo(Record, frozen=True, kw_only=True):
    """A leading master: where it is (``pid``) and which appointment this is (``id`` differs for each)."""

    id: str
    ip: str = "127.0.0.1"
    port: int = 5050
    pid: str = ""
    hostname: str = ""
    version: str = ""
    domain: FaultDomain | None = None


class FrameworkInfo(Record, frozen=True, kw_only=True):
    """A framework as it describes itself.

    ``failover_timeout`` is any duration, a number counts seconds as in Mesos: read it with :func:`~harness.durations.to_ns`.
    """

    user: str = "root"
    name: str = "default"
    id: str | None = None
    failover_timeout: DurationLike = 0.0
    checkpoint: bool = False
    role: str = "*"
    roles: tuple[str, ...] = ()
    hostname: str | None = None
    principal: str | None = None
    webui_url: str | None = None
    capabilities: tuple[str, ...] = ()
    labels: tuple[Label, ...] = ()
    offer_filters: Mapping[str, Any] | None = None

    @property
    def subscribed_roles(self) -> tuple[str, ...]:
        """The roles it wants offers for: ``roles`` of a multi-role framework, else its one ``role``."""
        return self.roles if self.roles or "MULTI_ROLE" in self.capabilities else (self.role,)

    @property
    def partition_aware(self) -> bool:
        """Whether it wants to hear of unreachable, dropped and gone tasks by these names, not as lost."""
        return "PARTITION_AWARE" in self.capabilities


class EnvironmentVariable(Record, frozen=True, kw_only=True):
    """One variable of a command's environment."""

    name: str
    value: str | None = None


class CommandInfo(Record, frozen=True, kw_only=True):
    """What to run: a shell line in ``value``, or a program with arguments."""

    value: str | None = None
    shell: bool = True
    arguments: tuple[str, ...] = ()
    environment: tuple[EnvironmentVariable, ...] = ()
    user: str | None = None


class ExecutorInfo(Record, frozen=True, kw_only=True):
    """The process that runs a framework's tasks on an agent."""

    executor_id: str
    framework_id: str | None = None
    command: CommandInfo | None = None
    resources: Resources = NO_RESOURCES
    name: str | None = None
    source: str | None = None
    data: bytes | None = None
    shutdown_grace_period: Duration | None = None
    labels: tuple[Label, ...] = ()
    type: str | None = None


class KillPolicy(Record, frozen=True, kw_only=True):
    """How patiently a task is killed."""

    grace_period: Duration | None = None


class TaskInfo(Record, frozen=True, kw_only=True):
    """A task to launch; it names exactly one of ``command`` and ``executor``."""

    task_id: str
    slave_id: str
    name: str = ""
    resources: Resources = NO_RESOURCES
    executor: ExecutorInfo | None = None
    command: CommandInfo | None = None
    data: bytes | None = None
    kill_policy: KillPolicy | None = None
    labels: tuple[Label, ...] = ()
    max_completion_time: Duration | None = None


class TaskGroupInfo(Record, frozen=True, kw_only=True):
    """Tasks that are launched together or not at all."""

    tasks: tuple[TaskInfo, ...] = ()


class TaskStatus(Record, frozen=True, kw_only=True):
    """What a task is doing, who says so and why; with a ``uuid`` it wants to be acknowledged."""

    task_id: str
    state: TaskState
    message: str | None = None
    source: StatusSource | None = None
    reason: StatusReason | None = None
    data: bytes | None = None
    slave_id: str | None = None
    executor_id: str | None = None
    timestamp: datetime | None = None
    uuid: str | None = None
    healthy: bool | None = None
    unreachable_time: datetime | None = None
    labels: tuple[Label, ...] = ()


class Task(Record, frozen=True, kw_only=True):
    """A launched task as agents and masters account for it."""

    task_id: str
    framework_id: str
    slave_id: str
    state: TaskState
    name: str = ""
    executor_id: str | None = None
    resources: Resources = NO_RESOURCES
    statuses: tuple[TaskStatus, ...] = ()
    status_update_state: TaskState | None = None
    status_update_uuid: str | None = None
    labels: tuple[Label, ...] = ()
    user: str | None = None
    kill_policy: KillPolicy | None = None
    max_completion_time: Duration | None = None


class CompletedFramework(Record, frozen=True, kw_only=True):
    """A framework that an agent has finished with, and its tasks (Mesos: ``Archive.Framework``)."""

    framework_info: FrameworkInfo
    pid: str | None = None
    tasks: tuple[Task, ...] = ()


class AllocationInfo(Record, frozen=True, kw_only=True):
    """The role to which resources are allocated."""

    role: str | None = None


class Filters(Record, frozen=True, kw_only=True):
    """How long declined resources stay away, in seconds; 0 means not at all."""

    refuse_seconds: float = 5.0


class Offer(Record, frozen=True, kw_only=True):
    """Resources of one agent that one framework may use for one of its roles."""

    id: str
    framework_id: str
    slave_id: str
    hostname: str
    resources: Resources = NO_RESOURCES
    attributes: tuple[Attribute, ...] = ()
    executor_ids: tuple[str, ...] = ()
    unavailability: Unavailability | None = None
    allocation_info: AllocationInfo | None = None
    domain: FaultDomain | None = None

    @property
    def role(self) -> str | None:
        """The role the offer is for."""
        return self.allocation_info.role if self.allocation_info is not None else None


class InverseOffer(Record, frozen=True, kw_only=True):
    """The wish that a framework leaves an agent before maintenance begins."""

    id: str
    framework_id: str
    unavailability: Unavailability
    slave_id: str | None = None
    resources: Resources = NO_RESOURCES


class Request(Record, frozen=True, kw_only=True):
    """A framework's hint about what it would like; allocators may ignore it."""

    slave_id: str | None = None
    resources: Resources = NO_RESOURCES


class DrainConfig(Record, frozen=True, kw_only=True):
    """How an agent is emptied."""

    max_grace_period: Duration | None = None
    mark_gone: bool = False


class DrainInfo(Record, frozen=True, kw_only=True):
    """How far the draining of an agent is: ``DRAINING``, or ``DRAINED`` once nothing runs there any more."""

    config: DrainConfig
    state: str = "DRAINING"


class MachineInfo(Record, frozen=True, kw_only=True):
    """A machine that maintenance is planned for; ``mode`` is UP, DRAINING (planned) or DOWN (under way)."""

    id: MachineID
    mode: str = "UP"
    unavailability: Unavailability | None = None
