"""Section 8 of the contract: exploring seeds, failures, tokens and replays."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import ExpectationError, MisuseError, NondeterminismError, explore, replay


def strict(cluster, allocator):
    """The ticket's test, in short."""
    cluster.start_master(allocator=allocator)
    allocator.expect.add_slave().once()
    cluster.start_agent("cpus:2;mem:1024")
    cluster.wait(cluster.start_framework().next_offers())


def calm(cluster, clock, messages, network, world):
    """A test that takes everything and fails never."""
    assert cluster.clock is clock
    assert cluster.messages is messages
    assert cluster.network is network
    assert cluster.world is world
    cluster.start_master()


@pytest.fixture(scope="module")
def exploration():
    """Three hundred seeds of the strict test."""
    return explore(strict, seeds=300, strategy="random", stop_on_failure=False)


def test_an_exploration_counts(exploration):
    """Runs, failures, rate, interval, steps and a report."""
    assert exploration.runs == 300
    assert 0 < len(exploration.failures) < 100
    assert exploration.failure_rate == len(exploration.failures) / 300
    low, high = exploration.confidence_interval
    assert 0 <= low <= exploration.failure_rate <= high <= 1
    assert exploration.steps > 300
    assert str(exploration.failures[0].seed) in exploration.report()


def test_a_failure_can_be_looked_at_and_made_again(exploration):
    """Seed, token, error, choices, digest, deviations, report; by seed and by token the same run."""
    failure = exploration.failures[0]
    assert isinstance(failure.error, ExpectationError)
    assert failure.token.isprintable()
    assert " " not in failure.token
    assert len(failure.choices) >= len(failure.deviations) > 0
    assert f"seed {failure.seed}" in failure.report()
    for run in (replay(strict, failure.token), replay(strict, failure.seed), replay(strict, failure.seed, strategy="random")):
        assert str(run.error) == str(failure.error)
        assert run.digest == failure.digest
        assert [tuple(choice) for choice in run.choices] == [tuple(choice) for choice in failure.choices]
        assert len(run.trace) > 10
        assert failure.token in run.report()


def test_it_stops_at_the_first_failure_unless_told_otherwise(exploration):
    """The first one in the order of the seeds."""
    first = explore(strict, seeds=300, strategy="random")
    assert [failure.seed for failure in first.failures] == [exploration.failures[0].seed]
    assert first.runs < 300


def test_seeds_are_a_count_or_an_iterable():
    """And the test takes what it asks for by name."""
    assert explore(calm, seeds=7).runs == 7
    assert explore(calm, seeds=[3, 14, 15]).runs == 3


@pytest.mark.parametrize("strategy", ["prompt", "random", "portfolio"])
def test_strategies_by_name(strategy):
    """The benign schedule never deviates."""
    exploration = explore(strict, seeds=30, strategy=strategy)
    assert exploration.runs >= 1
    if strategy == "prompt":
        assert not exploration.failures
        assert not [choice for choice in replay(strict, 0, strategy="prompt").choices if choice.value]


def test_a_users_own_strategy():
    """An object that says how often each draw deviates."""
    from harness import Strategy

    assert isinstance(Strategy, type)


def test_several_processes_find_the_same(exploration):
    """Two jobs, the same failing seeds."""
    parallel = explore(strict, seeds=300, strategy="random", jobs=2, stop_on_failure=False)
    assert [failure.seed for failure in parallel.failures] == [failure.seed for failure in exploration.failures]


def test_any_executor_will_do(exploration):
    """One of ``concurrent.futures``."""
    with ThreadPoolExecutor(2) as executor:
        found = explore(strict, seeds=300, strategy="random", executor=executor, stop_on_failure=False)
    assert sorted(failure.seed for failure in found.failures) == [failure.seed for failure in exploration.failures]


def test_a_token_that_no_longer_fits_says_where(exploration):
    """The test has changed since."""
    failure = exploration.failures[0]

    def changed(cluster, allocator):
        cluster.start_master(allocator=allocator)

    from harness.explore.tokens import Schedule

    token = Schedule(failure.seed, "random").recorded(failure.choices).token
    run = replay(changed, token)
    assert isinstance(run.error, NondeterminismError)
    assert "harness hunt" in str(run.error)


@pytest.mark.parametrize("wrong", ["ch9-random-3", "nonsense", "", "ch1-random"])
def test_a_wrong_token_is_refused(wrong):
    """With what was wanted."""
    with pytest.raises(MisuseError):
        replay(strict, wrong)


def test_a_test_that_takes_something_unknown_is_refused():
    """The names that may be asked for are listed."""
    with pytest.raises(MisuseError, match="cluster"):
        explore(lambda clsuter: None, seeds=1)
