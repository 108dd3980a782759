"""The ticket of an agent that is stuck in recovery: who gives it up, when, and what becomes of its tasks. Mesos 1.2.

The proposal with which the ticket begins (no answer to pings before the agent is RUNNING) was never adopted; what was adopted
is a time to come back that begins when the master loses its link to the agent. What the ticket says of late agents is true of
1.1 and 1.2 only. The other commits that it lists change tests, comments and log lines.
"""

from __future__ import annotations

from typing import Any

import pytest

from harness import Cluster, FlagError, MockScheduler, send_status
from harness.doubles import MockExecutor
from harness.durations import minutes, seconds
from harness.mesos.messages import (
    LostSlaveMessage,
    PingSlaveMessage,
    PongSlaveMessage,
    ReregisterSlaveMessage,
    ShutdownFrameworkMessage,
    ShutdownMessage,
)
from harness.mesos.versions import RELEASES
from tests.scenarios.situations import Holds, states, statuses
from tests.seeds.situations import Running, launch, settled_agent

RELEASE = "1.2"
WITH_TIMER = ["1.2", "1.5", "1.11"]


class Stuck:
    """Two frameworks with a task each on one agent, one of them partition-aware; then the agent restarts and gets stuck."""

    def __init__(self, cluster: Cluster, **flags: Any) -> None:
        self.cluster = cluster
        self.master = cluster.start_master(registry="durable", **flags)
        self.agent = settled_agent(cluster)
        self.aware = cluster.start_framework(MockScheduler(), checkpoint=True, partition_aware=True)
        self.aware_task = Running(cluster, self.aware)
        self.plain = cluster.start_framework(MockScheduler(), checkpoint=True)
        self.plain_task = Running(cluster, self.plain)
        self.known_as = self.agent.id
        self.lost = cluster.messages.expect(LostSlaveMessage)
        self.agent.hang_recovery()
        self.agent.terminate()
        cluster.wait(lambda: not self.master.agents[self.known_as].connected)
        self.link_broke = cluster.clock.elapsed
        self.agent.restart()

    def run_until(self, minute: float) -> None:
        """Let time pass to so many minutes after the link broke."""
        self.cluster.run_for(self.link_broke + seconds(minute * 60) - self.cluster.clock.elapsed)

    @property
    def states(self) -> tuple[str, str]:
        """The newest state that the partition-aware framework and the other one were told."""
        return states(self.aware.scheduler)[-1], states(self.plain.scheduler)[-1]


# --- before 1.2


def never_given_up(cluster: Cluster) -> None:
    story = Stuck(cluster)
    story.run_until(40)
    assert story.agent.state == "RECOVERING"
    assert story.known_as in story.master.agents
    assert story.lost.count == 0
    assert story.states == ("TASK_RUNNING", "TASK_RUNNING")


@pytest.mark.parametrize("release", ["1.0", "1.1"])
def test_an_agent_that_is_stuck_is_never_given_up(holds: Holds, release: str) -> None:
    """The complaint: it answers its pings, so for the master it is there, for as long as it likes."""
    holds(never_given_up, mesos_version=release)


def answers_in_every_state(cluster: Cluster) -> None:
    cluster.start_master()
    executor = MockExecutor("default")
    executor.on.launch_task().do(send_status("TASK_RUNNING"))
    agent = settled_agent(cluster, executors=[executor], executor_shutdown_grace_period="20secs")
    framework = cluster.start_framework(MockScheduler(), checkpoint=True)
    launch(cluster, framework, executor=executor)
    cluster.run_for("100ms")
    answered: dict[str, int] = {}
    pings = cluster.messages.expect(PingSlaveMessage, dst=agent)
    pongs = cluster.messages.expect(PongSlaveMessage, src=agent)

    def a_minute() -> None:
        before = pings.count, pongs.count
        cluster.run_for("1ms")
        state = str(agent.state)
        for _ in range(15):
            cluster.run_for("1secs")
            assert agent.state == state
        cluster.run_for("20ms")
        sent, came = pings.count - before[0], pongs.count - before[1]
        assert sent == came >= 1
        answered[state] = came

    a_minute()
    cluster.detector.appoint(None, agent)
    a_minute()
    agent.terminate()
    agent.hang_recovery()
    cluster.run_for("10ms")
    agent.restart()
    a_minute()
    assert list(answered) == ["RUNNING", "DISCONNECTED", "RECOVERING"]


@pytest.mark.parametrize("release", RELEASES)
def test_pings_are_answered_in_every_state(holds: Holds, release: str) -> None:
    """Against the proposal: running, disconnected or recovering, in every release an agent answers each ping."""
    holds(answers_in_every_state, mesos_version=release)


# --- the normal way: silence, or a ping that says "disconnected"


def silence(cluster: Cluster) -> None:
    master = cluster.start_master()
    agent = settled_agent(cluster)
    cluster.run_for(f"{cluster.seed * 800}ms")
    known_as = agent.id
    agent.terminate()
    died = cluster.clock.elapsed
    cluster.wait(lambda: known_as not in master.agents, timeout="2mins")
    assert seconds(74.9) <= cluster.clock.elapsed - died <= seconds(90.1)


@pytest.mark.parametrize("release", RELEASES)
def test_silence_is_noticed_after_75_to_90_seconds(holds: Holds, release: str) -> None:
    """ "75 seconds by default": five pings without an answer; the last answer may be up to 15 s old when the agent dies."""
    holds(silence, mesos_version=release)


def a_ping_that_says_disconnected(cluster: Cluster) -> None:
    master = cluster.start_master()
    agent = settled_agent(cluster)
    known_as = agent.id
    returns = cluster.messages.expect(ReregisterSlaveMessage, src=agent)
    cluster.messages.inject_exited(agent, master)
    cluster.settle()
    assert not master.agents[known_as].connected
    cluster.wait(lambda: master.agents[known_as].connected, timeout="16secs")
    assert returns.count >= 1
    assert agent.id == known_as


@pytest.mark.parametrize("release", RELEASES)
def test_a_running_agent_hears_that_it_is_disconnected(holds: Holds, release: str) -> None:
    """An agent that runs registers again when a ping tells it that the master counts it as disconnected."""
    holds(a_ping_that_says_disconnected, mesos_version=release)


def a_ping_to_one_that_is_stuck(cluster: Cluster) -> None:
    story = Stuck(cluster)
    returns = cluster.messages.expect(ReregisterSlaveMessage)
    pings = cluster.messages.expect(PingSlaveMessage, dst=story.agent)
    story.run_until(2)
    assert pings.count >= 7
    assert not any(ping.connected for ping in pings.messages)
    assert returns.count == 0
    assert story.known_as in story.master.agents


@pytest.mark.parametrize("release", RELEASES)
def test_a_stuck_agent_does_not_react_to_it(holds: Holds, release: str) -> None:
    """The same ping means nothing to an agent that still recovers: the case for which the timer was made."""
    holds(a_ping_to_one_that_is_stuck, mesos_version=release)


# --- the timer


def given_up(cluster: Cluster) -> None:
    story = Stuck(cluster)
    told_to_end = cluster.messages.expect(ShutdownMessage)
    story.run_until(10 - 1 / 600)
    assert story.known_as in story.master.agents
    assert story.states == ("TASK_RUNNING", "TASK_RUNNING")
    story.run_until(10 + 1 / 600)
    assert story.known_as not in story.master.agents
    assert story.states == ("TASK_UNREACHABLE", "TASK_LOST")
    assert story.lost.count == 2
    since = {statuses(each.scheduler)[-1].unreachable_time for each in (story.aware, story.plain)}
    assert len(since) == 1
    assert None not in since
    assert told_to_end.count == 0
    # Nobody did anything to the executors.
    assert story.aware_task.alive
    assert story.plain_task.alive


@pytest.mark.parametrize("release", WITH_TIMER)
def test_given_up_ten_minutes_after_the_link_broke(holds: Holds, release: str) -> None:
    """The remedy: ten minutes without a return and the agent is unreachable, TASK_LOST or TASK_UNREACHABLE for its tasks."""
    holds(given_up, mesos_version=release)


def slow_but_in_time(cluster: Cluster) -> None:
    story = Stuck(cluster)
    story.run_until(9)
    story.agent.release_recovery()
    cluster.wait(story.agent.registered)
    story.run_until(25)
    assert story.agent.id == story.known_as
    assert story.master.agents[story.known_as].connected
    assert story.lost.count == 0
    assert story.states == ("TASK_RUNNING", "TASK_RUNNING")
    assert story.aware_task.alive
    assert story.plain_task.alive


@pytest.mark.parametrize("release", WITH_TIMER)
def test_a_slow_recovery_is_no_loss(holds: Holds, release: str) -> None:
    """Recovery may take longer than the 75 s of the health checks; a return in time ends the timer for good."""
    holds(slow_but_in_time, mesos_version=release)


def longer_timer(cluster: Cluster) -> None:
    story = Stuck(cluster, agent_reregister_timeout="20mins")
    story.run_until(19.9)
    assert story.known_as in story.master.agents
    story.run_until(20.1)
    assert story.known_as not in story.master.agents


def test_the_timer_is_a_flag(holds: Holds) -> None:
    """``agent_reregister_timeout``: ten minutes by default."""
    holds(longer_timer, mesos_version=RELEASE)


@pytest.mark.parametrize("release", RELEASES)
def test_ten_minutes_are_also_the_minimum(release: str) -> None:
    """A master does not start with less."""
    with Cluster(0, mesos_version=release) as cluster:
        assert cluster.start_master().flags.agent_reregister_timeout == minutes(10)
    with Cluster(0, mesos_version=release) as cluster, pytest.raises(FlagError, match="agent_reregister_timeout"):
        cluster.start_master(agent_reregister_timeout="9mins")


# --- late agents


def late(cluster: Cluster) -> None:
    story = Stuck(cluster)
    shut_down = cluster.messages.expect(ShutdownFrameworkMessage, dst=story.agent)
    story.run_until(12)
    assert story.states == ("TASK_UNREACHABLE", "TASK_LOST")
    heard = len(states(story.aware.scheduler)), len(states(story.plain.scheduler))
    story.agent.release_recovery()
    cluster.wait(lambda: story.known_as in story.master.agents, timeout="1mins")
    cluster.run_for("30secs")
    assert story.agent.id == story.known_as
    assert story.aware_task.alive
    if cluster.behaviour.version == "1.2":
        assert [message.framework_id for message in shut_down.messages] == [story.plain.id]
        assert not story.plain_task.alive
        assert list(story.agent.tasks) == list(story.master.tasks) == [story.aware_task.task.task_id]
        # Nobody announces the task that goes on; asking does.
        assert len(states(story.aware.scheduler)) == heard[0]
        story.aware.driver.reconcile_tasks([statuses(story.aware.scheduler)[-1]])
        cluster.run_for("1secs")
        assert states(story.aware.scheduler)[-1] == "TASK_RUNNING"
    else:
        assert shut_down.count == 0
        assert story.plain_task.alive
        assert story.states == ("TASK_RUNNING", "TASK_RUNNING")
        assert statuses(story.plain.scheduler)[-1].reason == "REASON_SLAVE_REREGISTERED"


@pytest.mark.parametrize("release", WITH_TIMER)
def test_a_late_agent_may_return(holds: Holds, release: str) -> None:
    """In 1.2 tasks of frameworks that are not partition-aware end then, as the ticket says; from 1.5 on nothing ends."""
    holds(late, mesos_version=release)


def late_at_another_master(cluster: Cluster) -> None:
    story = Stuck(cluster)
    story.run_until(12)
    assert story.known_as not in story.master.agents
    master = cluster.fail_over_master()
    assert story.known_as in master.registry.unreachable
    cluster.run_for("30secs")
    story.agent.release_recovery()
    cluster.wait(lambda: story.known_as in master.agents, timeout="1mins")
    cluster.run_for("30secs")
    assert story.aware_task.alive
    assert story.plain_task.alive
    assert len(master.tasks) == 2


def test_another_master_ends_nothing(holds: Holds) -> None:
    """Against the ticket: a master that failed over meanwhile did not remove the agent itself, and lets all its tasks go on."""
    holds(late_at_another_master, mesos_version=RELEASE)


def failed_container(cluster: Cluster) -> None:
    story = Stuck(cluster)
    story.run_until(12)
    story.agent.destroy_container(story.aware_task.task.task_id)
    story.agent.destroy_container(story.plain_task.task.task_id)
    cluster.run_for("10secs")
    story.agent.release_recovery()
    cluster.wait(lambda: states(story.aware.scheduler)[-1] == "TASK_FAILED", timeout="1mins")
    status = statuses(story.aware.scheduler)[-1]
    assert (status.source, status.task_id) == ("SOURCE_SLAVE", story.aware_task.task.task_id)


def test_failed_containers_are_reported(holds: Holds) -> None:
    """A container that failed meanwhile is reported by the agent when it is back, to frameworks that are not shut down."""
    holds(failed_container, mesos_version=RELEASE)


def test_recovery_reads_what_is_over() -> None:
    """Recovery reads completed executors, too: what is unreadable about one stops a strict agent."""
    with Cluster(1, mesos_version=RELEASE) as cluster:
        cluster.start_master()
        agent = settled_agent(cluster)
        scheduler = MockScheduler()
        framework = cluster.start_framework(scheduler, checkpoint=True)
        task = launch(cluster, framework, command="true")
        cluster.wait(lambda: "TASK_FINISHED" in states(scheduler))
        cluster.wait(lambda: not agent.executors)
        agent.terminate()
        (path,) = [path for path in cluster.disk.of(agent).paths() if path.endswith("task.info") and task.task_id in path]
        cluster.disk.corrupt(agent, path)
        agent.restart()
        cluster.run_for("5secs")
        assert not agent.running
        assert any("Failed to perform recovery" in line for line in cluster.log)
