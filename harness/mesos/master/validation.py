"""What makes a task, a launch or a framework unacceptable, in Mesos's words. Pure functions: None means acceptable.

Source: Mesos ``src/master/validation.cpp``, ``src/common/validation.cpp``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from harness.durations import Duration, to_ns
from harness.errors import MisuseError
from harness.mesos.master.records import NO_RESOURCES, AgentRecord, FrameworkRecord
from harness.mesos.messages import ExecutorInfo, FrameworkInfo, Offer, SlaveInfo, TaskInfo
from harness.mesos.resources import Resources

MINIMUM_AGENT_VERSION = (1, 0, 0)
_NO_TIME = Duration(0)
_NOT_IN_ROLES = "\t\n\v\f\r \x7f"


def validate_id(text: str) -> str | None:
    """An id becomes part of a path, so it must be able to be one."""
    if not text:
        return "ID must not be empty"
    if len(text) > 255:
        return "ID must not be greater than 255 characters"
    if text in (".", ".."):
        return f"'{text}' is disallowed"
    if any(character in "/\\" or ord(character) < 32 or ord(character) == 127 for character in text):
        return f"'{text}' contains invalid characters"
    return None


def validate_role(role: str) -> str | None:
    """Roles are paths without odd characters; ``*`` stands alone."""
    if role == "*":
        return None
    if not role:
        return "Role names cannot be the empty string"
    if role.startswith("/"):
        return f"Role '{role}' cannot start with a slash"
    if role.endswith("/"):
        return f"Role '{role}' cannot end with a slash"
    for part in role.split("/"):
        if not part:
            return f"Role '{role}' cannot contain two adjacent slashes"
        if part in (".", "..", "*"):
            return f"Role '{role}' cannot include '{part}' as a component"
        if part.startswith("-"):
            return f"Role component '{part}' is invalid because it starts with a dash"
        if any(character in _NOT_IN_ROLES for character in part):
            return f"Role component '{part}' is invalid because it contains backspace or whitespace"
    return None


def validate_framework(
    info: FrameworkInfo, completed: Mapping[str, FrameworkRecord], allowed_roles: Collection[str] | None
) -> str | None:
    """A framework that subscribes."""
    for role in info.subscribed_roles:
        error = validate_role(role)
        if error is not None:
            return f"'FrameworkInfo.roles' contains invalid role: {error}"
    if len(dict.fromkeys(info.subscribed_roles)) != len(info.subscribed_roles):
        twice = sorted(role for role in dict.fromkeys(info.subscribed_roles) if info.subscribed_roles.count(role) > 1)
        return f"'FrameworkInfo.roles' contains duplicate items: {{ {', '.join(twice)} }}"
    if allowed_roles is not None:
        unknown = [role for role in info.subscribed_roles if role != "*" and role not in allowed_roles]
        if unknown:
            return f"Roles '{{ {', '.join(unknown)} }}' are not present in the master's --roles"
    if info.id is not None:
        error = validate_id(info.id)
        if error is not None:
            return error
        if info.id in completed:
            return "Framework has been removed"
    try:
        # Mesos accepts a negative one, and then never removes the framework: surely nobody's wish.
        valid = 0 <= to_ns(info.failover_timeout, "failover_timeout") < 2**63
    except (TypeError, MisuseError, OverflowError):
        valid = False
    if not valid:
        given = info.failover_timeout
        return f"The framework failover_timeout ({f'{given:g}' if isinstance(given, float) else given}) is invalid"
    return None


def validate_offers(
    offer_ids: tuple[str, ...], offers: Mapping[str, Offer], framework: FrameworkRecord, agents: Mapping[str, AgentRecord]
) -> str | None:
    """Offers that a framework wants to use together."""
    if not offer_ids:
        return "No offers specified"
    if len(dict.fromkeys(offer_ids)) != len(offer_ids):
        twice = next(offer_id for n, offer_id in enumerate(offer_ids) if offer_id in offer_ids[:n])
        return f"Duplicate offer {twice} in offer list"
    first: Offer | None = None
    for offer_id in offer_ids:
        offer = offers.get(offer_id)
        if offer is None:
            return f"Offer {offer_id} is no longer valid"
        if offer.framework_id != framework.id:
            return f"Offer {offer_id} has invalid framework {offer.framework_id} while framework {framework.id} is expected"
        if offer.slave_id not in agents:
            return f"Offer {offer_id} outlived agent {offer.slave_id}"
        if first is None:
            first = offer
        elif offer.slave_id != first.slave_id:
            return (
                "Aggregated offers must belong to one single agent. "
                f"Offer {offer_id} uses agent {offer.slave_id} and agent {first.slave_id}"
            )
        elif offer.role != first.role:
            return (
                "Aggregated offers must be allocated to the same role. "
                f"Offer {offer_id} uses role '{offer.role}' and role '{first.role}'"
            )
    return None


def validate_amounts(tasks: Sequence[TaskInfo], executor: ExecutorInfo | None = None) -> str | None:
    """The resources of all that one operation launches: one impossible amount spoils the whole operation, before all else."""
    for task in tasks:
        error = task.resources.validate()
        if error is None and task.executor is not None:
            error = task.executor.resources.validate()
        if error is not None:
            return error
    return executor.resources.validate() if executor is not None else None


def validate_task(task: TaskInfo, framework: FrameworkRecord, agent: AgentRecord, available: Resources) -> str | None:
    """A task to be launched on ``agent``; ``available`` is what is left of the offers, allocated to their role."""
    error = _validate_common(task, framework, agent)
    if error is not None:
        return error
    if (task.executor is None) == (task.command is None):
        return "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"
    needed = task.resources
    if task.executor is not None:
        error = _validate_executor(task.executor, framework, agent)
        if error is not None:
            return error
        if not agent.has_executor(framework.id, task.executor.executor_id):
            needed = needed + task.executor.resources
    if not available.contains(needed):
        return f"Total resources {needed} required by task and its executor is more than available {available}"
    return None


def validate_group(
    tasks: Sequence[TaskInfo], executor: ExecutorInfo, framework: FrameworkRecord, agent: AgentRecord, available: Resources
) -> str | None:
    """Tasks to be launched together in one executor on ``agent``."""
    error = _validate_executor(executor, framework, agent)
    needed = NO_RESOURCES if agent.has_executor(framework.id, executor.executor_id) else executor.resources
    seen: dict[str, None] = {}
    for task in tasks:
        error = error or _validate_common(task, framework, agent)
        if error is None and task.task_id in seen:
            error = f"Task has duplicate ID: {task.task_id}"
        if error is None and task.executor is not None and task.executor.executor_id != executor.executor_id:
            error = f"The `ExecutorInfo` of task '{task.task_id}' is different from executor '{executor.executor_id}'"
        if error is not None:
            return f"Task '{task.task_id}' is invalid: {error}"
        seen[task.task_id] = None
        needed = needed + task.resources
    if not tasks:
        return "Task group cannot be empty"
    if not available.contains(needed):
        return f"Total resources {needed} required by task group and its executor are more than available {available}"
    return None


def _validate_common(task: TaskInfo, framework: FrameworkRecord, agent: AgentRecord) -> str | None:
    error = validate_id(task.task_id)
    if error is not None:
        return error
    if task.task_id in framework.tasks:
        return f"Task has duplicate ID: {task.task_id}"
    if task.task_id in framework.unreachable_tasks:
        return f"Task reuses the ID of an unreachable task: {task.task_id}"
    if task.slave_id != agent.id:
        return f"Task uses invalid agent {task.slave_id} while agent {agent.id} is expected"
    if task.kill_policy is not None and (task.kill_policy.grace_period or _NO_TIME) < _NO_TIME:
        return "Task's 'kill_policy.grace_period' must be non-negative"
    if (task.max_completion_time or _NO_TIME) < _NO_TIME:
        return "Task's `max_completion_time` must be non-negative"
    return None if task.resources else "Task uses no resources"


def _validate_executor(executor: ExecutorInfo, framework: FrameworkRecord, agent: AgentRecord) -> str | None:
    error = validate_id(executor.executor_id)
    if error is not None:
        return error
    if executor.framework_id is not None and executor.framework_id != framework.id:
        return f"ExecutorInfo has an invalid FrameworkID (Actual: {executor.framework_id} vs Expected: {framework.id})"
    known = agent.executors.get(framework.id, {}).get(executor.executor_id)
    if known is not None and known.replace(framework_id=None) != executor.replace(framework_id=None):
        return (
            f"ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID. Existing ExecutorInfo: {known}; "
            f"Task's ExecutorInfo: {executor}"
        )
    return None


def validate_agent(info: SlaveInfo) -> str | None:
    """An agent that registers."""
    if info.id is not None:
        error = validate_id(info.id)
        if error is not None:
            return f"Agent has invalid id: {error}"
    error = info.resources.validate()
    return f"Agent has invalid resources: {error}" if error is not None else None


def version_of(text: str) -> tuple[int, int, int] | None:
    """The three numbers of a version such as ``1.11.0``, or None; missing ones are 0, a suffix after a dash is ignored."""
    parts = text.partition("-")[0].split(".")
    if not 1 <= len(parts) <= 3 or not all(part.isdigit() for part in parts):
        return None
    numbers = [int(part) for part in parts] + [0, 0]
    return numbers[0], numbers[1], numbers[2]
