"""Flaky tests about agents that register: retries, ids, barriers that name nobody (S01 to S07, S21, S23 of the catalogue)."""

from __future__ import annotations

from harness import MockAuthorizer, MockScheduler, hold
from harness.mesos.messages import PingSlaveMessage, RegisterSlaveMessage, ReregisterSlaveMessage, SlaveRegisteredMessage

SMALL = "cpus:2;mem:1024"


def _one_backoff(clock, agent):
    """Authenticate and register, with time for exactly one attempt of each."""
    clock.settle()
    clock.advance(agent.flags.authentication_backoff_factor)
    clock.advance(agent.flags.registration_backoff_factor)


def s01_flaky(cluster, allocator):
    """An agent is added exactly once. A retry that is on its way when the test ends adds it again."""
    cluster.start_master(allocator=allocator)
    allocator.expect.add_slave().once()
    cluster.start_agent(SMALL)
    cluster.wait(cluster.start_framework().next_offers())


def s01_repaired(cluster, allocator):
    """An agent is added at least once."""
    cluster.start_master(allocator=allocator)
    allocator.expect.add_slave().at_least_once()
    cluster.start_agent(SMALL)
    cluster.wait(cluster.start_framework().next_offers())


def s02_flaky(cluster, messages):
    """The link breaks, the agent stays. A retry that arrives behind the news gives it another id, and it ends itself."""
    master = cluster.start_master()
    agent = cluster.start_agent()
    agent_id = cluster.wait(agent.registered)
    messages.inject_exited(src=agent, dst=master)
    cluster.run_for("1secs")
    assert agent.running, "the agent was registered with another id and ended"
    assert agent.id == agent_id


def s02_repaired(cluster, clock, messages):
    """Time stands still after one attempt, so there is no retry."""
    clock.pause()
    master = cluster.start_master()
    agent = cluster.start_agent()
    _one_backoff(clock, agent)
    agent_id = cluster.wait(agent.registered)
    messages.inject_exited(src=agent, dst=master)
    clock.settle()
    assert agent.running
    assert agent.id == agent_id


def s03_flaky(cluster, messages):
    """Two answers are two agents. The master answers a retry as well."""
    master = cluster.start_master()
    answers = messages.expect(SlaveRegisteredMessage, src=master)
    cluster.start_agent()
    cluster.start_agent()
    cluster.wait(lambda: answers.count >= 2)
    assert len(master.agents) == 2, "two answers, one agent"


def s03_repaired(cluster, messages):
    """One answer to each of the two."""
    master = cluster.start_master()
    agents = [cluster.start_agent(), cluster.start_agent()]
    answers = [messages.expect(SlaveRegisteredMessage, src=master, dst=agent) for agent in agents]
    for answer in answers:
        cluster.wait(answer)
    assert len(master.agents) == 2


def s04_flaky(cluster):
    """The authorizer is asked once, and takes its time. The agent asks again meanwhile."""
    authorizer = MockAuthorizer()
    asked = authorizer.expect.authorized().will_once(hold())
    cluster.start_master(authorizer=authorizer)
    agent = cluster.start_agent()
    call = cluster.wait(asked)
    cluster.run_for("4ms")
    call.answer(True)
    cluster.wait(agent.registered)


def s04_repaired(cluster, clock):
    """Time stands still while the authorizer thinks."""
    authorizer = MockAuthorizer()
    asked = authorizer.expect.authorized().will_once(hold())
    clock.pause()
    cluster.start_master(authorizer=authorizer)
    agent = cluster.start_agent()
    _one_backoff(clock, agent)
    cluster.wait(asked).answer(True)
    cluster.wait(agent.registered)


def s06_flaky(cluster, clock, messages):
    """One chain of retries at a time. Up to Mesos 1.1 a second detection started a second one beside it."""
    master = cluster.start_master(authenticate_agents=False)
    agent = cluster.start_agent(credential=None, registration_backoff_factor="1secs")
    attempts = messages.drop(RegisterSlaveMessage)
    cluster.wait(attempts)
    cluster.detector.appoint(master)
    cluster.run_for("1secs")
    retries = [timer for timer in clock.timers if timer.owner == agent.pid and "registration" in timer.purpose]
    assert len(retries) <= 1, "two chains of retries"


s06_repaired = s06_flaky


def s07_flaky(cluster):
    """Wait until the framework is registered, then expect offers. They may have come already."""
    scheduler = MockScheduler()
    cluster.start_master()
    agent = cluster.start_agent()
    framework = cluster.start_framework(scheduler)
    cluster.wait(framework.registered)
    cluster.wait(agent.registered)
    offered = scheduler.expect.resource_offers().at_least_once()
    cluster.wait(offered)


def s07_repaired(cluster):
    """Expect, then start."""
    scheduler = MockScheduler()
    offered = scheduler.expect.resource_offers().at_least_once()
    cluster.start_master()
    agent = cluster.start_agent()
    framework = cluster.start_framework(scheduler)
    cluster.wait(framework.registered)
    cluster.wait(agent.registered)
    cluster.wait(offered)


def s21_flaky(cluster, clock, messages):
    """After 75 s without pings an agent registers again: let them pass. But its timer may not have been armed yet."""
    master = cluster.start_master()
    agent = cluster.start_agent()
    messages.drop(PingSlaveMessage, dst=agent)
    again = messages.expect(ReregisterSlaveMessage, src=agent)
    cluster.wait(lambda: master.agents)
    cluster.run_for("2500us")
    clock.jump("75secs")
    cluster.run_for("2secs")
    assert again.count >= 1, "the agent has not noticed"


def s21_repaired(cluster, clock, messages):
    """Wait until the agent knows, then let the time pass."""
    cluster.start_master()
    agent = cluster.start_agent()
    messages.drop(PingSlaveMessage, dst=agent)
    again = messages.expect(ReregisterSlaveMessage, src=agent)
    cluster.wait(agent.registered)
    clock.advance("75secs")
    cluster.run_for("2secs")
    assert again.count >= 1


def s23_flaky(cluster, messages):
    """The answer has been seen, so the agent runs. It has been seen, not handled."""
    cluster.start_master()
    agent = cluster.start_agent()
    answer = messages.expect(SlaveRegisteredMessage, dst=agent)
    cluster.wait(answer.intercepted)
    assert agent.state == "RUNNING", "the answer has been seen and not handled"


def s23_repaired(cluster, messages):
    """Wait until it has been handled."""
    cluster.start_master()
    agent = cluster.start_agent()
    answer = messages.expect(SlaveRegisteredMessage, dst=agent)
    cluster.wait(answer)
    assert agent.state == "RUNNING"
