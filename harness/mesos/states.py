"""States, reasons and capabilities of Mesos, and the life cycles as tables.

Every member equals its Mesos name, so ``status.state == "TASK_RUNNING"`` holds. The life cycles say which move may follow
which; roles change a state only through :func:`move`, so an illegal change is found where it happens.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple, TypeVar

from harness.errors import InternalError


class Name(StrEnum):
    """A name of Mesos's: a text that prints as the name alone, within records and lists too."""

    def __repr__(self) -> str:
        return str(self.value)


class TaskState(Name):
    """What a task is doing (``mesos.proto``, ``TaskState``)."""

    TASK_STAGING = "TASK_STAGING"
    TASK_STARTING = "TASK_STARTING"
    TASK_RUNNING = "TASK_RUNNING"
    TASK_KILLING = "TASK_KILLING"
    TASK_FINISHED = "TASK_FINISHED"
    TASK_FAILED = "TASK_FAILED"
    TASK_KILLED = "TASK_KILLED"
    TASK_ERROR = "TASK_ERROR"
    TASK_LOST = "TASK_LOST"
    TASK_DROPPED = "TASK_DROPPED"
    TASK_UNREACHABLE = "TASK_UNREACHABLE"
    TASK_GONE = "TASK_GONE"
    TASK_GONE_BY_OPERATOR = "TASK_GONE_BY_OPERATOR"
    TASK_UNKNOWN = "TASK_UNKNOWN"


_TERMINAL = frozenset(
    {
        "TASK_FINISHED",
        "TASK_FAILED",
        "TASK_KILLED",
        "TASK_ERROR",
        "TASK_LOST",
        "TASK_DROPPED",
        "TASK_GONE",
        "TASK_GONE_BY_OPERATOR",
    }
)


def is_terminal(state: str) -> bool:
    """Whether a task in ``state`` will never run again (unreachable and unknown tasks may)."""
    return str(state) in _TERMINAL


class StatusSource(Name):
    """Who made a task status."""

    SOURCE_MASTER = "SOURCE_MASTER"
    SOURCE_SLAVE = "SOURCE_SLAVE"
    SOURCE_EXECUTOR = "SOURCE_EXECUTOR"


class StatusReason(Name):
    """Why a task changed state (``TaskStatus.Reason``)."""

    REASON_COMMAND_EXECUTOR_FAILED = "REASON_COMMAND_EXECUTOR_FAILED"
    REASON_CONTAINER_LAUNCH_FAILED = "REASON_CONTAINER_LAUNCH_FAILED"
    REASON_CONTAINER_LIMITATION = "REASON_CONTAINER_LIMITATION"
    REASON_CONTAINER_LIMITATION_DISK = "REASON_CONTAINER_LIMITATION_DISK"
    REASON_CONTAINER_LIMITATION_MEMORY = "REASON_CONTAINER_LIMITATION_MEMORY"
    REASON_CONTAINER_PREEMPTED = "REASON_CONTAINER_PREEMPTED"
    REASON_CONTAINER_UPDATE_FAILED = "REASON_CONTAINER_UPDATE_FAILED"
    REASON_EXECUTOR_REGISTRATION_TIMEOUT = "REASON_EXECUTOR_REGISTRATION_TIMEOUT"
    REASON_EXECUTOR_REREGISTRATION_TIMEOUT = "REASON_EXECUTOR_REREGISTRATION_TIMEOUT"
    REASON_EXECUTOR_TERMINATED = "REASON_EXECUTOR_TERMINATED"
    REASON_EXECUTOR_UNREGISTERED = "REASON_EXECUTOR_UNREGISTERED"
    REASON_FRAMEWORK_REMOVED = "REASON_FRAMEWORK_REMOVED"
    REASON_GC_ERROR = "REASON_GC_ERROR"
    REASON_INVALID_FRAMEWORKID = "REASON_INVALID_FRAMEWORKID"
    REASON_INVALID_OFFERS = "REASON_INVALID_OFFERS"
    REASON_IO_SWITCHBOARD_EXITED = "REASON_IO_SWITCHBOARD_EXITED"
    REASON_MASTER_DISCONNECTED = "REASON_MASTER_DISCONNECTED"
    REASON_MAX_COMPLETION_TIME_REACHED = "REASON_MAX_COMPLETION_TIME_REACHED"
    REASON_RECONCILIATION = "REASON_RECONCILIATION"
    REASON_RESOURCES_UNKNOWN = "REASON_RESOURCES_UNKNOWN"
    REASON_SLAVE_DISCONNECTED = "REASON_SLAVE_DISCONNECTED"
    REASON_SLAVE_DRAINING = "REASON_SLAVE_DRAINING"
    REASON_SLAVE_REMOVED = "REASON_SLAVE_REMOVED"
    REASON_SLAVE_REMOVED_BY_OPERATOR = "REASON_SLAVE_REMOVED_BY_OPERATOR"
    REASON_SLAVE_REREGISTERED = "REASON_SLAVE_REREGISTERED"
    REASON_SLAVE_RESTARTED = "REASON_SLAVE_RESTARTED"
    REASON_SLAVE_UNKNOWN = "REASON_SLAVE_UNKNOWN"
    REASON_TASK_CHECK_STATUS_UPDATED = "REASON_TASK_CHECK_STATUS_UPDATED"
    REASON_TASK_GROUP_INVALID = "REASON_TASK_GROUP_INVALID"
    REASON_TASK_GROUP_UNAUTHORIZED = "REASON_TASK_GROUP_UNAUTHORIZED"
    REASON_TASK_HEALTH_CHECK_STATUS_UPDATED = "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED"
    REASON_TASK_INVALID = "REASON_TASK_INVALID"
    REASON_TASK_KILLED_DURING_LAUNCH = "REASON_TASK_KILLED_DURING_LAUNCH"
    REASON_TASK_UNAUTHORIZED = "REASON_TASK_UNAUTHORIZED"
    REASON_TASK_UNKNOWN = "REASON_TASK_UNKNOWN"


class DriverStatus(Name):
    """The status of a scheduler or executor driver (``Status``)."""

    DRIVER_NOT_STARTED = "DRIVER_NOT_STARTED"
    DRIVER_RUNNING = "DRIVER_RUNNING"
    DRIVER_ABORTED = "DRIVER_ABORTED"
    DRIVER_STOPPED = "DRIVER_STOPPED"


class AgentState(Name):
    """What an agent process is doing (``Slave::State``)."""

    RECOVERING = "RECOVERING"
    DISCONNECTED = "DISCONNECTED"
    RUNNING = "RUNNING"
    TERMINATING = "TERMINATING"


class ExecutorState(Name):
    """An executor as its agent sees it (``Executor::State``)."""

    REGISTERING = "REGISTERING"
    RUNNING = "RUNNING"
    TERMINATING = "TERMINATING"
    TERMINATED = "TERMINATED"


class FrameworkState(Name):
    """A framework as the master sees it; whether it is active is a separate bit."""

    RECOVERED = "RECOVERED"
    CONNECTED = "CONNECTED"
    DISCONNECTED = "DISCONNECTED"


class FrameworkCapability(Name):
    """What a framework says it can do (``FrameworkInfo.Capability.Type``)."""

    REVOCABLE_RESOURCES = "REVOCABLE_RESOURCES"
    TASK_KILLING_STATE = "TASK_KILLING_STATE"
    GPU_RESOURCES = "GPU_RESOURCES"
    SHARED_RESOURCES = "SHARED_RESOURCES"
    PARTITION_AWARE = "PARTITION_AWARE"
    MULTI_ROLE = "MULTI_ROLE"
    RESERVATION_REFINEMENT = "RESERVATION_REFINEMENT"
    REGION_AWARE = "REGION_AWARE"


class AgentCapability(Name):
    """What an agent says it can do (``SlaveInfo.Capability.Type``)."""

    MULTI_ROLE = "MULTI_ROLE"
    HIERARCHICAL_ROLE = "HIERARCHICAL_ROLE"
    RESERVATION_REFINEMENT = "RESERVATION_REFINEMENT"
    RESOURCE_PROVIDER = "RESOURCE_PROVIDER"
    RESIZE_VOLUME = "RESIZE_VOLUME"
    AGENT_OPERATION_FEEDBACK = "AGENT_OPERATION_FEEDBACK"
    AGENT_DRAINING = "AGENT_DRAINING"
    TASK_RESOURCE_LIMITS = "TASK_RESOURCE_LIMITS"


class CallType(Name):
    """The kinds of scheduler-to-master calls (``scheduler::Call::Type``)."""

    SUBSCRIBE = "SUBSCRIBE"
    TEARDOWN = "TEARDOWN"
    ACCEPT = "ACCEPT"
    DECLINE = "DECLINE"
    ACCEPT_INVERSE_OFFERS = "ACCEPT_INVERSE_OFFERS"
    DECLINE_INVERSE_OFFERS = "DECLINE_INVERSE_OFFERS"
    REVIVE = "REVIVE"
    SUPPRESS = "SUPPRESS"
    KILL = "KILL"
    SHUTDOWN = "SHUTDOWN"
    ACKNOWLEDGE = "ACKNOWLEDGE"
    ACKNOWLEDGE_OPERATION_STATUS = "ACKNOWLEDGE_OPERATION_STATUS"
    RECONCILE = "RECONCILE"
    RECONCILE_OPERATIONS = "RECONCILE_OPERATIONS"
    MESSAGE = "MESSAGE"
    REQUEST = "REQUEST"
    UPDATE_FRAMEWORK = "UPDATE_FRAMEWORK"


class OperationType(Name):
    """The kinds of operations that accept an offer (``Offer.Operation.Type``)."""

    LAUNCH = "LAUNCH"
    LAUNCH_GROUP = "LAUNCH_GROUP"
    RESERVE = "RESERVE"
    UNRESERVE = "UNRESERVE"
    CREATE = "CREATE"
    DESTROY = "DESTROY"


S = TypeVar("S", bound=StrEnum)


class LifeCycle(NamedTuple):
    """A life cycle as data: a name for messages, and for each state the states that may come next (its own included)."""

    name: str
    moves: Mapping[str, tuple[str, ...]]


def _task_moves() -> dict[str, tuple[str, ...]]:
    # A living task may report anything but staging again: executors need not pass through every state.
    after_start = tuple(state for state in TaskState if state != TaskState.TASK_STAGING)
    moves: dict[str, tuple[str, ...]] = {state: () if is_terminal(state) else after_start for state in TaskState}
    moves[TaskState.TASK_STAGING] = tuple(TaskState)
    return moves


TASK = LifeCycle("task", _task_moves())
EXECUTOR = LifeCycle(
    "executor",
    {
        ExecutorState.REGISTERING: (ExecutorState.RUNNING, ExecutorState.TERMINATING, ExecutorState.TERMINATED),
        ExecutorState.RUNNING: (ExecutorState.TERMINATING, ExecutorState.TERMINATED),
        ExecutorState.TERMINATING: (ExecutorState.TERMINATED,),
        ExecutorState.TERMINATED: (),
    },
)
AGENT = LifeCycle(
    "agent",
    {
        AgentState.RECOVERING: (AgentState.DISCONNECTED, AgentState.TERMINATING),
        # Every new detection disconnects, so an agent that never registered is told so again.
        AgentState.DISCONNECTED: (AgentState.DISCONNECTED, AgentState.RUNNING, AgentState.TERMINATING),
        AgentState.RUNNING: (AgentState.DISCONNECTED, AgentState.TERMINATING),
        AgentState.TERMINATING: (AgentState.TERMINATING,),
    },
)
FRAMEWORK = LifeCycle(
    "framework",
    {
        FrameworkState.RECOVERED: (FrameworkState.CONNECTED, FrameworkState.DISCONNECTED),
        FrameworkState.CONNECTED: (FrameworkState.CONNECTED, FrameworkState.DISCONNECTED),
        FrameworkState.DISCONNECTED: (FrameworkState.CONNECTED, FrameworkState.DISCONNECTED),
    },
)


def move(cycle: LifeCycle, who: str, history: list[S], to: S) -> S:
    """Append ``to`` to the states that ``who`` (an id) went through and return it; the last of ``history`` is the present.

    Raises:
        InternalError: the cycle has no such move; the text carries the whole history of that id.
    """
    if history and to not in cycle.moves[history[-1]]:
        went = " -> ".join(history)
        may = ", ".join(cycle.moves[history[-1]]) or "nothing: that is the end of it"
        raise InternalError(
            f"{cycle.name} {who} cannot go from {history[-1]} to {to}; it went {went}, next may come {may}. "
            "The role that moved it broke its own rules: please report this with the seed of the run"
        )
    history.append(to)
    return to
