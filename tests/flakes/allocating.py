"""Flaky tests about offers: batches, filters, suppression, coalesced runs (S08 to S13 of the catalogue)."""

from __future__ import annotations

from harness import AllocatorLab, MockScheduler, decline_offers, ignore, make_task, total
from harness.mesos.messages import Call

SMALL = "cpus:2;mem:1024"
HALF = "cpus:1;mem:512"


def s08_flaky(cluster):
    """One offer, declined. Without a filter the next batch brings another one, if the test lasts that long.

    It goes on until a second agent is registered, one that is too small for offers.
    """
    scheduler = MockScheduler()
    scheduler.expect.resource_offers().will_once(decline_offers(0))
    cluster.start_master(allocation_interval="70ms")
    cluster.start_agent()
    framework = cluster.start_framework(scheduler)
    cluster.wait(framework.next_offers())
    second = cluster.start_agent("cpus:0.001")
    cluster.wait(second.registered)


def s08_repaired(cluster):
    """More offers are welcome and ignored."""
    scheduler = MockScheduler()
    scheduler.expect.resource_offers().will_once(decline_offers(0)).will_repeatedly(ignore())
    cluster.start_master(allocation_interval="70ms")
    cluster.start_agent()
    framework = cluster.start_framework(scheduler)
    cluster.wait(framework.next_offers())
    second = cluster.start_agent("cpus:0.001")
    cluster.wait(second.registered)


def s10_flaky(cluster):
    """What the first framework leaves over is for the second. A batch in between offers it to the first again."""
    first, second = MockScheduler(), MockScheduler()
    cluster.start_master(allocation_interval="60ms")
    cluster.start_agent(SMALL)
    framework = cluster.start_framework(first)
    (offer,) = cluster.wait(framework.next_offers())
    framework.driver.launch_tasks([offer.id], [make_task(offer, HALF)], refuse_seconds=0)
    offered = second.expect.resource_offers(offers=total(HALF)).at_least_once()
    cluster.start_framework(second)
    cluster.wait(offered)


def s10_repaired(cluster, clock):
    """No batch while time stands still, and what is left over has been returned before the second one comes."""
    first, second = MockScheduler(), MockScheduler()
    cluster.start_master(allocation_interval="60ms")
    cluster.start_agent(SMALL)
    framework = cluster.start_framework(first)
    (offer,) = cluster.wait(framework.next_offers())
    clock.pause()
    framework.driver.launch_tasks([offer.id], [make_task(offer, HALF)], refuse_seconds=0)
    clock.settle()
    offered = second.expect.resource_offers(offers=total(HALF)).at_least_once()
    cluster.start_framework(second)
    cluster.wait(offered)


def _given_to(lab):
    return {agent: allocation.framework_id for allocation in lab.allocations for agent in allocation.agents}


def s11_flaky(world):
    """The first agent is for the framework that was there, the next for the newcomer. Both may come in one run."""
    lab = AllocatorLab(world)
    first = lab.add_framework("first")
    a1 = lab.add_agent("a1", SMALL)
    second = lab.add_framework("second")
    a2 = lab.add_agent("a2", SMALL)
    world.wait(lambda: len(lab.allocations) == 2)
    assert _given_to(lab) == {a1: first, a2: second}, "given out in one run"


def s11_repaired(world):
    """One thing after the other."""
    lab = AllocatorLab(world)
    first = lab.add_framework("first")
    a1 = lab.add_agent("a1", SMALL)
    world.settle()
    second = lab.add_framework("second")
    world.settle()
    a2 = lab.add_agent("a2", SMALL)
    world.wait(lambda: len(lab.allocations) == 2)
    assert _given_to(lab) == {a1: first, a2: second}


def _declined_for_an_hour(cluster, messages):
    scheduler = MockScheduler()
    master = cluster.start_master(allocation_interval="3ms")
    cluster.start_agent()
    framework = cluster.start_framework(scheduler)
    (offer,) = cluster.wait(framework.next_offers())
    declined = messages.expect(Call, dst=master, where=lambda call: call.type == "DECLINE")
    framework.driver.decline_offer(offer.id, refuse_seconds=3600)
    cluster.wait(declined)
    cluster.settle()
    return scheduler, framework


def s12_flaky(cluster, clock, messages):
    """Suppressed, no offer comes, however late it gets. It gets late before the call is served, and the filter is gone."""
    scheduler, framework = _declined_for_an_hour(cluster, messages)
    scheduler.expect.resource_offers().never()
    framework.driver.suppress_offers()
    clock.jump("100mins")
    cluster.run_for("50ms")


def s12_repaired(cluster, clock, messages):
    """Wait until the allocator knows."""
    scheduler, framework = _declined_for_an_hour(cluster, messages)
    scheduler.expect.resource_offers().never()
    framework.driver.suppress_offers()
    cluster.wait(messages.expect_dispatch("hierarchical-allocator(1)@master", "suppress_offers"))
    clock.jump("100mins")
    cluster.run_for("50ms")


def _two_frameworks(cluster):
    cluster.start_master()
    first, second = cluster.start_framework(name="first"), cluster.start_framework(name="second")
    cluster.wait(first.registered)
    cluster.wait(second.registered)
    cluster.start_agent()
    cluster.wait(lambda: first.offers or second.offers)
    holder, other = (first, second) if first.offers else (second, first)
    holder.driver.suppress_offers()
    holder.driver.decline_offer(holder.offers[0].id, refuse_seconds=0)
    return holder, other


def s13_flaky(cluster):
    """One suppresses, the other revives and gets the offer. The revival allocates at once, to whoever is there."""
    holder, other = _two_frameworks(cluster)
    other.driver.suppress_offers()
    holder.driver.revive_offers()
    assert cluster.wait(holder.next_offers())


def s13_repaired(cluster):
    """Settle after the suppression."""
    holder, other = _two_frameworks(cluster)
    other.driver.suppress_offers()
    cluster.settle()
    for offer in other.offers:
        other.driver.decline_offer(offer.id, refuse_seconds=0)
    cluster.settle()
    holder.driver.revive_offers()
    assert cluster.wait(holder.next_offers())
