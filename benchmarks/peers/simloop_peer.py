"""simloop, as its documentation shows it: ``explore`` with its default seeded draws, and with its PCT."""

from __future__ import annotations

import asyncio
import time

import simloop
from programs import Main
from registration import LATENCY, Network, Wire, run

STRATEGIES = ("random", "pct")


def schedules_to_failure(main: Main, strategy: str, seed: int, cap: int) -> int | None:
    """How many schedules it took; None if none of ``cap`` fails. The pilot run of PCT is not counted."""
    report = simloop.explore(main, range(seed, seed + cap), policy=strategy)
    return None if report is None else report.seeds_passed + 1


def registrations(wire: str, runs: int) -> tuple[float, int]:
    """Seconds of processor time and events of so many runs of the registration toy, under the seeded draws, its fastest."""
    events = 0

    async def main() -> None:
        nonlocal events
        loop = asyncio.get_running_loop()
        assert isinstance(loop, simloop.SimLoop)
        net = loop.net
        net.set_defaults(latency=LATENCY)
        draw = simloop.sim.random.uniform
        queues = wire == "queues"
        events += await run(Wire(draw) if queues else Network(draw, lambda host, body: net.host(host).create_task(body)))

    began = time.process_time()
    report = simloop.explore(main, range(runs))
    if report is not None:
        raise AssertionError(report.render(None))
    return time.process_time() - began, events
