"""CRAM-MD5 between a client (agent or scheduler driver) and the master: four round trips, a process on either side.

::

    authenticatee (child of the client)            session (child of the master)
        AuthenticateMessage{pid=client}  ------>   (to the master, which spawns the session)
                                         <------   AuthenticationMechanismsMessage[CRAM-MD5]
        AuthenticationStartMessage       ------>
                                         <------   AuthenticationStepMessage (challenge)
        AuthenticationStepMessage        ------>   (principal and HMAC-MD5 of the challenge)
                                         <------   AuthenticationCompletedMessage | ...FailedMessage | ...ErrorMessage

Each side ends itself with its last message; a message that comes in the wrong state fails the attempt.
Source: Mesos ``src/authentication/cram_md5/{authenticatee,authenticator}.cpp``.
"""

from __future__ import annotations

import functools
import hmac
from collections.abc import Iterable, Mapping
from enum import StrEnum

from harness.mesos.messages import (
    AuthenticateMessage,
    AuthenticationCompletedMessage,
    AuthenticationErrorMessage,
    AuthenticationFailedMessage,
    AuthenticationMechanismsMessage,
    AuthenticationStartMessage,
    AuthenticationStepMessage,
    Credential,
)
from harness.simulation import Address, Process, handles
from harness.simulation.future import Future, Promise

MECHANISM = "CRAM-MD5"


class AuthenticationState(StrEnum):
    """Where one attempt stands; the same names on both sides."""

    READY = "READY"
    STARTING = "STARTING"
    STEPPING = "STEPPING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    ERROR = "ERROR"
    DISCARDED = "DISCARDED"


# The legal moves of a side: what it receives -> (state it must be in, state it goes to).
_AUTHENTICATEE_MOVES = {
    "mechanisms": (AuthenticationState.STARTING, AuthenticationState.STEPPING),
    "step": (AuthenticationState.STEPPING, AuthenticationState.STEPPING),
    "completed": (AuthenticationState.STEPPING, AuthenticationState.COMPLETED),
}
_SESSION_MOVES = {
    "start": (AuthenticationState.STARTING, AuthenticationState.STEPPING),
    "step": (AuthenticationState.STEPPING, AuthenticationState.COMPLETED),
}


@functools.lru_cache(maxsize=4096)
def keyed_digest(challenge: str, secret: str) -> str:
    """The keyed digest of a challenge, in hexadecimal (RFC 2195)."""
    # Remembered because both sides work it out, and because the same challenges come back under every seed.
    return hmac.digest(secret.encode(), challenge.encode(), "md5").hex()


def answer_to(challenge: str, credential: Credential) -> str:
    """The client's answer to a challenge: the principal and the keyed digest of the challenge."""
    return f"{credential.principal} {keyed_digest(challenge, credential.secret)}"


class CRAMMD5Authenticatee(Process):
    """The client's side of one attempt; spawn it as a child of the client, then take :meth:`authenticate`.

    Args:
        name: name of the process, from the client's ``unique_name("crammd5-authenticatee")``.
        client: address for which the master shall remember the principal.
        master: whom to ask.
        credential: principal and secret.
    """

    def __init__(self, name: str, client: Address, master: Address | str, credential: Credential) -> None:
        super().__init__(name)
        self.client = client
        self.master = master
        self.credential = credential
        self.status = AuthenticationState.READY
        self._promise: Promise[bool] = Promise("authentication")
        self._promise.on_discard(self._request_discard)

    def authenticate(self) -> Future[bool]:
        """True: accepted; False: refused (wrong credential); failed: protocol error.

        A discard request is served as an event of this process, so an answer that is already here still wins.
        The future is also discarded when the process is terminated before an answer.
        """
        return self._promise.future

    def initialize(self) -> None:
        """Open the conversation."""
        self.status = AuthenticationState.STARTING
        self.send(self.master, AuthenticateMessage(pid=self.client))

    @handles(AuthenticationMechanismsMessage)
    def mechanisms(self, sender: Address, message: AuthenticationMechanismsMessage) -> None:
        """The master's session offers its mechanisms: start with ours."""
        if self._move("mechanisms"):
            self.send(sender, AuthenticationStartMessage(mechanism=MECHANISM))

    @handles(AuthenticationStepMessage)
    def step(self, sender: Address, message: AuthenticationStepMessage) -> None:
        """A challenge: answer it."""
        if self._move("step"):
            self.send(sender, AuthenticationStepMessage(data=answer_to(message.data, self.credential)))

    @handles(AuthenticationCompletedMessage)
    def completed(self, sender: Address, message: AuthenticationCompletedMessage) -> None:
        """The master is convinced."""
        if self._move("completed"):
            self._promise.set(True)
            self.terminate()

    @handles(AuthenticationFailedMessage)
    def refused(self, sender: Address, message: AuthenticationFailedMessage) -> None:
        """The master knows no such principal, or the secret is another one; legal in every state."""
        self.status = AuthenticationState.FAILED
        self._promise.set(False)
        self.terminate()

    @handles(AuthenticationErrorMessage)
    def error(self, sender: Address, message: AuthenticationErrorMessage) -> None:
        """The master gave up for another reason; legal in every state."""
        self._fail(f"Authentication error: {message.error}")

    def finalize(self) -> None:
        """Terminated by the owner: nobody will get an answer."""
        self._promise.discard()

    def discarded(self) -> None:
        """Give up on request of the owner (a time-out, or a newer attempt)."""
        self.status = AuthenticationState.DISCARDED
        self._promise.discard()
        self.terminate()

    def _request_discard(self) -> None:
        if self.alive:
            self._tell(self.address, "discarded")

    def _move(self, received: str) -> bool:
        wanted, following = _AUTHENTICATEE_MOVES[received]
        if self.status is not wanted:
            self._fail(f"Unexpected authentication '{received}' received in state {self.status}")
            return False
        self.status = following
        return True

    def _fail(self, reason: str) -> None:
        self.status = AuthenticationState.ERROR
        self._promise.fail(reason)
        self.terminate()


class CRAMMD5AuthenticatorSession(Process):
    """The master's side of one attempt: a child of the master that ends itself with its last message.

    Args:
        name: name of the process, from the master's ``unique_name("crammd5-authenticator")``.
        authenticatee: sender of the AuthenticateMessage; the session fails when it exits.
        secrets: principal -> secret.
    """

    def __init__(self, name: str, authenticatee: Address, secrets: Mapping[str, str]) -> None:
        super().__init__(name)
        self.authenticatee = authenticatee
        self.status = AuthenticationState.READY
        self._secrets = secrets
        self._challenge = ""
        self._promise: Promise[str | None] = Promise("authentication session")
        self._promise.on_discard(self._request_discard)

    @property
    def future(self) -> Future[str | None]:
        """The principal, or None when refused; failed: protocol error or the authenticatee is gone.

        A discard request is served as an event of this process: what is queued before it is still answered.
        """
        return self._promise.future

    def initialize(self) -> None:
        """Offer the mechanism."""
        self.link(self.authenticatee)
        self.status = AuthenticationState.STARTING
        self.send(self.authenticatee, AuthenticationMechanismsMessage(mechanisms=(MECHANISM,)))

    @handles(AuthenticationStartMessage)
    def start(self, sender: Address, message: AuthenticationStartMessage) -> None:
        """The client chose: send a challenge."""
        if not self._move("start"):
            return
        if message.mechanism != MECHANISM:
            self._fail(f"Failed to start the session: no mechanism {message.mechanism!r}; this master has {MECHANISM}")
            return
        self._challenge = f"<{self.world.uuid(self.path)}@{self.host}>"
        self.send(self.authenticatee, AuthenticationStepMessage(data=self._challenge))

    @handles(AuthenticationStepMessage)
    def step(self, sender: Address, message: AuthenticationStepMessage) -> None:
        """The client's answer: judge it."""
        if not self._move("step"):
            return
        principal, _, digest = message.data.rpartition(" ")
        secret = self._secrets.get(principal)
        if secret is not None and self._expected(secret) == digest:
            self.send(self.authenticatee, AuthenticationCompletedMessage())
            self._promise.set(principal)
        else:
            self.status = AuthenticationState.FAILED
            self.note("Authentication refused for principal '{}'", principal)
            self.send(self.authenticatee, AuthenticationFailedMessage())
            self._promise.set(None)
        self.terminate()

    def exited(self, address: Address) -> None:
        """The authenticatee is gone."""
        self.status = AuthenticationState.ERROR
        self._promise.fail("Failed to communicate with authenticatee")
        self.terminate()

    def finalize(self) -> None:
        """Terminated from outside (the master ended)."""
        self._promise.discard()

    def discarded(self) -> None:
        """Give up on request of the master: its time-out, or a newer attempt of the same client."""
        self.status = AuthenticationState.DISCARDED
        self._promise.discard()
        self.terminate()

    def _expected(self, secret: str) -> str:
        return keyed_digest(self._challenge, secret)

    def _request_discard(self) -> None:
        if self.alive:
            self._tell(self.address, "discarded")

    def _move(self, received: str) -> bool:
        wanted, following = _SESSION_MOVES[received]
        if self.status is not wanted:
            self._fail(f"Unexpected authentication '{received}' received")
            return False
        self.status = following
        return True

    def _fail(self, reason: str) -> None:
        self.status = AuthenticationState.ERROR
        self.send(self.authenticatee, AuthenticationErrorMessage(error=reason))
        self._promise.fail(reason)
        self.terminate()


class CRAMMD5Authenticator:
    """The master's authenticator: knows the secrets and makes a session for each attempt.

    Args:
        credentials: records with principal and secret, or a mapping principal -> secret.
    """

    __slots__ = ("_secrets",)

    def __init__(self, credentials: Iterable[Credential] | Mapping[str, str]) -> None:
        if isinstance(credentials, Mapping):
            self._secrets = dict(credentials)
        else:
            self._secrets = {credential.principal: credential.secret for credential in credentials}

    def session(self, name: str, authenticatee: Address) -> CRAMMD5AuthenticatorSession:
        """A session for the sender of an AuthenticateMessage; the master spawns it and watches its ``future``.

        The principal belongs to the message's ``pid`` (the client), not to the ``authenticatee`` that spoke for it.
        """
        return CRAMMD5AuthenticatorSession(name, authenticatee, self._secrets)
