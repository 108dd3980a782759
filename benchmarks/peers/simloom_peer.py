"""simloom, as its documentation shows it: ``explore`` with its default random walk, and with the PCT that it recommends."""

from __future__ import annotations

import time

import simloom
from programs import Main
from registration import LATENCY, Network, Wire, run

STRATEGIES = ("random", "pct:auto")


def schedules_to_failure(main: Main, strategy: str, seed: int, cap: int) -> int | None:
    """How many schedules it took; None if none of ``cap`` fails. The pilot run of PCT is not counted."""
    found = simloom.explore(main, runs=cap, start_seed=seed, scheduler=strategy)
    return found.runs if found.failed else None


def _draw(low: float, high: float) -> float:
    return low + (high - low) * simloom.draw("time", 64) / 63


def registrations(wire: str, runs: int) -> tuple[float, int]:
    """Seconds of processor time and events of so many runs of the registration toy, under the random walk, its fastest."""
    events = 0

    async def main(world: simloom.World) -> None:
        nonlocal events
        world.net.set_latency(*LATENCY)
        queues = wire == "queues"
        events += await run(Wire(_draw) if queues else Network(_draw, lambda host, body: world.host(host).spawn(lambda: body)))

    began = time.process_time()
    found = simloom.explore(main, runs=runs)
    if found.failed:
        raise AssertionError(found.summary())
    return time.process_time() - began, events
