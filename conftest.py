"""For the project's own tests: pytester, and the plugin also when the project is not installed."""

from __future__ import annotations

from importlib.metadata import entry_points

pytest_plugins = ["pytester"]
if not any(entry.value == "harness_fixtures.plugin" for entry in entry_points(group="pytest11")):
    pytest_plugins.append("harness_fixtures.plugin")
