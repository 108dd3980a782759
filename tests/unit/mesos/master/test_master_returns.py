"""Agents that come back to the master: from unreachable, from elsewhere, with more or fewer tasks than it knew."""

from __future__ import annotations

from master_bench import Bench, real_bench

from harness.mesos.messages import (
    Call,
    KillTaskMessage,
    ShutdownFrameworkMessage,
    ShutdownMessage,
    SlaveReregisteredMessage,
    UpdateFrameworkMessage,
)


def test_an_unreachable_agent_returns_with_its_tasks() -> None:
    """The registry admits it again, and the framework hears that its task lives, whatever its capabilities."""
    bench = real_bench()
    agent = bench.agent()
    scheduler = bench.scheduler(checkpoint=True)
    bench.running_task(scheduler, agent)
    task = bench.master.tasks["t1"]
    agent.answers_pings = False
    bench.advance("90secs")
    agent.answers_pings = True
    agent.reregister(tasks=(task,), frameworks=(scheduler.info.replace(id=scheduler.id),))
    bench.settle()
    last = scheduler.statuses[-1]
    assert (last.state, last.reason, last.uuid) == ("TASK_RUNNING", "REASON_SLAVE_REREGISTERED", None)
    assert agent.heard_of(SlaveReregisteredMessage)
    assert agent.heard_of(UpdateFrameworkMessage)[-1].pid == scheduler.address
    assert list(bench.master.registrar.registry.admitted) == ["m1-S0"]
    assert bench.metric("tasks_running") == 1
    assert bench.master.frameworks[scheduler.id].unreachable_tasks == {}


def test_early_partition_awareness_ended_the_tasks_of_others() -> None:
    """1.1 to 1.4 shut unaware frameworks down on an agent that returns."""
    bench = real_bench(release="1.2")
    agent = bench.agent()
    scheduler = bench.scheduler(checkpoint=True)
    bench.running_task(scheduler, agent)
    task = bench.master.tasks["t1"]
    agent.answers_pings = False
    bench.advance("90secs")
    agent.reregister(tasks=(task,), frameworks=(scheduler.info.replace(id=scheduler.id),))
    bench.settle()
    assert agent.heard_of(ShutdownFrameworkMessage) == [ShutdownFrameworkMessage(framework_id=scheduler.id)]
    assert bench.metric("tasks_running") == 0


def test_release_1_0_refuses_a_removed_agent() -> None:
    """It is shut down with everything it runs."""
    bench = Bench(release="1.0")
    agent = bench.agent()
    agent.answers_pings = False
    bench.advance("90secs")
    agent.reregister()
    bench.settle()
    assert agent.heard_of(ShutdownMessage)[-1].message == "Agent attempted to re-register after removal"


def test_an_unknown_agent_is_admitted_with_its_id() -> None:
    """A registry that forgot is no reason to send it away."""
    bench = Bench()
    agent = bench.agent(register=False)
    agent.id = "m0-S7"
    agent.reregister()
    bench.settle()
    assert list(bench.master.agents) == ["m0-S7"]
    assert bench.metric("slave_reregistrations") == 1


def test_a_return_from_another_host_is_refused() -> None:
    """An id belongs to one machine."""
    bench = Bench()
    first = bench.agent(host="a1")
    other = bench.agent(host="a2", register=False)
    other.id = first.id
    other.reregister()
    bench.settle()
    assert other.heard_of(ShutdownMessage) == [
        ShutdownMessage(message="Agent attempted to reregister with different IP / hostname")
    ]


def test_a_return_on_a_new_pid_moves_the_agent() -> None:
    """Same host, another process: the id stays, the old address is forgotten."""
    bench = Bench()
    old = bench.agent("slave(1)", "a1")
    old.terminate()
    bench.settle()
    new = bench.agent("slave(2)", "a1", register=False)
    new.id = old.id
    new.reregister()
    bench.settle()
    assert bench.master.agents["m1-S0"].pid == new.address
    assert list(bench.master.slaves.by_pid) == [new.address]


def test_known_tasks_that_an_agent_does_not_report_are_asked_for() -> None:
    """They travel in the answer; kills it did not hear of are repeated."""
    bench = real_bench()
    agent = bench.agent()
    scheduler = bench.scheduler(checkpoint=True)
    bench.running_task(scheduler, agent)
    agent.reregister()
    bench.settle()
    (answer,) = agent.heard_of(SlaveReregisteredMessage)
    (asked,) = answer.reconciliations
    assert (asked.framework_id, asked.statuses[0].task_id) == (scheduler.id, "t1")


def test_a_kill_that_an_agent_missed_is_repeated() -> None:
    """A task killed while the agent was disconnected dies when it is back."""
    bench = real_bench()
    agent = bench.agent()
    scheduler = bench.scheduler(checkpoint=True)
    bench.running_task(scheduler, agent)
    bench.world.messages.inject_exited(agent.address, bench.master.address)
    bench.settle()
    scheduler.call("KILL", kill=Call.Kill(task_id="t1"))
    bench.settle()
    assert agent.heard_of(KillTaskMessage) == []
    agent.reregister(tasks=(bench.master.tasks["t1"],))
    bench.settle()
    assert agent.heard_of(KillTaskMessage) == [KillTaskMessage(framework_id=scheduler.id, task_id="t1")]
