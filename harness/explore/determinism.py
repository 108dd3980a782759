"""Whether a run depends on nothing but its choices: made again and compared event by event, here and in a fresh process.

The comparison goes along with the second run and stops it at the first event that is another one, so that the error comes
from where the leak is and names both events. The fresh process has another hash seed and cold caches, which is where the order
of sets, ``hash()``, ``id()`` and whatever modules remember show themselves.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

from harness.errors import HarnessError, MisuseError, NondeterminismError
from harness.simulation.trace import STRIDE, Trace, canonical
from harness.simulation.world import World

_ADVICE = "look for real time, random, id(), hash(), the order of a set, threads, or state kept between runs"

_CHILD = """
import importlib, json, sys
sys.path[:] = json.loads(sys.argv[3])
module, _, name = sys.argv[1].partition(":")
test = importlib.import_module(module)
for part in name.split("."):
    test = getattr(test, part)
from harness.exploring import replay
from harness.explore.determinism import row_prints
run = replay(test, sys.argv[2])
trace = run.trace
print()
print(json.dumps([row_prints(trace), [str(record) for record in trace]]))
"""


def row_text(trace: Trace, index: int) -> str:
    """One record as a text that depends on nothing but its content."""
    time, kind, subject, detail, extra, cause = trace.flat[index * STRIDE : (index + 1) * STRIDE]
    return f"{time} {kind} {subject} {canonical(detail)} {canonical(extra)} {cause}"


def row_prints(trace: Trace) -> list[str]:
    """A short print of each record."""
    return [
        hashlib.blake2b(row_text(trace, i).encode("utf-8", "surrogatepass"), digest_size=6).hexdigest() for i in range(len(trace))
    ]


class Witness:
    """Watches a run and compares it with an earlier one as it goes; a watcher of a world.

    Args:
        earlier: the trace of the earlier run.
        world: the world of the run to watch.
    """

    def __init__(self, earlier: Trace, world: World) -> None:
        self._earlier = earlier
        self._prints = row_prints(earlier)
        self._trace = world.trace
        self._seen = 0

    def look(self) -> None:
        """Compare what has happened since the last look.

        Raises:
            NondeterminismError: something else has happened; the text has both.
        """
        while self._seen < len(self._trace):
            index = self._seen
            self._seen += 1
            then = row_text(self._earlier, index) if index < len(self._prints) else ""
            if row_text(self._trace, index) != then:
                raise NondeterminismError(
                    _difference(index, str(self._earlier[index]) if then else "nothing", str(self._trace[index]), "made again")
                )

    def verify_at_end(self) -> list[HarnessError]:
        """Something is missing at the end."""
        try:
            self.look()
        except NondeterminismError as error:
            return [error]
        if self._seen < len(self._prints):
            return [NondeterminismError(_difference(self._seen, str(self._earlier[self._seen]), "nothing", "made again"))]
        return []

    def describe_pending(self) -> list[str]:
        """Nothing to say about a deadlock."""
        return []


def _difference(index: int, then: str, now: str, how: str) -> str:
    return f"the same choices gave another run {how}: step {index} was\n  {then}\nand is now\n  {now}\n{_ADVICE}"


def in_fresh_process(test: Callable[..., object], token: str, here: Trace, hash_seed: int = 1) -> None:
    """Make a run in a new interpreter under another hash seed and compare it with the one made here.

    Raises:
        NondeterminismError: it is another run there.
        MisuseError: the test cannot be imported there.
    """
    module, name = getattr(test, "__module__", None), getattr(test, "__qualname__", "")
    if module is None or module == "__main__" or "<" in name:
        raise MisuseError(f"{name or test!r} cannot be imported in a fresh process; define it at the top of a module")
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    command: Sequence[str] = [sys.executable, "-c", _CHILD, f"{module}:{name}", token, json.dumps(sys.path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MisuseError(f"the fresh process could not run {name}:\n{done.stderr[-2000:]}")
    prints: list[str]
    texts: list[str]
    prints, texts = json.loads(done.stdout.splitlines()[-1])
    for index, (one, other) in enumerate(zip(row_prints(here), prints, strict=False)):
        if one != other:
            how = f"in a fresh process under PYTHONHASHSEED={hash_seed}"
            raise NondeterminismError(_difference(index, str(here[index]), texts[index], how))
    if len(prints) != len(here):
        raise NondeterminismError(
            f"the same choices gave {len(here)} steps here and {len(prints)} in a fresh process under PYTHONHASHSEED={hash_seed};"
            f" {_ADVICE}"
        )


def check(run: Callable[[Callable[[Any], None] | None], Any], world_of: Callable[[Any], World]) -> Any:
    """Make a run twice, the second time watched; gives the first.

    Args:
        run: makes the run; what it is given, if anything, is called with the world's owner before the test begins.
        world_of: the world of what ``run`` works with.

    Raises:
        NondeterminismError: the second differs.
    """
    first = run(None)
    witnesses: list[Witness] = []

    def prepare(owner: Any) -> None:
        world = world_of(owner)
        witnesses.append(Witness(first.trace, world))
        world.watch(witnesses[0])

    second = run(prepare)
    error = second.raised
    if isinstance(error, NondeterminismError):
        raise error
    missing = witnesses[0].verify_at_end()
    if missing:
        raise missing[0]
    return first
