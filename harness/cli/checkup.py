"""What ``harness doctor`` looks at."""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from harness.cli import trial
from harness.cli.session import PLUGIN

OK, NOTE, PROBLEM, BROKEN = "ok", "note", "problem", "broken"

_DISTRIBUTION = "cluster-harness"
_PYTHONS = ("3.11", "3.12", "3.13")
_FIXTURES = ("allocator", "clock", "cluster", "expect", "messages", "network", "seed", "wall_clock", "world")
_OURS = "harness_fixtures.fixtures"
# The test suite runs together with these.
_TRIED = (
    "anyio", "hypothesis", "platformdirs", "pytest-asyncio", "pytest-cov", "pytest-mock", "pytest-randomly", "pytest-repeat",
    "pytest-rerunfailures", "pytest-timeout", "pytest-xdist",
)  # fmt: skip
_THREADED = ("pytest-parallel", "pytest-run-parallel", "pytest-freethreaded")
_SECONDS = 120
_ROOT = Path(__file__).resolve().parents[2]


class Finding(NamedTuple):
    """One thing looked at.

    Attributes:
        check: what it was.
        state: one of :data:`OK`, :data:`NOTE` (worth knowing), :data:`PROBLEM`, :data:`BROKEN` (the harness itself is).
        text: what was found.
        advice: the next thing to try; empty if all is well.
    """

    check: str
    state: str
    text: str
    advice: str = ""


# -- versions and surroundings --------------------------------------------------------------------------------------


def environment() -> Iterator[Finding]:
    """Python, this package and what it needs, the terminal."""
    version = ".".join(map(str, sys.version_info[:3]))
    name = f"{sys.implementation.name} {version} at {sys.executable}"
    if version.rpartition(".")[0] in _PYTHONS:
        yield Finding("python", OK, name)
    else:
        yield Finding("python", PROBLEM, f"{name} is none of those tested", f"use Python {', '.join(_PYTHONS)}")
    yield from _requirements()
    yield _terminal()


def _requirements() -> Iterator[Finding]:
    try:
        requirements = importlib.metadata.requires(_DISTRIBUTION) or []
        installed = importlib.metadata.version(_DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        advice = "install it: pip install cluster-harness, or pip install -e . in its own folder"
        yield Finding("harness", PROBLEM, f"{trial.VERSION}, imported but not installed", advice)
        return
    where = _ROOT / "harness"
    if installed == trial.VERSION:
        yield Finding("harness", OK, f"{installed} at {where}")
    else:
        text = f"the code at {where} is {trial.VERSION}, installed is {installed}"
        yield Finding("harness", PROBLEM, text, "install it again, or look for a second copy on PYTHONPATH")
    for text in requirements:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield _requirement(requirement)


def _requirement(requirement: Requirement) -> Finding:
    wanted = f"{requirement.name}{requirement.specifier}"
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return Finding(requirement.name, PROBLEM, f"is missing, {wanted} is needed", f"pip install '{wanted}'")
    if requirement.specifier.contains(Version(version), prereleases=True):
        return Finding(requirement.name, OK, version)
    return Finding(requirement.name, PROBLEM, f"{version} is too old, {wanted} is needed", f"pip install --upgrade '{wanted}'")


def _terminal() -> Finding:
    kind = "a terminal" if sys.stdout.isatty() else "no terminal: plain lines, no progress bar"
    if os.environ.get("NO_COLOR"):
        kind += ", NO_COLOR is set: no colours"
    encoding = (sys.stdout.encoding or "").lower()
    try:
        "…".encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return Finding("output", PROBLEM, f"{kind}; its encoding {encoding!r} lacks letters", "set PYTHONUTF8=1")
    return Finding("output", OK, f"{kind}, {encoding}")


# -- pytest ---------------------------------------------------------------------------------------------------------


class _Probe:
    """Looks at a pytest that collects nothing, with the plugins, the settings and the conftest.py of this folder."""

    def __init__(self) -> None:
        self.configured = False
        self.registered = False
        self.others: list[tuple[str, str]] = []
        self.strangers: dict[str, str] = {}
        self.cache: Path | None = None

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Silence the terminal, look at the plugins."""
        self.configured = True
        reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter._tw = type(reporter._tw)(io.StringIO())
        manager = config.pluginmanager
        self.registered = any(getattr(plugin, "__name__", "") == PLUGIN for _, plugin in manager.list_name_plugin())
        found = {dist.project_name: dist.version for _, dist in manager.list_plugin_distinfo()}
        self.others = sorted((name, version) for name, version in found.items() if name != _DISTRIBUTION)
        cache = getattr(config, "cache", None)
        self.cache = None if cache is None else Path(cache.mkdir("cluster-harness"))

    def pytest_sessionfinish(self, session: Any) -> None:
        """Look at who owns our fixtures."""
        for name in _FIXTURES:
            definitions = session._fixturemanager.getfixturedefs(name, session)
            owner = getattr(definitions[-1].func, "__module__", "") if definitions else _OURS
            if owner != _OURS:
                self.strangers[name] = owner


def plugins() -> Iterator[Finding]:
    """Whether pytest loads our plugin, gets on with the others, and can keep the failing seeds."""
    probe = _Probe()
    output = io.StringIO()
    with contextlib.redirect_stderr(output), contextlib.redirect_stdout(output):
        try:
            # Without plugins there is no -n; with them, no workers are wanted.
            alone = [] if os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD") else ["-n0"]
            code = int(pytest.main([".", "--collect-only", "--ignore-glob=*", *alone], plugins=[probe]))
            trouble = "" if code == pytest.ExitCode.NO_TESTS_COLLECTED else output.getvalue().strip()
        except OSError as error:
            trouble = f"{type(error).__name__}: {error}"
    if trouble:
        lines = [line.removeprefix("ERROR: ").removeprefix("E ").strip() for line in trouble.splitlines()]
        last = next((line for line in reversed(lines) if "Error" in line or "error" in line), lines[-1])
        yield Finding(
            "pytest starts here", PROBLEM, f"no: {last}", "run 'pytest --collect-only' in this folder and repair what it says"
        )
    if not probe.configured:
        return
    yield _registered(probe)
    yield from _fixtures(probe)
    yield from _neighbours(probe)
    yield _cache(probe)


def _registered(probe: _Probe) -> Finding:
    check = "plugin"
    if probe.registered:
        return Finding(check, OK, f"pytest loads {PLUGIN}")
    if os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        why, advice = "PYTEST_DISABLE_PLUGIN_AUTOLOAD is set", f"unset it, or add '-p {PLUGIN}' to addopts"
    elif not any(entry.value == PLUGIN for entry in importlib.metadata.entry_points(group="pytest11")):
        why, advice = "this installation does not announce it", "install it: pip install cluster-harness"
    else:
        why, advice = "something switches it off", "look for '-p no:cluster_harness' in addopts and PYTEST_ADDOPTS"
    return Finding(check, PROBLEM, f"pytest does not load it: {why}", advice)


def _fixtures(probe: _Probe) -> Iterator[Finding]:
    for name, owner in probe.strangers.items():
        own = owner == "conftest"
        yield Finding(
            f"fixture {name}",
            PROBLEM,
            f"{owner}{'.py' if own else ''} has one of this name, so tests here do not get ours",
            "rename that one" + ("" if own else f", or leave its plugin out: -p no:{owner.partition('.')[0]}"),
        )
    if not probe.strangers:
        yield Finding("fixtures", OK, f"nobody else has {', '.join(_FIXTURES)}")


def _neighbours(probe: _Probe) -> Iterator[Finding]:
    tried = [f"{name} {version}" for name, version in probe.others if name in _TRIED]
    if tried:
        yield Finding("other plugins", OK, f"tried together: {', '.join(tried)}")
    untried = [f"{name} {version}" for name, version in probe.others if name not in (*_TRIED, *_THREADED)]
    if untried:
        yield Finding("other plugins", NOTE, f"not tried together so far: {', '.join(untried)}")
    for name, version in probe.others:
        if name in _THREADED:
            text = f"{version} runs tests in threads, whose order no seed controls"
            yield Finding(name, PROBLEM, text, f"leave it out where tests use a cluster: pip uninstall {name}")


def _cache(probe: _Probe) -> Finding:
    check = "memory of failing seeds"
    if probe.cache is None:
        return Finding(check, NOTE, "pytest's cache is switched off, so --cluster-seed=last knows nothing")
    try:
        with tempfile.TemporaryFile(dir=probe.cache):
            return Finding(check, OK, str(probe.cache))
    except OSError as error:
        text = f"{probe.cache} cannot be written to ({error.strerror}), so --cluster-seed=last knows nothing"
        return Finding(check, PROBLEM, text, "make it writable, or set cache_dir in pytest's settings")


# -- equal seeds, equal runs ----------------------------------------------------------------------------------------


def self_test() -> Iterator[Finding]:
    """Runs of a small cluster: twice here, in fresh processes under other hash seeds, under other Pythons that are found."""
    check = "equal seeds, equal runs"
    try:
        here = trial.digests()
        again = trial.digests()
    except Exception as error:
        yield Finding(check, BROKEN, f"a small cluster fails: {type(error).__name__}: {error}", _REPORT)
        return
    yield _compared(f"{check}, twice in this process", here, again)
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH", ""))))
    for hash_seed in ("0", "1", "random"):
        answer = _ask(sys.executable, {"PYTHONPATH": path, "PYTHONHASHSEED": hash_seed})
        title = f"{check}, fresh process with PYTHONHASHSEED={hash_seed}"
        if isinstance(answer, str):
            yield Finding(title, BROKEN, f"it failed: {answer}", _REPORT)
        else:
            yield _compared(title, here, answer["digests"])
    yield from _other_pythons(check, here)


_REPORT = "please report this, with the output of 'harness doctor --json'"


def _compared(check: str, here: Mapping[str, str], there: Mapping[str, str]) -> Finding:
    unequal = [name for name, digest in here.items() if there.get(name) != digest]
    if unequal:
        return Finding(check, BROKEN, f"{len(unequal)} of {len(here)} runs differ: {', '.join(unequal)}", _REPORT)
    return Finding(check, OK, f"{len(here)} runs")


def _other_pythons(check: str, here: Mapping[str, str]) -> Iterator[Finding]:
    for version in _PYTHONS:
        python = shutil.which(f"python{version}")
        if python is None or version == f"{sys.version_info[0]}.{sys.version_info[1]}":
            continue
        answer = _ask(python, {})
        # Without the package, or with another release of it, there is nothing to compare.
        if not isinstance(answer, str) and answer.get("version") == trial.VERSION:
            yield _compared(f"{check}, {python}", here, answer["digests"])


def _ask(python: str, variables: Mapping[str, str]) -> dict[str, Any] | str:
    """The digests that another process has; a text if it fails."""
    environment = {**{name: value for name, value in os.environ.items() if name != "PYTHONHASHSEED"}, **variables}
    command = [python, "-m", "harness.cli.trial"]
    try:
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, check=False, env=environment, timeout=_SECONDS
            )
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    return answer
