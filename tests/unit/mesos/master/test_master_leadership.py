"""Election, recovery, master failover, authentication, the end of a master."""

from __future__ import annotations

from master_bench import Bench, SilentAllocator, ToyAgent, real_bench

from harness.mesos.allocator import HierarchicalAllocator
from harness.mesos.authentication import CRAMMD5Authenticatee
from harness.mesos.messages import (
    AuthenticateMessage,
    AuthenticationStepMessage,
    Call,
    Credential,
    FrameworkRegisteredMessage,
    MasterInfo,
    SlaveRegisteredMessage,
    SlaveReregisteredMessage,
)
from harness.mesos.registrar import Registrar, RegistryStorage

GOOD = Credential(principal="test-principal", secret="test-secret")
BAD = Credential(principal="test-principal", secret="wrong")


def fail_over(bench: Bench, storage: RegistryStorage, allocator: object = None) -> None:
    """End the master and start its successor on the same registry."""
    bench.world.terminate("master@master")
    bench.settle()
    bench.start_master(allocator or HierarchicalAllocator(), registrar=Registrar(storage))


# --- election


def test_the_allocator_is_initialised_first() -> None:
    """Then recovered; nothing else happens at a start on an empty registry."""
    bench = Bench()
    assert bench.allocator.names() == ["initialize", "recover"]
    assert bench.allocator.args("recover") == [(0, {})]
    assert bench.master.elected
    assert bench.metric("elected") == 1


def test_a_new_appointment_of_the_same_master_keeps_it() -> None:
    """Agents take it for a change; the master does not."""
    bench = Bench()
    bench.detector.appoint(bench.master.info.replace(id="fresh"))
    bench.settle()
    assert bench.master.alive
    assert bench.master.id == "m1"


def test_a_master_that_loses_the_lead_ends() -> None:
    """As does one that is left without any leader."""
    for leader in (None, MasterInfo(id="m9", pid="master@elsewhere")):
        bench = Bench()
        bench.detector.appoint(leader)
        bench.settle()
        assert not bench.master.alive


# --- failover


def test_a_recovered_agent_returns_without_a_registry_write() -> None:
    """It keeps its id; no update tells its frameworks what they know."""
    storage = RegistryStorage()
    bench = real_bench(storage=storage)
    agent = bench.agent()
    scheduler = bench.scheduler(failover_timeout=100.0, checkpoint=True)
    bench.running_task(scheduler, agent)
    task = bench.master.tasks["t1"]
    fail_over(bench, storage)
    assert list(bench.master.slaves.recovered) == ["m1-S0"]
    version = storage.version
    agent.reregister(tasks=(task,), frameworks=(scheduler.info.replace(id=scheduler.id),))
    bench.settle()
    assert len(agent.heard_of(SlaveReregisteredMessage)) == 1
    assert storage.version == version
    assert bench.master.frameworks[scheduler.id].state == "RECOVERED"
    scheduler.subscribe(force=True)
    bench.settle()
    assert len(scheduler.heard_of(FrameworkRegisteredMessage)) == 2
    assert scheduler.states == ["TASK_RUNNING"]
    assert bench.master.tasks["t1"].state == "TASK_RUNNING"
    assert bench.metric("tasks_running") == 1


def test_allocator_calls_for_a_recovered_framework() -> None:
    """Learnt from an agent: added inactive with what it uses. Its scheduler: updated, activated."""
    storage = RegistryStorage()
    bench = real_bench(storage=storage)
    agent = bench.agent()
    scheduler = bench.scheduler(failover_timeout=100.0, checkpoint=True)
    bench.running_task(scheduler, agent)
    task = bench.master.tasks["t1"]
    allocator = SilentAllocator()
    fail_over(bench, storage, allocator)
    agent.reregister(tasks=(task,), frameworks=(scheduler.info.replace(id=scheduler.id),))
    bench.settle()
    assert allocator.names() == ["initialize", "recover", "add_slave", "add_framework"]
    assert allocator.args("add_slave")[0][5] == {scheduler.id: task.resources}
    (added,) = allocator.args("add_framework")
    assert (added[2], added[3]) == ({agent.id: task.resources}, False)
    scheduler.subscribe(force=True)
    bench.settle()
    assert allocator.names()[4:] == ["update_framework", "activate_framework"]


def test_a_framework_registers_anew_with_a_new_master() -> None:
    """It brings its id, and is registered, not reregistered."""
    storage = RegistryStorage()
    bench = real_bench(storage=storage)
    scheduler = bench.scheduler()
    fail_over(bench, storage)
    scheduler.subscribe()
    bench.settle()
    answers = scheduler.heard_of(FrameworkRegisteredMessage)
    assert [answer.framework_id for answer in answers] == ["m1-0000", "m1-0000"]
    assert answers[1].master_info.id == "m2"


def test_a_recovered_agent_that_stays_away_becomes_unreachable() -> None:
    """After ten minutes: slaveLost, no update, and reconciliation knows the time. Its return brings the task back."""
    storage = RegistryStorage()
    bench = real_bench(storage=storage)
    agent = bench.agent()
    scheduler = bench.scheduler(failover_timeout=1000.0, checkpoint=True)
    bench.running_task(scheduler, agent)
    task = bench.master.tasks["t1"]
    fail_over(bench, storage)
    scheduler.subscribe(force=True)
    bench.settle()
    ask = Call.Reconcile(tasks=(Call.Reconcile.Task(task_id="t1", slave_id=agent.id),))
    scheduler.call("RECONCILE", reconcile=ask)
    bench.settle()
    assert scheduler.states == ["TASK_RUNNING"]
    bench.advance("600secs")
    assert scheduler.lost == [agent.id]
    assert scheduler.states == ["TASK_RUNNING"]
    scheduler.call("RECONCILE", reconcile=ask)
    bench.settle()
    assert scheduler.states == ["TASK_RUNNING", "TASK_LOST"]
    assert scheduler.statuses[-1].unreachable_time == storage.registry.unreachable[agent.id]
    agent.reregister(tasks=(task,), frameworks=(scheduler.info.replace(id=scheduler.id),))
    bench.settle()
    assert scheduler.statuses[-1].reason == "REASON_SLAVE_REREGISTERED"
    counters = {
        "tasks_lost": 0,
        "tasks_unreachable": 0,
        "tasks_running": 1,
        "slave_unreachable_scheduled": 1,
        "slave_unreachable_completed": 1,
        "slave_removals": 1,
        "slave_removals/reason_unhealthy": 1,
        "recovery_slave_removals": 1,
    }
    assert {name: bench.metric(name) for name in counters} == counters


def test_too_many_missing_agents_end_the_master() -> None:
    """Something is wrong with the network, not with the agents."""
    storage = RegistryStorage()
    bench = real_bench(storage=storage, recovery_agent_removal_limit="50%")
    bench.agent(host="a1")
    fail_over(bench, storage)
    bench.advance("600secs")
    assert not bench.master.alive
    assert list(storage.registry.admitted) == ["m1-S0"]


def test_an_in_memory_registry_forgets() -> None:
    """A successor on an empty registry takes the agent as an unknown one."""
    bench = real_bench()
    agent = bench.agent()
    fail_over(bench, RegistryStorage())
    assert bench.master.slaves.recovered == {}
    agent.reregister()
    bench.settle()
    assert list(bench.master.agents) == ["m1-S0"]


# --- the registry's old entries


def test_old_unreachable_agents_are_forgotten() -> None:
    """Every fifteen minutes, by age."""
    bench = Bench(registry_max_agent_age="20mins")
    bench.agent(silent=True)
    bench.advance("900secs")
    assert list(bench.master.slaves.unreachable) == ["m1-S0"]
    bench.advance("900secs")
    assert bench.master.slaves.unreachable == {}
    assert bench.master.registrar.registry.unreachable == {}


def test_the_oldest_of_too_many_unreachable_agents_are_forgotten() -> None:
    """Every fifteen minutes, by count."""
    bench = Bench(registry_max_agent_count=1)
    bench.agent(host="a1", silent=True)
    bench.advance("1secs")
    bench.agent(host="a2", silent=True)
    bench.advance("76secs")
    assert list(bench.master.slaves.unreachable) == ["m1-S0", "m1-S1"]
    bench.advance("15mins")
    assert list(bench.master.slaves.unreachable) == ["m1-S1"]


# --- the end


def test_a_master_that_ends_returns_everything() -> None:
    """To the allocator; nobody is sent anything."""
    bench = Bench()
    agent, scheduler = bench.agent(), bench.scheduler()
    bench.allocator.offer_callback(scheduler.id, {"*": {agent.id: agent.info.resources.allocate("*")}})
    bench.settle()
    heard = len(agent.heard), len(scheduler.heard)
    del bench.allocator.calls[:]
    bench.world.terminate(bench.master.address)
    bench.settle()
    assert bench.allocator.names() == ["remove_slave", "recover_resources", "remove_framework"]
    assert (len(agent.heard), len(scheduler.heard)) == heard


# --- authentication


def authenticate(bench: Bench, agent: ToyAgent, credential: Credential, n: int = 1) -> CRAMMD5Authenticatee:
    """Start an attempt of an agent."""
    authenticatee = CRAMMD5Authenticatee(f"authenticatee({n})", agent.address, agent.master, credential)
    agent.spawn(authenticatee)
    authenticatee.authenticate()
    return authenticatee


def test_an_authenticated_agent_may_register() -> None:
    """A message that comes meanwhile waits for the outcome."""
    bench = Bench(authenticate_agents=True)
    agent = bench.agent(register=False)
    authenticate(bench, agent, GOOD)
    bench.world.settle_until(lambda: agent.address in bench.master.authenticating)
    agent.register()
    bench.settle()
    assert bench.master.authenticated[agent.address] == "test-principal"
    assert len(agent.heard_of(SlaveRegisteredMessage)) == 1
    assert bench.master.authenticating == {}


def test_wrong_credentials_are_refused() -> None:
    """The message that waited comes again, and is ignored."""
    bench = Bench(authenticate_agents=True)
    agent = bench.agent(register=False)
    attempt = authenticate(bench, agent, BAD).authenticate()
    bench.world.settle_until(lambda: agent.address in bench.master.authenticating)
    agent.register()
    bench.settle()
    assert attempt.get() is False
    assert agent.heard == []
    assert bench.master.authenticated == {}


def test_a_message_is_lost_with_the_attempt_it_waited_for() -> None:
    """Fifteen seconds without an answer end an attempt; the sender has to repeat itself."""
    bench = Bench(authenticate_agents=True)
    agent = bench.agent(register=False)
    rule = bench.world.messages.drop(AuthenticationStepMessage)
    authenticate(bench, agent, GOOD)
    bench.settle()
    agent.register()
    bench.settle()
    assert rule.count
    bench.advance("15secs")
    assert bench.master.authenticating == {}
    assert agent.heard == []


def test_a_newer_attempt_replaces_the_one_in_flight() -> None:
    """The stale outcome of the first is ignored."""
    bench = Bench(authenticate_agents=True)
    agent = bench.agent(register=False)
    rule = bench.world.messages.drop(AuthenticationStepMessage)
    authenticate(bench, agent, GOOD)
    bench.settle()
    rule.cancel()
    authenticate(bench, agent, GOOD, 2)
    bench.settle()
    assert bench.master.authenticated[agent.address] == "test-principal"
    bench.advance("20secs")
    assert bench.master.authenticated[agent.address] == "test-principal"


def test_a_broken_link_ends_the_authentication() -> None:
    """The agent has to prove itself again."""
    bench = Bench(authenticate_agents=True)
    agent = bench.agent(register=False)
    authenticate(bench, agent, GOOD)
    bench.settle()
    agent.register()
    bench.settle()
    bench.world.messages.inject_exited(agent.address, bench.master.address)
    bench.settle()
    assert bench.master.authenticated == {}
    agent.reregister()
    bench.settle()
    assert agent.heard_of(SlaveReregisteredMessage) == []


def test_old_releases_wait_for_the_end_of_the_first_attempt() -> None:
    """Before 1.11 the second request of a client starts when the first has ended."""
    bench = Bench(authenticate_agents=True, release="1.2")
    agent = bench.agent(register=False)
    agent.send(agent.master, AuthenticateMessage(pid=agent.address))
    bench.settle()
    agent.send(agent.master, AuthenticateMessage(pid=agent.address))
    bench.settle()
    assert list(bench.master.authenticating) == [agent.address]
    bench.advance("5secs")
    assert bench.master.authenticating == {}
