"""What became of this task? After ``reconciliation_tests.cpp`` and ``master_slave_reconciliation_tests.cpp``."""

from __future__ import annotations

from typing import Any

from harness import Clock, Cluster, MockAuthorizer, MockScheduler, has, hold, make_task
from harness.mesos.messages import RunTaskMessage, SlaveReregisteredMessage, TaskStatus
from harness.simulation import Messages
from tests.scenarios.situations import Holds, statuses


def _ask(cluster: Cluster, framework: Any, task_id: str, slave_id: Any) -> Any:
    asked = framework.scheduler.expect.status_update(status=has(task_id=task_id)).once().retires()
    framework.driver.reconcile_tasks([TaskStatus(task_id=task_id, slave_id=slave_id, state="TASK_RUNNING")])
    return cluster.wait(asked).arg("status")


def unknown_slave_and_task(cluster: Cluster) -> None:
    cluster.start_master()
    agent = cluster.start_agent()
    cluster.wait(agent.registered)
    unaware = cluster.start_framework(MockScheduler())
    aware = cluster.start_framework(MockScheduler(), partition_aware=True)
    cluster.wait(unaware.registered)
    cluster.wait(aware.registered)
    answers = [
        _ask(cluster, aware, "t1", "some-agent"),
        _ask(cluster, unaware, "t2", agent.id),
        _ask(cluster, aware, "t3", agent.id),
    ]
    assert [str(answer.state) for answer in answers] == ["TASK_UNKNOWN", "TASK_LOST", "TASK_GONE"]
    assert {str(answer.reason) for answer in answers} == {"REASON_RECONCILIATION"}
    assert [answer.unreachable_time for answer in answers] == [None, None, None]


def test_unknown_slave_and_task(holds: Holds) -> None:
    """T32: a task of an unknown agent is unknown, a task that its agent does not have is gone; lost for those who know less."""
    holds(unknown_slave_and_task)


def reregistration_in_progress(cluster: Cluster) -> None:
    cluster.start_master(registry="durable")
    agent = cluster.start_agent()
    known_as = cluster.wait(agent.registered)
    agent.terminate()
    authorizer = MockAuthorizer()
    asked = authorizer.expect.authorized(has(action="REGISTER_AGENT")).will_repeatedly(hold()).at_least_once()
    cluster.fail_over_master(authorizer=authorizer)
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler)
    cluster.wait(framework.registered)
    scheduler.expect.status_update().never()
    agent.restart()
    cluster.wait(asked)
    framework.driver.reconcile_tasks([TaskStatus(task_id="some-task", slave_id=known_as, state="TASK_RUNNING")])
    cluster.settle()
    cluster.run_for("1secs")


def test_reregistration_in_progress(holds: Holds) -> None:
    """T34: about a task of an agent that is still expected back, the master says nothing."""
    holds(reregistration_in_progress)


def lost_task(cluster: Cluster, messages: Messages, aware: bool = False) -> None:
    master = cluster.start_master()
    agent = cluster.start_agent()
    cluster.wait(agent.registered)
    cluster.run_for("50ms")
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler, partition_aware=aware)
    (offer, *_) = cluster.wait(framework.next_offers())
    dropped = messages.drop(RunTaskMessage, dst=agent)
    framework.driver.launch_tasks([offer.id], [make_task(offer)])
    cluster.wait(dropped)
    reregistered = messages.expect(SlaveReregisteredMessage, dst=agent)
    updated = scheduler.expect.status_update().once()
    cluster.detector.appoint(master, agent)
    cluster.wait(reregistered)
    status = cluster.wait(updated).arg("status")
    assert status.state == ("TASK_DROPPED" if aware else "TASK_LOST")
    assert (status.source, status.reason) == ("SOURCE_SLAVE", "REASON_RECONCILIATION")
    cluster.wait(lambda: master.metrics["master/tasks_dropped" if aware else "master/tasks_lost"] == 1)
    assert master.metrics["master/tasks_lost" if aware else "master/tasks_dropped"] == 0


def dropped_task(cluster: Cluster, messages: Messages) -> None:
    lost_task(cluster, messages, aware=True)


def test_lost_task(holds: Holds) -> None:
    """T46: a task that never reached its agent is reported by that agent when it registers again."""
    holds(lost_task)
    holds(dropped_task)


def pending_task(cluster: Cluster, clock: Clock, messages: Messages) -> None:
    master = cluster.start_master()
    agent = cluster.start_agent()
    cluster.wait(agent.registered)
    cluster.run_for("50ms")
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler)
    (offer, *_) = cluster.wait(framework.next_offers())
    dropped = messages.drop_dispatch(agent, "__run")
    framework.driver.launch_tasks([offer.id], [make_task(offer)])
    cluster.wait(dropped)
    reregistered = messages.expect(SlaveReregisteredMessage, dst=agent)
    cluster.detector.appoint(master, agent)
    cluster.wait(reregistered)
    clock.settle()
    assert reregistered.message.reconciliations == ()
    assert statuses(scheduler) == []


def test_pending_task(holds: Holds) -> None:
    """T48: a task that its agent is still about to launch is part of what the agent reports, so nobody misses it."""
    holds(pending_task)
