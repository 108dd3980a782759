"""Code that hangs in real time, and workers that die: the seed is never lost."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import PLUGIN, Runner

HANGING = """
    import os

    import pytest
    from harness import Process
    from toys import patient

    class Spin(Process):
        def initialize(self):
            self.delay("1ms", self.spin)
            self.delay("2ms", self.spin)

        def spin(self):
            while True:
                pass

    @pytest.mark.timeout(0.5)
    def test_hang(world, seed):
        patient(world)
        if seed >= 3:
            world.spawn(Spin("spin"))
            world.run_for("1secs")

    @pytest.mark.timeout(0.5)
    def test_hang_at_the_end(world):
        patient(world)
        world.add_check(Slow())

    class Slow:
        def verify_at_end(self):
            while True:
                pass

        def describe_pending(self):
            return []

    def test_die(world, seed):
        patient(world)
        if seed == 3:
            os._exit(3)
"""


@pytest.fixture
def hanging(project: pytest.Pytester) -> None:
    """The project with handlers that never return, and a test that ends its process."""
    project.makepyfile(test_it=HANGING)


def test_signal_method_fails_the_test(hanging: None, run: Runner) -> None:
    """A time-out fails the test with its seed and timeline; nothing more of the cluster is run, which would hang again."""
    result = run("--cluster-seed=5", "-k", "test_hang and not end")
    result.assert_outcomes(failed=1, deselected=2)
    result.stdout.fnmatch_lines(
        ["E *Timeout*", "*- cluster timeline -*", "*timer spin*", "pytest test_it.py::test_hang --cluster-seed=5"]
    )
    result.stdout.no_fnmatch_line("*kernel.py*")


def test_signal_method_ends_a_sweep(hanging: None, run: Runner) -> None:
    """A time-out ends the sweep, for there is no second timer; it says so, and names the seed."""
    result = run("--cluster-seeds=1000", "-k", "test_hang and not end")
    result.assert_outcomes(failed=1, deselected=2)
    result.stdout.fnmatch_lines(["*1 of 4 seeds failed*; ended by the time-out", "pytest test_it.py::test_hang --cluster-seed=3"])
    result.stdout.no_fnmatch_line("*--cluster-budget*")


def test_hang_of_the_clean_up(hanging: None, run: Runner) -> None:
    """A hang while the run is verified is a time-out of the test as well."""
    result = run("--cluster-seeds=3", "-k", "test_hang_at_the_end")
    result.assert_outcomes(failed=1, deselected=2)
    result.stdout.fnmatch_lines(["*1 of 1 seeds failed*; ended by the time-out", "*test_hang_at_the_end --cluster-seed=0"])


def test_thread_method_tells_the_run(hanging: None, project: pytest.Pytester) -> None:
    """Before the thread method ends the process, the run that hangs is printed: seed, timeline, how to replay it."""
    arguments = ("--cluster-seeds=9", "--timeout-method=thread", "-k", "test_hang and not end")
    result = project.runpytest_subprocess(*PLUGIN, *arguments)
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["*cluster: the run that hangs*", "*timer spin*", "pytest test_it.py::test_hang --cluster-seed=3"]
    )
    again = project.runpytest_subprocess(*PLUGIN, "--cluster-seed=last", "-k", "test_hang and not end")
    again.stdout.fnmatch_lines(["pytest test_it.py::test_hang --cluster-seed=3"])


def test_dead_worker_leaves_its_seed(hanging: None, run: Runner) -> None:
    """When a worker dies, the report of its test has the seed that was under way, and the sweep's numbers count it."""
    result = run("--cluster-seeds=10", "-n", "2", "-k", "test_die")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        [
            "the worker died during this run:",
            "pytest test_it.py::test_die --cluster-seed=3",
            "test_it.py::test_die: 1 of * seeds failed*lowest failing seed 3",
        ]
    )
