"""Section 6 of the contract: partitions, latencies, losses, duplicates, broken links, and disks that fail."""

from __future__ import annotations

import pytest

from harness import Process, World, handles, milliseconds
from harness.mesos.messages import PingSlaveMessage, RegisterSlaveMessage


class Echo(Process):
    """Remembers what it hears, answers numbers below 100 with the number plus 100."""

    def __init__(self, name):
        super().__init__(name)
        self.heard: list = []
        self.ended: list = []

    @handles(int)
    def hear(self, sender, n):
        """A number."""
        self.heard.append(n)
        if n < 100:
            self.send(sender, n + 100)

    def exited(self, address):
        """A linked process ended."""
        self.ended.append(address)


def _pair(world):
    one, two = (world.process(world.spawn(Echo(name), host=name)) for name in ("one", "two"))
    world.settle()
    return one, two


def test_a_partition_cuts_both_ways_until_it_heals(world, network):
    """What was sent meanwhile arrives afterwards, in order, as over a connection that was interrupted."""
    one, two = _pair(world)
    network.partition("one", "two")
    one.send(two.address, 1)
    two.send(one.address, 2)
    world.run_for("1secs")
    assert (one.heard, two.heard) == ([], [])
    network.heal()
    one.send(two.address, 3)
    world.run_for("1secs")
    assert [n for n in two.heard if n < 100] == [1, 3]
    assert one.heard[:1] in ([2], [101])
    assert 103 in one.heard


def test_a_one_way_partition_cuts_one_way(world, network):
    """Answers are lost, questions are not."""
    one, two = _pair(world)
    network.partition_one_way("two", "one")
    one.send(two.address, 1)
    world.run_for("1secs")
    assert (two.heard, one.heard) == ([1], [])


def test_an_isolated_host_talks_to_nobody(world, network):
    """Neither sends nor receives."""
    one, two = _pair(world)
    network.isolate("two")
    one.send(two.address, 1)
    two.send(one.address, 2)
    world.run_for("1secs")
    assert (one.heard, two.heard) == ([], [])


def test_latency_is_a_range(world, network, clock):
    """Each message takes a time within it."""
    one, two = _pair(world)
    network.latency("one", "two", "100ms", "200ms")
    sent = clock.elapsed
    one.send(two.address, 1)
    world.wait(lambda: two.heard)
    assert milliseconds(100) <= clock.elapsed - sent <= milliseconds(200)


def test_loss_and_duplication_are_rates(world, network):
    """Some of many are lost, some come twice."""
    one, two = _pair(world)
    network.loss("one", "two", 0.5)
    for _ in range(100):
        one.send(two.address, 200)
    world.run_for("1secs")
    assert 10 < len(two.heard) < 90
    network.loss("one", "two", 0)
    two.heard.clear()
    network.duplicate("one", "two", 0.5)
    for _ in range(100):
        one.send(two.address, 200)
    world.run_for("1secs")
    assert len(two.heard) > 110


def test_a_broken_link_is_heard_by_its_linker(world, network):
    """Though the other one lives."""
    one, two = _pair(world)
    one.link(two.address)
    network.break_link("one", "two")
    world.run_for("1secs")
    assert one.ended == [two.address]
    assert two.alive


def test_order_is_kept_within_a_pair_and_free_across_pairs():
    """Two senders overtake each other under some seed, one never overtakes itself."""
    orders = set()
    for seed in range(30):
        world = World(seed)
        one, two = _pair(world)
        third = world.process(world.spawn(Echo("third"), host="third"))
        world.settle()
        for n in (200, 201, 202):
            one.send(two.address, n)
        third.send(two.address, 300)
        world.run_for("1secs")
        assert [n for n in two.heard if n < 300] == [200, 201, 202]
        orders.add(tuple(two.heard))
    assert len(orders) > 2


def test_exited_events_travel_apart_from_messages():
    """The news of an end may overtake the last message, and may not."""
    seen = set()
    for seed in range(40):
        world = World(seed)
        one, two = _pair(world)
        order: list = []
        two.exited = lambda address, order=order: order.append("exited")
        one_heard = world.messages.expect(int, src=one.address, dst=two.address)
        one_heard.handled.on_ready(lambda n, order=order: order.append("message"))
        two.link(one.address)
        one.send(two.address, 200)
        world.terminate(one.address)
        world.run_for("1secs")
        seen.add(tuple(order))
    assert seen == {("message", "exited"), ("exited", "message")}


@pytest.mark.cluster(seeds=4)
def test_partitions_take_handles(cluster, network):
    """A master that cannot reach its agent marks it unreachable after 75 s of silence."""
    master = cluster.start_master()
    agent = cluster.start_agent()
    agent_id = cluster.wait(agent.registered)
    network.partition_one_way(master, agent)
    pings = cluster.messages.expect(PingSlaveMessage, dst=agent)
    cluster.run_for("70secs")
    assert agent_id in master.agents
    cluster.run_for("25secs")
    assert agent_id not in master.agents
    assert pings.count == 0
    network.heal(master, agent)
    cluster.wait(lambda: agent_id in master.agents, timeout="3mins")


@pytest.mark.cluster(seeds=4)
def test_an_isolated_agent_registers_when_it_is_back(cluster, network):
    """Nothing of it arrives before."""
    master = cluster.start_master()
    agent = cluster.start_agent()
    network.isolate(agent)
    arrived = cluster.messages.expect(RegisterSlaveMessage, dst=master)
    cluster.run_for("30secs")
    assert arrived.count == 0
    network.heal()
    cluster.wait(agent.registered, timeout="3mins")


def test_disks_fail_lose_and_corrupt(cluster):
    """Faults of an agent's disk, named with the agent."""
    cluster.start_master()
    agent = cluster.start_agent()
    cluster.wait(agent.registered)
    disk = cluster.disk.of(agent)
    disk.write("kept", 1)
    disk.write("lost", 2, sync=False)
    assert "lost" in cluster.disk.lose_unsynced(agent)
    assert disk.read("kept") == 1
    assert disk.read("lost") is None
    cluster.disk.corrupt(agent, "kept")
    assert "corrupt" in str(disk.read("kept"))
    cluster.disk.fail_writes(agent, after=1)
    disk.write("first", 1)
    with pytest.raises(OSError):  # noqa: PT011
        disk.write("second", 2)
