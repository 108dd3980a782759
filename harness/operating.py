"""What an operator can ask of a master, as methods of its handle.

The answers are futures: ready after the registry was written, failed (:class:`~harness.errors.FutureFailed`) with Mesos's words.
Drive the cluster to get them: ``cluster.wait(master.mark_agent_gone(agent))``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from harness.durations import DurationLike, as_duration
from harness.errors import MisuseError
from harness.mesos.allocator import Quota
from harness.mesos.allocator.options import show_quantities
from harness.mesos.master import Master
from harness.mesos.messages import (
    MachineID,
    MaintenanceSchedule,
    MaintenanceWindow,
    OperatorEvent,
    Unavailability,
)
from harness.simulation import Future

Start = datetime | DurationLike


class OperatorCalls:
    """The operator's side of a master's handle. An agent or framework is named by its handle or its id."""

    def _running(self, what: str) -> Master:
        raise NotImplementedError

    def _ask(self, method: str, *args: Any) -> Future[None]:
        process = self._running(method)
        return process.dispatch(process.address, method, *args)

    # --- roles

    def update_weights(self, weights: Mapping[str, float]) -> Future[None]:
        """Set how much roles count, ``{"role": 2.0}``; the others keep theirs. Outstanding offers are taken back."""
        return self._ask("update_weights", dict(weights))

    def update_quota(self, role: str, guarantees: Any = "", limits: Any = "", *, force: bool = False) -> Future[None]:
        """Set what a role is guaranteed and limited to; both empty removes its quota.

        Args:
            role: a top-level role.
            guarantees: ``"cpus:2;mem:1024"``, a mapping, or resources.
            limits: the same; a limit of 0 is a limit.
            force: also if the guarantees exceed the cluster or the role has more than its limits.

        Raises:
            MisuseError: a guarantee above its limit, or a malformed text.
        """
        quota = Quota(guarantees, limits)
        shown = [show_quantities(each) if each else "" for each in (quota.guarantees, quota.limits)]
        return self._ask("update_quota", role, *shown, force)

    # --- maintenance

    def set_maintenance_schedule(self, schedule: Mapping[Any, tuple[Start, DurationLike | None]]) -> Future[None]:
        """Replace the whole schedule: ``{hostname: (start, duration)}``.

        Args:
            schedule: by hostname or agent handle. ``start`` is an aware datetime, or a span of time from now; a ``duration`` of
                None never ends.
        """
        now = self._running("set_maintenance_schedule").time
        windows: dict[Unavailability, list[MachineID]] = {}
        for machine, (start, duration) in schedule.items():
            begins = start if isinstance(start, datetime) else now + timedelta(microseconds=as_duration(start, "start").ns / 1000)
            if begins.tzinfo is None:
                raise MisuseError(f"set_maintenance_schedule: start={start} has no time zone; wanted an aware datetime or a span")
            lasts = None if duration is None else as_duration(duration, "duration")
            windows.setdefault(Unavailability(start=begins, duration=lasts), []).append(_machine(machine))
        return self._ask(
            "update_maintenance_schedule",
            MaintenanceSchedule(
                windows=tuple(
                    MaintenanceWindow(machine_ids=tuple(machines), unavailability=unavailability)
                    for unavailability, machines in windows.items()
                )
            ),
        )

    def start_maintenance(self, *hostnames: Any) -> Future[None]:
        """Take machines of the schedule down: their agents are shut down and removed, and may not register."""
        return self._ask("start_maintenance", tuple(map(_machine, hostnames)))

    def stop_maintenance(self, *hostnames: Any) -> Future[None]:
        """Bring machines up; they leave the schedule."""
        return self._ask("stop_maintenance", tuple(map(_machine, hostnames)))

    # --- agents

    def mark_agent_gone(self, agent: Any) -> Future[None]:
        """Declare an agent gone for good: its tasks are over, and it is never let in again."""
        return self._ask("mark_agent_gone", _id_of(agent, "mark_agent_gone"))

    def drain_agent(self, agent: Any, max_grace: DurationLike | None = None, mark_gone: bool = False) -> Future[None]:
        """Offer nothing of an agent any more and have it kill its tasks.

        Args:
            agent: which.
            max_grace: the longest time that a task gets to end by itself; None leaves that to the tasks.
            mark_gone: mark it gone once it is empty.
        """
        grace = None if max_grace is None else as_duration(max_grace, "max_grace")
        return self._ask("drain_agent", _id_of(agent, "drain_agent"), grace, mark_gone)

    def deactivate_agent(self, agent: Any) -> Future[None]:
        """Offer nothing of an agent until it is reactivated."""
        return self._ask("deactivate_agent", _id_of(agent, "deactivate_agent"))

    def reactivate_agent(self, agent: Any) -> Future[None]:
        """Offer an agent's resources again, after it was deactivated or has been drained."""
        return self._ask("reactivate_agent", _id_of(agent, "reactivate_agent"))

    # --- frameworks

    def teardown(self, framework: Any) -> Future[None]:
        """End a framework with all its tasks."""
        return self._ask("teardown_framework", _id_of(framework, "teardown"))

    # --- looking

    def subscribe(self) -> list[OperatorEvent]:
        """Operator events from now on, in a list that grows; the first is SUBSCRIBED, with what there is already."""
        return self._running("subscribe").add_subscriber()

    def state(self) -> dict[str, Any]:
        """The content of ``/state`` as dicts and lists."""
        return self._running("state").state()


def _id_of(thing: Any, call: str) -> str:
    named = thing if isinstance(thing, str) else getattr(thing, "id", None)
    if not isinstance(named, str):
        raise MisuseError(f"{call}({thing!r}): wanted an id, or a handle of something that is registered already")
    return named


def _machine(machine: Any) -> MachineID:
    if isinstance(machine, MachineID):
        return machine
    hostname = machine if isinstance(machine, str) else getattr(machine, "hostname", None)
    if not isinstance(hostname, str):
        raise MisuseError(f"{machine!r} is no machine; wanted a hostname or an agent's handle")
    return MachineID(hostname=hostname)
