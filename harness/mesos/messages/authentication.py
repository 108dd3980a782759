"""CRAM-MD5 between an authenticatee (of an agent or a scheduler driver) and the session that a master opens for it.

Source: Mesos ``authentication.proto``.
"""

from __future__ import annotations

from harness.mesos.messages.base import Record


class AuthenticateMessage(Record, frozen=True, kw_only=True):
    """The authenticatee asks the master for a session on behalf of ``pid``, the process that wants to be trusted."""

    pid: str


class AuthenticationMechanismsMessage(Record, frozen=True, kw_only=True):
    """The session names the mechanisms that it speaks."""

    mechanisms: tuple[str, ...] = ()


class AuthenticationStartMessage(Record, frozen=True, kw_only=True):
    """The authenticatee picks a mechanism."""

    mechanism: str
    data: str | None = None


class AuthenticationStepMessage(Record, frozen=True, kw_only=True):
    """One step of the mechanism: the challenge one way, the response the other."""

    data: str


class AuthenticationCompletedMessage(Record, frozen=True, kw_only=True):
    """The session accepts."""


class AuthenticationFailedMessage(Record, frozen=True, kw_only=True):
    """The session refuses: the credentials are wrong."""


class AuthenticationErrorMessage(Record, frozen=True, kw_only=True):
    """The attempt broke down, whatever the credentials."""

    error: str | None = None
