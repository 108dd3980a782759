"""Who may speak: authentication of agents and schedulers, and messages that wait for it.

Source: Mesos ``src/master/master.cpp``, ``authenticate`` and ``_authenticate``.
"""

from __future__ import annotations

from typing import Any

from harness.durations import Duration
from harness.mesos.authentication import CRAMMD5Authenticator
from harness.mesos.master.throttling import Throttling
from harness.mesos.messages import AuthenticateMessage, AuthenticationErrorMessage
from harness.simulation import Address, Future, Timer


class Authentication(Throttling):
    """Sessions in progress and their outcomes; ``authenticated`` maps a pid to its principal."""

    def __init__(self, name: str, **arguments: Any) -> None:
        super().__init__(name, **arguments)
        self.authenticator: CRAMMD5Authenticator | None = CRAMMD5Authenticator(self.flags.credentials)
        self._authentication_timers: dict[Future[str | None], Timer] = {}

    @property
    def authentication_timeout(self) -> Duration:
        """How long one attempt may take."""
        return self.flags.authentication_v0_timeout or self.behaviour.authentication_v0_timeout

    def authenticate(self, sender: Address, message: AuthenticateMessage) -> None:
        """Open a session for ``message.pid``; whatever that pid was before, it is not authenticated now."""
        pid = message.pid
        self.authenticated.pop(pid, None)
        if self.authenticator is None:
            self.note("Refusing authentication of {}: no authenticator", pid)
            self.send(sender, AuthenticationErrorMessage(error="No authenticator loaded"))
            return
        earlier = self.authenticating.get(pid)
        if earlier is not None:
            self.note("Re-authenticating {}; discarding its outstanding authentication", pid)
            earlier.discard()
            if self.behaviour.second_authentication_waits:
                earlier.on_any(lambda _outcome: self.dispatch(self.address, "authenticate", sender, message))
                return
        session = self.authenticator.session(self.unique_name("crammd5-authenticator"), sender)
        future = self.authenticating[pid] = session.future
        self._authentication_timers[future] = self.delay(self.authentication_timeout, self._authentication_timeout, future)
        # A session that is replaced goes on until it has heard of it; only then does its outcome arrive, and is stale.
        future.on_any(self.defer("_authenticate", pid))
        self.spawn(session)

    def _authenticate(self, pid: str, outcome: Future[str | None]) -> None:
        timer = self._authentication_timers.pop(outcome, None)
        if timer is not None:
            timer.cancel()
        if self.authenticating.get(pid) is not outcome:
            self.note("Ignoring a stale authentication result for {}", pid)
            return
        del self.authenticating[pid]
        principal = outcome.get() if outcome.ready else None
        if principal is not None:
            self.authenticated[pid] = principal
            self.note("Successfully authenticated principal '{}' at {}", principal, pid)
        elif outcome.ready:
            self.note("Failed to authenticate {}: refused", pid)
        else:
            self.note("Failed to authenticate {}: {}", pid, outcome.error or "authentication discarded")

    def _authentication_timeout(self, future: Future[str | None]) -> None:
        # Only this very attempt: a newer one of the same pid has a timer of its own.
        if future.discard():
            self.note("Authentication timed out")

    def waits_for_authentication(self, method: str, sender: Address, message: Any) -> bool:
        """Whether ``sender`` is authenticating just now; then the message comes again once that is *ready*.

        A message whose attempt fails or is discarded is lost: its sender will repeat it.
        """
        pending = self.authenticating.get(sender)
        if pending is None:
            return False
        self.note("Queuing up {} of {} behind its authentication", type(message).__name__, sender)
        pending.on_ready(lambda _principal: self.dispatch(self.address, method, sender, message))
        return True
