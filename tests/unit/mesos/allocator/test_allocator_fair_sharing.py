"""Who is offered what: Mesos's own allocator tests on fair sharing."""

from __future__ import annotations

import pytest

from harness.errors import MisuseError
from harness.mesos.allocator import AllocatorLab, HierarchicalAllocator
from harness.mesos.messages import Attribute, FaultDomain
from harness.mesos.resources import Resource, Resources
from harness.simulation import World


@pytest.fixture
def lab() -> AllocatorLab:
    world = World(strategy="prompt")
    world.clock.pause()
    return AllocatorLab(world)


def step(lab: AllocatorLab) -> list[tuple[str, Resources]]:
    """Settle; what was offered since the last step, as (framework, resources)."""
    lab.world.settle()
    found = [(str(allocation.framework_id), allocation.resources) for allocation in lab.allocations]
    lab.allocations.clear()
    return found


def r(text: str) -> Resources:
    return Resources.parse(text)


def test_unreserved_drf(lab):
    """The worked example: each new agent goes to the role, and in it to the framework, that has least."""
    lab.add_agent("a1", "cpus:2;mem:1024")
    lab.add_framework("f1", "role1")
    assert step(lab) == [("f1", r("cpus:2;mem:1024"))]
    lab.add_framework("f2", "role2")
    assert step(lab) == []
    lab.add_agent("a2", "cpus:1;mem:512")
    assert step(lab) == [("f2", r("cpus:1;mem:512"))]
    lab.add_agent("a3", "cpus:3;mem:2048")
    assert step(lab) == [("f2", r("cpus:3;mem:2048"))]
    lab.add_framework("f3", "role1")
    assert step(lab) == []
    lab.add_agent("a4", "cpus:4;mem:4096")
    assert step(lab) == [("f3", r("cpus:4;mem:4096"))]
    lab.add_framework("f4", "role1")
    assert step(lab) == []
    lab.add_agent("a5", "cpus:1;mem:512")
    assert step(lab) == [("f2", r("cpus:1;mem:512"))]
    metrics = lab.allocator.metrics
    assert metrics["allocator/mesos/resources/cpus/total"] == 11
    assert metrics["allocator/mesos/resources/mem/total"] == 8192
    assert metrics["allocator/mesos/roles/role1/shares/dominant"] == 0.625


def test_nested_role_drf(lab):
    """Subtrees of roles compete first, then the roles within."""
    lab.add_agent("a1", "cpus:2;mem:1024")
    lab.add_framework("f1", "a/b")
    assert step(lab) == [("f1", r("cpus:2;mem:1024"))]
    lab.add_framework("f2", "a/c")
    lab.add_framework("f3", "d/e")
    assert step(lab) == []
    lab.add_agent("a2", "cpus:1;mem:512")
    assert step(lab) == [("f3", r("cpus:1;mem:512"))]
    lab.add_framework("f4", "d/f")
    assert step(lab) == []
    lab.add_agent("a3", "cpus:2;mem:1024")
    assert step(lab) == [("f4", r("cpus:2;mem:1024"))]


def test_same_share_fairness(lab):
    """Two frameworks that always decline are offered the agent in turn."""
    lab.add_framework("f1")
    lab.add_framework("f2")
    lab.add_agent("a1", "cpus:2;mem:1024")
    counts = {"f1": 0, "f2": 0}
    lab.world.settle()
    for _ in range(10):
        (allocation,) = lab.allocations
        lab.allocations.clear()
        counts[allocation.framework_id] += 1
        lab.recover(allocation, refuse_seconds=0)
        lab.world.clock.advance("1secs")
    assert counts == {"f1": 5, "f2": 5}


def test_reservations_are_offered_to_their_role_and_below_only(lab):
    """A framework elsewhere gets the unreserved rest; those in the role get both."""
    lab.add_framework("f1", "other")
    lab.add_agent("a1", "cpus:1;mem:512;cpus(a):2;mem(a):64")
    assert step(lab) == [("f1", r("cpus:1;mem:512"))]
    lab.add_framework("f2", "a/b")
    assert step(lab) == [("f2", r("cpus(a):2;mem(a):64"))]


def test_offered_resources_carry_their_allocation_role(lab):
    """So they can be given back as they came."""
    lab.add_agent("a1", "cpus:1;mem:512")
    lab.add_framework("f1", "web")
    lab.world.settle()
    assert lab.allocations[0]["a1"] == r("cpus:1;mem:512").allocate("web")
    assert lab.allocations[0].role == "web"


def test_a_framework_in_two_roles_is_offered_for_the_role_that_has_less(lab):
    """Roles are served in order, whoever is in them."""
    lab.add_framework("f1", roles=("a", "b"))
    lab.add_agent("a1", "cpus:1;mem:512")
    lab.world.settle()
    lab.add_agent("a2", "cpus:1;mem:512")
    lab.world.settle()
    assert [allocation.role for allocation in lab.allocations] == ["a", "b"]


def test_agents_with_gpus_are_kept_for_frameworks_that_use_them(lab):
    """Unless the option is off; see the next test."""
    lab.add_framework("f1")
    lab.add_agent("a1", "cpus:1;mem:512;gpus:1")
    assert step(lab) == []
    lab.add_framework("f2", capabilities=("GPU_RESOURCES",))
    assert step(lab) == [("f2", r("cpus:1;mem:512;gpus:1"))]


def test_the_gpu_rule_can_be_switched_off():
    """filter_gpu_resources=False offers every agent to everybody."""
    world = World(strategy="prompt")
    lab = AllocatorLab(world, filter_gpu_resources=False)
    lab.add_framework("f1")
    lab.add_agent("a1", "cpus:1;mem:512;gpus:1")
    assert len(step(lab)) == 1


def test_remote_agents_are_offered_to_region_aware_frameworks_only():
    """An agent of another region than the master's is for those who said they can cope."""
    world = World(strategy="prompt")
    lab = AllocatorLab(world, domain=FaultDomain(region="here", zone="1"))
    lab.add_framework("f1")
    lab.add_agent("a1", "cpus:1;mem:512", domain=FaultDomain(region="there", zone="1"))
    assert step(lab) == []
    lab.add_framework("f2", capabilities=("REGION_AWARE",))
    assert step(lab) == [("f2", r("cpus:1;mem:512"))]


def test_agents_offer_only_what_they_understand(lab):
    """No nested roles on an agent without HIERARCHICAL_ROLE, no multi-role frameworks without MULTI_ROLE."""
    lab.add_framework("f1", "a/b")
    lab.add_agent("a1", "cpus:1;mem:512", capabilities=("MULTI_ROLE",))
    lab.add_agent("a2", "cpus:1;mem:512", capabilities=())
    assert step(lab) == []


def test_revocable_and_shared_resources_need_capabilities(lab):
    """What a framework cannot handle is left out of its offers."""
    extra = Resources(
        [Resource(name="cpus", value=4.0, revocable=True), Resource(name="disk", value=9.0, shared=True)],
    )
    lab.add_framework("f1", "a")
    lab.add_agent("a1", r("cpus:1;mem:512") + extra)
    assert step(lab) == [("f1", r("cpus:1;mem:512"))]
    lab.add_framework("f2", "b", capabilities=("REVOCABLE_RESOURCES", "SHARED_RESOURCES"))
    assert step(lab) == [("f2", extra)]


def test_shared_resources_stay_available_while_in_use(lab):
    """Each run offers them anew, once."""
    shared = Resources([Resource(name="disk", value=9.0, shared=True)])
    lab.allocator.process.books.minimal = ()
    for name in ("f1", "f2"):
        lab.add_framework(name, capabilities=("SHARED_RESOURCES",))
    lab.add_agent("a1", r("cpus:1;mem:512") + shared)
    assert step(lab) == [("f1", r("cpus:1;mem:512") + shared)]
    lab.world.clock.advance("1secs")
    assert step(lab) == [("f2", shared)]


def test_offers_hold_a_minimal_amount(lab):
    """Less than 0.01 cpus and less than 32 MB is not worth an offer; either of both is."""
    lab.add_framework("f1")
    lab.add_agent("a1", "cpus:0.005;mem:31;disk:9999")
    assert step(lab) == []
    lab.add_agent("a2", "mem:32")
    assert step(lab) == [("f1", r("mem:32"))]


def test_minimal_amounts_can_be_set_for_all_and_by_framework():
    """The option takes the flag's notation; a framework's own setting for a role wins."""
    world = World(strategy="prompt")
    lab = AllocatorLab(world, min_allocatable_resources="cpus:1;mem:100|disk:50")
    lab.add_framework("f1", "a")
    lab.add_agent("a1", "cpus:1;mem:99")
    assert step(lab) == []
    lab.add_agent("a2", "disk:50")
    assert step(lab) == [("f1", r("disk:50"))]
    lab.add_framework("f2", "b", offer_filters={"b": ("mem:1",)})
    assert step(lab) == [("f2", r("cpus:1;mem:99"))]


def test_the_whitelist_names_the_hosts_to_offer(lab):
    """None means all hosts, an empty list none; a change waits for the next run."""
    lab.allocator.update_whitelist(["a2"])
    lab.add_framework("f1")
    lab.add_agent("a1", "cpus:1;mem:512")
    lab.add_agent("a2", "cpus:1;mem:512")
    lab.world.settle()
    assert [list(allocation.agents) for allocation in lab.allocations] == [["a2"]]
    lab.allocator.update_whitelist(None)
    lab.world.settle()
    assert len(lab.allocations) == 1
    lab.world.clock.advance("1secs")
    assert [list(allocation.agents) for allocation in lab.allocations] == [["a2"], ["a1"]]


def test_offer_constraints_choose_among_agents(lab):
    """A framework that constrains agents is passed over on the others."""
    lab.add_framework("f1", offer_constraints=lambda role, agent: Attribute(name="rack", value="1") in agent.attributes)
    lab.add_agent("a1", "cpus:1;mem:512")
    assert step(lab) == []
    lab.add_agent("a2", "cpus:1;mem:512", attributes=(Attribute(name="rack", value="1"),))
    assert step(lab) == [("f1", r("cpus:1;mem:512"))]


def test_weights_of_roles_count_from_the_next_run_on(lab):
    """A role of weight 3 gets three times as much before it is as well served as another."""
    lab.allocator.update_weights({"heavy": 3.0})
    lab.add_framework("f1", "heavy")
    lab.add_framework("f2", "light")
    lab.world.settle()
    for n in range(8):
        lab.add_agent(f"a{n}", "cpus:1;mem:512")
        lab.world.settle()
    owners = [allocation.role for allocation in lab.allocations]
    assert owners.count("heavy") == 6
    assert owners.count("light") == 2


def test_agents_are_visited_in_a_drawn_order():
    """Under random choices the order of agents differs between seeds; which ones are offered does not."""
    seen = set()
    for seed in range(20):
        world = World(seed=seed)
        lab = AllocatorLab(world)
        for n in range(4):
            lab.add_agent(f"a{n}", "cpus:1;mem:512")
        world.settle()
        lab.add_framework("f1")
        world.settle()
        (allocation,) = lab.allocations
        seen.add(tuple(allocation.agents))
        assert sorted(allocation.agents) == ["a0", "a1", "a2", "a3"]
    assert len(seen) > 5


def test_callbacks_come_in_the_order_of_framework_ids(lab):
    """One callback a framework and run, ordered by id, however the agents were visited."""
    for name in ("f9", "f1", "f5"):
        lab.add_framework(name)
    for n in range(3):
        lab.add_agent(f"a{n}", "cpus:1;mem:512")
    lab.world.settle()
    assert [str(allocation.framework_id) for allocation in lab.allocations] == ["f1", "f5", "f9"]


def test_the_random_sorter_serves_everybody():
    """With sorter="random" who goes first is drawn, and over many seeds everybody does."""
    first = set()
    for seed in range(30):
        world = World(seed=seed)
        lab = AllocatorLab(world, HierarchicalAllocator(sorter="random"))
        for name in ("f1", "f2", "f3"):
            lab.add_framework(name)
        world.settle()
        lab.add_agent("a1", "cpus:1;mem:512")
        world.settle()
        first.add(str(lab.allocations[0].framework_id))
    assert first == {"f1", "f2", "f3"}


def test_an_unknown_sorter_is_refused():
    """The error lists those that exist."""
    with pytest.raises(MisuseError, match="sorter='fair' is not known; wanted one of 'drf', 'random'"):
        HierarchicalAllocator(sorter="fair")
