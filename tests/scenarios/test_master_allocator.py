"""Master and allocator together, after ``master_allocator_tests.cpp``."""

from __future__ import annotations

from harness import Clock, Cluster, MockAllocator, MockScheduler, make_task
from harness.mesos.messages import Call
from harness.simulation import Messages
from tests.scenarios.situations import Holds, amount, paused_agent


def resources_unused(cluster: Cluster, clock: Clock, allocator: MockAllocator) -> None:
    cluster.start_master(allocator=allocator)
    paused_agent(cluster, "cpus:2;mem:1024")
    one = cluster.start_framework(MockScheduler())
    (offer,) = cluster.wait(one.next_offers())
    assert amount(offer) == (2, 1024)
    one.driver.launch_tasks([offer.id], [make_task(offer, "cpus:1;mem:512")])
    clock.settle()
    (recovered,) = allocator.calls_to("recoverResources")
    unused = recovered.args["resources"]
    assert (unused.cpus, unused.mem) == (1, 512)
    assert recovered.args["is_allocated"] is False
    runs = clock.elapsed
    two = cluster.start_framework(MockScheduler())
    (second,) = cluster.wait(two.next_offers())
    assert amount(second) == (1, 512)
    assert clock.elapsed == runs


def test_resources_unused(holds: Holds) -> None:
    """T01: what a task leaves over comes back once, and goes to the next framework without waiting for a batch."""
    holds(resources_unused)


def scheduler_failover(cluster: Cluster, allocator: MockAllocator, messages: Messages) -> None:
    cluster.start_master(allocator=allocator)
    cluster.start_agent("cpus:3;mem:1024")
    one = cluster.start_framework(MockScheduler(), failover_timeout="10secs")
    (offer,) = cluster.wait(one.next_offers())
    assert amount(offer) == (3, 1024)
    messages.drop(Call, src=one, where=lambda call: call.type == "TEARDOWN")
    one.driver.launch_tasks([offer.id], [make_task(offer, "cpus:1;mem:256")], refuse_seconds=0)
    cluster.run_for("100ms")
    one.stop()
    two = MockScheduler()
    registered = two.expect.registered(framework_id=one.id)
    taking_over = cluster.start_framework(two, framework_id=one.id, failover_timeout="10secs")
    cluster.wait(registered)
    (rest,) = taking_over.offers or cluster.wait(taking_over.next_offers())
    assert amount(rest) == (2, 768)
    assert allocator.calls_to("removeFramework") == []


def test_scheduler_failover(holds: Holds) -> None:
    """T03: a framework that fails over within its time is never removed, and its next scheduler gets what its tasks leave."""
    holds(scheduler_failover)
