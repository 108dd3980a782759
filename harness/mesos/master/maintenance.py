"""Planned maintenance: a schedule, agents that are asked to be left, machines taken down and up again.

A machine is known by its hostname. In the schedule it is DRAINING: offers of its agents tell of the unavailability, and whoever
holds something there gets inverse offers. DOWN, its agents are shut down and removed, and cannot register. UP, it is nothing
special any more.
Source: Mesos ``src/master/http.cpp`` (``_updateMaintenanceSchedule``, ``_startMaintenance``, ``_stopMaintenance``),
``src/master/maintenance.cpp``, ``updateUnavailability`` in ``src/master/master.cpp``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.mesos.authorizer import Action
from harness.mesos.master.admission import Admission
from harness.mesos.messages import (
    MachineID,
    MachineInfo,
    MaintenanceSchedule,
    ShutdownMessage,
    StartMaintenance,
    StopMaintenance,
    Unavailability,
    UpdateMaintenanceSchedule,
)
from harness.mesos.registry import machine_key, without_machines
from harness.simulation import Future, Promise

MACHINE_DOWN = "Operator initiated 'Machine DOWN'"


class Maintenance(Admission):
    """The operator's calls about machines; all are answered with a future, ready after the registry was written."""

    # --- the schedule

    def update_maintenance_schedule(self, schedule: MaintenanceSchedule) -> Future[None]:
        """Replace the whole schedule; machines that are not in it any more are UP."""
        return self.ask(Action.UPDATE_MAINTENANCE_SCHEDULE, "schedule", "_update_maintenance_schedule", schedule)

    def _update_maintenance_schedule(self, promise: Promise[None], schedule: MaintenanceSchedule) -> None:
        error = validate_schedule(schedule, self.machines)
        if error is not None:
            promise.fail(error)
            return
        operation = UpdateMaintenanceSchedule(schedule=schedule)
        self.store(operation, promise, "_updated_maintenance_schedule", schedule)

    def _updated_maintenance_schedule(self, schedule: MaintenanceSchedule) -> None:
        planned = {
            machine_key(machine_id): (machine_id, window.unavailability)
            for window in schedule.windows
            for machine_id in window.machine_ids
        }
        for key, machine in list(self.machines.items()):
            if key not in planned:
                del self.machines[key]
                self._update_unavailability(key)
            else:
                self.machines[key] = machine.replace(unavailability=planned[key][1])
                self._update_unavailability(key)
        for key, (machine_id, unavailability) in planned.items():
            if key not in self.machines:
                self.machines[key] = MachineInfo(id=machine_id, mode="DRAINING", unavailability=unavailability)
                self._update_unavailability(key)
        self.schedule = schedule
        self.note("Updated the maintenance schedule: {} windows", len(schedule.windows))

    def _update_unavailability(self, key: str) -> None:
        """Take offers of the machine's agents back, so that the next ones tell the truth, and inform the allocator."""
        machine = self.machines.get(key)
        unavailability: Unavailability | None = machine.unavailability if machine is not None else None
        for agent in list(self.slaves.registered.values()):
            if agent.info.hostname.lower() != key:
                continue
            if unavailability is None:
                self.note("Removing unavailability of agent {}", agent.label)
            else:
                self.note("Updating unavailability of agent {}, starting at {}", agent.label, unavailability.start)
            for offer in list(agent.offers.values()):
                self.rescind_offer(offer)
            self.withdraw_inverse_offers(agent)
            self.allocator.update_unavailability(agent.id, unavailability)

    # --- down and up

    def start_maintenance(self, machine_ids: tuple[MachineID, ...]) -> Future[None]:
        """Take machines of the schedule down: their agents are shut down and removed."""
        return self.ask(Action.START_MAINTENANCE, _names(machine_ids), "_start_maintenance", machine_ids)

    def _start_maintenance(self, promise: Promise[None], machine_ids: tuple[MachineID, ...]) -> None:
        error = self._unfit(machine_ids, "DRAINING", "is not in DRAINING mode and cannot be brought down")
        if error is not None:
            promise.fail(error)
            return
        self.store(StartMaintenance(ids=machine_ids), promise, "_started_maintenance", machine_ids)

    def _started_maintenance(self, machine_ids: tuple[MachineID, ...]) -> None:
        for machine_id in machine_ids:
            key = machine_key(machine_id)
            for agent in list(self.slaves.registered.values()):
                if agent.info.hostname.lower() == key:
                    self.send(agent.pid, ShutdownMessage(message=MACHINE_DOWN))
                    # At once, should it not hear that.
                    self.remove_slave(agent, MACHINE_DOWN)
            self.machines[key] = self.machines[key].replace(mode="DOWN")
            self.note("Machine {} is DOWN", key)

    def stop_maintenance(self, machine_ids: tuple[MachineID, ...]) -> Future[None]:
        """Bring machines up; they leave the schedule."""
        return self.ask(Action.STOP_MAINTENANCE, _names(machine_ids), "_stop_maintenance", machine_ids)

    def _stop_maintenance(self, promise: Promise[None], machine_ids: tuple[MachineID, ...]) -> None:
        error = self._unfit(machine_ids, "DOWN", "is not in DOWN mode and cannot be brought up")
        if error is not None:
            promise.fail(error)
            return
        self.store(StopMaintenance(ids=machine_ids), promise, "_stopped_maintenance", machine_ids)

    def _stopped_maintenance(self, machine_ids: tuple[MachineID, ...]) -> None:
        keys = {machine_key(machine_id): None for machine_id in machine_ids}
        for key in keys:
            self.machines.pop(key, None)
            self.note("Machine {} is UP", key)
        self.schedule = without_machines(self.schedule, keys)

    def _unfit(self, machine_ids: tuple[MachineID, ...], mode: str, complaint: str) -> str | None:
        error = validate_machines(machine_ids)
        for machine_id in machine_ids:
            machine = self.machines.get(machine_key(machine_id))
            if error is None and machine is None:
                error = f"Machine '{show_machine(machine_id)}' is not part of a maintenance schedule"
            elif error is None and machine is not None and machine.mode != mode:
                error = f"Machine '{show_machine(machine_id)}' {complaint}"
        return error


def show_machine(machine_id: MachineID) -> str:
    """A machine as Mesos's answers show it, as JSON."""
    fields = [("hostname", machine_id.hostname), ("ip", machine_id.ip)]
    return "{" + ",".join(f'"{name}":"{value}"' for name, value in fields if value) + "}"


def validate_machines(machine_ids: Iterable[MachineID]) -> str | None:
    """Machines named together, in Mesos's words: at least one, each once and with a name."""
    seen: dict[str, None] = {}
    for machine_id in machine_ids:
        if not machine_id.hostname and not machine_id.ip:
            return "Both 'hostname' and 'ip' for a machine are empty"
        key = machine_key(machine_id)
        if key in seen:
            return f"Machine '{show_machine(machine_id)}' appears more than once in the schedule"
        seen[key] = None
    return None if seen else "List of machines is empty"


def validate_schedule(schedule: MaintenanceSchedule, machines: Mapping[str, MachineInfo]) -> str | None:
    """A schedule that is to replace the present one, in Mesos's words."""
    planned: dict[str, None] = {}
    for window in schedule.windows:
        if not window.machine_ids:
            return "List of machines in the maintenance window is empty"
        duration = window.unavailability.duration
        if duration is not None and duration.ns < 0:
            return "Unavailability 'duration' is negative"
        for machine_id in window.machine_ids:
            error = validate_machines((machine_id,))
            key = machine_key(machine_id)
            if error is None and key in planned:
                error = f"Machine '{show_machine(machine_id)}' appears more than once in the schedule"
            if error is not None:
                return error
            planned[key] = None
    for key, machine in machines.items():
        if machine.mode == "DOWN" and key not in planned:
            return f"Machine '{show_machine(machine.id)}' is deactivated and cannot be removed from the schedule"
    return None


def _names(machine_ids: Iterable[MachineID]) -> str:
    return ", ".join(machine_id.hostname or machine_id.ip or "" for machine_id in machine_ids)
