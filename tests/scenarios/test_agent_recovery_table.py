"""The table of ``examples/agent_recovery.py``: what the recovery document tried by hand, release by release."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from harness.mesos.versions import RELEASES
from tests.scenarios.conftest import SEEDS

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "agent_recovery.py"
IN_TIME, TOO_LATE = "30secs", "120secs"
LOST = ("TASK_LOST", "dead", "admitted", "same", "TASK_LOST", "dead")
REFUSED = ("TASK_LOST", "dead", "refused, started again", "new", "TASK_LOST", "dead")
GOES_ON = ("TASK_RUNNING", "alive", "admitted", "same", "TASK_RUNNING", "alive")

# (checkpoint, away for, partition aware) -> what is seen, for each release: task and executor while the agent is away; agent,
# its id, task and executor after its return.
EXPECTED = {
    (False, IN_TIME, False): [LOST] * 5,
    (False, TOO_LATE, False): [REFUSED, LOST, LOST, LOST, LOST],
    (False, IN_TIME, True): [LOST] * 5,
    (True, IN_TIME, False): [GOES_ON] * 5,
    (True, IN_TIME, True): [GOES_ON] * 5,
    (True, TOO_LATE, False): [
        ("TASK_LOST", "alive", *REFUSED[2:]),
        # Let in again, but the framework is shut down on the agent.
        ("TASK_LOST", "alive", "admitted", "same", "TASK_LOST", "dead"),
        ("TASK_LOST", "alive", "admitted", "same", "TASK_LOST", "dead"),
        ("TASK_LOST", "alive", "admitted", "same", "TASK_RUNNING", "alive"),
        ("TASK_LOST", "alive", "admitted", "same", "TASK_RUNNING", "alive"),
    ],
    (True, TOO_LATE, True): [
        ("TASK_LOST", "alive", *REFUSED[2:]),
        # The task goes on, and nobody tells the framework before 1.5.
        ("TASK_UNREACHABLE", "alive", "admitted", "same", "TASK_UNREACHABLE", "alive"),
        ("TASK_UNREACHABLE", "alive", "admitted", "same", "TASK_UNREACHABLE", "alive"),
        ("TASK_UNREACHABLE", "alive", "admitted", "same", "TASK_RUNNING", "alive"),
        ("TASK_UNREACHABLE", "alive", "admitted", "same", "TASK_RUNNING", "alive"),
    ],
}


@cache
def _example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("example_agent_recovery", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Its dataclass looks itself up there.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("checkpoint", "away_for", "aware"), EXPECTED)
def test_trial(checkpoint: bool, away_for: str, aware: bool) -> None:
    """Each release does what its code says, whatever the order of events: task, executor, and id of the agent."""
    for release, expected in zip(RELEASES, EXPECTED[checkpoint, away_for, aware], strict=True):
        for seed in range(max(1, SEEDS // 5)):
            done = _example().trial(release, checkpoint=checkpoint, away_for=away_for, partition_aware=aware, seed=seed)
            seen = (done.task_while_away, done.executor_while_away, done.agent, done.agent_id, done.task, done.executor)
            assert seen == expected, f"release {release}, seed {seed}"


def test_the_printed_table(capsys: pytest.CaptureFixture[str]) -> None:
    """The example prints a line for every trial, for both kinds of frameworks."""
    assert _example().main() == 0
    printed = capsys.readouterr().out
    assert printed.count("\n1.11 ") == 8
    assert printed.count("refused, started again") == 4
    assert printed.count("TASK_UNREACHABLE") == 6
