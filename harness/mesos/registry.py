"""The registry, the only state that outlives a master, and what each operation does to it.

Source: Mesos ``src/master``, ``registry.proto`` and ``{registry_operations,maintenance,quota,weights}.cpp``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from harness.mesos.messages import (
    AdmitSlave,
    DeactivateAgent,
    DrainAgent,
    DrainConfig,
    DrainInfo,
    MachineID,
    MachineInfo,
    MaintenanceSchedule,
    MarkAgentDrained,
    MarkSlaveGone,
    MarkSlaveReachable,
    MarkSlaveUnreachable,
    MasterInfo,
    Prune,
    QuotaConfig,
    ReactivateAgent,
    Recover,
    RemoveSlave,
    SlaveInfo,
    StartMaintenance,
    StopMaintenance,
    UpdateMaintenanceSchedule,
    UpdateQuota,
    UpdateSlave,
    UpdateWeights,
)


class Registry:
    """What a master has to remember: agents by id, in the order in which they came to their list.

    ``admitted`` holds SlaveInfos, ``unreachable`` and ``gone`` the time of the verdict, ``master`` the last master that
    recovered. What operators decided: ``weights`` and ``quotas`` by role, the maintenance ``schedule`` and its ``machines`` by
    hostname, agents that are ``draining`` or ``deactivated`` by id.
    """

    __slots__ = (
        "admitted",
        "deactivated",
        "draining",
        "gone",
        "machines",
        "master",
        "quotas",
        "schedule",
        "unreachable",
        "weights",
    )

    def __init__(self) -> None:
        self.master: MasterInfo | None = None
        self.admitted: dict[str, SlaveInfo] = {}
        self.unreachable: dict[str, datetime] = {}
        self.gone: dict[str, datetime] = {}
        # An operation replaces these as a whole and never changes one in place, so copies may share them.
        self.weights: Mapping[str, float] = {}
        self.quotas: Mapping[str, QuotaConfig] = {}
        self.schedule = MaintenanceSchedule()
        self.machines: Mapping[str, MachineInfo] = {}
        self.draining: Mapping[str, DrainInfo] = {}
        self.deactivated: Mapping[str, None] = {}

    def copy(self) -> Registry:
        """An independent copy; what it holds is immutable."""
        other = Registry()
        other.master = self.master
        other.admitted = dict(self.admitted)
        other.unreachable = dict(self.unreachable)
        other.gone = dict(self.gone)
        other.weights, other.quotas = self.weights, self.quotas
        other.schedule, other.machines = self.schedule, self.machines
        other.draining, other.deactivated = self.draining, self.deactivated
        return other

    def __str__(self) -> str:
        return f"Registry(admitted={len(self.admitted)}, unreachable={len(self.unreachable)}, gone={len(self.gone)})"


# --- what each operation does: True if it fits, False if not


def _recover(registry: Registry, operation: Recover) -> bool:
    registry.master = operation.info
    return True


def _admit(registry: Registry, operation: AdmitSlave) -> bool:
    slave_id = operation.info.id
    if slave_id is None or slave_id in registry.admitted:
        return False
    registry.admitted[slave_id] = operation.info
    return True


def _update(registry: Registry, operation: UpdateSlave) -> bool:
    slave_id = operation.info.id
    if slave_id is None or slave_id not in registry.admitted:
        return False
    registry.admitted[slave_id] = operation.info
    return True


def _remove(registry: Registry, operation: RemoveSlave) -> bool:
    _forget_drain(registry, operation.info.id or "")
    return registry.admitted.pop(operation.info.id or "", None) is not None


def _mark_unreachable(registry: Registry, operation: MarkSlaveUnreachable) -> bool:
    slave_id = operation.info.id
    if slave_id is None or registry.admitted.pop(slave_id, None) is None:
        return False
    registry.unreachable[slave_id] = operation.unreachable_time
    return True


def _mark_reachable(registry: Registry, operation: MarkSlaveReachable) -> bool:
    slave_id = operation.info.id
    if slave_id is None:
        return False
    # An agent that nobody knows is admitted too: its entry may have been pruned, or the registry is a new one.
    registry.unreachable.pop(slave_id, None)
    registry.admitted.setdefault(slave_id, operation.info)
    return True


def _mark_gone(registry: Registry, operation: MarkSlaveGone) -> bool:
    known = registry.admitted.pop(operation.id, None) is not None
    known = registry.unreachable.pop(operation.id, None) is not None or known
    if not known:
        return False
    _forget_drain(registry, operation.id)
    registry.gone[operation.id] = operation.gone_time
    return True


def _prune(registry: Registry, operation: Prune) -> bool:
    for slave_id in operation.to_remove_unreachable:
        registry.unreachable.pop(slave_id, None)
        _forget_drain(registry, slave_id)
    for slave_id in operation.to_remove_gone:
        registry.gone.pop(slave_id, None)
    return True


def _update_weights(registry: Registry, operation: UpdateWeights) -> bool:
    registry.weights = {**registry.weights, **{info.role: info.weight for info in operation.weight_infos}}
    return True


def _update_quota(registry: Registry, operation: UpdateQuota) -> bool:
    changed = {config.role: config for config in operation.configs}
    quotas = {**registry.quotas, **changed}
    # Back to no guarantee and no limit is no quota at all.
    registry.quotas = {role: config for role, config in quotas.items() if config.guarantees or config.limits}
    return True


def _update_schedule(registry: Registry, operation: UpdateMaintenanceSchedule) -> bool:
    registry.schedule = operation.schedule
    machines: dict[str, MachineInfo] = {}
    for window in operation.schedule.windows:
        for machine_id in window.machine_ids:
            key = machine_key(machine_id)
            known = registry.machines.get(key)
            mode = "DRAINING" if known is None else known.mode
            machines[key] = MachineInfo(id=machine_id, mode=mode, unavailability=window.unavailability)
    registry.machines = machines
    return True


def _start_maintenance(registry: Registry, operation: StartMaintenance) -> bool:
    down = {machine_key(machine_id) for machine_id in operation.ids}
    registry.machines = {
        key: machine.replace(mode="DOWN") if key in down else machine for key, machine in registry.machines.items()
    }
    return True


def _stop_maintenance(registry: Registry, operation: StopMaintenance) -> bool:
    up = {machine_key(machine_id) for machine_id in operation.ids}
    registry.machines = {key: machine for key, machine in registry.machines.items() if key not in up}
    registry.schedule = without_machines(registry.schedule, up)
    return True


def machine_key(machine_id: MachineID) -> str:
    """What a machine is known by: its hostname, whose case does not matter."""
    return (machine_id.hostname or "").lower()


def without_machines(schedule: MaintenanceSchedule, keys: Collection[str]) -> MaintenanceSchedule:
    """The schedule without these machines, and without windows that were only theirs."""
    windows = []
    for window in schedule.windows:
        left = tuple(machine_id for machine_id in window.machine_ids if machine_key(machine_id) not in keys)
        if left:
            windows.append(window.replace(machine_ids=left))
    return MaintenanceSchedule(windows=tuple(windows))


def _drain(registry: Registry, operation: DrainAgent) -> bool:
    if not _knows(registry, operation.slave_id):
        return False
    config = DrainConfig(max_grace_period=operation.max_grace_period, mark_gone=operation.mark_gone)
    registry.draining = {**registry.draining, operation.slave_id: DrainInfo(config=config)}
    registry.deactivated = {**registry.deactivated, operation.slave_id: None}
    return True


def _mark_drained(registry: Registry, operation: MarkAgentDrained) -> bool:
    info = registry.draining.get(operation.slave_id)
    if info is None:
        return False
    registry.draining = {**registry.draining, operation.slave_id: info.replace(state="DRAINED")}
    return True


def _deactivate(registry: Registry, operation: DeactivateAgent) -> bool:
    if not _knows(registry, operation.slave_id):
        return False
    registry.deactivated = {**registry.deactivated, operation.slave_id: None}
    return True


def _reactivate(registry: Registry, operation: ReactivateAgent) -> bool:
    _forget_drain(registry, operation.slave_id)
    return _knows(registry, operation.slave_id)


def _knows(registry: Registry, slave_id: str) -> bool:
    return slave_id in registry.admitted or slave_id in registry.unreachable


def _forget_drain(registry: Registry, slave_id: str) -> None:
    if slave_id in registry.draining:
        registry.draining = {key: info for key, info in registry.draining.items() if key != slave_id}
    if slave_id in registry.deactivated:
        registry.deactivated = {key: None for key in registry.deactivated if key != slave_id}


#: Operation class -> function that performs it on a registry.
OPERATIONS: dict[type, Callable[[Registry, Any], bool]] = {
    Recover: _recover,
    AdmitSlave: _admit,
    UpdateSlave: _update,
    RemoveSlave: _remove,
    MarkSlaveUnreachable: _mark_unreachable,
    MarkSlaveReachable: _mark_reachable,
    MarkSlaveGone: _mark_gone,
    Prune: _prune,
    UpdateWeights: _update_weights,
    UpdateQuota: _update_quota,
    UpdateMaintenanceSchedule: _update_schedule,
    StartMaintenance: _start_maintenance,
    StopMaintenance: _stop_maintenance,
    DrainAgent: _drain,
    MarkAgentDrained: _mark_drained,
    DeactivateAgent: _deactivate,
    ReactivateAgent: _reactivate,
}
