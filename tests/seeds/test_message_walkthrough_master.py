"""The second half of the walk-through: what the master does with agents that are new, silent, or back. Mesos 1.1."""

from __future__ import annotations

from typing import Any

import pytest

from harness import Cluster, MockAllocator, MockRateLimiter, MockRegistrar, MockScheduler, call, do_all, forward, hold
from harness.durations import seconds
from harness.mesos.messages import (
    AdmitSlave,
    LostSlaveMessage,
    MarkSlaveReachable,
    MarkSlaveUnreachable,
    PingSlaveMessage,
    PongSlaveMessage,
    ReregisterSlaveMessage,
    RescindResourceOfferMessage,
    ShutdownFrameworkMessage,
    ShutdownMessage,
    SlaveInfo,
    SlaveRegisteredMessage,
    StatusUpdateMessage,
)
from harness.mesos.versions import RELEASES
from harness.simulation import Messages
from tests.scenarios.situations import Holds, states
from tests.seeds.situations import GUESTS, Running, first_note, in_order, settled_agent

RELEASE = "1.1"
SILENT = "91secs"


# --- a new agent


def a_new_agent(cluster: Cluster, allocator: MockAllocator, messages: Messages) -> None:
    registrar = MockRegistrar()
    # A retry of the agent may lead to another admission when all is over; that is another story.
    admission = registrar.expect.apply(operation=AdmitSlave).will_once(hold()).will_repeatedly(forward())
    master = cluster.start_master(allocator=allocator, registrar=registrar)
    answers = messages.expect(SlaveRegisteredMessage)
    cluster.start_agent()
    cluster.wait(lambda: admission.count == 1)
    cluster.run_for("10ms")
    assert (master.agents, allocator.calls_to("addSlave"), answers.count) == ({}, [], 0)
    registrar.forward(admission.calls[0])
    cluster.wait(answers)
    (added,) = allocator.calls_to("addSlave")
    assert admission.calls[0].time <= added.time <= answers.deliveries[0].time
    assert list(master.agents) == [answers.message.slave_id] == [added.args["slave_id"]]


def test_a_new_agent(holds: Holds) -> None:
    """First the registry, then master and allocator, then the answer."""
    holds(a_new_agent, mesos_version=RELEASE)


def order_of_adding(cluster: Cluster, allocator: MockAllocator) -> None:
    seen: list[Any] = []
    master = cluster.start_master(registry="durable")
    agent = settled_agent(cluster)
    framework = cluster.start_framework(MockScheduler(), checkpoint=True)
    running = Running(cluster, framework)
    master.terminate()

    def look(*_: Any, **__: Any) -> None:
        observers = [r for r in cluster.trace if r.kind == "spawned" and "slave-observer" in r.process and "master2" in r.process]
        events = [event.type for event in subscribed]
        seen.append((list(successor.agents), len(observers), list(successor.tasks), events))

    allocator.expect.add_slave().will_repeatedly(do_all(call(look), forward()))
    returning = cluster.messages.hold(ReregisterSlaveMessage)
    successor = cluster.fail_over_master(allocator=allocator)
    subscribed = successor.subscribe()
    cluster.wait(lambda: framework.id in successor.frameworks and successor.frameworks[framework.id].state == "CONNECTED")
    cluster.wait(lambda: returning.held > 0)
    returning.cancel()
    returning.release()
    cluster.wait(lambda: seen)
    cluster.settle()
    ((registered, observed, tasks, events),) = seen
    assert (registered, observed, tasks) == ([agent.id], 1, [running.task.task_id])
    assert "AGENT_ADDED" not in events
    (added,) = allocator.calls_to("addSlave")
    assert [used.cpus for used in added.args["used"].values()] == [0.5]
    told = [event.type for event in subscribed if event.type.startswith("AGENT")]
    assert told == ([] if cluster.behaviour.version == "1.0" else ["AGENT_ADDED"])


@pytest.mark.parametrize("release", RELEASES)
def test_the_order_of_adding_an_agent(holds: Holds, release: str) -> None:
    """Books, observer, executors and tasks, then the allocator, last the subscribers, who are told from 1.1 on."""
    holds(order_of_adding, mesos_version=release)


# --- an agent that is silent


def observer(cluster: Cluster, messages: Messages) -> None:
    pings = messages.expect(PingSlaveMessage)
    cluster.start_master()
    settled_agent(cluster)
    cluster.run_for("61secs")
    times = [delivery.time for delivery in pings.deliveries]
    assert len(times) == 5
    assert all(seconds(14.99) < later - earlier < seconds(15.01) for earlier, later in zip(times, times[1:], strict=False))


def test_the_observer_pings(holds: Holds) -> None:
    """The first ping at once, then one every 15 s."""
    holds(observer, mesos_version=RELEASE)


def rate_limited(cluster: Cluster, messages: Messages) -> None:
    limiter = MockRateLimiter()
    permits = limiter.expect.acquire().will_once(hold())
    master = cluster.start_master(removal_limiter=limiter)
    agent = settled_agent(cluster)
    messages.drop(PongSlaveMessage)
    messages.never(ShutdownMessage)
    known_as = agent.id
    cluster.wait(lambda: permits.count == 1, timeout=SILENT)
    cluster.run_for("1secs")
    assert known_as in master.agents
    limiter.forward(permits.calls[0])
    cluster.wait(lambda: known_as not in master.agents)
    assert known_as in master.registry.unreachable


def test_giving_up_is_rate_limited(holds: Holds) -> None:
    """Five pings without an answer, then a permit, then the agent is marked unreachable; it is not told to end."""
    holds(rate_limited, mesos_version=RELEASE)


class Silent:
    """An agent with a task and with resources on offer, that does not answer its pings any more.

    ``at_allocator`` is what there was when the allocator was told to remove the agent: tasks and offers.
    """

    def __init__(self, cluster: Cluster, *, partition_aware: bool = True, **arguments: Any) -> None:
        self.cluster = cluster
        allocator = MockAllocator()
        self.at_allocator: list[tuple[int, int]] = []
        allocator.expect.remove_slave().any_number().will_repeatedly(do_all(call(self._look), forward()))
        self.allocator = allocator
        self.master = cluster.start_master(allocator=allocator, registry="durable", **arguments)
        self.agent = settled_agent(cluster)
        self.framework = cluster.start_framework(
            MockScheduler(), checkpoint=True, partition_aware=partition_aware, failover_timeout="1hrs"
        )
        self.running = Running(cluster, self.framework)
        self.known_as = self.agent.id
        self.other = cluster.start_framework(MockScheduler(), failover_timeout="1hrs")
        cluster.wait(self.other.next_offers())
        self.silence = cluster.messages.drop(PongSlaveMessage)

    def _look(self, *_: Any, **__: Any) -> None:
        self.at_allocator.append((len(self.master.tasks), len(self.master.offers)))


def order_of_marking(cluster: Cluster, messages: Messages) -> None:
    registrar = MockRegistrar()
    marking = registrar.expect.apply(operation=MarkSlaveUnreachable).will_once(hold())
    story = Silent(cluster, registrar=registrar)
    cluster.wait(lambda: marking.count == 1, timeout=SILENT)
    cluster.run_for("1secs")
    assert story.known_as in story.master.agents
    assert (story.at_allocator, states(story.framework.scheduler)[-1]) == ([], "TASK_RUNNING")
    updates = messages.expect(StatusUpdateMessage, src=story.master, dst=story.framework)
    rescinds = messages.expect(RescindResourceOfferMessage, src=story.master, dst=story.other)
    lost = messages.expect(LostSlaveMessage, src=story.master)
    registrar.forward(marking.calls[0])
    cluster.wait(lambda: lost.count == 2)
    # The registry, then the allocator, when task and offer are still there.
    assert story.at_allocator == [(1, 1)]
    assert [str(update.update.status.state) for update in updates.messages] == ["TASK_UNREACHABLE"]
    (offered,) = rescinds.deliveries
    first, second = lost.deliveries
    assert updates.deliveries[0].time <= max(first.time, second.time)
    assert offered.time <= next(each.time for each in lost.deliveries if each.dst == offered.dst)
    assert (story.master.agents, story.master.tasks, story.master.offers) == ({}, {}, {})
    assert len(story.allocator.calls_to("removeSlave")) == 1
    ended = [record for record in cluster.trace if record.kind == "ended" and "slave-observer" in record.process]
    assert len(ended) == 1
    in_order(cluster.trace, "Marking agent", "Marked agent", "Removed agent")


def test_the_order_of_marking_an_agent(holds: Holds) -> None:
    """Registry, allocator, the task's update, its removal, offers, books, observer, and LostSlave for every framework."""
    holds(order_of_marking, mesos_version=RELEASE)


def told_while_disconnected(cluster: Cluster, messages: Messages) -> None:
    story = Silent(cluster)
    # Its scheduler lives, but the master has lost the link to it.
    lost = messages.expect(LostSlaveMessage, dst=story.other)
    messages.inject_exited(story.other, story.master)
    cluster.wait(lambda: story.known_as not in story.master.agents, timeout=SILENT)
    cluster.run_for("1secs")
    assert lost.count == (1 if cluster.behaviour.version in ("1.0", "1.1") else 0)


@pytest.mark.parametrize("release", RELEASES)
def test_lost_agents_are_told_to_all_frameworks(holds: Holds, release: str) -> None:
    """To connected frameworks and to others in 1.1; from 1.2 on to connected ones only."""
    holds(told_while_disconnected, mesos_version=release)


def partition_awareness(cluster: Cluster) -> None:
    story = Silent(cluster)
    cluster.wait(lambda: story.known_as not in story.master.agents, timeout=SILENT)
    cluster.run_for("1secs")
    new = cluster.behaviour.version != "1.0"
    assert states(story.framework.scheduler)[-1] == ("TASK_UNREACHABLE" if new else "TASK_LOST")


@pytest.mark.parametrize("release", ["1.0", "1.1"])
def test_partition_awareness_is_new(holds: Holds, release: str) -> None:
    """TASK_UNREACHABLE came with 1.1; before, the wish for it means nothing."""
    holds(partition_awareness, mesos_version=release)


# --- an agent that is back


def from_another_host(cluster: Cluster, messages: Messages) -> None:
    master = cluster.start_master(**GUESTS)
    agent = settled_agent(cluster, credential=None)
    stranger = settled_agent(cluster, credential=None)
    told = messages.expect(ShutdownMessage, dst=stranger)
    claim = ReregisterSlaveMessage(slave=SlaveInfo(hostname=stranger.hostname, id=agent.id), version="1.1.0")
    messages.post(claim, src=stranger, dst=master)
    cluster.wait(told)
    word = "reregister" if cluster.behaviour.version == "1.11" else "re-register"
    assert told.message.message == f"Agent attempted to {word} with different IP / hostname"
    assert master.agents[agent.id].pid == agent.pid
    cluster.wait(lambda: not stranger.running)


@pytest.mark.parametrize("release", RELEASES)
def test_an_id_from_another_host(holds: Holds, release: str) -> None:
    """Who comes with the id of an agent that is registered elsewhere is told to end."""
    holds(from_another_host, mesos_version=release)


def readmitted(cluster: Cluster, messages: Messages) -> None:
    release = cluster.behaviour.version
    registrar = MockRegistrar()
    registrar.expect.apply(operation=MarkSlaveUnreachable).any_number()
    story = Silent(cluster, partition_aware=False, registrar=registrar)
    cluster.wait(lambda: story.known_as not in story.master.agents, timeout=SILENT)
    story.silence.cancel()
    ended = messages.expect(ShutdownFrameworkMessage, dst=story.agent)
    returning = registrar.expect.apply(operation=MarkSlaveReachable).will_once(hold())
    # Without pings it notices after 75 s that nobody asks after it any more.
    cluster.wait(lambda: returning.count == 1, timeout="2mins")
    assert story.known_as not in story.master.agents
    cluster.wait(lambda: _noted(cluster, "readmission already in progress"), timeout="2mins")
    assert returning.count == 1
    added = len(story.allocator.calls_to("addSlave"))
    registrar.forward(returning.calls[0])
    cluster.wait(lambda: story.known_as in story.master.agents)
    cluster.run_for("30secs")
    assert len(story.allocator.calls_to("addSlave")) == added + 1
    assert story.agent.id == story.known_as
    keeps = release in ("1.5", "1.11")
    assert [message.framework_id for message in ended.messages] == ([] if keeps else [story.framework.id])
    assert story.running.alive is keeps
    assert bool(story.master.tasks) is keeps


def _noted(cluster: Cluster, text: str) -> bool:
    try:
        first_note(cluster.trace, text)
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize("release", RELEASES[1:])
def test_an_unreachable_agent_is_readmitted(holds: Holds, release: str) -> None:
    """First the registry, further requests ignored meanwhile, then added; 1.1 and 1.2 end what is not partition-aware."""
    holds(readmitted, mesos_version=release)


def refused(cluster: Cluster, messages: Messages) -> None:
    story = Silent(cluster)
    told = messages.expect(ShutdownMessage, dst=story.agent)
    cluster.wait(lambda: story.known_as not in story.master.agents, timeout=SILENT)
    cluster.wait(told)
    assert told.message.message == "health check timed out"


def test_before_1_1_it_is_shut_down(holds: Holds) -> None:
    """Not so in 1.0: an agent that fails its health checks is told to end, and removed."""
    holds(refused, mesos_version="1.0")


def unknown(cluster: Cluster, messages: Messages) -> None:
    master = cluster.start_master()
    agent = settled_agent(cluster)
    framework = cluster.start_framework(MockScheduler(), checkpoint=True)
    running = Running(cluster, framework)
    known_as = agent.id
    # To the end of the story only: the end of the cluster ends frameworks.
    told_nothing = messages.never(ShutdownFrameworkMessage)
    master.terminate()
    successor = cluster.fail_over_master()
    assert known_as not in successor.registry.admitted
    cluster.wait(lambda: known_as in successor.agents, timeout="1mins")
    cluster.run_for("10secs")
    assert list(successor.tasks) == [running.task.task_id]
    assert running.alive
    told_nothing.cancel()


@pytest.mark.parametrize("release", RELEASES)
def test_an_agent_of_another_master(holds: Holds, release: str) -> None:
    """The same way in serves agents that a new master has never heard of, and ends nothing on them."""
    holds(unknown, mesos_version=release)
