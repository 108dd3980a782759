"""Agents at the master: admission, health, loss, return."""

from __future__ import annotations

from typing import Any

import pytest
from master_bench import RESOURCES, Bench, HeldRegistrar, SilentAllocator, real_bench, report

from harness.mesos.authorizer import Authorizer
from harness.mesos.limiter import RateLimiter
from harness.mesos.messages import (
    AdmitSlave,
    ExecutorInfo,
    MarkSlaveUnreachable,
    MasterSlaveConnection,
    PingSlaveMessage,
    RegisterSlaveMessage,
    RemoveSlave,
    ShutdownMessage,
    SlaveRegisteredMessage,
    SlaveReregisteredMessage,
    UnregisterSlaveMessage,
    UpdateSlaveMessage,
)
from harness.mesos.registrar import RegistryStorage
from harness.simulation import Future, Promise


class HeldAuthorizer(Authorizer):
    """Answers nothing until told to."""

    def __init__(self) -> None:
        self.asked: list[Promise[bool]] = []

    def authorized(self, request: Any) -> Future[bool] | bool:
        promise: Promise[bool] = Promise("authorization")
        self.asked.append(promise)
        return promise.future


# --- registration


def test_a_new_agent_is_admitted() -> None:
    """Register, registry, allocator, answer, and a ping at once."""
    bench = Bench()
    agent = bench.agent()
    assert agent.id == "m1-S0"
    answer = agent.heard_of(SlaveRegisteredMessage)
    assert answer == [SlaveRegisteredMessage(slave_id="m1-S0", connection=MasterSlaveConnection(total_ping_timeout_seconds=75.0))]
    assert agent.heard_of(PingSlaveMessage) == [PingSlaveMessage(connected=True)]
    added = bench.allocator.args("add_slave")
    assert [args[0] for args in added] == ["m1-S0"]
    assert added[0][4] == RESOURCES
    assert list(bench.master.registrar.registry.admitted) == ["m1-S0"]
    assert bench.metric("slave_registrations") == 1
    assert bench.metric("slaves_active") == 1


def test_ids_count_up() -> None:
    """Each agent has an id of its own, counted from 0."""
    bench = Bench()
    assert [bench.agent(host=f"a{n}").id for n in range(3)] == ["m1-S0", "m1-S1", "m1-S2"]


def test_a_retry_of_a_connected_agent_is_acknowledged_again() -> None:
    """The same id, and no second call of the allocator."""
    bench = Bench()
    agent = bench.agent()
    agent.register()
    bench.settle()
    assert [message.slave_id for message in agent.heard_of(SlaveRegisteredMessage)] == ["m1-S0", "m1-S0"]
    assert bench.allocator.names().count("add_slave") == 1


def test_a_retry_during_admission_is_ignored() -> None:
    """While the registry is being written, the same address asks in vain."""
    registrar = HeldRegistrar(AdmitSlave)
    bench = Bench(registrar=registrar)
    agent = bench.agent()
    agent.register()
    bench.settle()
    assert len(registrar.held) == 1
    registrar.release()
    bench.settle()
    assert len(agent.heard_of(SlaveRegisteredMessage)) == 1


def test_a_retry_during_authorization_is_ignored() -> None:
    """While the authorizer thinks, it is not asked again."""
    authorizer = HeldAuthorizer()
    bench = Bench(authorizer=authorizer)
    agent = bench.agent()
    agent.register()
    bench.settle()
    assert len(authorizer.asked) == 1
    authorizer.asked[0].set(False)
    bench.settle()
    assert agent.heard == []
    agent.register()
    bench.settle()
    authorizer.asked[1].set(True)
    bench.settle()
    assert agent.id == "m1-S0"


def test_a_late_retry_after_the_end_of_an_agent_adds_it_again() -> None:
    """A request still on its way when the agent died meets a disconnected record: the old one goes, a new id comes."""
    bench = Bench()
    scheduler = bench.scheduler()
    agent = bench.agent()
    # The message travels apart from the exited event; here it is the slower one.
    held = bench.world.messages.hold(RegisterSlaveMessage)
    agent.register()
    bench.settle()
    agent.terminate()
    bench.settle()
    held.release()
    bench.settle()
    assert [args[0] for args in bench.allocator.args("add_slave")] == ["m1-S0", "m1-S1"]
    assert bench.allocator.args("remove_slave") == [("m1-S0",)]
    assert bench.metric("slave_removals/reason_registered") == 1
    assert scheduler.lost == ["m1-S0"]


def test_an_unauthenticated_agent_is_ignored() -> None:
    """Nobody answers, and nobody shuts it down."""
    bench = Bench(authenticate_agents=True)
    assert bench.agent().heard == []


def test_old_releases_shut_an_unauthenticated_agent_down() -> None:
    """Before 1.5.2 the agent is told to end."""
    bench = Bench(authenticate_agents=True, release="1.2")
    assert bench.agent().heard_of(ShutdownMessage) == [ShutdownMessage(message="Agent is not authenticated")]


@pytest.mark.parametrize("version", ["0.28.2", "one"])
def test_an_agent_of_a_strange_version_is_ignored(version: str) -> None:
    """Too old, or not to be read."""
    bench = Bench()
    agent = bench.agent(register=False)
    agent.send(agent.master, RegisterSlaveMessage(slave=agent.info, version=version))
    bench.settle()
    assert agent.heard == []


def test_messages_before_the_election_are_dropped() -> None:
    """A master that does not lead hears nothing."""
    bench = Bench()
    agent = bench.agent(register=False)
    bench.master.leader = None
    agent.register()
    bench.settle()
    assert agent.heard == []
    assert bench.metric("dropped_messages") == 1


# --- health


def test_a_silent_agent_becomes_unreachable_after_75_seconds() -> None:
    """Five pings without an answer, and not one nanosecond earlier."""
    bench = real_bench()
    agent = bench.agent(silent=True)
    scheduler = bench.scheduler()
    held = [offer.id for offer in scheduler.offers.values()]
    bench.advance("74999ms")
    assert scheduler.lost == []
    bench.advance("1ms")
    assert scheduler.lost == ["m1-S0"]
    assert held
    assert scheduler.offers == {}
    assert len(agent.heard_of(PingSlaveMessage)) == 6
    assert agent.heard_of(ShutdownMessage) == []
    names = ("slave_unreachable_scheduled", "slave_unreachable_completed", "slave_removals", "slave_removals/reason_unhealthy")
    assert [bench.metric(name) for name in names] == [1, 1, 1, 1]
    assert bench.metric("slave_removals/reason_unregistered") == 0
    assert list(bench.master.registrar.registry.unreachable) == ["m1-S0"]


def test_an_answer_resets_the_count() -> None:
    """One pong in time makes up for four missed ones."""
    bench = Bench()
    agent = bench.agent()
    agent.answers_pings = False
    bench.advance("60secs")
    agent.answers_pings = True
    bench.advance("15secs")
    agent.answers_pings = False
    bench.advance("60secs")
    assert bench.metric("slave_removals") == 0


def test_failing_twice_marks_once() -> None:
    """While the registry is being written a second verdict is ignored."""
    registrar = HeldRegistrar(MarkSlaveUnreachable)
    bench = Bench(registrar=registrar)
    scheduler = bench.scheduler()
    bench.agent(silent=True)
    bench.advance("75secs")
    assert len(registrar.held) == 1
    bench.advance("15secs")
    assert len(registrar.held) == 1
    registrar.release()
    bench.settle()
    assert scheduler.lost == ["m1-S0"]
    names = ("slave_unreachable_scheduled", "slave_unreachable_completed", "slave_removals")
    assert [bench.metric(name) for name in names] == [2, 2, 1]


def test_a_pong_takes_back_a_verdict_that_waits_for_its_permit() -> None:
    """The rate limiter holds the second agent back; it answers, and stays."""
    bench = Bench(removal_limiter=RateLimiter(1, "20mins"))
    bench.agent(host="a1", silent=True)
    second = bench.agent(host="a2", silent=True)
    bench.advance("75secs")
    assert bench.metric("slave_removals") == 1
    second.answers_pings = True
    bench.advance("15secs")
    assert bench.metric("slave_unreachable_canceled") == 1
    bench.advance("20mins")
    assert bench.metric("slave_removals") == 1


def test_old_releases_shut_a_silent_agent_down() -> None:
    """1.0 knows of no unreachable agents."""
    bench = Bench(release="1.0")
    agent = bench.agent(silent=True)
    bench.advance("75secs")
    assert agent.heard_of(ShutdownMessage) == [ShutdownMessage(message="health check timed out")]
    assert bench.master.registrar.registry.unreachable == {}
    assert bench.master.agents == {}


# --- broken links


def test_pings_tell_of_a_broken_link_until_the_agent_returns() -> None:
    """After exited() pings carry connected=False; the agent keeps its id when it reregisters."""
    bench = Bench()
    scheduler = bench.scheduler()
    agent = bench.agent()
    bench.world.messages.inject_exited(agent.address, bench.master.address)
    bench.settle()
    bench.advance("15secs")
    assert [ping.connected for ping in agent.heard_of(PingSlaveMessage)] == [True, False]
    agent.reregister()
    bench.settle()
    assert [answer.slave_id for answer in agent.heard_of(SlaveReregisteredMessage)] == ["m1-S0"]
    bench.advance("15secs")
    assert agent.heard_of(PingSlaveMessage)[-1].connected
    calls = [name for name in bench.allocator.names() if name.endswith("_slave")]
    assert calls == ["add_slave", "deactivate_slave", "update_slave", "activate_slave"]
    assert scheduler.lost == []
    bench.advance("11mins")
    assert bench.metric("slave_removals") == 0


def test_an_agent_that_stays_away_is_given_up_after_ten_minutes() -> None:
    """It answers pings, but never registers again."""
    bench = Bench()
    scheduler = bench.scheduler()
    agent = bench.agent()
    bench.world.messages.inject_exited(agent.address, bench.master.address)
    bench.settle()
    bench.advance("599secs")
    assert scheduler.lost == []
    bench.advance("1secs")
    assert scheduler.lost == ["m1-S0"]
    assert bench.metric("slave_unreachable_completed") == 1


def test_a_duplicate_exited_event_changes_nothing() -> None:
    """Links are made more than once; only the first break counts."""
    bench = Bench()
    agent = bench.agent()
    for _ in range(2):
        bench.world.messages.inject_exited(agent.address, bench.master.address)
        bench.settle()
    assert bench.allocator.names().count("deactivate_slave") == 1


def test_tasks_of_frameworks_that_do_not_checkpoint_are_lost_with_the_link() -> None:
    """TASK_LOST at once for them, nothing for the others."""
    for checkpoint, states in ((False, ["TASK_RUNNING", "TASK_LOST"]), (True, ["TASK_RUNNING"])):
        bench = real_bench()
        agent = bench.agent()
        scheduler = bench.scheduler(checkpoint=checkpoint, capabilities=("MULTI_ROLE", "PARTITION_AWARE"))
        bench.running_task(scheduler, agent)
        agent.terminate()
        bench.settle()
        assert scheduler.states == states
        if not checkpoint:
            last = scheduler.statuses[-1]
            assert (last.reason, last.source, last.message) == (
                "REASON_SLAVE_DISCONNECTED",
                "SOURCE_MASTER",
                "Agent a1 disconnected",
            )


@pytest.mark.parametrize(("aware", "state"), [(True, "TASK_UNREACHABLE"), (False, "TASK_LOST")])
def test_tasks_of_an_unreachable_agent(aware: bool, state: str) -> None:
    """Told by the framework's word for it, with the time of the verdict."""
    bench = real_bench()
    agent = bench.agent()
    capabilities = ("MULTI_ROLE", "PARTITION_AWARE") if aware else ("MULTI_ROLE",)
    scheduler = bench.scheduler(checkpoint=True, capabilities=capabilities)
    bench.running_task(scheduler, agent)
    agent.answers_pings = False
    bench.advance("90secs")
    last = scheduler.statuses[-1]
    assert (last.state, last.reason, last.uuid) == (state, "REASON_SLAVE_REMOVED", None)
    assert last.unreachable_time == bench.master.slaves.unreachable["m1-S0"]
    assert bench.metric("tasks_unreachable") == int(aware)
    assert bench.metric("tasks_lost") == int(not aware)
    assert bench.metric("tasks_running") == 0


# --- removal


def test_an_unregistered_agent_is_removed() -> None:
    """Registry first; until it is written the agent counts as registered."""
    registrar = HeldRegistrar(RemoveSlave)
    bench = real_bench(registrar=registrar)
    agent = bench.agent()
    scheduler = bench.scheduler()
    bench.running_task(scheduler, agent)
    agent.send(agent.master, UnregisterSlaveMessage(slave_id=agent.id))
    bench.settle()
    assert list(bench.master.agents) == ["m1-S0"]
    registrar.release()
    bench.settle()
    assert bench.master.agents == {}
    assert scheduler.states == ["TASK_RUNNING", "TASK_LOST"]
    assert scheduler.statuses[-1].message == "Agent a1 removed: the agent unregistered"
    assert scheduler.lost == ["m1-S0"]
    assert bench.metric("slave_removals/reason_unregistered") == 1


def test_a_farewell_from_elsewhere_is_ignored() -> None:
    """Only the agent itself may unregister."""
    bench = Bench()
    agent = bench.agent()
    other = bench.agent(host="a2", register=False)
    other.send(other.master, UnregisterSlaveMessage(slave_id=agent.id))
    bench.settle()
    assert list(bench.master.agents) == ["m1-S0"]


def test_messages_from_a_removed_agent_are_dropped_without_a_shutdown() -> None:
    """The agent finds out by itself, and may come back."""
    bench = real_bench()
    agent = bench.agent(silent=True)
    scheduler = bench.scheduler()
    bench.advance("75secs")
    report(agent, scheduler, "t9", "TASK_RUNNING")
    bench.settle()
    assert scheduler.states == []
    assert agent.heard_of(ShutdownMessage) == []
    assert bench.metric("invalid_status_updates") == 1


def test_allocator_calls_of_a_removal_begin_with_remove_slave() -> None:
    """What is given back afterwards must not be offered again."""
    allocator = SilentAllocator()
    bench = Bench(allocator=allocator)
    agent = bench.agent()
    scheduler = bench.scheduler(checkpoint=True)
    allocator.offer_callback(scheduler.id, {"*": {agent.id: RESOURCES.allocate("*")}})
    bench.settle()
    bench.running_task(scheduler, agent, executor=ExecutorInfo(executor_id="e"), command=None)
    del allocator.calls[:]
    agent.answers_pings = False
    bench.advance("90secs")
    assert allocator.names() == ["remove_slave", "recover_resources", "recover_resources"]


def test_an_update_that_changes_nothing_does_not_reach_the_allocator() -> None:
    """Agents report after each registration, mostly nothing new."""
    bench = Bench()
    agent = bench.agent()
    agent.send(agent.master, UpdateSlaveMessage(slave_id=agent.id))
    bench.settle()
    assert "update_slave" not in bench.allocator.names()


def test_a_registrar_that_fails_ends_the_master() -> None:
    """Without a registry nothing can be decided."""
    storage = RegistryStorage()
    bench = Bench(storage=storage)
    storage.version += 1
    bench.agent()
    assert not bench.master.alive
