"""When runs happen: triggers, coalescing, batches, pause, recovery; and calls that come too late."""

from __future__ import annotations

import pytest

from harness.errors import InvariantError, MisuseError
from harness.mesos.allocator import Allocator, AllocatorLab, HierarchicalAllocator, Options, Quota
from harness.mesos.messages import Filters, FrameworkInfo, SlaveInfo
from harness.mesos.resources import Resources
from harness.simulation import Process, World

AGENT = "cpus:1;mem:512"
RUNS = "allocator/mesos/allocation_runs"


@pytest.fixture
def lab() -> AllocatorLab:
    world = World(strategy="prompt")
    world.clock.pause()
    return AllocatorLab(world)


def runs(lab: AllocatorLab) -> int:
    lab.world.settle()
    return int(lab.allocator.metrics[RUNS])


def both_orders(seeds: int = 200) -> dict[tuple[str, ...], int]:
    """Who is offered an agent when a framework, the agent and a better placed framework are added in a row."""
    found: dict[tuple[str, ...], int] = {}
    for seed in range(seeds):
        world = World(seed=seed)
        lab = AllocatorLab(world)
        lab.add_framework("f2")
        lab.add_agent("a1", AGENT)
        lab.add_framework("f1")
        world.settle()
        names = tuple(str(allocation.framework_id) for allocation in lab.allocations)
        found[names] = found.get(names, 0) + 1
    return found


def test_calls_in_a_row_lead_to_one_run_that_sees_all(lab):
    """Triggers coalesce: what was queued behind the first takes part in the run."""
    lab.add_agent("a1", AGENT)
    lab.add_agent("a2", AGENT)
    lab.add_framework("f1")
    lab.world.settle()
    assert runs(lab) == 1
    (allocation,) = lab.allocations
    assert list(allocation.agents) == ["a1", "a2"]


def test_a_run_may_come_before_or_after_the_next_call():
    """Both orders of the run and a later call are possible, so fair share decides in some runs and arrival in others."""
    found = both_orders()
    assert set(found) == {("f1",), ("f2",)}
    assert min(found.values()) > 10


def test_settling_after_each_call_forces_the_order():
    """With a settle in between only one outcome is left, under every seed."""
    for seed in range(50):
        world = World(seed=seed)
        lab = AllocatorLab(world)
        lab.add_framework("f2")
        world.settle()
        lab.add_agent("a1", AGENT)
        world.settle()
        lab.add_framework("f1")
        world.settle()
        assert [allocation.framework_id for allocation in lab.allocations] == ["f2"]


@pytest.mark.parametrize(
    "call",
    [
        lambda lab: lab.allocator.add_framework("f2", FrameworkInfo(), {}, True),
        lambda lab: lab.allocator.activate_framework("f1"),
        lambda lab: lab.allocator.revive_offers("f1", ()),
        lambda lab: lab.add_agent("a2", AGENT),
        lambda lab: lab.update_agent("a1", "cpus:2;mem:512"),
        lambda lab: lab.allocator.update_unavailability("a1", None),
    ],
    ids=["add_framework", "activate_framework", "revive_offers", "add_slave", "update_slave", "update_unavailability"],
)
def test_these_calls_lead_to_a_run(lab, call):
    """Exactly one run follows, at once."""
    lab.add_framework("f1")
    lab.add_agent("a1", AGENT)
    before = runs(lab)
    call(lab)
    assert runs(lab) == before + 1


@pytest.mark.parametrize(
    "call",
    [
        lambda lab: lab.recover(lab.allocations[0]),
        lambda lab: lab.recover(lab.allocations[0], 0, is_allocated=True),
        lambda lab: lab.allocator.add_framework("f2", FrameworkInfo(), {}, False),
        lambda lab: lab.allocator.remove_framework("f1"),
        lambda lab: lab.allocator.deactivate_framework("f1"),
        lambda lab: lab.allocator.update_framework("f1", FrameworkInfo(roles=("x",))),
        lambda lab: lab.allocator.suppress_offers("f1", ()),
        lambda lab: lab.allocator.remove_slave("a1"),
        lambda lab: lab.update_agent("a1", AGENT),
        lambda lab: lab.allocator.deactivate_slave("a1"),
        lambda lab: lab.allocator.activate_slave("a1"),
        lambda lab: lab.allocator.update_whitelist(["a1"]),
        lambda lab: lab.set_quota("*", limits="cpus:1"),
        lambda lab: lab.allocator.update_weights([("*", 2.0)]),
        lambda lab: lab.allocator.resume(),
        lambda lab: lab.allocator.request_resources("f1", ()),
        lambda lab: lab.allocator.transition_offered_to_allocated("a1", Resources.parse(AGENT)),
    ],
)
def test_these_calls_wait_for_the_batch(lab, call):
    """No run follows until the interval is over."""
    lab.add_framework("f1")
    lab.add_agent("a1", AGENT)
    before = runs(lab)
    call(lab)
    assert runs(lab) == before
    lab.world.clock.advance("1secs")
    assert runs(lab) == before + 1


def test_batches_come_one_interval_after_the_last(lab):
    """With time standing still during runs they lie on a grid that does not drift."""
    lab.world.clock.advance("999ms")
    assert runs(lab) == 0
    lab.world.clock.advance("1ms")
    assert runs(lab) == 1
    lab.world.clock.advance("10secs")
    assert runs(lab) == 11


def test_the_interval_can_be_set():
    """allocation_interval is an option of the allocator and takes any duration."""
    lab = AllocatorLab(World(strategy="prompt"), allocation_interval="50ms")
    lab.world.run_for("1secs")
    assert runs(lab) == 20


def test_the_next_interval_begins_when_the_run_has_ended():
    """A run that is held back holds back the batches after it, too."""
    world = World(strategy="prompt")
    world.clock.pause()
    lab = AllocatorLab(world)
    world.settle()
    address = lab.allocator.address
    with world.messages.hold_dispatch(address, "_generate_offers") as rule:
        world.clock.advance("5secs")
        assert runs(lab) == 0
        rule.release()
    world.clock.advance("1secs")
    assert runs(lab) == 2


def test_while_paused_triggers_are_forgotten(lab):
    """What would have triggered a run waits for the next batch after the resume."""
    lab.allocator.pause()
    lab.add_framework("f1")
    lab.add_agent("a1", AGENT)
    lab.world.clock.advance("3secs")
    lab.allocator.resume()
    lab.world.settle()
    assert lab.allocations == []
    lab.world.clock.advance("1secs")
    assert len(lab.allocations) == 1


def test_pause_is_not_counted(lab):
    """One resume ends any number of pauses."""
    lab.allocator.pause()
    lab.allocator.pause()
    lab.allocator.resume()
    lab.add_framework("f1")
    lab.add_agent("a1", AGENT)
    lab.world.settle()
    assert len(lab.allocations) == 1


def test_deactivated_agents_are_not_offered_but_counted(lab):
    """They stay in the denominators of all shares, and come back with the batch after their activation."""
    lab.add_agent("a1", AGENT)
    lab.allocator.deactivate_slave("a1")
    lab.add_framework("f1")
    lab.world.clock.advance("2secs")
    assert lab.allocations == []
    assert lab.allocator.metrics["allocator/mesos/resources/cpus/total"] == 1
    lab.allocator.activate_slave("a1")
    lab.world.clock.advance("1secs")
    assert len(lab.allocations) == 1


# --- recovery


def test_without_quotas_recovery_holds_nothing_back(lab):
    """The next agent is offered at once."""
    lab.allocator.recover(10, {})
    lab.add_framework("f1")
    lab.add_agent("a1", AGENT)
    lab.world.settle()
    assert len(lab.allocations) == 1


def test_with_quotas_offers_wait_for_most_agents(lab):
    """Four of five agents end the wait, and the last of them leads to a run over itself."""
    lab.allocator.recover(5, {"web": Quota("cpus:1")})
    lab.add_framework("f1", "web")
    for n in range(3):
        lab.add_agent(f"a{n}", AGENT)
    lab.world.clock.advance("5secs")
    assert lab.allocations == []
    lab.add_agent("a3", AGENT)
    lab.world.settle()
    assert [list(allocation.agents) for allocation in lab.allocations] == [["a3"]]


def test_with_quotas_offers_wait_no_longer_than_ten_minutes(lab):
    """Agents that never return do not stop the cluster for ever."""
    lab.allocator.recover(5, {"web": Quota("cpus:1")})
    lab.add_framework("f1", "web")
    lab.add_agent("a0", AGENT)
    lab.world.clock.advance("599secs")
    assert lab.allocations == []
    lab.world.clock.advance("2secs")
    assert len(lab.allocations) == 1


def test_a_pause_and_a_resume_end_the_wait_early(lab):
    """The switch is not counted, in Mesos either."""
    lab.allocator.recover(5, {"web": Quota("cpus:1")})
    lab.allocator.pause()
    lab.allocator.resume()
    lab.add_framework("f1", "web")
    lab.add_agent("a0", AGENT)
    lab.world.settle()
    assert len(lab.allocations) == 1


def test_a_small_registry_is_not_waited_for(lab):
    """80 % of one agent is none, rounded down."""
    lab.allocator.recover(1, {"web": Quota("cpus:1")})
    lab.add_framework("f1", "web")
    lab.add_agent("a0", AGENT)
    lab.world.settle()
    assert len(lab.allocations) == 1


# --- too late, twice, wrong


def test_calls_about_unknown_agents_and_frameworks_are_noted_and_ignored(lab):
    """A double may have kept an addition back, or a removal was faster."""
    gone = Resources.parse(AGENT).allocate("*")
    allocator = lab.allocator
    allocator.recover_resources("f9", "a9", gone, Filters(), True)
    allocator.remove_slave("a9")
    allocator.deactivate_slave("a9")
    allocator.activate_slave("a9")
    allocator.update_slave("a9", SlaveInfo(hostname="a9"))
    allocator.remove_framework("f9")
    allocator.deactivate_framework("f9")
    allocator.activate_framework("f9")
    allocator.suppress_offers("f9", ())
    allocator.revive_offers("f9", ())
    assert runs(lab) == 0


def test_resources_of_a_removed_agent_come_back_to_nobody(lab):
    """Recovering them after the removal is harmless, also if the framework lives on."""
    lab.add_framework("f1")
    lab.add_agent("a1", AGENT)
    lab.world.settle()
    allocation = lab.allocations[0]
    lab.allocator.remove_slave("a1")
    lab.recover(allocation, 3600)
    lab.world.settle()
    assert lab.allocator.metrics["allocator/mesos/resources/cpus/total"] == 0
    assert lab.allocator.metrics["allocator/mesos/roles/*/shares/dominant"] == 0


def test_resources_of_a_removed_framework_are_free_at_once(lab):
    """A later recovery of the same resources is ignored."""
    lab.add_framework("f1")
    lab.add_agent("a1", AGENT)
    lab.world.settle()
    lab.allocator.remove_framework("f1")
    lab.add_framework("f2")
    lab.recover(lab.allocations[0])
    lab.world.settle()
    assert [allocation.framework_id for allocation in lab.allocations] == ["f1", "f2"]


def test_giving_back_twice_is_an_invariant_error(lab):
    """The error names framework, agent, what was given back and what was held."""
    lab.add_framework("f1")
    lab.add_agent("a1", AGENT)
    lab.world.settle()
    lab.recover(lab.allocations[0])
    lab.recover(lab.allocations[0])
    with pytest.raises(InvariantError, match=r"framework f1 gives back cpus.* on agent a1, but what it holds there is \{\}"):
        lab.world.settle()


def test_adding_an_agent_or_framework_twice_is_an_invariant_error():
    """Mesos would abort; here the run fails and says which."""
    for add in (lambda lab: lab.add_agent("a1", AGENT), lambda lab: lab.add_framework("f1")):
        lab = AllocatorLab(World(strategy="prompt"))
        add(lab)
        add(lab)
        with pytest.raises(InvariantError, match="was added twice"):
            lab.world.settle()


def test_an_allocator_that_nobody_started_says_so():
    """The error says how to start it."""
    allocator = HierarchicalAllocator()
    with pytest.raises(MisuseError, match=r"start\(world\)"):
        allocator.pause()
    with pytest.raises(MisuseError, match=r"start\(world\)"):
        allocator.initialize(Options(), print, print)
    with pytest.raises(MisuseError, match=r"start\(world\)"):
        _ = allocator.metrics


def test_options_are_checked():
    """A wrong name, interval or quota is refused with the value."""
    with pytest.raises(MisuseError, match="no option 'interval'; it takes .*allocation_interval"):
        AllocatorLab(World(), interval=3)
    with pytest.raises(MisuseError, match="allocation_interval=0"):
        AllocatorLab(World(), allocation_interval=0)


def test_start_uses_the_allocator_without_a_master():
    """Offers go to the callback given, by role and agent, with their allocation role."""
    world = World(strategy="prompt")
    offers = []
    allocator = HierarchicalAllocator().start(world, Options(), lambda *offer: offers.append(offer), lambda *offer: None)
    allocator.add_framework("f1", FrameworkInfo(roles=("web",)), {}, True)
    total = Resources.parse(AGENT)
    allocator.add_slave("a1", SlaveInfo(hostname="h"), (), None, total, {})
    world.settle()
    assert offers == [("f1", {"web": {"a1": total.allocate("web")}})]


def test_a_minimal_subclass_needs_the_essential_methods_only():
    """What an allocator may do without has defaults, and the futures among them are answered."""
    essential = [
        "initialize",
        "add_framework",
        "remove_framework",
        "activate_framework",
        "deactivate_framework",
        "update_framework",
        "add_slave",
        "remove_slave",
        "update_slave",
        "activate_slave",
        "deactivate_slave",
        "update_allocation",
        "recover_resources",
    ]
    assert sorted(Allocator.__abstractmethods__) == sorted(essential)
    minimal = type("Minimal", (Allocator,), {name: lambda self, *args: None for name in essential})()
    owner = Process("owner")
    minimal.bind(owner)
    assert minimal.owner is owner
    minimal.recover(1, {})
    minimal.add_resource_provider("a", Resources(), {})
    minimal.update_whitelist(None)
    minimal.request_resources("f", ())
    minimal.transition_offered_to_allocated("a", Resources())
    minimal.suppress_offers("f", ())
    minimal.revive_offers("f", ())
    minimal.update_unavailability("a", None)
    minimal.update_inverse_offer("a", "f")
    minimal.update_quota("r", Quota())
    minimal.update_weights([])
    minimal.pause()
    minimal.resume()
    assert minimal.get_inverse_offer_statuses().get() == {}
    assert minimal.update_available("a", ()).failed
