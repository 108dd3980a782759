"""The master's observer asking whether an agent is there, and the answer."""

from __future__ import annotations

from harness.mesos.messages.base import Record


class PingSlaveMessage(Record, frozen=True, kw_only=True):
    """A ping of the observer; ``connected`` tells whether the master still counts the agent as connected."""

    connected: bool = True


class PongSlaveMessage(Record, frozen=True, kw_only=True):
    """The agent's answer to a ping, in whatever state it is."""
