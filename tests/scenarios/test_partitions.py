"""Agents that cannot be reached, after ``partition_tests.cpp``."""

from __future__ import annotations

from harness import Clock, Cluster, MockAllocator, MockRegistrar, MockScheduler, hold
from harness.durations import nanoseconds, seconds
from harness.mesos.messages import (
    MarkSlaveUnreachable,
    PingSlaveMessage,
    PongSlaveMessage,
    RegisterSlaveMessage,
    ShutdownMessage,
    SlaveReregisteredMessage,
)
from harness.simulation import Messages
from tests.scenarios.situations import Holds, paused_agent


def partitioned_slave(cluster: Cluster, clock: Clock, messages: Messages, allocator: MockAllocator) -> None:
    messages.drop(PongSlaveMessage)
    pings = messages.expect(PingSlaveMessage)
    master = cluster.start_master(allocator=allocator)
    agent = paused_agent(cluster)
    messages.never(ShutdownMessage)
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler)
    cluster.wait(framework.next_offers())
    rescinded = scheduler.expect.offer_rescinded().once()
    lost = scheduler.expect.slave_lost(slave_id=agent.id).once()
    (added,) = allocator.calls_to("addSlave")
    clock.advance(added.time + seconds(75) - nanoseconds(1) - clock.elapsed)
    assert pings.count == 5
    assert (rescinded.count, lost.count) == (0, 0)
    clock.advance("1ns")
    assert (rescinded.count, lost.count) == (1, 1)
    metrics = master.metrics
    assert metrics["master/slave_unreachable_scheduled"] == 1
    assert metrics["master/slave_unreachable_completed"] == 1
    assert metrics["master/slave_removals"] == 1
    assert metrics["master/slave_removals/reason_unhealthy"] == 1
    assert metrics["master/slave_removals/reason_unregistered"] == 0
    rescinded.verify()
    lost.verify()


def test_partitioned_slave(holds: Holds) -> None:
    """T12: an agent that answers no ping is given up 75 s after it was added, not a moment earlier, and not told to end."""
    holds(partitioned_slave)


def fails_health_checks_twice(cluster: Cluster, clock: Clock, messages: Messages) -> None:
    messages.drop(PongSlaveMessage)
    registrar = MockRegistrar()
    master = cluster.start_master(registrar=registrar)
    verdicts = messages.expect_dispatch(master, "mark_unreachable")
    agent = paused_agent(cluster)
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler)
    cluster.wait(framework.registered)
    marking = registrar.expect.apply(operation=MarkSlaveUnreachable).will_once(hold())
    lost = scheduler.expect.slave_lost(slave_id=agent.id).once()
    clock.advance("75secs")
    assert (verdicts.count, marking.count) == (1, 1)
    # A machine that stood still: one more period is over when it goes on, not five.
    clock.jump("75secs")
    clock.settle()
    assert (verdicts.count, marking.count, lost.count) == (2, 1, 0)
    registrar.forward(marking.calls[0])
    clock.settle()
    assert lost.count == 1
    metrics = master.metrics
    assert metrics["master/slave_unreachable_scheduled"] == 2
    assert metrics["master/slave_unreachable_completed"] == 2
    assert metrics["master/slave_removals"] == 1
    assert metrics["master/slave_removals/reason_unhealthy"] == 1


def test_fails_health_checks_twice(holds: Holds) -> None:
    """T15: while the registry is being written a second verdict changes nothing."""
    holds(fails_health_checks_twice)


def one_way_partition(cluster: Cluster, clock: Clock, messages: Messages) -> None:
    pings = messages.expect(PingSlaveMessage)
    registrations = messages.expect(RegisterSlaveMessage)
    master = cluster.start_master()
    agent = paused_agent(cluster)
    clock.settle()
    assert registrations.count >= 1
    assert [ping.connected for ping in pings.messages] == [True]
    scheduler = MockScheduler()
    scheduler.expect.slave_lost().never()
    cluster.start_framework(scheduler)
    clock.settle()
    known_as = agent.id
    reregistered = messages.expect(SlaveReregisteredMessage, dst=agent)
    messages.inject_exited(agent, master)
    clock.settle()
    clock.advance("15secs")
    assert pings.messages[-1].connected is False
    clock.advance("10ms")
    assert reregistered.message.slave_id == known_as == agent.id
    assert master.agents[known_as].connected


def test_one_way_partition(holds: Holds) -> None:
    """T16: an agent whose link broke one way learns it from the next ping and comes back with its id."""
    holds(one_way_partition)
