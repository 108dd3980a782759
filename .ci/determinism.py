"""One failing seed, replayed everywhere: equal error and digest in fresh processes, under other hash seeds, in other releases
of Python, with and without workers.

    python .ci/determinism.py [PYTHON...]     each PYTHON has the project installed; the running one is always used
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

TESTS = "examples/mesos_ticket"
SEEDS = 1000


def run(command: Sequence[str], hash_seed: str = "random") -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def harness(python: str, *arguments: str, hash_seed: str = "random") -> Any:
    """Run the command ``harness`` and read its JSON; anything but "passed" and "found" ends the check."""
    code = "from harness.cli import main; main()"
    done = run([python, "-c", code, *arguments, "--json"], hash_seed)
    if done.returncode not in (0, 1):
        sys.exit(f"harness {' '.join(arguments)} under {python} ended with {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout)


def main() -> None:
    """Find the failing tests, then replay the lowest failing seed of each in every way."""
    pythons = [sys.executable, *sys.argv[1:]]
    found = [test for test in harness(sys.executable, "hunt", TESTS, f"--seeds={SEEDS}")["tests"] if test["first"]]
    if not found:
        sys.exit(f"no test of {TESTS} fails under {SEEDS} seeds, so there is nothing to replay")
    wrong = 0
    for test in found:
        first = test["first"]
        name, token = test["test"], first["token"]
        seen = {}
        for python in pythons:
            for hash_seed in ("0", "1", "random"):
                again = harness(python, "replay", name, token, hash_seed=hash_seed)["first"] or {}
                seen[f"{python} PYTHONHASHSEED={hash_seed}"] = (again.get("digest"), again.get("error"))
        for workers in ("0", "2"):
            done = run([sys.executable, "-m", "pytest", "-n", workers, "-p", "no:cacheprovider", name, f"--cluster-seed={token}"])
            digest = re.search(r"digest ([0-9a-f]+)", done.stdout)
            seen[f"pytest -n {workers}"] = (digest[1] if digest else None, first["error"])
        odd = {how: what for how, what in seen.items() if what != (first["digest"], first["error"])}
        print(f"{name} {token}: {len(seen)} replays, {len(odd)} differ (digest {first['digest']})")
        for how, (digest, error) in odd.items():
            print(f"  {how}: digest {digest}, error {error}")
        wrong += len(odd)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
