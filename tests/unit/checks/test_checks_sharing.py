"""Games that show what a way of sharing promises."""

from __future__ import annotations

import pytest

from harness.checks import (
    Game,
    check_no_envy,
    check_nothing_is_wasted,
    check_share_guarantee,
    check_strategy_proofness,
    play,
    sample_game,
)
from harness.errors import InvariantError, MisuseError
from harness.mesos.allocator import DRFSorter, HierarchicalAllocator
from harness.simulation import World

PUBLISHED = Game(total={"cpus": 9, "mem": 18}, tasks={"A": {"cpus": 1, "mem": 4}, "B": {"cpus": 3, "mem": 1}})


class MostFirst(DRFSorter):
    """The opposite of fair: who has most goes first."""

    def order(self):
        return list(super().order())[::-1]


class OnlyCpus(DRFSorter):
    """Looks at one resource, as schedulers did before."""

    def _share(self, node):
        return node.quantities.get("cpus", 0) / self.totals.quantities.get("cpus", 1)


class CountsTasks(DRFSorter):
    """Everybody gets the same number of tasks, whatever they take."""

    def _share(self, node):
        return float(node.count)


def unfair() -> HierarchicalAllocator:
    return HierarchicalAllocator(MostFirst)


@pytest.mark.parametrize("roles", [True, False], ids=["a role each", "one role"])
def test_the_published_example_of_drf(roles):
    """9 CPUs and 18 GB hold three tasks of 1 CPU and 4 GB and two of 3 CPUs and 1 GB, started in turn."""
    outcome = play(HierarchicalAllocator, Game(total=PUBLISHED.total, tasks=PUBLISHED.tasks, roles=roles))
    assert outcome.started == {"A": 3, "B": 2}
    assert outcome.order == ("A", "B", "A", "B", "A")
    assert outcome.share("A") == outcome.share("B") == pytest.approx(2 / 3)
    assert outcome.free() == {"cpus": 0, "mem": 4}


@pytest.mark.parametrize("seed", range(25))
def test_dominant_resource_fairness_keeps_its_promises(seed):
    """On sampled workloads: everybody's part, nothing wasted, no envy."""
    outcome = play(HierarchicalAllocator, sample_game(World(seed), users=2 + seed % 4, roles=seed % 2 == 0))
    check_share_guarantee(outcome)
    check_nothing_is_wasted(outcome)
    check_no_envy(outcome)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("cpus", "mem"), [(2, 1), (1, 2), (3, 3)])
def test_lies_do_not_pay(seed, cpus, mem):
    """Claiming twice the cpus, twice the memory or three times of both brings nothing."""
    game = sample_game(World(seed), scale=4)
    truth = game.tasks["user1"]
    check_strategy_proofness(HierarchicalAllocator, game, "user1", {"cpus": cpus * truth["cpus"], "mem": mem * truth["mem"]})


def test_sharing_by_one_resource_alone_is_unfair():
    """When only cpus count, who needs many of them gets little of anything."""
    game = Game(total={"cpus": 400, "mem": 400}, tasks={"light": {"cpus": 1, "mem": 4}, "heavy": {"cpus": 4, "mem": 4}})
    with pytest.raises(InvariantError, match="share guarantee: heavy"):
        check_share_guarantee(play(lambda: HierarchicalAllocator(OnlyCpus), game))


def test_a_lie_that_pays_is_found():
    """When only tasks are counted, larger tasks bring more: the error says what was needed, claimed and gained."""
    task = {"cpus": 4, "mem": 4}
    game = Game(total={"cpus": 400, "mem": 400}, tasks={"honest": task, "liar": task})
    with pytest.raises(
        InvariantError, match=r"strategy-proofness: liar needs .* and got 50 tasks by saying so, but 66 by claiming"
    ):
        check_strategy_proofness(lambda: HierarchicalAllocator(CountsTasks), game, "liar", {"cpus": 8, "mem": 8})


def test_an_unfair_allocator_breaks_the_share_guarantee():
    """Who has most goes first: one user gets everything, and the error names the one who does not."""
    with pytest.raises(InvariantError, match="share guarantee: A has a dominant share of"):
        check_share_guarantee(play(unfair, PUBLISHED))


def test_an_unfair_allocator_is_envied():
    """The other user could do more with what the winner has."""
    game = Game(total={"cpus": 40, "mem": 40}, tasks={"A": {"cpus": 1, "mem": 1}, "B": {"cpus": 1, "mem": 1}})
    with pytest.raises(InvariantError, match="envy: "):
        check_no_envy(play(unfair, game))


def test_waste_is_found():
    """What is left must be too small for everybody."""
    outcome = play(HierarchicalAllocator, PUBLISHED)
    lazy = type(outcome)(game=outcome.game, started={"A": 2, "B": 2}, order=outcome.order)
    with pytest.raises(InvariantError, match="waste: "):
        check_nothing_is_wasted(lazy)


def test_a_game_that_does_not_end_says_so():
    """Tasks that are too small for the cluster are a mistake of the caller."""
    with pytest.raises(MisuseError, match="more than 3 tasks fit"):
        play(HierarchicalAllocator, PUBLISHED, most=3)
