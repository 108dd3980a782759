"""What a master remembers of one agent and of one framework. Plain books: the rules are in the files beside this one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from harness.mesos.messages import (
    DrainInfo,
    ExecutorInfo,
    FrameworkInfo,
    InverseOffer,
    Offer,
    SlaveInfo,
    Task,
    TaskInfo,
)
from harness.mesos.resources import Resources
from harness.mesos.states import FrameworkState
from harness.simulation import Address, Timer

V = TypeVar("V")

NO_RESOURCES = Resources.parse("")


class AgentRecord:
    """An agent that is registered.

    ``connected``: its link holds. ``active``: its resources may be offered. ``checkpointed`` is the part of ``total`` that
    frameworks reserved or made volumes of. ``tasks`` and ``executors`` are by framework and then by id; ``killed_tasks`` are
    those that some framework wants dead, for the case that the agent did not hear it.
    """

    __slots__ = (
        "active",
        "capabilities",
        "checkpointed",
        "connected",
        "executors",
        "id",
        "info",
        "inverse_offers",
        "killed_tasks",
        "label",
        "observer",
        "offers",
        "pid",
        "registered_ns",
        "reregistered_ns",
        "reregistration_timer",
        "resource_version_uuid",
        "tasks",
        "total",
        "version",
    )

    def __init__(self, slave_id: str, info: SlaveInfo, pid: Address, now: int) -> None:
        self.id = slave_id
        self.info = info
        self.locate(pid)
        self.version = ""
        self.capabilities: tuple[str, ...] = ()
        self.resource_version_uuid: str | None = None
        self.registered_ns = now
        self.reregistered_ns: int | None = None
        self.connected = True
        self.active = True
        self.total = info.resources
        self.checkpointed = NO_RESOURCES
        self.observer = Address("")
        self.reregistration_timer: Timer | None = None
        self.tasks: dict[str, dict[str, Task]] = {}
        self.executors: dict[str, dict[str, ExecutorInfo]] = {}
        self.killed_tasks: dict[tuple[str, str], None] = {}
        self.offers: dict[str, Offer] = {}
        self.inverse_offers: dict[str, InverseOffer] = {}

    def locate(self, pid: Address) -> None:
        """It is at ``pid`` now. Notes carry the ``label``, which says where it was when they were made."""
        self.pid = pid
        self.label = f"{self.id} at {pid} ({self.info.hostname})"

    def task(self, framework_id: str, task_id: str) -> Task | None:
        """A task of a framework on this agent, or None."""
        tasks = self.tasks.get(framework_id)
        return tasks.get(task_id) if tasks is not None else None

    def has_executor(self, framework_id: str, executor_id: str) -> bool:
        """Whether the master counts on that executor to run here."""
        return executor_id in self.executors.get(framework_id, ())

    def used(self) -> dict[str, Resources]:
        """What each framework holds here: living tasks and executors."""
        used: dict[str, Resources] = {}
        for framework_id, tasks in self.tasks.items():
            for task in tasks.values():
                if not frees_resources(task.state):
                    used[framework_id] = used.get(framework_id, NO_RESOURCES) + task.resources
        for framework_id, executors in self.executors.items():
            for executor in executors.values():
                used[framework_id] = used.get(framework_id, NO_RESOURCES) + executor.resources
        return used

    def __str__(self) -> str:
        return self.label


class FrameworkRecord:
    """A framework that is registered, or known from agents only (``RECOVERED``).

    ``active`` is independent of the state: a connected framework that was deactivated gets no offers. Terminal tasks stay in
    ``tasks`` until their last update is acknowledged.
    """

    __slots__ = (
        "active",
        "completed_tasks",
        "executors",
        "id",
        "info",
        "inverse_offers",
        "label",
        "offer_constraints",
        "offers",
        "pending_tasks",
        "pid",
        "registered_ns",
        "reregistered_ns",
        "state",
        "suppressed_roles",
        "tasks",
        "unreachable_tasks",
    )

    def __init__(self, framework_id: str, info: FrameworkInfo, pid: Address | None, state: FrameworkState, now: int) -> None:
        self.id = framework_id
        self.info = info
        self.locate(pid)
        self.state = state
        self.active = state is FrameworkState.CONNECTED
        self.registered_ns = now
        self.reregistered_ns = now
        self.suppressed_roles: tuple[str, ...] = ()
        # As the scheduler gave them; the allocator reads them.
        self.offer_constraints: Mapping[str, Any] | None = None
        self.tasks: dict[str, Task] = {}
        self.pending_tasks: dict[str, TaskInfo] = {}
        self.completed_tasks: list[Task] = []
        self.unreachable_tasks: dict[str, Task] = {}
        self.executors: dict[str, dict[str, ExecutorInfo]] = {}
        self.offers: dict[str, Offer] = {}
        self.inverse_offers: dict[str, InverseOffer] = {}

    @property
    def connected(self) -> bool:
        """Whether a scheduler speaks for it now."""
        return self.state is FrameworkState.CONNECTED

    @property
    def partition_aware(self) -> bool:
        """Whether it wants to hear of unreachable, dropped and gone tasks by these names."""
        return self.info.partition_aware

    def used(self) -> dict[str, Resources]:
        """What it holds on each agent: living tasks and executors."""
        used: dict[str, Resources] = {}
        for task in self.tasks.values():
            if not frees_resources(task.state):
                used[task.slave_id] = used.get(task.slave_id, NO_RESOURCES) + task.resources
        for slave_id, executors in self.executors.items():
            for executor in executors.values():
                used[slave_id] = used.get(slave_id, NO_RESOURCES) + executor.resources
        return used

    def locate(self, pid: Address | None) -> None:
        """Its scheduler is at ``pid`` now. Notes carry the ``label``, which says where it was when they were made."""
        self.pid = pid
        self.label = f"{self.id} ({self.info.name}) at {pid or 'no scheduler'}"

    def __str__(self) -> str:
        return self.label


_FREEING = frozenset(
    {
        "TASK_FINISHED",
        "TASK_FAILED",
        "TASK_KILLED",
        "TASK_ERROR",
        "TASK_LOST",
        "TASK_DROPPED",
        "TASK_GONE",
        "TASK_GONE_BY_OPERATOR",
        "TASK_UNREACHABLE",
    }
)


def frees_resources(state: str) -> bool:
    """Whether a task in this state holds no resources any more: terminal, or unreachable."""
    return str(state) in _FREEING


def remember(cache: dict[str, V], key: str, value: V, limit: int) -> None:
    """Put into a cache of at most ``limit`` entries; the oldest make room."""
    cache.pop(key, None)
    cache[key] = value
    while len(cache) > limit:
        del cache[next(iter(cache))]


class AgentBooks:
    """Which agent is where on its way through a master's life; all by agent id but for ``by_pid`` and ``registering`` (by pid).

    ``recovered``: admitted in the registry, not seen yet by this master. ``registering``, ``reregistering``, ``removing``,
    ``marking_unreachable``, ``marking_gone``: a decision about it is under way. ``unreachable``, ``gone``: when it was declared
    so. ``removed``: a bounded memory of agents this master gave up. ``deactivated``, ``draining``: what operators decided.
    """

    __slots__ = (
        "admitted",
        "by_pid",
        "deactivated",
        "draining",
        "gone",
        "marking_gone",
        "marking_unreachable",
        "recovered",
        "registered",
        "registering",
        "removed",
        "removing",
        "reregistering",
        "unreachable",
        "unreachable_tasks",
    )

    def __init__(self) -> None:
        self.registered: dict[str, AgentRecord] = {}
        self.by_pid: dict[str, AgentRecord] = {}
        # Every agent this master ever took in, id -> pid; tests ask which agent an id was given to.
        self.admitted: dict[str, Address] = {}
        self.recovered: dict[str, SlaveInfo] = {}
        self.registering: dict[str, None] = {}
        self.reregistering: dict[str, None] = {}
        self.removing: dict[str, None] = {}
        self.removed: dict[str, None] = {}
        self.marking_unreachable: dict[str, None] = {}
        self.marking_gone: dict[str, None] = {}
        self.unreachable: dict[str, datetime] = {}
        self.gone: dict[str, datetime] = {}
        self.deactivated: dict[str, None] = {}
        self.draining: dict[str, DrainInfo] = {}
        # agent -> the (framework, task) pairs that became unreachable with it.
        self.unreachable_tasks: dict[str, list[tuple[str, str]]] = {}
