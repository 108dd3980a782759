"""Section 2 of the contract: frameworks, drivers, callbacks, tasks and executors."""

from __future__ import annotations

import msgspec
import pytest

from harness import (
    MockExecutor,
    MockScheduler,
    has,
    make_task,
    seconds,
    send_status,
    total,
)
from harness.mesos.messages import (
    StatusUpdateMessage,
    TaskState,
    TaskStatus,
)
from tests.contract.clusters import BIG, running

pytestmark = pytest.mark.cluster(seeds=4)


# --- frameworks and drivers


def test_a_framework_shows_what_it_holds(cluster):
    """Id, driver, scheduler, info, offers and tasks."""
    scheduler = MockScheduler()
    _, _, framework, offer = running(cluster, scheduler=scheduler, name="shop", roles=("web",))
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
    _, _, framework, offer = running(cluster)
    framework.driver.decline_offer(offer.id, refuse_seconds=0)
    (again,) = cluster.wait(framework.next_offers())
    assert again.id != offer.id
    assert again.resources == offer.resources


def test_run_task_returns_when_running_is_acknowledged(cluster):
    """The agent has nothing left to resend."""
    _, agent, framework, offer = running(cluster)
    task = framework.run_task(offer, "cpus:1;mem:32", task_id="t1", name="web")
    assert (task.task_id, task.name) == ("t1", "web")
    assert agent.tasks["t1"].status_update_state == "TASK_RUNNING"
    with cluster.messages.never(StatusUpdateMessage):
        cluster.run_for("1mins")


@pytest.mark.parametrize("command", ["true", "exit 7", "sleep 1"])
def test_run_task_returns_for_a_command_that_soon_ends(cluster, command):
    """The task was running, even if its end is reported at the same instant."""
    _, agent, framework, offer = running(cluster)
    task = framework.run_task(offer, "cpus:1;mem:32", command=command)
    assert cluster.clock.elapsed < seconds(2)
    cluster.run_for("5secs")
    assert task.task_id not in agent.tasks


def test_the_driver_has_mesos_calls(cluster):
    """Those that return a status in Mesos return it."""
    scheduler = MockScheduler()
    executor = MockExecutor("default")
    executor.on.launch_task().do(send_status("TASK_RUNNING"))
    _, _, framework, offer = running(cluster, executor, scheduler=scheduler)
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
    _, _, framework, offer = running(cluster, scheduler=scheduler, implicit_acknowledgements=False)
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
    _, _, framework, offer = running(cluster, executor, scheduler=scheduler)
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
    _, agent, _, offer = running(cluster)
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
    _, _, framework, offer = running(cluster, scheduler=scheduler)
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
    _, agent, framework, offer = running(cluster, scheduler=scheduler)
    task = framework.run_task(offer)
    cluster.run_for("1hrs")
    assert agent.tasks[task.task_id].state == "TASK_RUNNING"
    killed = scheduler.expect.status_update(status=has(state="TASK_KILLED")).at_least_once()
    framework.driver.kill_task(task.task_id)
    cluster.wait(killed)


def test_the_command_executor_reports_while_the_clock_is_paused(cluster, clock):
    """STARTING and RUNNING are deliveries, no timers."""
    scheduler = MockScheduler()
    _, _, framework, offer = running(cluster, scheduler=scheduler)
    clock.pause()
    framework.driver.launch_tasks([offer.id], [make_task(offer)])
    clock.settle()
    assert [call.arg("status").state for call in scheduler.calls_to("status_update")] == ["TASK_STARTING", "TASK_RUNNING"]


def test_a_mock_executor_survives_its_agent_under_checkpointing(cluster):
    """The agent comes back, the executor reconnects, the task goes on."""
    executor = MockExecutor("default")
    executor.on.launch_task().do(send_status("TASK_RUNNING"))
    master, agent, framework, offer = running(cluster, executor, checkpoint=True)
    task = framework.run_task(offer, executor=executor)
    agent.terminate()
    agent.restart()
    cluster.wait(agent.registered)
    cluster.wait(lambda: executor.calls_to("reregistered"))
    assert len(executor.calls_to("launch_task")) == 1
    assert agent.tasks[task.task_id].state == "TASK_RUNNING"
    assert master.tasks[task.task_id].state == "TASK_RUNNING"
