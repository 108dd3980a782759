"""The clock's verbs mean the same under strategies that pick among the events themselves."""

from __future__ import annotations

from typing import Any

import pytest

from harness.simulation import Process, World, handles
from harness.simulation.strategies import make_strategy


class Beat:
    """Sent at each tick."""

    def __init__(self, n: int) -> None:
        self.n = n


class Metronome(Process):
    """Ticks every second and tells a listener; each tick does something by a dispatch of its own first."""

    def __init__(self, listener: str) -> None:
        super().__init__("metronome")
        self.listener = listener
        self.n = 0

    def initialize(self) -> None:
        self.delay("1secs", self.tick, recurring=True)

    def tick(self) -> None:
        self.dispatch(self.address, "beat").on_any(lambda _done: self.delay("1secs", self.tick, recurring=True))

    def beat(self) -> None:
        self.n += 1
        self.send(self.listener, Beat(self.n))


class Listener(Process):
    """Remembers when it heard which beat."""

    def __init__(self) -> None:
        super().__init__("listener")
        self.heard: list[tuple[float, int]] = []

    @handles(Beat)
    def hear(self, sender: str, beat: Beat) -> None:
        self.heard.append((self.elapsed.total_seconds(), beat.n))


@pytest.mark.parametrize("name", ["random", "prompt", "pos", "pct:3", "urw", "order"])
@pytest.mark.parametrize("seed", range(5))
def test_advance_fires_each_timer_at_its_own_time(name: str, seed: int) -> None:
    """Three seconds at once give three beats, each at its second, heard before the next."""
    strategy: Any = make_strategy(name)
    world = World(seed, strategy)
    listener = world.spawn(Listener())
    world.spawn(Metronome(listener))
    world.clock.pause()
    world.clock.advance("3500ms")
    assert world.process(listener).heard == [(1.0, 1), (2.0, 2), (3.0, 3)]
    assert world.clock.elapsed.total_seconds() == 3.5
