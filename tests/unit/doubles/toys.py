"""A protocol to double, and a real thing behind it."""

from __future__ import annotations

from typing import Any

from harness.doubles.recorder import Double, ForwardingDouble
from harness.mesos.messages import FrameworkInfo, SlaveInfo
from harness.simulation import Future, Promise


class Desk:
    """A protocol with the kinds of methods that matter."""

    def add_slave(self, slave_id: str, slave_info: SlaveInfo, used: dict[str, int] | None = None) -> None:
        """Take an agent in."""

    def add_framework(self, framework_id: str, framework_info: FrameworkInfo) -> None:
        """Take a framework in."""

    def compare(self, one: SlaveInfo, other: SlaveInfo) -> bool:
        """Two arguments with the same fields."""
        return one == other

    def take(self, thing: Any, label: str = "") -> None:
        """An argument of any type."""

    def ask(self, question: str) -> Future[str]:
        """A method with an answer."""
        raise NotImplementedError


class RealDesk(Desk):
    """Notes what was really done."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []
        self.answers: list[Promise[str]] = []

    def add_slave(self, slave_id: str, slave_info: SlaveInfo, used: dict[str, int] | None = None) -> None:
        self.done.append((slave_id, slave_info.hostname, used))

    def take(self, thing: Any, label: str = "") -> None:
        self.done.append((thing, label))

    def ask(self, question: str) -> Future[str]:
        self.answers.append(Promise("answer"))
        return self.answers[-1].future


class MockDesk(ForwardingDouble, Desk, protocol=Desk, title="desk"):
    """Forwards to a :class:`RealDesk`."""

    def _make_real(self) -> Desk:
        return RealDesk()


class QuietDesk(Double, Desk, protocol=Desk, title="desk"):
    """Does nothing."""


def info(hostname: str = "agent1") -> SlaveInfo:
    return SlaveInfo(hostname=hostname)


class Agent:
    """A handle of an agent, known by its host."""

    def __init__(self, hostname: str) -> None:
        self.hostname = hostname

    def _refers_to(self, value: Any) -> bool:
        return getattr(value, "hostname", None) == self.hostname
