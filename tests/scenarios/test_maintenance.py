"""Planned maintenance, after ``master_maintenance_tests.cpp``."""

from __future__ import annotations

from typing import Any

from harness import Clock, Cluster, MockAllocator, MockScheduler, make_task
from harness.durations import seconds
from tests.scenarios.situations import Holds, paused_agent, states


def inverse_offers_filters(cluster: Cluster, clock: Clock, allocator: MockAllocator) -> None:
    master = cluster.start_master(allocator=allocator)
    agents = [paused_agent(cluster, hostname=name) for name in ("maintenance-host", "maintenance-host-2")]
    planned = clock.now + seconds(60).to_timedelta()
    cluster.wait(master.set_maintenance_schedule({agent.hostname: (planned, "120secs") for agent in agents}))
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler)
    driver = framework.driver
    clock.settle()
    clock.advance("1secs")
    offers = {offer.slave_id: offer for offer in framework.offers}
    assert sorted(offers) == sorted(str(agent.id) for agent in agents)
    for offer in offers.values():
        assert (offer.unavailability.start, offer.unavailability.duration) == (planned, seconds(120))
    for offer in offers.values():
        driver.launch_tasks([offer.id], [make_task(offer)])
    clock.settle()
    assert states(scheduler).count("TASK_RUNNING") == 2
    clock.advance("1secs")
    asked = _inverse(scheduler)
    one, two = agents
    assert sorted(asked) == sorted([one.id, two.id])
    driver.decline_inverse_offers([asked[two.id].id], refuse_seconds="101secs")
    driver.accept_inverse_offers([asked[one.id].id], refuse_seconds=0)
    clock.settle()
    answers = {call.args["slave_id"]: call.args["status"] for call in allocator.calls_to("updateInverseOffer")}
    assert answers == {two.id: "DECLINE", one.id: "ACCEPT"}
    for _ in range(2):
        seen = len(scheduler.calls_to("inverse_offers"))
        clock.advance("1secs")
        calls = scheduler.calls_to("inverse_offers")[seen:]
        (again,) = [each for call in calls for each in call.args["inverse_offers"]]
        assert again.slave_id == one.id
        driver.decline_inverse_offers([again.id], refuse_seconds=0)
        clock.settle()


def _inverse(scheduler: MockScheduler) -> dict[str, Any]:
    calls = scheduler.calls_to("inverse_offers")
    return {each.slave_id: each for call in calls for each in call.args["inverse_offers"]}


def test_inverse_offers_filters(holds: Holds) -> None:
    """T51: a framework that declines to leave an agent is asked again when its filter ends, not before."""
    holds(inverse_offers_filters)


def machine_down_and_up(cluster: Cluster, clock: Clock) -> None:
    master = cluster.start_master()
    agent = cluster.start_agent(hostname="rack-1")
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler, checkpoint=True, partition_aware=True)
    (offer, *_) = cluster.wait(framework.next_offers())
    framework.run_task(offer)
    events = master.subscribe()
    cluster.wait(master.set_maintenance_schedule({"rack-1": ("60secs", None)}))
    lost = scheduler.expect.slave_lost(slave_id=agent.id).once()
    cluster.wait(master.start_maintenance("rack-1"))
    cluster.wait(lost)
    assert (states(scheduler)[-1], master.agents) == ("TASK_LOST", {})
    assert [event.type for event in events if event.type.startswith("AGENT")] == ["AGENT_REMOVED"]
    cluster.wait(lambda: not agent.running, timeout="60secs")
    agent.restart()
    cluster.run_for("5secs")
    assert master.agents == {}
    cluster.wait(master.stop_maintenance("rack-1"))
    if not agent.running:
        agent.restart()
    cluster.wait(agent.registered, timeout="60secs")


def test_machine_down_and_up(holds: Holds) -> None:
    """A machine that is taken down loses its agent, which cannot register until the machine is up again."""
    holds(machine_down_and_up)
