"""What operators ask of a master: weights, quotas, agents deactivated, drained and gone, teardown, events."""

from __future__ import annotations

from typing import Any

import pytest

from harness import Clock, Cluster, FutureFailed, MockAllocator, MockScheduler, make_task, seconds
from harness.mesos.messages import DrainSlaveMessage, ShutdownMessage, TaskStatus
from harness.simulation import Messages
from tests.scenarios.situations import Holds, amount, paused_agent, states, statuses


def refused(cluster: Cluster, answer: Any) -> str:
    """The words with which an operator's call was refused."""
    with pytest.raises(FutureFailed) as failed:
        cluster.wait(answer)
    return str(failed.value)


def _running(cluster: Cluster, framework: Any, **arguments: Any) -> Any:
    (offer, *_) = cluster.wait(framework.next_offers())
    return framework.run_task(offer, **arguments)


# --- weights and quotas


def weights(cluster: Cluster, clock: Clock) -> None:
    master = cluster.start_master()
    paused_agent(cluster)
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler, roles=("analytics",))
    (offer,) = cluster.wait(framework.next_offers())
    rescinded = scheduler.expect.offer_rescinded(offer_id=offer.id).once()
    cluster.wait(master.update_weights({"analytics": 2.0}))
    clock.settle()
    assert rescinded.count == 1
    assert master.registry.weights == {"analytics": 2.0}
    again = framework.next_offers()
    clock.advance("1secs")
    assert again.ready
    cluster.wait(master.update_weights({"nobody-s": 3.0}))
    clock.settle()
    assert len(framework.offers) == 1
    text = refused(cluster, master.update_weights({"analytics": 0}))
    assert "for role 'analytics': Invalid weight '0': Weights must be positive" in text


def test_weights(holds: Holds) -> None:
    """New weights are written, and take offers back only if a role with frameworks is among them."""
    holds(weights)


def quotas(cluster: Cluster, clock: Clock) -> None:
    master = cluster.start_master()
    paused_agent(cluster, "cpus:2;mem:1024")
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler, roles=("dev",))
    (whole,) = cluster.wait(framework.next_offers())
    assert amount(whole) == (2, 1024)
    rescinded = scheduler.expect.offer_rescinded(offer_id=whole.id).once()
    cluster.wait(master.update_quota("dev", limits="cpus:1;mem:512"))
    clock.settle()
    assert rescinded.count == 1
    chopped = framework.next_offers()
    clock.advance("1secs")
    assert amount(chopped.get()[0]) == (1, 512)
    assert "exceed cluster capacity" in refused(cluster, master.update_quota("prod", guarantees="cpus:5"))
    assert "nested role" in refused(cluster, master.update_quota("prod/web", limits="cpus:1"))
    cluster.wait(master.update_quota("prod", guarantees="cpus:5", force=True))
    assert sorted(master.registry.quotas) == ["dev", "prod"]
    cluster.wait(master.update_quota("prod"))
    assert sorted(master.registry.quotas) == ["dev"]


def test_quotas(holds: Holds) -> None:
    """A limit takes offers beyond it back, chops the next ones, and impossible quotas are refused."""
    holds(quotas)


def what_a_failover_keeps(cluster: Cluster, allocator: MockAllocator) -> None:
    master = cluster.start_master(registry="durable")
    agent = cluster.start_agent(hostname="rack-1")
    gone = cluster.start_agent()
    cluster.wait(agent.registered)
    cluster.wait(gone.registered)
    cluster.run_for("100ms")
    start = cluster.clock.now + seconds(3600).to_timedelta()
    cluster.wait(master.update_weights({"dev": 2.5}))
    cluster.wait(master.update_quota("dev", limits="cpus:1"))
    cluster.wait(master.set_maintenance_schedule({"rack-1": (start, "1hrs")}))
    cluster.wait(master.deactivate_agent(agent))
    cluster.wait(master.mark_agent_gone(gone))
    successor = cluster.fail_over_master(allocator=allocator)
    (recovered,) = allocator.calls_to("recover")
    assert recovered.args["expected_agent_count"] == 1
    assert repr(recovered.args["quotas"]["dev"]) == "Quota(guarantees='{}', limits='cpus:1')"
    (weighted,) = allocator.calls_to("updateWeights")
    assert list(weighted.args["weight_infos"]) == [("dev", 2.5)]
    cluster.wait(lambda: agent.id in successor.agents)
    (added,) = allocator.calls_to("addSlave")
    assert added.args["unavailability"].start == start
    assert successor.agents[agent.id].active is False
    assert list(successor.registry.gone) == [gone.id]


def test_what_a_failover_keeps(holds: Holds) -> None:
    """With a durable registry the next master knows quotas, weights, maintenance, and who is deactivated or gone."""
    holds(what_a_failover_keeps)


def hold_off(cluster: Cluster) -> None:
    master = cluster.start_master(registry="durable")
    agents = [cluster.start_agent("cpus:2;mem:1024") for _ in range(5)]
    for agent in agents:
        cluster.wait(agent.registered)
    cluster.wait(master.update_quota("dev", guarantees="cpus:1"))
    cluster.run_for("100ms")
    for agent in agents:
        agent.terminate()
    cluster.fail_over_master()
    framework = cluster.start_framework(MockScheduler())
    cluster.wait(framework.registered)
    for agent in agents[:3]:
        agent.restart()
    cluster.run_for("5secs")
    assert framework.offers == []
    agents[3].restart()
    cluster.wait(lambda: len(framework.offers) == 4)


def test_hold_off(holds: Holds) -> None:
    """With a quota in the registry nothing is offered until four of five agents are back."""
    holds(hold_off)


# --- agents


def deactivated(cluster: Cluster, clock: Clock) -> None:
    master = cluster.start_master()
    agent = paused_agent(cluster)
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler)
    cluster.wait(framework.next_offers())
    assert refused(cluster, master.reactivate_agent(agent)) == "Agent is not deactivated"
    assert refused(cluster, master.deactivate_agent("nobody")) == "Unknown agent"
    cluster.wait(master.deactivate_agent(agent))
    clock.settle()
    assert framework.offers == []
    clock.advance("3secs")
    assert (framework.offers, master.agents[agent.id].active) == ([], False)
    agent.terminate()
    clock.settle()
    agent.restart()
    clock.advance("3secs")
    assert (framework.offers, master.agents[agent.id].active) == ([], False)
    cluster.wait(master.reactivate_agent(agent))
    clock.advance("1secs")
    assert len(framework.offers) == 1


def test_deactivated(holds: Holds) -> None:
    """Nothing of a deactivated agent is offered, over its restarts too, until it is reactivated."""
    holds(deactivated)


def drained(cluster: Cluster, messages: Messages) -> None:
    master = cluster.start_master()
    agent = cluster.start_agent()
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler)
    _running(cluster, framework)
    order = messages.hold(DrainSlaveMessage, dst=agent)
    cluster.wait(master.drain_agent(agent, max_grace="10secs"))
    assert refused(cluster, master.reactivate_agent(agent)) == "Agent is still in the DRAINING state"
    order.release()
    order.cancel()
    cluster.wait(lambda: master.state()["slaves"][0]["drain_info"]["state"] == "DRAINED")
    assert states(scheduler)[-1] in ("TASK_KILLED", "TASK_LOST", "TASK_FAILED")
    assert framework.tasks == {}
    cluster.wait(master.reactivate_agent(agent))
    cluster.wait(framework.next_offers())


def test_drained(holds: Holds) -> None:
    """A draining agent kills its tasks, is DRAINED when the last update is acknowledged, and can be reactivated."""
    holds(drained)


def drained_and_gone(cluster: Cluster) -> None:
    master = cluster.start_master()
    agent = cluster.start_agent()
    scheduler = MockScheduler()
    lost = scheduler.expect.slave_lost().once()
    framework = cluster.start_framework(scheduler, partition_aware=True)
    _running(cluster, framework)
    known_as = agent.id
    cluster.wait(master.drain_agent(agent, mark_gone=True))
    cluster.wait(lost)
    assert list(master.registry.gone) == [known_as]
    assert states(scheduler)[-1] != "TASK_UNREACHABLE"


def test_drained_and_gone(holds: Holds) -> None:
    """An agent that was to be drained and marked gone is gone as soon as it is empty."""
    holds(drained_and_gone)


def gone(cluster: Cluster, messages: Messages, aware: bool = True) -> None:
    master = cluster.start_master()
    agent = cluster.start_agent()
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler, partition_aware=aware, checkpoint=True)
    task = _running(cluster, framework)
    told = messages.expect(ShutdownMessage, dst=agent)
    lost = scheduler.expect.slave_lost().once()
    known_as = agent.id
    cluster.wait(master.mark_agent_gone(agent))
    cluster.wait(lost)
    cluster.wait(told)
    status = next(each for each in statuses(scheduler) if each.source == "SOURCE_MASTER")
    if aware:
        assert (status.state, status.reason) == ("TASK_GONE_BY_OPERATOR", "REASON_SLAVE_REMOVED_BY_OPERATOR")
    else:
        assert (status.state, status.reason) == ("TASK_LOST", "REASON_SLAVE_REMOVED")
    cluster.wait(master.mark_agent_gone(known_as))
    assert refused(cluster, master.mark_agent_gone("nobody")) == "Agent 'nobody' not found"
    asked = scheduler.expect.status_update().once()
    framework.driver.reconcile_tasks([TaskStatus(task_id="other", slave_id=known_as, state="TASK_RUNNING")])
    assert cluster.wait(asked).arg("status").state == ("TASK_GONE_BY_OPERATOR" if aware else "TASK_LOST")
    assert task.task_id not in master.tasks
    cluster.run_for("20secs")
    assert master.agents == {}


def gone_unaware(cluster: Cluster, messages: Messages) -> None:
    gone(cluster, messages, aware=False)


def test_gone(holds: Holds) -> None:
    """An agent that is marked gone is told to end, its tasks are over, and it never comes back."""
    holds(gone)
    holds(gone_unaware)


def unreachable_then_gone(cluster: Cluster) -> None:
    master = cluster.start_master()
    agent = cluster.start_agent()
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler, partition_aware=True, checkpoint=True)
    _running(cluster, framework)
    known_as = agent.id
    agent.terminate()
    cluster.wait(lambda: states(scheduler)[-1] == "TASK_UNREACHABLE", timeout="2mins")
    cluster.wait(master.mark_agent_gone(known_as))
    cluster.wait(lambda: states(scheduler)[-1] == "TASK_GONE_BY_OPERATOR")
    state = master.state()["frameworks"][0]
    assert (state["unreachable_tasks"], [task["state"] for task in state["completed_tasks"]]) == ([], ["TASK_GONE_BY_OPERATOR"])


def test_unreachable_then_gone(holds: Holds) -> None:
    """The tasks of an unreachable agent that is marked gone are over."""
    holds(unreachable_then_gone)


# --- frameworks and events


def events(cluster: Cluster) -> None:
    master = cluster.start_master()
    seen = master.subscribe()
    agent = cluster.start_agent()
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler)
    task = _running(cluster, framework)
    cluster.wait(master.teardown(framework))
    assert refused(cluster, master.teardown(framework)) == "No framework found with specified ID"
    agent.shutdown()
    cluster.wait(lambda: not master.agents)
    by_type: dict[str, list[Any]] = {}
    for event in seen:
        by_type.setdefault(event.type, []).append(event)
    assert list(by_type) == [
        "SUBSCRIBED",
        *[kind for kind in by_type if kind in ("AGENT_ADDED", "FRAMEWORK_ADDED")],
        "TASK_ADDED",
        "TASK_UPDATED",
        "FRAMEWORK_REMOVED",
        "AGENT_REMOVED",
    ]
    assert by_type["TASK_ADDED"][0].task_added.task.task_id == task.task_id
    moves = [str(event.task_updated.state) for event in by_type["TASK_UPDATED"]]
    # The first update may bring the news of the second with it.
    assert moves[-2:] == ["TASK_RUNNING", "TASK_KILLED"]
    assert moves[:-2] in ([], ["TASK_STARTING"])
    assert by_type["AGENT_ADDED"][0].agent_added.agent.agent_info.hostname == agent.hostname
    cluster.run_for("15secs")
    assert seen[-1].type == "HEARTBEAT"


def test_events(holds: Holds) -> None:
    """A subscriber is told of agents, frameworks and tasks in the order in which the master knew them."""
    holds(events)


def whitelist(cluster: Cluster) -> None:
    cluster.start_master(whitelist=("agent2",))
    agents = [cluster.start_agent(), cluster.start_agent()]
    framework = cluster.start_framework(MockScheduler())
    for agent in agents:
        cluster.wait(agent.registered)
    cluster.run_for("3secs")
    assert [offer.hostname for offer in framework.offers] == ["agent2"]


def test_whitelist(holds: Holds) -> None:
    """Agents that are not on the whitelist register, but are never offered."""
    holds(whitelist)


def offer_timeout(cluster: Cluster, clock: Clock) -> None:
    cluster.start_master(offer_timeout="30secs")
    paused_agent(cluster)
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler)
    (offer,) = cluster.wait(framework.next_offers())
    rescinded = scheduler.expect.offer_rescinded(offer_id=offer.id).once()
    clock.advance("29999ms")
    assert rescinded.count == 0
    clock.advance("1ms")
    assert rescinded.count == 1
    clock.advance("1secs")
    (again,) = framework.offers
    framework.driver.launch_tasks([again.id], [make_task(again)])
    clock.settle()
    scheduler.expect.offer_rescinded().never()
    clock.advance("60secs")


def test_offer_timeout(holds: Holds) -> None:
    """An offer that nobody uses in time is rescinded; one that was used is not."""
    holds(offer_timeout)
