"""The suite under the Python and the pytest that are here; ``.ci/matrix`` runs it under all others."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.plugin.conftest import INSTALLED

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def matrix(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module."""
    if not INSTALLED:
        pytest.skip("a project of somebody else's uses the installed plugin")
    loader = importlib.machinery.SourceFileLoader("matrix", str(ROOT / ".ci" / "matrix"))
    spec = importlib.util.spec_from_loader("matrix", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "matrix", module)
    loader.exec_module(module)
    return module


@pytest.mark.parametrize("workers", [0, 2])
def test_suite_does_here_what_it_does_everywhere(matrix: ModuleType, workers: int) -> None:
    """The same tests pass and fail, with seeds and commands in the JUnit file."""
    setting = matrix.Setting("here", "present", workers, "none")
    wrong = matrix.run(Path(sys.executable), setting)
    assert wrong == [], "\n".join(wrong)
    assert set(matrix.DIGESTS) == {"test_passing", "test_known_failing_seed"}


def test_check_of_the_matrix_can_fail(matrix: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another digest, or another outcome than wanted, is found."""
    matrix.DIGESTS["test_passing"] = "another"
    monkeypatch.setattr(matrix, "FAIL", matrix.FAIL - {"test_sweep_that_fails"})
    monkeypatch.setattr(matrix, "PASS", matrix.PASS | {"test_sweep_that_fails"})
    wrong = matrix.run(Path(sys.executable), matrix.Setting("here", "present", 0, "none"))
    assert any(line.startswith("test_passing: digest ") for line in wrong)
    assert "test_sweep_that_fails: failed, wanted passed" in wrong


def test_few_settings_cover_all_pairs(matrix: ModuleType) -> None:
    """The short form runs few settings, and yet every pair of Python, pytest, workers and plugins meets in one."""
    everything, few = matrix.settings(matrix.PYTHONS, True), matrix.settings(matrix.PYTHONS, False)
    assert len(everything) == 3 * 2 * 2 * 7
    assert len(few) <= 24
    pairs = set().union(*(matrix._pairs(setting) for setting in few))
    assert pairs == set().union(*(matrix._pairs(setting) for setting in everything))
    assert os.access(ROOT / ".ci" / "matrix", os.X_OK)
