"""A little project with a racy test, and a way to run pytest in it."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Callable
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
TOYS = PROJECT / "tests" / "unit" / "explore" / "toys.py"

INSTALLED = any(entry.value == "harness_fixtures.plugin" for entry in importlib.metadata.entry_points(group="pytest11"))
PLUGIN = [] if INSTALLED else ["-p", "harness_fixtures.plugin"]

Runner = Callable[..., pytest.RunResult]


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let processes of their own import both packages, also where the project is not installed."""
    if not INSTALLED:
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(PROJECT), str(PROJECT / "fixtures")]))


RACE = """
    from toys import orderly, patient, race

    def test_race(world):
        orderly(world)

    def test_patient(world):
        patient(world)
"""


@pytest.fixture
def project(importable: None, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with the race of the exploring tests: ``test_race`` fails for about half of the seeds (2 is the first)."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.syspath_prepend(str(pytester.path))
    pytester.path.joinpath("toys.py").write_text(TOYS.read_text("utf-8"), "utf-8")
    pytester.makepyfile(test_it=RACE)
    return pytester


@pytest.fixture
def run(project: pytest.Pytester) -> Runner:
    """Run pytest in the project, with the plugin and without the parent's settings."""

    def run(*arguments: str) -> pytest.RunResult:
        return project.runpytest(*PLUGIN, *arguments)

    return run
