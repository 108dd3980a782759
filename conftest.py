"""For the project's own tests: pytester, and the plugin also when the project is not installed."""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import entry_points

import pytest

pytest_plugins = ["pytester"]
if not any(entry.value == "harness_fixtures.plugin" for entry in entry_points(group="pytest11")):
    pytest_plugins.append("harness_fixtures.plugin")


@pytest.fixture(scope="session")
def _everything_loaded() -> None:
    # pytester forgets what was imported while it was in use. A module that is loaded lazily would then exist twice, with two
    # of each class, in the tests that follow.
    for name in ("harness", "harness_fixtures"):
        for module in pkgutil.walk_packages(importlib.import_module(name).__path__, f"{name}."):
            importlib.import_module(module.name)


@pytest.fixture
def pytester(_everything_loaded: None, pytester: pytest.Pytester) -> pytest.Pytester:
    """pytest's own, after everything that it could forget has been loaded."""
    return pytester
