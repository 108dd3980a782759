"""Work in forked processes: order, errors, deaths."""

from __future__ import annotations

import os

import pytest

from harness.cli.forking import forked_map
from harness.errors import HarnessError, InternalError, MisuseError


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_results_come_in_order(jobs: int) -> None:
    """Whatever the number of processes, results have the order of the things; each is told once as it comes."""
    told: list[int] = []
    offset = 10
    assert list(forked_map(lambda thing: thing + offset, [1, 2, 3, 4], jobs, told.append)) == [11, 12, 13, 14]
    assert sorted(told) == [11, 12, 13, 14]


def test_nothing_to_do() -> None:
    """Without things no process is needed."""
    assert list(forked_map(lambda thing: thing, [], 2, lambda result: None)) == []


def test_work_happens_elsewhere() -> None:
    """No result is made in this process."""
    assert os.getpid() not in list(forked_map(lambda thing: os.getpid(), [1, 2, 3], 2, lambda result: None))


@pytest.mark.parametrize(("raised", "wanted"), [(MisuseError("wrong"), MisuseError), (KeyError("odd"), InternalError)])
def test_errors_come_over(raised: Exception, wanted: type[HarnessError]) -> None:
    """An error of ours arrives as it is, any other as a bug."""

    def work(thing: int) -> int:
        raise raised

    with pytest.raises(wanted):
        list(forked_map(work, [1, 2], 2, lambda result: None))


def test_death_is_told() -> None:
    """A process that dies says at which part, and what to do."""
    with pytest.raises(HarnessError, match="died at part 1 of the work; run with -j 1"):
        list(forked_map(lambda thing: os._exit(3), [1], 2, lambda result: None))


def test_giving_up_early_ends_the_processes() -> None:
    """Who has seen enough leaves no process behind."""
    results = forked_map(lambda thing: os.getpid(), list(range(100)), 2, lambda result: None)
    worker = next(results)
    results.close()  # type: ignore[attr-defined]
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)
