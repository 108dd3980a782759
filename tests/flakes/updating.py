"""Flaky tests about status updates, failovers and ends (S15 to S20, S25 to S30 of the catalogue)."""

from __future__ import annotations

from harness import MockExecutor, MockScheduler, has, ignore, make_task, one_of, send_status
from harness.mesos.messages import StatusUpdateAcknowledgementMessage, StatusUpdateMessage, TaskState, TaskStatus

HALF = "cpus:1;mem:128"


def _launched(cluster, scheduler, **options):
    """A cluster in which a framework has just launched a task on a mock executor that reports it running."""
    executor = MockExecutor("default")
    executor.on.launch_task().do(send_status("TASK_RUNNING"))
    master = cluster.start_master(registry=options.pop("registry", "in_memory"))
    agent = cluster.start_agent(executors=[executor])
    framework = cluster.start_framework(scheduler, failover_timeout="1hrs", checkpoint=True, **options)
    (offer,) = cluster.wait(framework.next_offers())
    cluster.wait(agent.registered)
    task = make_task(offer, HALF, executor=executor)
    return master, agent, framework, executor, task, offer


def s15_flaky(cluster):
    """The task runs; fail over the master; nothing is told twice. The acknowledgement may not be at the agent yet."""
    scheduler = MockScheduler()
    _, agent, framework, _, task, offer = _launched(cluster, scheduler, registry="durable")
    running = scheduler.expect.status_update(status=has(state="TASK_RUNNING")).once()
    framework.driver.launch_tasks([offer.id], [task])
    cluster.wait(running)
    cluster.run_for("5ms")
    new = cluster.fail_over_master()
    cluster.wait(lambda: agent.id in new.agents)
    cluster.run_for("2secs")


def s15_repaired(cluster, messages):
    """Wait until the agent has handled the acknowledgement."""
    scheduler = MockScheduler()
    _, agent, framework, _, task, offer = _launched(cluster, scheduler, registry="durable")
    scheduler.expect.status_update(status=has(state="TASK_RUNNING")).once()
    acknowledged = messages.expect(StatusUpdateAcknowledgementMessage, dst=agent)
    framework.driver.launch_tasks([offer.id], [task])
    cluster.wait(acknowledged)
    new = cluster.fail_over_master()
    cluster.wait(lambda: agent.id in new.agents)
    cluster.run_for("2secs")


def s17_flaky(cluster, clock):
    """The task runs; ten seconds pass for another reason. The acknowledgement is on its way, and the update comes again."""
    scheduler = MockScheduler()
    _, _, framework, _, task, offer = _launched(cluster, scheduler)
    running = scheduler.expect.status_update(status=has(state="TASK_RUNNING")).once()
    framework.driver.launch_tasks([offer.id], [task])
    cluster.wait(running)
    cluster.run_for("4ms")
    clock.jump("10secs")
    cluster.run_for("1secs")


def s17_repaired(cluster, clock):
    """More of the same are welcome."""
    scheduler = MockScheduler()
    _, _, framework, _, task, offer = _launched(cluster, scheduler)
    running = scheduler.expect.status_update(status=has(state="TASK_RUNNING")).will_once(ignore()).will_repeatedly(ignore())
    framework.driver.launch_tasks([offer.id], [task])
    cluster.wait(running)
    cluster.run_for("4ms")
    clock.jump("10secs")
    cluster.run_for("1secs")


def s18_flaky(cluster, messages):
    """One update is lost, the master is detected again, the update comes once. It is sent for several reasons."""
    scheduler = MockScheduler()
    master, agent, framework, _, task, offer = _launched(cluster, scheduler)
    running = scheduler.expect.status_update(status=has(state="TASK_RUNNING")).once()
    lost = messages.drop(StatusUpdateMessage, dst=master, times=1)
    framework.driver.launch_tasks([offer.id], [task])
    cluster.wait(lost)
    cluster.detector.appoint(master)
    cluster.wait(running)
    cluster.run_for("20ms")


def s18_repaired(cluster, messages):
    """At least once."""
    scheduler = MockScheduler()
    master, agent, framework, _, task, offer = _launched(cluster, scheduler)
    running = scheduler.expect.status_update(status=has(state="TASK_RUNNING")).at_least_once()
    lost = messages.drop(StatusUpdateMessage, dst=master, times=1)
    framework.driver.launch_tasks([offer.id], [task])
    cluster.wait(lost)
    cluster.detector.appoint(master)
    cluster.wait(running)
    cluster.run_for("20ms")


def _two_tasks(cluster):
    scheduler = MockScheduler()
    executors = [MockExecutor("one"), MockExecutor("two")]
    for executor in executors:
        executor.on.launch_task().do(send_status("TASK_RUNNING"))
    cluster.start_master()
    for executor in executors:
        cluster.start_agent(executors=[executor])
    framework = cluster.start_framework(scheduler)
    cluster.wait(lambda: len(framework.offers) == 2)
    by_host = sorted(framework.offers, key=lambda offer: offer.hostname)
    tasks = [make_task(offer, HALF, executor=executor) for offer, executor in zip(by_host, executors, strict=True)]
    for offer, task in zip(by_host, tasks, strict=True):
        framework.driver.launch_tasks([offer.id], [task])
    cluster.wait(lambda: len(scheduler.calls_to("status_update")) == 2)
    return tasks, [call.arg("status").task_id for call in scheduler.calls_to("status_update")]


def s20_flaky(cluster):
    """The first update is about the first task. The tasks run on two agents."""
    tasks, heard = _two_tasks(cluster)
    assert heard == [task.task_id for task in tasks], "the second task was first"


def s20_repaired(cluster):
    """One update about each."""
    tasks, heard = _two_tasks(cluster)
    assert sorted(heard) == sorted(task.task_id for task in tasks)


def _finished_during_failover(cluster):
    scheduler = MockScheduler()
    master, agent, framework, executor, task, offer = _launched(cluster, scheduler)
    framework.driver.launch_tasks([offer.id], [task])
    cluster.wait(lambda: agent.tasks and agent.tasks[task.task_id].state == "TASK_RUNNING")
    cluster.run_for("1secs")
    master.terminate()
    executor.driver.send_status_update(task, "TASK_FINISHED")
    finished = scheduler.expect.status_update(status=has(state="TASK_FINISHED")).at_least_once()
    new = cluster.fail_over_master()
    cluster.wait(lambda: agent.id in new.agents)
    return finished


def s25_flaky(cluster):
    """The agent is back at the new master, so its update is there soon. But to whom, as long as the scheduler is not back?"""
    finished = _finished_during_failover(cluster)
    cluster.wait(finished, timeout="12ms")


def s25_repaired(cluster):
    """Give the scheduler time to come back."""
    finished = _finished_during_failover(cluster)
    cluster.wait(finished, timeout="30secs")


def s28_flaky(cluster):
    """After the failover the task is known to run. A registry in memory knows neither agent nor task."""
    scheduler = MockScheduler()
    _reconciled_after_failover(cluster, scheduler, "in_memory")


def s28_repaired(cluster):
    """A durable registry knows that the agent will be back; until then there is no answer."""
    scheduler = MockScheduler()
    _reconciled_after_failover(cluster, scheduler, "durable")


def _reconciled_after_failover(cluster, scheduler, registry):
    _, agent, framework, _, task, offer = _launched(cluster, scheduler, registry=registry)
    framework.driver.launch_tasks([offer.id], [task])
    cluster.wait(lambda: agent.tasks and agent.tasks[task.task_id].state == "TASK_RUNNING")
    cluster.run_for("1secs")
    scheduler.expect.status_update(status=has(state=one_of("TASK_LOST", "TASK_UNKNOWN"))).never()
    new = cluster.fail_over_master()
    cluster.wait(lambda: framework.id in new.frameworks and framework.driver.connected)
    framework.driver.reconcile_tasks([TaskStatus(task_id=task.task_id, state=TaskState.TASK_STAGING, slave_id=agent.id)])
    cluster.wait(lambda: agent.id in new.agents)
    cluster.run_for("1secs")


def _lost_agent(cluster, scheduler):
    master = cluster.start_master()
    agent = cluster.start_agent()
    framework = cluster.start_framework(scheduler)
    cluster.wait(framework.next_offers())
    cluster.wait(agent.registered)
    rescinded = scheduler.expect.offer_rescinded().once()
    agent.shutdown()
    return master, rescinded


def s30_flaky(cluster):
    """The agent is gone, its offer was rescinded, the test ends. The message to the scheduler is still on its way."""
    master, _ = _lost_agent(cluster, MockScheduler())
    cluster.wait(lambda: not master.agents)


def s30_repaired(cluster):
    """Wait for the last thing that is expected."""
    _, rescinded = _lost_agent(cluster, MockScheduler())
    cluster.wait(rescinded)
