"""Section 3 of the contract: the allocator interface, the hierarchical allocator, the laboratory and the doubles."""

from __future__ import annotations

import inspect

import pytest

from harness import (
    Allocator,
    AllocatorLab,
    Cluster,
    HierarchicalAllocator,
    MisuseError,
    MockAllocator,
    MockAuthorizer,
    MockExecutor,
    MockRateLimiter,
    MockRegistrar,
    MockScheduler,
    hold,
    ignore,
)
from harness.mesos.allocator import FrameworkOptions, Options, Quota
from harness.mesos.messages import FrameworkInfo, SlaveInfo
from harness.mesos.resources import Resources
from tests.contract.clusters import settled

METHODS = (
    "initialize",
    "recover",
    "add_framework",
    "remove_framework",
    "activate_framework",
    "deactivate_framework",
    "update_framework",
    "add_slave",
    "remove_slave",
    "update_slave",
    "activate_slave",
    "deactivate_slave",
    "update_whitelist",
    "request_resources",
    "update_allocation",
    "update_available",
    "update_unavailability",
    "update_inverse_offer",
    "get_inverse_offer_statuses",
    "transition_offered_to_allocated",
    "recover_resources",
    "suppress_offers",
    "revive_offers",
    "update_quota",
    "update_weights",
    "pause",
    "resume",
    "add_resource_provider",
)


@pytest.mark.parametrize("method", METHODS)
def test_the_interface_is_mesos_in_snake_case(method):
    """Every method is there, on the base class, on ours and on the double."""
    for kind in (Allocator, HierarchicalAllocator):
        assert callable(getattr(kind, method))
    double = MockAllocator()
    assert getattr(double, method) is not None
    assert double.calls_to(method) == []


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("add_slave", ["slave_id", "slave_info", "capabilities", "unavailability", "total", "used"]),
        ("add_framework", ["framework_id", "framework_info", "used", "active", "options"]),
        ("recover_resources", ["framework_id", "slave_id", "resources", "filters", "is_allocated"]),
    ],
)
def test_parameters_are_mesos_in_snake_case(method, parameters):
    """The same names on the base class and on the double."""
    assert list(inspect.signature(getattr(Allocator, method)).parameters)[1:] == parameters
    assert list(inspect.signature(getattr(MockAllocator(), method)).parameters) == parameters


def test_the_base_class_is_abstract():
    """It cannot be made."""
    with pytest.raises(TypeError):
        Allocator()


def test_a_users_own_allocator_works_wherever_ours_does(cluster):
    """A subclass that counts on top of ours; with the double in front of it."""

    class Counting(HierarchicalAllocator):
        agents = 0

        def add_slave(self, *arguments, **options):
            self.agents += 1
            return super().add_slave(*arguments, **options)

    own = Counting()
    double = MockAllocator(own)
    assert double.real is own
    cluster.start_master(allocator=double)
    cluster.start_agent()
    framework = cluster.start_framework()
    assert cluster.wait(framework.next_offers())
    assert own.agents == len(double.calls_to("addSlave")) == 1


@pytest.mark.parametrize("sorter", ["drf", "random"])
def test_the_hierarchical_allocator_runs_without_a_master(world, sorter):
    """Offers carry their allocation role and go back through ``recover_resources``."""
    offers: list = []
    allocator = HierarchicalAllocator(sorter=sorter)
    allocator.start(world, Options(), lambda *offer: offers.append(offer), lambda *_: None)
    total = Resources.parse("cpus:2;mem:1024")
    info = SlaveInfo(hostname="a1", resources=total, id="s1")
    able = ("MULTI_ROLE", "HIERARCHICAL_ROLE", "RESERVATION_REFINEMENT")
    allocator.add_slave("s1", info, able, None, total, {})
    allocator.add_framework("f1", FrameworkInfo(roles=("web",), capabilities=("MULTI_ROLE",)), {}, True, FrameworkOptions())
    world.wait(lambda: offers)
    ((framework_id, by_role),) = offers
    assert framework_id == "f1"
    resources = by_role["web"]["s1"]
    assert resources == total.allocate("web")
    allocator.recover_resources("f1", "s1", resources, None, False)
    world.wait(lambda: len(offers) == 2)


def test_the_laboratory_needs_no_boilerplate(world):
    """Agents, frameworks, allocations and their return by name."""
    lab = AllocatorLab(world)
    lab.add_agent("a1", "cpus:4;mem:1024")
    lab.add_framework("f1", role="web")
    world.wait(lambda: lab.allocations)
    (allocation,) = lab.allocations
    lab.recover(allocation, refuse_seconds=0)
    world.wait(lambda: len(lab.allocations) == 2)
    assert isinstance(lab.allocator, HierarchicalAllocator)


def test_fair_sharing_gives_to_the_poorer(world):
    """A framework with nothing comes before one with something."""
    lab = AllocatorLab(world, allocation_interval="1secs")
    lab.add_framework("rich")
    lab.add_agent("a1", "cpus:4;mem:1024")
    world.wait(lambda: lab.allocations)
    lab.add_framework("poor")
    lab.add_agent("a2", "cpus:1;mem:128")
    world.wait(lambda: len(lab.allocations) == 2)
    assert lab.allocations[1].framework_id.startswith("poor") or "poor" in str(lab.allocations[1])


def test_quota_and_options_are_values():
    """Built by keyword; quotas take Mesos's notation."""
    assert Quota(guarantees="cpus:1", limits="cpus:2") == Quota(guarantees="cpus:1", limits="cpus:2")
    assert Options(allocation_interval="2secs") == Options(allocation_interval="2secs")
    assert FrameworkOptions(suppressed_roles=("web",)).suppressed_roles == ("web",)


def test_the_double_records_and_forwards(cluster, allocator):
    """Calls with method, arguments by name, result, time and index; Mesos's spelling is accepted."""
    cluster.start_master(allocator=allocator)
    agent = cluster.start_agent()
    cluster.wait(agent.registered)
    (call,) = allocator.calls_to("addSlave")
    assert allocator.calls_to("add_slave") == [call]
    assert call.method == "add_slave"
    assert call.args["slave_info"].hostname == agent.hostname
    assert allocator.calls[call.index] is call
    assert call.time <= cluster.clock.elapsed
    assert allocator.calls[0].method == "initialize"
    assert isinstance(allocator.real, HierarchicalAllocator)


def test_the_double_answers_unittest_mocks_questions(cluster, allocator):
    """Each method by itself."""
    cluster.start_master(allocator=allocator)
    agent = cluster.start_agent()
    allocator.add_framework.assert_not_called()
    cluster.wait(agent.registered)
    allocator.add_slave.assert_called_once()
    assert allocator.add_slave.call_count == 1
    assert allocator.add_slave.call_args_list[0].args[1].hostname == agent.hostname
    with pytest.raises(AssertionError):
        allocator.remove_slave.assert_called()


def test_pytest_mock_works_on_the_double(cluster, allocator, mocker):
    """``spy`` watches, ``patch.object`` replaces."""
    spy = mocker.spy(allocator, "add_slave")
    mocker.patch.object(allocator, "update_whitelist")
    cluster.start_master(allocator=allocator)
    agent = cluster.start_agent()
    cluster.wait(agent.registered)
    spy.assert_called_once()


def test_a_captured_call_can_be_forwarded_later(cluster, allocator):
    """Ignored first, it reaches the real allocator when the test says so."""
    ignored = allocator.expect.add_slave().will_once(ignore())
    cluster.start_master(allocator=allocator)
    agent = cluster.start_agent()
    framework = cluster.start_framework()
    call = cluster.wait(ignored)
    cluster.wait(framework.registered)
    cluster.wait(agent.registered)
    cluster.run_for("2secs")
    assert framework.offers == []
    allocator.forward(call)
    assert cluster.wait(framework.next_offers())


@pytest.mark.parametrize("double", [MockScheduler, MockExecutor, MockRegistrar, MockAuthorizer, MockRateLimiter])
def test_all_doubles_share_the_machinery(double):
    """expect, on, calls, calls_to."""
    made = double()
    assert made.calls == []
    assert made.expect is not None
    assert made.on is not None
    with pytest.raises(MisuseError):
        made.calls_to("no_such_method")


def test_an_authorizer_can_keep_the_master_waiting():
    """The registration goes on when the answer comes."""
    authorizer = MockAuthorizer()
    with Cluster() as cluster:
        held = authorizer.expect.authorized().will_once(hold()).will_repeatedly(hold())
        master = cluster.start_master(authorizer=authorizer)
        agent = cluster.start_agent()
        call = cluster.wait(held)
        assert not master.agents
        held.drop()
        call.answer(True)
        cluster.wait(agent.registered)


def test_a_limiter_decides_when_agents_are_removed(cluster):
    """The permit is held back and the agent stays although its pings go unanswered."""
    limiter = MockRateLimiter()
    held = limiter.expect.acquire().will_once(hold())
    master = cluster.start_master(removal_limiter=limiter)
    agent = cluster.start_agent()
    agent_id = settled(cluster, agent)
    agent.terminate()
    permit = cluster.wait(held, timeout="5mins")
    cluster.run_for("1mins")
    assert agent_id in master.agents
    permit.answer(None)
    cluster.wait(lambda: agent_id not in master.agents)


def test_a_call_after_the_world_has_ended_says_nothing_wrong(world):
    """A double that never belonged to a world takes times as zero."""
    double = MockScheduler()
    double.disconnected(None)
    assert double.calls[0].time.ns == 0
    assert world.clock.elapsed.ns == 0
