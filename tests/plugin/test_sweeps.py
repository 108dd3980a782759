"""One test under many seeds, as one item."""

from __future__ import annotations

import re

import pytest

from tests.plugin.conftest import INSTALLED, Runner


def test_sweep_reports_rate_and_lowest_seed(run: Runner) -> None:
    """A sweep is one item; its failure shows how many seeds failed, the lowest one in full, and how to replay it."""
    result = run("--cluster-seeds=100")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *arrived as [[]2, 1]*",
            "E *of 100 seeds failed: * % (95 % interval * to *); lowest failing: 2, *",
            "*- cluster seeds -*",
            "*- cluster choices -*",
            "*- cluster timeline -*",
            "*Ping(n=2)*",
            "*- cluster replay -*",
            "seed 2, strategy random, digest *",
            "pytest test_it.py::test_race --cluster-seed=2",
            "2 tests, 200 seeds*: 1 failed under some",
            "test_it.py::test_race: * of 100 seeds failed*lowest failing seed 2",
        ]
    )


def test_replay_command_replays(run: Runner) -> None:
    """The printed command fails in the same way with the same digest."""
    swept, again = run("--cluster-seeds=100"), run("test_it.py::test_race", "--cluster-seed=2")
    again.assert_outcomes(failed=1)
    digests = [re.findall("digest ([0-9a-f]+)", result.stdout.str()) for result in (swept, again)]
    assert digests[0] == digests[1]
    assert digests[0]


def test_seeds_begin_where_asked(run: Runner) -> None:
    """``--cluster-seed`` with ``--cluster-seeds`` is the seed to begin with."""
    run("--cluster-seeds=1", "--cluster-seed=2").assert_outcomes(failed=1, passed=1)
    run("--cluster-seeds=2", "--cluster-seed=0").assert_outcomes(passed=2)


def test_shards_share_the_seeds(run: Runner) -> None:
    """The shards of a sweep together fail for exactly the seeds of the whole."""

    def failed(*arguments: str) -> int:
        found = re.search(r"test_race: (\d+) of (\d+) seeds", run("--cluster-seeds=60", *arguments).stdout.str())
        assert found is not None
        return int(found[1])

    assert failed() == sum(failed(f"--cluster-shard={index}/3") for index in (1, 2, 3))


def test_fixtures_are_fresh_for_every_seed(project: pytest.Pytester, run: Runner) -> None:
    """Users' own fixtures are set up and torn down for each seed, wider ones only once, and test classes are new."""
    project.makepyfile(
        test_it="""
        import pytest

        made, ended, modules = [], [], []

        @pytest.fixture(scope="module")
        def wide():
            modules.append(1)
            return modules

        @pytest.fixture
        def mine(world, seed):
            assert world.seed == seed
            made.append(seed)
            yield world
            ended.append(seed)

        class TestIt:
            @pytest.mark.cluster(seeds=5)
            def test_slow(self, mine, world, wide, tmp_path):
                assert mine is world
                assert not hasattr(self, "seen")
                assert not list(tmp_path.iterdir())
                tmp_path.joinpath("x").touch()
                self.seen = True

            @pytest.mark.cluster(seeds=5)
            @pytest.mark.parametrize("x", [1, 2])
            def test_fast(self, world, wide, x):
                assert not hasattr(self, "seen")
                self.seen = x

        def test_after():
            assert made == ended == [0, 1, 2, 3, 4]
            assert modules == [1]
        """
    )
    run().assert_outcomes(passed=4)


def test_overridden_fixture_is_respected(project: pytest.Pytester, run: Runner) -> None:
    """A project's own fixture of the same name, or a parameter, takes the place of ours."""
    project.makepyfile(
        test_it="""
        import pytest

        @pytest.fixture
        def world(world):
            world.mine = True
            return world

        def test_override(world):
            assert world.mine

        @pytest.mark.parametrize("seed", ["sun", "flower"])
        def test_parameter(seed, clock):
            assert seed in ("sun", "flower")
        """
    )
    run("--cluster-seeds=3").assert_outcomes(passed=3)


def test_failing_fixture_fails_the_seed(project: pytest.Pytester, run: Runner) -> None:
    """A user's fixture that raises under one seed makes the sweep fail with that seed."""
    project.makepyfile(
        test_it="""
        import pytest

        @pytest.fixture
        def mine(seed):
            if seed == 3:
                raise OSError("no disk")

        def test_it(mine, world):
            pass
        """
    )
    result = run("--cluster-seeds=5")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E * OSError: no disk", "*1 of 5 seeds failed*", "*--cluster-seed=3"])


def test_skip_and_xfail_are_no_failures(project: pytest.Pytester, run: Runner) -> None:
    """Skipping inside a sweep skips the item; an expected failure stays expected."""
    project.makepyfile(
        test_it="""
        import pytest
        from toys import orderly

        def test_skip(world):
            pytest.skip("not today")

        @pytest.mark.xfail(reason="a race")
        def test_xfail(world):
            orderly(world)
        """
    )
    run("--cluster-seeds=10").assert_outcomes(skipped=1, xfailed=1)


def test_budget_ends_a_sweep(project: pytest.Pytester, run: Runner) -> None:
    """A sweep whose real time is up ends and says so."""
    result = run("--cluster-seeds=1000000", "--cluster-budget=0.2s", "-k", "patient")
    result.assert_outcomes(passed=1, deselected=1)
    result.stdout.fnmatch_lines(["1 ended before all seeds were run: --cluster-budget"])


def test_determinism_check_finds_a_leak(project: pytest.Pytester, run: Runner) -> None:
    """A test that keeps state between runs is found out by running each seed twice."""
    project.makepyfile(
        test_it="""
        from toys import patient

        kept = []

        def test_leak(world):
            kept.append(1)
            if len(kept) > 1:
                patient(world)

        def test_clean(world):
            patient(world)
        """
    )
    result = run("--cluster-check-determinism")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["E *NondeterminismError: the same choices gave another run when it was made again *"])


def test_last_reruns_the_failing_seeds(project: pytest.Pytester, run: Runner) -> None:
    """``--cluster-seed=last`` runs each test under the seeds that failed, and forgets them when they pass."""
    run("--cluster-seeds=30").assert_outcomes(passed=1, failed=1)
    result = run("--cluster-seed=last")
    result.assert_outcomes(passed=1, failed=1)
    # They were chosen because they fail, so there is no rate to tell.
    found = re.search(r"test_race: (\d+) of (\d+) remembered seeds still fail, lowest", result.stdout.str())
    assert found is not None
    assert found[1] == found[2]
    project.makepyfile(test_it="def test_race(world):\n    pass\n")
    run("--cluster-seed=last").stdout.fnmatch_lines([f"*: none of {found[1]} remembered seeds fails any more"])


def test_workers_split_the_seeds(run: Runner) -> None:
    """With -n 2 each test becomes two items with ids that name their seeds; together they find what one process finds."""
    alone = run("--cluster-seeds=100")
    both = run("--cluster-seeds=100", "-n", "2", "-v")
    both.assert_outcomes(passed=2, failed=2)
    both.stdout.fnmatch_lines_random(["*test_race[[]seeds 0-49]*", "*test_race[[]seeds 50-99]*"])
    rates = [re.findall(r"test_it.py::test_race: (.*)", result.stdout.str()) for result in (alone, both)]
    assert rates[0] == rates[1]
    both.stdout.fnmatch_lines(["pytest test_it.py::test_race --cluster-seed=2"])


def test_workers_never_run_a_seed_twice(project: pytest.Pytester, run: Runner) -> None:
    """Whatever kind of test it is, the workers together run each seed exactly once, as many as there are."""
    project.makepyfile(
        test_it="""
        import os
        import unittest

        import pytest

        def note(kind, seed):
            with open(f"{kind}-{seed}-{os.getpid()}", "x"):
                pass

        def test_fast(seed):
            note("fast", seed)

        @pytest.fixture
        def mine(seed):
            return seed

        def test_slow(mine):
            note("slow", mine)

        @pytest.mark.cluster(seeds=3)
        def test_few(seed):
            note("few", seed)

        class TestIt(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def _take(self, seed):
                self.seed = seed

            def test_case(self):
                note("case", self.seed)
        """
    )
    run("--cluster-shard=1/2", "-n", "3", "--rootdir=.", "-o", "cluster_seeds=46")
    ran = [path.name.rpartition("-")[0] for path in project.path.glob("*-*-*") if path.name[0] in "fsc"]
    wanted = [f"{kind}-{seed}" for kind in ("fast", "slow", "case") for seed in range(0, 46, 2)] + ["few-0", "few-2"]
    assert sorted(ran) == sorted(wanted)


def test_sweeps_can_be_turned_off_by_blocking_the_plugin(project: pytest.Pytester) -> None:
    """``-p no:`` switches the plugin off like any other."""
    project.makepyfile(test_it="def test_plain():\n    pass\n")
    name = "cluster_harness" if INSTALLED else "harness_fixtures.plugin"
    result = project.runpytest("-p", f"no:{name}")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("cluster-harness:*")
