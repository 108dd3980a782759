"""What exploring makes of the ticket: the strict test is found, shrunk and explained; the repaired one is proven."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from harness.exploring import explore, replay
from harness.proving import prove

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "mesos_ticket"
TRIALS = int(os.environ.get("TICKET_TRIALS", "5"))


@cache
def _test(file: str, name: str) -> Callable[..., object]:
    spec = importlib.util.spec_from_file_location(f"explored_{file}", EXAMPLES / f"{file}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    test: Callable[..., object] = getattr(module, name)
    return test


STRICT = ("test_single_framework", "test_strict")
PAIR = ("test_several_agents", "test_two_agents_strict")
FLAKY = [STRICT, PAIR, ("test_several_agents", "test_two_agents_counted_flaky")]


@pytest.mark.parametrize("trial", range(TRIALS))
@pytest.mark.parametrize("which", [STRICT, PAIR])
def test_portfolio_finds_it(which: tuple[str, str], trial: int) -> None:
    """Two hundred schedules of the portfolio are enough, wherever they begin."""
    exploration = explore(_test(*which), seeds=range(trial * 1000, trial * 1000 + 200))
    assert exploration.failures


@pytest.mark.parametrize("which", FLAKY)
def test_shrinks_to_three(which: tuple[str, str]) -> None:
    """At most three deviations are left of about a hundred, and the small token makes the same failure again."""
    failure = explore(_test(*which), seeds=500).failures[0]
    shrunk = failure.shrink()
    assert len(shrunk.deviations) <= 3
    assert shrunk.minimal
    again = replay(_test(*which), shrunk.token)
    assert again.digest == shrunk.digest
    assert type(again.error) is type(failure.error)


def test_decisive_pair_is_the_tickets() -> None:
    """The late registration and the agent's exit, at the master; told in ten lines."""
    explanation = explore(_test(*STRICT), seeds=500).failures[0].explain()
    pair = explanation.pair
    assert pair is not None
    assert pair.first.receiver.startswith("master")
    assert pair.first.text.startswith("exited(slave")
    assert "RegisterSlaveMessage" in pair.second.text
    assert len(explanation.lines) <= 10


def test_strict_form_is_refuted() -> None:
    """Within two deviations the search finds the failure by itself."""
    proof = prove(_test(*STRICT), max_deviations=2)
    assert proof.failures
    assert len(proof.failures[0].deviations) <= 2


def test_repaired_form_holds_within_one_deviation() -> None:
    """Every run with one deviation passes; ``TICKET_PROOF=2`` asks for two, which takes a minute."""
    bound = int(os.environ.get("TICKET_PROOF", "1"))
    proof = prove(_test("test_single_framework", "test_final_repair"), max_deviations=bound)
    assert proof.exhausted
    assert not proof.failures
