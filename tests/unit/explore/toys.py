"""A race small enough to be understood: two senders, one receiver, and who comes first is a matter of latency."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from harness.simulation import Address, Process, World, handles


class Ping:
    """A message with a number."""

    __slots__ = ("n",)

    def __init__(self, n: int) -> None:
        self.n = n


class Receiver(Process):
    """Writes down what arrives."""

    def __init__(self) -> None:
        super().__init__("receiver")
        self.seen: list[int] = []

    @handles(Ping)
    def ping(self, sender: Address, message: Ping) -> None:
        """Note its number."""
        self.seen.append(message.n)


class Sender(Process):
    """Sends one ping as soon as it runs."""

    def __init__(self, n: int, to: Address) -> None:
        super().__init__(f"sender{n}")
        self.n = n
        self.to = to

    def initialize(self) -> None:
        """Send it."""
        self.send(self.to, Ping(self.n))


def race(world: World) -> list[int]:
    """Run the race; the numbers in the order of arrival."""
    receiver = Receiver()
    address = world.spawn(receiver, host="west")
    world.spawn(Sender(1, address), host="home")
    world.spawn(Sender(2, address), host="hub")
    world.run_until_idle()
    return receiver.seen


def orderly(world: World) -> None:
    """A test that believes in order: fails for about half of the seeds, never under "prompt"."""
    seen = race(world)
    assert seen == [1, 2], f"arrived as {seen}"


def patient(world: World) -> None:
    """A test that holds for every seed."""
    assert sorted(race(world)) == [1, 2]


class Clumsy(Process):
    """Its handler raises."""

    def initialize(self) -> None:
        """Fail."""
        raise ZeroDivisionError("clumsy")


def clumsy(world: World) -> None:
    """A test whose system under test raises inside a handler."""
    world.spawn(Clumsy("clumsy"))
    world.settle()


@dataclass
class Outcome:
    """A run as the sweep sees it, made by hand."""

    seed: int
    error: BaseException | None = None
    steps: int = 1
    digest: str = "d"
    choices: tuple[Any, ...] = field(default=())

    @property
    def world(self) -> World:
        """There is none."""
        raise AssertionError("a run made by hand has no world")

    def report(self) -> str:
        """Nothing much."""
        return f"report of {self.seed}"
