"""Section 2 of the contract: the cluster, its handles, drivers, executors and records, through public names only."""

from __future__ import annotations

import msgspec
import pytest

from harness import (
    AgentHandle,
    Cluster,
    DeadlockError,
    Duration,
    ExpectationError,
    FlagError,
    FrameworkHandle,
    InvariantError,
    Limits,
    MasterHandle,
    MisuseError,
    MockAllocator,
    MockExecutor,
    MockScheduler,
    WaitTimeout,
    accept_all,
    has,
    launch_tasks,
    make_task,
    milliseconds,
    minutes,
    seconds,
    send_status,
    total,
)
from harness.mesos.messages import (
    Call,
    RegisterSlaveMessage,
    StatusUpdateMessage,
    TaskState,
    TaskStatus,
)
from harness.mesos.resources import Resources

pytestmark = pytest.mark.cluster(seeds=4)

BIG = "cpus:2;mem:1024;disk:1024;ports:[31000-32000]"


def _running(cluster, executor=None, **options):
    """A cluster with one agent and one framework that holds an offer."""
    master = cluster.start_master()
    agent = cluster.start_agent(executors=[executor] if executor is not None else [])
    framework = cluster.start_framework(**options)
    offer = cluster.wait(framework.next_offers())[0]
    # The offer may overtake the answer to the agent.
    cluster.wait(agent.registered)
    return master, agent, framework, offer


# --- making a cluster


def test_a_cluster_is_a_context_manager_whose_end_is_its_shutdown():
    """Leaving the block shuts down, which verifies; shutting down again does nothing."""
    with Cluster(seed=3, strategy="random", mesos_version="1.11", limits=Limits()) as cluster:
        master = cluster.start_master()
        assert isinstance(master, MasterHandle)
        assert master.elected
    assert not master.elected
    cluster.shutdown()


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
    master, agent, framework, offer = _running(cluster)
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


@pytest.mark.skipif(not hasattr(MasterHandle, "state"), reason="not there yet")
def test_state_is_what_the_endpoint_says(cluster):
    """``/state`` as dicts and lists."""
    master, agent, framework, _ = _running(cluster)
    state = master.state()
    assert [one["id"] for one in state["slaves"]] == [agent.id]
    assert [one["id"] for one in state["frameworks"]] == [framework.id]


def test_a_master_ends_and_starts_again(cluster):
    """After terminate it does not lead; after restart and a new appointment agents come back under their ids (durable)."""
    master = cluster.start_master(registry="durable")
    agent = cluster.start_agent()
    agent_id = cluster.wait(agent.registered)
    master.terminate()
    assert not master.elected
    master.restart(max_agent_ping_timeouts=3)
    cluster.detector.appoint(master)
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
    _, agent, framework, offer = _running(cluster, executor)
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
    agent_id, pid = cluster.wait(agent.registered), agent.pid
    agent.terminate()
    agent.restart()
    assert cluster.wait(agent.registered) == agent_id
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
    cluster.wait(agent.registered)
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
    _, agent, framework, offer = _running(cluster, executor, scheduler=scheduler)
    framework.run_task(offer, executor=executor)
    failed = scheduler.expect.status_update(status=has(state="TASK_FAILED"))
    lost = scheduler.expect.executor_lost(executor_id="default")
    agent.destroy_container("default")
    cluster.wait(failed)
    cluster.wait(lost)


# --- frameworks and drivers


def test_a_framework_shows_what_it_holds(cluster):
    """Id, driver, scheduler, info, offers and tasks."""
    scheduler = MockScheduler()
    _, _, framework, offer = _running(cluster, scheduler=scheduler, name="shop", roles=("web",))
    assert framework.scheduler is scheduler
    assert framework.info.name == "shop"
    assert framework.info.roles == ("web",)
    assert framework.info.id == framework.id
    assert [one.id for one in framework.offers] == [offer.id]
    assert offer.role == "web"
    task = framework.run_task(offer)
    assert list(framework.tasks) == [task.task_id]
    assert framework.offers == []


def test_a_framework_that_stops_is_torn_down_unless_it_fails_over(cluster):
    """``stop()`` removes it at the master; ``stop(failover=True)`` does not while its timeout runs."""
    master = cluster.start_master()
    one = cluster.start_framework()
    other = cluster.start_framework(failover_timeout="1hrs")
    cluster.wait(one.registered)
    cluster.wait(other.registered)
    one.stop()
    other.stop(failover=True)
    cluster.settle()
    assert list(master.frameworks) == [other.id]


def test_an_aborted_framework_stays_inactive(cluster):
    """``abort()`` ends the callbacks; the framework stays."""
    master = cluster.start_master()
    framework = cluster.start_framework()
    cluster.wait(framework.registered)
    framework.abort()
    cluster.settle()
    assert framework.driver.status == "DRIVER_ABORTED"
    assert not master.frameworks[framework.id].active


def test_a_new_scheduler_takes_over(cluster):
    """``fail_over`` gives a second handle with the same id; the old scheduler hears an error."""
    old_scheduler = MockScheduler()
    master = cluster.start_master()
    old = cluster.start_framework(old_scheduler, failover_timeout="1days")
    cluster.wait(old.registered)
    error = old_scheduler.expect.error(message="Framework failed over")
    new_scheduler = MockScheduler()
    registered = new_scheduler.expect.registered()
    new = old.fail_over(new_scheduler)
    cluster.wait(registered)
    cluster.wait(error)
    assert new is not old
    assert new.id == old.id
    assert list(master.frameworks) == [old.id]


def test_next_offers_are_those_that_arrive_next(cluster):
    """Declined without a filter, the resources come again, in another offer."""
    _, _, framework, offer = _running(cluster)
    framework.driver.decline_offer(offer.id, refuse_seconds=0)
    (again,) = cluster.wait(framework.next_offers())
    assert again.id != offer.id
    assert again.resources == offer.resources


def test_run_task_returns_when_running_is_acknowledged(cluster):
    """The agent has nothing left to resend."""
    _, agent, framework, offer = _running(cluster)
    task = framework.run_task(offer, "cpus:1;mem:32", task_id="t1", name="web")
    assert (task.task_id, task.name) == ("t1", "web")
    assert agent.tasks["t1"].status_update_state == "TASK_RUNNING"
    with cluster.messages.never(StatusUpdateMessage):
        cluster.run_for("1mins")


def test_the_driver_has_mesos_calls(cluster):
    """Those that return a status in Mesos return it."""
    scheduler = MockScheduler()
    executor = MockExecutor("default")
    executor.on.launch_task().do(send_status("TASK_RUNNING"))
    _, _, framework, offer = _running(cluster, executor, scheduler=scheduler)
    driver = framework.driver
    assert driver.status == "DRIVER_RUNNING"
    task = make_task(offer, "cpus:1;mem:64", executor=executor)
    assert driver.launch_tasks([offer.id], [task], refuse_seconds=1) == "DRIVER_RUNNING"
    cluster.wait(lambda: task.task_id in framework.tasks and framework.tasks[task.task_id].state == "TASK_RUNNING")
    assert driver.send_framework_message("default", offer.slave_id, b"hello") == "DRIVER_RUNNING"
    assert driver.suppress_offers() == "DRIVER_RUNNING"
    assert driver.revive_offers(["*"]) == "DRIVER_RUNNING"
    assert driver.request_resources([]) == "DRIVER_RUNNING"
    asked = scheduler.expect.status_update(status=has(reason="REASON_RECONCILIATION")).at_least_once()
    assert driver.reconcile_tasks([TaskStatus(task_id=task.task_id, state=TaskState.TASK_STAGING)]) == "DRIVER_RUNNING"
    cluster.wait(asked)
    assert asked.arg("status").state == "TASK_RUNNING"
    killed = scheduler.expect.status_update(status=has(state="TASK_KILLED")).at_least_once()
    executor.expect.kill_task(task_id=task).will_once(send_status("TASK_KILLED"))
    assert driver.kill_task(task.task_id) == "DRIVER_RUNNING"
    cluster.wait(killed)
    cluster.wait(lambda: executor.calls_to("framework_message"))
    assert driver.stop() == "DRIVER_STOPPED"
    assert driver.status == "DRIVER_STOPPED"
    assert driver.decline_offer(offer.id) == "DRIVER_STOPPED"


def test_explicit_acknowledgements_are_the_schedulers(cluster):
    """Without one the update comes again after 10 seconds, with one it does not."""
    scheduler = MockScheduler()
    _, _, framework, offer = _running(cluster, scheduler=scheduler, implicit_acknowledgements=False)
    framework.driver.launch_tasks([offer.id], [make_task(offer)])
    cluster.wait(lambda: scheduler.calls_to("statusUpdate"))
    first = scheduler.calls_to("statusUpdate")[0].arg("status")
    cluster.run_for("11secs")
    assert [call.arg("status").uuid for call in scheduler.calls_to("statusUpdate")] == [first.uuid, first.uuid]
    framework.driver.acknowledge_status_update(first)
    cluster.run_for("1secs")
    assert scheduler.calls_to("statusUpdate")[-1].arg("status").state == "TASK_RUNNING"


def test_a_framework_updates_itself(cluster):
    """``update_framework`` replaces its description at the master."""
    master = cluster.start_master()
    framework = cluster.start_framework()
    cluster.wait(framework.registered)
    framework.driver.update_framework(msgspec.structs.replace(framework.info, name="renamed"))
    cluster.wait(lambda: master.frameworks[framework.id].name == "renamed")


def test_schedulers_get_mesos_callbacks(cluster):
    """Registered, offers, rescinded, agent lost, disconnected, registered again, with Mesos's parameters."""
    scheduler = MockScheduler()
    master = cluster.start_master(registry="durable")
    agent = cluster.start_agent()
    registered = scheduler.expect.registered()
    cluster.wait(agent.registered)
    offered = scheduler.expect.resource_offers(offers=total(BIG)).at_least_once()
    framework = cluster.start_framework(scheduler, failover_timeout="1hrs")
    cluster.wait(registered)
    assert registered.arg("driver") is framework.driver
    assert registered.arg("master_info").id == master.id
    cluster.wait(offered)
    rescinded = scheduler.expect.offer_rescinded().at_least_once()
    lost = scheduler.expect.slave_lost(slave_id=agent)
    agent.shutdown()
    cluster.wait(rescinded)
    assert rescinded.arg("offer_id") == offered.arg("offers")[0].id
    cluster.wait(lost)
    disconnected = scheduler.expect.disconnected().at_least_once()
    registered.verify()
    # A master that has never seen the framework accepts it for the first time.
    again = scheduler.expect.registered()
    new = cluster.fail_over_master()
    cluster.wait(disconnected)
    cluster.wait(again)
    assert again.arg("master_info").id == new.id
    assert again.arg("framework_id") == framework.id


def test_executors_get_mesos_callbacks(cluster):
    """Registered, launch, kill, message, shutdown."""
    executor = MockExecutor("default")
    scheduler = MockScheduler()
    executor.on.launch_task().do(send_status("TASK_RUNNING"))
    executor.on.kill_task().do(send_status("TASK_KILLED"))
    _, _, framework, offer = _running(cluster, executor, scheduler=scheduler)
    task = framework.run_task(offer, executor=executor)
    heard = executor.expect.framework_message(data=b"ping")
    framework.driver.send_framework_message("default", offer.slave_id, b"ping")
    cluster.wait(heard)
    answered = scheduler.expect.framework_message(executor_id="default", data=b"pong")
    executor.driver.send_framework_message(b"pong")
    cluster.wait(answered)
    finished = scheduler.expect.status_update(status=has(state="TASK_FINISHED")).at_least_once()
    executor.driver.send_status_update(task, "TASK_FINISHED", message="done")
    cluster.wait(finished)
    assert finished.arg("status").message == "done"
    framework.stop()
    cluster.wait(lambda: executor.calls_to("shutdown"))
    assert [call.method for call in executor.calls][:2] == ["registered", "launch_task"]


# --- tasks and the command executor


def test_make_task_takes_the_whole_offer_by_default(cluster):
    """Resources, executor, ids, names and commands."""
    executor = MockExecutor("mine")
    _, agent, _, offer = _running(cluster)
    task = make_task(offer)
    assert task.resources == offer.resources
    assert task.slave_id == agent.id
    assert make_task(offer).task_id != task.task_id
    assert make_task(offer, "cpus:1").resources.cpus == 1
    assert make_task(offer, executor=executor).executor.executor_id == "mine"
    assert make_task(offer, executor="other").executor.executor_id == "other"
    assert make_task(offer, executor=make_task(offer, executor=executor).executor).executor.executor_id == "mine"
    named = make_task(offer, task_id="t", name="n", command="sleep 3")
    assert (named.task_id, named.name, named.command.value) == ("t", "n", "sleep 3")


@pytest.mark.parametrize(
    ("command", "state", "after"),
    [("true", "TASK_FINISHED", 0), ("false", "TASK_FAILED", 0), ("exit 7", "TASK_FAILED", 0), ("sleep 10", "TASK_FINISHED", 10)],
)
def test_the_command_executor_acts_its_command_out(cluster, command, state, after):
    """STARTING, RUNNING, and the end of the command in virtual time."""
    scheduler = MockScheduler()
    _, _, framework, offer = _running(cluster, scheduler=scheduler)
    framework.driver.launch_tasks([offer.id], [make_task(offer, command=command)])
    started = cluster.clock.elapsed
    cluster.wait(lambda: any(call.arg("status").state == state for call in scheduler.calls_to("status_update")))
    states = [call.arg("status").state for call in scheduler.calls_to("status_update")]
    assert states == ["TASK_STARTING", "TASK_RUNNING", state]
    took = cluster.clock.elapsed - started
    assert seconds(after) <= took < seconds(after + 1)


def test_any_other_command_runs_until_it_is_killed(cluster):
    """After an hour it still runs; killed, it ends."""
    scheduler = MockScheduler()
    _, agent, framework, offer = _running(cluster, scheduler=scheduler)
    task = framework.run_task(offer)
    cluster.run_for("1hrs")
    assert agent.tasks[task.task_id].state == "TASK_RUNNING"
    killed = scheduler.expect.status_update(status=has(state="TASK_KILLED")).at_least_once()
    framework.driver.kill_task(task.task_id)
    cluster.wait(killed)


def test_the_command_executor_reports_while_the_clock_is_paused(cluster, clock):
    """STARTING and RUNNING are deliveries, no timers."""
    scheduler = MockScheduler()
    _, _, framework, offer = _running(cluster, scheduler=scheduler)
    clock.pause()
    framework.driver.launch_tasks([offer.id], [make_task(offer)])
    clock.settle()
    assert [call.arg("status").state for call in scheduler.calls_to("status_update")] == ["TASK_STARTING", "TASK_RUNNING"]


def test_a_mock_executor_survives_its_agent_under_checkpointing(cluster):
    """The agent comes back, the executor reconnects, the task goes on."""
    executor = MockExecutor("default")
    executor.on.launch_task().do(send_status("TASK_RUNNING"))
    master, agent, framework, offer = _running(cluster, executor, checkpoint=True)
    task = framework.run_task(offer, executor=executor)
    agent.terminate()
    agent.restart()
    cluster.wait(agent.registered)
    cluster.wait(lambda: executor.calls_to("reregistered"))
    assert len(executor.calls_to("launch_task")) == 1
    assert agent.tasks[task.task_id].state == "TASK_RUNNING"
    assert master.tasks[task.task_id].state == "TASK_RUNNING"


# --- the detector


def test_appointing_the_same_master_again_is_a_change(cluster):
    """Agents and frameworks register anew."""
    master = cluster.start_master()
    scheduler = MockScheduler()
    agent = cluster.start_agent()
    framework = cluster.start_framework(scheduler)
    cluster.wait(agent.registered)
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


# --- records


def test_records_are_frozen_and_built_by_keyword():
    """Mesos's field names; absent optional fields are None, absent repeated ones ()."""
    status = TaskStatus(task_id="t1", state=TaskState.TASK_RUNNING)
    assert status.reason is None
    assert status.labels == ()
    with pytest.raises(AttributeError):
        status.state = TaskState.TASK_LOST
    with pytest.raises(TypeError):
        TaskStatus("t1", TaskState.TASK_RUNNING)


def test_ids_are_texts(cluster):
    """They print as Mesos's, equal plain texts, and a plain text is taken wherever an id is."""
    scheduler = MockScheduler()
    master, agent, framework, offer = _running(cluster, scheduler=scheduler)
    assert str(agent.id) == f"{master.id}-S0"
    assert str(framework.id) == f"{master.id}-0000"
    assert str(offer.id) == f"{master.id}-O0"
    assert agent.id == str(agent.id)
    framework.driver.decline_offer(str(offer.id), refuse_seconds=0)
    cluster.wait(framework.next_offers())


def test_enumerations_are_texts():
    """States equal Mesos's names and print as them."""
    assert TaskState.TASK_LOST == "TASK_LOST"
    assert f"{TaskState.TASK_LOST}" == "TASK_LOST"


def test_scheduler_calls_are_one_message(cluster):
    """``Call`` with ``.type``."""
    cluster.start_master()
    subscribed = cluster.messages.expect(Call, where=lambda call: call.type == "SUBSCRIBE")
    framework = cluster.start_framework()
    call = cluster.wait(subscribed)
    assert call.subscribe.framework_info.name == framework.info.name


def test_a_status_update_message_is_built_from_handles(cluster):
    """``StatusUpdateMessage.of`` builds the nested record, here posted by a stranger."""
    scheduler = MockScheduler()
    master, agent, framework, _ = _running(cluster, scheduler=scheduler)
    message = StatusUpdateMessage.of(framework, agent, "t9", "TASK_LOST")
    assert message.update.status.task_id == "t9"
    assert message.update.framework_id == framework.id
    assert message.update.slave_id == agent.id
    update = scheduler.expect.status_update(status=has(state="TASK_LOST"))
    cluster.messages.post(message, src=master, dst=framework.driver.address)
    cluster.wait(update)


def test_resources_are_values():
    """Parse, equality, arithmetic, comparison, quantities, allocation."""
    small, big = Resources.parse("cpus:1;mem:64"), Resources.parse("mem:64;cpus:1;disk:5")
    assert small + Resources.parse("disk:5") == big
    assert big - small == Resources.parse("disk:5")
    assert small <= big
    assert not big <= small
    assert small & big == small
    assert (big.cpus, big.mem, big.disk, big.gpus) == (1, 64, 5, 0)
    assert small.allocate("web") != small


# --- snapshots


def test_what_a_test_reads_never_changes_and_cannot_be_written(cluster):
    """Mappings and lists are copies; records are frozen."""
    master, agent, framework, _ = _running(cluster)
    agents, offers, held = master.agents, master.offers, framework.offers
    tasks = agent.tasks
    framework.driver.launch_tasks([held[0].id], [make_task(held[0])])
    cluster.run_for("2secs")
    assert len(offers) == 1
    assert len(held) == 1
    assert tasks == {}
    with pytest.raises(AttributeError):
        agents[agent.id].connected = False
    agents.clear()
    assert master.agents
    metrics = master.metrics
    metrics["master/slaves_active"] = 5
    assert master.metrics["master/slaves_active"] == 1


@pytest.mark.parametrize(
    ("who", "name"),
    [
        ("agent", "id"),
        ("agent", "state"),
        ("agent", "tasks"),
        ("master", "elected"),
        ("master", "agents"),
        ("framework", "id"),
        ("framework", "offers"),
    ],
)
def test_handles_cannot_be_written(cluster, who, name):
    """An assignment to what a handle shows is refused."""
    handles = dict(zip(("master", "agent", "framework"), _running(cluster), strict=False))
    with pytest.raises(AttributeError):
        setattr(handles[who], name, None)


# --- waiting


def test_waiting_returns_the_value(cluster, messages):
    """Of a future, an expectation (its call), a message rule (its message), a predicate (its answer)."""
    scheduler = MockScheduler()
    cluster.start_master()
    agent = cluster.start_agent()
    rule = messages.expect(RegisterSlaveMessage)
    expectation = scheduler.expect.registered()
    framework = cluster.start_framework(scheduler)
    assert isinstance(cluster.wait(rule), RegisterSlaveMessage)
    assert cluster.wait(agent.registered) == agent.id
    assert cluster.wait(expectation).arg("framework_id") == framework.id
    assert cluster.wait(lambda: agent.id) == agent.id


def test_a_wait_under_a_paused_clock_that_cannot_succeed_fails_at_once(cluster, clock):
    """The error lists timers, held messages and unmet expectations, and what would help; no time passes."""
    clock.pause()
    scheduler = MockScheduler()
    cluster.start_master()
    agent = cluster.start_agent()
    cluster.messages.hold(Call)
    offered = scheduler.expect.resource_offers(offers=total("cpus:7"))
    cluster.start_framework(scheduler)
    before = clock.elapsed
    with pytest.raises(DeadlockError) as error:
        cluster.wait(agent.registered)
    assert clock.elapsed == before
    text = str(error.value)
    assert "paused" in text
    assert "pending timers" in text
    assert "slave(1)@agent1" in text
    assert "SUBSCRIBE" in text
    assert "resourceOffers" in text
    assert "advance" in text
    offered.drop()


def test_a_wait_under_a_running_clock_with_nothing_pending_fails_at_once():
    """Nothing runs, so nothing will happen."""
    cluster = Cluster()
    with pytest.raises(DeadlockError, match="nothing is pending"):
        cluster.wait(lambda: False)
    assert cluster.clock.elapsed == Duration(0)


def test_a_wait_for_something_that_only_does_not_happen_times_out(cluster):
    """WaitTimeout after that much virtual time; the default is 15 s."""
    cluster.start_master()
    started = cluster.clock.elapsed
    with pytest.raises(WaitTimeout):
        cluster.wait(lambda: False, timeout="3secs")
    assert cluster.clock.elapsed - started == seconds(3)
    with pytest.raises(WaitTimeout):
        cluster.wait(lambda: False)
    assert cluster.clock.elapsed - started == seconds(18)


def test_a_cluster_is_idle_when_only_recurring_timers_are_left(cluster):
    """Everybody is registered, the offer is out, the pings and batches go on."""
    master = cluster.start_master()
    agent = cluster.start_agent()
    framework = cluster.start_framework()
    cluster.run_until_idle()
    assert agent.id in master.agents
    assert framework.offers
    assert cluster.clock.timers
    assert cluster.clock.elapsed < seconds(30)


# --- properties


def test_always_eventually_and_leads_to_are_watched(cluster):
    """Properties that hold say nothing."""
    master = cluster.start_master()
    agent = cluster.start_agent()
    cluster.always("one agent at most", lambda: len(master.agents) <= 1)
    cluster.eventually("the agent registers", lambda: bool(master.agents), within="20secs")
    cluster.leads_to("known leads to registered", lambda: bool(master.agents), lambda: agent.id is not None, within="1secs")
    cluster.run_for("30secs")


@pytest.mark.parametrize("kind", ["always", "eventually", "leads_to"])
def test_a_broken_property_is_an_error_with_its_name(kind):
    """InvariantError names the property."""
    with pytest.raises(InvariantError, match="my property"), Cluster() as cluster:  # noqa: PT012
        master = cluster.start_master()
        cluster.start_agent()
        if kind == "always":
            cluster.always("my property", lambda: not master.agents)
        elif kind == "eventually":
            cluster.eventually("my property", lambda: len(master.agents) == 2, within="5secs")
        else:
            cluster.leads_to("my property", lambda: bool(master.agents), lambda: False, within="5secs")
        cluster.run_for("30secs")


# --- shutdown


def test_frameworks_hear_nothing_after_the_shutdown_began():
    """Agents end while offers are out, and no callback tells of it."""
    scheduler = MockScheduler()
    with Cluster() as cluster:
        cluster.start_master()
        cluster.start_agent()
        framework = cluster.start_framework(scheduler)
        cluster.wait(framework.next_offers())
        heard = len(scheduler.calls)
    assert len(scheduler.calls) == heard


def test_late_retries_are_delivered_while_the_master_lives():
    """A registration on its way when the test ends still reaches the master."""
    with Cluster() as cluster:
        cluster.start_master()
        agent = cluster.start_agent()
        seen = cluster.messages.expect(RegisterSlaveMessage)
        cluster.wait(lambda: any(isinstance(one.message, RegisterSlaveMessage) for one in cluster.messages.in_flight))
        assert seen.count == 0
        assert agent.id is None
    assert seen.count >= 1


def test_a_test_that_failed_gets_the_findings_as_notes():
    """The first error stays the error."""
    allocator = MockAllocator()
    with pytest.raises(ZeroDivisionError) as error, Cluster() as cluster:  # noqa: PT012
        cluster.start_master(allocator=allocator)
        allocator.expect.add_slave()
        _ = 1 / 0
    assert any("addSlave" in note for note in error.value.__notes__)


def test_actions_of_schedulers_work_on_offers(cluster):
    """``launch_tasks`` and ``accept_all`` as actions of ``resource_offers``."""
    master = cluster.start_master()
    cluster.start_agent()
    one, two = MockScheduler(), MockScheduler()
    one.expect.resource_offers().will_once(launch_tasks(n=2, resources="cpus:0.5;mem:64")).will_repeatedly(launch_tasks(n=1))
    cluster.start_framework(one)
    cluster.wait(lambda: len(master.tasks) >= 2)
    two.on.resource_offers().do(accept_all())
    cluster.start_agent()
    cluster.start_framework(two)
    cluster.wait(lambda: len(master.tasks) >= 3)


def test_no_leader_no_failover():
    """A failover needs a leader."""
    with pytest.raises(MisuseError, match="start_master"):
        Cluster().fail_over_master()
