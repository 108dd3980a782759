"""Agents, after ``slave_tests.cpp``."""

from __future__ import annotations

from harness import Cluster, MockExecutor, MockScheduler, send_status
from harness.mesos.messages import (
    PingSlaveMessage,
    SlaveRegisteredMessage,
    SlaveReregisteredMessage,
    StatusUpdateAcknowledgementMessage,
)
from tests.scenarios.situations import Holds, launch_on_next_offer, settled_agent, states


def ping_timeout_without_pings(cluster: Cluster) -> None:
    cluster.start_master(agent_ping_timeout="5secs", max_agent_ping_timeouts=2)
    cluster.messages.drop(PingSlaveMessage)
    registered = cluster.messages.expect(SlaveRegisteredMessage)
    agent = cluster.start_agent()
    cluster.wait(registered)
    assert registered.message.connection.total_ping_timeout_seconds == 10
    cluster.clock.pause()
    cluster.settle()
    detected = cluster.messages.expect_dispatch(agent, "detected")
    reregistered = cluster.messages.expect(SlaveReregisteredMessage, dst=agent)
    cluster.clock.advance("9999ms")
    assert detected.count == 0
    cluster.clock.advance("1ms")
    # Twice: nobody leads, and then the one that leads still.
    assert detected.count == 2
    cluster.clock.advance("10ms")
    assert reregistered.count == 1


def test_ping_timeout_without_pings(holds: Holds) -> None:
    """T56: an agent that hears no pings detects its master again after exactly the time that the master told it."""
    holds(ping_timeout_without_pings)


def duplicate_terminal_update(cluster: Cluster) -> None:
    cluster.start_master()
    executor = MockExecutor("default")
    executor.on.launch_task().do(send_status("TASK_FINISHED"))
    agent = settled_agent(cluster, executors=[executor])
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler, checkpoint=True)
    cluster.wait(framework.registered)
    dropped = cluster.messages.drop(StatusUpdateAcknowledgementMessage, dst=agent, times=1)
    task = launch_on_next_offer(cluster, framework, executor=executor)
    cluster.wait(dropped)
    cluster.clock.pause()
    cluster.settle()
    executor.driver.send_status_update(task, "TASK_KILLED")
    cluster.settle()
    assert states(scheduler) == ["TASK_FINISHED"]
    cluster.clock.advance("10secs")
    assert states(scheduler) == ["TASK_FINISHED", "TASK_FINISHED"]
    cluster.clock.advance("1mins")
    assert states(scheduler) == ["TASK_FINISHED", "TASK_FINISHED"]


def test_duplicate_terminal_update_before_acknowledgement(holds: Holds) -> None:
    """T59: only a task's first end counts; it is sent again after ten seconds when its acknowledgement was lost."""
    holds(duplicate_terminal_update)
