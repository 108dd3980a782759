"""Who may do what: the interface that the master asks, and the authorizer that says yes to everything.

Source: Mesos ``include/mesos/authorizer/authorizer.hpp`` and ``authorizer.proto``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import ClassVar

from harness.durations import DurationLike
from harness.mesos.messages import FrameworkInfo, Record, SlaveInfo, TaskInfo
from harness.simulation import Future


class Action(StrEnum):
    """What is asked for (``authorization::Action``)."""

    REGISTER_AGENT = "REGISTER_AGENT"
    REGISTER_FRAMEWORK = "REGISTER_FRAMEWORK"
    RUN_TASK = "RUN_TASK"
    TEARDOWN_FRAMEWORK = "TEARDOWN_FRAMEWORK"
    UPDATE_QUOTA = "UPDATE_QUOTA"
    UPDATE_WEIGHT = "UPDATE_WEIGHT"
    MARK_AGENT_GONE = "MARK_AGENT_GONE"
    DRAIN_AGENT = "DRAIN_AGENT"
    DEACTIVATE_AGENT = "DEACTIVATE_AGENT"
    REACTIVATE_AGENT = "REACTIVATE_AGENT"
    UPDATE_MAINTENANCE_SCHEDULE = "UPDATE_MAINTENANCE_SCHEDULE"
    START_MAINTENANCE = "START_MAINTENANCE"
    STOP_MAINTENANCE = "STOP_MAINTENANCE"


class AuthorizationRequest(Record, frozen=True, kw_only=True):
    """May ``subject`` (a principal, None for an unauthenticated one) do ``action`` to the object?

    The object is whichever of the other fields are set: an agent, a framework, a task, or a plain ``value`` such as a role.
    """

    action: Action
    subject: str | None = None
    slave: SlaveInfo | None = None
    framework_info: FrameworkInfo | None = None
    task_info: TaskInfo | None = None
    value: str | None = None


class Authorizer(ABC):
    """Answers requests, at once or later."""

    latency: ClassVar[tuple[DurationLike, DurationLike]] = ("100us", "5ms")
    """How long the answer takes if :meth:`authorized` gives it at once; with a future it takes as long as the future does."""

    @abstractmethod
    def authorized(self, request: AuthorizationRequest) -> Future[bool] | bool:
        """Whether the request is granted; a failed or discarded future counts as no."""


class PermissiveAuthorizer(Authorizer):
    """Grants everything, as Mesos without ACLs does."""

    def authorized(self, request: AuthorizationRequest) -> Future[bool] | bool:
        """Yes."""
        return True
