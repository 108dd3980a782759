"""What masters of different releases do differently with agents and their tasks."""

from __future__ import annotations

from typing import Any

import pytest
from master_bench import Bench, HeldRegistrar, report

from harness.mesos.messages import (
    Call,
    CheckpointResourcesMessage,
    ExecutorToFrameworkMessage,
    MarkSlaveUnreachable,
    RemoveSlave,
    ShutdownFrameworkMessage,
    ShutdownMessage,
    SlaveReregisteredMessage,
    Task,
    UpdateFrameworkMessage,
)
from harness.mesos.registrar import RegistryStorage
from harness.mesos.resources import Resources

RELEASES = ("1.0", "1.1", "1.2", "1.5", "1.11")
AWARE = {"capabilities": ("MULTI_ROLE", "PARTITION_AWARE")}


class Situation:
    """One agent that answers no pings, and two schedulers, one of them partition-aware, with a task each."""

    def __init__(self, release: str, **arguments: Any) -> None:
        self.bench = bench = Bench(release=release, **arguments)
        self.plain = bench.scheduler("plain")
        self.aware = bench.scheduler("aware", **AWARE)
        self.agent = bench.agent(silent=True)
        for scheduler in (self.plain, self.aware):
            bench.master.offer(scheduler.id or "", {"*": {self.agent.id or "": Resources.parse("cpus:1;mem:512").allocate("*")}})
            bench.settle()
            bench.running_task(scheduler, self.agent, f"task of {scheduler.name}")

    def partition(self) -> None:
        self.bench.advance("75secs")

    def come_back(self) -> None:
        tasks = tuple(
            Task(task_id=f"task of {each.name}", framework_id=each.id or "", slave_id=self.agent.id or "", state="TASK_RUNNING")  # type: ignore[arg-type]
            for each in (self.plain, self.aware)
        )
        frameworks = tuple(each.info.replace(id=each.id) for each in (self.plain, self.aware))
        self.agent.answers_pings = True
        self.agent.reregister(tasks=tasks, frameworks=frameworks)
        self.bench.settle()


@pytest.mark.parametrize(
    ("release", "plain", "aware"),
    [
        ("1.0", ("TASK_LOST", "Slave a1 removed: health check timed out", False), ("TASK_LOST", None, False)),
        ("1.1", ("TASK_LOST", "Slave a1 is unreachable", True), ("TASK_UNREACHABLE", None, True)),
        ("1.2", ("TASK_LOST", "Agent a1 is unreachable: health check timed out", True), ("TASK_UNREACHABLE", None, True)),
        ("1.5", ("TASK_LOST", "health check timed out", True), ("TASK_UNREACHABLE", None, True)),
        ("1.11", ("TASK_LOST", "health check timed out", True), ("TASK_UNREACHABLE", None, True)),
    ],
)
def test_tasks_of_a_partitioned_agent(release: str, plain: tuple[Any, ...], aware: tuple[Any, ...]) -> None:
    """Rows 3 and 3a: state, text and time of the updates; before 1.1 the agent is told to end, and removed."""
    situation = Situation(release)
    situation.partition()
    bench = situation.bench
    for scheduler, (state, text, timed) in ((situation.plain, plain), (situation.aware, aware)):
        status = scheduler.statuses[-1]
        assert (status.state, status.reason) == (state, "REASON_SLAVE_REMOVED")
        assert text is None or status.message == text
        assert (status.unreachable_time is not None) is timed
        assert scheduler.lost == [situation.agent.id]
    shut_down = [message.message for message in situation.agent.heard_of(ShutdownMessage)]
    assert shut_down == (["health check timed out"] if release == "1.0" else [])
    registry = bench.master.registrar.registry
    assert list(registry.admitted) == []
    assert (list(registry.unreachable) == [situation.agent.id]) is (release != "1.0")
    scheduled = "slave_shutdowns_scheduled" if release == "1.0" else "slave_unreachable_scheduled"
    assert bench.metric(scheduled) == 1


@pytest.mark.parametrize("release", RELEASES)
def test_return_of_a_partitioned_agent(release: str) -> None:
    """Rows 2 and 2a: refused before 1.1, without the tasks of unaware frameworks before 1.5, whole and announced since."""
    situation = Situation(release)
    situation.partition()
    before = len(situation.plain.statuses), len(situation.aware.statuses)
    situation.agent.heard.clear()
    situation.come_back()
    agent, bench = situation.agent, situation.bench
    heard = [type(message) for message in agent.heard]
    after = len(situation.plain.statuses) - before[0], len(situation.aware.statuses) - before[1]
    if release == "1.0":
        assert [message.message for message in agent.heard_of(ShutdownMessage)] == [
            "Agent attempted to re-register after removal"
        ]
        assert bench.master.agents == {}
        return
    ended = [message.framework_id for message in agent.heard_of(ShutdownFrameworkMessage)]
    if release in ("1.1", "1.2"):
        assert ended == [situation.plain.id]
        assert heard.index(SlaveReregisteredMessage) < heard.index(ShutdownFrameworkMessage)
        assert list(bench.master.tasks) == ["task of aware"]
        assert after == (0, 0)
    else:
        assert ended == []
        assert sorted(bench.master.tasks) == ["task of aware", "task of plain"]
        assert after == (1, 1)
        assert situation.plain.statuses[-1].reason == "REASON_SLAVE_REREGISTERED"


def test_memory_before_registry() -> None:
    """Row 3: before 1.1 the agent is forgotten at once, and its frameworks hear of it when the registry is written."""
    held = HeldRegistrar(RemoveSlave)
    situation = Situation("1.0", registrar=held)
    situation.partition()
    assert situation.bench.master.agents == {}
    assert situation.plain.states[-1] == "TASK_RUNNING"
    assert situation.plain.lost == []
    held.release()
    situation.bench.settle()
    assert situation.plain.states[-1] == "TASK_LOST"
    assert situation.plain.lost == [situation.agent.id]


@pytest.mark.parametrize("release", ["1.1", "1.11"])
def test_return_while_marking(release: str) -> None:
    """Row 2d: an agent that returns while the registry is written is acknowledged, and given up when it is written."""
    held = HeldRegistrar(MarkSlaveUnreachable)
    situation = Situation(release, registrar=held)
    situation.partition()
    situation.come_back()
    assert len(situation.agent.heard_of(SlaveReregisteredMessage)) == 1
    held.release()
    situation.bench.settle()
    assert situation.bench.master.agents == {}
    assert situation.aware.states[-1] == "TASK_UNREACHABLE"


@pytest.mark.parametrize(("release", "state"), [("1.0", 0), ("1.1", 1), ("1.11", 1)])
def test_agent_that_never_returns_after_failover(release: str, state: int) -> None:
    """Row 3d: before 1.1 it is removed from the registry without a word, since then it is unreachable and lost."""
    storage = RegistryStorage()
    first = Bench(release=release, storage=storage)
    agent = first.agent()
    second = Bench(release=release, storage=storage)
    scheduler = second.scheduler()
    second.advance("600secs")
    assert list(storage.registry.admitted) == []
    assert list(storage.registry.unreachable) == [agent.id][:state]
    assert scheduler.lost == [agent.id][:state]
    assert scheduler.statuses == []


@pytest.mark.parametrize("release", RELEASES)
def test_senders_from_removed_agents(release: str) -> None:
    """Row 9: before 1.1 a removed agent that speaks is told to end, since then it is ignored."""
    situation = Situation(release)
    situation.partition()
    agent, bench = situation.agent, situation.bench
    agent.heard.clear()
    agent.send(
        agent.master,
        ExecutorToFrameworkMessage(slave_id=agent.id or "", framework_id="f", executor_id="e", data=b""),
    )
    bench.settle()
    told = [message.message for message in agent.heard_of(ShutdownMessage)]
    assert told == (["Executor message from unknown agent"] if release == "1.0" else [])


def test_updates_of_unknown_frameworks() -> None:
    """Row 9a: before 1.1 an update goes to a disconnected framework; later it changes the task, and is not forwarded."""
    for release, ready in (("1.0", True), ("1.1", False)):
        situation = Situation(release)
        bench = situation.bench
        situation.plain.info = situation.plain.info.replace(failover_timeout=100)
        bench.master.frameworks[situation.plain.id or ""].info = situation.plain.info
        bench.master.exited(situation.plain.address)
        bench.settle()
        report(situation.agent, situation.plain, "task of plain", "TASK_FINISHED")
        bench.settle()
        assert (situation.plain.states[-1] == "TASK_FINISHED") is ready
        assert bench.master.tasks["task of plain"].state == "TASK_FINISHED"


@pytest.mark.parametrize(
    ("release", "registered", "unreachable", "unknown"),
    [
        ("1.0", "TASK_LOST", "TASK_LOST", "TASK_LOST"),
        ("1.1", "TASK_LOST", "TASK_UNREACHABLE", "TASK_LOST"),
        ("1.2", "TASK_UNKNOWN", "TASK_UNREACHABLE", "TASK_UNKNOWN"),
        ("1.5", "TASK_GONE", "TASK_UNREACHABLE", "TASK_UNKNOWN"),
        ("1.11", "TASK_GONE", "TASK_UNREACHABLE", "TASK_UNKNOWN"),
    ],
)
def test_reconciliation_of_unknown_tasks(release: str, registered: str, unreachable: str, unknown: str) -> None:
    """Row 13b, for a partition-aware framework."""
    bench = Bench(release=release)
    scheduler = bench.scheduler(**AWARE)
    lost = bench.agent(silent=True)
    bench.advance("75secs")
    there = bench.agent("slave(2)", "a2")
    for slave_id in (there.id, lost.id, "nobody"):
        question = Call.Reconcile.Task(task_id="t", slave_id=slave_id)
        scheduler.call("RECONCILE", reconcile=Call.Reconcile(tasks=(question,)))
        bench.settle()
    assert scheduler.states == [registered, unreachable, unknown]


@pytest.mark.parametrize("release", RELEASES)
def test_what_a_returning_agent_is_told(release: str) -> None:
    """Row 18: of which frameworks, and whether of its dynamic reservations."""
    situation = Situation(release)
    bench, agent = situation.bench, situation.agent
    bench.master.frameworks[situation.plain.id or ""].info = situation.plain.info.replace(
        id=situation.plain.id, failover_timeout=100, checkpoint=True
    )
    bench.master.exited(situation.plain.address)
    bench.settle()
    agent.heard.clear()
    situation.come_back()
    told = [message.framework_id for message in agent.heard_of(UpdateFrameworkMessage)]
    assert told == [situation.aware.id] if release == "1.2" else [situation.plain.id, situation.aware.id]
    reservations = len(agent.heard_of(CheckpointResourcesMessage))
    assert reservations == (1 if release in ("1.0", "1.1", "1.2") else 0)


@pytest.mark.parametrize("release", RELEASES)
def test_events_for_operators(release: str) -> None:
    """Row 14: tasks from the beginning, agents since 1.1, frameworks since 1.5."""
    bench = Bench(release=release)
    seen = bench.master.add_subscriber()
    bench.scheduler()
    bench.agent()
    bench.advance("15secs")
    wanted = ["SUBSCRIBED"]
    if release in ("1.5", "1.11"):
        wanted += ["FRAMEWORK_ADDED", "AGENT_ADDED", "HEARTBEAT"]
    elif release != "1.0":
        wanted += ["AGENT_ADDED"]
    assert [event.type for event in seen] == wanted


@pytest.mark.parametrize("release", RELEASES)
def test_another_host_under_a_known_id(release: str) -> None:
    """Row 11: refused in all releases, spelt differently."""
    bench = Bench(release=release)
    agent = bench.agent()
    impostor = bench.agent("slave(1)", "a2", register=False)
    impostor.id = agent.id
    impostor.reregister()
    bench.settle()
    word = "reregister" if release == "1.11" else "re-register"
    told = [message.message for message in impostor.heard_of(ShutdownMessage)]
    assert told == [f"Agent attempted to {word} with different IP / hostname"]


@pytest.mark.parametrize("release", RELEASES)
def test_calls_of_operators(release: str) -> None:
    """Row 13a: agents can be marked gone since 1.5, and drained since 1.9."""
    bench = Bench(release=release)
    agent = bench.agent()
    master = bench.master
    answers = {
        name: master.dispatch(master.address, name, agent.id, *more)
        for name, more in (("drain_agent", (None, False)), ("mark_agent_gone", ()))
    }
    bench.settle()
    assert ("has no call MARK_AGENT_GONE" in str(answers["mark_agent_gone"].error)) is (release in ("1.0", "1.1", "1.2"))
    assert ("has no call DRAIN_AGENT" in str(answers["drain_agent"].error)) is (release != "1.11")
