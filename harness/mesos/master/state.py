"""The content of a master's ``/state``, as dicts and lists in the order in which Mesos writes them.

Source: Mesos ``src/master/readonly_handler.cpp`` (``state``), ``src/master/http.cpp`` (``FullFrameworkWriter``, ``SlaveWriter``),
``src/common/http.cpp`` (``model`` and ``json`` of tasks, executors and resources).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from harness.durations import to_ns
from harness.mesos.flags import MasterFlags
from harness.mesos.master.books import Books
from harness.mesos.master.records import AgentRecord, FrameworkRecord
from harness.mesos.messages import Attribute, ExecutorInfo, Label, MasterInfo, Offer, Task, TaskInfo, TaskStatus
from harness.mesos.resources import Resources
from harness.mesos.states import FrameworkState, TaskState

JSON = dict[str, Any]
_SCALARS = ("disk", "mem", "gpus", "cpus")
_SECRET_FLAGS = ("credentials",)


def state_of(master: Books) -> JSON:
    """Everything that ``/state`` tells."""
    agents = list(master.slaves.registered.values())
    info = master.info
    leader = master.leader
    content: JSON = {
        "version": info.version,
        "start_time": seconds_of(master, master.started_ns),
        "elected_time": seconds_of(master, master.elected_ns),
        "id": info.id,
        "pid": info.pid,
        "hostname": info.hostname,
        "capabilities": ["AGENT_UPDATE", "AGENT_DRAINING", "QUOTA_V2"],
        "activated_slaves": float(sum(agent.active for agent in agents)),
        "deactivated_slaves": float(sum(not agent.active for agent in agents)),
        "unreachable_slaves": float(len(master.slaves.unreachable)),
    }
    if master.flags.cluster is not None:
        content["cluster"] = master.flags.cluster
    if leader is not None:
        content["leader"] = leader.pid
        content["leader_info"] = master_info(leader)
    content["flags"] = flags_of(master.flags)
    content["slaves"] = [agent_of(master, agent) for agent in agents]
    content["recovered_slaves"] = [
        {"id": slave_id, "hostname": each.hostname, "port": each.port, "resources": resources_of(each.resources)}
        for slave_id, each in master.slaves.recovered.items()
    ]
    content["frameworks"] = [framework_of(master, framework) for framework in master.frameworks.values()]
    content["completed_frameworks"] = [framework_of(master, each) for each in master.completed_frameworks.values()]
    content["orphan_tasks"] = [
        task_of(task)
        for agent in agents
        for framework_id, tasks in agent.tasks.items()
        if framework_id not in master.frameworks
        for task in tasks.values()
    ]
    content["unregistered_frameworks"] = []
    return content


def master_info(info: MasterInfo) -> JSON:
    """A master as ``leader_info`` shows it."""
    return {"id": info.id, "pid": info.pid, "port": info.port, "hostname": info.hostname}


def flags_of(flags: MasterFlags) -> dict[str, str]:
    """Flags as texts; those without a value and those that hold secrets are left out."""
    shown: dict[str, str] = {}
    for name in sorted(flags.rules):
        value = getattr(flags, name)
        if value is None or name in _SECRET_FLAGS or value == ():
            continue
        if isinstance(value, bool):
            shown[name] = "true" if value else "false"
        elif isinstance(value, tuple):
            shown[name] = ",".join(map(str, value))
        else:
            shown[name] = str(value)
    return shown


def agent_of(master: Books, agent: AgentRecord) -> JSON:
    """A registered agent."""
    used = Resources.sum(agent.used().values())
    offered = Resources.sum(offer.resources for offer in agent.offers.values())
    reserved = agent.total.reserved()
    roles = {entry.role: None for entry in reserved}
    content: JSON = {
        "id": agent.id,
        "hostname": agent.info.hostname,
        "port": agent.info.port,
        "attributes": attributes_of(agent.info.attributes),
        "pid": str(agent.pid),
        "registered_time": seconds_of(master, agent.registered_ns),
    }
    if agent.reregistered_ns is not None:
        content["reregistered_time"] = seconds_of(master, agent.reregistered_ns)
    content |= {
        "resources": resources_of(agent.total),
        "used_resources": resources_of(used),
        "offered_resources": resources_of(offered),
        "reserved_resources": {role: resources_of(agent.total.reserved(role)) for role in roles},
        "unreserved_resources": resources_of(agent.total.unreserved()),
        "active": agent.active,
        "deactivated": agent.id in master.slaves.deactivated,
        "version": agent.version,
        "capabilities": [str(name) for name in agent.capabilities],
    }
    drain = master.slaves.draining.get(agent.id)
    if drain is not None:
        content["drain_info"] = {"state": drain.state, "config": {"mark_gone": drain.config.mark_gone}}
        if drain.config.max_grace_period is not None:
            content["drain_info"]["config"]["max_grace_period"] = {"nanoseconds": drain.config.max_grace_period.ns}
    return content


def framework_of(master: Books, framework: FrameworkRecord) -> JSON:
    """A framework, registered or completed."""
    info = framework.info
    used = Resources.sum(framework.used().values())
    offered = Resources.sum(offer.resources for offer in framework.offers.values())
    ended = framework.id not in master.frameworks
    content: JSON = {
        "id": framework.id,
        "name": info.name,
    }
    if framework.pid is not None:
        content["pid"] = str(framework.pid)
    content |= {
        "used_resources": resources_of(used),
        "offered_resources": resources_of(offered),
        "capabilities": [str(name) for name in info.capabilities],
        "hostname": info.hostname or "",
        "webui_url": info.webui_url or "",
        "active": framework.active and not ended,
        "connected": framework.connected and not ended,
        "recovered": framework.state is FrameworkState.RECOVERED,
        "user": info.user,
        "failover_timeout": to_ns(info.failover_timeout, "failover_timeout") / 1e9,
        "checkpoint": info.checkpoint,
        "registered_time": seconds_of(master, framework.registered_ns),
        "unregistered_time": 0.0,
    }
    if framework.reregistered_ns != framework.registered_ns:
        content["reregistered_time"] = seconds_of(master, framework.reregistered_ns)
    if info.principal is not None:
        content["principal"] = info.principal
    content["resources"] = resources_of(used + offered)
    if "MULTI_ROLE" in info.capabilities:
        content["roles"] = list(info.subscribed_roles)
        content["suppressed_roles"] = list(framework.suppressed_roles)
    else:
        content["role"] = info.role
    content |= {
        "tasks": [
            *(pending_of(framework, task) for task in framework.pending_tasks.values()),
            *(task_of(task) for task in framework.tasks.values()),
        ],
        "unreachable_tasks": [task_of(task) for task in framework.unreachable_tasks.values()],
        "completed_tasks": [task_of(task) for task in framework.completed_tasks],
        "offers": [offer_of(offer) for offer in framework.offers.values()],
        "executors": [
            executor_of(executor, framework.id, slave_id)
            for slave_id, executors in framework.executors.items()
            for executor in executors.values()
        ],
        "offer_constraints": {},
    }
    if info.labels:
        content["labels"] = labels_of(info.labels)
    return content


def task_of(task: Task) -> JSON:
    """A task as masters account for it."""
    content: JSON = {
        "id": task.task_id,
        "name": task.name,
        "framework_id": task.framework_id,
        "executor_id": task.executor_id or "",
        "slave_id": task.slave_id,
        "state": str(task.state),
        "resources": resources_of(task.resources),
        "role": next(iter(task.resources.allocations), "*"),
        "statuses": [status_of(status) for status in task.statuses],
    }
    if task.labels:
        content["labels"] = labels_of(task.labels)
    return content


def pending_of(framework: FrameworkRecord, task: TaskInfo) -> JSON:
    """A task that still waits for its authorization."""
    staged = Task(
        task_id=task.task_id,
        framework_id=framework.id,
        slave_id=task.slave_id,
        state=TaskState.TASK_STAGING,
        name=task.name,
        executor_id=task.executor.executor_id if task.executor is not None else None,
        resources=task.resources,
        labels=task.labels,
    )
    return task_of(staged)


def status_of(status: TaskStatus) -> JSON:
    """A status of a task, as its list of statuses shows it."""
    content: JSON = {"state": str(status.state)}
    if status.timestamp is not None:
        content["timestamp"] = epoch(status.timestamp)
    if status.labels:
        content["labels"] = labels_of(status.labels)
    if status.healthy is not None:
        content["healthy"] = status.healthy
    return content


def executor_of(executor: ExecutorInfo, framework_id: str, slave_id: str) -> JSON:
    """An executor of a framework on an agent."""
    content: JSON = {
        "executor_id": executor.executor_id,
        "name": executor.name or "",
        "framework_id": framework_id,
        "command": {"shell": True, "value": "", "argv": [], "environment": {}},
        "resources": resources_of(executor.resources),
        "role": next(iter(executor.resources.allocations), "*"),
        "slave_id": slave_id,
        "type": executor.type or "CUSTOM",
    }
    if executor.command is not None:
        content["command"] |= {"shell": executor.command.shell, "value": executor.command.value or ""}
        content["command"]["argv"] = list(executor.command.arguments)
    return content


def offer_of(offer: Offer) -> JSON:
    """An outstanding offer."""
    return {
        "id": offer.id,
        "framework_id": offer.framework_id,
        "allocation_info": {"role": offer.role},
        "slave_id": offer.slave_id,
        "resources": resources_of(offer.resources),
    }


def resources_of(resources: Resources) -> JSON:
    """Scalars as numbers (the four common ones always), ranges and sets as texts; revocable ones under a name of their own."""
    scalars = resources.quantities
    content: JSON = {name: scalars.get(name, 0) / 1000 for name in _SCALARS}
    for name, value in scalars.items():
        content[name] = value / 1000
    for entry in resources.unallocate():
        if entry.type == "RANGES" and isinstance(entry.value, tuple):
            content[entry.name] = "[" + ", ".join(f"{low}-{high}" for low, high in _pairs(entry.value)) + "]"
        elif entry.type == "SET" and isinstance(entry.value, tuple):
            content[entry.name] = "{" + ", ".join(map(str, entry.value)) + "}"
    revocable = resources.revocable()
    for name, value in revocable.quantities.items():
        content[f"{name}_revocable"] = value / 1000
    return content


def _pairs(value: tuple[Any, ...]) -> Iterable[tuple[int, int]]:
    return value


def attributes_of(attributes: Iterable[Attribute]) -> JSON:
    """Attributes by name; numbers as numbers."""
    content: JSON = {}
    for attribute in attributes:
        try:
            content[attribute.name] = float(attribute.value)
        except ValueError:
            content[attribute.name] = attribute.value
    return content


def labels_of(labels: Iterable[Label]) -> list[JSON]:
    """Labels as pairs; a missing value is left out."""
    return [{"key": each.key} if each.value is None else {"key": each.key, "value": each.value} for each in labels]


def seconds_of(master: Books, ns: int) -> float:
    """A point of virtual time in seconds since 1970."""
    return epoch(master.time) - (master.now - ns) / 1e9


def epoch(time: datetime) -> float:
    """An aware datetime in seconds since 1970."""
    return time.timestamp()
