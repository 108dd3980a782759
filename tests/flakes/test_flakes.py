"""Twenty flaky tests of Mesos, each in a flaky form, found by a seed, and in a repaired form, clean under all.

The races are the model's own: each flaky form is what an author would write, and no delay, order or fault is put into it to
make it fail. Ids are those of the catalogue of Mesos's flaky tests. ``HARNESS_SCENARIO_SEEDS`` says how many seeds a repaired
form has to hold for (40 in CI, 500 in a sweep); the rate of a flaky form is measured over as many and printed.
"""

from __future__ import annotations

import os
from functools import cache

import pytest

from harness import ExpectationError, WaitTimeout, explore, replay
from harness.exploring import Exploration
from tests.flakes import allocating, registering, updating

SEEDS = int(os.environ.get("HARNESS_SCENARIO_SEEDS", "40"))
# A rare flake gets more seeds, until it shows.
MOST = 1000

# Id -> how the flaky form fails, and words of its error.
FLAKES = {
    "s01": (ExpectationError, "addSlave (add_slave) was called twice, expected exactly once"),
    "s02": (AssertionError, "registered with another id"),
    "s03": (AssertionError, "two answers, one agent"),
    "s04": (ExpectationError, "authorized was called twice, expected exactly once"),
    "s06": (AssertionError, "two chains of retries"),
    "s07": (WaitTimeout, "resource_offers"),
    "s08": (ExpectationError, "resourceOffers (resource_offers) was called twice, expected exactly once"),
    "s10": (WaitTimeout, "resource_offers"),
    "s11": (AssertionError, "given out in one run"),
    "s12": (ExpectationError, "resourceOffers (resource_offers) was called once, expected never"),
    "s13": (WaitTimeout, "next offers"),
    "s15": (ExpectationError, "called twice, expected exactly once"),
    "s17": (ExpectationError, "called twice, expected exactly once"),
    "s18": (ExpectationError, "called twice, expected exactly once"),
    "s20": (AssertionError, "the second task was first"),
    "s21": (AssertionError, "the agent has not noticed"),
    "s23": (AssertionError, "seen and not handled"),
    "s25": (WaitTimeout, "TASK_FINISHED"),
    "s28": (ExpectationError, "called once, expected never"),
    "s30": (ExpectationError, "offerRescinded (offer_rescinded) was never called"),
}
# The release in which the flaky form fails, where later ones were repaired themselves.
VERSIONS = {"s06": "1.1"}


def _form(flake, form):
    for module in (registering, allocating, updating):
        function = getattr(module, f"{flake}_{form}", None)
        if function is not None:
            return function
    raise LookupError(f"{flake}_{form}")


@cache
def _flaky(flake) -> Exploration:
    seeds, found = SEEDS, None
    while found is None or (not found.failures and seeds < MOST):
        found = explore(
            _form(flake, "flaky"),
            seeds=seeds,
            strategy="random",
            stop_on_failure=False,
            mesos_version=VERSIONS.get(flake, "1.11"),
        )
        seeds = min(MOST, seeds * 5)
    return found


@pytest.mark.parametrize("flake", FLAKES)
def test_the_flaky_form_fails_for_some_seed(flake, capsys):
    """In the way the catalogue tells, under every failing seed."""
    exploration = _flaky(flake)
    low, high = exploration.confidence_interval
    with capsys.disabled():
        print(
            f"\n  {flake}: {len(exploration.failures)} of {exploration.runs} seeds fail:"
            f" {exploration.failure_rate:.1%} ({low:.1%} to {high:.1%})",
            end="",
        )
    kind, words = FLAKES[flake]
    assert exploration.failures
    for failure in exploration.failures:
        assert isinstance(failure.error, kind), failure.report()
        assert words in str(failure.error), failure.report()


@pytest.mark.parametrize("flake", FLAKES)
def test_the_repaired_form_holds_for_every_seed(flake):
    """And fails under none."""
    exploration = explore(_form(flake, "repaired"), seeds=SEEDS, strategy="random")
    assert exploration.runs == SEEDS
    assert not exploration.failures, exploration.report()


@pytest.mark.parametrize("flake", FLAKES)
def test_the_first_failing_seed_replays(flake):
    """The same error and the same digest."""
    failure = _flaky(flake).failures[0]
    again = replay(_form(flake, "flaky"), failure.token, mesos_version=VERSIONS.get(flake, "1.11"))
    assert str(again.error) == str(failure.error)
    assert again.digest == failure.digest


def test_every_flake_of_the_catalogue_is_here():
    """Twenty, each in both forms."""
    assert len(FLAKES) == 20
    for flake in FLAKES:
        assert _form(flake, "flaky").__doc__
        assert _form(flake, "repaired")
