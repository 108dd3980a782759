"""The main job: the ticket's test fails for the ticket's reason, a failing seed explains itself, and the repairs hold.

Runs the tests of ``examples/mesos_ticket`` as functions. ``TICKET_SEEDS=2000`` in the environment asks for more seeds.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from harness import ExpectationError, explore, replay
from harness.exploring import Exploration, Run

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "mesos_ticket"
SEEDS = int(os.environ.get("TICKET_SEEDS", "500"))


@cache
def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"mesos_ticket_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _test(file: str, name: str) -> Callable[..., object]:
    function: Callable[..., object] = getattr(_module(file), name)
    return function


@cache
def _explored(file: str, name: str) -> Exploration:
    return explore(_test(file, name), seeds=SEEDS, strategy="random", stop_on_failure=False)


STRICT = ("test_single_framework", "test_strict")
STRICT_PAIR = ("test_several_agents", "test_two_agents_strict")
COUNTED_PAIR = ("test_several_agents", "test_two_agents_counted_flaky")
REPAIRED = [
    ("test_single_framework", "test_first_repair"),
    ("test_single_framework", "test_final_repair"),
    ("test_single_framework", "test_at_least_once"),
    ("test_single_framework", "test_scheduler_side"),
    ("test_several_agents", "test_two_agents_each"),
]


@cache
def _failing_run() -> Run:
    run = _explored(*STRICT).failures[0].run
    assert isinstance(run, Run)
    return run


def _add_slave_calls(run: Run) -> list[Any]:
    calls: list[Any] = run.bench.get("allocator").calls_to("addSlave")
    return calls


def _first(run: Run, pattern: str, after: int = -1) -> int:
    """Step of the first record after ``after`` whose line matches ``pattern``."""
    for record in run.trace:
        if record.step > after and re.search(pattern, str(record)):
            return int(record.step)
    pytest.fail(f"nothing like {pattern!r} in the trace after step {after}")


# --- how often


def test_strict_form_fails_for_some_seeds():
    """Exactly one ``addSlave`` fails for between 0.1 % and 20 % of the seeds under ``random``."""
    assert 0.001 <= _explored(*STRICT).failure_rate <= 0.2


@pytest.mark.parametrize("example", [STRICT, STRICT_PAIR, COUNTED_PAIR, *REPAIRED], ids=lambda example: example[1])
def test_nothing_fails_without_deviations(example):
    """Under ``prompt``, the schedule of a calm machine, every form passes."""
    assert not explore(_test(*example), seeds=3, strategy="prompt").failures


@pytest.mark.parametrize("example", REPAIRED, ids=lambda example: example[1])
def test_repaired_form_holds_for_all_seeds(example):
    """A paused clock, ignored later calls, "at least once", and "at least once for each agent" never fail."""
    exploration = _explored(*example)
    assert exploration.runs == SEEDS
    assert not exploration.failures, exploration.report()


@pytest.mark.parametrize("example", [STRICT_PAIR, COUNTED_PAIR], ids=lambda example: example[1])
def test_strict_form_for_several_agents_fails_for_some_seeds(example):
    """Exact numbers stay flaky with several agents."""
    assert 0 < len(_explored(*example).failures) < SEEDS


def test_every_failure_is_of_the_same_kind():
    """Each failing seed of the strict form fails by a call too many, and by nothing else."""
    for failure in _explored(*STRICT).failures[:10]:
        assert isinstance(failure.error, ExpectationError)
        assert "called twice" in str(failure.error)


# --- why


def test_failure_is_a_second_call_for_the_same_agent_under_another_id():
    """Two calls: one host, two ids, S0 and S1."""
    first, second = _add_slave_calls(_failing_run())
    assert first.arg("hostname") == second.arg("hostname") == "agent1"
    assert str(first.arg("slave_id")).endswith("-S0")
    assert str(second.arg("slave_id")).endswith("-S1")


def test_failure_comes_after_the_agent_terminated():
    """First call, agent terminated, old agent removed, new id admitted, second call: in this order, from one agent process."""
    run = _failing_run()
    _, second = _add_slave_calls(run)
    first_added = _first(run, r"Added agent .*-S0")
    terminated = _first(run, r"Agent terminating")
    disconnected = _first(run, r"Disconnecting agent .*-S0", after=terminated)
    removing = _first(run, r"Removing disconnected agent .*-S0", after=disconnected)
    admitted = _first(run, r"Admitted agent .*-S1", after=removing)
    assert first_added < terminated < disconnected < removing < admitted
    assert second.time >= run.trace[admitted].time
    assert sum("slave(1)@agent1" in str(record) and record.kind == "spawned" for record in run.trace) == 1


def test_the_call_too_many_stems_from_a_retry_sent_before_the_end():
    """The registration that leads to the second call was sent by the retry timer while the agent lived."""
    run = _failing_run()
    terminated = run.trace[_first(run, r"Agent terminating")]
    registrations = [
        record for record in run.trace if record.kind == "delivered" and type(record.event).__name__ == "RegisterSlaveMessage"
    ]
    assert len(registrations) >= 2
    retries = [record for record in registrations if record.cause >= 0 and run.trace[record.cause].kind == "timer"]
    assert retries
    assert all(retry.since <= terminated.time for retry in retries)


# --- what the reader is told


def test_report_tells_the_story_in_one_screen():
    """Under 60 lines: the seed, both calls with times and ids, the expectation's file and line, and what happened between."""
    run = _failing_run()
    report = run.report()
    first, second = _add_slave_calls(run)
    assert len(report.splitlines()) < 60, report
    assert f"seed {run.seed}" in report
    assert "addSlave" in report
    for call in (first, second):
        assert str(call.time) in report, report
    source = (EXAMPLES / "test_single_framework.py").read_text("utf-8").splitlines()
    line = 1 + next(number for number, text in enumerate(source) if "allocator.expect.add_slave().once()" in text)
    assert f"test_single_framework.py:{line}" in report
    for event in ("will retry in", "Agent terminating", "Removing disconnected agent", "Admitted agent"):
        assert event in report, f"{event} is missing in\n{report}"
    assert run.token in report


def test_failing_seed_replays_exactly():
    """By seed or by token: the same error and the same digest."""
    failure = _explored(*STRICT).failures[0]
    by_seed = replay(_test(*STRICT), failure.seed)
    by_token = replay(_test(*STRICT), failure.token)
    assert str(by_seed.error) == str(by_token.error) == str(failure.error)
    assert by_seed.digest == by_token.digest == failure.digest


def test_nothing_in_the_model_knows_the_ticket():
    """No word of this test, its allocator double or its teardown in the cluster model."""
    model = EXAMPLES.parents[1] / "harness" / "mesos"
    for path in sorted(model.rglob("*.py")):
        assert not re.search(r"MESOS-\d+|SingleFramework|MockAllocator|flak[ey]", path.read_text("utf-8")), path
