"""Offers, launches, status updates, reconciliation and kills at the master."""

from __future__ import annotations

from typing import Any

import pytest
from master_bench import RESOURCES, Bench, ToyScheduler, real_bench, report, task_on

from harness.durations import Duration
from harness.mesos.authorizer import Action, Authorizer
from harness.mesos.messages import (
    Call,
    ExecutorInfo,
    ExecutorToFrameworkMessage,
    ExitedExecutorMessage,
    Filters,
    FrameworkToExecutorMessage,
    KillPolicy,
    KillTaskMessage,
    ResourceOffersMessage,
    RunTaskMessage,
    StatusUpdateAcknowledgementMessage,
)
from harness.mesos.resources import Resource, Resources
from harness.simulation import Future, Promise

AWARE = ("MULTI_ROLE", "PARTITION_AWARE")


def offered(bench: Bench, scheduler: ToyScheduler, agent: Any, resources: Resources = RESOURCES) -> Any:
    """An offer that the silent allocator makes on command."""
    bench.allocator.offer_callback(scheduler.id, {"*": {agent.id: resources.allocate("*")}})
    bench.settle()
    return list(scheduler.offers.values())[-1]


def trio(**info: Any) -> tuple[Bench, Any, ToyScheduler]:
    """A bench with a silent allocator, an agent and a scheduler."""
    bench = Bench()
    return bench, bench.agent(), bench.scheduler(**info)


# --- offers


def test_an_offer_describes_its_agent() -> None:
    """Id, host, role, and the agent's address beside it."""
    bench, agent, scheduler = trio()
    offer = offered(bench, scheduler, agent)
    (message,) = scheduler.heard_of(ResourceOffersMessage)
    assert message.pids == (agent.address,)
    assert (offer.id, offer.hostname, offer.role, offer.slave_id) == ("m1-O0", "a1", "*", agent.id)
    assert offer.resources == RESOURCES.allocate("*")
    assert bench.metric("outstanding_offers") == 1


@pytest.mark.parametrize("gone", ["framework", "agent"])
def test_an_offer_that_comes_too_late_goes_back(gone: str) -> None:
    """The allocator decided before it knew; every piece is returned without a filter."""
    bench, agent, scheduler = trio(failover_timeout=100.0)
    victim = scheduler if gone == "framework" else agent
    victim.terminate()
    bench.settle()
    piece = RESOURCES.allocate("*")
    bench.allocator.offer_callback(scheduler.id, {"*": {agent.id: piece}})
    bench.settle()
    assert bench.allocator.args("recover_resources") == [(scheduler.id, agent.id, piece, None, False)]
    assert bench.master.offers == {}


def test_an_unused_offer_is_rescinded_after_its_timeout() -> None:
    """Only with the flag set, and only if nobody used it."""
    bench = real_bench(offer_timeout="30secs", allocation_interval="1000secs")
    agent = bench.agent()
    scheduler = bench.scheduler()
    bench.running_task(scheduler, agent)
    second = bench.agent(host="a2")
    assert len(scheduler.offers) == 2
    bench.advance("30secs")
    assert [offer.slave_id for offer in scheduler.offers.values()] == [agent.id]
    assert second.id == "m1-S1"


def test_declined_resources_go_back_with_a_filter() -> None:
    """Five seconds unless the scheduler says otherwise."""
    bench, agent, scheduler = trio()
    for filters in (None, Filters(refuse_seconds=100.0)):
        offer = offered(bench, scheduler, agent)
        scheduler.call("DECLINE", decline=Call.Decline(offer_ids=(offer.id, "m1-O99"), filters=filters))
        bench.settle()
    calls = bench.allocator.args("recover_resources")
    assert [(args[3].refuse_seconds, args[4]) for args in calls] == [(5.0, False), (100.0, False)]


# --- launches


def test_a_launch_reaches_the_agent_and_the_allocator() -> None:
    """The task is staging, the rest goes back filtered, what is used is told."""
    bench, agent, scheduler = trio()
    offer = offered(bench, scheduler, agent)
    del bench.allocator.calls[:]
    task = task_on(offer)
    scheduler.launch([offer], task)
    bench.settle()
    (run,) = agent.heard_of(RunTaskMessage)
    assert (run.task.task_id, run.framework_id, run.pid, run.launch_executor) == ("t1", scheduler.id, scheduler.address, True)
    assert bench.master.tasks["t1"].state == "TASK_STAGING"
    assert bench.allocator.names() == ["pause", "recover_resources", "transition_offered_to_allocated", "resume"]
    used = task.resources.allocate("*")
    assert bench.allocator.args("recover_resources") == [(scheduler.id, agent.id, offer.resources - used, Filters(), False)]
    assert bench.allocator.args("transition_offered_to_allocated") == [(agent.id, used)]
    assert bench.metric("cpus_used") == 1.0


def test_offers_of_one_agent_can_be_combined() -> None:
    """Two offers, one task on their sum."""
    bench, agent, scheduler = trio()
    half = Resources.parse("cpus:1;mem:512")
    offers = [offered(bench, scheduler, agent, half), offered(bench, scheduler, agent, half)]
    scheduler.launch(offers, task_on(offers[0], resources="cpus:2;mem:1024"))
    bench.settle()
    assert bench.master.tasks["t1"].resources.cpus == 2


def test_an_executor_is_charged_once() -> None:
    """The second task of the same executor needs no new one."""
    bench, agent, scheduler = trio()
    offer = offered(bench, scheduler, agent)
    executor = ExecutorInfo(executor_id="e", resources=Resources.parse("cpus:0.5;mem:32"))
    tasks = [task_on(offer, f"t{n}", "cpus:0.5;mem:100", executor=executor, command=None) for n in range(2)]
    scheduler.launch([offer], *tasks)
    bench.settle()
    assert [run.launch_executor for run in agent.heard_of(RunTaskMessage)] == [True, False]
    assert bench.metric("cpus_used") == 1.5
    agent.send(agent.master, ExitedExecutorMessage(slave_id=agent.id, framework_id=scheduler.id, executor_id="e", status=1))
    bench.settle()
    assert bench.metric("cpus_used") == 1.0
    assert len(scheduler.heard_of(ExitedExecutorMessage)) == 1


@pytest.mark.parametrize(("capabilities", "state"), [(("MULTI_ROLE",), "TASK_LOST"), (AWARE, "TASK_DROPPED")])
def test_a_launch_with_an_offer_that_is_gone(capabilities: tuple[str, ...], state: str) -> None:
    """The tasks are reported at once, and the offers that still stand go back unfiltered."""
    bench, agent, scheduler = trio(capabilities=capabilities)
    offer = offered(bench, scheduler, agent)
    gone = offer.replace(id="m1-O77")
    scheduler.launch([offer, gone], task_on(offer))
    bench.settle()
    (status,) = scheduler.statuses
    assert (status.state, status.reason) == (state, "REASON_INVALID_OFFERS")
    assert status.message == "Task launched with invalid offers: Offer m1-O77 is no longer valid"
    assert bench.allocator.args("recover_resources") == [(scheduler.id, agent.id, offer.resources, None, False)]
    assert agent.heard_of(RunTaskMessage) == []


def test_offers_of_different_agents_cannot_be_combined() -> None:
    """Nor can an offer be used twice."""
    bench, agent, scheduler = trio()
    other = bench.agent(host="a2")
    offers = [offered(bench, scheduler, agent), offered(bench, scheduler, other)]
    scheduler.launch(offers, task_on(offers[0]))
    bench.settle()
    assert "must belong to one single agent" in scheduler.statuses[-1].message
    offer = offered(bench, scheduler, agent)
    scheduler.launch([offer, offer], task_on(offer))
    bench.settle()
    assert "Duplicate offer" in scheduler.statuses[-1].message
    assert bench.master.offers == {}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"task_id": "a/b"}, "'a/b' contains invalid characters"),
        ({"task_id": "a\\b"}, "contains invalid characters"),
        ({"kill_policy": KillPolicy(grace_period=Duration(-1))}, "Task's 'kill_policy.grace_period' must be non-negative"),
        ({"max_completion_time": Duration(-1)}, "Task's `max_completion_time` must be non-negative"),
        ({"task_id": ""}, "must not be empty"),
        ({"slave_id": "m1-S9"}, "invalid agent"),
        ({"command": None}, "at least one"),
        ({"resources": Resources()}, "uses no resources"),
        ({"resources": Resources.parse("cpus:3;mem:1")}, "more than available"),
        ({"resources": Resources([Resource(name="cpus", value=-1.0)])}, "Invalid scalar resource"),
    ],
)
def test_an_invalid_task_is_an_error(change: dict[str, Any], text: str) -> None:
    """TASK_ERROR with the reason; nothing is launched and everything goes back."""
    bench, agent, scheduler = trio()
    offer = offered(bench, scheduler, agent)
    scheduler.launch([offer], task_on(offer).replace(**change))
    bench.settle()
    (status,) = scheduler.statuses
    assert (status.state, status.reason) == ("TASK_ERROR", "REASON_TASK_INVALID")
    assert text in status.message
    assert bench.allocator.args("recover_resources")[-1][2] == offer.resources
    assert bench.metric("tasks_error") == 1
    assert agent.heard_of(RunTaskMessage) == []


def test_an_impossible_amount_spoils_the_whole_launch() -> None:
    """Every task of the launch is told of the first amount that cannot be, before anything else is looked at."""
    bench, agent, scheduler = trio()
    offer = offered(bench, scheduler, agent)
    spoilt = task_on(offer).replace(task_id="a/b", resources=Resources([Resource(name="cpus", value=-1.0)]))
    scheduler.launch([offer], task_on(offer), spoilt)
    bench.settle()
    wanted = "Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0"
    assert [status.message for status in scheduler.statuses] == [wanted, wanted]
    assert agent.heard_of(RunTaskMessage) == []


def test_a_task_id_is_used_once() -> None:
    """A second task of the same name is invalid, the first lives on."""
    bench, agent, scheduler = trio()
    offer = offered(bench, scheduler, agent)
    scheduler.launch([offer], task_on(offer, "t1", "cpus:0.5"), task_on(offer, "t1", "cpus:0.5"))
    bench.settle()
    assert scheduler.states == ["TASK_ERROR"]
    assert "duplicate ID" in scheduler.statuses[0].message
    assert bench.master.tasks["t1"].state == "TASK_STAGING"


class Slow(Authorizer):
    """Thinks about tasks until told; everything else is granted."""

    def __init__(self) -> None:
        self.asked: list[Promise[bool]] = []

    def authorized(self, request: Any) -> Future[bool] | bool:
        if request.action != Action.RUN_TASK:
            return True
        self.asked.append(Promise("authorization"))
        return self.asked[-1].future


def slow_launch() -> tuple[Bench, Any, ToyScheduler, Slow]:
    """A launch whose authorization is pending."""
    authorizer = Slow()
    bench = Bench(authorizer=authorizer)
    agent, scheduler = bench.agent(), bench.scheduler(capabilities=AWARE)
    offer = offered(bench, scheduler, agent)
    scheduler.launch([offer], task_on(offer))
    bench.settle()
    return bench, agent, scheduler, authorizer


def test_a_refused_task_is_an_error() -> None:
    """The authorizer's no."""
    bench, _agent, scheduler, authorizer = slow_launch()
    authorizer.asked[0].set(False)
    bench.settle()
    assert [(status.state, status.reason) for status in scheduler.statuses] == [("TASK_ERROR", "REASON_TASK_UNAUTHORIZED")]


def test_a_pending_task_can_be_killed() -> None:
    """It is never launched, whatever the authorizer says later."""
    bench, agent, scheduler, authorizer = slow_launch()
    scheduler.call("KILL", kill=Call.Kill(task_id="t1"))
    bench.settle()
    authorizer.asked[0].set(True)
    bench.settle()
    assert scheduler.states == ["TASK_KILLED"]
    assert agent.heard_of(RunTaskMessage) == []


def test_a_pending_task_reconciles_as_staging() -> None:
    """The master knows of it already."""
    bench, _agent, scheduler, _authorizer = slow_launch()
    scheduler.call("RECONCILE", reconcile=Call.Reconcile())
    bench.settle()
    assert scheduler.states == ["TASK_STAGING"]


@pytest.mark.parametrize("how", ["disconnected", "removed"])
def test_an_agent_lost_during_authorization(how: str) -> None:
    """The tasks are dropped with the reason."""
    bench, agent, scheduler, authorizer = slow_launch()
    agent.answers_pings = False
    if how == "disconnected":
        agent.terminate()
        bench.settle()
    else:
        bench.advance("90secs")
    authorizer.asked[0].set(True)
    bench.settle()
    (status,) = scheduler.statuses
    assert (status.state, status.reason) == ("TASK_DROPPED", f"REASON_SLAVE_{how.upper()}")


# --- updates


def test_a_terminal_update_frees_resources_before_it_is_acknowledged() -> None:
    """The task itself stays on the books until the acknowledgement."""
    bench, agent, scheduler = trio()
    offered(bench, scheduler, agent)
    task = bench.running_task(scheduler, agent)
    del bench.allocator.calls[:]
    update = report(agent, scheduler, "t1", "TASK_FINISHED").update
    bench.settle()
    used = task.resources.allocate("*")
    assert bench.allocator.args("recover_resources") == [(scheduler.id, agent.id, used, None, True)]
    assert list(bench.master.tasks) == ["t1"]
    scheduler.call("ACKNOWLEDGE", acknowledge=Call.Acknowledge(slave_id=agent.id, task_id="t1", uuid=update.uuid))
    bench.settle()
    assert bench.master.tasks == {}
    assert agent.heard_of(StatusUpdateAcknowledgementMessage)[-1].uuid == update.uuid
    assert bench.metric("tasks_finished") == 1
    assert len(bench.allocator.args("recover_resources")) == 1


def test_the_first_terminal_state_stays() -> None:
    """A later one is forwarded but changes nothing."""
    bench, agent, scheduler = trio()
    offered(bench, scheduler, agent)
    bench.running_task(scheduler, agent)
    report(agent, scheduler, "t1", "TASK_FINISHED")
    report(agent, scheduler, "t1", "TASK_KILLED")
    bench.settle()
    assert bench.master.tasks["t1"].state == "TASK_FINISHED"
    assert (bench.metric("tasks_finished"), bench.metric("tasks_killed")) == (1, 0)


def test_an_update_for_a_disconnected_framework_is_kept_on_the_books() -> None:
    """Not forwarded; the state is known all the same."""
    bench, agent, scheduler = trio(failover_timeout=100.0)
    offered(bench, scheduler, agent)
    bench.running_task(scheduler, agent)
    scheduler.terminate()
    bench.settle()
    report(agent, scheduler, "t1", "TASK_FINISHED")
    bench.settle()
    assert bench.master.tasks["t1"].state == "TASK_FINISHED"
    assert bench.metric("invalid_status_updates") == 1


def test_an_acknowledgement_for_a_disconnected_agent_is_dropped() -> None:
    """The agent will send the update again."""
    bench, agent, scheduler = trio(checkpoint=True)
    offered(bench, scheduler, agent)
    bench.running_task(scheduler, agent)
    bench.world.messages.inject_exited(agent.address, bench.master.address)
    bench.settle()
    scheduler.call("ACKNOWLEDGE", acknowledge=Call.Acknowledge(slave_id=agent.id, task_id="t1", uuid="x"))
    bench.settle()
    assert agent.heard_of(StatusUpdateAcknowledgementMessage) == []
    assert bench.metric("invalid_status_update_acknowledgements") == 1


# --- reconciliation and kills


def ask(bench: Bench, scheduler: ToyScheduler, task_id: str, slave_id: str | None = None) -> list[str]:
    """States that explicit reconciliation of one task answers with."""
    before = len(scheduler.statuses)
    task = Call.Reconcile.Task(task_id=task_id, slave_id=slave_id)
    scheduler.call("RECONCILE", reconcile=Call.Reconcile(tasks=(task,)))
    bench.settle()
    answers = scheduler.statuses[before:]
    assert all(status.reason == "REASON_RECONCILIATION" and status.uuid is None for status in answers)
    return [str(status.state) for status in answers]


@pytest.mark.parametrize(
    ("capabilities", "on_known", "on_unknown", "on_unreachable"),
    [
        (("MULTI_ROLE",), "TASK_LOST", "TASK_LOST", "TASK_LOST"),
        (AWARE, "TASK_GONE", "TASK_UNKNOWN", "TASK_UNREACHABLE"),
    ],
)
def test_explicit_reconciliation(capabilities: tuple[str, ...], on_known: str, on_unknown: str, on_unreachable: str) -> None:
    """By where the agent is; the unreachable one with the time of the verdict."""
    bench, agent, scheduler = trio(capabilities=capabilities, checkpoint=True)
    offered(bench, scheduler, agent)
    bench.running_task(scheduler, agent)
    assert ask(bench, scheduler, "t1", "anything") == ["TASK_RUNNING"]
    assert ask(bench, scheduler, "t9", agent.id) == [on_known]
    assert ask(bench, scheduler, "t9", "m1-S9") == [on_unknown]
    assert ask(bench, scheduler, "t9") == [on_unknown]
    agent.answers_pings = False
    bench.advance("90secs")
    assert ask(bench, scheduler, "t1", agent.id) == [on_unreachable]
    assert scheduler.statuses[-1].unreachable_time == bench.master.slaves.unreachable[agent.id]


def test_a_kill_is_passed_on() -> None:
    """And one of an unknown task is answered like a question."""
    bench, agent, scheduler = trio(capabilities=AWARE)
    offered(bench, scheduler, agent)
    bench.running_task(scheduler, agent)
    scheduler.call("KILL", kill=Call.Kill(task_id="t1", slave_id="m1-S9"))
    scheduler.call("KILL", kill=Call.Kill(task_id="t1"))
    scheduler.call("KILL", kill=Call.Kill(task_id="t9"))
    bench.settle()
    assert agent.heard_of(KillTaskMessage) == [KillTaskMessage(framework_id=scheduler.id, task_id="t1")]
    assert scheduler.states == ["TASK_RUNNING", "TASK_UNKNOWN"]


def test_free_data_passes_both_ways() -> None:
    """Between a scheduler and an executor, through the master."""
    bench, agent, scheduler = trio()
    scheduler.call("MESSAGE", message=Call.Message(slave_id=agent.id, executor_id="e", data="down"))
    up = ExecutorToFrameworkMessage(slave_id=agent.id, framework_id=scheduler.id, executor_id="e", data="up")
    agent.send(agent.master, up)
    bench.settle()
    assert [message.data for message in agent.heard_of(FrameworkToExecutorMessage)] == ["down"]
    assert scheduler.heard_of(ExecutorToFrameworkMessage) == [up]


def test_metrics_that_never_counted_read_zero() -> None:
    """No KeyError for what did not happen."""
    assert Bench().master.metrics["master/anything"] == 0
