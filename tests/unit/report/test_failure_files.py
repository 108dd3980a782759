"""The files of a failure, and how much is made for them in the time that there is."""

from __future__ import annotations

import functools
import itertools
import time
from pathlib import Path
from typing import Any

import pytest

from harness.explore.result import Failure
from harness.explore.shrink import BUDGET
from harness.explore.tokens import Schedule
from harness.report.document import FailureDocument, read
from harness.report.failure_files import failure_document, stem_of, write_failure
from harness.runs import Plan, Run
from tests.browser import toys


@pytest.fixture(scope="module")
def failing() -> Run:
    return toys.failing_run()


def test_failure_is_shrunk_and_explained() -> None:
    """With a way to run the test, the shrunk run and the nearest passing one stand beside it, with their decisive pair."""
    document = toys.explained()
    assert document.shrunk is not None
    assert document.passing is not None
    assert document.shrunk.failed
    assert not document.passing.failed
    assert document.shrunk.pair is not None
    first, second = (document.shrunk.records[step] for step in document.shrunk.pair)
    assert "decisive" in first.marks
    assert "decisive" in second.marks
    assert first.process == second.process
    assert document.explanation[0].startswith("AssertionError")
    assert len(document.shrunk.deviations) < len(document.failing.deviations)


def test_nothing_is_made_without_a_way_to_run_the_test(failing: Run) -> None:
    """Then the reason stands there."""
    document = failure_document(failing, test="t", remark="It has fixtures of its own.")
    assert (document.shrunk, document.passing, document.remark) == (None, None, "It has fixtures of its own.")


def _make(made: list[Schedule], schedule: Schedule) -> Run:
    made.append(schedule)
    return Plan(toys.each_orders_once).run(schedule)


def test_shrinking_is_given_up_when_it_takes_too_long(failing: Run) -> None:
    """No run is begun after the time is over, and the document says so."""
    clock = itertools.count()
    made: list[Schedule] = []
    make = functools.partial(_make, made)
    document = failure_document(failing, test="t", make=make, now=lambda: float(next(clock)), seconds=5)
    assert len(made) < 5
    assert document.remark.startswith("Explaining was given up after 5 s; 'harness explain ")
    assert document.failing.failed
    assert (document.shrunk, document.passing) == (None, None)


def test_passing_run_is_found_without_explaining(failing: Run) -> None:
    """When the time is over after shrinking, the run with one deviation less stands beside the shrunk one."""
    made: list[Schedule] = []
    make = functools.partial(_make, made)
    failure = Failure(failing.schedule, lambda _: failing, failing, make)
    failure.shrink(BUDGET)
    # The time is over with the first run after those that timing and shrinking take.
    enough = len(made) + 3
    made.clear()
    document = failure_document(failing, test="t", make=make, now=lambda: 0.0 if len(made) <= enough else 99.0, seconds=50)
    assert document.explanation == ()
    assert document.remark.startswith("Explaining was given up")
    assert document.shrunk is not None
    assert document.passing is not None
    assert not document.passing.failed
    assert len(document.passing.deviations) < len(document.shrunk.deviations)


@pytest.mark.parametrize(
    ("slow", "allowed"), [((0.001, 0.001, 0.001), 2500), ((0.01, 0.001, 0.05), 2500), ((0.005,) * 3, 500), ((0.2,), 60)]
)
def test_how_fast_the_machine_is_shows_in_large_steps_only(failing: Run, slow: tuple[float, ...], allowed: int) -> None:
    """A hiccup while a run is timed takes nothing from shrinking; a slow test gets a budget that fits the time."""
    elapsed = 0.0
    waits = iter(slow)

    def make(schedule: Schedule) -> Run:
        nonlocal elapsed
        elapsed += next(waits, 0.0)
        return Plan(toys.each_orders_once).run(schedule)

    document = failure_document(failing, test="t", make=make, now=lambda: elapsed)
    assert f" of {allowed} runs allowed" in "\n".join(document.explanation)


def test_very_long_run_is_not_made_again(failing: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would take longer than anybody waits."""
    monkeypatch.setattr("harness.report.failure_files.MOST_STEPS", 5)
    document = failure_document(failing, test="t", make=Plan(toys.each_orders_once).run, now=time.perf_counter)
    assert document.passing is None
    assert document.remark.startswith(f"A run of {failing.steps} events takes too long")


def test_what_goes_wrong_while_explaining_is_told(failing: Run) -> None:
    """The failure itself is documented all the same."""

    def make(schedule: Schedule) -> Any:
        raise OSError("the disk is gone")

    document = failure_document(failing, test="t", make=make, now=time.perf_counter)
    assert document.remark.endswith("OSError: the disk is gone")
    assert document.failing.failed


def test_three_files(failing: Run, tmp_path: Path) -> None:
    """Text, page and document, named after the test; the folder is made."""
    document = failure_document(failing, test="t.py::test_x[a/b]", remark="no")
    paths = write_failure(tmp_path / "new" / "folder", "t.py::test_x[a/b]", "t.py::test_x[a/b]\n\nreport\n", document)
    assert [path.name for path in paths] == [f"{stem_of('t.py::test_x[a/b]')}.{ending}" for ending in ("txt", "html", "json")]
    assert sorted(path.name for path in paths[0].parent.iterdir()) == sorted(path.name for path in paths)
    assert paths[0].read_text("utf-8") == "t.py::test_x[a/b]\n\nreport\n"
    assert paths[1].read_text("utf-8").startswith("<!doctype html>")
    assert read(paths[2]) == document


def test_explanation_is_added_to_the_text(failing: Run, tmp_path: Path) -> None:
    """Who reads the text only is told why as well."""
    document = failure_document(failing, test="t", remark="no")
    told = FailureDocument(failing=document.failing, explanation=("one reason", "  - another"))
    (text, _, _) = write_failure(tmp_path, "t", "t\n\nreport\n", told)
    assert text.read_text("utf-8") == "t\n\nreport\n\nwhy:\n  one reason\n    - another\n"


def test_different_tests_have_different_files() -> None:
    """Also where only characters differ that no file name can have; the name stays short."""
    names = {stem_of(nodeid) for nodeid in ("t.py::x[a/b]", "t.py::x[a-b]", "t.py::x[a:b]", f"t.py::x[{'y' * 500}]")}
    assert len(names) == 4
    assert all(len(name) < 140 and "/" not in name for name in names)
