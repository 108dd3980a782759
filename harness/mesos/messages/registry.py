"""Operations on the registry, the only state that outlives a master.

Source: Mesos ``registry_operations.hpp``. How each changes the registry is the registrar's business.
"""

from __future__ import annotations

from datetime import datetime

from harness.durations import Duration
from harness.mesos.messages.base import Record
from harness.mesos.messages.infos import MachineID, MasterInfo, SlaveInfo, Unavailability


class RegistryOperation(Record, frozen=True, kw_only=True):
    """What all operations are; the registrar takes any of them."""


class Recover(RegistryOperation, frozen=True, kw_only=True):
    """A newly elected master writes its own description."""

    info: MasterInfo


class AdmitSlave(RegistryOperation, frozen=True, kw_only=True):
    """Admit a new agent; refused when its id is known already."""

    info: SlaveInfo


class UpdateSlave(RegistryOperation, frozen=True, kw_only=True):
    """Change the description of an admitted agent."""

    info: SlaveInfo


class RemoveSlave(RegistryOperation, frozen=True, kw_only=True):
    """Forget an admitted agent."""

    info: SlaveInfo


class MarkSlaveUnreachable(RegistryOperation, frozen=True, kw_only=True):
    """Move an agent from the admitted to the unreachable ones."""

    info: SlaveInfo
    unreachable_time: datetime


class MarkSlaveReachable(RegistryOperation, frozen=True, kw_only=True):
    """Admit an agent again, unreachable or not known at all."""

    info: SlaveInfo


class MarkSlaveGone(RegistryOperation, frozen=True, kw_only=True):
    """Note that an operator declared an agent gone for good."""

    id: str
    gone_time: datetime


class Prune(RegistryOperation, frozen=True, kw_only=True):
    """Forget old unreachable and gone agents."""

    to_remove_unreachable: tuple[str, ...] = ()
    to_remove_gone: tuple[str, ...] = ()


class DrainAgent(RegistryOperation, frozen=True, kw_only=True):
    """Note that an agent is being emptied."""

    slave_id: str
    max_grace_period: Duration | None = None
    mark_gone: bool = False


class MarkAgentDrained(RegistryOperation, frozen=True, kw_only=True):
    """Note that a draining agent is empty."""

    slave_id: str


class DeactivateAgent(RegistryOperation, frozen=True, kw_only=True):
    """Note that an agent's resources are not to be offered."""

    slave_id: str


class ReactivateAgent(RegistryOperation, frozen=True, kw_only=True):
    """Undo a deactivation or draining."""

    slave_id: str


class MaintenanceWindow(Record, frozen=True, kw_only=True):
    """Machines that are unavailable together."""

    machine_ids: tuple[MachineID, ...] = ()
    unavailability: Unavailability


class MaintenanceSchedule(Record, frozen=True, kw_only=True):
    """All planned windows (Mesos: ``maintenance::Schedule``)."""

    windows: tuple[MaintenanceWindow, ...] = ()


class UpdateMaintenanceSchedule(RegistryOperation, frozen=True, kw_only=True):
    """Replace the maintenance schedule."""

    schedule: MaintenanceSchedule


class StartMaintenance(RegistryOperation, frozen=True, kw_only=True):
    """Take machines down."""

    ids: tuple[MachineID, ...] = ()


class StopMaintenance(RegistryOperation, frozen=True, kw_only=True):
    """Bring machines up."""

    ids: tuple[MachineID, ...] = ()


class QuotaConfig(Record, frozen=True, kw_only=True):
    """What a role is guaranteed and what it may have at most, as texts such as ``cpus:2; mem:0``: a limit of 0 is a limit."""

    role: str
    guarantees: str = ""
    limits: str = ""


class UpdateQuota(RegistryOperation, frozen=True, kw_only=True):
    """Replace the quotas of some roles."""

    configs: tuple[QuotaConfig, ...] = ()


class WeightInfo(Record, frozen=True, kw_only=True):
    """How much a role counts."""

    role: str
    weight: float = 1.0


class UpdateWeights(RegistryOperation, frozen=True, kw_only=True):
    """Replace the weights of some roles."""

    weight_infos: tuple[WeightInfo, ...] = ()
