"""Offers, after ``resource_offers_tests.cpp``."""

from __future__ import annotations

from harness import Cluster, MockScheduler, make_task
from harness.mesos.resources import Resources
from tests.scenarios.situations import Holds, amount, offers


def several_agents(cluster: Cluster) -> None:
    cluster.start_master()
    for _ in range(10):
        cluster.start_agent("cpus:2;mem:1024")
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler)
    first = cluster.wait(framework.next_offers())
    assert 1 <= len(first) <= 10
    cluster.wait(lambda: len({offer.slave_id for offer in offers(scheduler)}) == 10)
    assert {amount(offer) for offer in offers(scheduler)} == {(2, 1024)}


def test_several_agents(holds: Holds) -> None:
    """T36: ten agents are offered whole, in as many callbacks as it takes."""
    holds(several_agents)


def reoffered_after_error(cluster: Cluster) -> None:
    cluster.start_master()
    cluster.start_agent("cpus:2;mem:1024")
    one = MockScheduler()
    framework = cluster.start_framework(one)
    (offer, *_) = cluster.wait(framework.next_offers())
    nonsense = make_task(offer, Resources.of({"cpus": -1, "mem": 1024.0**3}))
    refused = one.expect.status_update().once()
    framework.driver.launch_tasks([offer.id], [nonsense])
    status = cluster.wait(refused).arg("status")
    assert (status.state, status.reason) == ("TASK_ERROR", "REASON_TASK_INVALID")
    assert "Invalid scalar resource" in status.message
    two = cluster.start_framework(MockScheduler())
    (again, *_) = cluster.wait(two.next_offers())
    assert amount(again) == (2, 1024)


def test_reoffered_after_error(holds: Holds) -> None:
    """T38: what an impossible task asked for goes to the next framework."""
    holds(reoffered_after_error)
