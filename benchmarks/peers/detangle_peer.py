"""detangle, as its documentation shows it: ``explore`` with its default portfolio."""

from __future__ import annotations

import time

import detangle
from programs import Main
from registration import LATENCY, Network, Wire, run

STRATEGIES = ("auto",)
"""FIFO, then in turn PCT with depth 2, a random walk, PCT with depth 3 and with depth 1."""


def schedules_to_failure(main: Main, strategy: str, seed: int, cap: int) -> int | None:
    """How many schedules it took; None if none of ``cap`` fails."""
    try:
        detangle.explore(main, runs=cap, strategy=strategy, seed=seed, shrink=False, database=False)
    except detangle.BugFound as found:
        return found.report.runs
    return None


def registrations(wire: str, runs: int) -> tuple[float, int]:
    """Seconds of processor time and events of so many runs of the registration toy, under the random walk, its fastest."""
    events = 0

    async def main() -> None:
        nonlocal events
        draw = detangle.uniform
        events += await run(Wire(draw) if wire == "queues" else Network(draw, lambda host, body: detangle.spawn(body, host=host)))

    began = time.process_time()
    detangle.explore(main, runs=runs, strategy="random", seed=1, database=False, net={"latency": LATENCY})
    return time.process_time() - began, events
