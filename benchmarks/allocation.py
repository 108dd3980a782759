"""How long one batch of allocations takes: ``python benchmarks/allocation.py [--quick]``.

Each line is one batch over all agents, in seconds of one core: both are added while the allocator is paused, then the
interval passes. What an agent has goes to one framework, so a batch makes as many offers as there are agents. The *offers*
column divides the time by that; *looked at* by agents times frameworks, which is what the batch in which nobody wants
anything costs. Memory is what the process holds at most (resident), all earlier lines included.
"""

from __future__ import annotations

import argparse
import gc
import resource
import sys
import time
from pathlib import Path
from typing import NamedTuple

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from harness.mesos.allocator import AllocatorLab, HierarchicalAllocator
from harness.simulation import World

AGENT = "cpus:24;mem:4096;disk:4096;ports:[31000-32000]"
SIZES = ((1_000, 200), (10_000, 1_000))


class Case(NamedTuple):
    """One kind of batch."""

    title: str
    #: Roles that the frameworks are spread over; 0 means a role for each.
    roles: int
    sorter: str = "drf"
    #: What an offer must hold; an impossible amount makes everybody be looked at in vain.
    least: str = "cpus:0.01|mem:32"
    is_quota: bool = False


CASES = (
    Case("one role", 1),
    Case("a role each", 0),
    Case("ten roles", 10),
    Case("ten roles with quotas", 10, is_quota=True),
    Case("random sorter", 10, sorter="random"),
    Case("nobody wants anything", 10, least="cpus:1000"),
)


class Measured(NamedTuple):
    """One batch, measured."""

    seconds: float
    offers: int
    megabytes: int


def measure(agents: int, frameworks: int, case: Case) -> Measured:
    """Build a cluster of that size and time one batch."""
    world = World(seed=1)
    lab = AllocatorLab(world, HierarchicalAllocator(case.sorter), min_allocatable_resources=case.least)
    lab.allocator.pause()
    roles = case.roles or frameworks
    for number in range(frameworks):
        lab.add_framework(f"framework{number}", role=f"role{number % roles}")
    for number in range(agents):
        lab.add_agent(f"agent{number}", AGENT)
    if case.is_quota:
        for number in range(roles):
            lab.set_quota(f"role{number}", guarantees=f"cpus:{agents}", limits=f"cpus:{6 * agents}")
    world.settle()
    lab.allocator.resume()
    world.settle()
    gc.collect()
    begin = time.process_time()
    world.clock.advance("1secs")
    seconds = time.process_time() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    offers = sum(len(allocation.agents) for allocation in lab.allocations)
    return Measured(seconds, offers, peak // (1024 if sys.platform != "darwin" else 1024 * 1024))


def main(arguments: list[str] | None = None) -> int:
    """Print the table; 1 if a batch of fair shares misses its target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the small size only")
    chosen = parser.parse_args(arguments)
    sizes = SIZES[:1] if chosen.quick else SIZES
    targets = dict(zip(SIZES, (1.5, 60.0), strict=True))
    missed = 0
    print(f"{'agents x frameworks':>20}  {'case':<24}{'seconds':>9}{'offers':>8}{'us/offer':>10}{'ns/looked at':>14}{'MB':>6}")
    for case in CASES:
        per_offer = []
        for agents, frameworks in sizes:
            found = measure(agents, frameworks, case)
            each = found.seconds / found.offers * 1e6 if found.offers else 0.0
            per_offer.append(each)
            looked = found.seconds / (agents * frameworks) * 1e9
            print(
                f"{agents:>11,} x {frameworks:>6,}  {case.title:<24}{found.seconds:>9.2f}{found.offers:>8,}"
                f"{each:>10.1f}{looked:>14.1f}{found.megabytes:>6}",
                flush=True,
            )
            missed += found.seconds > targets[agents, frameworks]
        if len(per_offer) == 2 and per_offer[0]:
            print(f"{'':>20}  {'':<24}per offer: {per_offer[1] / per_offer[0]:.2f} times the small size")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
