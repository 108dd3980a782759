"""The project in ``examples/downstream``, copied elsewhere and used with the installed package, as its README says."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

from tests.docs.pages import ROOT
from tests.docs.sandbox import Sandbox

FLAKY = ("test_one_registration_flaky", "test_job_started_twice_flaky")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """A copy of the project, installed in an environment of its own."""
    sandbox = Sandbox(tmp_path_factory.mktemp("downstream"))
    shutil.copytree(ROOT / "examples/downstream", sandbox.project, dirs_exist_ok=True)
    installed = sandbox.run("pip install -e .")
    assert installed.returncode == 0, installed.stdout
    return sandbox


def _hunt(project: Sandbox, arguments: str) -> tuple[int, list[dict[str, Any]]]:
    done = project.run(f"harness hunt {arguments} -j 2 --json")
    assert done.stdout.startswith("{"), f"no document: ended with {done.returncode}\n{done.stdout}{done.stderr}"
    return done.returncode, json.loads(done.stdout)["tests"]


def test_its_suite_is_green(project: Sandbox) -> None:
    """Plain pytest runs the five tests that hold, and none that is flaky."""
    done = project.run("pytest -q")
    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout


def test_both_flakes_are_found(project: Sandbox) -> None:
    """A hunt ends with 1; each flake fails under a few in a hundred seeds, no more."""
    code, tests = _hunt(project, "flakes --seeds 300")
    assert code == 1
    assert sorted(test["test"].rpartition("::")[2] for test in tests) == sorted(FLAKY)
    for test in tests:
        assert 0.02 < test["failure_rate"] < 0.15, test


@pytest.mark.parametrize("repaired", ["tests/test_agents.py", "tests/test_losses.py"])
def test_the_repaired_forms_hold(project: Sandbox, repaired: str) -> None:
    """500 seeds find nothing."""
    code, (test,) = _hunt(project, f"{repaired} --seeds 500")
    assert code == 0
    assert test["failure_rate"] == 0.0


def test_a_repaired_form_is_proven(project: Sandbox) -> None:
    """Every run with one deviation passes; the flaky form is refuted by one."""
    proven = project.run("harness prove tests/test_losses.py --max-deviations 1 -j 2")
    assert proven.returncode == 0, proven.stdout
    assert "PROVEN" in proven.stdout
    refuted = project.run(f"harness prove flakes/test_flakes.py::{FLAKY[1]} --max-deviations 1 -j 2")
    assert refuted.returncode == 1, refuted.stdout
    assert "REFUTED" in refuted.stdout


def test_the_package_in_use_is_the_installed_one(project: Sandbox) -> None:
    """The project finds harness and plugin by its installation, without a path of this checkout in its own files."""
    done = project.run("pytest --version --version")
    assert "cluster-harness" in done.stdout
    for path in project.project.rglob("*.*"):
        if path.suffix in (".py", ".toml", ".md"):
            assert "sys.path" not in path.read_text("utf-8")
    assert not list(project.project.rglob("conftest.py"))
