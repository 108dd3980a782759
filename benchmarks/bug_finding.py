"""How many schedules each strategy needs to the first failure, program by program.

    PYTHONPATH=. python benchmarks/bug_finding.py [--trials 20] [--cap 10000] [--spawned] [--strategies a,b] [--programs a,b]
                                                  [--peers] [--peer-cap 10000]

A trial is a range of seeds of its own; the figure is the mean over the trials that found the bug, with "(k/n)" where some did
not. Reference figures, in brackets, are means over 100 seeds of an independent implementation on threads. With ``--peers`` the
same programs, as coroutines, are given to the explorers of asyncio named in ``peers/requirements.txt``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bug_programs import PROGRAMS, test_of
from peer_environment import NoPeers, ask, python_of_peers

from harness.explore.sweep import sweep
from harness.explore.tokens import Schedule
from harness.runs import Plan, Run

STRATEGIES = ("random", "pct:2", "pct:3", "pct:5", "pos", "urw", "order", "portfolio")
# Each with what it does by default, and with its priority-based search where that is another.
PEERS = ("detangle:auto", "simloom:random", "simloom:pct:auto", "simloop:random", "simloop:pct")
# Flat, then spawned: random, pct:2, pct:3, pct:5, pos, urw. A text is "found in k of n".
REFERENCE: dict[str, tuple[Sequence[float | str], Sequence[float | str]]] = {
    "lost_update": ((2, 2.9, 2.1, 2.2, 2.8, 1.6), (2.9, 5.8, 2.9, 2.7, 4.3, 1.5)),
    "account": ((3.2, 2.6, 2.6, 2.6, 3, 2.5), (7.9, 4.4, 4, 4.2, 5.6, 4.7)),
    "token_ring": ((6.3, 6.2, 5, 6.2, 6.5, 7.2), (6.4, 6.1, 5.5, 5.1, 5, 6.5)),
    "deadlock01": ((2.3, 2.9, 2.1, 2.2, 3, 1.8), (3, 8, 4.3, 3, 4.3, 2.7)),
    "twostage": ((31.2, 12.3, 10.9, 11.7, 9.1, 28.4), (20.2, 6.5, 4.5, 5.1, 7.6, 20.8)),
    "reorder_3": ((9.3, 15.4, 7.3, 5, 6.2, 6.4), (14.7, 32.5, 16.8, 8.2, 9.6, 3.1)),
    "reorder_5": ((10.8, 48.7, 22.1, 14.8, 8.8, 3.3), (173, 133, 77.3, 40.2, 52.1, 11.7)),
    "reorder_10": ((19.6, 205.4, 92.5, 44.4, 18.4, 4.8), ("0/20", "783 (18/20)", 612.5, 418.6, "1787 (7/20)", 53.4)),
    "bluetooth": ((23.2, 15.3, 11.3, 11.4, 13.2, 313.8), (25.5, 16.4, 10, 11.2, 15.7, 64)),
    "stringbuffer": ((14.9, "0/68", 71.5, 35.9, 12.5, 8.9), (11.3, "0/50", 26.4, 42.7, 12.3, 5.7)),
    "aba": ((9.4, "-", 11.8, "-", 8.7, "-"), ("-",) * 6),
}


def schedules_to_failure(plan: Plan, strategy: str, seeds: range) -> int | None:
    """How many seeds it took; None if none of them fails."""

    def run(seed: int) -> Run:
        return plan.run(Schedule(seed, strategy))

    tally = sweep(run, seeds, stop_on_failure=True)
    return tally.runs if tally.failed else None


def cell(results: Sequence[int | None]) -> str:
    """A figure of the table."""
    found = [result for result in results if result is not None]
    if not found:
        return f"0/{len(results)}"
    mean = f"{sum(found) / len(found):.1f}"
    return mean if len(found) == len(results) else f"{mean} ({len(found)}/{len(results)})"


def measure(name: str, strategy: str, spawned: bool, trials: int, cap: int) -> tuple[str, float]:
    """The figure of one program and strategy, and the runs per second."""
    test = test_of(name, spawned)
    began = time.perf_counter()
    # A plan of its own for each trial, so that nothing is learnt from another. Seeds are far apart, so that no two trials share
    # one, and each begins a hundred of the portfolio.
    results = [schedules_to_failure(Plan(test), strategy, range(t * 1_000_000, t * 1_000_000 + cap)) for t in range(trials)]
    runs = sum(cap if result is None else result for result in results)
    return cell(results), runs / (time.perf_counter() - began)


def cells_of_peers(name: str, spawned: bool, trials: int, cap: int) -> list[str]:
    """The figures of one program under the explorers of asyncio."""
    options = ["--programs", name, "--columns", ",".join(PEERS), "--trials", str(trials), "--cap", str(cap)]
    return [cell(line["results"]) for line in ask("run.py", *options, *(["--spawned"] if spawned else []))]


@dataclass(frozen=True)
class Wanted:
    """What to measure: the options of the command line."""

    spawned: bool
    trials: int
    cap: int
    programs: Sequence[str]
    strategies: Sequence[str]
    peers: bool = False
    peer_cap: int = 10_000


def table(wanted: Wanted, show: Callable[[str], None]) -> None:
    """Measure and print, row by row."""
    show(f"\n{'Scheduled spawner' if wanted.spawned else 'All threads ready'}; {wanted.trials} trials, cap {wanted.cap}")
    peers: Sequence[str] = PEERS if wanted.peers else ()
    if wanted.peers:
        try:
            python_of_peers()
            show(f"The explorers of asyncio, named with a colon: {wanted.trials} trials, cap {wanted.peer_cap}")
        except NoPeers as why:
            peers = ()
            show(f"Without the explorers of asyncio: {why}")
    heads = [*wanted.strategies, *(head.replace(":", ": ", 1) for head in peers)]
    show("\n| program | " + " | ".join(heads) + " |")
    show("|---|" + "---|" * len(heads))
    columns = ("random", "pct:2", "pct:3", "pct:5", "pos", "urw")
    for name in wanted.programs:
        cells = []
        for strategy in wanted.strategies:
            text, _ = measure(name, strategy, wanted.spawned, wanted.trials, wanted.cap)
            if strategy in columns and name in REFERENCE:
                text += f" [{REFERENCE[name][wanted.spawned][columns.index(strategy)]}]"
            cells.append(text)
        if peers:
            cells += cells_of_peers(name, wanted.spawned, wanted.trials, wanted.peer_cap)
        show(f"| {name} | " + " | ".join(cells) + " |")


def main() -> None:
    """Read the options and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--cap", type=int, default=10_000)
    parser.add_argument("--spawned", action="store_true")
    parser.add_argument("--strategies", default=",".join(STRATEGIES), help="may be empty, for the explorers of asyncio alone")
    parser.add_argument("--programs", default=",".join(PROGRAMS))
    parser.add_argument("--peers", action="store_true", help="the explorers of asyncio as well; needs a Python 3.13")
    parser.add_argument("--peer-cap", type=int, default=None, help="theirs, if another than --cap")
    given = parser.parse_args()
    wanted = Wanted(
        given.spawned,
        given.trials,
        given.cap,
        given.programs.split(","),
        [strategy for strategy in given.strategies.split(",") if strategy],
        given.peers,
        given.cap if given.peer_cap is None else given.peer_cap,
    )
    table(wanted, lambda line: print(line, flush=True))


if __name__ == "__main__":
    main()
