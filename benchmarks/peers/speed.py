"""Seconds of the registration toy under one explorer of asyncio, as one JSON line; run by ``schedules_per_second.py``.

python benchmarks/peers/speed.py simloop network 500
"""

from __future__ import annotations

import gc
import importlib
import json
import sys

WARM_UP = 20


def main() -> None:
    """Measure and print."""
    peer, wire, runs = sys.argv[1:]
    explorer = importlib.import_module(f"{peer}_peer")
    gc.freeze()
    explorer.registrations(wire, WARM_UP)
    seconds, events = explorer.registrations(wire, int(runs))
    print(json.dumps({"seconds": seconds, "events": events}))


if __name__ == "__main__":
    main()
