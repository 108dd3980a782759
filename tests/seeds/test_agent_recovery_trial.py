"""A trial of agent recovery with Mesos 1.0: an agent is killed, and comes back in time, too late, or without its tasks.

``examples/agent_recovery.py`` tells the same for all releases as a table. The trial is right where it contradicts the official
text of its day. It is wrong about the id of an agent that comes back without anything to recover: the code keeps it. And the
time that an agent has is not "75 s to register again", but 75 to 90 s of silence towards the master's pings.
"""

from __future__ import annotations

from typing import Any

import pytest

from harness import Cluster, MockScheduler
from harness.durations import milliseconds, seconds
from harness.mesos.messages import PingSlaveMessage, ReregisterSlaveMessage, ShutdownMessage
from harness.mesos.versions import RELEASES
from tests.scenarios.situations import Holds, states, statuses
from tests.seeds.situations import GUESTS, Running, first_note, in_order, settled_agent

RELEASE = "1.0"


class Trial:
    """A shell command that never ends, on an agent without credentials and with the back-off of a real cluster."""

    def __init__(self, cluster: Cluster, *, checkpoint: bool, partition_aware: bool = False, **flags: Any) -> None:
        self.cluster = cluster
        self.master = cluster.start_master(**GUESTS)
        self.agent = settled_agent(cluster, credential=None, registration_backoff_factor="1secs", **flags)
        cluster.run_for("10secs")
        self.scheduler = MockScheduler()
        self.framework = cluster.start_framework(
            self.scheduler, checkpoint=checkpoint, partition_aware=partition_aware, credential=None
        )
        self.running = Running(cluster, self.framework)
        self.known_as = self.agent.id

    def kill(self) -> None:
        """Kill the agent's process."""
        self.agent.terminate()
        self.killed = self.cluster.clock.elapsed

    @property
    def state(self) -> str:
        """What the framework was told last of its task."""
        return states(self.scheduler)[-1]

    def returns(self) -> None:
        """Start the agent again, and let it register."""
        self.agent.restart()
        self.cluster.wait(self.agent.registered, timeout="30secs")


# --- checkpointing off


def everything_ends(cluster: Cluster) -> None:
    trial = Trial(cluster, checkpoint=False)
    trial.kill()
    cluster.run_for("100ms")
    assert not trial.agent.running
    assert trial.state == "TASK_LOST"
    status = statuses(trial.scheduler)[-1]
    assert (status.source, status.reason) == ("SOURCE_MASTER", "REASON_SLAVE_DISCONNECTED")
    word = "Slave" if cluster.behaviour.version in ("1.0", "1.1", "1.2") else "Agent"
    assert status.message == f"{word} agent1 disconnected"
    cluster.run_for("6secs")
    assert not trial.running.alive
    trial.returns()
    cluster.run_for("10secs")
    assert trial.state == "TASK_LOST"
    assert trial.agent.tasks == {}
    # The code writes the id to disk whether or not frameworks checkpoint.
    assert trial.agent.id == trial.known_as


@pytest.mark.parametrize("release", RELEASES)
def test_without_checkpointing_everything_ends_with_the_agent(holds: Holds, release: str) -> None:
    """Task LOST at once, by the master, and the executor ends with its agent, not at the restart. Against the trial: same id."""
    holds(everything_ends, mesos_version=release)


def new_id(cluster: Cluster) -> None:
    trial = Trial(cluster, checkpoint=False)
    trial.kill()
    cluster.run_for("1secs")
    for path in cluster.disk.of(trial.agent).paths():
        if path.endswith("slaves/latest"):
            cluster.disk.of(trial.agent).remove(path)
    trial.returns()
    assert trial.agent.id != trial.known_as


def test_a_new_id_needs_an_empty_work_dir(holds: Holds) -> None:
    """The "totally new agent" of the trial is what one gets whose work_dir does not say who it was."""
    holds(new_id, mesos_version=RELEASE)


def same_id_at_another_master(cluster: Cluster) -> None:
    trial = Trial(cluster, checkpoint=True)
    prefix = trial.known_as.rpartition("-")[0]
    trial.kill()
    master = cluster.fail_over_master()
    cluster.run_for("10secs")
    trial.returns()
    assert trial.agent.id == trial.known_as
    assert prefix != master.id
    cluster.wait(lambda: trial.running.task.task_id in master.tasks)
    assert trial.running.alive


def test_an_id_survives_its_master(holds: Holds) -> None:
    """An agent keeps its id, with the id of another master in it, though that master's successor never heard of it."""
    holds(same_id_at_another_master, mesos_version=RELEASE)


# --- checkpointing on


def executors_live_on(cluster: Cluster) -> None:
    trial = Trial(cluster, checkpoint=True)
    trial.kill()
    cluster.run_for("74900ms")
    assert trial.state == "TASK_RUNNING"
    assert trial.running.alive
    cluster.run_for("15200ms")
    assert trial.state == "TASK_LOST"
    status = statuses(trial.scheduler)[-1]
    assert (status.source, status.reason) == ("SOURCE_MASTER", "REASON_SLAVE_REMOVED")
    assert status.message == "Slave agent1 removed: health check timed out"
    assert status.unreachable_time is None
    assert trial.known_as not in trial.master.agents
    assert trial.running.alive


def test_with_checkpointing_executors_live_on(holds: Holds) -> None:
    """RUNNING while the pings run out, then LOST; the processes live through both."""
    holds(executors_live_on, mesos_version=RELEASE)


def unreachable(cluster: Cluster) -> None:
    trial = Trial(cluster, checkpoint=True, partition_aware=True)
    trial.kill()
    cluster.run_for("90100ms")
    assert trial.state == ("TASK_LOST" if cluster.behaviour.version == "1.0" else "TASK_UNREACHABLE")
    assert trial.running.alive


@pytest.mark.parametrize("release", RELEASES)
def test_partition_aware_frameworks_hear_of_unreachable_tasks(holds: Holds, release: str) -> None:
    """LOST for everyone is 1.0; from 1.1 on a framework may ask for more."""
    holds(unreachable, mesos_version=release)


def no_agent_for_a_quarter_of_an_hour(cluster: Cluster) -> None:
    trial = Trial(cluster, checkpoint=True)
    trial.kill()
    cluster.run_for("895secs")
    assert trial.running.alive
    cluster.run_for("10secs")
    assert not trial.running.alive


@pytest.mark.parametrize("release", RELEASES)
def test_executors_wait_fifteen_minutes(holds: Holds, release: str) -> None:
    """What the trial does not say: executors live on without an agent for recovery_timeout, 15 minutes."""
    holds(no_agent_for_a_quarter_of_an_hour, mesos_version=release)


# --- a late return


def late(cluster: Cluster) -> None:
    trial = Trial(cluster, checkpoint=True)
    trial.kill()
    cluster.run_for("10mins")
    assert trial.state == "TASK_LOST"
    assert trial.running.alive
    refused = cluster.messages.expect(ShutdownMessage, dst=trial.agent)
    began = len(cluster.trace) - 1
    trial.agent.restart()
    cluster.wait(lambda: not trial.agent.running, timeout="20secs")
    assert refused.message.message == "Agent attempted to re-register after removal"
    asked, back, recovered, told, framework, executor, ended, cleaned, gone = in_order(
        cluster.trace,
        "Sending reconnect request to executor",
        "Re-registering executor",
        "Finished recovery",
        "Agent asked to shut down by master@master because 'Agent attempted to re-register after removal'",
        "Shutting down framework",
        "Shutting down executor",
        "ended",
        "Cleaning up framework",
        "Agent terminating",
        after=began,
    )
    assert back - asked < milliseconds(20)
    assert seconds(2) <= recovered - asked < seconds(2) + milliseconds(10)
    # A part of the back-off of a second, and the way there and back.
    assert told - recovered < seconds(1) + milliseconds(20)
    assert framework == executor == told
    assert ended - executor < seconds(5.1)
    assert ended == cleaned == gone
    cluster.run_for("1mins")
    assert not trial.running.alive
    assert trial.state == "TASK_LOST"
    assert [str(state) for state in states(trial.scheduler)].count("TASK_LOST") == 1


def test_a_late_return(holds: Holds) -> None:
    """The log of the trial: reconnect, executor back, clean-up 2 s later, recovered, refused, framework and executor shut down,
    agent ended."""
    holds(late, mesos_version=RELEASE)


def started_once_more(cluster: Cluster) -> None:
    trial = Trial(cluster, checkpoint=True)
    trial.kill()
    cluster.run_for("2mins")
    trial.agent.restart()
    cluster.wait(lambda: not trial.agent.running, timeout="20secs")
    trial.returns()
    assert trial.agent.id != trial.known_as
    assert trial.agent.tasks == {}
    assert list(trial.master.agents) == [trial.agent.id]


def test_started_once_more_it_is_another_agent(holds: Holds) -> None:
    """An agent that was refused forgets who it was, so its next start is the new agent that the trial speaks of."""
    holds(started_once_more, mesos_version=RELEASE)


def readmitted(cluster: Cluster) -> None:
    trial = Trial(cluster, checkpoint=True)
    trial.kill()
    cluster.run_for("10mins")
    cluster.messages.never(ShutdownMessage)
    trial.returns()
    cluster.run_for("10secs")
    assert trial.agent.id == trial.known_as
    assert trial.running.alive is (cluster.behaviour.version in ("1.5", "1.11"))


@pytest.mark.parametrize("release", [release for release in RELEASES if release != RELEASE])
def test_later_releases_let_it_in(holds: Holds, release: str) -> None:
    """From 1.1 on a late agent is let in again; its task ends all the same before 1.5."""
    holds(readmitted, mesos_version=release)


# --- a return in time


def in_time(cluster: Cluster) -> None:
    trial = Trial(cluster, checkpoint=True)
    trial.kill()
    cluster.run_for("60secs")
    began = len(cluster.trace) - 1
    trial.returns()
    asked, back, recovered = in_order(
        cluster.trace, "Sending reconnect request to executor", "Re-registering executor", "Finished recovery", after=began
    )
    assert back - asked < milliseconds(20)
    assert seconds(2) <= recovered - asked < seconds(2) + milliseconds(10)
    cluster.run_for("5mins")
    assert trial.agent.id == trial.known_as
    assert trial.state == "TASK_RUNNING"
    assert trial.running.alive
    assert trial.agent.tasks[trial.running.task.task_id].state == "TASK_RUNNING"


@pytest.mark.parametrize("release", RELEASES)
def test_a_return_in_time(holds: Holds, release: str) -> None:
    """The second part of the trial, headed "after" and meaning before the time is up: same id, RUNNING, 2 s of recovery."""
    holds(in_time, mesos_version=release)


def silence_counts(cluster: Cluster) -> None:
    trial = Trial(cluster, checkpoint=True)
    trial.kill()
    cluster.run_for("55secs")
    trial.agent.hang_recovery()
    pings = cluster.messages.expect(PingSlaveMessage, dst=trial.agent)
    returns = cluster.messages.expect(ReregisterSlaveMessage)
    trial.agent.restart()
    cluster.run_for("3mins")
    assert pings.count >= 11
    assert returns.count == 0
    assert trial.known_as in trial.master.agents
    assert trial.state == "TASK_RUNNING"
    trial.agent.release_recovery()
    cluster.wait(trial.agent.registered, timeout="30secs")
    assert trial.agent.id == trial.known_as
    assert trial.running.alive


@pytest.mark.parametrize("release", RELEASES)
def test_it_is_silence_that_counts(holds: Holds, release: str) -> None:
    """Against "re-register within 75 s": an agent that is back after 55 s answers pings, and may register minutes later."""
    holds(silence_counts, mesos_version=release)


def test_the_lost_task_is_seen_before_the_processes_end() -> None:
    """Without checkpointing, master and executor learn of the end on their own: neither waits for the agent's restart."""
    with Cluster(0, strategy="prompt", mesos_version=RELEASE) as cluster:
        trial = Trial(cluster, checkpoint=False)
        trial.kill()
        cluster.run_for("30secs")
        assert first_note(cluster.trace, "it is not checkpointing").time - trial.killed < milliseconds(10)
        assert not trial.running.alive
