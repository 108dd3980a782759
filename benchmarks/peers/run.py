"""How many schedules the explorers of asyncio need to the first failure: one JSON line for each program and explorer.

Run by ``bug_finding.py --peers`` with the Python of an environment of its own, in which the explorers are installed.

    python benchmarks/peers/run.py --programs aba,twostage --columns detangle:auto,simloom:random
                                   [--trials 20] [--cap 10000] [--spawned]
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import time
from collections.abc import Sequence

from programs import main_of


def measure(program: str, column: str, spawned: bool, trials: int, cap: int) -> dict[str, object]:
    """The trials of one program under one explorer and strategy."""
    peer, _, strategy = column.partition(":")
    explorer = importlib.import_module(f"{peer}_peer")
    main = main_of(program, spawned)
    results: Sequence[int | None] = []
    began = time.perf_counter()
    results = [explorer.schedules_to_failure(main, strategy, trial * 1_000_000, cap) for trial in range(trials)]
    seconds = time.perf_counter() - began
    return {"program": program, "column": column, "results": results, "seconds": seconds}


def main() -> None:
    """Read the options and print the lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--columns", required=True)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--cap", type=int, default=10_000)
    parser.add_argument("--spawned", action="store_true")
    given = parser.parse_args()
    for column in given.columns.split(","):
        importlib.import_module(f"{column.partition(':')[0]}_peer")
    # What is loaded once need not be walked again by those that collect garbage after every run.
    gc.freeze()
    for program in given.programs.split(","):
        for column in given.columns.split(","):
            print(json.dumps(measure(program, column, given.spawned, given.trials, given.cap)), flush=True)


if __name__ == "__main__":
    main()
