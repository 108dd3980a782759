"""Refusing, suppressing, reviving."""

from __future__ import annotations

import pytest

from harness.durations import hours, seconds
from harness.mesos.allocator import AllocatorLab
from harness.mesos.allocator.filters import refuse_ns
from harness.mesos.messages import Attribute, Filters, FrameworkInfo, SlaveInfo
from harness.mesos.resources import Resources
from harness.simulation import World

AGENT = "cpus:1;mem:512"
ACTIVE = "allocator/mesos/offer_filters/roles/*/active"


@pytest.fixture
def lab() -> AllocatorLab:
    world = World(strategy="prompt")
    world.clock.pause()
    return AllocatorLab(world)


def offered(lab: AllocatorLab) -> list[str]:
    """Settle; whom offers went to since the last look."""
    lab.world.settle()
    found = [str(allocation.framework_id) for allocation in lab.allocations]
    lab.allocations.clear()
    return found


def decline_first(lab: AllocatorLab, refuse_seconds: float | None) -> None:
    """One framework, one agent; its offer is given back."""
    lab.add_framework("f1")
    lab.add_agent("a1", AGENT)
    lab.world.settle()
    lab.recover(lab.allocations.pop(), refuse_seconds)
    lab.world.settle()


def test_offer_filter(lab):
    """A refusal for two intervals hides the agent from one batch and is gone at the second, at the very same instant."""
    decline_first(lab, 2.0)
    assert lab.allocator.metrics[ACTIVE] == 1
    lab.world.clock.advance("1secs")
    assert offered(lab) == []
    lab.world.clock.advance("1secs")
    assert offered(lab) == ["f1"]
    assert lab.allocator.metrics[ACTIVE] == 0


def test_a_short_filter_lives_for_one_interval(lab):
    """Refused for less than an interval, right after a batch: the next batch still meets the filter, the one after does not."""
    lab.world.clock.advance("1secs")
    decline_first(lab, 0.1)
    lab.world.clock.advance("1secs")
    assert offered(lab) == []
    lab.world.clock.advance("1secs")
    assert offered(lab) == ["f1"]


@pytest.mark.parametrize("refuse_seconds", [0, None])
def test_without_a_filter_the_next_batch_offers_again(lab, refuse_seconds):
    """Zero seconds and no filter at all are the same; and giving back by itself leads to no offer."""
    decline_first(lab, refuse_seconds)
    assert offered(lab) == []
    lab.world.clock.advance("1secs")
    assert offered(lab) == ["f1"]


def test_a_filter_gives_way_to_a_larger_offer(lab):
    """What was refused is refused in part, too, but not together with more."""
    decline_first(lab, 3600)
    lab.update_agent("a1", "cpus:1;mem:256")
    assert offered(lab) == []
    lab.update_agent("a1", "cpus:2;mem:512")
    assert offered(lab) == ["f1"]


def test_a_filter_is_for_one_framework_one_role_and_one_agent(lab):
    """Others are offered what one refuses, in the same run."""
    decline_first(lab, 3600)
    lab.add_framework("f2")
    assert offered(lab) == ["f2"]
    lab.add_agent("a2", AGENT)
    assert offered(lab) == ["f1"]


def test_what_one_role_refused_the_other_may_be_offered(lab):
    """Filters of a framework are kept by role."""
    lab.add_framework("f1", roles=("a", "b"))
    lab.add_agent("a1", AGENT)
    lab.world.settle()
    lab.recover(lab.allocations.pop(), 3600)
    lab.world.clock.advance("1secs")
    (allocation,) = lab.allocations
    assert allocation.role == "b"


def test_reviving_forgets_filters_and_allocates_at_once(lab):
    """No batch is needed; the timer of the filter later finds nothing."""
    decline_first(lab, 2.0)
    lab.allocator.revive_offers("f1", ())
    assert offered(lab) == ["f1"]
    lab.world.clock.advance("5secs")
    assert offered(lab) == []


def test_reviving_one_role_leaves_the_filters_of_others(lab):
    """Only the named roles start anew."""
    lab.add_framework("f1", roles=("a", "b"))
    lab.add_agent("a1", AGENT)
    for _ in range(2):
        lab.world.clock.advance("1secs")
        lab.recover(lab.allocations.pop(), 3600)
    lab.world.clock.advance("1secs")
    assert lab.allocations == []
    lab.allocator.revive_offers("f1", ("b",))
    lab.world.settle()
    assert [allocation.role for allocation in lab.allocations] == ["b"]


def test_suppressing_stops_offers_until_reviving(lab):
    """Nothing comes, not by a batch, not by a new agent, until revived; outstanding offers stay."""
    lab.add_framework("f1")
    lab.allocator.suppress_offers("f1", ())
    lab.add_agent("a1", AGENT)
    assert offered(lab) == []
    lab.world.clock.advance("10secs")
    assert offered(lab) == []
    lab.allocator.revive_offers("f1", ())
    assert offered(lab) == ["f1"]


def test_suppression_is_by_role(lab):
    """Offers for the other roles go on."""
    lab.add_framework("f1", roles=("a", "b"))
    lab.allocator.suppress_offers("f1", ("a",))
    lab.world.settle()
    lab.add_agent("a1", AGENT)
    lab.world.settle()
    assert [allocation.role for allocation in lab.allocations] == ["b"]


def test_a_framework_may_start_suppressed(lab):
    """Roles suppressed when it subscribes get nothing."""
    lab.add_framework("f1", suppressed_roles=("*",))
    lab.add_agent("a1", AGENT)
    assert offered(lab) == []


def test_suppression_survives_deactivation_and_filters_do_not(lab):
    """A framework that comes back is still suppressed, but what it refused is offered again."""
    lab.add_framework("f1", roles=("a", "b"), suppressed_roles=("a",))
    lab.add_agent("a1", AGENT)
    lab.world.settle()
    lab.recover(lab.allocations.pop(), 3600)
    lab.allocator.deactivate_framework("f1")
    lab.world.clock.advance("2secs")
    assert lab.allocations == []
    lab.allocator.activate_framework("f1")
    lab.world.settle()
    assert [allocation.role for allocation in lab.allocations] == ["b"]


def test_update_framework_replaces_the_suppressed_roles(lab):
    """What is no longer suppressed is revived, without a run of its own."""
    lab.add_framework("f1", roles=("a", "b"), suppressed_roles=("a", "b"))
    lab.add_agent("a1", AGENT)
    lab.world.settle()
    lab.allocator.update_framework("f1", FrameworkInfo(roles=("a", "b"), capabilities=("MULTI_ROLE",)))
    assert offered(lab) == []
    lab.world.clock.advance("1secs")
    assert offered(lab) == ["f1"]


def test_leaving_a_role_drops_its_filters(lab):
    """Back in the role, the framework is offered what it once refused."""
    decline_first(lab, 3600)
    other = FrameworkInfo(roles=("other",), capabilities=("MULTI_ROLE",))
    lab.allocator.update_framework("f1", other)
    lab.allocator.suppress_offers("f1", ())
    lab.allocator.update_framework("f1", FrameworkInfo(roles=("*",), capabilities=("MULTI_ROLE",)))
    lab.world.clock.advance("1secs")
    assert offered(lab) == ["f1"]


def test_an_agent_that_changes_its_attributes_is_offered_again(lab):
    """Whoever refused it may have done so because of them."""
    decline_first(lab, 3600)
    info = SlaveInfo(hostname="a1", id="a1", resources=Resources.parse(AGENT), attributes=(Attribute(name="rack", value="2"),))
    lab.allocator.update_slave("a1", info)
    assert offered(lab) == ["f1"]


def test_a_removed_agent_takes_filters_with_it(lab):
    """The same id may come back without refusals."""
    decline_first(lab, 3600)
    lab.allocator.remove_slave("a1")
    lab.add_agent("a1", AGENT)
    assert offered(lab) == ["f1"]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (5.0, seconds(5)),
        (0, seconds(0)),
        (0.25, seconds(0.25)),
        (-1, seconds(5)),
        (float("nan"), seconds(5)),
        (float("inf"), seconds(5)),
        (1e12, hours(24 * 365)),
    ],
)
def test_refuse_seconds_that_make_no_sense_are_forgiven(given, wanted):
    """Negative and unrepresentable ones mean 5 s, more than a year means a year."""
    assert refuse_ns(Filters(refuse_seconds=given)) == wanted.ns


def test_a_framework_that_always_declines_does_not_keep_a_world_busy():
    """Filters expire in the background, as batches run: waiting until idle ends."""
    world = World(strategy="prompt")
    lab = AllocatorLab(world)
    decline_first(lab, 3600)
    world.run_until_idle()
    assert world.clock.elapsed < seconds(60)


def test_a_filter_made_just_after_a_batch_meets_the_next_under_every_order():
    """Its end falls due at the instant of that batch, after it: whatever the order of the events that both lead to, the run
    still sees the filter."""
    for seed in range(40):
        world = World(seed)
        world.clock.pause()
        lab = AllocatorLab(world)
        lab.add_agent("a1", "cpus:1;mem:512")
        lab.add_framework("f1")
        world.settle()
        lab.recover(lab.allocations[0])
        world.clock.advance("1secs")
        lab.recover(lab.allocations[1], refuse_seconds=1)
        world.settle()
        world.clock.jump("1secs")
        world.settle()
        assert len(lab.allocations) == 2, f"seed {seed}"
        world.clock.advance("1secs")
        assert len(lab.allocations) == 3, f"seed {seed}"
