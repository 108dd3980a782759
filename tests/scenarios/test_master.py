"""What masters do with offers and tasks, after ``master_tests.cpp``."""

from __future__ import annotations

from harness import Clock, Cluster, MockScheduler, make_task, seconds
from harness.mesos.detector import StandaloneDetector
from harness.mesos.messages import SlaveReregisteredMessage, TaskStatus
from harness.simulation import Messages
from tests.scenarios.situations import Holds, amount, paused_agent, states, statuses


def launch_combined_offer(cluster: Cluster, clock: Clock) -> None:
    cluster.start_master()
    agent = paused_agent(cluster, "cpus:2;mem:1024")
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler)
    driver = framework.driver
    (whole,) = cluster.wait(framework.next_offers())
    assert amount(whole) == (2, 1024)
    first = make_task(whole, "cpus:1;mem:512")
    driver.launch_tasks([whole.id], [first], refuse_seconds=0)
    clock.settle()
    (half,) = _after_a_batch(cluster, clock, framework)
    assert amount(half) == (1, 512)
    driver.kill_task(first.task_id)
    clock.settle()
    assert states(scheduler)[-1] == "TASK_KILLED"
    (other_half,) = _after_a_batch(cluster, clock, framework)
    assert amount(other_half) == (1, 512)
    second = make_task(half, "cpus:2;mem:1024")
    driver.launch_tasks([half.id, other_half.id], [second], refuse_seconds=0)
    clock.settle()
    assert statuses(scheduler)[-1].task_id == second.task_id
    assert states(scheduler)[-1] == "TASK_RUNNING"
    assert agent.tasks[second.task_id].resources.cpus == 2


def _after_a_batch(cluster: Cluster, clock: Clock, framework: object) -> tuple[object, ...]:
    arriving = framework.next_offers()  # type: ignore[attr-defined]
    clock.advance("1secs")
    assert arriving.ready
    return arriving.get()  # type: ignore[no-any-return]


def test_launch_combined_offer(holds: Holds) -> None:
    """T27: two offers of one agent are used together for a task that fits on neither."""
    holds(launch_combined_offer)


def unreachable_task_after_failover(cluster: Cluster, clock: Clock, messages: Messages) -> None:
    first = cluster.start_master(registry="durable")
    detector = StandaloneDetector(first.info)
    agent = cluster.start_agent(detector=detector)
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler)
    (offer, *_) = cluster.wait(framework.next_offers())
    task = framework.run_task(offer)
    clock.pause()
    detector.appoint(None)
    clock.settle()
    again = scheduler.expect.registered()
    master = cluster.fail_over_master()
    failed_over = clock.elapsed
    cluster.wait(again)
    lost = scheduler.expect.slave_lost(slave_id=agent.id).once()
    seen = len(statuses(scheduler))
    clock.advance("600secs")
    marked = clock.now
    assert lost.count == 1
    assert len(statuses(scheduler)) == seen
    framework.driver.reconcile_tasks([TaskStatus(task_id=task.task_id, slave_id=agent.id, state="TASK_RUNNING")])
    clock.settle()
    answer = statuses(scheduler)[-1]
    assert (answer.state, answer.reason) == ("TASK_LOST", "REASON_RECONCILIATION")
    # The wait for the new master's registration took no time, so it was exactly then.
    assert clock.elapsed - failed_over == seconds(600)
    assert answer.unreachable_time == marked
    reregistered = messages.expect(SlaveReregisteredMessage, dst=agent)
    detector.appoint(master.info)
    clock.settle()
    clock.advance("10ms")
    assert reregistered.count == 1
    back = statuses(scheduler)[seen + 1 :]
    assert ("TASK_RUNNING", "REASON_SLAVE_REREGISTERED") in [(status.state, status.reason) for status in back]
    metrics = master.metrics
    assert (metrics["master/tasks_lost"], metrics["master/tasks_unreachable"], metrics["master/tasks_running"]) == (0, 0, 1)
    assert metrics["master/slave_unreachable_scheduled"] == metrics["master/slave_unreachable_completed"] == 1
    assert metrics["master/slave_removals"] == metrics["master/slave_removals/reason_unhealthy"] == 1
    assert metrics["master/recovery_slave_removals"] == 1


def test_unreachable_task_after_failover(holds: Holds) -> None:
    """T30: an agent that stays away after a failover is lost after 600 s without a word about its tasks, and may come back."""
    holds(unreachable_task_after_failover)
