"""The scheduler driver, after ``scheduler_driver_tests.cpp``."""

from __future__ import annotations

from typing import Any

from harness import Clock, Cluster, MockScheduler, make_task
from harness.mesos.messages import Call
from harness.simulation import Messages
from tests.scenarios.situations import Holds


def stop_before_abort(cluster: Cluster, messages: Messages) -> None:
    cluster.start_master()
    cluster.start_agent()
    scheduler = MockScheduler()

    def end(driver: Any, status: Any) -> None:
        driver.stop()
        driver.abort()

    framework = cluster.start_framework(scheduler)
    (offer, *_) = cluster.wait(framework.next_offers())
    messages.never(Call, src=framework, where=lambda call: call.type == "ACKNOWLEDGE")
    updated = scheduler.expect.status_update().will_once(end)
    framework.driver.launch_tasks([offer.id], [make_task(offer)])
    cluster.wait(updated)
    cluster.run_for("1secs")


def test_stop_before_abort(holds: Holds) -> None:
    """T53: a scheduler that stops its driver inside the callback of an update sends no acknowledgement for it."""
    holds(stop_before_abort)


def reregister_after_suppress(cluster: Cluster, clock: Clock) -> None:
    clock.pause()
    master = cluster.start_master()
    scheduler = MockScheduler()
    scheduler.expect.resource_offers().never()
    framework = cluster.start_framework(scheduler)
    cluster.wait(framework.registered)
    framework.driver.suppress_offers()
    clock.settle()
    agent = cluster.start_agent()
    clock.advance("10ms")
    clock.settle()
    assert agent.registered.ready
    reregistered = scheduler.expect.reregistered().once()
    cluster.detector.appoint(None, framework)
    clock.settle()
    cluster.detector.appoint(master, framework)
    clock.settle()
    clock.advance("1secs")
    assert reregistered.count == 1


def test_reregister_after_suppress(holds: Holds) -> None:
    """T55: a framework that suppressed its offers stays suppressed when it registers again."""
    holds(reregister_after_suppress)
