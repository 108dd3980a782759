"""Running tests for the command line: through pytest itself, in this process, quietly.

So conftest files, parametrisation, marks and assertion rewriting work as they do under pytest; only the printing is ours.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pytest

from harness.errors import InternalError

PLUGIN = "harness_fixtures.plugin"
FIXTURE = "_cluster_run"

Listener = Callable[[str, Any], None]
"""Told what goes on: ``("collected", node ids)``, ``("progress", (node id, runs, failed, seeds))``, ``("result", result)``, and
of a single test ``("run", run)``, the finished run or None."""

_SECONDS_BETWEEN_NEWS = 0.1


@dataclass
class FirstFailure:
    """The lowest failing seed of a test."""

    seed: int
    token: str
    error: str
    digest: str
    report: str
    replay: str


@dataclass
class TestResult:
    """What one test did under all its seeds, or its part of them.

    Attributes:
        trouble: why it could not be run at all, or why the harness is to blame; empty otherwise.
        harness_failed: the harness itself is to blame.
    """

    __test__ = False

    test: str
    strategy: str = ""
    runs: int = 0
    steps: int = 0
    seconds: float = 0.0
    failed: list[int] = field(default_factory=list)
    first: FirstFailure | None = None
    digest: str = ""
    report: str = ""
    skipped: bool = False
    trouble: str = ""
    harness_failed: bool = False

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


class _Real:
    # A test may freeze time; names of modules are then replaced, attributes of a class are not.
    seconds = staticmethod(time.perf_counter)


class Refused(Exception):
    """Nothing could be run: what was asked for does not exist or cannot be loaded."""


class _Session:
    """The pytest plugin of one such run: silences the terminal, keeps the tests that concern us, gathers results."""

    def __init__(self, listener: Listener, single: bool) -> None:
        self.listener = listener
        self.single = single
        self.results: list[TestResult] = []
        self.trouble: list[str] = []
        self._next_news = 0.0

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        from harness_fixtures.sweep import WATCHER

        reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter._tw = type(reporter._tw)(io.StringIO())
        config.stash[WATCHER] = self.watch

    def watch(self, nodeid: str, tally: Any, seeds: int) -> None:
        """Called after each run: pass the news on, now and then."""
        now = _Real.seconds()
        if now >= self._next_news:
            self._next_news = now + _SECONDS_BETWEEN_NEWS
            self.listener("progress", (nodeid, tally.runs, len(tally.failed), seeds))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.trouble.append(f"{report.nodeid or 'the collection'} cannot be loaded:\n{report.longreprtext}")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        ours = [item for item in items if FIXTURE in getattr(item, "fixturenames", ())]
        others = [item for item in items if item not in ours]
        if items and not ours:
            names = ", ".join(item.nodeid for item in items[:3])
            self.trouble.append(
                f"no test here takes a cluster fixture ({names}{', ...' if len(items) > 3 else ''}): nothing to run"
            )
        elif self.single and len(ours) > 1:
            names = "\n".join(f"  {item.nodeid}" for item in ours[:20])
            self.trouble.append(f"a replay needs one test, this names {len(ours)}:\n{names}")
            ours = []
        config.hook.pytest_deselected(items=others)
        items[:] = ours
        self.listener("collected", [item.nodeid for item in ours])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        report = yield
        if call.when == "call" or (call.when == "setup" and not report.passed):
            result = _result(item, report)
            self.results.append(result)
            if self.single:
                self.listener("run", _run_of(item))
            self.listener("result", result)
        return report


def _run_of(item: pytest.Item) -> Any:
    from harness_fixtures.sweep import STATE

    state = item.stash.get(STATE, None)
    return None if state is None else state.run


def _result(item: pytest.Item, report: pytest.TestReport) -> TestResult:
    from harness_fixtures.sweep import STATE

    state = item.stash.get(STATE, None)
    result = TestResult(item.nodeid if state is None else state.nodeid, skipped=bool(report.skipped))
    if state is None or (state.run is None and state.tally is None):
        if report.failed:
            result.trouble = f"could not be set up:\n{report.longreprtext}"
        return result
    result.strategy = state.schedule.strategy_name
    if state.tally is not None:
        result.runs, result.steps, result.seconds = state.tally.runs, state.tally.steps, state.seconds
        result.failed = sorted(state.tally.failed)
    elif state.run is not None:
        result.runs, result.steps, result.seconds = 1, state.run.steps, report.duration
        result.failed = [state.run.seed] if state.run.failed else []
    run = state.run
    if run is None:
        return result
    result.digest = run.digest
    if run.error is not None:
        error = f"{type(run.error).__name__}: {run.error}"
        result.first = FirstFailure(run.seed, run.token, error, run.digest, run.report(), run.how_to_replay)
        if isinstance(run.error, InternalError):
            result.harness_failed = True
            result.trouble = error
    elif result.runs == 1:
        result.report = run.report()
    return result


def run_tests(tests: Sequence[str], options: Sequence[str], listener: Listener, *, single: bool = False) -> list[TestResult]:
    """Run tests by node id or file with these options of the plugin, and return what each did.

    Args:
        single: refuse more than one test.

    Raises:
        Refused: a test does not exist, cannot be loaded, or takes no cluster fixture; an option is bad.
        InternalError: pytest or the plugin broke.
    """
    session = _Session(listener, single)
    # What the project's own settings may say about workers, failures and time does not apply here.
    arguments = [*tests, "-n0", "--maxfail=0", "--timeout=0", *options]
    if not any(entry.value == PLUGIN for entry in importlib.metadata.entry_points(group="pytest11")):
        arguments += ["-p", PLUGIN]
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors):
        code = int(pytest.main(arguments, plugins=[session]))
    if session.trouble:
        raise Refused(session.trouble[0])
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        raise Refused(f"no tests found in {', '.join(tests)}")
    if code == pytest.ExitCode.USAGE_ERROR:
        lines = [line.removeprefix("ERROR: ").strip() for line in errors.getvalue().splitlines()]
        raise Refused(next((line for line in lines if line), "pytest refused these arguments"))
    if code == pytest.ExitCode.INTERNAL_ERROR:
        raise InternalError(f"pytest broke down: {errors.getvalue().strip()[-2000:] or 'run the tests with pytest to see why'}")
    if code == pytest.ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    return session.results
