"""Section 5 of the contract: watching, dropping, holding, delaying, doubling, posting what travels between processes."""

from __future__ import annotations

import pytest

from harness import Cluster, ExpectationError, MockScheduler, has, milliseconds
from harness.mesos.messages import (
    Call,
    PingSlaveMessage,
    PongSlaveMessage,
    RegisterSlaveMessage,
    SlaveRegisteredMessage,
    StatusUpdateAcknowledgementMessage,
    StatusUpdateMessage,
)
from tests.contract.clusters import settled

pytestmark = pytest.mark.cluster(seeds=4)


def test_a_rule_is_intercepted_before_the_handler_and_handled_after_it(cluster, messages):
    """Waiting on the rule waits for handled."""
    cluster.start_master()
    agent = cluster.start_agent()
    registered = messages.expect(SlaveRegisteredMessage, dst=agent)
    message = cluster.wait(registered.intercepted)
    assert agent.id is None
    assert not registered.handled.done
    assert cluster.wait(registered) is message
    assert agent.id == message.slave_id


def test_a_dispatch_that_is_seen_is_not_handled_yet(cluster, messages, allocator):
    """Time stands still between the two; whatever drives the cluster next goes on with the handler."""
    cluster.start_master(allocator=allocator)
    seen = messages.expect_dispatch("hierarchical-allocator(1)@master", "add_slave")
    agent = cluster.start_agent()
    cluster.wait(seen.intercepted)
    trace = len(cluster.trace)
    assert allocator.calls_to("add_slave")
    assert not seen.handled.done
    cluster.clock.pause()
    cluster.settle()
    assert seen.handled.done
    assert "add_slave" in cluster.trace[trace].text
    cluster.clock.resume()
    cluster.wait(agent.registered)


def test_a_rule_goes_on_recording_and_never_fails_because_of_more(cluster, messages):
    """Satisfied by the first match; count, message, messages and deliveries tell of all."""
    master = cluster.start_master()
    one, two = cluster.start_agent(), cluster.start_agent()
    rule = messages.expect(RegisterSlaveMessage, src=one, dst=master)
    cluster.wait(one.registered)
    cluster.wait(two.registered)
    assert rule.count == len(rule.messages) == len(rule.deliveries) >= 1
    assert rule.message is rule.messages[-1]
    first = rule.deliveries[0]
    assert (first.message, first.src, first.dst) == (rule.messages[0], one.pid, master.pid)
    assert first.time <= cluster.clock.elapsed
    assert {message.slave.hostname for message in rule.messages} == {"agent1"}


def test_where_is_asked_at_each_message(cluster, messages):
    """Only what it accepts counts."""
    cluster.start_master()
    cluster.start_agent()
    subscribes = messages.expect(Call, where=lambda call: call.type == "SUBSCRIBE")
    others = messages.expect(Call, where=lambda call: call.type != "SUBSCRIBE")
    framework = cluster.start_framework()
    offer = cluster.wait(framework.next_offers())[0]
    assert subscribes.count >= 1
    assert others.count == 0
    framework.driver.decline_offer(offer.id)
    assert cluster.wait(others).type == "DECLINE"


def test_dropped_messages_do_not_arrive(cluster, messages):
    """``times`` limits it; then the rule steps aside and the next registration gets through."""
    cluster.start_master()
    agent = cluster.start_agent()
    dropped = messages.drop(RegisterSlaveMessage, src=agent, times=2)
    cluster.wait(agent.registered)
    assert dropped.count == 2


def test_held_messages_arrive_when_released(cluster, messages):
    """Past every other rule; later traffic may have overtaken them."""
    cluster.start_master()
    agent = cluster.start_agent()
    held = messages.hold(SlaveRegisteredMessage, dst=agent)
    pinged = messages.expect(PingSlaveMessage, dst=agent)
    cluster.wait(held)
    cluster.wait(pinged)
    assert agent.id is None
    messages.drop(SlaveRegisteredMessage, dst=agent)
    assert held.release() >= 1
    cluster.wait(agent.registered)


def test_delayed_messages_arrive_later(cluster, messages, clock):
    """By this much virtual time at least."""
    cluster.start_master()
    agent = cluster.start_agent()
    slow = messages.delay(SlaveRegisteredMessage, dst=agent, by="300ms")
    cluster.wait(slow.intercepted)
    met = clock.elapsed
    cluster.wait(agent.registered)
    assert clock.elapsed - met >= milliseconds(300)


def test_doubled_messages_arrive_twice(cluster, messages):
    """A second pong for one ping."""
    master = cluster.start_master()
    agent = cluster.start_agent()
    cluster.wait(agent.registered)
    twice = messages.duplicate(PingSlaveMessage, dst=agent, times=1)
    pongs = messages.expect(PongSlaveMessage, src=agent, dst=master)
    cluster.run_for("20secs")
    assert twice.count == 1
    assert pongs.count >= 2


def test_what_must_never_come_fails_the_run():
    """At the delivery, with the message named."""
    with pytest.raises(ExpectationError, match="RegisterSlaveMessage"), Cluster() as cluster:  # noqa: PT012
        cluster.start_master()
        cluster.messages.never(RegisterSlaveMessage)
        cluster.start_agent()
        cluster.run_for("30secs")


def test_a_message_may_be_posted_with_any_sender(cluster, messages):
    """Also with the pid of a process that is gone; here it tells the master that nobody of it is registered any more."""
    master = cluster.start_master()
    agent = cluster.start_agent()
    settled(cluster, agent)
    gone = str(agent.pid)
    agent.terminate()
    cluster.settle()
    received = messages.expect(PongSlaveMessage, src=gone, dst=master)
    registered = messages.expect(RegisterSlaveMessage, src=gone, dst=master)
    messages.post(RegisterSlaveMessage(slave=master.agents[agent.id].info, version="1.11.0"), src=gone, dst=master)
    assert len(messages.in_flight) >= 1
    assert messages.in_flight[-1].dst == master.pid
    cluster.wait(registered)
    assert received.count == 0


def test_dispatches_are_watched_like_messages(cluster, messages, allocator):
    """Seen, dropped, held: by method name, also those of a process to itself."""
    master = cluster.start_master(allocator=allocator)
    agent = cluster.start_agent()
    recovered = messages.expect_dispatch(agent, "detected")
    cluster.wait(recovered)
    cluster.wait(agent.registered)
    framework = cluster.start_framework()
    held = messages.hold_dispatch(agent, "_run")
    offer = cluster.wait(framework.next_offers())[0]
    from harness import make_task

    framework.driver.launch_tasks([offer.id], [make_task(offer)])
    cluster.wait(held)
    assert not agent.executors
    held.release()
    cluster.wait(lambda: agent.executors)
    assert master.tasks


def test_dropped_dispatches_never_happen(cluster, messages):
    """The launch stops there; the task stays staging."""
    master = cluster.start_master()
    agent = cluster.start_agent()
    framework = cluster.start_framework()
    offer = cluster.wait(framework.next_offers())[0]
    cluster.wait(agent.registered)
    from harness import make_task

    dropped = messages.drop_dispatch(agent, "__run")
    framework.driver.launch_tasks([offer.id], [make_task(offer)])
    cluster.wait(dropped)
    cluster.run_for("5secs")
    assert [task.state for task in master.tasks.values()] == ["TASK_STAGING"]


def test_exited_events_are_watched_dropped_and_injected(cluster, messages):
    """A lost event leaves the agent connected; an injected one disconnects it though it lives."""
    master = cluster.start_master()
    one, two = cluster.start_agent(), cluster.start_agent()
    cluster.wait(one.registered)
    cluster.wait(two.registered)
    dropped = messages.drop_exited(src=one, dst=master)
    one.terminate()
    cluster.wait(dropped)
    assert master.agents[one.id].connected
    seen = messages.expect_exited(src=two, dst=master)
    messages.inject_exited(src=two, dst=master)
    cluster.wait(seen)
    assert not master.agents[two.id].connected
    assert two.running


def test_rules_end_by_cancel_or_block(cluster, messages):
    """Afterwards they no longer see anything."""
    cluster.start_master()
    with messages.drop(RegisterSlaveMessage) as dropping:
        agent = cluster.start_agent()
        cluster.run_for("1secs")
    seen = messages.expect(RegisterSlaveMessage)
    count = dropping.count
    assert count >= 1
    cluster.wait(agent.registered)
    assert dropping.count == count
    seen.cancel()
    before = seen.count
    agent.terminate()
    agent.restart(same_pid=False)
    cluster.run_for("1secs")
    assert seen.count == before


def test_a_handle_covers_all_processes_of_its_role(cluster, messages):
    """The observer pings on behalf of the master, the update manager sends on behalf of the agent."""
    scheduler = MockScheduler()
    master = cluster.start_master()
    agent = cluster.start_agent()
    framework = cluster.start_framework(scheduler)
    ping = messages.expect(PingSlaveMessage, src=master, dst=agent)
    update = messages.expect(StatusUpdateMessage, src=agent, dst=master)
    to_scheduler = messages.expect(StatusUpdateMessage, src=master, dst=framework)
    acknowledged = messages.expect(StatusUpdateAcknowledgementMessage, src=master, dst=agent)
    framework.run_task(cluster.wait(framework.next_offers())[0])
    cluster.wait(ping)
    assert update.count >= 1
    assert to_scheduler.count >= 1
    assert acknowledged.count >= 1
    by_pid = messages.expect(PingSlaveMessage, dst=str(agent.pid))
    cluster.run_for("20secs")
    assert by_pid.count >= 1


def test_the_newest_rule_is_asked_first(cluster, messages):
    """A rule that only watches passes on to older ones; one that stops the message does not."""
    cluster.start_master()
    oldest = messages.expect(RegisterSlaveMessage)
    messages.drop(RegisterSlaveMessage, times=1)
    newest = messages.expect(RegisterSlaveMessage)
    agent = cluster.start_agent()
    cluster.wait(agent.registered)
    assert newest.count == oldest.count + 1


def test_rules_and_expectations_work_together(cluster, messages):
    """An update that is lost on the way to the scheduler comes again after ten seconds."""
    scheduler = MockScheduler()
    cluster.start_master()
    cluster.start_agent()
    framework = cluster.start_framework(scheduler)
    offer = cluster.wait(framework.next_offers())[0]
    lost = messages.drop(StatusUpdateMessage, dst=framework, times=1)
    running = scheduler.expect.status_update(status=has(state="TASK_RUNNING")).at_least_once()
    from harness import make_task

    framework.driver.launch_tasks([offer.id], [make_task(offer)])
    cluster.wait(lost)
    at = cluster.clock.elapsed
    cluster.wait(running)
    assert cluster.clock.elapsed - at > milliseconds(9900)
