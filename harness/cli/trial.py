"""A small cluster whose runs must be the same in every process: ``python -m harness.cli.trial`` prints their digests."""

from __future__ import annotations

import importlib
import json
from typing import Any

from harness.exploring import replay

RUNS = (("prompt", 0), ("random", 0), ("random", 1), ("pct:3", 2), ("pos", 3), ("urw", 4))
"""Strategies and seeds that are run: each kind of kernel and of draw is among them."""


# The version is the package's own, which no module of it may import by name.
VERSION = str(importlib.import_module("harness").__version__)
"""Of the code that runs, whatever is installed."""


def small_cluster(cluster: Any) -> None:
    """Two agents, a framework that gets their offers, an agent that goes."""
    cluster.start_master()
    first, second = cluster.start_agent(), cluster.start_agent()
    framework = cluster.start_framework()
    cluster.wait(framework.next_offers())
    cluster.wait(first.registered)
    cluster.wait(second.registered)
    first.terminate()
    cluster.settle()


def digests() -> dict[str, str]:
    """The digest of each of :data:`RUNS`, by its token.

    Raises:
        HarnessError: a run failed.
    """
    found = {}
    for strategy, seed in RUNS:
        run = replay(small_cluster, seed, strategy)
        if run.error is not None:
            raise run.error
        found[f"{strategy}-{seed}"] = run.digest
    return found


if __name__ == "__main__":
    print(json.dumps({"version": VERSION, "digests": digests()}))
