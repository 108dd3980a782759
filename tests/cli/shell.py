"""The command ``harness`` as a user types it, in a folder with a few tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

TOYS = Path(__file__).resolve().parents[1] / "unit" / "explore" / "toys.py"
PROJECT = Path(__file__).resolve().parents[2]
PATHS = os.pathsep.join((str(PROJECT), str(PROJECT / "fixtures")))

TESTS = """\
import time
import pytest
from toys import orderly, patient

def test_race(world):
    orderly(world)

def test_patient(world):
    patient(world)

def test_plain():
    assert True

def test_two_numbers(world, number):
    assert number

@pytest.fixture
def number():
    return 7

@pytest.mark.parametrize("size", [1, 2])
def test_sizes(world, size):
    assert size

def test_slow(world):
    time.sleep(0.02)
    orderly(world)

def test_lasting(world):
    time.sleep(0.02)
    patient(world)

@pytest.mark.skip(reason="not today")
def test_skipped(world):
    assert False
"""


class Server:
    """A process that has imported everything, and runs each command in a fork of itself."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.server"],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": PATHS},
        )

    def run(self, arguments: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run ``harness`` with these arguments."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with tempfile.TemporaryDirectory() as folder:
            output = [f"{folder}/out", f"{folder}/err"]
            request = {"arguments": arguments, "cwd": str(cwd), "environment": dict(environment), "output": output}
            print(json.dumps(request), file=self._process.stdin, flush=True)
            code = int(self._process.stdout.readline())
            texts = [Path(path).read_text("utf-8") for path in output]
        return subprocess.CompletedProcess(list(arguments), code, *texts)

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


class Shell:
    """A folder with tests in it, and the command.

    Args:
        server: runs the commands; without one each is started from scratch.
    """

    def __init__(self, folder: Path, server: Server | None = None) -> None:
        self.folder = folder
        self.server = server

    def command(self, *arguments: str) -> list[str]:
        """The command line."""
        return [sys.executable, "-c", "from harness.cli import main; main()", *arguments]

    def environment(self, **environment: str) -> dict[str, str]:
        """What the command sees of the surroundings."""
        # Loading that plugin takes as long as everything else.
        options = "-p no:hypothesispytest"
        return {"PATH": "/usr/bin:/bin", "PYTHONPATH": PATHS, "PYTEST_ADDOPTS": options, **environment}

    def __call__(self, *arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run ``harness`` with these arguments."""
        folder, surroundings = cwd or self.folder, self.environment(**environment)
        # How a process hashes is decided when it starts.
        if self.server is not None and "PYTHONHASHSEED" not in environment:
            return self.server.run(arguments, folder, surroundings)
        command = self.command(*arguments)
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=surroundings)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Start ``harness`` in a process group of its own, as a terminal does."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(),
            start_new_session=True,
        )

    def json(self, *arguments: str, cwd: Path | None = None, **environment: str) -> Any:
        """Run it with ``--json`` and read the answer."""
        done = self(*arguments, "--json", cwd=cwd, **environment)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)


def make_project(folder: Path, server: Server | None = None) -> Shell:
    """A project with a race, robust tests, some with fixtures of their own, and one that is none of ours."""
    folder.joinpath("toys.py").write_text(TOYS.read_text("utf-8"), "utf-8")
    folder.joinpath("test_it.py").write_text(TESTS, "utf-8")
    # What the project's own settings say must not get in the way of a hunt.
    folder.joinpath("pytest.ini").write_text("[pytest]\naddopts = -q -n 2 -x\npythonpath = .\n", "utf-8")
    return Shell(folder, server)
