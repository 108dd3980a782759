"""Two runs with equal choices have equal digests: again in this process, under other hash seeds, in other Pythons."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from harness.errors import NondeterminismError
from harness.simulation import Choice
from tests.determinism.toy_run import fingerprint, run

ROOT = Path(__file__).parents[2]
SEEDS = 12


def _environment(hash_seed: str) -> dict[str, str]:
    return {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}


def _others() -> list[str]:
    """Interpreters on this machine, other than this one, that can import what the simulation needs."""
    found = []
    for minor in (11, 12, 13):
        name = f"python3.{minor}"
        path = shutil.which(name)
        if path is None or minor == sys.version_info.minor:
            continue
        probe = [path, "-c", "import msgspec, sys; sys.exit(sys.version_info < (3, 11))"]
        if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
            found.append(path)
    return found


@cache
def _here() -> list[str]:
    return [f"{seed} {fingerprint(run(seed))}" for seed in range(SEEDS)]


def _elsewhere(interpreter: str, hash_seed: str, *options: str) -> list[str]:
    command = [interpreter, *options, "-m", "tests.determinism.toy_run", str(SEEDS)]
    done = subprocess.run(command, cwd=ROOT, env=_environment(hash_seed), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_runs_are_repeatable_within_a_process() -> None:
    """The same seed gives the same digest, choices and steps again, whatever ran in between."""
    assert _here() == [f"{seed} {fingerprint(run(seed))}" for seed in range(SEEDS)]
    assert len({line.split()[1] for line in _here()}) == SEEDS


@pytest.mark.parametrize("hash_seed", ["0", "1", "random"])
def test_digests_do_not_depend_on_the_hash_seed(hash_seed: str) -> None:
    """Sets and dicts in messages, names and books leave no trace of PYTHONHASHSEED."""
    assert _elsewhere(sys.executable, hash_seed) == _here()


def test_digests_do_not_depend_on_optimisation() -> None:
    """Without assertions and docstrings everything is the same."""
    assert _elsewhere(sys.executable, "random", "-OO") == _here()


def test_digests_do_not_depend_on_the_python() -> None:
    """Every supported Python on this machine agrees."""
    for interpreter in _others():
        assert _elsewhere(interpreter, "random") == _here(), interpreter


@pytest.mark.parametrize("seed", range(8))
def test_a_replay_by_key_gives_the_same_digest(seed: int) -> None:
    """A record, or its deviations alone, in any order, leads through the same run, and no choice is left over."""
    original = run(seed)
    record = original.choices.record
    deviations = [choice for choice in reversed(record) if choice.value]
    assert fingerprint(run(0, replay=record)) == fingerprint(original)
    again = run(99, replay=deviations)
    assert fingerprint(again) == fingerprint(original)
    assert again.choices.left_over() == ()


def test_the_benign_run_has_no_deviation() -> None:
    """Under prompt every choice is 0, all seeds give one digest, and replaying nothing is the same run."""
    calm = run(1, "prompt")
    assert not any(choice.value for choice in calm.choices)
    assert run(2, "prompt").digest == calm.digest
    assert run(3, replay=()).digest == calm.digest


def test_a_replay_of_changed_code_is_told_where_it_left_the_record() -> None:
    """A recorded choice that is now asked with another bound stops the replay at that draw."""
    record = list(run(3).choices.record)
    place = next(n for n, choice in enumerate(record) if choice.site == "other" and choice.value)
    there = record[place]
    record[place] = Choice(there.site, there.entity, there.occurrence, there.bound + 1, there.value)
    with pytest.raises(NondeterminismError, match=f"other of {there.entity}"):
        run(3, replay=record)
