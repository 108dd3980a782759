"""Recovery of agents, after ``slave_recovery_tests.cpp``: what survives an agent's end, and what is said about the rest.

Frameworks checkpoint unless said otherwise. The executor of a test is in process: it ends only when its container does.
"""

from __future__ import annotations

import pytest

from harness import Cluster, MockExecutor, MockScheduler, make_task, send_status
from harness.mesos.messages import (
    PingSlaveMessage,
    PongSlaveMessage,
    RegisterExecutorMessage,
    ReregisterExecutorMessage,
    ReregisterSlaveMessage,
    RunTaskMessage,
    StatusUpdateAcknowledgementMessage,
    StatusUpdateMessage,
)
from tests.scenarios.situations import (
    Holds,
    crash_and_restart,
    launch_on_next_offer,
    run_on_next_offer,
    settled_agent,
    states,
    statuses,
)

SERVER = "serve for ever"


# --- reconnection


def reconnect_executor(cluster: Cluster) -> None:
    cluster.start_master()
    agent = settled_agent(cluster)
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler, checkpoint=True)
    dropped = cluster.messages.drop(StatusUpdateMessage, dst=agent)
    task = launch_on_next_offer(cluster, framework, command=SERVER)
    cluster.wait(lambda: dropped.count == 2)
    dropped.cancel()
    reregistered = cluster.messages.expect(ReregisterExecutorMessage, dst=agent)
    crash_and_restart(cluster, agent)
    cluster.wait(reregistered)
    unacknowledged = [update.status for update in reregistered.message.updates]
    assert [(status.task_id, status.state) for status in unacknowledged] == [
        (task.task_id, "TASK_STARTING"),
        (task.task_id, "TASK_RUNNING"),
    ]
    cluster.wait(lambda: "TASK_RUNNING" in states(scheduler))
    assert states(scheduler)[0] == "TASK_STARTING"


def test_reconnect_executor(holds: Holds) -> None:
    """T17: updates that the agent never got reach the scheduler after its restart, in their order."""
    holds(reconnect_executor)


def tasks_go_on(cluster: Cluster) -> None:
    master = cluster.start_master()
    executor = MockExecutor("default")
    executor.on.launch_task().do(send_status("TASK_RUNNING"))
    agent = settled_agent(cluster, executors=[executor])
    framework = cluster.start_framework(checkpoint=True)
    task = run_on_next_offer(cluster, framework, executor=executor)
    slave_id = agent.id
    began = cluster.clock.elapsed
    crash_and_restart(cluster, agent, same_pid=cluster.seed % 2 == 0)
    assert agent.state == "RECOVERING"
    cluster.wait(agent.registered)
    # The executor is back within milliseconds, and yet everybody is given the full two seconds.
    assert 2 <= (cluster.clock.elapsed - began).total_seconds() < 2.1
    assert agent.id == slave_id
    assert master.tasks[task.task_id].state == agent.tasks[task.task_id].state == "TASK_RUNNING"
    assert len(executor.calls_to("reregistered")) == 1
    assert not executor.calls_to("shutdown")
    executor.driver.send_status_update(task, "TASK_FINISHED")
    cluster.wait(lambda: states(framework.scheduler)[-1] == "TASK_FINISHED")
    cluster.wait(lambda: not master.tasks)


def test_tasks_go_on(holds: Holds) -> None:
    """A checkpointing framework's task outlives its agent: same agent id, the executor goes on reporting."""
    holds(tasks_go_on)


def acknowledgement_survives(cluster: Cluster) -> None:
    cluster.start_master()
    agent = settled_agent(cluster)
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler, checkpoint=True)
    run_on_next_offer(cluster, framework, command=SERVER)
    assert states(scheduler) == ["TASK_STARTING", "TASK_RUNNING"]
    crash_and_restart(cluster, agent)
    cluster.wait(agent.registered)
    cluster.run_for("1mins")
    assert states(scheduler) == ["TASK_STARTING", "TASK_RUNNING"]


def test_acknowledged_updates_are_not_sent_again(holds: Holds) -> None:
    """What a scheduler acknowledged before the crash is on the agent's disk and is not sent again."""
    holds(acknowledgement_survives)


def unacknowledged_update(cluster: Cluster) -> None:
    cluster.start_master()
    agent = settled_agent(cluster)
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler, checkpoint=True)
    dropped = cluster.messages.drop(StatusUpdateAcknowledgementMessage, dst=agent)
    launch_on_next_offer(cluster, framework, command=SERVER)
    cluster.wait(lambda: dropped.count >= 1)
    dropped.cancel()
    assert set(states(scheduler)) == {"TASK_STARTING"}
    crash_and_restart(cluster, agent)
    cluster.wait(lambda: "TASK_RUNNING" in states(scheduler))
    assert states(scheduler).count("TASK_STARTING") >= 2


def test_an_unacknowledged_update_is_sent_again(holds: Holds) -> None:
    """An update that nobody acknowledged before the crash is recovered from the agent's disk and sent again."""
    holds(unacknowledged_update)


# --- pings during recovery


def ping_timeout_during_recovery(cluster: Cluster) -> None:
    cluster.start_master(agent_ping_timeout="1secs", max_agent_ping_timeouts=2)
    agent = settled_agent(cluster, executor_reregistration_timeout="15secs")
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler, checkpoint=True, implicit_acknowledgements=False)
    scheduler.on.status_update().do(lambda driver, status: driver.acknowledge_status_update(status))
    task = run_on_next_offer(cluster, framework, command=SERVER)
    reregistered = cluster.messages.expect(ReregisterExecutorMessage, dst=agent)
    reregister = cluster.messages.expect(ReregisterSlaveMessage, src=agent)
    crash_and_restart(cluster, agent)
    cluster.wait(reregistered)
    cluster.clock.pause()
    pings = cluster.messages.expect(PingSlaveMessage, dst=agent)
    pongs = cluster.messages.expect(PongSlaveMessage, src=agent)
    for n in range(1, 5):
        cluster.clock.advance("1secs")
        assert (pings.count, pongs.count, agent.state) == (n, n, "RECOVERING")
    seen = len(statuses(scheduler))
    framework.driver.reconcile_tasks([statuses(scheduler)[-1]])
    cluster.settle()
    (answer,) = statuses(scheduler)[seen:]
    assert (answer.task_id, answer.state) == (task.task_id, "TASK_RUNNING")
    assert (answer.source, answer.reason) == ("SOURCE_MASTER", "REASON_RECONCILIATION")
    assert reregister.count == 0
    cluster.clock.advance("15secs")
    assert reregister.count >= 1


def test_ping_timeout_during_recovery(holds: Holds) -> None:
    """T20: an agent that recovers answers every ping, so it is not given up though it takes longer than the limit."""
    holds(ping_timeout_during_recovery)


def hung_recovery(cluster: Cluster) -> None:
    master = cluster.start_master()
    agent = settled_agent(cluster)
    framework = cluster.start_framework(checkpoint=True)
    task = run_on_next_offer(cluster, framework, command=SERVER)
    agent.hang_recovery()
    crash_and_restart(cluster, agent)
    cluster.run_for("5mins")
    # Neither unreachable nor connected: it answers its pings.
    assert agent.state == "RECOVERING"
    assert not master.agents[agent.id].connected
    assert task.task_id in master.tasks
    agent.release_recovery()
    cluster.wait(agent.registered)
    assert master.agents[agent.id].connected
    assert agent.tasks[task.task_id].state == "TASK_RUNNING"


def test_hung_recovery(holds: Holds) -> None:
    """An agent whose recovery hangs keeps answering pings, is not given up by them, and goes on when it is released."""
    holds(hung_recovery)


def test_hung_recovery_is_bounded_by_the_lost_link() -> None:
    """Ten minutes after the link broke an agent that only answers pings is unreachable all the same."""
    with Cluster(1) as cluster:
        master = cluster.start_master()
        agent = settled_agent(cluster)
        scheduler = MockScheduler()
        framework = cluster.start_framework(scheduler, checkpoint=True, partition_aware=True)
        run_on_next_offer(cluster, framework, command=SERVER)
        agent.hang_recovery()
        crash_and_restart(cluster, agent)
        cluster.run_for("595secs")
        assert agent.id in master.agents
        cluster.run_for("10secs")
        assert agent.id not in master.agents
        assert states(scheduler)[-1] == "TASK_UNREACHABLE"


# --- executors that are not there any more


def cleanup_executor(cluster: Cluster) -> None:
    cluster.start_master()
    agent = settled_agent(cluster)
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler, checkpoint=True)
    run_on_next_offer(cluster, framework, command=SERVER)
    reregister = cluster.messages.expect(ReregisterSlaveMessage, src=agent)
    offers = len(scheduler.calls_to("resource_offers"))
    recovered = cluster.messages.expect_dispatch(agent, "__recover")
    crash_and_restart(cluster, agent, recover="cleanup")
    cluster.wait(recovered)
    cluster.wait(lambda: not agent.running)
    cluster.wait(lambda: "TASK_LOST" in states(scheduler), "2mins")
    status = statuses(scheduler)[-1]
    assert (status.state, status.source, status.reason) == ("TASK_LOST", "SOURCE_MASTER", "REASON_SLAVE_REMOVED")
    cluster.run_for("2mins")
    assert reregister.count == 0
    assert len(scheduler.calls_to("resource_offers")) == offers
    assert len(scheduler.calls_to("slave_lost")) == 1


def test_cleanup_executor(holds: Holds) -> None:
    """T21: recover=cleanup ends executors and agent; the master gives the task up when the pings run out."""
    holds(cleanup_executor)


@pytest.mark.parametrize(("aware", "state"), [(False, "TASK_LOST"), (True, "TASK_GONE")])
def test_an_executor_that_does_not_reregister(holds: Holds, aware: bool, state: str) -> None:
    """Two seconds after the request an executor that did not answer is destroyed, and its task is gone."""

    def scenario(cluster: Cluster) -> None:
        cluster.start_master()
        executor = MockExecutor("default")
        executor.on.launch_task().do(send_status("TASK_RUNNING"))
        agent = settled_agent(cluster, executors=[executor])
        scheduler = MockScheduler()
        framework = cluster.start_framework(scheduler, checkpoint=True, partition_aware=aware)
        run_on_next_offer(cluster, framework, executor=executor)
        cluster.messages.drop(ReregisterExecutorMessage, dst=agent)
        crash_and_restart(cluster, agent)
        cluster.wait(lambda: len(states(scheduler)) == 2)
        status = statuses(scheduler)[-1]
        assert (status.state, status.reason) == (state, "REASON_EXECUTOR_REREGISTRATION_TIMEOUT")
        assert status.message == "Executor did not reregister within 2secs"
        assert agent.executors == {}

    holds(scenario)


def retried_reconnection(cluster: Cluster) -> None:
    cluster.start_master()
    executor = MockExecutor("default")
    executor.on.launch_task().do(send_status("TASK_RUNNING"))
    agent = settled_agent(
        cluster, executors=[executor], executor_reregistration_timeout="5secs", executor_reregistration_retry_interval="1secs"
    )
    framework = cluster.start_framework(checkpoint=True)
    task = run_on_next_offer(cluster, framework, executor=executor)
    cluster.messages.drop(ReregisterExecutorMessage, dst=agent, times=2)
    crash_and_restart(cluster, agent)
    cluster.wait(agent.registered)
    assert agent.tasks[task.task_id].state == "TASK_RUNNING"
    assert not executor.calls_to("shutdown")


def test_reconnection_is_retried_if_the_flag_says_so(holds: Holds) -> None:
    """With a retry interval a lost re-registration of an executor costs one interval, not the task."""
    holds(retried_reconnection)


def executor_without_a_name(cluster: Cluster) -> None:
    cluster.start_master()
    executor = MockExecutor("default")
    agent = settled_agent(cluster, executors=[executor])
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler, checkpoint=True)
    dropped = cluster.messages.drop(RegisterExecutorMessage, dst=agent)
    launch_on_next_offer(cluster, framework, executor=executor)
    cluster.wait(lambda: dropped.count == 1)
    crash_and_restart(cluster, agent)
    cluster.wait(lambda: states(scheduler) == ["TASK_LOST"])
    assert statuses(scheduler)[0].reason == "REASON_EXECUTOR_REREGISTRATION_TIMEOUT"


def test_an_executor_that_never_registered(holds: Holds) -> None:
    """An executor that had not registered when its agent ended cannot be asked; it is destroyed after the two seconds."""
    holds(executor_without_a_name)


@pytest.mark.parametrize(("aware", "state"), [(False, "TASK_LOST"), (True, "TASK_DROPPED")])
def test_a_task_that_its_executor_never_got(holds: Holds, aware: bool, state: str) -> None:
    """A task on its way from agent to executor when the agent ends is dropped when the executor is back."""

    def scenario(cluster: Cluster) -> None:
        cluster.start_master()
        executor = MockExecutor("default")
        executor.on.launch_task().do(send_status("TASK_RUNNING"))
        agent = settled_agent(cluster, executors=[executor])
        scheduler = MockScheduler()
        framework = cluster.start_framework(scheduler, checkpoint=True, partition_aware=aware)
        (offer, *_) = cluster.wait(framework.next_offers())
        first, second = (make_task(offer, "cpus:1;mem:128", executor=executor, task_id=name) for name in ("first", "second"))
        dropped = cluster.messages.drop(RunTaskMessage, src=agent, where=lambda message: message.task.task_id == "second")
        framework.driver.launch_tasks([offer.id], [first, second])
        cluster.wait(lambda: dropped.count == 1 and "TASK_RUNNING" in states(scheduler))
        crash_and_restart(cluster, agent)
        cluster.wait(agent.registered)
        cluster.wait(lambda: any(status.task_id == "second" for status in statuses(scheduler)))
        (status,) = (status for status in statuses(scheduler) if status.task_id == "second")
        assert (status.state, status.source, status.reason) == (state, "SOURCE_SLAVE", "REASON_SLAVE_RESTARTED")
        assert agent.tasks["first"].state == "TASK_RUNNING"

    holds(scenario)


def executor_ended_meanwhile(cluster: Cluster) -> None:
    cluster.start_master()
    executor = MockExecutor("default")
    executor.on.launch_task().do(send_status("TASK_RUNNING"))
    agent = settled_agent(cluster, executors=[executor])
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler, checkpoint=True)
    run_on_next_offer(cluster, framework, executor=executor)
    agent.terminate()
    agent.destroy_container("default")
    cluster.run_for("10ms")
    agent.restart()
    cluster.wait(lambda: len(states(scheduler)) == 2)
    status = statuses(scheduler)[-1]
    assert (status.state, status.reason) == ("TASK_FAILED", "REASON_EXECUTOR_TERMINATED")


def test_an_executor_that_ended_meanwhile(holds: Holds) -> None:
    """A container that ended while there was no agent is found missing, and its task has failed."""
    holds(executor_ended_meanwhile)


def recovery_timeout(cluster: Cluster) -> None:
    cluster.start_master()
    executor = MockExecutor("default")
    executor.on.launch_task().do(send_status("TASK_RUNNING"))
    agent = settled_agent(cluster, executors=[executor], recovery_timeout="10secs")
    framework = cluster.start_framework(checkpoint=True)
    run_on_next_offer(cluster, framework, executor=executor)
    agent.terminate()
    cluster.run_for("9900ms")
    assert not executor.calls_to("shutdown")
    cluster.run_for("200ms")
    assert len(executor.calls_to("shutdown")) == 1


def test_recovery_timeout(holds: Holds) -> None:
    """An executor waits for its agent as long as recovery_timeout says, then ends itself."""
    holds(recovery_timeout)


# --- without checkpointing


def without_checkpointing(cluster: Cluster) -> None:
    master = cluster.start_master()
    executor = MockExecutor("default")
    executor.on.launch_task().do(send_status("TASK_RUNNING"))
    agent = settled_agent(cluster, executors=[executor])
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler, partition_aware=True)
    run_on_next_offer(cluster, framework, executor=executor)
    slave_id = agent.id
    agent.terminate()
    cluster.wait(lambda: "TASK_LOST" in states(scheduler), "1secs")
    assert statuses(scheduler)[-1].reason == "REASON_SLAVE_DISCONNECTED"
    cluster.wait(lambda: executor.calls_to("shutdown"), "1secs")
    agent.restart()
    began = cluster.clock.elapsed
    cluster.wait(agent.registered)
    assert (cluster.clock.elapsed - began).total_seconds() < 0.1
    assert (agent.id, agent.tasks, agent.executors, dict(master.tasks)) == (slave_id, {}, {}, {})


def test_without_checkpointing(holds: Holds) -> None:
    """Without checkpointing the task is lost at once and its executor ends, but the agent keeps its id and waits for nobody."""
    holds(without_checkpointing)
