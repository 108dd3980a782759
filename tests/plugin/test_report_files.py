"""The files of ``--cluster-report``: what they are, what is in them, and what happens when they cannot be written."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.report.document import FailureDocument, read
from tests.plugin.conftest import PROJECT, Runner


@pytest.fixture(autouse=True)
def _time_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine explaining may take long; here it is given the time."""
    monkeypatch.setattr("harness_fixtures.files.SECONDS", 120.0)
    monkeypatch.setattr("harness_fixtures.files.IN_ALL", 1000.0)


def _document(folder: Path) -> FailureDocument:
    (path,) = folder.glob("*.json")
    document = read(path)
    assert isinstance(document, FailureDocument)
    return document


def _section(result: pytest.RunResult, title: str) -> list[str]:
    """The lines of a section of the report."""
    lines = result.outlines
    start = next(number for number, line in enumerate(lines) if f" {title} " in line and line.startswith("---"))
    end = next(number for number, line in enumerate(lines) if number > start and line.startswith(("---", "===")))
    return lines[start + 1 : end]


def test_text_page_and_document(project: pytest.Pytester, run: Runner) -> None:
    """All three are written and named in the report; the failure is shrunk and explained in page, document and text."""
    result = run("test_it.py::test_race", "--cluster-seeds=5", "--cluster-report=out")
    result.assert_outcomes(failed=1)
    named = _section(result, "cluster report")
    assert [Path(line).suffix for line in named] == [".txt", ".html", ".json"]
    assert {project.path / line for line in named} == set(project.path.joinpath("out").iterdir())
    document = _document(project.path / "out")
    assert document.failing.test == "test_it.py::test_race"
    assert document.failing.seed == 2
    assert document.failing.replay == "pytest test_it.py::test_race --cluster-seed=2"
    assert document.shrunk is not None
    assert document.passing is not None
    assert document.explanation
    page, text = (project.path.joinpath(line).read_text("utf-8") for line in (named[1], named[0]))
    assert "Why it fails" in page
    assert "pytest test_it.py::test_race --cluster-seed=2" in page
    assert f"\nwhy:\n  {document.explanation[0]}\n" in text


def test_failure_of_a_cluster(project: pytest.Pytester, run: Runner) -> None:
    """A test of a whole cluster fails alike when it is made again, and is explained."""
    example = PROJECT / "examples" / "mesos_ticket" / "test_single_framework.py"
    project.path.joinpath("test_ticket.py").write_text(example.read_text("utf-8"), "utf-8")
    result = run("test_ticket.py::test_strict", "--cluster-seed=18", "--cluster-report=out")
    result.assert_outcomes(failed=1)
    assert "not reproduced" not in result.stdout.str()
    document = _document(project.path / "out")
    assert document.failing.mesos_version
    assert document.passing is not None
    assert {"master@master", "slave(1)@agent1"} <= {process.address for process in document.failing.processes}
    assert document.failing.timers


def test_single_run_is_explained_as_well(project: pytest.Pytester, run: Runner) -> None:
    """A test that is not swept can be run again all the same."""
    run("test_it.py::test_race", "--cluster-seed=2", "--cluster-report=out").assert_outcomes(failed=1)
    assert _document(project.path / "out").passing is not None


def test_own_fixtures_are_not_set_up_again(project: pytest.Pytester, run: Runner) -> None:
    """Such a test is documented as it failed, with the reason why there is nothing beside it."""
    project.makepyfile(
        test_own="""
        import pytest
        from toys import orderly

        made = []

        @pytest.fixture
        def thing():
            made.append(1)
            print("made", len(made))
            return 1

        def test_race(world, thing):
            orderly(world)
        """
    )
    result = run("test_own.py", "--cluster-seed=2", "--cluster-report=out")
    result.assert_outcomes(failed=1)
    document = _document(project.path / "out")
    assert (document.shrunk, document.passing) == (None, None)
    assert "fixtures of its own" in document.remark
    assert "made 2" not in result.stdout.str()


def test_output_while_explaining_is_not_the_test_s(project: pytest.Pytester, run: Runner) -> None:
    """What the test prints when it is run again stands nowhere; what it printed when it failed stands there once."""
    project.makepyfile(
        test_loud="""
        from toys import orderly

        def test_loud(world):
            print("loud and clear")
            orderly(world)

        def test_after(world):
            print("quiet")
            assert False
        """
    )
    result = run("test_loud.py", "--cluster-seed=2", "--cluster-report=out")
    result.assert_outcomes(failed=2)
    assert sum(line == "loud and clear" for line in result.outlines) == 1


def test_passing_tests_leave_nothing(project: pytest.Pytester, run: Runner) -> None:
    """No failure, no file."""
    run("test_it.py::test_patient", "--cluster-report=out").assert_outcomes(passed=1)
    assert not list(project.path.joinpath("out").glob("*"))


def test_files_that_cannot_be_written(project: pytest.Pytester, run: Runner) -> None:
    """One line says so; the failure is shown, and the exit code is that of a failing test."""
    project.makeconftest(
        """
        import pytest

        @pytest.fixture(autouse=True, scope="session")
        def nobody_can_write():
            import pathlib, shutil
            yield_to = pathlib.Path("out")
            if yield_to.is_dir():
                shutil.rmtree(yield_to)
            yield_to.write_text("in the way")
        """
    )
    result = run("test_it.py::test_race", "--cluster-seed=2", "--cluster-report=out")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(failed=1)
    (line,) = _section(result, "cluster report")
    assert "cannot be written" in line
    result.stdout.fnmatch_lines(["*pytest test_it.py::test_race --cluster-seed=2"])


def test_time_standing_still_does_not_stop_the_explaining(project: pytest.Pytester, run: Runner) -> None:
    """With ``wall_clock`` the time of the test is virtual, that of the explaining real."""
    project.makepyfile(
        test_wall="""
        import time
        from toys import orderly

        def test_wall(world, wall_clock):
            before = time.time()
            orderly(world)
            assert time.time() - before < 100
        """
    )
    run("test_wall.py", "--cluster-seed=2", "--cluster-report=out").assert_outcomes(failed=1)
    assert _document(project.path / "out").shrunk is not None


def test_workers_write_their_own(project: pytest.Pytester, run: Runner) -> None:
    """Under xdist the worker that found a failure writes its files."""
    run("test_it.py", "-n1", "--cluster-seeds=5", "--cluster-report=out").assert_outcomes(failed=1, passed=1)
    assert len(list(project.path.joinpath("out").iterdir())) == 3


def test_many_failures_are_not_all_explained(project: pytest.Pytester, run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """When explaining has taken long enough in all, the rest is documented without."""
    monkeypatch.setattr("harness_fixtures.files.IN_ALL", 1.0)
    run("test_it.py::test_race", "--cluster-seed=2", "--cluster-report=out").assert_outcomes(failed=1)
    document = _document(project.path / "out")
    assert document.passing is None
    assert document.remark == "Explaining earlier failures took 1 s; run this test alone to have it explained."


def test_skip_under_another_schedule(project: pytest.Pytester, run: Runner) -> None:
    """A test that skips when it is run again ends the explaining, and nothing else."""
    project.makepyfile(
        test_moody="""
        import pytest
        from toys import orderly

        def test_moody(world):
            try:
                orderly(world)
            except AssertionError:
                raise
            pytest.skip("no race this time")
        """
    )
    result = run("test_moody.py", "--cluster-seed=2", "--cluster-report=out")
    result.assert_outcomes(failed=1)
    assert "ended with" in _document(project.path / "out").remark
