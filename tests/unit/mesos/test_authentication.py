"""CRAM-MD5, both sides, with a client and a master that do nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from harness.mesos.authentication import (
    AuthenticationState,
    CRAMMD5Authenticatee,
    CRAMMD5Authenticator,
    CRAMMD5AuthenticatorSession,
    answer_to,
)
from harness.mesos.messages import (
    AuthenticateMessage,
    AuthenticationCompletedMessage,
    AuthenticationErrorMessage,
    AuthenticationMechanismsMessage,
    AuthenticationStartMessage,
    AuthenticationStepMessage,
    Credential,
)
from harness.simulation import Address, Process, World, handles
from harness.simulation.future import Future

GOOD = Credential(principal="test-principal", secret="test-secret")


class ToyMaster(Process):
    """Opens a session for each request."""

    def __init__(self) -> None:
        super().__init__("master")
        self.authenticator = CRAMMD5Authenticator([GOOD])
        self.sessions: list[CRAMMD5AuthenticatorSession] = []

    @handles(AuthenticateMessage)
    def authenticate(self, sender: Address, message: AuthenticateMessage) -> None:
        """Open a session with the sender."""
        session = self.authenticator.session(self.unique_name("crammd5-authenticator"), sender)
        self.sessions.append(session)
        self.spawn(session)


class Client(Process):
    """Authenticates itself at once."""

    def __init__(self, credential: Credential = GOOD) -> None:
        super().__init__("client")
        self.credential = credential

    def initialize(self) -> None:
        """Begin."""
        name = self.unique_name("crammd5-authenticatee")
        self.child = CRAMMD5Authenticatee(name, self.address, "master@m", self.credential)
        self.spawn(self.child)
        self.outcome: Future[bool] = self.child.authenticate()


def toys(credential: Credential = GOOD, **arguments: Any) -> tuple[World, ToyMaster, Client]:
    """A world with a master and a client on two hosts."""
    world = World(**arguments)
    master, client = ToyMaster(), Client(credential)
    world.spawn(master, "m")
    world.spawn(client, "c")
    return world, master, client


@pytest.mark.parametrize("seed", range(5))
def test_good_credentials_are_accepted(seed: int) -> None:
    """Both sides end with success, the master knows the principal, and both processes are gone."""
    world, master, client = toys(seed=seed)
    world.run_until_idle()
    assert client.outcome.get() is True
    assert master.sessions[0].future.get() == "test-principal"
    assert client.child.status is AuthenticationState.COMPLETED
    assert not client.child.alive
    assert not master.sessions[0].alive


def test_the_conversation_has_six_messages() -> None:
    """Request, mechanisms, start, challenge, answer, verdict: no more, no less."""
    world, _, _ = toys()
    rules = {
        kind: world.messages.expect(kind)
        for kind in (
            AuthenticateMessage,
            AuthenticationMechanismsMessage,
            AuthenticationStartMessage,
            AuthenticationStepMessage,
            AuthenticationCompletedMessage,
        )
    }
    world.run_until_idle()
    assert [rule.count for rule in rules.values()] == [1, 1, 1, 2, 1]
    assert rules[AuthenticateMessage].message.pid == "client@c"
    challenge, answer = rules[AuthenticationStepMessage].messages
    assert answer.data == answer_to(challenge.data, GOOD)


@pytest.mark.parametrize(
    "credential",
    [Credential(principal="test-principal", secret="wrong"), Credential(principal="nobody", secret="test-secret")],
)
def test_wrong_credentials_are_refused(credential: Credential) -> None:
    """A wrong secret and an unknown principal are an answer, not an error: False here, no principal there."""
    world, master, client = toys(credential)
    world.run_until_idle()
    assert client.outcome.get() is False
    assert master.sessions[0].future.get() is None


def test_answers_follow_the_standard() -> None:
    """The example of RFC 2195 gives the digest printed there."""
    challenge = "<1896.697170952@postoffice.reston.mci.net>"
    assert answer_to(challenge, Credential(principal="tim", secret="tanstaaftanstaaf")) == "tim b913a602c7eda7a495b4e6e7334d3890"


def test_a_discarded_attempt_ends_both_sides() -> None:
    """The owner gives up while the challenge is lost: its future is discarded, the session hears the exit and fails."""
    world, master, client = toys()
    dropped = world.messages.drop(AuthenticationStepMessage)
    world.run_until_idle()
    assert dropped.count == 1
    assert not client.outcome.done
    assert client.outcome.discard()
    world.run_until_idle()
    assert client.outcome.discarded
    assert not client.child.alive
    assert master.sessions[0].future.failed
    assert "Failed to communicate" in str(master.sessions[0].future.error)


def test_an_answer_that_is_queued_survives_the_masters_discard() -> None:
    """A discard of the session is served after the answer that was there before it, so the client still succeeds."""
    world, master, client = toys(strategy="prompt")
    lost = world.messages.drop(AuthenticationStepMessage, dst="m")
    world.run_until_idle()
    lost.cancel()
    session = master.sessions[0]
    world.post(lost.message, to=session.address)
    session.future.discard()
    world.settle()
    assert client.outcome.get() is True
    assert session.future.get() == "test-principal"


def test_a_discarded_session_ends() -> None:
    """A session that nothing more comes to is gone after a discard."""
    world, master, client = toys()
    world.messages.drop(AuthenticationStartMessage)
    world.run_until_idle()
    master.sessions[0].future.discard()
    world.run_until_idle()
    assert master.sessions[0].future.discarded
    assert not master.sessions[0].alive
    assert not client.outcome.done


def test_the_end_of_the_client_fails_the_session() -> None:
    """A client that crashes takes its authenticatee along, and the session does not wait for ever."""
    world, master, client = toys()
    world.messages.drop(AuthenticationStepMessage)
    world.run_until_idle()
    world.terminate(client.address)
    world.run_until_idle()
    assert client.outcome.discarded
    assert master.sessions[0].future.failed


def test_a_message_in_the_wrong_state_fails_the_attempt() -> None:
    """A verdict before any challenge is a protocol error at the client."""
    world, _, client = toys()
    world.messages.drop(AuthenticationMechanismsMessage)
    world.run_until_idle()
    world.post(AuthenticationCompletedMessage(), to=client.child.address)
    world.run_until_idle()
    assert client.outcome.failed
    assert "Unexpected authentication 'completed'" in str(client.outcome.error)


def test_a_session_answers_nonsense_with_an_error() -> None:
    """An answer without a challenge, and a mechanism nobody has, fail both sides."""
    world, master, client = toys()
    world.messages.drop(AuthenticationStartMessage, times=1)
    errors = world.messages.expect(AuthenticationErrorMessage)
    world.run_until_idle()
    world.post(AuthenticationStepMessage(data="test-principal 00"), to=master.sessions[0].address, src=client.child.address)
    world.run_until_idle()
    assert errors.count == 1
    assert master.sessions[0].future.failed
    assert client.outcome.failed
    assert "Authentication error: Unexpected authentication 'step'" in str(client.outcome.error)


def test_an_unknown_mechanism_is_an_error() -> None:
    """A client that asks for another mechanism is told so."""
    world, master, client = toys()
    world.messages.drop(AuthenticationStartMessage, times=1)
    world.run_until_idle()
    world.post(AuthenticationStartMessage(mechanism="PLAIN"), to=master.sessions[0].address, src=client.child.address)
    world.run_until_idle()
    assert "PLAIN" in str(client.outcome.error)


def test_credentials_may_be_a_mapping() -> None:
    """An authenticator takes principal -> secret as well as records."""
    world, master, client = toys()
    master.authenticator = CRAMMD5Authenticator({"test-principal": "test-secret"})
    world.run_until_idle()
    assert client.outcome.get() is True
