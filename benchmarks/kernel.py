"""Events a second of the bare kernel, with the trace on, beside a heapq loop and SimPy in the same run.

    python benchmarks/kernel.py [--events 300000] [--repeat 3]

Seconds are those of the processor, and the best of the repetitions counts: what else the machine does only ever slows down.
"""

from __future__ import annotations

import argparse
import gc
import platform
import time
from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from typing import Any

import simpy

from harness import Address, Duration, Limits, Process, World, handles

ACTORS = 100


class Ticker(Process):
    """Arms a timer again and again."""

    def __init__(self, name: str, ticks: int, interval: Duration) -> None:
        super().__init__(name)
        self.left = ticks
        self.interval = interval

    def initialize(self) -> None:
        """Arm the first timer."""
        self.delay(self.interval, self.tick)

    def tick(self) -> None:
        """Arm the next one."""
        self.left -= 1
        if self.left:
            self.delay(self.interval, self.tick)


class Ball:
    """A message."""

    __slots__ = ()


BALL = Ball()


class Player(Process):
    """Sends every message back to where it came from."""

    def __init__(self, name: str, returns: int) -> None:
        super().__init__(name)
        self.left = returns

    @handles(Ball)
    def hit(self, sender: Address, message: Ball) -> None:
        """Return the ball."""
        self.left -= 1
        if self.left >= 0:
            self.send(sender, message)


class Opener(Player):
    """A player who serves."""

    def __init__(self, name: str, returns: int, other: str) -> None:
        super().__init__(name, returns)
        self.other = other

    def initialize(self) -> None:
        """Serve."""
        self.send(self.other, BALL)


def timers(events: int) -> int:
    """Timers of our kernel, each due at an instant of its own; returns the steps made."""
    return _timers(events, apart_ns=997)


def tied_timers(events: int) -> int:
    """Timers of our kernel, always a hundred at one instant, so that their order is drawn; returns the steps made."""
    return _timers(events, apart_ns=0)


def _timers(events: int, apart_ns: int) -> int:
    world = World(seed=1, limits=Limits(steps=10 * events))
    for number in range(ACTORS):
        world.spawn(Ticker(f"ticker{number}", events // ACTORS, Duration(10_000_000 + number * apart_ns)))
    world.run_until_idle()
    return world.steps


def messages(events: int) -> int:
    """Messages of our kernel between hosts, each with a random latency; returns the steps made."""
    world = World(seed=1, limits=Limits(steps=10 * events))
    pairs = ACTORS // 2
    for number in range(pairs):
        player = world.spawn(Player(f"player{number}", events // ACTORS), host=f"left{number}")
        world.spawn(Opener(f"opener{number}", events // ACTORS, player), host=f"right{number}")
    world.run_until_idle()
    return world.steps


def bare_heapq(events: int) -> int:
    """The least that an event loop can be: no trace, no draws, no processes."""
    heap: list[tuple[int, int, Callable[[int], None]]] = []
    number = 0
    now = 0
    left = [events // ACTORS] * ACTORS

    def arm(actor: int) -> None:
        nonlocal number
        number += 1
        heappush(heap, (now + 10_000_000 + actor * 997, number, lambda _: tick(actor)))

    def tick(actor: int) -> None:
        left[actor] -= 1
        if left[actor]:
            arm(actor)

    for actor in range(ACTORS):
        arm(actor)
    steps = 0
    while heap:
        now, _, callback = heappop(heap)
        callback(now)
        steps += 1
    return steps


def simpy_timers(events: int) -> int:
    """The same timers as SimPy processes; no trace."""
    environment = simpy.Environment()

    def ticker(ticks: int, interval: int) -> Iterator[Any]:
        for _ in range(ticks):
            yield environment.timeout(interval)

    for actor in range(ACTORS):
        environment.process(ticker(events // ACTORS, 10_000_000 + actor * 997))
    environment.run()
    return events


def simpy_messages(events: int) -> int:
    """The same exchange of messages through SimPy stores, without latencies; no trace."""
    environment = simpy.Environment()

    def player(mine: Any, other: Any, returns: int, serves: bool) -> Iterator[Any]:
        if serves:
            yield other.put(BALL)
        for _ in range(returns):
            ball = yield mine.get()
            yield other.put(ball)

    for _ in range(ACTORS // 2):
        left, right = simpy.Store(environment), simpy.Store(environment)
        environment.process(player(left, right, events // ACTORS, False))
        environment.process(player(right, left, events // ACTORS, True))
    environment.run()
    return events


def rate(work: Callable[[int], int], events: int, repeat: int) -> float:
    """Events per second of processor time, best of ``repeat``."""
    best = 0.0
    for _ in range(repeat):
        gc.collect()
        began = time.process_time()
        steps = work(events)
        best = max(best, steps / (time.process_time() - began))
    return best


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    print(f"Python {platform.python_version()}, {given.events} events, {ACTORS} actors, best of {given.repeat}")
    reference = rate(bare_heapq, given.events, given.repeat)
    rows = (
        ("a bare heapq loop", reference),
        ("our kernel, timers, trace on", rate(timers, given.events, given.repeat)),
        ("our kernel, tied timers, trace on", rate(tied_timers, given.events, given.repeat)),
        ("our kernel, messages, trace on", rate(messages, given.events, given.repeat)),
        ("SimPy, timers", rate(simpy_timers, given.events, given.repeat)),
        ("SimPy, messages", rate(simpy_messages, given.events, given.repeat)),
    )
    for name, value in rows:
        print(f"  {name:<34} {value:>12,.0f} events/s   {value / reference:5.2f} of heapq")


if __name__ == "__main__":
    main()
