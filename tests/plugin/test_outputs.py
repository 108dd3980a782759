"""What tests print under many seeds: a failure shows the output of its own run."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Runner

TALKING = """
    import os
    import sys

    import pytest

    @pytest.fixture
    def own(seed):
        print("set up for", seed)
        yield
        print("torn down after", seed)

    def test_fast(seed):
        print("out of", seed)
        print("err of", seed, file=sys.stderr)
        assert seed % 5 != 3

    def test_slow(seed, own):
        print("out of", seed)
        assert seed % 5 != 3

    def test_read_by_itself(seed, capsys):
        print("out of", seed)
        assert capsys.readouterr().out == f"out of {seed}\\n"
        print("late of", seed)
        assert seed % 5 != 3

    def test_fine(seed):
        os.write(1, f"out of {seed}\\n".encode())
"""


def _said(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith(("out of", "err of", "late of", "set up", "torn down"))]


@pytest.mark.parametrize("capture", ["fd", "sys"])
def test_failure_shows_the_output_of_the_lowest_failing_seed_alone(project: pytest.Pytester, run: Runner, capture: str) -> None:
    """Neither runs that passed nor those that were made again to confirm the failure are in the captured output."""
    project.makepyfile(test_it=TALKING)
    result = run("--cluster-seeds=20", "-k", "fast", f"--capture={capture}")
    result.assert_outcomes(failed=1)
    assert _said(result.outlines) == ["out of 3", "err of 3"]


def test_output_of_fixtures_belongs_to_the_run_of_their_seed(project: pytest.Pytester, run: Runner) -> None:
    """What a fixture of the user's prints around a later seed's run is shown with it; pytest itself set up the first."""
    project.makepyfile(test_it=TALKING)
    result = run("--cluster-seeds=20", "-k", "slow")
    assert _said(result.outlines) == ["set up for 0", "set up for 3", "out of 3", "torn down after 3"]


def test_what_a_test_has_read_itself_is_gone(project: pytest.Pytester, run: Runner) -> None:
    """A test with capsys reads its own output under each seed, and the failure shows what it had not read."""
    project.makepyfile(test_it=TALKING)
    result = run("--cluster-seeds=20", "-k", "itself")
    result.assert_outcomes(failed=1)
    assert _said(result.outlines) == ["late of 3"]


def test_passing_sweep_leaves_the_output_of_one_run(project: pytest.Pytester, run: Runner) -> None:
    """With -rP the output is that of the last run, also what was written past Python's streams."""
    project.makepyfile(test_it=TALKING)
    result = run("--cluster-seeds=20", "-k", "fine", "-rP")
    result.assert_outcomes(passed=1)
    assert _said(result.outlines) == ["out of 19"]


def test_nothing_is_held_back_where_nothing_is_captured(project: pytest.Pytester, run: Runner) -> None:
    """With -s each run's output goes to the terminal, once."""
    project.makepyfile(test_it=TALKING)
    result = run("--cluster-seeds=4", "-k", "fast", "-s")
    assert [line[-len("out of 0") :] for line in result.outlines if "out of " in line and "print" not in line] == [
        f"out of {seed}" for seed in range(4)
    ]
