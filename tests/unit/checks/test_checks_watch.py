"""Watching an allocator: every kind of fault is found, and a right one is never accused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness import Cluster, MockAllocator
from harness.checks import AllocatorWatch, OfferedOnce, all_checks
from harness.errors import InvariantError
from harness.mesos.allocator import Allocation, AllocatorLab, HierarchicalAllocator, Quota, ResourceConversion
from harness.mesos.allocator.books import Books, Framework, Slave
from harness.mesos.allocator.quota import Headroom
from harness.mesos.messages import Filters
from harness.mesos.resources import Resource, Resources
from harness.simulation import World


def r(text: str) -> Resources:
    return Resources.parse(text)


@pytest.fixture
def lab() -> AllocatorLab:
    world = World(strategy="prompt")
    return AllocatorLab(world, AllocatorWatch(HierarchicalAllocator()))


def decline_all(lab: AllocatorLab) -> None:
    for allocation in lab.allocations:
        lab.recover(allocation, refuse_seconds=10)
    lab.allocations.clear()


def test_offering_what_somebody_holds_is_found(lab, monkeypatch):
    """The error names the offer, what is not free, and who has it."""
    monkeypatch.setattr(Slave, "free", property(lambda slave: slave.total))
    lab.add_agent("a1", "cpus:2;mem:1024")
    lab.add_framework("f1")
    lab.world.settle()
    lab.add_framework("f2")
    with pytest.raises(InvariantError, match=r"OfferedOnce: cpus:2; mem:1024 of it is not free.*f1 has cpus:2; mem:1024 for \*"):
        lab.world.settle()


def test_offering_a_refused_agent_too_early_is_found(lab, monkeypatch):
    """A filter that is forgotten at the next batch breaks the promise that the refusal was given."""
    monkeypatch.setattr(Framework, "refuses", lambda *_: False)
    lab.add_agent("a1", "cpus:2;mem:1024")
    lab.add_framework("f1")
    lab.world.settle()
    decline_all(lab)
    with pytest.raises(InvariantError, match=r"RefusalsKept: the framework refused cpus:2; mem:1024 of it until 10secs"):
        lab.world.clock.advance("2secs")


def test_offers_beyond_a_limit_are_found(lab, monkeypatch):
    """What the role would have and what it may have are in the error."""
    monkeypatch.setattr(Headroom, "within_limits", lambda self, role, resources: resources)
    lab.set_quota("web", limits="cpus:1")
    lab.add_framework("f1", role="web/front")
    lab.world.settle()
    lab.add_agent("a1", "cpus:2;mem:1024")
    with pytest.raises(InvariantError, match="QuotaLimits: with it role 'web' has cpus:2, above its limit of 1"):
        lab.world.settle()


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        (lambda lab: lab.allocator.suppress_offers("f1", ()), "has suppressed offers"),
        (lambda lab: lab.allocator.deactivate_framework("f1"), "the framework is deactivated"),
        (lambda lab: lab.allocator.remove_framework("f1"), "framework was never added, or is removed"),
        (lambda lab: lab.allocator.deactivate_slave("a1"), "the agent is deactivated"),
        (lambda lab: lab.allocator.remove_slave("a1"), "agent was never added, or is removed"),
        (lambda lab: lab.allocator.update_whitelist(["elsewhere"]), "not on the whitelist"),
    ],
)
def test_offers_to_those_who_must_not_have_them_are_found(call, wanted):
    """An allocator that does not listen is found out by its next offer."""

    class Deaf(HierarchicalAllocator):
        def suppress_offers(self, framework_id, roles):
            pass

        deactivate_framework = remove_framework = deactivate_slave = remove_slave = update_whitelist = lambda self, *_: None

    lab = AllocatorLab(World(strategy="prompt"), AllocatorWatch(Deaf()))
    lab.add_framework("f1")
    lab.add_agent("a1", "cpus:2;mem:1024")
    lab.world.settle()
    lab.recover(lab.allocations[0])
    lab.world.settle()
    call(lab)
    with pytest.raises(InvariantError, match=f"Eligibility: .*{wanted}"):
        lab.world.clock.advance("1secs")


def test_reservations_for_others_are_found(lab, monkeypatch):
    """What is reserved for a role is offered to that role and below only."""
    monkeypatch.setattr(Resources, "allocatable_to", lambda self, role: self)
    lab.add_framework("f1", role="web")
    lab.world.settle()
    lab.add_agent("a1", "cpus(db):2;mem:1024")
    with pytest.raises(InvariantError, match="Eligibility: cpus is reserved for 'db'"):
        lab.world.settle()


def test_wrong_sums_are_found(lab, monkeypatch):
    """An allocator that counts an agent's share wrongly is found when its figures are compared."""
    original = Books.account

    def twice(self, framework, slave_id, resources):
        original(self, framework, slave_id, resources + resources)

    monkeypatch.setattr(Books, "account", twice)
    watch = AllocatorWatch(HierarchicalAllocator())
    lab = AllocatorLab(World(strategy="prompt"), watch)
    lab.add_framework("f1", role="web")
    lab.add_agent("a1", "cpus:4;mem:1024", used={"f1": r("cpus:1").allocate("web")})
    lab.allocator.deactivate_framework("f1")
    lab.world.settle()
    with pytest.raises(InvariantError, match=r"roles/web/shares/dominant is .*, but what the role holds is a share of 0\.25"):
        watch.verify()


def test_a_finding_is_reported_at_the_end_of_the_run_too(lab, monkeypatch):
    """Whoever swallows the error at the offer hears of it at the end."""
    monkeypatch.setattr(Slave, "free", property(lambda slave: slave.total))
    lab.add_agent("a1", "cpus:2;mem:1024")
    lab.add_framework("f1")
    lab.add_framework("f2")
    with pytest.raises(InvariantError):
        lab.world.run_for("3secs")
    assert len(lab.allocator.verify_at_end()) == 1


def test_a_check_of_ones_own_may_take_the_place_of_the_others():
    """Only the checks given are made."""
    watch = AllocatorWatch(HierarchicalAllocator(), [OfferedOnce()])
    assert [type(check) for check in watch.checks] == [OfferedOnce]
    assert len(all_checks()) == 5


def test_calls_and_offers_are_recorded(lab):
    """The record has both directions, with virtual times."""
    lab.add_framework("f1")
    lab.add_agent("a1", "cpus:2;mem:1024")
    lab.world.settle()
    assert [call.method for call in lab.allocator.calls] == ["add_framework", "add_slave", "offer"]
    assert lab.allocator.calls[-1].args["framework_id"] == "f1"


# --- never a false accusation


def forget(lab: AllocatorLab, is_gone: Callable[[Allocation], bool]) -> None:
    """Offers of what was removed are never given back."""
    lab.world.settle()
    lab.allocations[:] = [allocation for allocation in lab.allocations if not is_gone(allocation)]


def act(lab: AllocatorLab, choose: Callable[[str, int], int]) -> None:
    """One random thing that a master might do."""
    allocator = lab.allocator
    agent, framework = f"a{choose('agent', 4)}", f"f{choose('framework', 4)}"
    ledger = allocator.ledger
    kind = choose("kind", 14)
    if kind == 0:
        if agent not in ledger.agents:
            lab.add_agent(agent, "cpus:4;mem:1024;cpus(x):1;ports:[1-20]")
    elif kind == 1:
        if framework not in ledger.frameworks:
            roles = ("x", "y", "x/z")[: 1 + choose("roles", 3)]
            lab.add_framework(framework, roles=roles, suppressed_roles=roles[: choose("suppressed", 2)])
    elif kind == 2:
        allocator.remove_slave(agent)
        forget(lab, lambda allocation: agent in allocation.agents)
    elif kind == 3:
        allocator.remove_framework(framework)
        forget(lab, lambda allocation: allocation.framework_id == framework)
    elif kind in (4, 5, 6, 7) and lab.allocations:
        allocation = lab.allocations.pop(choose("allocation", len(lab.allocations)))
        for slave_id, resources in allocation.agents.items():
            part = resources.filter(lambda identity: identity.name != "mem") if choose("part", 2) else resources
            filters = Filters(refuse_seconds=choose("refuse", 5)) if choose("filters", 2) else None
            known = ledger.agents.get(slave_id)
            held = known.held.get(str(allocation.framework_id), {}).get(allocation.role) if known else None
            if held:
                allocator.recover_resources(allocation.framework_id, slave_id, part, filters, False)
    elif kind == 8:
        allocator.suppress_offers(framework, ())
    elif kind == 9:
        allocator.revive_offers(framework, ())
    elif kind == 10:
        (allocator.deactivate_slave if choose("off", 2) else allocator.activate_slave)(agent)
    elif kind == 11:
        (allocator.deactivate_framework if choose("off", 2) else allocator.activate_framework)(framework)
    elif kind == 12:
        limits = f"cpus:{choose('limit', 8)}" if choose("limited", 2) else ""
        allocator.update_quota("x", Quota(limits=limits))
    else:
        allocator.update_whitelist([f"a{n}" for n in range(choose("hosts", 5))] if choose("list", 2) else None)


@pytest.mark.parametrize("version", ["1.0", "1.2", "1.5", "1.11"])
@pytest.mark.parametrize("seed", range(8))
def test_the_default_allocator_is_never_accused(seed, version):
    """Whatever a master does, in whatever order it is served, all checks hold and the sums agree."""
    world = World(seed)
    watch = AllocatorWatch(HierarchicalAllocator("random" if seed % 2 else "drf"))
    lab = AllocatorLab(world, watch, mesos_version=version)

    def choose(label: str, bound: int) -> int:
        return world.choices.draw(world.choices.stream(label, "test"), bound - 1) if bound > 1 else 0

    offers = 0
    for _ in range(150):
        act(lab, choose)
        if choose("pause", 3) == 0:
            world.run_for(f"{choose('time', 1500)}ms")
            world.settle()
            if not watch.ledger.unserved:
                watch.verify()
        offers = len(watch.calls)
    assert offers > 100


def test_conversions_and_providers_are_followed(lab):
    """Reserving within an offer, converting free resources and new providers keep the ledger right."""
    watch = lab.allocator
    lab.add_framework("f1", role="web")
    lab.add_agent("a1", "cpus:4;mem:1024")
    lab.world.settle()
    offered = r("cpus:4;mem:1024").allocate("web")
    reserved = Resources([Resource(name="cpus", value=4.0, reservations=(("DYNAMIC", "web"),), allocation_role="web")])
    conversion = ResourceConversion(consumed=r("cpus:4").allocate("web"), converted=reserved)
    watch.update_allocation("f1", "a1", offered, [conversion])
    watch.add_resource_provider("a1", r("cpus:2"), {})
    lab.world.settle()
    taken = ResourceConversion(consumed=r("cpus:2"), converted=r("cpus(db):2"))
    lab.world.wait(watch.update_available("a1", [taken]))
    lab.world.settle()
    watch.verify()
    assert watch.ledger.total() == {"cpus": 6000, "mem": 1024000}
    assert watch.ledger.consumed("web") == {"cpus": 4000, "mem": 1024000}
    assert watch.ledger.consumed("db") == {"cpus": 2000}


def test_a_whole_cluster_can_be_watched():
    """The watch stands between master and allocator as any allocator does."""
    watch = AllocatorWatch(HierarchicalAllocator())
    with Cluster(seed=3) as cluster:
        cluster.start_master(allocator=watch)
        agent = cluster.start_agent("cpus:4;mem:2048")
        framework = cluster.start_framework()
        offer = cluster.wait(framework.next_offers())[0]
        task = framework.run_task(offer, resources="cpus:1;mem:128")
        cluster.run_for("10secs")
        watch.verify()
        held = watch.ledger.agents[agent.id].held[framework.id]["*"]
        assert task is not None
        assert held
    assert not watch.findings


def test_a_watched_allocator_may_stand_behind_a_mock():
    """Expectations in front, checks behind: both see every call."""
    watch = AllocatorWatch(HierarchicalAllocator())
    mock = MockAllocator(real=watch)
    with Cluster(seed=1) as cluster:
        cluster.start_master(allocator=mock)
        added = mock.expect.add_slave().at_least_once()
        cluster.start_agent("cpus:4;mem:2048")
        framework = cluster.start_framework()
        cluster.wait(framework.next_offers())
        assert added.satisfied
        assert [call.method for call in watch.calls].count("add_slave") == added.count
        assert "offer" in [call.method for call in watch.calls]
