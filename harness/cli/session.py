"""Running tests for the command line: through pytest itself, in this process, quietly.

So conftest files, parametrisation, marks and assertion rewriting work as they do under pytest; only the printing is ours.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import io
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pytest

from harness.cli.console import Real
from harness.errors import InternalError
from harness.explore.tokens import Schedule
from harness.runs import Run
from harness.simulation.choices import Strategy
from harness.simulation.strategies import member_of

PLUGIN = "harness_fixtures.plugin"
FIXTURE = "_cluster_run"


@dataclass(frozen=True)
class Subject:
    """One test that pytest has set up, for work that takes the place of its call.

    Attributes:
        name: its node id.
        schedule: what the options say it is to run under.
        run: makes one run of it, again and again.
    """

    name: str
    schedule: Schedule
    run: Callable[[Schedule], Run]


Work = Callable[[Subject], Any]
"""What to do with a test instead of calling it; what it returns is told as ``("work", ...)``."""

Listener = Callable[[str, Any], None]
"""Told what goes on: ``("collected", node ids)``, ``("progress", (node id, runs, failed, seeds))``, ``("result", result)``, and
of a single test ``("run", run)``, the finished run or None; ``("work", what the work returned)``."""

_SECONDS_BETWEEN_NEWS = 0.1
_TYPED = (("--cluster-seed=", "TOKEN "), ("--cluster-seeds=", "--seeds "), ("--cluster-", "--"))


@dataclass
class FirstFailure:
    """The lowest failing seed of a test."""

    seed: int
    token: str
    error: str
    digest: str
    report: str
    replay: str
    found_by: str


@dataclass
class TestResult:
    """What one test did under all its seeds, or its part of them.

    Attributes:
        trouble: why it could not be run at all, or why the harness is to blame; empty otherwise.
        harness_failed: the harness itself is to blame.
        found_by: how many of the failing seeds each strategy had; more than one only in a portfolio.
    """

    __test__ = False

    test: str
    strategy: str = ""
    runs: int = 0
    steps: int = 0
    seconds: float = 0.0
    failed: list[int] = field(default_factory=list)
    found_by: dict[str, int] = field(default_factory=dict)
    first: FirstFailure | None = None
    digest: str = ""
    report: str = ""
    skipped: bool = False
    trouble: str = ""
    harness_failed: bool = False

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


class Refused(Exception):
    """Nothing could be run: what was asked for does not exist or cannot be loaded."""


class Stopped(Exception):
    """Ctrl-C was pressed.

    Attributes:
        results: what there was by then, that of the test under way included.
    """

    def __init__(self, results: Sequence[TestResult]) -> None:
        super().__init__(results)
        self.results = list(results)


class _Session:
    """The pytest plugin of one such run: silences the terminal, keeps the tests that concern us, gathers results."""

    def __init__(self, listener: Listener, single: bool, work: Work | None) -> None:
        self.listener = listener
        self.single = single
        self.work = work
        self.results: list[TestResult] = []
        self.trouble: list[str] = []
        self.error: Exception | None = None
        self._item: pytest.Item | None = None
        self._tally: Any = None
        self._began = 0.0
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
        self._tally = tally
        now = Real.seconds()
        if now >= self._next_news:
            self._next_news = now + _SECONDS_BETWEEN_NEWS
            name = nodeid if self._item is None else _called(self._item, nodeid)
            self.listener("progress", (name, tally.runs, len(tally.failed), seeds))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            lines = report.longreprtext.splitlines()
            reason = next((line[1:].strip() for line in reversed(lines) if line.startswith("E ")), lines[-1] if lines else "")
            what = report.nodeid or "the collection"
            self.trouble.append(f"{what} cannot be loaded: {reason}; 'pytest {shlex.quote(what)}' shows where")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        ours = [item for item in items if FIXTURE in getattr(item, "fixturenames", ())]
        others = [item for item in items if item not in ours]
        if items and not ours:
            names = ", ".join(item.nodeid for item in items[:3])
            self.trouble.append(
                f"no test here takes a cluster fixture ({names}{', ...' if len(items) > 3 else ''}), so there is nothing to run;"
                " name one with a parameter such as cluster, clock or world"
            )
        elif self.single and len(ours) > 1:
            names = "\n".join(f"  {item.nodeid}" for item in ours[:20])
            self.trouble.append(f"one test is wanted, this names {len(ours)}; name one of:\n{names}")
            ours = []
        config.hook.pytest_deselected(items=others)
        items[:] = ours
        self.listener("collected", [item.nodeid for item in ours])

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self._item, self._tally, self._began = item, None, Real.seconds()

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Any:
        if self.work is None:
            return (yield)
        # In place of the function that pytest calls in the end, so that it serves every kind of test.
        before = item.__dict__.get("runtest")
        item.runtest = functools.partial(self._do, item)  # type: ignore[method-assign]
        try:
            return (yield)
        finally:
            if before is None:
                del item.runtest
            else:
                item.runtest = before  # type: ignore[method-assign]

    def _do(self, item: Any) -> None:
        from harness_fixtures import items
        from harness_fixtures.sweep import THROUGH, state_of

        assert self.work is not None
        state = state_of(item)
        if not items.is_fast(item):
            # Every run sets the item up for itself, the first one too.
            items.tear_down(item)
        try:
            with state.runner() as run:
                self.listener("work", self.work(Subject(_called(item, state.nodeid), state.schedule, run)))
        except THROUGH:
            raise
        except Exception as error:
            self.error = self.error or error

    def under_way(self) -> TestResult | None:
        """The result so far of the test that was interrupted."""
        item, tally = self._item, self._tally
        if item is None or any(result.test == _called(item, item.nodeid) for result in self.results):
            return None
        result = TestResult(_called(item, item.nodeid), seconds=Real.seconds() - self._began)
        if tally is not None:
            result.runs, result.steps, result.failed = tally.runs, tally.steps, sorted(tally.failed)
        _describe(result, item, None if tally is None else tally.first)
        return result

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
    result = TestResult(_called(item, item.nodeid if state is None else state.nodeid), skipped=bool(report.skipped))
    if state is None or (state.run is None and state.tally is None):
        if report.failed:
            result.trouble = f"could not be set up:\n{report.longreprtext}"
        return result
    if state.tally is not None:
        result.runs, result.steps, result.seconds = state.tally.runs, state.tally.steps, state.seconds
        result.failed = sorted(state.tally.failed)
    elif state.run is not None:
        result.runs, result.steps, result.seconds = 1, state.run.steps, report.duration
        result.failed = [state.run.seed] if state.run.failed else []
    _describe(result, item, state.run)
    return result


def _describe(result: TestResult, item: pytest.Item, run: Any) -> None:
    """Fill in what the run to look at shows: the failing one with the lowest seed, or the only one."""
    from harness_fixtures.sweep import STATE

    state = item.stash.get(STATE, None)
    if state is not None:
        result.test = _called(item, state.nodeid)
        describe(result, state.schedule.strategy, run)


def describe(result: TestResult, strategy: str | Strategy, run: Run | None) -> None:
    """Fill in the strategy, which of its members found what, and the run to look at."""
    result.strategy = _name(strategy)
    for seed in result.failed:
        name = _name(member_of(strategy, seed))
        result.found_by[name] = result.found_by.get(name, 0) + 1
    if run is None:
        return
    result.digest = run.digest
    if run.error is not None:
        error = f"{type(run.error).__name__}: {run.error}"
        found_by = _name(member_of(run.bench.schedule.strategy, run.seed))
        result.first = FirstFailure(run.seed, run.named, error, run.digest, run.report(), run.how_to_replay, found_by)
        if isinstance(run.error, InternalError):
            result.harness_failed = True
            result.trouble = error
    elif result.runs == 1:
        result.report = run.report()


def _called(item: pytest.Item, nodeid: str) -> str:
    from harness_fixtures.items import typed

    return typed(item.config, nodeid)


def _name(strategy: Any) -> str:
    return strategy if isinstance(strategy, str) else str(strategy.name)


def _as_typed(text: str) -> str:
    """pytest's complaint in terms of what was typed here."""
    for option, typed in _TYPED:
        text = text.replace(option, typed)
    found = re.match(r"(file or directory )?not found: (.*)", text)
    return text if found is None else f"{text}; 'pytest --collect-only' lists the tests that there are"


def run_tests(
    tests: Sequence[str], options: Sequence[str], listener: Listener, *, single: bool = False, work: Work | None = None
) -> list[TestResult]:
    """Run tests by node id or file with these options of the plugin, and return what each did.

    Args:
        single: refuse more than one test.
        work: what to do with each test instead of calling it.

    Raises:
        Refused: a test does not exist, cannot be loaded, or takes no cluster fixture; an option is bad.
        Stopped: Ctrl-C was pressed.
        InternalError: pytest or the plugin broke.
    """
    session = _Session(listener, single, work)
    # What the project's own settings may say about workers, failures and time does not apply here.
    arguments = [*tests, "-n0", "--maxfail=0", "--timeout=0", *options]
    if not any(entry.value == PLUGIN for entry in importlib.metadata.entry_points(group="pytest11")):
        arguments += ["-p", PLUGIN]
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors):
        code = int(pytest.main(arguments, plugins=[session]))
    if session.trouble:
        raise Refused(session.trouble[0])
    if session.error is not None:
        raise session.error
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        raise Refused(f"no tests found in {', '.join(tests)}")
    if code == pytest.ExitCode.USAGE_ERROR:
        lines = [line.removeprefix("ERROR: ").strip() for line in errors.getvalue().splitlines()]
        raise Refused(_as_typed(next((line for line in lines if line), "pytest refused these arguments")))
    if code == pytest.ExitCode.INTERNAL_ERROR:
        raise InternalError(f"pytest broke down: {errors.getvalue().strip()[-2000:] or 'run the tests with pytest to see why'}")
    if code == pytest.ExitCode.INTERRUPTED:
        partial = session.under_way()
        raise Stopped([*session.results, *([] if partial is None else [partial])])
    return session.results
