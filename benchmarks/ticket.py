"""Seeds a second of the ticket's strict test, cluster built and torn down each time, through ``harness hunt``.

    python benchmarks/ticket.py [--seeds 4000]

Runs the command in processes of its own, with one job and with two, and prints three rates: what the command itself reports, the
one with starting Python and pytest, and the one by processor time, which means something also on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TEST = "examples/mesos_ticket/test_single_framework.py::test_strict"


def hunt(seeds: int, jobs: int) -> tuple[dict[str, Any], float, float]:
    """The JSON of one hunt, the seconds that it took in all, and the seconds of processor time."""
    code = "from harness.cli import main; main()"
    command = [sys.executable, "-c", code, "hunt", TEST, "--seeds", str(seeds), "-j", str(jobs), "--json", "--no-explain"]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "fixtures"), os.environ.get("PYTHONPATH", "")])
    used = _processor_seconds()
    began = time.perf_counter()
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": paths}, stdout=subprocess.PIPE, text=True, check=False
    )
    seconds = time.perf_counter() - began
    if done.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)} ended with {done.returncode}")
    result: dict[str, Any] = json.loads(done.stdout)["tests"][0]
    return result, seconds, _processor_seconds() - used


def _processor_seconds() -> float:
    times = os.times()
    return times.children_user + times.children_system


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=4000)
    given = parser.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {given.seeds} seeds of {TEST}")
    rates = []
    for jobs in (1, 2):
        result, seconds, used = hunt(given.seeds, jobs)
        # With several jobs "seconds" is the sum over the processes.
        rate = given.seeds / (result["seconds"] / jobs)
        rates.append(rate)
        print(
            f"  -j {jobs}: {rate:7,.0f} seeds/s, {result['steps'] / given.seeds:.0f} steps a run, "
            f"{len(result['failed'])} failed; {given.seeds / seconds:,.0f} seeds/s with starting up, "
            f"{given.seeds / used:,.0f} by processor time"
        )
    print(f"  two jobs are {rates[1] / rates[0]:.2f} times as fast as one")


if __name__ == "__main__":
    main()
