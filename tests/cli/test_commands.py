"""``harness hunt`` and ``harness replay``, as a user types them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import harness
from tests.cli.shell import PROJECT, Shell


def test_hunt_shows_the_lowest_failing_seed(shared: Shell) -> None:
    """A hunt prints seeds, rate with interval, the failure in full, and how to replay it; exit code 1."""
    done = shared("hunt", "test_it.py::test_race", "test_it.py::test_patient", "--seeds", "100", "--no-explain")
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
    assert "\x1b" not in done.stdout + done.stderr


def test_hunt_ends_with_the_names_of_what_failed(shared: Shell) -> None:
    """The last lines of a hunt through several tests name those that failed; for one test there is one line."""
    lines = shared("hunt", "test_it.py::test_race", "test_it.py::test_patient", "--seeds=20", "--no-explain").stdout.splitlines()
    assert lines[-2].endswith(": 1 failed under some")
    assert re.fullmatch(r"  test_it\.py::test_race: \d+ of 20 seeds failed: .*; lowest failing: 2", lines[-1])
    lines = shared("hunt", "test_it.py::test_patient", "--seeds=20").stdout.splitlines()
    assert lines[-1].endswith("s: none failed")


LEAKING = """
    import itertools

    ran = itertools.count()

    def test_leaking(world):
        assert next(ran) != 7

    def test_always(world):
        raise ValueError("always")
"""


def test_hunt_survives_a_failure_that_does_not_come_back(shell: Shell) -> None:
    """A test that fails by what earlier runs left behind is told as such; what else was found is shown, with exit code 1."""
    (shell.folder / "test_leaking.py").write_text(textwrap.dedent(LEAKING), "utf-8")
    done = shell("hunt", "test_leaking.py", "--seeds=20", "--report=out")
    assert done.returncode == 1, done.stderr
    assert "NOT REPRODUCED: under the same token, but in a session of its own, this test passes." in done.stdout
    assert "next: pytest test_leaking.py::test_leaking --cluster-seeds=20 --cluster-check-determinism" in done.stdout
    assert "ValueError: always" in done.stdout
    assert all("test_always" in path.name for path in (shell.folder / "out").iterdir())
    found = shell.json("hunt", "test_leaking.py", "--seeds=20")["tests"]
    assert [test["reproduced"] for test in found] == [False, True]


def test_hunt_that_finds_nothing_ends_with_0(shared: Shell) -> None:
    """Nothing found is exit code 0, and "prompt" finds nothing here."""
    assert shared("hunt", "test_it.py::test_patient", "--seeds", "20").returncode == 0
    assert shared("hunt", "test_it.py", "--seeds", "5", "--strategy", "prompt").returncode == 0


def test_processes_share_the_seeds(shared: Shell) -> None:
    """Two processes find exactly what one finds."""
    alone, both = (
        shared.json("hunt", "test_it.py::test_race", "test_it.py::test_patient", "--seeds=101", "-j", jobs)["tests"]
        for jobs in ("1", "2")
    )
    for one, other in zip(alone, both, strict=True):
        for key in ("test", "runs", "steps", "failed", "found_by", "first", "failure_rate", "interval"):
            assert one[key] == other[key]


def test_processes_learn_the_same(shared: Shell) -> None:
    """A strategy that goes by the first runs goes by the same ones in every process."""
    alone, both = (
        shared.json("hunt", "test_it.py::test_race", "--seeds=60", "--strategy=order", "--no-explain", "-j", jobs)["tests"][0]
        for jobs in ("1", "2")
    )
    assert alone["failed"] == both["failed"]
    assert alone["steps"] == both["steps"]
    assert alone["first"] == both["first"]


def test_replay_is_the_same_everywhere(shared: Shell) -> None:
    """A replay has the error and digest that the hunt printed, in any process and under any hash seed."""
    first = shared.json("hunt", "test_it.py::test_race", "--seeds=10")["tests"][0]["first"]
    for hash_seed in ("0", "1", "random"):
        again = shared.json("replay", "test_it.py::test_race", first["token"], PYTHONHASHSEED=hash_seed)["first"]
        assert (again["digest"], again["error"], again["token"]) == (first["digest"], first["error"], first["token"])


def test_replay_says_whether_it_failed(shared: Shell) -> None:
    """A replay prints the run; exit code 1 if it failed, 0 if not."""
    failed, passed = (shared("replay", "test_it.py::test_race", seed) for seed in ("2", "0"))
    assert (failed.returncode, passed.returncode) == (1, 0)
    assert "seed 2, strategy random: FAILED" in failed.stdout
    assert "seed 0, strategy random: passed" in passed.stdout
    assert "digest: " in passed.stdout


def test_leak_is_the_harnesses_own_failure(shared: Shell) -> None:
    """A token that no longer fits is exit code 3: not a failure of the test."""
    code = (
        "from harness.explore import Schedule; from harness.simulation.choices import Choice;"
        "print(Schedule(2).recorded([Choice('latency', 'nobody', 1, 9, 4)]).token)"
    )
    environment = shared.environment()
    token = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    done = shared("replay", "test_it.py::test_patient", token.stdout.strip())
    assert done.returncode == 3
    assert "latency of nobody" in done.stdout


def test_portfolio_says_who_found_it(shared: Shell) -> None:
    """Under a portfolio a hunt names the strategy behind the lowest failing seed, and how many seeds each had."""
    found = shared.json("hunt", "test_it.py::test_race", "--seeds=40", "--strategy=portfolio", "--no-explain")["tests"][0]
    assert found["first"]["found_by"] != "portfolio"
    assert found["first"]["token"].startswith(f"ch1-{found['first']['found_by']}-")
    assert sum(found["found_by"].values()) == len(found["failed"])
    text = shared("hunt", "test_it.py::test_race", "--seeds=40", "--strategy=portfolio", "--no-explain").stdout
    assert f"; found by {found['first']['found_by']} (failing seeds by strategy: " in text


def test_hunt_from_another_folder(shared: Shell, tmp_path: Path) -> None:
    """Started elsewhere, a hunt prints commands that work there."""
    done = shared.json("hunt", str(shared.folder / "test_it.py::test_race"), "--seeds=5", cwd=tmp_path)["tests"][0]
    assert (tmp_path / done["test"].partition("::")[0]).resolve() == (shared.folder / "test_it.py").resolve()
    assert shared("replay", done["test"], done["first"]["token"], cwd=tmp_path).returncode == 1


def test_budget_ends_a_hunt(shared: Shell) -> None:
    """A hunt ends when its time is over, with the seeds that it has run."""
    done = shared.json("hunt", "test_it.py::test_slow", "--seeds=100000", "--budget=300ms", "--no-explain")
    assert 1 <= done["tests"][0]["runs"] < 1000


def test_json_is_all_there_is(shared: Shell) -> None:
    """With --json the output stream holds one JSON document, the error stream nothing."""
    for arguments in (["hunt", "test_it.py::test_race", "--seeds=5"], ["replay", "test_it.py::test_race", "2"]):
        done = shared(*arguments, "--json")
        assert len(done.stdout.splitlines()) == 1
        assert json.loads(done.stdout)
        assert done.stderr == ""


def test_colours_only_where_they_are_wanted(shared: Shell) -> None:
    """No escape sequences without a terminal, unless FORCE_COLOR asks for them; NO_COLOR beats it."""
    command = ("hunt", "test_it.py::test_patient", "--seeds=3")
    assert "\x1b" not in shared(*command).stdout
    assert "\x1b" in shared(*command, FORCE_COLOR="1").stdout
    assert "\x1b" not in shared(*command, FORCE_COLOR="1", NO_COLOR="1").stdout


def test_help_tells_every_command(shared: Shell) -> None:
    """Each command has help with an example, and the overview names all."""
    overview = shared("--help")
    assert overview.returncode == 0
    assert "Usage: harness" in overview.stdout
    for command in ("hunt", "replay", "explain", "prove", "show", "doctor", "completion"):
        assert re.search(rf"^  {command} ", overview.stdout, re.MULTILINE)
        done = shared(command, "-h")
        assert done.returncode == 0
        assert f"Usage: harness {command}" in done.stdout
        assert re.search(r"Examples?[:,]", done.stdout)


def test_version() -> None:
    """The version is that of the package."""
    assert Shell(PROJECT)("--version").stdout.strip().endswith(harness.__version__)


def test_help_loads_nothing_of_the_harness() -> None:
    """Help and completion load neither rich nor pytest nor the simulation."""
    code = (
        "import sys\nfrom harness.cli import cli\n"
        "try:\n    cli.main(['--help'], prog_name='harness')\nexcept SystemExit:\n    pass\n"
        "loaded = [name for name in ('rich', 'pytest', 'harness.simulation', 'harness.explore') if name in sys.modules]\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=Shell(PROJECT).environment())
