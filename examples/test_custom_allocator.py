"""The same tests for every allocator: ours and your own. Add your class to ``ALLOCATORS``.

The first half needs no master: an :class:`AllocatorLab` calls the allocator and collects what it offers. The second half puts
it into a cluster. In both, an :class:`AllocatorWatch` stands in front and checks each offer.
"""

from __future__ import annotations

import pytest

from examples.custom_allocator import BestFitAllocator
from harness import Allocator, AllocatorLab, Cluster, HierarchicalAllocator, MockScheduler, Resources, World, explore
from harness.checks import AllocatorWatch, Game, check_nothing_is_wasted, play

ALLOCATORS = [HierarchicalAllocator, BestFitAllocator]


@pytest.fixture(params=ALLOCATORS, ids=lambda allocator: allocator.__name__)
def allocator(request: pytest.FixtureRequest) -> Allocator:
    """A new allocator of each class, watched."""
    return AllocatorWatch(request.param())


@pytest.fixture
def lab(allocator: Allocator) -> AllocatorLab:
    """The allocator without a master, in a world of its own."""
    return AllocatorLab(World(strategy="prompt"), allocator)


def offered(lab: AllocatorLab, after: str = "0secs") -> dict[str, Resources]:
    """Who is offered what until then, from now on."""
    before = len(lab.allocations)
    lab.world.settle()
    lab.world.clock.advance(after)
    found: dict[str, Resources] = {}
    for allocation in lab.allocations[before:]:
        name = str(allocation.framework_id)
        found[name] = found.get(name, Resources.parse("")) + allocation.resources
    return found


def r(text: str) -> Resources:
    return Resources.parse(text)


# --- without a master


def test_the_only_framework_is_offered_everything(lab):
    """All agents, whichever way they are packed."""
    lab.add_framework("f1")
    lab.add_agent("a1", "cpus:2;mem:1024")
    lab.add_agent("a2", "cpus:4;mem:512")
    assert offered(lab) == {"f1": r("cpus:6;mem:1536")}


def test_an_agent_that_comes_later_is_offered_at_once(lab):
    """No batch is needed."""
    lab.add_framework("f1")
    assert offered(lab) == {}
    lab.add_agent("a1", "cpus:2;mem:1024")
    assert offered(lab) == {"f1": r("cpus:2;mem:1024")}


def test_what_is_used_is_not_offered(lab):
    """A framework that was known before brings its tasks with it."""
    lab.add_framework("f1")
    lab.add_agent("a1", "cpus:2;mem:1024", used={"f1": r("cpus:1;mem:512").allocate("*")})
    assert offered(lab) == {"f1": r("cpus:1;mem:512")}


def test_what_comes_back_is_offered_with_the_next_batch(lab):
    """Giving back alone makes no offer."""
    lab.add_framework("f1")
    lab.add_agent("a1", "cpus:2;mem:1024")
    offered(lab)
    lab.recover(lab.allocations[0])
    assert offered(lab) == {}
    assert offered(lab, "1secs") == {"f1": r("cpus:2;mem:1024")}


def test_a_refusal_is_kept_and_ends(lab):
    """For ten seconds the agent goes to the other framework only; then to the first again, when it is alone."""
    lab.add_framework("f1")
    lab.add_agent("a1", "cpus:2;mem:1024")
    offered(lab)
    lab.recover(lab.allocations[0], refuse_seconds=10)
    assert offered(lab, "9secs") == {}
    assert offered(lab, "2secs") == {"f1": r("cpus:2;mem:1024")}


def test_what_one_refuses_goes_to_another(lab):
    """A refusal binds nobody else."""
    lab.add_framework("f1")
    lab.add_agent("a1", "cpus:2;mem:1024")
    offered(lab)
    lab.recover(lab.allocations[0], refuse_seconds=100)
    lab.add_framework("f2")
    assert offered(lab, "2secs") == {"f2": r("cpus:2;mem:1024")}


def test_suppressing_and_reviving(lab):
    """No offers until revived; then at once, refused or not."""
    lab.add_framework("f1")
    lab.allocator.suppress_offers("f1", ())
    lab.add_agent("a1", "cpus:2;mem:1024")
    assert offered(lab, "5secs") == {}
    lab.allocator.revive_offers("f1", ())
    assert offered(lab) == {"f1": r("cpus:2;mem:1024")}


def test_inactive_frameworks_and_agents_are_left_out(lab):
    """And come back when they are active again."""
    lab.add_framework("f1", active=False)
    lab.add_agent("a1", "cpus:2;mem:1024")
    assert offered(lab, "2secs") == {}
    lab.allocator.deactivate_slave("a1")
    lab.allocator.activate_framework("f1")
    assert offered(lab, "2secs") == {}
    lab.allocator.activate_slave("a1")
    assert offered(lab, "2secs") == {"f1": r("cpus:2;mem:1024")}


def test_a_removed_framework_leaves_its_resources_to_others(lab):
    """A late return of the same resources is harmless."""
    lab.add_framework("f1")
    lab.add_agent("a1", "cpus:2;mem:1024")
    offered(lab)
    lab.allocator.remove_framework("f1")
    lab.recover(lab.allocations[0])
    lab.add_framework("f2")
    assert offered(lab, "1secs") == {"f2": r("cpus:2;mem:1024")}


def test_a_removed_agent_is_gone(lab):
    """With all that was held on it; a late return is harmless."""
    lab.add_framework("f1")
    lab.add_agent("a1", "cpus:2;mem:1024")
    offered(lab)
    lab.allocator.remove_slave("a1")
    lab.recover(lab.allocations[0])
    assert offered(lab, "2secs") == {}


def test_only_listed_hosts_are_offered(lab):
    """Until the list is lifted."""
    lab.allocator.update_whitelist(["a2"])
    lab.add_framework("f1")
    lab.add_agent("a1", "cpus:2;mem:1024")
    lab.add_agent("a2", "cpus:1;mem:512")
    assert offered(lab, "2secs") == {"f1": r("cpus:1;mem:512")}
    lab.allocator.update_whitelist(None)
    assert offered(lab, "2secs") == {"f1": r("cpus:2;mem:1024")}


def test_reserved_resources_go_to_their_role(lab):
    """Everybody else gets what is not reserved."""
    lab.add_framework("f1", role="web")
    lab.add_agent("a1", "cpus:1;mem:512;cpus(db):3")
    assert offered(lab) == {"f1": r("cpus:1;mem:512")}


@pytest.mark.parametrize("kind", ALLOCATORS)
def test_nothing_is_wasted(kind):
    """Tasks are started as long as one fits anywhere."""
    game = Game(total={"cpus": 20, "mem": 40}, tasks={"A": {"cpus": 1, "mem": 4}, "B": {"cpus": 3, "mem": 1}})
    check_nothing_is_wasted(play(kind, game))


def test_best_fit_fills_small_agents_first():
    """What makes this allocator another one: two frameworks, and the large agent is offered last."""
    lab = AllocatorLab(World(), AllocatorWatch(BestFitAllocator()))
    lab.add_agent("large", "cpus:8;mem:8192")
    lab.add_agent("small", "cpus:1;mem:1024")
    lab.add_agent("middle", "cpus:4;mem:4096")
    lab.add_framework("f1")
    lab.add_framework("f2")
    assert offered(lab) == {"f1": r("cpus:9;mem:9216"), "f2": r("cpus:4;mem:4096")}


# --- in a cluster, as Mesos's typed tests do


def test_resources_unused(allocator):
    """What a task leaves of an offer goes to the framework that comes next."""
    with Cluster() as cluster:
        cluster.start_master(allocator=allocator)
        cluster.start_agent("cpus:2;mem:1024")
        first = cluster.start_framework(name="first")
        offer = cluster.wait(first.next_offers())[0]
        first.run_task(offer, resources="cpus:1;mem:512", command="sleep 1000")
        second = cluster.start_framework(name="second")
        left = cluster.wait(second.next_offers())[0]
        assert (left.resources.cpus, left.resources.mem) == (1, 512)


def test_what_a_finished_task_had_is_offered_again(allocator):
    """All of the agent is back after the task."""
    with Cluster() as cluster:
        cluster.start_master(allocator=allocator)
        cluster.start_agent("cpus:2;mem:1024")
        framework = cluster.start_framework()
        offer = cluster.wait(framework.next_offers())[0]
        framework.run_task(offer, resources="cpus:2;mem:1024", command="sleep 3")
        again = cluster.wait(framework.next_offers())[0]
        assert (again.resources.cpus, again.resources.mem) == (2, 1024)


def test_scheduler_failover(allocator):
    """A scheduler that takes over is offered what its tasks leave free."""
    with Cluster() as cluster:
        cluster.start_master(allocator=allocator)
        cluster.start_agent("cpus:3;mem:1024")
        framework = cluster.start_framework(failover_timeout="10secs")
        offer = cluster.wait(framework.next_offers())[0]
        framework.run_task(offer, resources="cpus:1;mem:256", command="sleep 1000")
        successor = framework.fail_over(MockScheduler())
        left = cluster.wait(successor.next_offers())[0]
        assert (left.resources.cpus, left.resources.mem) == (2, 768)


@pytest.mark.parametrize("kind", ALLOCATORS, ids=lambda kind: kind.__name__)
def test_under_many_schedules(kind):
    """Whatever the order of messages, no offer breaks a rule, through an agent's restart and a new one."""

    def test(cluster: Cluster) -> None:
        watch = AllocatorWatch(kind())
        cluster.start_master(allocator=watch)
        agent = cluster.start_agent("cpus:2;mem:1024")
        first, second = cluster.start_framework(roles=("a",)), cluster.start_framework(roles=("b",))
        cluster.start_agent("cpus:4;mem:2048")
        cluster.wait(lambda: first.offers or second.offers)
        agent.terminate()
        agent.restart()
        cluster.start_agent("cpus:1;mem:512")
        cluster.run_for("5secs")

    exploration = explore(test, seeds=25)
    assert not exploration.failures, exploration.report()
