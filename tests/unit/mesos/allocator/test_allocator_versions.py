"""What the allocator did in older releases, row by row of the table of versions."""

from __future__ import annotations

import pytest

from harness.errors import MisuseError
from harness.mesos.allocator import AllocatorLab, HierarchicalAllocator, Options, Quota
from harness.mesos.allocator.filters import refuse_ns
from harness.mesos.messages import Filters
from harness.mesos.resources import Resources
from harness.mesos.versions import RELEASES, behaviour
from harness.simulation import World

ALL = RELEASES
SYNCHRONOUS = ("1.0", "1.1")
BEFORE_1_3 = ("1.0", "1.1", "1.2")


def lab_of(version: str) -> AllocatorLab:
    """A lab whose world has started."""
    lab = AllocatorLab(World(strategy="prompt"), mesos_version=version)
    lab.world.settle()
    return lab


def offered(lab: AllocatorLab) -> list[tuple[str, str]]:
    """Settle; (framework, role) of what was offered since the last look."""
    lab.world.settle()
    found = [(str(allocation.framework_id), allocation.role) for allocation in lab.allocations]
    lab.allocations.clear()
    return found


def runs(lab: AllocatorLab) -> int:
    lab.world.settle()
    return lab.allocator.process.runs


@pytest.mark.parametrize("version", ALL)
def test_allocations_coalesce_since_1_2(version):
    """Three calls in a row: a run for each while runs were part of the event, one for all since they are dispatched."""
    lab = lab_of(version)
    lab.add_agent("a1")
    lab.add_agent("a2")
    lab.add_framework("f1")
    assert runs(lab) == (3 if version in SYNCHRONOUS else 1)


def test_before_1_2_the_first_come_is_served():
    """A framework that is added before a better placed one gets everything, under every order of events."""
    firsts = {}
    for version in ("1.1", "1.11"):
        winners = set()
        for seed in range(40):
            lab = AllocatorLab(World(seed), mesos_version=version)
            lab.add_agent("a1")
            lab.add_framework("z")
            lab.add_framework("a")
            lab.world.settle()
            winners.add(str(lab.allocations[0].framework_id))
        firsts[version] = sorted(winners)
    assert firsts == {"1.1": ["z"], "1.11": ["a", "z"]}


@pytest.mark.parametrize("version", ALL)
def test_batches_are_one_interval_apart(version):
    """In every release, for no time passes in a run."""
    lab = lab_of(version)
    before = runs(lab)
    lab.world.clock.advance("3500ms")
    assert runs(lab) - before == 3


@pytest.mark.parametrize("version", ALL)
def test_quota_and_weight_changes_allocated_before_1_3(version):
    """Since then they wait for the batch."""
    lab = lab_of(version)
    lab.add_agent("a1")
    before = runs(lab)
    lab.allocator.update_quota("web", Quota(guarantees="cpus:1"))
    lab.allocator.update_weights({"web": 2.0})
    expected = {"1.0": 2, "1.1": 2, "1.2": 1}.get(version, 0)
    assert runs(lab) - before == expected


@pytest.mark.parametrize("version", ALL)
def test_an_agent_update_without_a_change_allocated_before_1_3(version):
    """The agent says the same as before."""
    lab = lab_of(version)
    lab.add_agent("a1", "cpus:1;mem:100")
    before = runs(lab)
    lab.update_agent("a1", "cpus:1;mem:100")
    assert runs(lab) - before == (1 if version in BEFORE_1_3 else 0)


@pytest.mark.parametrize("version", ALL)
def test_suppression_was_one_switch_before_1_3(version):
    """Suppressing one role of two stopped the offers for both."""
    lab = lab_of(version)
    lab.add_framework("f1", roles=("a", "b"))
    lab.allocator.suppress_offers("f1", ["a"])
    lab.add_agent("a1")
    assert offered(lab) == ([] if version in BEFORE_1_3 else [("f1", "b")])


@pytest.mark.parametrize("version", ALL)
def test_suppression_ended_with_a_disconnection_before_1_4(version):
    """A framework that came back got offers again without reviving."""
    lab = lab_of(version)
    lab.add_framework("f1")
    lab.allocator.suppress_offers("f1", ())
    lab.allocator.deactivate_framework("f1")
    lab.allocator.activate_framework("f1")
    lab.add_agent("a1")
    assert offered(lab) == ([("f1", "*")] if version in BEFORE_1_3 else [])


@pytest.mark.parametrize("version", ALL)
def test_reviving_one_role_dropped_all_filters_before_1_9(version):
    """Since then those of the other roles stay."""
    lab = lab_of(version)
    lab.add_framework("f1", roles=("a", "b"))
    lab.add_agent("a1")
    lab.world.settle()
    refused = lab.allocations[0]
    lab.recover(refused, refuse_seconds=100)
    lab.allocator.revive_offers("f1", ["b" if refused.role == "a" else "a"])
    lab.world.settle()
    active = sum(value for name, value in lab.allocator.metrics.items() if "offer_filters" in name)
    assert active == (1 if version == "1.11" else 0)


@pytest.mark.parametrize("version", ALL)
def test_filters_were_those_of_a_framework_before_1_2(version):
    """What one role refused, the other was not offered either."""
    lab = lab_of(version)
    lab.add_framework("f1", roles=("a", "b"))
    lab.add_agent("a1")
    lab.world.settle()
    lab.recover(lab.allocations[0], refuse_seconds=100)
    lab.allocations.clear()
    lab.world.clock.advance("1secs")
    assert [allocation.role for allocation in lab.allocations] == ([] if version in SYNCHRONOUS else ["b"])


@pytest.mark.parametrize("version", ALL)
def test_a_filter_ends_before_a_batch_of_the_same_instant_that_was_timed_later(version):
    """In every release, for it was timed first; only a filter that was made after the batch was timed differs."""
    lab = lab_of(version)
    lab.add_framework("f1")
    lab.add_agent("a1")
    lab.world.settle()
    lab.recover(lab.allocations[0], refuse_seconds=2)
    assert offered(lab) == [("f1", "*")]
    lab.world.clock.advance("1secs")
    assert offered(lab) == []
    lab.world.clock.advance("1secs")
    assert offered(lab) == [("f1", "*")]


@pytest.mark.parametrize("version", ALL)
def test_a_filter_made_just_after_a_batch_was_timed_outlives_the_next(version):
    """While runs were part of the batch's own event by itself; since they are dispatched by the extra dispatch of its end."""
    lab = lab_of(version)
    lab.add_framework("f1")
    lab.add_agent("a1")
    lab.world.settle()
    lab.recover(lab.allocations[0])
    lab.allocations.clear()
    lab.world.clock.advance("1secs")
    lab.recover(lab.allocations[0], refuse_seconds=0.5)
    lab.allocations.clear()
    lab.world.settle()
    lab.world.clock.advance("1secs")
    assert len(lab.allocations) == 0
    lab.world.clock.advance("1secs")
    assert len(lab.allocations) == 1


def test_refusals_are_capped_since_1_3():
    """Ten years are a year; what no counter of nanoseconds holds means the default."""
    ten_years = Filters(refuse_seconds=10 * 365 * 86_400.0)
    assert refuse_ns(ten_years) == 365 * 86_400 * 10**9
    assert refuse_ns(ten_years, is_capped=False) == 3650 * 86_400 * 10**9
    assert refuse_ns(Filters(refuse_seconds=1e10), is_capped=False) == 5 * 10**9
    assert [behaviour(version).caps_refuse_seconds for version in RELEASES] == [False, False, False, True, True]


def test_the_release_comes_with_the_options_or_the_constructor():
    """What the constructor says wins over what a master says."""
    world = World()
    old = HierarchicalAllocator(mesos_version="1.1").start(world, Options())
    new = HierarchicalAllocator().start(world, Options(behaviour=behaviour("1.2")))
    latest = HierarchicalAllocator().start(world)
    assert [one.process.behaviour.version for one in (old, new, latest)] == ["1.1", "1.2", "1.11"]
    with pytest.raises(MisuseError, match=r"mesos_version='0\.9' is not modelled"):
        HierarchicalAllocator(mesos_version="0.9")


def test_resources_stay_right_when_runs_are_part_of_events():
    """A synchronous run that offers what another call in the same event gives back does not count it twice."""
    lab = lab_of("1.0")
    lab.add_framework("f1")
    lab.add_agent("a1", "cpus:4;mem:1024")
    lab.world.settle()
    lab.recover(lab.allocations[0])
    lab.add_framework("f2")
    lab.world.settle()
    slave = lab.allocator.process.books.slaves["a1"]
    assert slave.used + slave.free == slave.total == Resources.parse("cpus:4;mem:1024")
