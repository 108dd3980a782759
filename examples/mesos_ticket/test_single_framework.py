"""MasterAllocatorTest.SingleFramework, in every state that its ticket knows.

One agent, one framework, one offer with everything the agent has; then the test ends and the cluster is shut down. The
interesting part is the end. An agent repeats its registration after a random time without a lower bound, so a repetition may be
on its way, or at the authorizer, just when the agent goes away. The master then sees a registration from the address of an
agent that it has lost: it removes the old agent, admits a new one, and tells the allocator for the second time.
"""

from __future__ import annotations

from harness import Clock, Cluster, MockAllocator, MockScheduler, forward, ignore, total

RESOURCES = "cpus:2;mem:1024"


def test_strict(cluster: Cluster, allocator: MockAllocator) -> None:
    """As first written: ``addSlave`` exactly once. Fails under some seeds, and never under ``prompt``."""
    cluster.start_master(allocator=allocator)
    allocator.expect.add_slave().once()
    cluster.start_agent(RESOURCES)
    scheduler = MockScheduler()
    offered = scheduler.expect.resource_offers(offers=total(RESOURCES))
    cluster.start_framework(scheduler)
    cluster.wait(offered)


def test_first_repair(cluster: Cluster, clock: Clock, allocator: MockAllocator) -> None:
    """Time stands still but for one authentication and one registration back-off. Holds under every seed.

    ``addSlave`` is still wanted exactly once, to show what the clock alone does: the agent is registered before its first
    repetition is due, and later there is no time for one.
    """
    clock.pause()
    cluster.start_master(allocator=allocator)
    allocator.expect.add_slave().once()
    agent = cluster.start_agent(RESOURCES)
    assert agent.flags is not None
    clock.advance(agent.flags.authentication_backoff_factor)
    clock.advance(agent.flags.registration_backoff_factor)
    scheduler = MockScheduler()
    offered = scheduler.expect.resource_offers(offers=total(RESOURCES))
    cluster.start_framework(scheduler)
    cluster.wait(offered)


def test_final_repair(cluster: Cluster, allocator: MockAllocator) -> None:
    """The first ``addSlave`` goes to the allocator, later ones go nowhere. Holds under every seed."""
    cluster.start_master(allocator=allocator)
    allocator.expect.add_slave().will_once(forward()).will_repeatedly(ignore())
    cluster.start_agent(RESOURCES)
    scheduler = MockScheduler()
    offered = scheduler.expect.resource_offers(offers=total(RESOURCES))
    cluster.start_framework(scheduler)
    cluster.wait(offered)


def test_at_least_once(cluster: Cluster, allocator: MockAllocator) -> None:
    """What the test means: the agent is added, however often. Holds under every seed, and no call is kept from the allocator."""
    cluster.start_master(allocator=allocator)
    added = allocator.expect.add_slave().at_least_once()
    cluster.start_agent(RESOURCES)
    cluster.wait(added)
    scheduler = MockScheduler()
    offered = scheduler.expect.resource_offers(offers=total(RESOURCES))
    cluster.start_framework(scheduler)
    cluster.wait(offered)


def test_scheduler_side(cluster: Cluster, allocator: MockAllocator) -> None:
    """The same for the framework: at least one ``addFramework``, and a wait for it. Holds under every seed.

    A scheduler repeats its subscription as an agent repeats its registration, so no exact number is the right one.
    """
    cluster.start_master(allocator=allocator)
    allocator.expect.add_slave().at_least_once()
    framework_added = allocator.expect.add_framework().at_least_once()
    cluster.start_agent(RESOURCES)
    scheduler = MockScheduler()
    registered = scheduler.expect.registered()
    offered = scheduler.expect.resource_offers(offers=total(RESOURCES))
    framework = cluster.start_framework(scheduler)
    call = cluster.wait(framework_added)
    cluster.wait(registered)
    assert framework.id == call.arg("framework_id")
    cluster.wait(offered)
