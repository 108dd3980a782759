"""The content of ``/state``, compared in form with one that a real master gave."""

from __future__ import annotations

from typing import Any

from master_bench import real_bench, report, task_on

from harness.mesos.messages import Attribute, Call, Label

# The keys of a real 1.11.0 master with one agent, one framework, one running and one finished task and one offer; those
# about its build are left out.
MASTER = (
    "version start_time elected_time id pid hostname capabilities activated_slaves deactivated_slaves unreachable_slaves "
    "leader leader_info flags slaves recovered_slaves frameworks completed_frameworks orphan_tasks unregistered_frameworks"
)
AGENT = (
    "id hostname port attributes pid registered_time resources used_resources offered_resources reserved_resources "
    "unreserved_resources active deactivated version capabilities"
)
FRAMEWORK = (
    "id name used_resources offered_resources capabilities hostname webui_url active connected recovered user failover_timeout "
    "checkpoint registered_time unregistered_time resources role tasks unreachable_tasks completed_tasks offers executors "
    "offer_constraints"
)
TASK = "id name framework_id executor_id slave_id state resources role statuses labels"
OFFER = "id framework_id allocation_info slave_id resources"


def state() -> tuple[Any, Any]:
    bench = real_bench()
    agent = bench.agent(attributes=(Attribute(name="rack", value="r1"), Attribute(name="level", value="3")))
    scheduler = bench.scheduler(capabilities=(), roles=(), failover_timeout=5.0, webui_url="http://fw/", principal=None)
    offer = next(iter(scheduler.offers.values()))
    tasks = [task_on(offer, name, "cpus:0.1;mem:32", labels=(Label(key="k", value="v"),)) for name in ("one", "two")]
    scheduler.launch([offer], *tasks)
    bench.settle()
    for name, states in (("one", ["TASK_STARTING", "TASK_RUNNING"]), ("two", ["TASK_RUNNING", "TASK_FINISHED"])):
        for each in states:
            last = report(agent, scheduler, name, each)
            bench.settle()
    scheduler.call("ACKNOWLEDGE", acknowledge=_acknowledge(agent, last))
    bench.advance("6secs")
    return bench, bench.master.state()


def _acknowledge(agent: Any, message: Any) -> Any:
    return Call.Acknowledge(slave_id=agent.id, task_id=message.update.status.task_id, uuid=message.update.uuid)


def test_keys_are_those_of_a_real_master() -> None:
    """On every level the same keys in the same order."""
    _, content = state()
    assert list(content) == MASTER.split()
    (agent,) = content["slaves"]
    assert list(agent) == AGENT.split()
    (framework,) = content["frameworks"]
    assert [key for key in framework if key != "pid"] == FRAMEWORK.split()
    (task,) = framework["tasks"]
    assert list(task) == TASK.split()
    assert [list(offer) for offer in framework["offers"]] == [OFFER.split()]


def test_values() -> None:
    """Numbers as numbers, ranges as texts, times as seconds since 1970."""
    bench, content = state()
    (agent,) = content["slaves"]
    (framework,) = content["frameworks"]
    assert agent["attributes"] == {"rack": "r1", "level": 3.0}
    assert agent["used_resources"] == {"disk": 0.0, "mem": 32.0, "gpus": 0.0, "cpus": 0.1}
    assert agent["resources"]["ports"] == "[31000-32000]"
    assert agent["offered_resources"]["cpus"] == 1.9
    assert framework["failover_timeout"] == 5.0
    assert [status["state"] for status in framework["tasks"][0]["statuses"]] == ["TASK_STARTING", "TASK_RUNNING"]
    assert [task["state"] for task in framework["completed_tasks"]] == ["TASK_FINISHED"]
    assert content["leader_info"]["pid"] == "master@master"
    assert content["flags"]["agent_ping_timeout"] == "15secs"
    assert "credentials" not in content["flags"]
    assert bench.world.clock.now.timestamp() - agent["registered_time"] >= 6


def test_a_snapshot_does_not_change() -> None:
    """What was read stays as it was."""
    bench, content = state()
    again = bench.master.state()
    assert again == content
    bench.master.slaves.registered.clear()
    assert len(content["slaves"]) == 1
