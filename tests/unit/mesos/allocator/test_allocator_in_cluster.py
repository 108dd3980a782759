"""Mesos's numbers through the whole cycle: offers, launches, returns, batches."""

from __future__ import annotations

import pytest

from harness import Cluster, MockScheduler, Resources, make_task
from harness.checks import AllocatorWatch
from harness.mesos.allocator import HierarchicalAllocator


class Greedy(MockScheduler):
    """Starts one task of its size per offer and gives the rest back; refuses what is too small for one."""

    def __init__(self, task: str) -> None:
        super().__init__()
        self.task = Resources.parse(task)
        self.started = 0
        self.on.resource_offers().do(self.start_one)

    def start_one(self, driver, offers) -> None:
        for offer in offers:
            if self.task <= offer.resources.unallocate():
                self.started += 1
                task = make_task(offer, resources=self.task, command="sleep 100000")
                driver.launch_tasks([offer.id], [task], refuse_seconds=0)
            else:
                driver.decline_offer(offer.id, refuse_seconds=10_000)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("roles", [("A", "B"), ("*", "*")], ids=["two roles", "one role"])
def test_the_published_example_of_drf(seed, roles):
    """9 CPUs and 18 GB: tasks of 1 CPU and 4 GB, and of 3 CPUs and 1 GB, end at three and two, shares equal."""
    watch = AllocatorWatch(HierarchicalAllocator())
    with Cluster(seed) as cluster:
        cluster.start_master(allocator=watch)
        a, b = Greedy("cpus:1;mem:4096"), Greedy("cpus:3;mem:1024")
        first = cluster.start_framework(a, name="A", roles=(roles[0],))
        second = cluster.start_framework(b, name="B", roles=(roles[1],))
        cluster.wait(lambda: first.id and second.id)
        cluster.start_agent("cpus:9;mem:18432;disk:1024")
        cluster.run_for("30secs")
        assert (a.started, b.started) == (3, 2)
        watch.verify()
        assert watch.ledger.held() == {"cpus": 9000, "mem": 14336_000}


@pytest.mark.parametrize("seed", range(5))
def test_weights_give_three_times_as_much(seed):
    """With equal tasks, a role of weight 3 ends with three quarters."""
    watch = AllocatorWatch(HierarchicalAllocator())
    with Cluster(seed) as cluster:
        cluster.start_master(allocator=watch)
        heavy, light = Greedy("cpus:1;mem:100"), Greedy("cpus:1;mem:100")
        first = cluster.start_framework(heavy, roles=("heavy",))
        second = cluster.start_framework(light, roles=("light",))
        cluster.wait(lambda: first.id and second.id)
        watch.update_weights({"heavy": 3.0})
        cluster.start_agent("cpus:12;mem:2400")
        cluster.run_for("30secs")
        assert (heavy.started, light.started) == (9, 3)


@pytest.mark.parametrize("version", ["1.0", "1.2", "1.5", "1.11"])
def test_every_release_shares_the_same_way(version):
    """Releases differ in when they allocate, not in what."""
    with Cluster(1, mesos_version=version) as cluster:
        cluster.start_master(allocator=AllocatorWatch(HierarchicalAllocator(mesos_version=version)))
        a, b = Greedy("cpus:1;mem:4096"), Greedy("cpus:3;mem:1024")
        first = cluster.start_framework(a, roles=("A",))
        second = cluster.start_framework(b, roles=("B",))
        cluster.wait(lambda: first.id and second.id)
        cluster.start_agent("cpus:9;mem:18432;disk:1024")
        cluster.run_for("30secs")
        assert (a.started, b.started) == (3, 2)
