"""The books: what is free, what is held, and that nothing is lost or counted twice."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.mesos.allocator import AllocatorLab, ResourceConversion
from harness.mesos.allocator.books import Books
from harness.mesos.messages import FrameworkInfo
from harness.mesos.resources import Resources
from harness.simulation import World


@pytest.fixture
def lab() -> AllocatorLab:
    world = World(strategy="prompt")
    world.clock.pause()
    return AllocatorLab(world)


def r(text: str) -> Resources:
    return Resources.parse(text)


def check(books: Books) -> None:
    """The invariants that hold between any two events."""
    totals: dict[str, int] = {}
    for slave in books.slaves.values():
        held = Resources.sum(slave.allocated.values()).unallocate()
        assert held == slave.used
        assert held + slave.free == slave.total
        for name, value in slave.total.quantities.items():
            totals[name] = totals.get(name, 0) + value
    assert {name: value for name, value in books.totals.quantities.items() if value} == totals
    for role, members in books.roles.items():
        sums: dict[str, int] = {}
        for framework_id in members:
            for name, value in books.framework_sorters[role].quantities(framework_id).items():
                sums[name] = sums.get(name, 0) + value
        assert books.role_sorter.quantities(role) == sums
        held_in_role = Resources.sum(
            held.allocations.get(role, Resources())
            for slave in books.slaves.values()
            for framework_id, held in slave.allocated.items()
            if framework_id in books.frameworks
        )
        assert held_in_role.quantities == sums
    for framework in books.frameworks.values():
        assert set(framework.holds_on) == {slave.id for slave in books.slaves.values() if framework.id in slave.allocated}


STEPS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5)), min_size=3, max_size=40)


@given(STEPS, st.integers(0, 1000))
@settings(max_examples=80, deadline=None)
def test_nothing_is_lost_or_counted_twice(steps, seed):
    """Whatever agents and frameworks do, held and free make up the total, and shares are the sums of what is held."""
    world = World(seed=seed)
    lab = AllocatorLab(world)
    names = itertools.count()
    agents: list[str] = []
    frameworks: list[str] = []
    for kind, pick in steps:
        if kind <= 1:
            agents.append(lab.add_agent(f"a{next(names)}", "cpus:2;mem:1024;ports:[1-9];cpus(x):1"))
        elif kind <= 3:
            frameworks.append(lab.add_framework(f"f{next(names)}", roles=(("x", "x/y", "z", "*")[pick % 4], "w")))
        elif kind == 4 and agents:
            lab.allocator.remove_slave(agents.pop(pick % len(agents)))
        elif kind == 5 and frameworks:
            lab.allocator.remove_framework(frameworks.pop(pick % len(frameworks)))
        elif kind == 6 and lab.allocations:
            lab.recover(lab.allocations.pop(pick % len(lab.allocations)), pick * 0.5)
        elif kind == 7 and frameworks:
            lab.allocator.deactivate_framework(frameworks[pick % len(frameworks)])
        elif kind == 8 and frameworks:
            lab.allocator.update_framework(
                frameworks[pick % len(frameworks)], FrameworkInfo(roles=("w", "new"), capabilities=("MULTI_ROLE",))
            )
        else:
            world.clock.advance(pick * 0.5)
        world.settle()
        check(lab.allocator.process.books)


def test_used_resources_of_an_agent_are_not_offered(lab):
    """What frameworks hold when the agent is added is taken, and counts for those that are known."""
    lab.add_framework("f1", "web")
    lab.add_agent("a1", "cpus:4;mem:1024", used={"f1": r("cpus:1;mem:256").allocate("web"), "f9": r("cpus:1").allocate("web")})
    lab.world.settle()
    assert lab.allocations[0].resources == r("cpus:2;mem:768")
    assert lab.allocator.process.books.role_sorter.quantities("web") == {"cpus": 3000, "mem": 1024000}


def test_a_framework_added_after_its_agent_brings_its_shares(lab):
    """Usage is counted once, whoever comes first."""
    used = r("cpus:1;mem:256").allocate("web")
    lab.add_agent("a1", "cpus:4;mem:1024", used={"f1": used})
    lab.add_framework("f1", "web", used={"a1": used}, active=False)
    lab.world.settle()
    books = lab.allocator.process.books
    check(books)
    assert books.role_sorter.share("web") == 0.25
    lab.allocator.recover_resources("f1", "a1", used, None, True)
    lab.world.settle()
    check(books)
    assert books.role_sorter.share("web") == 0


def test_a_framework_keeps_a_role_it_left_while_it_holds_something_there(lab):
    """The role is forgotten with the last resource, and gets no offers before."""
    lab.add_framework("f1", "web")
    lab.add_agent("a1", "cpus:1;mem:512")
    lab.world.settle()
    books = lab.allocator.process.books
    lab.allocator.update_framework("f1", FrameworkInfo(roles=("other",), capabilities=("MULTI_ROLE",)))
    lab.world.settle()
    assert list(books.roles) == ["web", "other"]
    lab.recover(lab.allocations.pop())
    lab.world.settle()
    assert list(books.roles) == ["other"]
    lab.world.clock.advance("1secs")
    assert [allocation.role for allocation in lab.allocations] == ["other"]


def test_an_agent_that_shrinks_below_its_use_offers_nothing(lab):
    """What is held stays held; nothing is offered until enough has come back."""
    lab.add_framework("f1")
    lab.add_agent("a1", "cpus:4;mem:1024")
    lab.world.settle()
    lab.update_agent("a1", "cpus:1;mem:512")
    lab.world.settle()
    lab.recover(lab.allocations.pop())
    lab.world.clock.advance("1secs")
    assert lab.allocations[0].resources == r("cpus:1;mem:512")


def test_resources_without_a_role_belong_to_the_first_role(lab):
    """So that callers with one role need not mark what they give back."""
    lab.add_framework("f1", "web")
    lab.add_agent("a1", "cpus:1;mem:512")
    lab.world.settle()
    lab.allocator.recover_resources("f1", "a1", r("cpus:1"), None, False)
    lab.world.settle()
    check(lab.allocator.process.books)
    assert lab.allocator.metrics["allocator/mesos/resources/cpus/offered_or_allocated"] == 0


def test_a_framework_converts_what_it_was_offered(lab):
    """Reserving within an offer changes the agent's total, and the shares stay as they were."""
    lab.add_framework("f1", "web")
    lab.add_agent("a1", "cpus:2;mem:512")
    lab.world.settle()
    offered = lab.allocations[0]["a1"]
    reserve = ResourceConversion(consumed=r("cpus:1").allocate("web"), converted=r("cpus(web):1").allocate("web"))
    lab.allocator.update_allocation("f1", "a1", offered, (reserve,))
    lab.world.settle()
    books = lab.allocator.process.books
    check(books)
    assert books.slaves["a1"].total == r("cpus:1;mem:512;cpus(web):1")
    assert books.role_sorter.share("web") == 1


def test_an_operator_converts_free_resources(lab):
    """The future is ready when it is done and fails when they are not free."""
    lab.add_agent("a1", "cpus:2;mem:512")
    reserve = ResourceConversion(consumed=r("cpus:2"), converted=r("cpus(web):2"))
    assert lab.world.wait(lab.allocator.update_available("a1", (reserve,))) is None
    again = lab.allocator.update_available("a1", (reserve,))
    lab.world.settle()
    assert again.failed
    assert "cpus:2 is not available on agent a1" in str(again.error)


def test_a_resource_provider_adds_to_its_agent(lab):
    """Its resources are offered with the next batch, what is used of them is not."""
    lab.add_framework("f1", "web")
    lab.add_agent("a1", "cpus:1;mem:512")
    lab.world.settle()
    lab.allocations.clear()
    lab.allocator.add_resource_provider("a1", r("mem:1000"), {"f1": r("mem:400").allocate("web")})
    lab.world.clock.advance("1secs")
    assert lab.allocations[0].resources == r("mem:600")
    check(lab.allocator.process.books)
