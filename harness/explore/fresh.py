"""The same run in a fresh process: another hash seed, cold caches, another directory, time zone and locale.

The other process writes what happened into a file, as a :class:`Report`; here it is compared with the run at hand. If it
differs, the process is started twice more, under the same hash seed and under another one, to tell the order of sets from
everything else.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import MisuseError, NondeterminismError
from harness.explore.determinism import Owner, row_prints, shown
from harness.explore.leaks import Difference, likely
from harness.explore.sources import Asked, Sources
from harness.simulation.trace import Trace

HASH_SEEDS = (1, 2)
_TOLD = 1500
REPORT_TO = "CLUSTER_HARNESS_REPORT_TO"
"""The environment variable that names the file for the report."""

_CHILD = """
import base64, importlib, json, os, pickle, sys
where, token, path, settings = sys.argv[1:]
sys.path[:] = json.loads(path)
module, _, name = where.partition(":")
test = importlib.import_module(module)
for part in name.split("."):
    test = getattr(test, part)
from harness.explore.fresh import Observed
from harness.explore.tokens import read_schedule
from harness.runs import Plan
with Observed() as observed:
    run = Plan(test, settings=pickle.loads(base64.b64decode(settings))).run(read_schedule(token), observed.prepare)
observed.write(run.trace)
"""


class Observed:
    """In the fresh process: a run that is looked at; a context manager around it."""

    def __init__(self) -> None:
        self._sources = Sources()

    def prepare(self, owner: Owner) -> None:
        """The run begins."""
        self._sources.follow(owner.world)

    def __enter__(self) -> Observed:
        self._sources.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._sources.stop()

    def write(self, trace: Trace) -> None:
        """Write what happened to where the starting process wants it."""
        content = [row_prints(trace), [str(record) for record in trace], list(self._sources.asked.values())]
        Path(os.environ[REPORT_TO]).write_text(json.dumps(content), "utf-8")


class Report:
    """What a fresh process has seen.

    Attributes:
        prints: of each record of the trace.
        texts: the records for a reader.
        asked: what the run asked for that no seed controls.
    """

    def __init__(self, path: Path) -> None:
        content = json.loads(path.read_text("utf-8"))
        self.prints: list[str] = content[0]
        self.texts: list[str] = content[1]
        self.asked = [Asked(*entry) for entry in content[2]]


def compare(here: Trace, start: Callable[[int], Report]) -> Difference | None:
    """Compare a run with the same in fresh processes; None if nothing differs.

    Args:
        here: what happened in this process.
        start: makes the run in a fresh process under the given hash seed.
    """
    prints = row_prints(here)
    seed = next(seed for seed in HASH_SEEDS if str(seed) != os.environ.get("PYTHONHASHSEED"))
    there = start(seed)
    if there.prints == prints:
        return None
    pairs = zip(prints, there.prints, strict=False)
    index = next((index for index, (one, other) in enumerate(pairs) if one != other), min(len(prints), len(there.prints)))
    now = there.texts[index] if index < len(there.texts) else "nothing"
    found = Difference("step", index, shown(here, index), now)
    asked = [call for call in reversed(there.asked) if call.step <= index + 1]
    other = sum(HASH_SEEDS) - seed
    # Only if the hash seed decides is the same one good for the same run.
    hash_order = there.prints == start(seed).prints != start(other).prints
    how = f"in a fresh process under PYTHONHASHSEED={seed}"
    return found.explained(how, likely(found, how, asked, hash_order=hash_order))


def run_child(command: Sequence[str], hash_seed: int, folder: str, what: str) -> Report:
    """Run a command that leaves a report, in a changed environment.

    Args:
        folder: where to run it.
        what: for the error's text.

    Raises:
        MisuseError: it left none.
    """
    with tempfile.TemporaryDirectory(prefix="cluster-harness-") as temporary:
        path = Path(temporary) / "report.json"
        environment = {
            **os.environ,
            "PYTHONHASHSEED": str(hash_seed),
            "TZ": "HRN+11",
            "LC_ALL": "C.UTF-8",
            "PYTEST_ADDOPTS": "",
            REPORT_TO: str(path),
        }
        done = subprocess.run(
            command,
            env=environment,
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if not path.exists():
            told = "\n".join(filter(None, (done.stdout.strip()[-_TOLD:], done.stderr.strip()[-_TOLD:])))
            raise MisuseError(f"the fresh process could not run {what}; it said:\n{told}")
        return Report(path)


def in_fresh_process(test: Callable[..., object], token: str, here: Trace, settings: Mapping[str, Any] | None = None) -> None:
    """Make a run of a test that can be imported in a fresh process, and compare it with the one made here.

    Args:
        settings: as for the run here.

    Raises:
        NondeterminismError: it is another run there.
        MisuseError: the test cannot be imported there.
    """
    module, name = getattr(test, "__module__", None), getattr(test, "__qualname__", "")
    if module is None or module == "__main__" or "<" in name:
        raise MisuseError(f"{name or test!r} cannot be imported in a fresh process; define it at the top of a module")
    packed = base64.b64encode(pickle.dumps(dict(settings or {}))).decode()
    path = json.dumps([os.path.abspath(entry) for entry in sys.path])
    command = [sys.executable, "-c", _CHILD, f"{module}:{name}", token, path, packed]
    # Somewhere else than here, and the same place each time.
    with tempfile.TemporaryDirectory(prefix="cluster-harness-") as folder:
        found = compare(here, lambda seed: run_child(command, seed, folder, name))
    if found is not None:
        raise NondeterminismError(found.text)
