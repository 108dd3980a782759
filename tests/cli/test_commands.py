"""``harness hunt`` and ``harness replay``, as a user types them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TOYS = Path(__file__).resolve().parents[1] / "unit" / "explore" / "toys.py"
PROJECT = Path(__file__).resolve().parents[2]


class Shell:
    """A folder with tests in it, and the command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run ``harness`` with these arguments."""
        command = [sys.executable, "-c", "from harness.cli import main; main()", *arguments]
        paths = f"{PROJECT}:{PROJECT / 'fixtures'}"
        return subprocess.run(
            command,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": paths, **environment},
        )

    def json(self, *arguments: str, **environment: str) -> Any:
        """Run it with ``--json`` and read the answer."""
        done = self(*arguments, "--json", **environment)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A project with a race, a robust test, and one that is none of ours."""
    tmp_path.joinpath("toys.py").write_text(TOYS.read_text("utf-8"), "utf-8")
    tmp_path.joinpath("test_it.py").write_text(
        "from toys import orderly, patient\n\n"
        "def test_race(world):\n    orderly(world)\n\n"
        "def test_patient(world):\n    patient(world)\n\n"
        "def test_plain():\n    assert True\n",
        "utf-8",
    )
    # What the project's own settings say must not get in the way of a hunt.
    tmp_path.joinpath("pytest.ini").write_text("[pytest]\naddopts = -q -n 2 -x\npythonpath = .\n", "utf-8")
    return Shell(tmp_path)


def test_hunt_shows_the_lowest_failing_seed(shell: Shell) -> None:
    """A hunt prints seeds, rate with interval, the failure in full, and how to replay it; exit code 1."""
    done = shell("hunt", "test_it.py", "--seeds", "100")
    assert done.returncode == 1, done.stderr
    for words in (
        "test_it.py::test_race",
        "of 100 seeds failed:",
        "95 % interval",
        "lowest failing seed: 2 (also ",
        "arrived as [2, 1]",
        "Ping(n=2)",
        "replay: pytest test_it.py::test_race --cluster-seed=2",
        "harness replay test_it.py::test_race ch1-random-2",
        "none of 100 seeds failed",
        "2 tests, 200 seeds in ",
    ):
        assert words in done.stdout
    assert "test_plain" not in done.stdout
    assert "\x1b" not in done.stdout + done.stderr


def test_hunt_that_finds_nothing_ends_with_0(shell: Shell) -> None:
    """Nothing found is exit code 0, and "prompt" finds nothing here."""
    assert shell("hunt", "test_it.py::test_patient", "--seeds", "20").returncode == 0
    assert shell("hunt", "test_it.py", "--seeds", "20", "--strategy", "prompt").returncode == 0


def test_processes_share_the_seeds(shell: Shell) -> None:
    """Two processes find exactly what one finds."""
    alone, both = (shell.json("hunt", "test_it.py", "--seeds=101", "-j", jobs)["tests"] for jobs in ("1", "2"))
    for one, other in zip(alone, both, strict=True):
        for key in ("test", "runs", "steps", "failed", "first", "failure_rate", "interval"):
            assert one[key] == other[key]


def test_report_files_are_written(shell: Shell) -> None:
    """``--report`` leaves one file for each failing test."""
    shell("hunt", "test_it.py", "--seeds=10", "--report", "out")
    (path,) = shell.folder.joinpath("out").iterdir()
    assert "ch1-random-2" in path.read_text("utf-8")


def test_replay_is_the_same_everywhere(shell: Shell) -> None:
    """A replay has the error and digest that the hunt printed, in any process and under any hash seed."""
    first = shell.json("hunt", "test_it.py::test_race", "--seeds=10")["tests"][0]["first"]
    for hash_seed in ("0", "1", "random"):
        again = shell.json("replay", "test_it.py::test_race", first["token"], PYTHONHASHSEED=hash_seed)["first"]
        assert (again["digest"], again["error"], again["token"]) == (first["digest"], first["error"], first["token"])


def test_replay_says_whether_it_failed(shell: Shell) -> None:
    """A replay prints the run; exit code 1 if it failed, 0 if not."""
    failed, passed = (shell("replay", "test_it.py::test_race", seed) for seed in ("2", "0"))
    assert (failed.returncode, passed.returncode) == (1, 0)
    assert "seed 2, strategy random: FAILED" in failed.stdout
    assert "seed 0, strategy random: passed" in passed.stdout
    assert "digest: " in passed.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["hunt"], "Missing argument 'TEST...'"),
        (["hunt", "nowhere.py"], "file or directory not found: nowhere.py"),
        (["hunt", "test_it.py::test_nothing"], "test_nothing"),
        (["hunt", "test_it.py::test_plain"], "no test here takes a cluster fixture"),
        (["hunt", "test_it.py", "--strategy", "lucky"], "strategy='lucky' is not known; wanted one of"),
        (["hunt", "test_it.py", "--seeds", "many"], "'many' is not a valid integer"),
        (["hunt", "test_it.py", "-j", "2", "--strategy", "lucky"], "strategy='lucky' is not known"),
        (["replay", "test_it.py::test_race", "lucky"], "wanted a whole number, a token"),
        (["replay", "test_it.py::test_race", "last"], "a seed or a token is wanted"),
        (["replay", "test_it.py::test_race", "ch9-random-1"], "format 'ch9'"),
        (["replay", "test_it.py", "2"], "a replay needs one test, this names 2"),
        (["dance"], "No such command 'dance'"),
    ],
)
def test_wrong_use_is_one_clear_line(shell: Shell, arguments: list[str], words: str) -> None:
    """Wrong use ends with exit code 2 and a line that names what is wrong, and no traceback."""
    done = shell(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("harness: ")
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_broken_test_file_is_shown(shell: Shell) -> None:
    """A test file that cannot be loaded is exit code 2, with the reason."""
    shell.folder.joinpath("test_broken.py").write_text("import nonexistent\n", "utf-8")
    done = shell("hunt", "test_broken.py")
    assert done.returncode == 2
    assert "test_broken.py cannot be loaded" in done.stderr
    assert "No module named 'nonexistent'" in done.stderr


def test_leak_is_the_harnesses_own_failure(shell: Shell) -> None:
    """A token that no longer fits is exit code 3: not a failure of the test."""
    code = (
        "from harness.explore import Schedule; from harness.simulation.choices import Choice;"
        "print(Schedule(2).recorded([Choice('latency', 'nobody', 1, 9, 4)]).token)"
    )
    paths = f"{PROJECT}:{PROJECT / 'fixtures'}"
    token = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": paths})
    done = shell("replay", "test_it.py::test_patient", token.stdout.strip())
    assert done.returncode == 3
    assert "latency of nobody" in done.stdout


def test_help_and_version() -> None:
    """Help is printed for the command and each of its parts."""
    shell = Shell(PROJECT)
    for arguments in (["--help"], ["hunt", "--help"], ["replay", "-h"]):
        done = shell(*arguments)
        assert done.returncode == 0
        assert "Usage: harness" in done.stdout


def test_show_prints_the_timeline_of_a_report(shell: Shell) -> None:
    """From the file that a hunt wrote, the same run is made again and its whole timeline printed."""
    assert shell("hunt", "test_it.py::test_race", "--seeds", "30", "--report", "reports").returncode == 1
    (report,) = shell.folder.joinpath("reports").glob("*.txt")
    shown = shell("show", f"reports/{report.name}")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("test_it.py::test_race under ch1-random-")
    assert "initialize" in shown.stdout
    assert len(shell("show", f"reports/{report.name}", "--last", "2").stdout.splitlines()) == 4


def test_show_writes_a_page_of_allocations(shell: Shell) -> None:
    """A run with offers gives a page that loads nothing."""
    shell.folder.joinpath("test_offer.py").write_text(
        "def test_offer(cluster):\n"
        "    cluster.start_master()\n    cluster.start_agent('cpus:2;mem:1024')\n"
        "    framework = cluster.start_framework()\n    cluster.wait(framework.next_offers())\n    cluster.run_for('2secs')\n",
        "utf-8",
    )
    shown = shell("show", "test_offer.py::test_offer", "7", "--allocation", "page.html")
    assert shown.returncode == 0, shown.stderr
    page = shell.folder.joinpath("page.html").read_text("utf-8")
    assert "<svg" in page
    assert "cpus" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


@pytest.mark.parametrize("source", ["nothing.txt", "test_it.py"])
def test_show_says_what_it_wants(shell: Shell, source: str) -> None:
    """A file that is no report is a mistake of usage with a way out."""
    shown = shell("show", source)
    assert shown.returncode == 2
    assert "--report DIR" in shown.stderr
