"""Schedules, inverse offers, machines down and up."""

from __future__ import annotations

from typing import Any

import pytest
from master_bench import Bench, real_bench

from harness.durations import Duration, seconds
from harness.errors import FutureFailed
from harness.mesos.master.maintenance import validate_schedule
from harness.mesos.messages import (
    Call,
    Filters,
    InverseOffersMessage,
    MachineID,
    MachineInfo,
    MaintenanceSchedule,
    MaintenanceWindow,
    RescindInverseOfferMessage,
    ShutdownMessage,
    Unavailability,
)


def schedule(bench: Bench, *hostnames: str, duration: Duration | None = None) -> MaintenanceSchedule:
    start = bench.world.clock.now + seconds(60).to_timedelta()
    machines = tuple(MachineID(hostname=name) for name in hostnames)
    if not machines:
        return MaintenanceSchedule()
    window = MaintenanceWindow(machine_ids=machines, unavailability=Unavailability(start=start, duration=duration))
    return MaintenanceSchedule(windows=(window,))


def ask(bench: Bench, method: str, *args: Any) -> Any:
    master = bench.master
    answer = master.dispatch(master.address, method, *args)
    bench.settle()
    assert answer.done
    return answer


def planned() -> tuple[Bench, Any, Any]:
    """A framework with a task on an agent whose maintenance was planned afterwards."""
    bench = real_bench()
    agent = bench.agent()
    scheduler = bench.scheduler()
    bench.running_task(scheduler, agent)
    ask(bench, "update_maintenance_schedule", schedule(bench, "A1"))
    return bench, agent, scheduler


def test_inverse_offers_go_to_those_who_hold_something() -> None:
    """At once, whatever the case of the hostname, and only once while nobody answers."""
    bench, agent, scheduler = planned()
    bench.advance("3secs")
    (message,) = scheduler.heard_of(InverseOffersMessage)
    (inverse,) = message.inverse_offers
    assert (inverse.slave_id, inverse.framework_id) == (agent.id, scheduler.id)
    assert message.pids == (str(agent.address),)
    assert list(bench.master.inverse_offers) == [inverse.id]


@pytest.mark.parametrize(("filters", "again"), [(0.0, 1), (5.0, 0)])
def test_answers_are_filters(filters: float, again: int) -> None:
    """Who declines is asked again at the next run, or when the filter is over."""
    bench, _, scheduler = planned()
    inverse = scheduler.heard_of(InverseOffersMessage)[0].inverse_offers[0]
    decline = Call.DeclineInverseOffers(inverse_offer_ids=(inverse.id,), filters=Filters(refuse_seconds=filters))
    scheduler.call("DECLINE_INVERSE_OFFERS", decline_inverse_offers=decline)
    bench.settle()
    assert bench.master.inverse_offers == {}
    bench.advance("1secs")
    assert len(scheduler.heard_of(InverseOffersMessage)) == 1 + again


def test_a_new_schedule_withdraws_inverse_offers() -> None:
    """An empty schedule ends the matter: the inverse offer is rescinded, offers tell of nothing."""
    bench, agent, scheduler = planned()
    ask(bench, "update_maintenance_schedule", schedule(bench))
    assert len(scheduler.heard_of(RescindInverseOfferMessage)) == 1
    assert bench.master.machines == {}
    assert bench.master.unavailability_of(bench.master.agents[agent.id]) is None


def test_inverse_offers_time_out() -> None:
    """With ``offer_timeout`` an inverse offer that nobody answers is rescinded."""
    bench = real_bench(offer_timeout="30secs")
    agent = bench.agent()
    scheduler = bench.scheduler()
    bench.running_task(scheduler, agent)
    ask(bench, "update_maintenance_schedule", schedule(bench, "a1"))
    bench.advance("31secs")
    assert len(scheduler.heard_of(RescindInverseOfferMessage)) == 1
    assert len(scheduler.heard_of(InverseOffersMessage)) == 2


def test_down_and_up() -> None:
    """A machine goes down from the schedule only; its agents end, and none is let in before it is up."""
    bench, agent, scheduler = planned()
    machine = (MachineID(hostname="a1"),)
    assert _refusal(bench, "start_maintenance", (MachineID(hostname="a2"),)) == (
        """Machine '{"hostname":"a2"}' is not part of a maintenance schedule"""
    )
    assert "not in DOWN mode" in _refusal(bench, "stop_maintenance", machine)
    ask(bench, "start_maintenance", machine)
    assert [message.message for message in agent.heard_of(ShutdownMessage)] == ["Operator initiated 'Machine DOWN'"]
    assert bench.master.agents == {}
    assert scheduler.states[-1] == "TASK_LOST"
    assert scheduler.lost == [agent.id]
    newcomer = bench.agent("slave(2)", "a1")
    assert [message.message for message in newcomer.heard_of(ShutdownMessage)] == ["Machine is `DOWN`"]
    assert "cannot be removed" in _refusal(bench, "update_maintenance_schedule", schedule(bench))
    assert "not in DRAINING mode" in _refusal(bench, "start_maintenance", machine)
    ask(bench, "stop_maintenance", machine)
    newcomer.register()
    bench.settle()
    assert newcomer.id in bench.master.agents
    assert bench.master.registrar.registry.machines == {}
    assert bench.master.schedule.windows == ()


def _refusal(bench: Bench, method: str, *args: Any) -> str:
    answer = ask(bench, method, *args)
    assert isinstance(answer.error, FutureFailed) or answer.failed
    return str(answer.error)


def test_schedules_are_checked() -> None:
    """In Mesos's words."""
    bench = Bench()
    good = schedule(bench, "a1", "a2")
    assert validate_schedule(good, {}) is None
    twice = schedule(bench, "a1", "A1")
    assert "more than once" in (validate_schedule(twice, {}) or "")
    nameless = MaintenanceSchedule(windows=(good.windows[0].replace(machine_ids=(MachineID(),)),))
    assert validate_schedule(nameless, {}) == "Both 'hostname' and 'ip' for a machine are empty"
    empty = MaintenanceSchedule(windows=(good.windows[0].replace(machine_ids=()),))
    assert validate_schedule(empty, {}) == "List of machines in the maintenance window is empty"
    negative = schedule(bench, "a1", duration=Duration(-1))
    assert validate_schedule(negative, {}) == "Unavailability 'duration' is negative"
    down = {"a3": MachineInfo(id=MachineID(hostname="a3"), mode="DOWN")}
    assert "cannot be removed" in (validate_schedule(good, down) or "")
