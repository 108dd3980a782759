"""The fixtures themselves, and what loading them costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugin.conftest import PLUGIN, Runner


def test_fixtures_are_views_on_one_run(project: pytest.Pytester, run: Runner) -> None:
    """All fixtures of a test belong to one world."""
    project.makepyfile(
        test_it="""
        def test_one(world, clock, messages, network, seed):
            assert clock is world.clock
            assert messages is world.messages
            assert network is world.network
            assert world.seed == seed

        def test_cluster(cluster, world, clock, allocator):
            assert cluster.clock is clock
            assert cluster.network is world.network
            assert type(allocator).__name__ == "MockAllocator"
        """
    )
    run().assert_outcomes(passed=2)


def test_wall_clock_follows_the_virtual_one(project: pytest.Pytester, run: Runner) -> None:
    """With ``wall_clock`` the standard library's time is the virtual time, under one seed and under many, and only then."""
    project.makepyfile(
        test_it="""
        import datetime
        import time

        import pytest

        def now():
            return datetime.datetime.now(datetime.UTC)

        @pytest.fixture
        def slow(wall_clock):
            return wall_clock

        def test_wall(world, wall_clock, clock):
            assert now() == clock.now == wall_clock.now
            began = time.time()
            clock.advance("90secs")
            assert now() == clock.now == wall_clock.now
            assert time.time() - began == 90

        def test_slow(slow, clock):
            clock.advance("90secs")
            assert now() == clock.now
            assert clock.elapsed.total_seconds() == 90

        def test_off(clock):
            clock.advance("90secs")
            assert now() != clock.now
        """
    )
    run().assert_outcomes(passed=3)
    run("--cluster-seeds=4").assert_outcomes(passed=3)


def test_expect_patches_for_the_length_of_a_run(project: pytest.Pytester, run: Runner) -> None:
    """``expect`` works on any object, counts afresh under every seed, and leaves nothing patched."""
    project.makepyfile(
        test_it="""
        class Thing:
            def go(self, n):
                return n + 1

        thing = Thing()

        def test_met(expect, world):
            expect(thing).go(3).once()
            assert thing.go(3) == 4

        def test_unmet(expect, world):
            expect(thing).go(3).once()

        def test_clean():
            assert "go" not in vars(thing)
        """
    )
    for arguments in ((), ("--cluster-seeds=3",)):
        result = run(*arguments)
        result.assert_outcomes(passed=2, failed=1)
        result.stdout.fnmatch_lines(["E *ExpectationError*go*"])


def test_expect_shares_the_tests_mocker(project: pytest.Pytester, run: Runner) -> None:
    """A test that uses ``mocker`` as well has both undone together."""
    project.makepyfile(
        test_it="""
        import os

        class Thing:
            def go(self):
                return 1

        thing = Thing()

        def test_both(mocker, expect):
            mocker.patch.object(os, "getcwd", return_value="/here")
            expect(thing).go().at_least_once()
            assert (os.getcwd(), thing.go()) == ("/here", 1)

        def test_clean():
            assert os.getcwd() != "/here"
            assert "go" not in vars(thing)
        """
    )
    run("--cluster-seeds=2").assert_outcomes(passed=2)


def test_loading_the_plugin_loads_nothing_else(project: pytest.Pytester) -> None:
    """A session that uses none of the fixtures imports no part of the harness, and no freezegun."""
    project.makepyfile(
        test_it="""
        import sys

        def test_plain():
            ours = ("harness", "freezegun", "click", "rich", "msgspec")
            loaded = [name for name in sys.modules if name.partition(".")[0] in ours]
            assert loaded == []
        """
    )
    project.runpytest_subprocess(*PLUGIN, "-p", "no:xdist").assert_outcomes(passed=1)


def test_loading_the_plugin_is_quick(importable: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing the compiled plugin beside pytest takes less than 20 ms, by the interpreter's own account."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "")
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path))
    code = "import pytest, harness_fixtures.plugin"
    quickest = None
    for _ in range(5):
        done = subprocess.run([sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=True)
        line = next(line for line in done.stderr.splitlines() if line.rstrip().endswith(" harness_fixtures.plugin"))
        microseconds = int(line.split("|")[1])
        quickest = microseconds if quickest is None else min(quickest, microseconds)
    assert quickest is not None
    assert quickest < 20_000
