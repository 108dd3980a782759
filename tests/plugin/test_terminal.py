"""What the terminal shows of seeds, to a person and to a log."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

import pytest

from tests.plugin.conftest import PLUGIN, Runner


def on_a_terminal(folder: Path, *arguments: str) -> str:
    """The output of pytest with a terminal before it, control sequences and all."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        os.environ.update(TERM="xterm", COLUMNS="100")
        os.environ.pop("NO_COLOR", None)
        os.execv(sys.executable, [sys.executable, "-m", "pytest", *PLUGIN, *arguments])
    output = b""
    while True:
        try:
            got = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            got = b""
        if not got:
            break
        output += got
    os.close(terminal)
    os.waitpid(process, 0)
    return output.decode("utf-8")


def test_verbose_shows_seeds(run: Runner) -> None:
    """With -v each test shows its seed, or how many it ran under; the summary of failures stays as pytest writes it."""
    single = run("-v", "--cluster-seed=2")
    single.stdout.fnmatch_lines(["test_it.py::test_race FAILED (seed 2) *", "test_it.py::test_patient PASSED (seed 2) *"])
    single.stdout.fnmatch_lines(["FAILED test_it.py::test_race - *"])
    swept = run("-v", "--cluster-seeds=30", "-n", "2")
    swept.stdout.fnmatch_lines_random(
        ["*FAILED (* of 15 seeds) test_it.py::test_race*", "*PASSED (15 seeds) test_it.py::test_patient*"]
    )
    run("--cluster-seed=2").stdout.no_fnmatch_line("*(seed 2)*")


def test_verbose_summary_has_all_tests(run: Runner) -> None:
    """With -v the summary has the tests that passed as well, with what the number of seeds allows to say."""
    words = "test_it.py::test_patient: none of 30 seeds failed: with 95 % confidence fewer than 1 in 10 would"
    run("-v", "--cluster-seeds=30").stdout.fnmatch_lines([words])
    run("--cluster-seeds=30").stdout.no_fnmatch_line("*test_patient: none*")


def test_portfolio_names_the_fastest_strategy(run: Runner) -> None:
    """Under a portfolio the summary tells whose runs found the failure most often."""
    run("--cluster-seeds=60", "--cluster-strategy=portfolio").stdout.fnmatch_lines(
        ["test_it.py::test_race: * of 60 seeds failed: *, lowest failing seed *, fastest found by * (* of its *)"]
    )
    run("--cluster-seeds=60").stdout.no_fnmatch_line("*fastest found*")


def test_more_verbosity_more_timeline(project: pytest.Pytester, run: Runner) -> None:
    """An expectation's failure shows a short timeline, with -v a longer one, with -vv all of it."""
    project.makepyfile(
        test_it="""
        from harness import Process

        class Thing:
            def go(self):
                pass

        def test_unmet(world, expect):
            for number in range(60):
                world.spawn(Process(f"process{number}"))
            expect(Thing()).go().at_least(2)
        """
    )

    def lines(*arguments: str) -> int:
        return sum(1 for line in run("--cluster-seed=1", *arguments).outlines if "  process" in line)

    assert lines() < lines("-v") < lines("-vv")


def test_progress_on_a_terminal_only(project: pytest.Pytester, run: Runner) -> None:
    """A long sweep shows how far it is on a terminal, and takes the line away; a log and -q see nothing of it."""
    arguments = ("--cluster-seeds=1000000", "--cluster-budget=0.8s", "-k", "patient")
    shown = on_a_terminal(project.path, *arguments)
    assert " of 1000000 seeds, " in shown
    assert ", 0 failed, " in shown
    assert shown.count("\x1b8\x1b[K") == shown.count("\x1b7") > 0
    for quiet in (on_a_terminal(project.path, "-q", *arguments), run(*arguments).stdout.str()):
        assert " of 1000000 seeds" not in quiet


def test_expectations_section(project: pytest.Pytester, run: Runner) -> None:
    """When a test fails by itself, its expectations are listed: what was wanted, what came, where it was declared."""
    project.makepyfile(
        test_it="""
        class Thing:
            def go(self, n):
                return n

        def test_it(world, expect):
            thing = Thing()
            expect(thing).go(1).once()
            expect(thing).go(2).at_least_once()
            thing.go(1)
            assert not "this"
        """
    )
    run().stdout.fnmatch_lines(
        [
            "*- cluster choices -*",
            "*- cluster expectations -*",
            "UNMET      go(n=2)  wanted at least once  0 calls  test_it.py:8",
            "satisfied  go(n=1)  wanted exactly once   1 call   test_it.py:7",
            "*- cluster timeline -*",
            "*- cluster replay -*",
        ]
    )


def test_one_line_tracebacks_name_the_test(project: pytest.Pytester, run: Runner) -> None:
    """With --tb=line, what the clean-up found is placed at the test and not inside the machinery."""
    project.makepyfile(
        test_it="""
        class Thing:
            def go(self):
                pass

        def test_it(expect):
            expect(Thing()).go().once()
        """
    )
    run("--tb=line").stdout.fnmatch_lines(["*test_it.py:5: *ExpectationError: Thing.go was never called*"])


def test_rerun_by_another_plugin_is_told(project: pytest.Pytester, run: Runner) -> None:
    """A failure that another plugin reruns is listed with its command, also when it passes then; sweeps count once."""
    project.makepyfile(
        conftest="""
        from _pytest.runner import runtestprotocol

        def pytest_runtest_protocol(item, nextitem):
            item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
            for attempt in range(2):
                reports = runtestprotocol(item, nextitem=nextitem, log=False)
                again = attempt == 0 and any(report.failed for report in reports)
                for report in reports:
                    if again and report.failed:
                        report.outcome = "rerun"
                    item.ihook.pytest_runtest_logreport(report=report)
                if not again:
                    break
                item._initrequest()
            item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
            return True

        def pytest_report_teststatus(report):
            if report.outcome == "rerun":
                return "rerun", "R", ("RERUN", {"yellow": True})
        """,
        test_it="""
        from toys import orderly

        ran = []

        def test_always(world):
            orderly(world)

        def test_once(world, seed):
            ran.append(seed)
            assert len(ran) > 1
        """,
    )
    result = run("--cluster-seed=2", "-v")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        [
            "test_it.py::test_always failed and was rerun: pytest test_it.py::test_always --cluster-seed=2",
            "test_it.py::test_once failed and was rerun: pytest test_it.py::test_once --cluster-seed=2",
        ]
    )
    swept = run("--cluster-seeds=10")
    swept.stdout.fnmatch_lines(["test_it.py::test_always: 4 of 10 seeds failed*"])
