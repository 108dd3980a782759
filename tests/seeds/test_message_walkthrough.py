"""A walk-through of the messages between master and agent, written from the code between 1.1 and 1.2. Mesos 1.1.

What it leaves out or misreads is said where it is tested: an agent without a credential registers after a random delay, a
refusal ends the agent, a time-out is followed by a back-off, too, and an agent that is taken back is not told of a version.
The master's side of health and return is in ``test_message_walkthrough_master.py``.
"""

from __future__ import annotations

from typing import Any

import pytest

from harness import Clock, Cluster, MockExecutor, MockScheduler, send_status
from harness.durations import seconds
from harness.mesos.messages import (
    AuthenticateMessage,
    AuthenticationErrorMessage,
    AuthenticationMechanismsMessage,
    AuthenticationStepMessage,
    Credential,
    RegisterSlaveMessage,
    ReregisterSlaveMessage,
    ShutdownMessage,
    SlaveInfo,
    SlaveRegisteredMessage,
    SlaveReregisteredMessage,
)
from harness.simulation import Messages
from tests.scenarios.situations import Holds
from tests.seeds.situations import GUESTS, Running, first_note, settled_agent

RELEASE = "1.1"
NOT_YET = ["1.0", "1.1", "1.2", "1.5"]


# --- detected


def detected(cluster: Cluster, messages: Messages) -> None:
    master = cluster.start_master()
    paused = messages.expect_dispatch(None, "pause")
    attempts = messages.expect(AuthenticateMessage)
    agent = cluster.start_agent()
    cluster.wait(agent.registered)
    pauses = [delivery for delivery in paused.deliveries if delivery.dst.host == agent.hostname]
    assert len(pauses) == 1
    assert pauses[0].time <= attempts.deliveries[0].time
    # It keeps watching: the next election finds it again.
    cluster.run_for("100ms")
    before = attempts.count
    cluster.detector.appoint(None, agent)
    cluster.run_for("1secs")
    assert agent.state == "DISCONNECTED"
    cluster.detector.appoint(master, agent)
    cluster.wait(lambda: attempts.count > before)
    cluster.wait(lambda: agent.state == "RUNNING")


def test_what_a_detected_master_sets_off(holds: Holds) -> None:
    """The update manager is paused, the agent authenticates, and goes on watching who leads."""
    holds(detected, mesos_version=RELEASE)


def authenticates_at_once(cluster: Cluster, clock: Clock, messages: Messages) -> None:
    clock.pause()
    cluster.start_master()
    registrations = messages.expect(RegisterSlaveMessage)
    cluster.start_agent()
    cluster.settle()
    # Not one timer had to fire for it, and success registers without a further pause.
    assert registrations.count == 1
    assert clock.elapsed == seconds(0)


def test_authentication_begins_at_once(holds: Holds) -> None:
    """With a credential nothing is waited for; the delay before authentication came with 1.2."""
    holds(authenticates_at_once, mesos_version=RELEASE)


def without_credential(cluster: Cluster, clock: Clock, messages: Messages) -> None:
    clock.pause()
    cluster.start_master(**GUESTS)
    messages.never(AuthenticateMessage)
    registrations = messages.expect(RegisterSlaveMessage)
    cluster.start_agent(credential=None, registration_backoff_factor="1secs")
    cluster.settle()
    assert registrations.count == 0
    (timer,) = [timer for timer in clock.timers if timer.owner == "slave(1)@agent1"]
    assert (timer.purpose, str(timer.low), str(timer.high)) == ("do_reliable_registration", "0ns", "1secs")
    clock.advance("1secs")
    assert registrations.count >= 1


def test_without_a_credential_registration_waits(holds: Holds) -> None:
    """What the walk-through skips: an agent without a credential registers, unauthenticated, after a part of a second."""
    holds(without_credential, mesos_version=RELEASE)


# --- authentication


def linked(cluster: Cluster, messages: Messages) -> None:
    master = cluster.start_master()
    asked = messages.drop(AuthenticationMechanismsMessage)
    agent = cluster.start_agent()
    cluster.wait(asked)
    heard = messages.expect_exited(master, agent)
    master.terminate()
    cluster.wait(heard)
    assert agent.id is None


def test_the_link_is_made_before_authenticating(holds: Holds) -> None:
    """An agent that has not registered yet hears of its master's end: the link exists since authentication."""
    holds(linked, mesos_version=RELEASE)


def pauses_after_failures(cluster: Cluster, clock: Clock, messages: Messages) -> None:
    clock.pause()
    cluster.start_master()
    attempts = messages.expect(AuthenticateMessage)
    messages.drop(AuthenticationMechanismsMessage)
    cluster.start_agent()
    # From 1.2 on a first delay comes before the first attempt, too; here of 10 ms.
    clock.advance("10ms")
    for number in range(1, 8):
        assert attempts.count == number
        (timeout,) = _timers(clock, "authentication_timeout")
        assert (timeout.low, timeout.high) == (seconds(5), seconds(5))
        clock.advance(timeout.due - clock.elapsed)
        (pause,) = _timers(clock, "authenticate")
        assert (pause.low, pause.high) == (seconds(0), seconds(min(2**number, 60)))
        clock.advance(pause.due - clock.elapsed)


def _timers(clock: Clock, purpose: str) -> list[Any]:
    return [timer for timer in clock.timers if timer.owner == "slave(1)@agent1" and timer.purpose == purpose]


@pytest.mark.parametrize("release", NOT_YET)
def test_an_attempt_has_five_seconds(holds: Holds, release: str) -> None:
    """A time-out after 5 s, and then, which the walk-through omits, a pause drawn from 2, 4, 8 .. 60 s. No longer so in 1.11."""
    holds(pauses_after_failures, mesos_version=release)


def failure(cluster: Cluster, clock: Clock, messages: Messages) -> None:
    clock.pause()
    master = cluster.start_master()
    lost = messages.drop(AuthenticationMechanismsMessage, times=1)
    agent = cluster.start_agent()
    cluster.settle()
    authenticatee = lost.deliveries[0].dst
    messages.post(AuthenticationErrorMessage(error="no reason"), src=master, dst=authenticatee)
    cluster.settle()
    (pause,) = _timers(clock, "authenticate")
    assert (pause.low, pause.high) == (seconds(0), seconds(2))
    clock.advance("2secs")
    assert agent.registered.ready


def test_a_failure_is_followed_by_a_back_off(holds: Holds) -> None:
    """An attempt that fails is repeated after a pause, and success leads to the registration."""
    holds(failure, mesos_version=RELEASE)


def refused(cluster: Cluster) -> None:
    cluster.start_master()
    executor = MockExecutor("default")
    executor.on.launch_task().do(send_status("TASK_RUNNING"))
    agent = settled_agent(cluster, executors=[executor])
    framework = cluster.start_framework(MockScheduler(), checkpoint=True)
    (offer, *_) = cluster.wait(framework.next_offers())
    framework.run_task(offer, executor=executor)
    cluster.fail_over_master(credentials=(Credential(principal="test-principal", secret="another"),))
    cluster.wait(lambda: not agent.running)
    first_note(cluster.trace, "refused authentication")
    cluster.run_for("1mins")
    assert not executor.calls_to("shutdown")


def test_a_refusal_ends_the_agent(holds: Holds) -> None:
    """Omitted in the walk-through: an agent whose credential is wrong ends its process, and leaves its executors alone."""
    holds(refused, mesos_version=RELEASE)


def another_attempt(cluster: Cluster, clock: Clock, messages: Messages) -> None:
    clock.pause()
    master = cluster.start_master()
    attempts = messages.expect(AuthenticateMessage)
    first = messages.hold(AuthenticationStepMessage, times=1)
    agent = cluster.start_agent()
    cluster.settle()
    assert (attempts.count, first.held) == (1, 1)
    cluster.detector.appoint(master, agent)
    cluster.settle()
    # The running attempt is discarded; what follows is a retry like any other.
    assert (attempts.count, agent.registered.ready) == (1, False)
    first_note(cluster.trace, "Failed to authenticate with master master@master: master changed")
    (pause,) = _timers(clock, "authenticate")
    assert (pause.low, pause.high) == (seconds(0), seconds(2))
    clock.advance("10secs")
    assert agent.registered.ready
    assert attempts.count >= 2


def test_a_running_attempt_is_cancelled(holds: Holds) -> None:
    """A master that is detected while an agent authenticates cancels the attempt; the next one begins after a back-off."""
    holds(another_attempt, mesos_version=RELEASE)


# --- doReliableRegistration


def stops_when_running(cluster: Cluster, messages: Messages) -> None:
    cluster.start_master()
    sent = messages.expect((RegisterSlaveMessage, ReregisterSlaveMessage))
    agent = cluster.start_agent()
    cluster.wait(agent.registered)
    cluster.run_for("100ms")
    before = sent.count
    cluster.run_for("5mins")
    assert sent.count == before


def test_a_running_agent_registers_no_more(holds: Holds) -> None:
    """The retry that finds the agent RUNNING does nothing and arms no other."""
    holds(stops_when_running, mesos_version=RELEASE)


def both_messages(cluster: Cluster, messages: Messages) -> None:
    cluster.start_master()
    first = messages.expect(RegisterSlaveMessage)
    again = messages.expect(ReregisterSlaveMessage)
    agent = settled_agent(cluster)
    assert first.message.slave.id is None
    assert first.message.version == "1.1.0"
    assert again.count == 0
    framework = cluster.start_framework(MockScheduler(), checkpoint=True)
    running = Running(cluster, framework)
    first.cancel()
    agent.terminate()
    cluster.run_for("10ms")
    messages.never(RegisterSlaveMessage)
    agent.restart()
    cluster.wait(again)
    report = again.messages[0]
    assert report.slave.id == agent.id
    assert [task.task_id for task in report.tasks] == [running.task.task_id]
    assert [info.id for info in report.frameworks] == [framework.id]
    assert not report.checkpointed_resources
    cluster.wait(agent.registered)


def test_what_is_sent_without_and_with_an_id(holds: Holds) -> None:
    """Without an id RegisterSlave; with one, which a restart finds on disk, ReregisterSlave with tasks and frameworks."""
    holds(both_messages, mesos_version=RELEASE)


def repeats(cluster: Cluster, clock: Clock, messages: Messages) -> None:
    clock.pause()
    cluster.start_master()
    messages.drop(SlaveRegisteredMessage)
    sent = messages.expect(RegisterSlaveMessage)
    cluster.start_agent(registration_backoff_factor="1secs")
    cluster.settle()
    for number in range(1, 8):
        assert sent.count == number
        (timer,) = _timers(clock, "do_reliable_registration")
        assert (timer.low, timer.high) == (seconds(0), seconds(min(2**number, 60)))
        clock.advance(timer.due - clock.elapsed)


def test_registration_is_repeated(holds: Holds) -> None:
    """Until it has worked, after a random part of 2, 4, 8 .. 60 s."""
    holds(repeats, mesos_version=RELEASE)


# --- who may register


def waits_for_authentication(cluster: Cluster, clock: Clock, messages: Messages) -> None:
    clock.pause()
    master = cluster.start_master()
    answer = messages.hold(AuthenticationStepMessage, times=1)
    messages.never(ShutdownMessage)
    agent = cluster.start_agent()
    cluster.settle()
    assert answer.held == 1
    info = SlaveInfo(hostname=agent.hostname)
    messages.post(RegisterSlaveMessage(slave=info, version="1.1.0"), src=agent, dst=master)
    cluster.settle()
    assert master.agents == {}
    first_note(cluster.trace, "Queuing up RegisterSlaveMessage of slave(1)@agent1 behind its authentication")
    clock.advance("2secs")
    assert master.agents == {}
    answer.release()
    cluster.settle()
    assert agent.registered.ready


def test_registration_waits_for_authentication(holds: Holds) -> None:
    """Not "a little while": the message comes again when the attempt that is under way has ended well."""
    holds(waits_for_authentication, mesos_version=RELEASE)


def unauthenticated(cluster: Cluster, messages: Messages) -> None:
    master = cluster.start_master()
    told = messages.expect(ShutdownMessage)
    agent = cluster.start_agent(credential=None)
    cluster.wait(told)
    assert told.message.message == "Agent is not authenticated"
    cluster.wait(lambda: not agent.running)
    assert master.agents == {}


@pytest.mark.parametrize("release", NOT_YET)
def test_unauthenticated_agents_are_told_to_end(holds: Holds, release: str) -> None:
    """A master that wants authentication shuts agents down that come without; the newest releases ignore them."""
    holds(unauthenticated, mesos_version=release)


def ignored(cluster: Cluster, messages: Messages) -> None:
    master = cluster.start_master()
    messages.never(ShutdownMessage)
    asked = messages.expect(RegisterSlaveMessage)
    agent = cluster.start_agent(credential=None)
    cluster.run_for("1mins")
    assert asked.count > 3
    assert agent.running
    assert master.agents == {}


def test_they_are_ignored_later(holds: Holds) -> None:
    """In 1.11 such an agent asks again and again and is not answered."""
    holds(ignored, mesos_version="1.11")


def machine_down(cluster: Cluster, messages: Messages) -> None:
    master = cluster.start_master()
    first = settled_agent(cluster, hostname="rack-1")
    cluster.wait(master.set_maintenance_schedule({"rack-1": ("60secs", None)}))
    cluster.wait(master.start_maintenance("rack-1"))
    cluster.wait(lambda: not first.running, timeout="30secs")
    told = messages.expect(ShutdownMessage, dst=first)
    first.restart()
    cluster.wait(told)
    assert told.message.message == "Machine is `DOWN`"
    cluster.wait(lambda: not first.running, timeout="30secs")
    assert master.agents == {}


@pytest.mark.parametrize("release", [*NOT_YET, "1.11"])
def test_no_agent_on_a_machine_that_is_down(holds: Holds, release: str) -> None:
    """An agent whose machine an operator took down is told to end, in every release."""
    holds(machine_down, mesos_version=release)


# --- taken back


def taken_back(cluster: Cluster, messages: Messages) -> None:
    master = cluster.start_master()
    agent = settled_agent(cluster)
    framework = cluster.start_framework(MockScheduler(), checkpoint=True)
    running = Running(cluster, framework)
    old_pid = agent.pid
    reregistered = messages.expect(SlaveReregisteredMessage, dst=agent)
    agent.terminate()
    cluster.wait(lambda: not master.agents[agent.id].connected)
    assert not master.agents[agent.id].active
    agent.restart(same_pid=False)
    began = cluster.clock.elapsed
    cluster.wait(agent.registered)
    cluster.run_for("50ms")
    told = [
        type(record.event).__name__
        for record in cluster.trace
        if record.kind == "delivered" and record.time > began and record.source == master.pid and record.process == agent.pid
    ]
    known = master.agents[agent.id]
    assert known.pid == agent.pid != old_pid
    assert (known.connected, known.active) == (True, True)
    assert not hasattr(reregistered.message, "version")
    assert [name for name in told if name in ("UpdateFrameworkMessage", "CheckpointResourcesMessage")][:2] == [
        "UpdateFrameworkMessage",
        "CheckpointResourcesMessage",
    ]
    assert "SlaveReregisteredMessage" in told
    assert running.alive
    assert master.tasks[running.task.task_id].state == "TASK_RUNNING"


def test_a_known_agent_is_taken_back(holds: Holds) -> None:
    """New pid, connected and active again; it is told where frameworks are and what it has to keep, and of no version."""
    holds(taken_back, mesos_version=RELEASE)
