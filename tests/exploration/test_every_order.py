"""The bounded search against full enumeration, on programs small enough to be run in every order."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from benchmarks.bug_programs import test_of as program
from harness.explore.bounded import Search
from harness.explore.fingerprint import fingerprint
from harness.explore.tokens import Schedule
from harness.proving import prove
from harness.runs import Plan, Run
from harness.simulation.choices import Choice
from harness.simulation.event_kernel import Event
from harness.simulation.strategies import Recorded

Classes = dict[str, bool]
"""Happens-before class -> whether its runs fail."""


class _Path:
    """Takes given branches and then always the first; remembers how many there were."""

    name = "path"
    picks_events = True

    def __init__(self, branches: Sequence[int]) -> None:
        self.branches = branches
        self.widths: list[int] = []

    def start(self, seed: int) -> None:
        """Nothing to do."""

    def choose(self, site: str, entity: str, occurrence: int, bound: int) -> int:
        """There are no other choices in these programs."""
        return 0

    def pick(self, events: Sequence[Event]) -> int:
        """The branch that is given for this place."""
        place = len(self.widths)
        self.widths.append(len(events))
        return self.branches[place] if place < len(self.branches) else 0


def _enumerate(plan: Plan) -> tuple[int, Classes]:
    """Run every schedule there is, depth first; how many, and their classes."""
    classes: Classes = {}
    branches: list[int] = []
    schedules = 0
    while True:
        path = _Path(branches)
        run = plan.run(Schedule(0, path))
        schedules += 1
        _note(classes, run)
        taken = [*branches, *([0] * len(path.widths))][: len(path.widths)]
        while taken and taken[-1] + 1 >= path.widths[len(taken) - 1]:
            taken.pop()
        if not taken:
            return schedules, classes
        taken[-1] += 1
        branches = taken


def _note(classes: Classes, run: Run) -> None:
    name = fingerprint(run.trace)
    failed = run.error is not None
    # A class is one behaviour: all its runs fail, or none.
    assert classes.setdefault(name, failed) == failed


def _search(plan: Plan, deviations: int, prune: bool) -> tuple[int, Classes]:
    """The same by deviations, failing runs continued like others."""
    classes: Classes = {}

    def rerun(choices: Sequence[Choice]) -> Run:
        run = plan.run(Schedule(0, Recorded(choices, True)))
        _note(classes, run)
        return run

    search = Search(rerun, prune=prune, stop_on_failure=False, beyond_failures=True)
    nodes = search.begin().nodes
    for depth in range(1, deviations + 1):
        search.found.nodes = []
        nodes = search.continue_all(nodes, depth == deviations).nodes
    return search.found.runs, classes


@pytest.mark.parametrize(
    ("name", "schedules", "failing", "deviations"),
    [("lost_update", 6, 4, 2), ("aba", 6, 1, 2), ("stringbuffer", 14, 1, 2), ("bluetooth", 30, 3, 3), ("twostage", 22, 2, 3)],
)
def test_enough_deviations_are_every_order(name: str, schedules: int, failing: int, deviations: int) -> None:
    """With enough deviations the search sees what running every schedule sees, pruned or not.

    The figures can be counted by hand: two threads of m and n steps have (m + n)! / m! n! orders, less those that a failed
    check cuts short.
    """
    plan = Plan(program(name, False))
    count, everything = _enumerate(plan)
    assert (count, len(everything), sum(everything.values())) == (schedules, schedules, failing)
    for prune in (True, False):
        _, classes = _search(plan, deviations, prune)
        assert classes == everything


@pytest.mark.parametrize("deviations", [1, 2])
@pytest.mark.parametrize("name", ["lost_update", "account", "twostage", "aba", "bluetooth", "stringbuffer"])
def test_pruned_and_unpruned_agree(name: str, deviations: int) -> None:
    """The same verdict and the same failing classes, with failing runs continued."""
    plan = Plan(program(name, False))
    pruned_runs, pruned = _search(plan, deviations, prune=True)
    runs, whole = _search(plan, deviations, prune=False)
    assert pruned_runs <= runs
    assert {key for key, failed in pruned.items() if failed} == {key for key, failed in whole.items() if failed}


@pytest.mark.parametrize(
    ("name", "needed"),
    [("lost_update", 0), ("aba", 0), ("bluetooth", 1), ("stringbuffer", 1), ("twostage", 1), ("token_ring", 1)],
)
def test_programs_are_refuted_with_as_many_deviations_as_it_takes(name: str, needed: int) -> None:
    """Each bug is found with so many deviations, and with fewer there is none."""
    if needed:
        proof = prove(program(name, False), max_deviations=needed - 1)
        assert proof.exhausted
        assert not proof.failures
    proof = prove(program(name, False), max_deviations=needed)
    assert len(proof.failures[0].deviations) == needed
