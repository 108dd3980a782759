"""What a scheduler asks of its master: one record, a type, and one field for each type.

Source: Mesos ``scheduler.proto`` (``Call``) and ``mesos.proto`` (``Offer.Operation``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.mesos.messages.base import Record
from harness.mesos.messages.infos import (
    NO_RESOURCES,
    Filters,
    FrameworkInfo,
    KillPolicy,
    Request,
    TaskGroupInfo,
    TaskInfo,
)
from harness.mesos.messages.infos import ExecutorInfo as _ExecutorInfo
from harness.mesos.resources import Resources
from harness.mesos.states import CallType, OperationType


class Operation(Record, frozen=True, kw_only=True):
    """What to do with accepted offers; the field named like ``type`` carries the rest."""

    class Launch(Record, frozen=True, kw_only=True):
        """Tasks to launch."""

        task_infos: tuple[TaskInfo, ...] = ()

    class LaunchGroup(Record, frozen=True, kw_only=True):
        """A group of tasks to launch in one executor."""

        executor: _ExecutorInfo
        task_group: TaskGroupInfo

    class Reserve(Record, frozen=True, kw_only=True):
        """Resources as they shall be reserved."""

        resources: Resources = NO_RESOURCES
        source: Resources | None = None

    class Unreserve(Record, frozen=True, kw_only=True):
        """Reserved resources to give up."""

        resources: Resources = NO_RESOURCES

    class Create(Record, frozen=True, kw_only=True):
        """Persistent volumes to create."""

        volumes: Resources = NO_RESOURCES

    class Destroy(Record, frozen=True, kw_only=True):
        """Persistent volumes to destroy."""

        volumes: Resources = NO_RESOURCES

    type: OperationType
    id: str | None = None
    launch: Operation.Launch | None = None
    launch_group: Operation.LaunchGroup | None = None
    reserve: Operation.Reserve | None = None
    unreserve: Operation.Unreserve | None = None
    create: Operation.Create | None = None
    destroy: Operation.Destroy | None = None


class Call(Record, frozen=True, kw_only=True):
    """A call of a scheduler; ``framework_id`` is absent only in the first SUBSCRIBE."""

    class Subscribe(Record, frozen=True, kw_only=True):
        """Subscribe; ``force`` takes the framework over from another scheduler."""

        framework_info: FrameworkInfo
        force: bool = False
        suppressed_roles: tuple[str, ...] = ()
        offer_constraints: Mapping[str, Any] | None = None

    class Accept(Record, frozen=True, kw_only=True):
        """Use offers; what the operations leave over is declined with ``filters``."""

        offer_ids: tuple[str, ...] = ()
        operations: tuple[Operation, ...] = ()
        filters: Filters | None = None

    class Decline(Record, frozen=True, kw_only=True):
        """Give offers back."""

        offer_ids: tuple[str, ...] = ()
        filters: Filters | None = None

    class AcceptInverseOffers(Record, frozen=True, kw_only=True):
        """Agree to leave."""

        inverse_offer_ids: tuple[str, ...] = ()
        filters: Filters | None = None

    class DeclineInverseOffers(Record, frozen=True, kw_only=True):
        """Refuse to leave."""

        inverse_offer_ids: tuple[str, ...] = ()
        filters: Filters | None = None

    class Revive(Record, frozen=True, kw_only=True):
        """Want offers again, for these roles or for all."""

        roles: tuple[str, ...] = ()

    class Suppress(Record, frozen=True, kw_only=True):
        """Want no offers, for these roles or for all."""

        roles: tuple[str, ...] = ()

    class Kill(Record, frozen=True, kw_only=True):
        """Kill a task."""

        task_id: str
        slave_id: str | None = None
        kill_policy: KillPolicy | None = None

    class Shutdown(Record, frozen=True, kw_only=True):
        """End an executor."""

        executor_id: str
        slave_id: str

    class Acknowledge(Record, frozen=True, kw_only=True):
        """Acknowledge a status update."""

        slave_id: str
        task_id: str
        uuid: str

    class AcknowledgeOperationStatus(Record, frozen=True, kw_only=True):
        """Acknowledge the status of an operation."""

        uuid: str
        operation_id: str
        slave_id: str | None = None

    class Reconcile(Record, frozen=True, kw_only=True):
        """Ask for the state of these tasks, or of all."""

        class Task(Record, frozen=True, kw_only=True):
            """A task to ask about, with the agent it is thought to be on."""

            task_id: str
            slave_id: str | None = None

        tasks: tuple[Call.Reconcile.Task, ...] = ()

    class ReconcileOperations(Record, frozen=True, kw_only=True):
        """Ask for the state of operations."""

        operations: tuple[str, ...] = ()

    class Message(Record, frozen=True, kw_only=True):
        """Free data for an executor."""

        slave_id: str
        executor_id: str
        data: bytes | str

    class Request(Record, frozen=True, kw_only=True):
        """Hints about wanted resources."""

        requests: tuple[Request, ...] = ()

    class UpdateFramework(Record, frozen=True, kw_only=True):
        """Change the framework's description and its suppressed roles."""

        framework_info: FrameworkInfo
        suppressed_roles: tuple[str, ...] = ()
        offer_constraints: Mapping[str, Any] | None = None

    type: CallType
    framework_id: str | None = None
    subscribe: Call.Subscribe | None = None
    accept: Call.Accept | None = None
    decline: Call.Decline | None = None
    accept_inverse_offers: Call.AcceptInverseOffers | None = None
    decline_inverse_offers: Call.DeclineInverseOffers | None = None
    revive: Call.Revive | None = None
    suppress: Call.Suppress | None = None
    kill: Call.Kill | None = None
    shutdown: Call.Shutdown | None = None
    acknowledge: Call.Acknowledge | None = None
    acknowledge_operation_status: Call.AcknowledgeOperationStatus | None = None
    reconcile: Call.Reconcile | None = None
    reconcile_operations: Call.ReconcileOperations | None = None
    message: Call.Message | None = None
    request: Call.Request | None = None
    update_framework: Call.UpdateFramework | None = None
