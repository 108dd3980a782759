"""Who may speak, after ``authentication_tests.cpp``."""

from __future__ import annotations

from harness import Clock, Cluster, MockScheduler
from harness.mesos.flags import DEFAULT_CREDENTIAL
from harness.mesos.messages import (
    AuthenticationStepMessage,
    RegisterSlaveMessage,
    ShutdownMessage,
    SlaveRegisteredMessage,
)
from harness.simulation import Messages
from tests.scenarios.situations import Holds


def unauthenticated_slave(cluster: Cluster, clock: Clock, messages: Messages) -> None:
    clock.pause()
    cluster.start_master()
    messages.never(SlaveRegisteredMessage)
    messages.never(ShutdownMessage)
    asked = messages.expect(RegisterSlaveMessage)
    cluster.start_agent(credential=None)
    clock.settle()
    clock.advance("10ms")
    assert asked.count >= 1
    before = asked.count
    clock.advance("60secs")
    assert asked.count > before


def test_unauthenticated_slave(holds: Holds) -> None:
    """T42: an agent that cannot prove who it is asks again and again, and is neither let in nor told to end."""
    holds(unauthenticated_slave)


def rejected_scheduler_failover(cluster: Cluster, messages: Messages) -> None:
    master = cluster.start_master()
    one = MockScheduler()
    framework = cluster.start_framework(one)
    known_as = cluster.wait(framework.registered)
    one.expect.error().never()
    disconnected = one.expect.disconnected().once()
    hanging = messages.drop(AuthenticationStepMessage, src=framework)
    cluster.detector.appoint(master, framework)
    cluster.wait(disconnected)
    cluster.wait(hanging)
    two = MockScheduler()
    refused = two.expect.error().once()
    cluster.start_framework(two, framework_id=known_as, principal="someone-else", credential=DEFAULT_CREDENTIAL)
    text = cluster.wait(refused).arg("message")
    assert text == "Framework principal 'someone-else' does not match the authenticated principal 'test-principal'"


def test_rejected_scheduler_failover(holds: Holds) -> None:
    """T45: a scheduler that claims another principal than it proved takes nothing over; the old one hears nothing of it."""
    holds(rejected_scheduler_failover)
