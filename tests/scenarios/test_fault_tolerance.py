"""Masters and schedulers that fail, after ``fault_tolerance_tests.cpp``."""

from __future__ import annotations

from harness import Clock, Cluster, MockScheduler, make_task, milliseconds
from harness.mesos.messages import Call
from harness.simulation import Messages
from tests.scenarios.situations import Holds, statuses


def master_failover(cluster: Cluster) -> None:
    first = cluster.start_master()
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler)
    known_as = cluster.wait(framework.registered)
    disconnected = scheduler.expect.disconnected().once()
    again = scheduler.expect.registered().once()
    scheduler.expect.reregistered().never()
    second = cluster.fail_over_master()
    assert second.id != first.id
    call = cluster.wait(again)
    assert call.arg("framework_id") == known_as
    assert call.arg("master_info").pid == second.pid
    assert disconnected.count == 1
    assert len(scheduler.calls_to("registered")) == 2


def test_master_failover(holds: Holds) -> None:
    """T22: a scheduler loses its master once and is registered, not reregistered, with the next one under its old id."""
    holds(master_failover)


def launch_while_disconnected(cluster: Cluster, clock: Clock, messages: Messages, aware: bool = False) -> None:
    cluster.start_master()
    cluster.start_agent()
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler, partition_aware=aware)
    (offer,) = cluster.wait(framework.next_offers())
    disconnected = scheduler.expect.disconnected().once()
    cluster.detector.appoint(None, framework)
    cluster.wait(disconnected)
    calls = messages.expect(Call, src=framework)
    before = clock.elapsed
    framework.driver.launch_tasks([offer.id], [make_task(offer)])
    updated = scheduler.expect.status_update()
    status = cluster.wait(updated).arg("status")
    assert clock.elapsed - before < milliseconds(1)
    assert status.state == ("TASK_DROPPED" if aware else "TASK_LOST")
    assert (status.source, status.reason) == ("SOURCE_MASTER", "REASON_MASTER_DISCONNECTED")
    assert len(statuses(scheduler)) == 1
    cluster.run_for("100ms")
    assert calls.count == 0


def launch_while_disconnected_aware(cluster: Cluster, clock: Clock, messages: Messages) -> None:
    launch_while_disconnected(cluster, clock, messages, aware=True)


def test_launch_while_disconnected(holds: Holds) -> None:
    """T25: the driver itself answers a launch while no master leads; nothing reaches a master."""
    holds(launch_while_disconnected)
    holds(launch_while_disconnected_aware)
