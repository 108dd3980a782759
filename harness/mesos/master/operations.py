"""What else can be done with offers than launching: reservations made and given up, volumes created and destroyed.

An operation turns some of the offered resources into others. One that does not fit is dropped, and its resources stay what they
were. The agent is told what it has to remember from now on (Mesos sends agents with resource providers an ApplyOperationMessage;
here all get the CheckpointResourcesMessage, which carries the same outcome).
Source: Mesos ``src/master/validation.cpp`` (``operation::validate``), ``src/common/resources_utils.cpp``
(``getResourceConversions``), ``_accept`` in ``src/master/master.cpp``.
"""

from __future__ import annotations

from collections.abc import Callable

from harness.errors import MisuseError
from harness.mesos.allocator.options import ResourceConversion
from harness.mesos.master.reconciliation import Reconciliation
from harness.mesos.master.records import AgentRecord, FrameworkRecord
from harness.mesos.messages import CheckpointResourcesMessage, Operation
from harness.mesos.resources import Identity, Resources
from harness.mesos.states import OperationType


class Operations(Reconciliation):
    """Conversions of offered resources."""

    def converted(
        self, framework: FrameworkRecord, agent: AgentRecord, role: str, operation: Operation, left: Resources
    ) -> ResourceConversion | None:
        """The conversion that an operation means for what is ``left`` of the offers, or None: then it is dropped."""
        error = None
        conversion = None
        try:
            conversion = conversion_of(operation, role)
        except MisuseError as unfit:
            error = str(unfit)
        if conversion is not None and not left.contains(conversion.consumed):
            error = f"{conversion.consumed} is not contained in the offered resources {left}"
        if error is not None or conversion is None:
            self.note("Dropping {} operation of framework {}: {}", operation.type, framework.label, error)
            return None
        self.note("Applying {} operation of framework {} on agent {}", operation.type, framework.label, agent.label)
        return conversion

    def apply_conversions(self, agent: AgentRecord, conversions: list[ResourceConversion]) -> None:
        """Take conversions into the agent's books, and tell it."""
        for conversion in conversions:
            consumed, made = conversion.consumed.unallocate(), conversion.converted.unallocate()
            agent.total = agent.total - consumed + made
            agent.checkpointed = agent.checkpointed - consumed + made.filter(_is_checkpointed)
        self.send(agent.pid, CheckpointResourcesMessage(resources=agent.checkpointed))


def conversion_of(operation: Operation, role: str) -> ResourceConversion:
    """What an operation consumes and makes, of resources allocated to ``role``.

    Raises:
        MisuseError: the operation is not valid; the text says why in Mesos's words.
    """
    resources = _resources_of(operation)
    error = resources.validate()
    if error is not None or not resources:
        raise MisuseError(f"Invalid resources: {error or 'none given'}")
    given = resources.unallocate()
    for identity in given.entries:
        _check(operation.type, identity, role)
    if operation.type == OperationType.RESERVE:
        before = _changed(given, lambda identity: identity._replace(reservations=identity.reservations[:-1]))
        source = operation.reserve.source if operation.reserve is not None else None
        consumed, made = source.unallocate() if source is not None else before, given
    elif operation.type == OperationType.UNRESERVE:
        consumed, made = given, _changed(given, lambda identity: identity._replace(reservations=identity.reservations[:-1]))
    elif operation.type == OperationType.CREATE:
        consumed, made = _changed(given, lambda identity: identity._replace(disk=None)), given
    else:
        consumed, made = given, _changed(given, lambda identity: identity._replace(disk=None))
    return ResourceConversion(consumed=consumed.allocate(role), converted=made.allocate(role))


def _resources_of(operation: Operation) -> Resources:
    if operation.reserve is not None:
        return operation.reserve.resources
    if operation.unreserve is not None:
        return operation.unreserve.resources
    if operation.create is not None:
        return operation.create.volumes
    if operation.destroy is not None:
        return operation.destroy.volumes
    raise MisuseError(f"the {operation.type} operation has no content")


def _check(kind: OperationType, identity: Identity, role: str) -> None:
    dynamic = bool(identity.reservations) and identity.reservations[-1][0] == "DYNAMIC"
    if kind in (OperationType.RESERVE, OperationType.UNRESERVE):
        if not dynamic:
            raise MisuseError(f"Resource {identity.name} is not dynamically reserved")
        if identity.disk is not None:
            raise MisuseError(f"A dynamically reserved persistent volume '{identity.disk}' cannot be (un)reserved directly")
        if kind == OperationType.RESERVE and role != identity.role and not role.startswith(identity.role + "/"):
            raise MisuseError(
                f"A reserve operation was attempted for a resource with role '{identity.role}', "
                f"but the framework can only reserve resources with role '{role}'"
            )
    elif identity.disk is None:
        raise MisuseError(f"Resource {identity.name} does not have DiskInfo")
    elif not identity.reservations:
        raise MisuseError("Persistent volumes cannot be created from unreserved resources")


def _changed(resources: Resources, change: Callable[[Identity], Identity]) -> Resources:
    total = Resources()
    for identity, value in resources.entries.items():
        total = total + Resources.from_entries({change(identity): value})
    return total


def _is_checkpointed(identity: Identity) -> bool:
    """Whether an agent has to remember this: it is no part of what its flags say."""
    return identity.disk is not None or any(kind == "DYNAMIC" for kind, _ in identity.reservations)


def with_checkpointed(total: Resources, checkpointed: Resources) -> Resources:
    """An agent's resources by its flags, with the parts that were reserved or made volumes of since."""
    for identity, value in checkpointed.entries.items():
        static = tuple(pair for pair in identity.reservations if pair[0] != "DYNAMIC")
        plain = Resources.from_entries({identity._replace(reservations=static, disk=None): value})
        if total.contains(plain):
            total = total - plain + Resources.from_entries({identity: value})
    return total
