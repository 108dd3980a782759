"""Schedules a second of the registration toy: ours, and the explorers of asyncio beside it.

    PYTHONPATH=. python benchmarks/schedules_per_second.py [--runs 500] [--rounds 3]

Ten agents authenticate and register with one master (``registration.py``, and its twin in ``peers``). Every side draws at random,
the fastest that each of them has, in a process of its own on one core, all under the same Python. Times are processor time,
rounds take turns, and the best of each side counts, so that another load on the machine hits all of them. An event is a message
that arrived, a timer that fired or a write that was done, counted by the toy itself. Ours keeps choices, trace and the order of
deliveries as every exploration does.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from peer_environment import NoPeers, ask, python_of_peers
from registration import run

from harness.explore.sweep import sweep
from harness.explore.tokens import Schedule
from harness.runs import Plan, Run
from harness.simulation import World

ROOT = Path(__file__).resolve().parent.parent
WARM_UP = 20
OURS = "ours"
SIDES = (
    (OURS, ""),
    ("detangle", "datagrams"),
    ("simloom", "datagrams"),
    ("simloop", "datagrams"),
    ("detangle", "queues"),
    ("simloom", "queues"),
    ("simloop", "queues"),
)


def measure_ours(runs: int) -> tuple[float, int]:
    """Seconds of processor time and events of so many runs of ours."""
    events = 0

    def test(world: World) -> None:
        nonlocal events
        events += run(world)

    plan = Plan(test)

    def one(seed: int) -> Run:
        return plan.run(Schedule(seed, "random"))

    sweep(one, range(WARM_UP))
    events = 0
    began = time.process_time()
    tally = sweep(one, range(runs))
    seconds = time.process_time() - began
    assert not tally.failed, tally.failed
    return seconds, events


def measure(side: tuple[str, str], runs: int, python: str) -> tuple[float, int]:
    """Seconds and events of one side, in a process of its own."""
    name, wire = side
    if name != OURS:
        answer = ask("speed.py", name, wire, str(runs))[0]
    else:
        paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        command = [python, str(Path(__file__).resolve()), "--ours", "--runs", str(runs)]
        done = subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, stdout=subprocess.PIPE, text=True, check=True)
        answer = json.loads(done.stdout)
    return float(answer["seconds"]), int(answer["events"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ours", action="store_true", help="ours alone, as a JSON line")
    given = parser.parse_args()
    if given.ours:
        seconds, events = measure_ours(given.runs)
        print(json.dumps({"seconds": seconds, "events": events}))
        return
    sides: Sequence[tuple[str, str]] = SIDES
    try:
        python = str(python_of_peers())
    except NoPeers as why:
        print(f"Without the explorers of asyncio: {why}")
        python, sides = sys.executable, SIDES[:1]
    best: dict[tuple[str, str], tuple[float, int]] = {}
    for _ in range(given.rounds):
        for side in sides:
            figure = measure(side, given.runs, python)
            best[side] = min(figure, best.get(side, figure))
    report(best, given.runs)


def report(best: dict[tuple[str, str], tuple[float, int]], runs: int) -> None:
    """Print the figures, and how much faster ours is than the best of each kind."""
    rates = {side: runs / seconds for side, (seconds, _) in best.items()}
    ours = rates.pop((OURS, ""))
    for (name, wire), (_, events) in best.items():
        rate = rates.get((name, wire), ours)
        title = f"{name}, {wire}" if wire else f"{name}, simulated network"
        print(
            f"  {title:<26}{rate:8,.0f} schedules/s{events / runs:8.1f} events a run   ours is {ours / rate:4.1f} times as fast"
        )
    for wire in ("datagrams", "queues"):
        of_this_kind = {name: rate for (name, kind), rate in rates.items() if kind == wire}
        if of_this_kind:
            first = max(of_this_kind, key=lambda name: of_this_kind[name])
            print(f"  over {wire} the best of them is {first}: ours is {ours / of_this_kind[first]:.2f} times as fast")


if __name__ == "__main__":
    main()
