"""Ctrl-C, a reader that goes away, and a bug of our own: no traceback where none helps, and the right exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.shell import Shell

WAITING = """\
import os, pathlib, time
from toys import orderly, patient

def mark():
    marks = pathlib.Path("marks")
    marks.mkdir(exist_ok=True)
    (marks / str(os.getpid())).touch()

def test_quick(world):
    orderly(world)

def test_endless(world):
    mark()
    time.sleep(0.005)
    orderly(world)

def test_large(world):
    mark()
    time.sleep(0.2)
    patient(world)
"""


def interrupted(shell: Shell, *arguments: str, processes: int) -> tuple[int, str, str]:
    """Press Ctrl-C once so many processes are at work: exit code, output, errors."""
    shell.folder.joinpath("test_waiting.py").write_text(WAITING, "utf-8")
    marks = shell.folder / "marks"
    process = shell.begin(*arguments)
    while process.poll() is None and (not marks.exists() or len(os.listdir(marks)) < processes):
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.02)
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    return process.returncode, output, errors


@pytest.mark.parametrize("jobs", [1, 2])
def test_hunt_tells_what_it_has(shell: Shell, jobs: int) -> None:
    """Ctrl-C is exit code 130; finished tests and the one under way are shown, and one line says how far it came."""
    code, output, errors = interrupted(shell, "hunt", "test_waiting.py", "--seeds=5000", f"-j{jobs}", processes=jobs)
    assert code == 130
    assert "test_waiting.py::test_quick\n  5000 seeds" in output
    assert "test_waiting.py::test_endless\n" in output
    assert "stopped by Ctrl-C after" in errors
    assert "Traceback" not in errors


def test_hunt_tells_programs_too(shell: Shell) -> None:
    """With --json the document of an interrupted hunt says so."""
    code, output, _ = interrupted(shell, "hunt", "test_waiting.py::test_endless", "--seeds=5000", "--json", processes=1)
    assert code == 130
    document = json.loads(output)
    assert document["stopped"] is True
    assert 0 <= sum(test["runs"] for test in document["tests"]) < 5000


@pytest.mark.parametrize("jobs", [1, 2])
def test_proof_that_is_stopped_proves_nothing(shell: Shell, jobs: int) -> None:
    """Ctrl-C during a proof is exit code 130 and one line."""
    arguments = ("prove", "test_waiting.py::test_large", "--max-deviations=9", "--every-order", f"-j{jobs}")
    code, output, errors = interrupted(shell, *arguments, processes=jobs)
    assert (code, output) == (130, "")
    assert "this proves nothing" in errors
    assert "Traceback" not in errors


def test_reader_that_goes_away(shared: Shell) -> None:
    """A closed pipe ends the command quietly."""
    process = subprocess.Popen(
        shared.command("show", "test_it.py::test_race", "2", "--format", "jsonl"),
        cwd=shared.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=shared.environment(),
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 141
    assert errors == ""


def test_worker_that_dies(shell: Shell) -> None:
    """A worker process that dies is no finding: exit code 3 and a line that says what to do."""
    shell.folder.joinpath("test_dying.py").write_text(
        "import os\n\ndef test_dying(world, seed):\n    if seed == 7:\n        os._exit(9)\n", "utf-8"
    )
    done = shell("hunt", "test_dying.py", "--seeds=20", "-j2")
    assert done.returncode == 3
    assert "worker process" in done.stderr
    assert "run with -j 1 to see why" in done.stderr


def test_bug_of_our_own(tmp_path: Path) -> None:
    """An exception that nobody expected is exit code 3, never 1: it is no failure that was found."""
    code = (
        "import harness.cli.completion as module\n"
        "def broken(*_): raise KeyError('oops')\n"
        "module.get_completion_class = broken\n"
        "from harness.cli import main\nmain(['completion', 'bash'])\n"
    )
    shell = Shell(tmp_path)
    command = [*shell.command()[:2], code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=shell.environment())
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith("harness: this is a bug of the harness, please report it: KeyError")
