"""Bad input: each mistake is one clear error that names what was given and what to do, and none is a hang."""

from __future__ import annotations

import traceback

import pytest

from harness import (
    AllocatorLab,
    Cluster,
    DeadlockError,
    FlagError,
    Limits,
    LivelockError,
    MisuseError,
    MockAllocator,
    MockExecutor,
    MockScheduler,
    Process,
    ProcessError,
    World,
    contains,
    explore,
    forward,
    has,
    launch_tasks,
    make_task,
    replay,
    returns,
    send_status,
    total,
)
from harness.mesos.messages import Credential, RegisterSlaveMessage
from harness.mesos.resources import Resources


def _master(cluster):
    return cluster.start_master()


def _offer():
    cluster = Cluster()
    cluster.start_master()
    cluster.start_agent()
    return cluster.wait(cluster.start_framework().next_offers())[0]


def _two_hosts():
    cluster = Cluster()
    cluster.start_agent()
    cluster.start_agent()
    return cluster.network


def _in_two_worlds(allocator):
    for _ in range(2):
        Cluster().start_master(allocator=allocator)


MISTAKES = {
    "strategy": (lambda: Cluster(strategy="randon"), ["randon", "random", "prompt"]),
    "strategy-explore": (lambda: explore(lambda world: None, seeds=1, strategy="nonsense"), ["nonsense", "random"]),
    "strategy-kind": (lambda: World(strategy=7), ["7", "Strategy"]),
    "seed": (lambda: Cluster("seven"), ["seven"]),
    "seed-none": (lambda: World(None), ["None"]),
    "seed-float": (lambda: Cluster(1.5), ["1.5"]),
    "seeds": (lambda: explore(lambda world: None, seeds="many"), ["many"]),
    "token": (lambda: replay(lambda world: None, "ch1-???"), ["ch1-???"]),
    "version": (lambda: Cluster(mesos_version="2.0"), ["2.0", "1.0, 1.1, 1.2, 1.5, 1.11"]),
    "limits": (lambda: Limits(steps=0), ["steps=0", "at least 1"]),
    "latency": (lambda: World(latency="5ms"), ["5ms", "pair"]),
    "duration": (lambda: Cluster().run_for("5 seconds"), ["5 seconds", "10secs"]),
    "negative-advance": (lambda: World().clock.advance("-1secs"), ["-1secs"]),
    "flag-master": (
        lambda: Cluster().start_master(allocation_intervall="1secs"),
        ["allocation_intervall", "allocation_interval"],
    ),
    "flag-agent": (lambda: Cluster().start_agent(recover="maybe"), ["recover", "maybe", "reconnect", "cleanup"]),
    "flag-of-other": (lambda: Cluster().start_agent(agent_ping_timeout="1secs"), ["agent_ping_timeout", "master"]),
    "flag-range": (lambda: Cluster().start_master(agent_ping_timeout="1ms"), ["1ms", "1secs", "15mins"]),
    "flags-kind": (lambda: Cluster().start_master(flags=[1]), ["[1]", "mapping"]),
    "resources": (lambda: Cluster().start_agent("cpus:2;mem"), ["cpus:2;mem", "'mem'"]),
    "resources-number": (lambda: Resources.parse("cpus:two"), ["cpus:two"]),
    "resources-kind": (lambda: Cluster().start_agent(5), ["5"]),
    "attributes": (lambda: Cluster().start_agent(attributes="rack"), ["rack", "name:value"]),
    "executors": (lambda: Cluster().start_agent(executors=["default"]), ["default", "MockExecutor"]),
    "credential-agent": (lambda: Cluster().start_agent(credential="secret"), ["credential", "secret", "Credential"]),
    "credential-framework": (lambda: Cluster().start_framework(credential=("a", "b")), ["credential", "Credential"]),
    "framework-field": (lambda: Cluster().start_framework(webui="http://x"), ["webui", "webui_url"]),
    "framework-roles": (lambda: Cluster().start_framework(roles="web"), ["web", "('web',)"]),
    "framework-capability": (lambda: Cluster().start_framework(capabilities=("PARTITION",)), ["PARTITION", "PARTITION_AWARE"]),
    "allocator-kind": (lambda: Cluster().start_master(allocator=5), ["allocator=5", "Allocator"]),
    "allocator-class": (lambda: Cluster().start_master(allocator=MockAllocator), ["MockAllocator()"]),
    "allocator-method": (lambda: MockAllocator().expect.add_slaves(), ["add_slaves", "add_slave"]),
    "allocator-mesos-method": (lambda: MockAllocator().calls_to("addSlaves"), ["addSlaves", "addSlave"]),
    "callback": (lambda: MockScheduler().expect.offers(), ["offers", "resource_offers"]),
    "matcher-field": (lambda: MockAllocator().expect.add_slave(hostnam="a1"), ["hostnam", "hostname"]),
    "matcher-ambiguous": (lambda: MockExecutor().expect.registered(name="x"), ["name", "executor_info", "framework_info"]),
    "too-many-arguments": (lambda: MockScheduler().expect.disconnected(1, 2, 3), ["disconnected"]),
    "has-nothing": (lambda: has(), ["has()"]),
    "total-resources": (lambda: total("cpus=2"), ["cpus=2"]),
    "contains-kind": (lambda: contains(3), ["3"]),
    "action": (lambda: MockScheduler().expect.disconnected().will_once(5), ["5", "returns(5)"]),
    "action-elsewhere": (lambda: MockScheduler().expect.disconnected().will_once(launch_tasks()), ["launch_tasks", "offers"]),
    "action-forward": (lambda: MockScheduler().expect.disconnected().will_once(forward()), ["forward", "disconnected"]),
    "state": (lambda: send_status("RUNNING"), ["RUNNING", "TASK_RUNNING"]),
    "cardinality": (lambda: MockScheduler().expect.disconnected().between(3, 1), ["3", "1"]),
    "cardinality-kind": (lambda: MockScheduler().expect.disconnected().exactly("two"), ["two"]),
    "each-nothing": (lambda: MockAllocator().expect.add_slave().at_least_once_each(), ["agent1, agent2"]),
    "executor-id": (lambda: MockExecutor(5), ["5"]),
    "task-of-offers": (lambda: make_task([_offer()]), ["offers[0]"]),
    "task-executor": (lambda: make_task(_offer(), executor=5), ["5", "MockExecutor"]),
    "wait-for-nothing": (lambda: Cluster().wait(5), ["5", "predicate"]),
    "pid-before-start": (lambda: Cluster().start_agent(start=False).pid, ["agent1", "start()"]),
    "start-twice": (lambda: Cluster().start_agent().start(), ["agent1", "restart()"]),
    "restart-running": (lambda: Cluster().start_agent().restart(), ["agent1", "terminate()"]),
    "terminate-twice": (lambda: [agent.terminate() for agent in [Cluster().start_agent()] * 2], ["agent1", "restart()"]),
    "container": (lambda: Cluster().start_agent().destroy_container("x"), ["x", "none"]),
    "appoint": (lambda: Cluster().detector.appoint("master"), ["master", "handle"]),
    "appoint-whom": (lambda: (lambda c: c.detector.appoint(_master(c), "agent1"))(Cluster()), ["agent1", "handles"]),
    "message-type": (lambda: Cluster().messages.drop("RegisterSlaveMessage"), ["RegisterSlaveMessage", "class"]),
    "message-times": (lambda: Cluster().messages.drop(RegisterSlaveMessage, times=0), ["times=0", "at least 1"]),
    "message-party": (lambda: Cluster().messages.drop(RegisterSlaveMessage, src=5), ["5"]),
    "message-where": (lambda: Cluster().messages.drop(RegisterSlaveMessage, where="x"), ["where", "function"]),
    "post-to-nobody": (lambda: Cluster().messages.post(1), ["dst"]),
    "dispatch-name": (lambda: Cluster().messages.expect_dispatch("master@master", "add slave"), ["add slave", "add_slave"]),
    "release": (lambda: Cluster().messages.drop(RegisterSlaveMessage).release(), ["hold"]),
    "loss": (lambda: _two_hosts().loss("agent1", "agent2", 50), ["50", "between 0 and 1"]),
    "unknown-host": (lambda: World().network.partition("a", "b"), ["'a'", "no such host"]),
    "network-latency": (lambda: _two_hosts().latency("agent1", "agent2", "5ms", "1ms"), ["5ms", "1ms"]),
    "heal": (lambda: _two_hosts().heal("agent1", "agent2"), ["agent1", "agent2", "partition"]),
    "disk": (lambda: Cluster().disk.corrupt("agent1", "meta"), ["meta", "agent1"]),
    "two-worlds": (
        lambda: (lambda a: [Cluster().start_master(allocator=a), Cluster().start_master(allocator=a)])(MockAllocator()),
        ["world", "new double"],
    ),
    "lab-agent": (lambda: AllocatorLab(World()).add_agent("a1", "cpus;2"), ["cpus;2"]),
    "run-for-paused": (lambda: (lambda c: (c.clock.pause(), c.run_for("1secs")))(Cluster()), ["paused", "advance"]),
    "coroutine": (lambda: explore(_coroutine, seeds=1), ["coroutine"]),
    "unknown-fixture": (lambda: explore(lambda clusters: None, seeds=1), ["clusters", "cluster"]),
}


async def _coroutine(cluster):
    """No test of ours."""


@pytest.mark.parametrize("mistake", list(MISTAKES))
def test_a_mistake_is_one_clear_error(mistake):
    """Of the class for mistakes (or TypeError), naming the value and what would be right."""
    make, words = MISTAKES[mistake]
    with pytest.raises((MisuseError, TypeError)) as error:
        make()
    text = str(error.value)
    for word in words:
        assert word in text, f"{word!r} is missing in: {text}"
    assert len(text.splitlines()) < 40
    assert "object at 0x" not in text


def test_a_flag_error_is_a_value_error_too():
    """So that it may be caught by either name."""
    assert issubclass(FlagError, ValueError)
    assert issubclass(FlagError, MisuseError)


# --- what would hang


class Restless(Process):
    """Sends itself something for ever."""

    def initialize(self):
        """Begin."""
        self.again()

    def again(self):
        """Go on, at the same instant."""
        self.dispatch(self.address, "again")


class Ticking(Process):
    """Arms a timer for ever."""

    def initialize(self):
        """Begin."""
        self.tick()

    def tick(self):
        """Go on, later."""
        self.delay("1secs", self.tick)


@pytest.mark.parametrize("way", ["settle", "wait", "run_for", "advance"])
def test_a_test_that_never_ends_reaches_a_limit(way):
    """The limit is named with its value and what was pending."""
    world = World(limits=Limits(steps=5000), local_latency=(0, 0))
    world.spawn(Restless("restless"), host="h")
    drive = {
        "settle": world.settle,
        "wait": lambda: world.wait(lambda: False, timeout="1days"),
        "run_for": lambda: world.run_for("1days"),
        "advance": lambda: world.clock.advance("1days"),
    }[way]
    with pytest.raises(LivelockError) as error:
        drive()
    text = str(error.value)
    assert "5000" in text
    assert "steps" in text
    assert "restless@h" in text


def test_timers_without_end_reach_a_limit():
    """run_until_idle is never idle."""
    world = World(limits=Limits(steps=5000))
    world.spawn(Ticking("ticking"), host="h")
    with pytest.raises(LivelockError, match="ticking@h"):
        world.run_until_idle()


def test_a_wait_for_something_impossible_fails_at_once(cluster, clock):
    """The master is gone for good and so is everybody who could tell."""
    clock.pause()
    master = cluster.start_master()
    agent = cluster.start_agent()
    master.terminate()
    agent.terminate()
    before = clock.elapsed
    with pytest.raises(DeadlockError) as error:
        cluster.wait(agent.registered)
    assert clock.elapsed == before
    assert "cannot succeed" in str(error.value)
    assert "what would make progress" in str(error.value)


@pytest.mark.parametrize("what", ["wait", "settle", "run_for", "advance"])
def test_waiting_inside_a_handler_is_refused(what):
    """The cause says what to do instead; the run fails and does not hang."""
    world = World()

    class Impatient(Process):
        def initialize(self):
            {
                "wait": lambda: world.wait(lambda: True),
                "settle": world.settle,
                "run_for": lambda: world.run_for("1secs"),
                "advance": lambda: world.clock.advance("1secs"),
            }[what]()

    world.spawn(Impatient("impatient"))
    with pytest.raises(MisuseError, match="inside a handler") as error:
        world.settle()
    assert "delay()" in str(error.value)


def test_waiting_inside_a_callback_of_a_double_is_refused(cluster):
    """An action is a handler too."""
    scheduler = MockScheduler()
    scheduler.on.registered().do(lambda *_: cluster.wait(lambda: True))
    cluster.start_master()
    framework = cluster.start_framework(scheduler)
    with pytest.raises(MisuseError, match="inside a handler"):
        cluster.wait(framework.registered)


def test_a_predicate_that_raises_shows_the_tests_own_error(cluster):
    """Not wrapped, and its traceback ends in the test."""
    cluster.start_master()
    with pytest.raises(KeyError) as error:
        cluster.wait(lambda: {}["missing"])
    assert traceback.extract_tb(error.value.__traceback__)[-1].filename == __file__


def test_a_matcher_that_raises_is_a_mistake_of_the_test():
    """Not a call that does not match."""
    from harness import predicate

    scheduler = MockScheduler()
    scheduler.expect.error(message=predicate(lambda text: text.nothing)).any_number()
    with pytest.raises(MisuseError, match="AttributeError"):
        scheduler.error(None, "x")


def test_a_scheduler_that_raises_fails_the_run_with_its_error(cluster):
    """The original exception is the cause."""

    class Broken:
        def registered(self, driver, framework_id, master_info):
            raise KeyError("mine")

    cluster.start_master()
    framework = cluster.start_framework(Broken())
    with pytest.raises(ProcessError) as error:
        cluster.wait(framework.registered)
    assert isinstance(error.value.__cause__, KeyError)


def test_a_wrong_secret_is_refused_as_in_mesos(cluster):
    """The framework hears of it."""
    scheduler = MockScheduler()
    refused = scheduler.expect.error(message="Master refused authentication")
    cluster.start_master()
    cluster.start_framework(scheduler, credential=Credential(principal="test-principal", secret="wrong"))
    cluster.wait(refused)


def test_a_double_without_anything_real_says_so():
    """returns() is the way."""
    scheduler = MockScheduler()
    scheduler.disconnected(None)
    with pytest.raises(MisuseError, match="nothing real"):
        scheduler.forward(scheduler.calls[0])
    assert repr(returns(3)) == "returns(3)"
