"""Who an agent is after its end: shutdown, reboot, changed resources, a broken disk, a master that gave it up."""

from __future__ import annotations

import pytest

from harness import Cluster, MockExecutor, MockScheduler, send_status
from harness.mesos.messages import (
    SlaveRegisteredMessage,
    SlaveReregisteredMessage,
)
from tests.scenarios.situations import Holds, crash_and_restart, run_on_next_offer, settled_agent, states, statuses

SERVER = "serve for ever"


# --- the agent's identity


def graceful_shutdown(cluster: Cluster) -> None:
    cluster.start_master()
    agent = settled_agent(cluster)
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler, checkpoint=True)
    run_on_next_offer(cluster, framework, command=SERVER)
    slave_id = agent.id
    agent.shutdown()
    cluster.wait(lambda: not agent.running)
    cluster.wait(lambda: "TASK_LOST" in states(scheduler))
    cluster.wait(lambda: len(scheduler.calls_to("slave_lost")) == 1)
    agent.restart()
    cluster.wait(agent.registered)
    assert agent.id == slave_id
    assert agent.tasks == {}


def test_graceful_shutdown(holds: Holds) -> None:
    """After a graceful shutdown the agent has lost its tasks, and comes back with the same id."""
    holds(graceful_shutdown)


@pytest.mark.parametrize(("version", "same"), [("1.0", False), ("1.2", False), ("1.5", True), ("1.11", True)])
def test_shutdown_and_reboot_by_version(version: str, same: bool) -> None:
    """A graceful shutdown or a reboot costs an agent its id up to 1.2, not from 1.5 on; a crash never does."""
    for end in ("terminate", "shutdown", "reboot"):
        with Cluster(3, mesos_version=version) as cluster:
            cluster.start_master()
            agent = settled_agent(cluster)
            slave_id = cluster.wait(agent.registered)
            getattr(agent, end)()
            cluster.run_for("1secs")
            agent.restart()
            cluster.wait(agent.registered)
            assert (agent.id == slave_id) is (same or end == "terminate")


def reboot(cluster: Cluster) -> None:
    cluster.start_master()
    executor = MockExecutor("default")
    executor.on.launch_task().do(send_status("TASK_RUNNING"))
    agent = settled_agent(cluster, executors=[executor])
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler, checkpoint=True)
    task = run_on_next_offer(cluster, framework, executor=executor)
    slave_id = agent.id
    agent.reboot()
    cluster.run_for("10ms")
    assert not executor.calls_to("shutdown")
    agent.restart()
    cluster.wait(lambda: len(states(scheduler)) == 2)
    # Nothing of the executor was synced, so the agent does not know of the task any more.
    status = statuses(scheduler)[-1]
    assert (status.task_id, status.state, status.reason) == (task.task_id, "TASK_LOST", "REASON_RECONCILIATION")
    assert agent.id == slave_id


def test_reboot(holds: Holds) -> None:
    """After a reboot the agent is the same one, but its executors are gone, and so are their tasks."""
    holds(reboot)


def test_reboot_with_everything_on_disk() -> None:
    """Executors that made it to the disk before a reboot are found ended, not waited for."""
    with Cluster(2) as cluster:
        cluster.start_master()
        agent = settled_agent(cluster)
        scheduler = MockScheduler()
        framework = cluster.start_framework(scheduler, checkpoint=True)
        run_on_next_offer(cluster, framework, command=SERVER)
        cluster.disk.of(agent).sync()
        agent.reboot()
        agent.restart()
        cluster.wait(lambda: "TASK_FAILED" in states(scheduler))
        assert statuses(scheduler)[-1].reason == "REASON_EXECUTOR_TERMINATED"


@pytest.mark.parametrize(
    ("policy", "resources", "lives"),
    [("equal", "cpus:4;mem:2048", False), ("additive", "cpus:4;mem:2048;disk:1024", True), ("additive", "cpus:1", False)],
)
def test_reconfiguration(policy: str, resources: str, lives: bool) -> None:
    """What an agent may change between two lives is said by reconfiguration_policy; else it ends while it recovers."""
    with Cluster(1) as cluster:
        master = cluster.start_master()
        agent = settled_agent(cluster, "cpus:2;mem:1024;disk:1024")
        slave_id = cluster.wait(agent.registered)
        crash_and_restart(cluster, agent, resources=resources, reconfiguration_policy=policy)
        if lives:
            cluster.wait(agent.registered)
            assert agent.id == slave_id
            assert master.agents[slave_id].info.resources.cpus == 4
        else:
            cluster.run_for("1secs")
            assert not agent.running
            assert any("Failed to perform recovery" in line for line in cluster.log)


def test_reconfiguration_after_a_reboot() -> None:
    """An agent that cannot be the old one any more starts as a new one if its host has rebooted."""
    with Cluster(1) as cluster:
        cluster.start_master()
        agent = settled_agent(cluster, "cpus:2;mem:1024")
        slave_id = cluster.wait(agent.registered)
        agent.reboot()
        agent.restart(resources="cpus:1;mem:512")
        cluster.wait(agent.registered)
        assert agent.id != slave_id


# --- the disk


@pytest.mark.parametrize("strict", [True, False])
def test_corrupt_files(strict: bool) -> None:
    """A file that cannot be read ends a strict agent; one that is not strict goes on without what the file belongs to."""
    with Cluster(1) as cluster:
        master = cluster.start_master()
        agent = settled_agent(cluster, strict=strict)
        framework = cluster.start_framework(checkpoint=True)
        task = run_on_next_offer(cluster, framework, command=SERVER)
        agent.terminate()
        (path,) = (path for path in cluster.disk.of(agent).paths() if path.endswith("task.info"))
        cluster.disk.corrupt(agent, path)
        agent.restart()
        cluster.run_for("5secs")
        assert agent.running is not strict
        assert any(f"{path} of agent1 is unreadable" in line for line in cluster.log) is strict
        if not strict:
            # The executor came back without the task, so it had nothing to do any more.
            assert agent.tasks == agent.executors == {}
            assert task.task_id not in master.tasks


def test_a_full_disk_ends_the_agent() -> None:
    """An agent that cannot checkpoint ends as by a crash: what it could not write down it has not promised."""
    with Cluster(1) as cluster:
        cluster.start_master()
        agent = settled_agent(cluster)
        scheduler = MockScheduler()
        framework = cluster.start_framework(scheduler, checkpoint=True)
        task = run_on_next_offer(cluster, framework, command="sleep 1")
        cluster.disk.fail_writes(agent)
        cluster.wait(lambda: not agent.running)
        cluster.disk.fail_writes(agent, None)
        agent.restart()
        cluster.wait(lambda: "TASK_FINISHED" in states(scheduler))
        assert statuses(scheduler)[-1].task_id == task.task_id


def test_registration_needs_the_disk() -> None:
    """An agent that cannot write its id down ends when it gets one."""
    with Cluster(1) as cluster:
        cluster.start_master()
        agent = cluster.start_agent()
        answered = cluster.messages.expect(SlaveRegisteredMessage, dst=agent)
        cluster.disk.fail_writes(agent, after=1)
        cluster.wait(answered)
        assert not agent.running


# --- the master meanwhile


def back_after_unreachable(cluster: Cluster) -> None:
    master = cluster.start_master()
    executor = MockExecutor("default")
    executor.on.launch_task().do(send_status("TASK_RUNNING"))
    agent = settled_agent(cluster, executors=[executor])
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler, checkpoint=True)
    task = run_on_next_offer(cluster, framework, executor=executor)
    slave_id = agent.id
    agent.terminate()
    cluster.run_for("2mins")
    assert states(scheduler)[-1] == "TASK_LOST"
    agent.restart()
    reregistered = cluster.messages.expect(SlaveReregisteredMessage, dst=agent)
    cluster.wait(reregistered)
    cluster.wait(lambda: states(scheduler)[-1] == "TASK_RUNNING")
    assert statuses(scheduler)[-1].reason == "REASON_SLAVE_REREGISTERED"
    assert agent.id == slave_id
    assert master.tasks[task.task_id].state == "TASK_RUNNING"
    assert not executor.calls_to("shutdown")


def test_back_after_unreachable(holds: Holds) -> None:
    """An agent that comes back after it was given up is let in again, with its tasks, whatever the framework knows."""
    holds(back_after_unreachable)
