"""``harness prove``: every run within a bound."""

from __future__ import annotations

import pytest

from tests.cli.shell import Shell


def test_robust_test_is_proven(shared: Shell) -> None:
    """No run fails and all were made: exit code 0, and the bound is named."""
    done = shared("prove", "test_it.py::test_patient", "--max-deviations", "2")
    assert done.returncode == 0, done.stderr
    assert "PROVEN: no run with at most 2 deviations fails" in done.stdout
    assert "not covered: runs with more than 2 deviations" in done.stdout


def test_failure_is_shown_and_explained(shared: Shell) -> None:
    """A failing run is exit code 1; the report has its token, which replays it, and the reason."""
    done = shared("prove", "test_it.py::test_race", "--max-deviations", "1")
    assert done.returncode == 1, done.stderr
    assert "REFUTED: a run fails with 1 deviation" in done.stdout
    assert "arrived as [2, 1]" in done.stdout
    assert "\nwhy (" in done.stdout
    (token,) = (line.split()[1] for line in done.stdout.splitlines() if line.strip().startswith("token: "))
    assert shared("replay", "test_it.py::test_race", token).returncode == 1


def test_budget_is_no_proof(shared: Shell) -> None:
    """What ran out of time is not proven, and has an exit code of its own."""
    told = shared("prove", "test_it.py::test_lasting", "--max-deviations", "3", "--budget", "1ms")
    assert told.returncode == 4, told.stderr
    assert "UNDECIDED: no run has failed so far" in told.stdout
    assert "not covered: part of the runs" in told.stdout


def test_processes_prove_the_same(shared: Shell) -> None:
    """Two processes make the runs that one makes."""
    told = [shared.json("prove", "test_it.py::test_patient", "--max-deviations=3", "-j", jobs) for jobs in ("1", "2")]
    for one in told:
        del one["seconds"], one["jobs"], one["budget"]
    assert told[0] == told[1]
    assert told[0]["proven"] is True
    assert told[0]["exhausted"] is True


def test_all_goes_on_after_a_failure(shared: Shell) -> None:
    """With --all every failing run within the bound is found, in one process or two."""
    told = [shared.json("prove", "test_it.py::test_race", "--max-deviations=2", "--all", "-j", jobs) for jobs in ("1", "2")]
    assert len(told[0]["failures"]) > 1
    assert told[0]["failures"] == told[1]["failures"]
    assert told[0]["proven"] is False


@pytest.mark.parametrize("test", ["test_two_numbers", "test_sizes[2]"])
def test_fixtures_and_parameters(shared: Shell, test: str) -> None:
    """A test with fixtures of its own, and one case of a parametrised one, can be proven."""
    assert shared("prove", f"test_it.py::{test}", "--max-deviations", "1").returncode == 0


def test_marker_does_not_get_in_the_way(shell: Shell) -> None:
    """A test marked with many seeds is proven all the same."""
    shell.folder.joinpath("test_marked.py").write_text(
        "import pytest\nfrom toys import patient\n\n"
        "@pytest.mark.cluster(seeds=50)\ndef test_marked(world):\n    patient(world)\n",
        "utf-8",
    )
    told = shell.json("prove", "test_marked.py", "--max-deviations=1")
    assert told["proven"] is True
    assert told["runs"] == sum(told["runs_by_deviations"])


def test_report_files_of_a_proof(shell: Shell) -> None:
    """--report writes the files of the failing run with the fewest deviations."""
    told = shell.json("prove", "test_it.py::test_race", "--max-deviations=1", "--report", "out")
    assert len(told["files"]) == 3
    for file in told["files"]:
        assert shell.folder.joinpath(file).is_file()
