"""Methods of ``unittest.TestCase``, which pytest runs in a way of its own."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Runner

CASES = """
    import unittest

    import pytest
    from toys import orderly, patient

    class TestIt(unittest.TestCase):
        set_up = []

        @pytest.fixture(autouse=True)
        def _take(self, world, expect, seed):
            self.world, self.expect, self.seed = world, expect, seed

        def setUp(self):
            assert not hasattr(self, "used")
            self.used = True
            self.set_up.append(self.seed)

        def test_race(self):
            orderly(self.world)

        def test_patient(self):
            patient(self.world)

        def test_unmet(self):
            class Thing:
                def go(self):
                    return 1

            self.expect(Thing()).go().once()

        def test_skip(self):
            self.skipTest("not today")

        @unittest.expectedFailure
        def test_known(self):
            raise AssertionError("known")

        def test_two_errors(self):
            self.addCleanup(self.fail, "the clean-up")
            raise AssertionError("the body")

    def test_fresh():
        assert TestIt.set_up[:1] != []
"""


@pytest.fixture
def cases(project: pytest.Pytester) -> None:
    """The project with a TestCase that takes our fixtures by an autouse fixture."""
    project.makepyfile(test_it=CASES)


def test_expectations_of_a_test_case_are_verified(cases: None, run: Runner) -> None:
    """What the clean-up finds fails a method of a TestCase as it fails a function, with the sections under it."""
    result = run("-k", "unmet")
    result.assert_outcomes(failed=1, deselected=6)
    result.stdout.fnmatch_lines(
        ["E *ExpectationError*go*", "*- cluster expectations -*", "UNMET*go()*", "pytest *test_unmet --cl*"]
    )
    result.stdout.no_fnmatch_line("*harness_fixtures*")


def test_one_seed(cases: None, run: Runner) -> None:
    """Passing, failing, skipped and expected failures come out as in any class."""
    run("--cluster-seed=2").assert_outcomes(passed=2, failed=3, skipped=1, xfailed=1)
    run("--cluster-seed=0", "-k", "race").assert_outcomes(passed=1, deselected=6)


def test_sweep_of_a_test_case(cases: None, run: Runner) -> None:
    """A method runs under all seeds with a new instance each, setUp and tearDown included, and fails for the same seeds."""
    result = run("--cluster-seeds=30")
    result.assert_outcomes(passed=2, failed=3, skipped=1, xfailed=1)
    result.stdout.fnmatch_lines(["test_it.py::TestIt::test_race: 11 of 30 seeds failed*lowest failing seed 2"])
    result.stdout.fnmatch_lines(["pytest test_it.py::TestIt::test_race --cluster-seed=2"])
    run("--cluster-seeds=30", "-n", "2", "-k", "race").stdout.fnmatch_lines(["*test_race: 11 of 30 seeds failed*"])


def test_later_errors_are_notes(cases: None, run: Runner) -> None:
    """An error of a clean-up does not hide the error of the test."""
    result = run("-k", "two_errors")
    result.assert_outcomes(failed=1, deselected=6)
    result.stdout.fnmatch_lines(["E *AssertionError: the body", "E *and then: AssertionError: the clean-up"])


@pytest.mark.skipif(pytest.version_tuple < (9,), reason="subtests came with pytest 9")
@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "workers"])
def test_failing_subtests_count_and_can_be_replayed(project: pytest.Pytester, run: Runner, options: tuple[str, ...]) -> None:
    """A failing subtest raises nothing, and yet its seed is counted, told under it with the command, and remembered."""
    project.makepyfile(
        test_it="""
        import unittest

        import pytest

        class TestParts(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def of_the_run(self, world, seed):
                self.seed = seed

            def test_of_a_case(self):
                for part in range(2):
                    with self.subTest(part=part):
                        assert part or self.seed % 4 != 3

        def test_of_a_function(world, seed, subtests):
            with subtests.test("part"):
                assert seed % 4 != 3
        """
    )
    result = run("--cluster-seeds=12", *options)
    for test in ("TestParts::test_of_a_case", "test_of_a_function"):
        result.stdout.fnmatch_lines_random(
            [
                f"test_it.py::{test}: 3 of 12 seeds failed: *, lowest failing seed 3",
                "seed 3, strategy random",
                f"pytest test_it.py::{test} --cluster-seed=3",
            ]
        )
    result = run("--cluster-seed=3")
    result.stdout.fnmatch_lines_random(["pytest test_it.py::TestParts::test_of_a_case --cluster-seed=3"])
    result = run("--cluster-seed=last", "-v")
    result.stdout.fnmatch_lines_random(["*SUBFAILED*test_of_a_case*", "*SUBFAILED*test_of_a_function*"])
