"""``explore`` and ``replay`` on tests of a user's own processes."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.errors import MisuseError, NondeterminismError
from harness.exploring import explore, replay
from harness.simulation import Clock, Limits, World
from harness.simulation.choices import Choice
from tests.unit.explore.toys import clumsy, orderly, patient, race


class Calm:
    """A strategy of somebody's own that is wild in one place."""

    name = "mine"

    def start(self, seed: int) -> None:
        """Nothing to prepare."""

    def choose(self, site: str, entity: str, occurrence: int, bound: int) -> int:
        """Delay the first sender."""
        return bound if site == "latency" and "@home" in entity else 0


def test_a_race_is_found() -> None:
    """A test that depends on an order fails under some seeds, and the first one ends the exploration."""
    found = explore(orderly, seeds=100)
    assert len(found.failures) == 1
    assert found.runs == found.failures[0].seed + 1
    assert isinstance(found.failures[0].error, AssertionError)


def test_all_seeds_can_be_run() -> None:
    """Without stop_on_failure every seed is run and the rate has an interval."""
    found = explore(orderly, seeds=200, strategy="random", stop_on_failure=False)
    assert found.runs == 200
    assert 0.3 < found.failure_rate < 0.7
    low, high = found.confidence_interval
    assert low < found.failure_rate < high
    assert found.steps == 200 * 5
    assert f"{len(found.failures)} of 200 seeds failed" in found.report()


def test_benign_schedule_and_robust_test_pass() -> None:
    """Nothing fails under "prompt", nor a test that does not depend on the order."""
    assert explore(orderly, seeds=20, strategy="prompt").failures == []
    assert explore(patient, seeds=200).failures == []


@pytest.mark.parametrize("stop", [True, False])
def test_processes_change_nothing(stop: bool) -> None:
    """Any number of processes, and any executor, give the result of one."""
    alone = explore(orderly, seeds=range(100, 180), stop_on_failure=stop)
    both = explore(orderly, seeds=range(100, 180), stop_on_failure=stop, jobs=2)
    with ThreadPoolExecutor(2) as executor:
        elsewhere = explore(orderly, seeds=range(100, 180), stop_on_failure=stop, executor=executor)
    for other in (both, elsewhere):
        assert (other.runs, other.steps) == (alone.runs, alone.steps)
        assert [failure.seed for failure in other.failures] == [failure.seed for failure in alone.failures]
        assert other.failures[0].digest == alone.failures[0].digest


def test_token_and_seed_replay() -> None:
    """Token, seed and recorded choices of a failure all give the same error and digest."""
    failure = explore(orderly, seeds=100).failures[0]
    for again in (failure.token, failure.seed):
        run = replay(orderly, again)
        assert type(run.error) is type(failure.error)
        assert run.digest == failure.digest


@pytest.mark.parametrize("strategy", ["order", "pct:3", "urw", "bounded:2", "portfolio"])
def test_a_bare_seed_replays_under_a_strategy_that_learns(strategy: str) -> None:
    """What such a strategy learns from the first seeds is learnt again, so that a seed means the run that it was there."""
    found = explore(orderly, seeds=60, strategy=strategy, stop_on_failure=False)
    assert found.failures[-1].seed > 10
    for failure in found.failures[-3:]:
        assert replay(orderly, failure.seed, strategy).digest == failure.digest


def test_bounded_never_deviates_more_often() -> None:
    """Neither do its first runs, from which it learns how long the test is."""
    for bound in (1, 2):
        found = explore(orderly, seeds=100, strategy=f"bounded:{bound}", stop_on_failure=False)
        assert found.failures
        assert max(len(failure.deviations) for failure in found.failures) <= bound


def test_own_strategy_gives_a_token_of_choices() -> None:
    """What a strategy object chose can be replayed without the object."""
    failure = explore(orderly, seeds=5, strategy=Calm()).failures[0]
    assert failure.token.startswith("ch1-choices-")
    assert all(choice.value for choice in failure.deviations)
    run = replay(orderly, failure.token)
    assert isinstance(run.error, AssertionError)
    assert run.digest == failure.digest


def test_token_that_no_longer_fits_says_where() -> None:
    """A record with choices that the run never asks for ends in an error that names the first of them."""
    token = replay(orderly, 2).bench.schedule.recorded([Choice("latency", "nobody", 1, 9, 4)]).token
    run = replay(orderly, token)
    assert isinstance(run.error, NondeterminismError)
    assert "latency of nobody" in str(run.error)


def test_error_of_a_handler_is_the_original() -> None:
    """A handler that raises is reported with the exception it raised."""
    failure = explore(clumsy, seeds=3).failures[0]
    assert isinstance(failure.error, ZeroDivisionError)
    assert "ZeroDivisionError: clumsy" in failure.report()


def test_report_tells_everything_in_few_lines() -> None:
    """A report names seed, error, timeline, digest and token, in under 60 lines."""
    failure = explore(orderly, seeds=100).failures[0]
    report = failure.report()
    for words in (f"seed {failure.seed}", "arrived as [2, 1]", "timeline:", "Ping(n=2)", failure.digest, failure.token):
        assert words in report
    assert len(report.splitlines()) < 60


def test_only_a_world_is_made_for_a_test_of_processes() -> None:
    """Exploring a test of processes loads no cluster and no model of Mesos."""
    code = (
        "import sys; from harness.exploring import explore; from tests.unit.explore.toys import patient;"
        "assert explore(patient, seeds=3).runs == 3;"
        "print([name for name in sys.modules if name.startswith(('harness.mesos', 'harness.cluster', 'harness.doubles'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


def test_several_objects_belong_to_one_world() -> None:
    """What a test takes by name is all of one world."""
    seen = []

    def look(world: World, clock: Clock, messages: object, network: object, seed: int) -> None:
        seen.append((clock is world.clock, messages is world.messages, network is world.network, seed))

    explore(look, seeds=[7])
    assert seen == [(True, True, True, 7)]


def test_limits_end_a_test_that_never_ends() -> None:
    """A run that does not end reaches the limits given, and that is its failure."""

    def endless(world: World) -> None:
        race(world)
        while True:
            world.run_for("1secs")
            race(World())
            if world.steps > 100_000:
                raise AssertionError

    failure = explore(patient, seeds=1, limits=Limits(steps=3)).failures[0]
    assert "steps=3" in str(failure.error)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"seeds": "many"}, "seeds='many'"),
        ({"seeds": -1}, "seeds=-1"),
        ({"jobs": 0}, "jobs=0"),
        ({"strategy": "lucky"}, "strategy='lucky'"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, object], words: str) -> None:
    """Arguments that mean nothing are refused, naming them."""
    with pytest.raises(MisuseError, match=words):
        explore(orderly, **arguments)  # type: ignore[arg-type]


def test_unknown_parameter_is_refused() -> None:
    """A test that takes something nobody provides is refused with the names that can be had."""
    with pytest.raises(MisuseError, match="takes 'planet', which nobody provides; a test may take allocator, clock, cluster"):
        explore(lambda planet: None)


def test_closure_needs_one_process() -> None:
    """A function inside a function is refused for several processes."""
    with pytest.raises(MisuseError, match="use jobs=1"):
        explore(lambda world: None, jobs=2)


def test_coroutine_function_is_refused() -> None:
    """A coroutine function is refused: tests wait through the cluster."""

    async def later(world: World) -> None:
        pass

    with pytest.raises(MisuseError, match="coroutine"):
        explore(later)


def test_a_failure_is_saved_and_replayed_from_its_file(tmp_path: Path) -> None:
    """The file holds what the token would, and is named where a token is."""
    failure = explore(orderly, 100, "pos").failures[0]
    run = replay(orderly, failure.save(tmp_path / "failure.json"))
    assert run.digest == failure.digest
    assert isinstance(run.error, AssertionError)
