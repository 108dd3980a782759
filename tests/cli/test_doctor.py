"""``harness doctor``: a healthy installation, and what it says of others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from harness.cli import checkup, trial
from harness.cli.checkup import BROKEN, NOTE, OK, PROBLEM
from tests.cli.shell import Shell


def checks(document: Any, name: str) -> list[Any]:
    """The findings whose name begins so."""
    return [check for check in document["checks"] if check["check"].startswith(name)]


def test_healthy_installation(shell: Shell, tmp_path: Path) -> None:
    """In an empty folder equal seeds give equal runs, in this process and in fresh ones, and our fixtures are ours."""
    empty = tmp_path / "empty"
    empty.mkdir()
    document = shell.json("doctor", cwd=empty)
    runs = checks(document, "equal seeds, equal runs")
    assert len(runs) >= 4
    assert {check["state"] for check in runs} == {OK}
    assert [check["state"] for check in checks(document, "fixtures")] == [OK]
    assert [check["state"] for check in checks(document, "plugin")] == [OK]
    assert all(check["advice"] for check in document["checks"] if check["state"] in (PROBLEM, BROKEN))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the fresh processes."""
    monkeypatch.setattr(checkup, "_ask", lambda python, variables: "not asked")


def test_fixture_of_somebody_else(shell: Shell) -> None:
    """A conftest.py that has a fixture "cluster" of its own is a problem, exit code 1, with a way out."""
    shell.folder.joinpath("conftest.py").write_text("import pytest\n\n@pytest.fixture\ndef cluster():\n    return 1\n", "utf-8")
    done = shell("doctor")
    assert done.returncode == 1
    assert "problem  fixture cluster: conftest.py has one of this name" in done.stdout
    assert "-> rename that one" in done.stdout


def test_plugins_switched_off(shell: Shell) -> None:
    """Without autoloading the plugin is missing, and the way to load it is named."""
    shell.folder.joinpath("pytest.ini").write_text("[pytest]\n", "utf-8")
    document = shell.json("doctor", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    (plugin,) = checks(document, "plugin")
    assert plugin["state"] == PROBLEM
    assert "PYTEST_DISABLE_PLUGIN_AUTOLOAD" in plugin["text"]
    assert document["verdict"] == PROBLEM


def test_conftest_that_cannot_be_loaded(shell: Shell) -> None:
    """Where pytest does not even start, that is what is said, once."""
    shell.folder.joinpath("conftest.py").write_text("nonsense\n", "utf-8")
    document = shell.json("doctor")
    (start,) = checks(document, "pytest starts here")
    assert "NameError: name 'nonsense' is not defined" in start["text"]
    assert not checks(document, "plugin")


def test_different_runs_are_the_harnesses_fault(monkeypatch: pytest.MonkeyPatch, quick: None) -> None:
    """Digests that differ, or a fresh process that fails, are reported as broken."""
    answers = iter([{"random-0": "one", "random-1": "same"}, {"random-0": "other", "random-1": "same"}])
    monkeypatch.setattr(trial, "digests", lambda: next(answers))
    first, *others = checkup.self_test()
    assert (first.state, first.text) == (BROKEN, "1 of 2 runs differ: random-0")
    assert {finding.state for finding in others} == {BROKEN}


def test_cluster_that_fails_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the small cluster itself fails, there is nothing to compare, and that is said."""

    def failing() -> dict[str, str]:
        raise KeyError("oops")

    monkeypatch.setattr(trial, "digests", failing)
    (only,) = checkup.self_test()
    assert only.state == BROKEN
    assert "KeyError" in only.text


def test_other_python_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: None) -> None:
    """Another Python that has this package is asked too; one that has not is left alone."""
    here = {"random-0": "same"}
    asked = {"/bin/python3.12": {"version": trial.VERSION, "digests": here}, "/bin/python3.13": "no such module"}
    monkeypatch.setattr(checkup.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(checkup, "_ask", lambda python, variables: asked.get(python, "no such module"))
    monkeypatch.setattr(checkup.sys, "version_info", (3, 11, 0))
    findings = list(checkup._other_pythons("runs", here))
    assert [(finding.check, finding.state) for finding in findings] == [("runs, /bin/python3.12", OK)]


@pytest.mark.parametrize(
    ("wanted", "state"), [("pytest>=8", OK), ("pytest>=999", PROBLEM), ("no-such-distribution-of-ours>=1", PROBLEM)]
)
def test_requirements(wanted: str, state: str) -> None:
    """A requirement that is missing or too old is a problem, with the command that mends it."""
    found = checkup._requirement(Requirement(wanted))
    assert found.state == state
    assert (f"'{wanted}'" in found.advice) == (state == PROBLEM)


def test_memory_that_cannot_be_written(tmp_path: Path) -> None:
    """A cache that does not exist or is switched off is told; failing seeds are then not remembered."""
    probe = checkup._Probe()
    assert checkup._cache(probe).state == NOTE
    probe.cache = tmp_path
    assert checkup._cache(probe).state == OK
    probe.cache = tmp_path / "nowhere"
    assert checkup._cache(probe).state == PROBLEM


def test_neighbours() -> None:
    """Plugins that were tried are named as such, others honestly as untried, those that run tests in threads as a problem."""
    probe = checkup._Probe()
    probe.others = [("pytest-cov", "5"), ("pytest-parallel", "0.1"), ("pytest-unheard-of", "1")]
    states = {finding.check: [] for finding in checkup._neighbours(probe)}
    for finding in checkup._neighbours(probe):
        states[finding.check].append((finding.state, "unheard" in finding.text))
    assert states == {"other plugins": [(OK, False), (NOTE, True)], "pytest-parallel": [(PROBLEM, False)]}


def test_small_cluster_says_the_same_twice() -> None:
    """What the self-test compares: a digest for each of its runs, all different from each other, the same each time."""
    first = trial.digests()
    assert len(set(first.values())) > 1
    assert len(first) == len(trial.RUNS)
    assert first == trial.digests()
