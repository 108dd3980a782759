"""Every message type and every call of the model: who handles it, and that everybody else refuses it out loud."""

from __future__ import annotations

import pytest

from harness import Cluster, ProcessError
from harness.mesos import messages as vocabulary
from harness.mesos.agent import Agent
from harness.mesos.agent.update_manager import TaskStatusUpdateManager
from harness.mesos.authentication import CRAMMD5Authenticatee, CRAMMD5AuthenticatorSession
from harness.mesos.executor import CommandExecutorProcess
from harness.mesos.master import Master
from harness.mesos.master.master import CALLS
from harness.mesos.master.observer import SlaveObserver
from harness.mesos.messages import Call, CallType, PingSlaveMessage, RegisterSlaveMessage, StatusUpdateMessage
from harness.mesos.registrar import RegistrarProcess
from harness.mesos.scheduler import SchedulerProcess

ROLES = {
    "agent": Agent,
    "authenticatee": CRAMMD5Authenticatee,
    "authenticator": CRAMMD5AuthenticatorSession,
    "executor": CommandExecutorProcess,
    "master": Master,
    "observer": SlaveObserver,
    "registrar": RegistrarProcess,
    "scheduler": SchedulerProcess,
    "updates": TaskStatusUpdateManager,
}

# Mesos's message -> the roles that have a handler for it. Everybody else refuses.
HANDLED = {
    "AuthenticateMessage": "master",
    "AuthenticationCompletedMessage": "authenticatee",
    "AuthenticationErrorMessage": "authenticatee",
    "AuthenticationFailedMessage": "authenticatee",
    "AuthenticationMechanismsMessage": "authenticatee",
    "AuthenticationStartMessage": "authenticator",
    "AuthenticationStepMessage": "authenticatee authenticator",
    "Call": "master",
    "CheckpointResourcesMessage": "agent",
    "DeactivateFrameworkMessage": "master",
    "DrainSlaveMessage": "agent",
    "ExecutorRegisteredMessage": "executor",
    "ExecutorReregisteredMessage": "executor",
    "ExecutorToFrameworkMessage": "agent master scheduler",
    "ExitedExecutorMessage": "master scheduler",
    "FrameworkErrorMessage": "scheduler",
    "FrameworkRegisteredMessage": "scheduler",
    "FrameworkReregisteredMessage": "scheduler",
    "FrameworkToExecutorMessage": "agent executor",
    "InverseOffersMessage": "scheduler",
    "KillTaskMessage": "agent executor",
    "LostSlaveMessage": "scheduler",
    "PingSlaveMessage": "agent",
    "PongSlaveMessage": "observer",
    # Travels inside SlaveReregisteredMessage only.
    "ReconcileTasksMessage": "",
    "ReconnectExecutorMessage": "executor",
    "RegisterExecutorMessage": "agent",
    "RegisterSlaveMessage": "master",
    "ReregisterExecutorMessage": "agent",
    "ReregisterSlaveMessage": "master",
    "RescindInverseOfferMessage": "scheduler",
    "RescindResourceOfferMessage": "scheduler",
    "ResourceOffersMessage": "scheduler",
    "RunTaskGroupMessage": "agent executor",
    "RunTaskMessage": "agent executor",
    "ShutdownExecutorMessage": "agent executor",
    "ShutdownFrameworkMessage": "agent",
    "ShutdownMessage": "agent",
    "SlaveRegisteredMessage": "agent",
    "SlaveReregisteredMessage": "agent",
    "StatusUpdateAcknowledgementMessage": "agent executor",
    "StatusUpdateMessage": "agent master scheduler",
    "UnregisterFrameworkMessage": "master",
    "UnregisterSlaveMessage": "master",
    "UpdateFrameworkMessage": "agent",
    "UpdateSlaveMessage": "master",
}

# Calls about operation feedback, which the model does not have; the master drops them and says so.
REFUSED_CALLS = {"ACKNOWLEDGE_OPERATION_STATUS", "RECONCILE_OPERATIONS"}


def _types():
    return sorted(name for name in vocabulary.__all__ if name.endswith("Message") or name == "Call")


def test_the_table_names_every_message():
    """A new message type needs a row here: who handles it?"""
    assert sorted(HANDLED) == _types()


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_role_handles_its_messages_and_no_others(role):
    """Row by row, in both directions."""
    process = ROLES[role]
    handled = {name for name in _types() if getattr(vocabulary, name) in process._handlers}
    assert handled == {name for name, roles in HANDLED.items() if role in roles.split()}


@pytest.mark.parametrize("role", sorted(ROLES))
def test_no_role_handles_what_is_no_message_of_mesos(role):
    """Handlers are for the vocabulary; whatever else a process wants to hear is a dispatch."""
    assert {kind.__name__ for kind in ROLES[role]._handlers} <= set(HANDLED)


@pytest.mark.parametrize("call", list(CallType))
def test_every_call_is_handled_or_refused_on_purpose(call):
    """SUBSCRIBE comes first; two calls about operations are dropped with a note."""
    assert (call in CALLS) is (call != "SUBSCRIBE" and call not in REFUSED_CALLS)


@pytest.mark.parametrize("call", sorted(REFUSED_CALLS))
def test_a_refused_call_is_dropped_with_a_note(cluster, call):
    """The framework stays."""
    master = cluster.start_master()
    framework = cluster.start_framework()
    cluster.wait(framework.registered)
    cluster.messages.post(Call(type=CallType(call), framework_id=framework.id), src=framework.driver.address, dst=master)
    cluster.settle()
    assert any(f"Dropping {call}" in line and "not supported" in line for line in cluster.log)
    assert framework.id in master.frameworks


@pytest.mark.parametrize("who", ["master", "agent", "framework"])
def test_a_message_in_the_wrong_place_fails_the_run(who):
    """The error names the process, the message and what it handles."""
    cluster = Cluster()
    master = cluster.start_master()
    agent = cluster.start_agent()
    framework = cluster.start_framework()
    cluster.wait(agent.registered)
    cluster.wait(framework.registered)
    info = master.agents[agent.id].info
    message, target = {
        "master": (PingSlaveMessage(), master.pid),
        "agent": (RegisterSlaveMessage(slave=info, version="1.11.0"), agent.pid),
        "framework": (PingSlaveMessage(), framework.driver.address),
    }[who]
    cluster.messages.post(message, src="stranger@nowhere", dst=target)
    with pytest.raises(ProcessError) as error:
        cluster.settle()
    text = str(error.value)
    assert type(message).__name__ in text
    assert target in text
    assert "handles" in text
    assert StatusUpdateMessage.__name__ in text
