"""Section 2 of the contract: making a cluster, its masters and agents, and who leads."""

from __future__ import annotations

import pytest

from harness import (
    AgentHandle,
    Cluster,
    Duration,
    ExpectationError,
    FlagError,
    FrameworkHandle,
    Limits,
    MasterHandle,
    MisuseError,
    MockAllocator,
    MockExecutor,
    MockScheduler,
    has,
    milliseconds,
    minutes,
    seconds,
    send_status,
)
from harness.mesos.messages import (
    RegisterSlaveMessage,
)
from harness.mesos.resources import Resources
from tests.contract.clusters import BIG, running, settled

pytestmark = pytest.mark.cluster(seeds=4)


# --- making a cluster


def test_a_cluster_is_a_context_manager_whose_end_is_its_shutdown():
    """Leaving the block shuts down, which verifies; shutting down again does nothing."""
    with Cluster(seed=3, strategy="random", mesos_version="1.11", limits=Limits()) as cluster:
        master = cluster.start_master()
        assert isinstance(master, MasterHandle)
        assert master.elected
    assert not master.elected
    cluster.shutdown()


@pytest.mark.parametrize("method", ["start_master", "start_agent", "start_framework"])
def test_a_cluster_that_has_ended_starts_nothing(method):
    """A cluster that outlives its test is refused instead of doing what nobody verifies; what it has recorded stays readable."""
    with Cluster() as cluster:
        cluster.start_master()
    with pytest.raises(MisuseError, match=f"{method}: this cluster has been shut down"):
        getattr(cluster, method)()
    assert len(cluster.trace) > 0


def test_an_unmet_expectation_fails_at_the_end_of_the_block():
    """What was expected and never came is an error of the block."""
    allocator = MockAllocator()
    with pytest.raises(ExpectationError, match="addSlave"), Cluster() as cluster:  # noqa: PT012
        cluster.start_master(allocator=allocator)
        allocator.expect.add_slave()


def test_equal_seeds_make_equal_runs_and_others_do_not():
    """The digest tells two runs apart exactly when something differed; a record of choices makes the run again."""

    def run(**options):
        with Cluster(**options) as cluster:
            cluster.start_master()
            cluster.start_agent()
            cluster.wait(cluster.start_framework().next_offers())
        return cluster

    one, two, three = run(seed=1), run(seed=1), run(seed=2)
    assert one.digest == two.digest != three.digest
    assert run(seed=1, replay=one.choices).digest == one.digest
    assert one.seed == 1
    assert len(one.trace) > 20
    assert any("Admitted agent" in line for line in one.log)


def test_a_cluster_gives_what_its_world_has(cluster, clock, messages, network, seed):
    """Clock, messages, network and seed are the same objects as the fixtures."""
    assert cluster.clock is clock
    assert cluster.messages is messages
    assert cluster.network is network
    assert cluster.seed == seed


def test_starting_a_master_takes_no_time(cluster):
    """It returns elected and recovered, at the instant of the call."""
    master = cluster.start_master()
    assert master.elected
    assert cluster.clock.elapsed == Duration(0)
    assert cluster.detector.leader is master


def test_agents_and_frameworks_run_nothing_before_the_cluster_is_driven(cluster):
    """What is declared after the start misses nothing."""
    cluster.start_master()
    steps = len(cluster.trace)
    agent = cluster.start_agent()
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler)
    assert isinstance(agent, AgentHandle)
    assert isinstance(framework, FrameworkHandle)
    assert not [record for record in cluster.trace[steps:] if record.kind == "delivered"]
    assert agent.id is None
    assert framework.id is None
    registered = scheduler.expect.registered()
    detected = cluster.messages.expect(RegisterSlaveMessage, src=agent)
    cluster.wait(detected)
    cluster.wait(registered)
    assert framework.id == registered.arg("framework_id")


def test_a_handle_can_be_had_before_the_start(cluster):
    """``start=False`` gives a handle to expect things of."""
    cluster.start_master()
    agent = cluster.start_agent(start=False)
    framework = cluster.start_framework(start=False)
    cluster.run_for("2secs")
    assert agent.id is None
    assert framework.id is None
    agent.start()
    framework.start()
    assert cluster.wait(agent.registered) == agent.id
    assert cluster.wait(framework.registered) == framework.id


def test_flags_have_mesos_names_and_the_defaults_of_its_tests(cluster):
    """Names, defaults and overrides of single flags or of a mapping."""
    master = cluster.start_master(allocation_interval="2secs", flags={"agent_ping_timeout": 20})
    agent = cluster.start_agent(executor_shutdown_grace_period="1secs")
    assert master.flags.allocation_interval == seconds(2)
    assert master.flags.agent_ping_timeout == seconds(20)
    assert master.flags.max_agent_ping_timeouts == 5
    assert master.flags.agent_reregister_timeout == minutes(10)
    assert master.flags.authenticate_agents
    assert agent.flags.registration_backoff_factor == milliseconds(10)
    assert agent.flags.authentication_backoff_factor == seconds(1)
    assert agent.flags.executor_shutdown_grace_period == seconds(1)
    cluster.wait(agent.registered)
    assert master.agents[agent.id].info.resources == Resources.parse(BIG)


@pytest.mark.parametrize(
    ("flag", "value", "named"),
    [
        ("agent_ping_timeuot", "1secs", "agent_ping_timeout"),
        ("agent_ping_timeout", "1hrs", "15mins"),
        ("max_agent_ping_timeouts", "five", "whole number"),
        ("registry", "zookeeper", "durable"),
        ("authenticate_agents", "yes", "True or False"),
    ],
)
def test_a_flag_that_cannot_be_is_named_with_its_value_and_range(flag, value, named):
    """FlagError names the flag, the value and what was wanted."""
    with pytest.raises(FlagError) as error:
        Cluster().start_master(**{flag: value})
    text = str(error.value)
    assert flag in text
    assert value in text
    assert named in text


def test_agents_and_frameworks_may_go_without_credentials(cluster):
    """``credential=None`` with authentication switched off."""
    cluster.start_master(authenticate_agents=False, authenticate_frameworks=False)
    agent = cluster.start_agent(credential=None)
    framework = cluster.start_framework(credential=None)
    cluster.wait(agent.registered)
    cluster.wait(framework.registered)
    assert not any("uthenticat" in line for line in cluster.log if "Successfully" in line)


# --- masters


def test_a_master_shows_what_it_knows(cluster):
    """Agents, frameworks, offers, tasks, registry, metrics and state."""
    master, agent, framework, offer = running(cluster)
    assert list(master.agents) == [agent.id]
    assert master.agents[agent.id].hostname == agent.hostname
    assert list(master.frameworks) == [framework.id]
    assert list(master.offers) == [offer.id]
    assert master.tasks == {}
    assert list(master.registry.admitted) == [agent.id]
    assert master.metrics["master/slaves_active"] == 1
    assert master.metrics["master/slave_reregistrations"] == 0
    assert str(master.pid) == "master@master"
    assert len(master.id) == 36


def test_state_is_what_the_endpoint_says(cluster):
    """``/state`` as dicts and lists."""
    master, agent, framework, _ = running(cluster)
    state = master.state()
    assert [one["id"] for one in state["slaves"]] == [agent.id]
    assert [one["id"] for one in state["frameworks"]] == [framework.id]


def test_a_master_ends_and_starts_again(cluster):
    """After terminate it does not lead; after restart it does, and agents come back under their ids (durable)."""
    master = cluster.start_master(registry="durable")
    agent = cluster.start_agent()
    agent_id = settled(cluster, agent)
    master.terminate()
    assert not master.elected
    master.restart(max_agent_ping_timeouts=3)
    assert master.elected
    assert master.flags.max_agent_ping_timeouts == 3
    cluster.wait(lambda: agent_id in master.agents)


@pytest.mark.parametrize(("registry", "kept"), [("durable", True), ("in_memory", False)])
def test_a_failover_takes_over_the_registry_if_it_is_durable(cluster, registry, kept):
    """The new leader knows the old agents from a durable registry and nothing from one in memory."""
    old = cluster.start_master(registry=registry)
    agent = cluster.start_agent()
    agent_id = cluster.wait(agent.registered)
    agent.terminate()
    new = cluster.fail_over_master(agent_ping_timeout="20secs")
    assert new is not old
    assert new.elected
    assert not old.elected
    assert cluster.detector.leader is new
    assert new.flags.agent_ping_timeout == seconds(20)
    assert (agent_id in new.registry.admitted) is kept


# --- agents


def test_an_agent_shows_what_it_knows(cluster):
    """Frameworks, executors and tasks as the agent itself sees them, its state, pid and host."""
    executor = MockExecutor("default")
    executor.on.launch_task().do(send_status("TASK_RUNNING"))
    _, agent, framework, offer = running(cluster, executor)
    task = framework.run_task(offer, "cpus:1;mem:64", executor=executor)
    assert agent.state == "RUNNING"
    assert agent.hostname == "agent1"
    assert str(agent.pid) == "slave(1)@agent1"
    assert list(agent.frameworks) == [framework.id]
    assert list(agent.executors) == ["default"]
    assert agent.tasks[task.task_id].state == "TASK_RUNNING"


def test_terminate_is_a_crash_and_leaves_messages_on_their_way(cluster):
    """A registration that was sent before the crash still arrives."""
    cluster.start_master()
    agent = cluster.start_agent()
    held = cluster.messages.hold(RegisterSlaveMessage)
    cluster.wait(held)
    agent.terminate()
    assert held.release() >= 1
    arrived = cluster.messages.in_flight
    assert [one for one in arrived if isinstance(one.message, RegisterSlaveMessage)]


def test_a_graceful_shutdown_unregisters(cluster):
    """The master removes an agent that says good-bye."""
    master = cluster.start_master()
    agent = cluster.start_agent()
    cluster.wait(agent.registered)
    agent.shutdown()
    cluster.wait(lambda: not master.agents)


def test_an_agent_restarts_on_its_work_dir(cluster):
    """After a crash it comes back under its id, at the same pid or at another."""
    master = cluster.start_master()
    agent = cluster.start_agent()
    agent_id, pid = settled(cluster, agent), agent.pid
    agent.terminate()
    agent.restart()
    assert settled(cluster, agent) == agent_id
    assert agent.pid == pid
    agent.terminate()
    agent.restart(same_pid=False)
    assert cluster.wait(agent.registered) == agent_id
    assert agent.pid != pid
    assert list(master.agents) == [agent_id]


def test_a_restart_takes_resources_attributes_and_flags(cluster):
    """Everything of an agent may change between two lives, under the policy that allows it."""
    master = cluster.start_master()
    agent = cluster.start_agent("cpus:2;mem:1024", reconfiguration_policy="additive")
    settled(cluster, agent)
    agent.terminate()
    agent.restart(resources="cpus:4;mem:2048", attributes="rack:r1", executor_shutdown_grace_period="2secs")
    cluster.wait(agent.registered)
    info = master.agents[agent.id].info
    assert info.resources == Resources.parse("cpus:4;mem:2048")
    assert [(one.name, one.value) for one in info.attributes] == [("rack", "r1")]
    assert agent.flags.executor_shutdown_grace_period == seconds(2)


def test_a_container_ends_when_it_is_destroyed(cluster):
    """``destroy_container`` ends the executor; the scheduler hears of its task and of the executor."""
    executor = MockExecutor("default")
    executor.on.launch_task().do(send_status("TASK_RUNNING"))
    scheduler = MockScheduler()
    _, agent, framework, offer = running(cluster, executor, scheduler=scheduler)
    framework.run_task(offer, executor=executor)
    failed = scheduler.expect.status_update(status=has(state="TASK_FAILED"))
    lost = scheduler.expect.executor_lost(executor_id="default")
    agent.destroy_container("default")
    cluster.wait(failed)
    cluster.wait(lost)


# --- the detector


def test_appointing_the_same_master_again_is_a_change(cluster):
    """Agents and frameworks register anew."""
    master = cluster.start_master()
    scheduler = MockScheduler()
    agent = cluster.start_agent()
    framework = cluster.start_framework(scheduler)
    settled(cluster, agent)
    cluster.wait(framework.registered)
    again = scheduler.expect.reregistered().at_least_once()
    cluster.detector.appoint(master)
    cluster.wait(again)
    cluster.wait(lambda: master.metrics["master/slave_reregistrations"] >= 1)


def test_a_leader_may_be_appointed_for_some_only(cluster):
    """Only the agent that was told loses its master; the leader stays the leader."""
    master = cluster.start_master()
    told, other = cluster.start_agent(), cluster.start_agent()
    cluster.wait(told.registered)
    cluster.wait(other.registered)
    cluster.detector.appoint(None, told)
    cluster.settle()
    assert (told.state, other.state) == ("DISCONNECTED", "RUNNING")
    assert cluster.detector.leader is master
    assert master.elected
    cluster.detector.appoint(None)
    cluster.settle()
    assert cluster.detector.leader is None
