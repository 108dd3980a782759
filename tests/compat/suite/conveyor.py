"""The code under test of this little project: two workers hand boxes to a packer that believes in their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness import Process, handles


@dataclass(frozen=True)
class Box:
    """A numbered box."""

    number: int


class Packer(Process):
    """Notes the boxes in the order in which they come."""

    def __init__(self) -> None:
        super().__init__("packer")
        self.packed: list[int] = []

    @handles(Box)
    def pack(self, sender: Any, box: Box) -> None:
        """One more."""
        self.packed.append(box.number)


class Worker(Process):
    """Sends one box."""

    def __init__(self, number: int, packer: Any) -> None:
        super().__init__(f"worker{number}")
        self.number = number
        self.packer = packer

    def initialize(self) -> None:
        """Send it."""
        self.send(self.packer, Box(self.number))


def run(world: Any) -> list[int]:
    """Let two workers send; the order in which their boxes were packed."""
    packer = Packer()
    address = world.spawn(packer, host="hall")
    for number in (1, 2):
        world.spawn(Worker(number, address), host=f"desk{number}")
    world.run_until_idle()
    return packer.packed


def never_called() -> int:
    """For the coverage: a line that no test reaches."""
    return 1
