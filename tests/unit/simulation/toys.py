"""Toy processes and messages that the tests of the simulation share; none of them knows anything of Mesos."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.simulation import Address, Process, World, handles


@dataclass(frozen=True)
class Item:
    """A numbered message."""

    n: int


@dataclass(frozen=True)
class SpecialItem(Item):
    """A message whose class has a handled base."""


@dataclass(frozen=True)
class Other:
    """A message of another class."""

    text: str = ""


class Listener(Process):
    """Writes down everything that happens to it, with the instant (ns)."""

    def __init__(self, name: str, log: list[Any] | None = None) -> None:
        super().__init__(name)
        # A log may be shared, to see the order among several listeners.
        self.log: list[Any] = [] if log is None else log
        self.heard: list[int] = []
        self.times: list[int] = []
        self.senders: list[str] = []
        self.gone: list[Address] = []

    @handles(Item)
    def item(self, sender: Address, message: Item) -> None:
        self.heard.append(message.n)
        self.times.append(self.now)
        self.senders.append(sender)
        self.log.append((self.name, message.n))

    @handles(Other)
    def other(self, sender: Address, message: Other) -> None:
        self.log.append((self.name, message.text))

    def exited(self, address: Address) -> None:
        self.gone.append(address)
        self.log.append((self.name, "exited", address))

    def tick(self, n: int = 0) -> int:
        self.heard.append(n)
        self.times.append(self.now)
        self.log.append((self.name, n))
        return n


class Scripted(Listener):
    """Calls functions of the test: ``start`` when it initialises, ``react`` for each item, ``end`` when it ends."""

    def __init__(
        self,
        name: str,
        start: Callable[[Any], object] | None = None,
        react: Callable[[Any, Address, Item], object] | None = None,
        end: Callable[[Any], object] | None = None,
        log: list[Any] | None = None,
    ) -> None:
        super().__init__(name, log)
        self.start = start
        self.react = react
        self.end = end

    def initialize(self) -> None:
        if self.start is not None:
            self.start(self)

    @handles(Item)
    def item(self, sender: Address, message: Item) -> None:
        super().item(sender, message)
        if self.react is not None:
            self.react(self, sender, message)

    def finalize(self) -> None:
        if self.end is not None:
            self.end(self)


def listener(world: World, name: str = "listener", host: str | None = None, log: list[Any] | None = None) -> Listener:
    """A listener that has been spawned and has initialised."""
    process = Listener(name, log)
    world.spawn(process, host)
    world.settle()
    return process


def pair(world: World, log: list[Any] | None = None) -> tuple[Listener, Listener]:
    """Two settled listeners on two hosts, for one to send to the other."""
    return listener(world, "a", "ha", log), listener(world, "b", "hb", log)
