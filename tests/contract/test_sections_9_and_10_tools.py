"""Sections 9 and 10 of the contract: a downstream project with one flaky test, as its author would use pytest and the command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugin.conftest import PLUGIN

PROJECT = Path(__file__).resolve().parents[2]

FLAKY = '''
"""Tests of a project that has nothing but cluster-harness."""
import datetime
import time

import pytest


def test_strict(cluster, allocator):
    cluster.start_master(allocator=allocator)
    allocator.expect.add_slave().once()
    cluster.start_agent("cpus:2;mem:1024")
    cluster.wait(cluster.start_framework().next_offers())


def test_wall_clock(cluster, clock, wall_clock, seed):
    cluster.start_master()
    clock.advance("1mins")
    assert datetime.datetime.now(datetime.timezone.utc) == clock.now
    assert time.time() == clock.now.timestamp()
    assert isinstance(seed, int)


@pytest.mark.cluster(mesos_version="1.0", strategy="prompt", seeds=3)
def test_marked(cluster, expect, world, network, messages):
    assert "1.0" in repr(cluster)
    assert cluster.world is world
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The project."""
    folder = tmp_path_factory.mktemp("downstream")
    folder.joinpath("test_flaky.py").write_text(FLAKY, "utf-8")
    folder.joinpath("pytest.ini").write_text("[pytest]\n", "utf-8")
    return folder


def _run(folder, *command):
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{PROJECT}:{PROJECT / 'fixtures'}", "PYTHONDONTWRITEBYTECODE": "1"},
        timeout=120,
    )


def _pytest(folder, *options):
    return _run(folder, "-m", "pytest", *PLUGIN, *options)


def _harness(folder, *arguments):
    return _run(folder, "-c", "from harness.cli import main; main()", *arguments)


def test_a_sweep_a_replay_and_the_last_failure(folder):
    """One item for all seeds; the command that ends the report makes the failure again; ``last`` remembers it."""
    sweep = _pytest(folder, "test_flaky.py", "--cluster-seeds", "100")
    assert sweep.returncode == 1, sweep.stdout + sweep.stderr
    assert "1 failed, 2 passed" in sweep.stdout
    assert "--cluster-seeds" in sweep.stdout
    assert "of 100 seeds failed" in sweep.stdout
    assert "addSlave (add_slave) was called twice, expected exactly once" in sweep.stdout
    command = next(line for line in sweep.stdout.splitlines() if line.startswith("pytest ") and "--cluster-seed=" in line)
    again = _pytest(folder, *command.split()[1:])
    assert again.returncode == 1
    assert "was called twice" in again.stdout
    digest = next(line for line in sweep.stdout.splitlines() if "digest" in line)
    assert digest in again.stdout
    last = _pytest(folder, "test_flaky.py::test_strict", "--cluster-seed", "last")
    assert last.returncode == 1
    assert "was called twice" in last.stdout


def test_without_options_a_test_runs_once(folder):
    """Under a seed that its node id gives."""
    once = _pytest(folder, "test_flaky.py::test_wall_clock", "-q")
    assert once.returncode == 0, once.stdout
    assert "1 passed" in once.stdout


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (("--cluster-strategy", "randon"), ["randon", "random"]),
        (("--cluster-seed", "seven"), ["seven"]),
        (("--cluster-seeds", "-3"), ["-3"]),
        (("--cluster-shard", "5/2"), ["5/2"]),
    ],
)
def test_a_wrong_option_is_one_clear_line(folder, option, words):
    """Exit code 4 of pytest, no traceback."""
    done = _pytest(folder, *option)
    assert done.returncode == 4
    text = done.stdout + done.stderr
    assert "Traceback" not in text
    assert "INTERNALERROR" not in text
    for word in words:
        assert word in text


def test_hunt_and_replay(folder):
    """Exit code 1 when something was found, the same token again makes the same failure, JSON on request."""
    hunt = _harness(folder, "hunt", "test_flaky.py::test_strict", "--seeds", "100", "-j", "1", "--json")
    assert hunt.returncode == 1, hunt.stdout + hunt.stderr
    report = json.dumps(json.loads(hunt.stdout))
    assert "was called twice" in report
    token = next(word for word in report.replace('"', " ").split() if word.startswith("ch1-"))
    replay = _harness(folder, "replay", "test_flaky.py::test_strict", token)
    assert replay.returncode == 1
    assert "was called twice" in replay.stdout
    nothing = _harness(folder, "hunt", "test_flaky.py::test_wall_clock", "--seeds", "5")
    assert nothing.returncode == 0, nothing.stdout + nothing.stderr
    assert _harness(folder, "hunt").returncode == 2
    assert _harness(folder, "hunt", "test_nowhere.py", "--seeds", "5").returncode == 2
