"""Section 2 of the contract: records, snapshots, waiting, properties and the shutdown."""

from __future__ import annotations

import copy

import pytest

from harness import (
    Cluster,
    DeadlockError,
    Duration,
    InvariantError,
    MisuseError,
    MockAllocator,
    MockScheduler,
    WaitTimeout,
    accept_all,
    has,
    launch_tasks,
    make_task,
    seconds,
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
from tests.contract.clusters import running

pytestmark = pytest.mark.cluster(seeds=4)


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
    master, agent, framework, offer = running(cluster, scheduler=scheduler)
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
    master, agent, framework, _ = running(cluster, scheduler=scheduler)
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
    """Mappings are copies that refuse to be written, lists are copies; records are frozen."""
    master, agent, framework, _ = running(cluster)
    agents, offers, held = master.agents, master.offers, framework.offers
    tasks = agent.tasks
    framework.driver.launch_tasks([held[0].id], [make_task(held[0])])
    cluster.run_for("2secs")
    assert len(offers) == 1
    assert len(held) == 1
    assert tasks == {}
    with pytest.raises(AttributeError):
        agents[agent.id].connected = False
    for books in (agents, offers, tasks, master.frameworks, master.metrics, agent.executors, framework.tasks):
        with pytest.raises(TypeError, match="snapshot"):
            books["x"] = 1
        with pytest.raises(TypeError, match="snapshot"):
            books.clear()
        assert copy.deepcopy(books) == dict(books)
    assert master.agents


@pytest.mark.parametrize(
    ("who", "name"),
    [
        ("agent", "id"),
        ("agent", "hostname"),
        ("agent", "state"),
        ("agent", "tasks"),
        ("master", "elected"),
        ("master", "agents"),
        ("master", "allocator"),
        ("framework", "driver"),
        ("framework", "id"),
        ("framework", "offers"),
    ],
)
def test_handles_cannot_be_written(cluster, who, name):
    """An assignment to what a handle shows is refused."""
    handles = dict(zip(("master", "agent", "framework"), running(cluster), strict=False))
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


@pytest.mark.parametrize("kind", ["eventually", "leads_to"])
def test_a_deadline_that_passes_without_any_event_is_missed(kind):
    """Nothing happens after the deadline, so it is the end of the run that tells; a deadline beyond the end is not missed."""
    for span, missed in (("1secs", False), ("20secs", True)):
        cluster = Cluster()
        master = cluster.start_master()
        master.terminate()
        if kind == "eventually":
            cluster.eventually("my property", lambda: False, within="10secs")
        else:
            cluster.leads_to("my property", lambda: True, lambda: False, within="10secs")
        cluster.settle()
        cluster.run_for(span)
        if missed:
            with pytest.raises(InvariantError, match="my property"):
                cluster.shutdown()
        else:
            cluster.shutdown()


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
