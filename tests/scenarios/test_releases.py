"""One partition and one failover under every release that is modelled, with real agents and frameworks."""

from __future__ import annotations

from typing import Any

import pytest

from harness import Cluster, MockScheduler
from harness.mesos.versions import RELEASES
from tests.scenarios.situations import Holds, states, statuses


def _two_frameworks(cluster: Cluster) -> tuple[Any, Any]:
    """A framework that is partition-aware and one that is not, with a running task each."""
    handles = []
    for aware in (True, False):
        framework = cluster.start_framework(MockScheduler(), partition_aware=aware, checkpoint=True)
        (offer, *_) = cluster.wait(framework.next_offers())
        framework.run_task(offer, "cpus:0.5;mem:128")
        framework.driver.suppress_offers()
        cluster.run_for("10ms")
        handles.append(framework)
    return handles[0], handles[1]


def partition(cluster: Cluster) -> None:
    release = cluster.behaviour.version
    master = cluster.start_master()
    agent = cluster.start_agent()
    aware, plain = _two_frameworks(cluster)
    known_as = agent.id
    cluster.network.partition(agent, master)
    cluster.run_for("91secs")
    assert master.agents == {}
    assert states(plain.scheduler)[-1] == "TASK_LOST"
    assert states(aware.scheduler)[-1] == ("TASK_LOST" if release == "1.0" else "TASK_UNREACHABLE")
    cluster.network.heal()
    if release == "1.0":
        cluster.wait(lambda: not agent.running, timeout="10mins")
        assert agent.tasks == {}
        return
    cluster.wait(lambda: known_as in master.agents, timeout="10mins")
    cluster.run_for("30secs")
    both = release in ("1.5", "1.11")
    assert len(master.tasks) == (2 if both else 1)
    assert len(agent.tasks) == (2 if both else 1)
    returned = [status for status in statuses(plain.scheduler) if status.reason == "REASON_SLAVE_REREGISTERED"]
    assert [str(status.state) for status in returned] == (["TASK_RUNNING"] if both else [])


def failover(cluster: Cluster) -> None:
    cluster.start_master(registry="durable")
    agent = cluster.start_agent()
    aware, plain = _two_frameworks(cluster)
    known_as = agent.id
    master = cluster.fail_over_master()
    cluster.wait(lambda: known_as in master.agents, timeout="60secs")
    cluster.wait(lambda: len(master.frameworks) == 2 and all(f.state == "CONNECTED" for f in master.frameworks.values()))
    cluster.run_for("5secs")
    assert len(master.tasks) == 2
    for framework in (aware, plain):
        assert states(framework.scheduler)[-1] == "TASK_RUNNING"


@pytest.mark.parametrize("release", RELEASES)
def test_partition(holds: Holds, release: str) -> None:
    """What becomes of the tasks of an agent that is cut off for 91 s and comes back."""
    holds(partition, mesos_version=release)


@pytest.mark.parametrize("release", RELEASES)
def test_failover(holds: Holds, release: str) -> None:
    """Tasks survive a failover of the master in every release."""
    holds(failover, mesos_version=release)
