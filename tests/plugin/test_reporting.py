"""What a failure shows and leaves behind."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Runner

CLEAN_UP = """
    from harness.errors import ExpectationError

    class Never:
        def verify_at_end(self):
            return [ExpectationError("add_slave was called twice, expected exactly once")]

        def describe_pending(self):
            return []

    def test_clean_up(world):
        world.add_check(Never())

    def test_body(world):
        world.add_check(Never())
        assert not "the body"
"""


def test_finding_of_the_clean_up_fails_the_test(project: pytest.Pytester, run: Runner) -> None:
    """What verification finds is a FAILED test, with its message in the summary, and no ERROR at teardown."""
    project.makepyfile(test_it=CLEAN_UP)
    result = run("-k", "clean_up")
    result.assert_outcomes(failed=1, deselected=1)
    result.stdout.fnmatch_lines(
        [
            "E *ExpectationError: add_slave was called twice, expected exactly once",
            "FAILED test_it.py::test_clean_up - *ExpectationError: add_slave*",
        ]
    )
    result.stdout.no_fnmatch_line("*harness/simulation*")
    result.stdout.no_fnmatch_line("*entries are hidden*")


def test_findings_after_a_failed_body_are_notes(project: pytest.Pytester, run: Runner) -> None:
    """A test that failed already keeps its own error; the findings are added to it."""
    project.makepyfile(test_it=CLEAN_UP)
    result = run("-k", "body")
    result.assert_outcomes(failed=1, deselected=1)
    result.stdout.fnmatch_lines(["E *assert not 'the body'", "E * add_slave was called twice, expected exactly once"])


def test_traceback_shows_the_users_frames_only(project: pytest.Pytester, run: Runner) -> None:
    """An error raised deep inside points at the line of the test that waited."""
    project.makepyfile(
        test_it="""
        def test_wait(world):
            world.wait(world.promise("the impossible").future)
        """
    )
    result = run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([">       world.wait(world.promise(*", "E *DeadlockError: waiting for the impossible*"])
    result.stdout.no_fnmatch_line("*world.py:*")
    run("--full-trace").stdout.fnmatch_lines(["*world.py:*"])


def test_error_of_a_handler_shows_the_handler(project: pytest.Pytester, run: Runner) -> None:
    """An exception in a handler is shown with the handler's own lines."""
    project.makepyfile(
        test_it="""
        from toys import clumsy

        def test_clumsy(world):
            clumsy(world)
        """
    )
    run().stdout.fnmatch_lines(
        ['>       raise ZeroDivisionError("clumsy")', "E *ZeroDivisionError: clumsy", "E *ProcessError: *"]
    )


def test_replay_command_comes_last_and_is_quoted(project: pytest.Pytester, run: Runner) -> None:
    """The command that replays a failure is the last thing under it, quoted for the shell, and names the strategy."""
    project.makepyfile(
        test_it="""
        import pytest

        @pytest.mark.parametrize("name", ["a b"])
        def test_named(world, name):
            assert False
        """
    )
    lines = run("--cluster-seed=7", "--cluster-strategy=prompt").outlines
    at = lines.index("pytest 'test_it.py::test_named[a b]' --cluster-seed=7 --cluster-strategy=prompt")
    assert lines[at + 1].startswith("====")


def test_replay_command_survives_terse_output(run: Runner) -> None:
    """Where pytest prints no tracebacks, the commands are listed at the end."""
    run("--cluster-seed=2", "--tb=no").stdout.fnmatch_lines(["pytest test_it.py::test_race --cluster-seed=2"])


def test_report_files(project: pytest.Pytester, run: Runner) -> None:
    """``--cluster-report`` leaves a text file for each failure, and more beside it."""
    run("--cluster-seeds=5", "--cluster-report=out").assert_outcomes(failed=1, passed=1)
    (path,) = project.path.joinpath("out").glob("*.txt")
    text = path.read_text("utf-8")
    assert "seed 2, strategy random: FAILED" in text
    assert "ch1-random-2" in text


def test_junit_properties(project: pytest.Pytester, run: Runner) -> None:
    """The junit file has seed and replay command of a failure."""
    run("--cluster-seed=2", "--junit-xml=junit.xml")
    text = project.path.joinpath("junit.xml").read_text("utf-8")
    assert 'name="cluster_seed" value="2"' in text
    assert 'name="cluster_replay" value="pytest test_it.py::test_race --cluster-seed=2"' in text


def test_works_without_the_cache(run: Runner) -> None:
    """Nothing breaks when pytest's cache is switched off."""
    run("-p", "no:cacheprovider", "--cluster-seed=last").assert_outcomes(passed=1, failed=1)
