"""Doubles of what a master works with: registrar, authorizer, limiter of removals. All forward, so that a test changes one answer
and leaves the rest as it is."""

from __future__ import annotations

from typing import Any

from harness.doubles.recorder import ForwardingDouble
from harness.mesos.authorizer import Authorizer, PermissiveAuthorizer
from harness.mesos.limiter import RateLimiterInterface
from harness.mesos.registrar import Registrar, RegistrarInterface
from harness.simulation import Future, Process, Promise

# See the allocator's double for why the bases are hidden from static checkers.
_Registrar: Any = RegistrarInterface
_Authorizer: Any = Authorizer
_Limiter: Any = RateLimiterInterface


class MockRegistrar(ForwardingDouble, _Registrar, protocol=RegistrarInterface, title="registrar", leave_out=("bind",)):  # type: ignore[misc]
    """Stands between a master and its registrar; ``registrar.expect.apply(operation=AdmitSlave)`` matches by class or by value.

    Args:
        real: the registrar that calls are forwarded to; by default a new one with an empty registry.
        strict: a call that matches none of a method's expectations is an error.
    """

    def bind(self, owner: Process) -> None:
        """Passed on and not recorded."""
        self.attach(owner.world)
        self.real.bind(owner)

    @property
    def registry(self) -> Any:
        """The registry of the real one."""
        return self.real.registry

    def _make_real(self) -> RegistrarInterface:
        return Registrar()


class MockAuthorizer(ForwardingDouble, _Authorizer, protocol=Authorizer, title="authorizer"):  # type: ignore[misc]
    """Stands between a master and its authorizer; by default everything is granted.

    Args:
        real: the authorizer that calls are forwarded to; by default one that grants everything.
        strict: a call that matches none of a method's expectations is an error.
    """

    def _make_real(self) -> Authorizer:
        return PermissiveAuthorizer()


class Unlimited(RateLimiterInterface):
    """A limiter that grants every permit at once."""

    def acquire(self) -> Future[None]:
        """A permit."""
        promise: Promise[None] = Promise("permit")
        promise.set(None)
        return promise.future


class MockRateLimiter(ForwardingDouble, _Limiter, protocol=RateLimiterInterface, title="limiter", leave_out=("bind",)):  # type: ignore[misc]
    """Stands between a master and its limiter of agent removals; by default every permit is granted at once.

    Args:
        real: the limiter that calls are forwarded to.
        strict: a call that matches none of a method's expectations is an error.
    """

    def bind(self, owner: Process) -> None:
        """Passed on and not recorded."""
        self.attach(owner.world)
        self.real.bind(owner)

    def _make_real(self) -> RateLimiterInterface:
        return Unlimited()
