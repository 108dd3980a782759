"""The doubles themselves: allocator, scheduler, executor, collaborators of a master, and tasks made from offers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from harness.doubles import (
    ANY,
    MockAllocator,
    MockAuthorizer,
    MockExecutor,
    MockRateLimiter,
    MockRegistrar,
    MockScheduler,
    accept_all,
    decline_offers,
    hold,
    launch_tasks,
    make_task,
    returns,
    send_status,
    total,
)
from harness.errors import MisuseError
from harness.mesos.allocator import Allocator, AllocatorLab, HierarchicalAllocator
from harness.mesos.authorizer import Action, AuthorizationRequest, Authorizer
from harness.mesos.ids import OfferID
from harness.mesos.messages import (
    AdmitSlave,
    AllocationInfo,
    CommandInfo,
    ExecutorInfo,
    MasterInfo,
    Offer,
    RemoveSlave,
    SlaveInfo,
    TaskStatus,
)
from harness.mesos.registrar import Registrar, RegistrarInterface
from harness.mesos.resources import Resources
from harness.mesos.states import TaskState
from harness.simulation import Process, World

CONTRACT = """
    initialize recover add_framework remove_framework activate_framework deactivate_framework update_framework
    add_slave remove_slave update_slave activate_slave deactivate_slave update_whitelist request_resources
    update_allocation update_available update_unavailability update_inverse_offer get_inverse_offer_statuses
    transition_offered_to_allocated recover_resources suppress_offers revive_offers update_quota update_weights
    pause resume add_resource_provider
"""


def offer(resources: str = "cpus:2;mem:1024", number: int = 0, role: str = "*") -> Offer:
    return Offer(
        id=OfferID(f"m-O{number}"),
        framework_id="m-0000",
        slave_id="m-S0",
        hostname="a1",
        resources=Resources.parse(resources).allocate(role),
        allocation_info=AllocationInfo(role=role),
    )


class CountingId(OfferID):
    """An id that remembers how many tasks were made of its offer."""

    tasks_made = 0


class Driver:
    """Notes the calls of a scheduler or an executor."""

    def __init__(self) -> None:
        self.launched: list[tuple[Any, Any]] = []
        self.declined: list[tuple[Any, Any]] = []
        self.sent: list[tuple[Any, Any, str]] = []

    def launch_tasks(self, offer_ids: Any, tasks: Any, refuse_seconds: float | None = None) -> None:
        self.launched.append((list(offer_ids), list(tasks)))

    def decline_offer(self, offer_id: Any, refuse_seconds: float | None = None) -> None:
        self.declined.append((offer_id, refuse_seconds))

    def send_status_update(self, task: Any, state: TaskState, message: str = "") -> None:
        self.sent.append((task, state, message))


# -- allocator ----------------------------------------------------------------------------------------------------------


def test_the_allocator_double_is_an_allocator() -> None:
    """It stands wherever an allocator is wanted, and knows every method of the contract, but not bind."""
    assert isinstance(MockAllocator(), Allocator)
    assert sorted(MockAllocator._table.specs) == sorted(CONTRACT.split())


def test_the_allocator_double_passes_everything_on() -> None:
    """With the double in between, a lab offers what it would offer without; everything is recorded with its time."""
    world = World(seed=3)
    allocator: Any = MockAllocator()
    added = allocator.expect.add_slave(hostname="a1").at_least_once()
    lab = AllocatorLab(world, allocator)
    lab.add_agent("a1", "cpus:2;mem:1024")
    lab.add_framework("f1")
    world.settle()
    assert isinstance(allocator.real, HierarchicalAllocator)
    assert total("cpus:2;mem:1024").matches(lab.allocations[0].resources)
    assert world.wait(added).args["total"] == Resources.parse("cpus:2;mem:1024")
    assert [call.method for call in allocator.calls] == ["initialize", "add_slave", "add_framework"]
    world.finish()


def test_a_held_allocator_call_changes_nothing_until_forwarded() -> None:
    """An agent whose add_slave is held gets no offers before the call goes on."""
    world = World(seed=3)
    allocator: Any = MockAllocator()
    held = allocator.expect.add_slave().will_once(hold())
    lab = AllocatorLab(world, allocator)
    lab.add_agent("a1", "cpus:2;mem:1024")
    lab.add_framework("f1")
    world.settle()
    assert held.satisfied
    assert lab.allocations == []
    allocator.forward(held.calls[0])
    world.settle()
    assert len(lab.allocations) == 1


def test_a_users_allocator_is_the_real_one() -> None:
    """Any object with the interface may be behind the double."""
    seen: list[str] = []

    class Mine(HierarchicalAllocator):
        def add_slave(self, slave_id: str, *args: Any, **kwargs: Any) -> None:
            seen.append(slave_id)

    allocator: Any = MockAllocator(Mine())
    allocator.add_slave("S0", SlaveInfo(hostname="a1"), (), None, Resources.parse(""), {})
    assert seen == ["S0"]


# -- scheduler and executor ---------------------------------------------------------------------------------------------


def test_a_scheduler_does_nothing_by_itself() -> None:
    """Callbacks are recorded; names and parameters are Mesos's."""
    scheduler: Any = MockScheduler()
    running = scheduler.expect.status_update(state="TASK_RUNNING").once()
    scheduler.status_update("driver", TaskStatus(task_id="t", state=TaskState.TASK_RUNNING))
    scheduler.slave_lost("driver", slave_id="S0")
    assert running.arg("status").task_id == running.arg("task_id") == "t"
    assert scheduler.calls_to("slaveLost")[0].args == {"driver": "driver", "slave_id": "S0"}


def test_a_scheduler_may_have_a_real_one_behind_it() -> None:
    """Callbacks that the real scheduler has go on to it; others do nothing."""

    class Real:
        def __init__(self) -> None:
            self.lost: list[str] = []

        def slave_lost(self, driver: Any, slave_id: str) -> None:
            self.lost.append(slave_id)

    real = Real()
    scheduler: Any = MockScheduler(real)
    scheduler.slave_lost(None, "S0")
    scheduler.disconnected(None)
    assert real.lost == ["S0"]


def test_launch_tasks_fills_offers_up_to_the_number() -> None:
    """As many tasks as fit, until there are n; every offer is answered, the rest with no task."""
    scheduler: Any = MockScheduler()
    scheduler.expect.resource_offers().will_once(launch_tasks(n=3, resources="cpus:1;mem:512", executor="e"))
    driver = Driver()
    scheduler.resource_offers(driver, (offer(number=0), offer(number=1), offer(number=2)))
    assert [(ids, len(tasks)) for ids, tasks in driver.launched] == [(["m-O0"], 2), (["m-O1"], 1), (["m-O2"], 0)]
    task = driver.launched[0][1][0]
    assert task.resources == Resources.parse("cpus:1;mem:512").allocate("*")
    assert task.executor.executor_id == "e"
    assert task.executor.framework_id == "m-0000"


def test_launch_tasks_takes_reserved_resources() -> None:
    """With role= the tasks take what is reserved for it."""
    scheduler: Any = MockScheduler()
    scheduler.expect.resource_offers().will_once(launch_tasks(resources="cpus:1", role="web"))
    driver = Driver()
    scheduler.resource_offers(driver, [offer("cpus:4;cpus(web):1", role="web"), offer("cpus:4", 1)])
    assert [len(tasks) for _, tasks in driver.launched] == [1, 0]
    assert driver.launched[0][1][0].resources == Resources.parse("cpus(web):1").allocate("web")


def test_accept_all_takes_everything() -> None:
    """One task on each offer takes all of it."""
    scheduler: Any = MockScheduler()
    scheduler.expect.resource_offers().will_once(accept_all())
    driver = Driver()
    offers = [offer(number=0), offer("cpus:1", 1)]
    scheduler.resource_offers(driver, offers)
    assert [tasks[0].resources for _, tasks in driver.launched] == [each.resources for each in offers]


def test_decline_offers_declines_each() -> None:
    """Every offer is declined, with the filter that was asked for."""
    scheduler: Any = MockScheduler()
    scheduler.expect.resource_offers().will_once(decline_offers()).will_once(decline_offers(refuse_seconds=60))
    driver = Driver()
    scheduler.resource_offers(driver, [offer()])
    scheduler.resource_offers(driver, [offer(number=1)])
    assert driver.declined == [("m-O0", None), ("m-O1", 60)]


def test_send_status_reports_for_launched_and_killed_tasks() -> None:
    """An executor answers launch_task with the task and kill_task with its id."""
    executor: Any = MockExecutor("e")
    executor.expect.launch_task().will_once(send_status("TASK_RUNNING"))
    executor.expect.kill_task().will_once(send_status(TaskState.TASK_KILLED, message="bye"))
    driver, task = Driver(), make_task(offer(), executor=executor)
    executor.launch_task(driver, task)
    executor.kill_task(driver, task.task_id)
    assert driver.sent == [(task, TaskState.TASK_RUNNING, ""), (task.task_id, TaskState.TASK_KILLED, "bye")]
    assert (executor.driver, executor.executor_id) == (None, "e")


def test_actions_fit_their_callbacks_only() -> None:
    """An action for offers or tasks on another method fails when declared; so do unknown states and counts."""
    scheduler: Any = MockScheduler()
    for action in (launch_tasks(), decline_offers(), accept_all(), send_status("TASK_RUNNING")):
        with pytest.raises(MisuseError, match="wanted a callback with driver"):
            scheduler.expect.slave_lost().will_once(action)
    with pytest.raises(MisuseError, match="TASK_RUNNING"):
        send_status("RUNNING")
    with pytest.raises(MisuseError):
        launch_tasks(n=0)
    with pytest.raises(MisuseError):
        MockExecutor("")


# -- tasks --------------------------------------------------------------------------------------------------------------


def test_make_task_takes_the_whole_offer() -> None:
    """By default a task takes all resources and runs until killed."""
    task = make_task(offer())
    assert task.resources == offer().resources
    assert task.slave_id == "m-S0"
    assert task.command is not None
    assert task.command.value
    assert task.executor is None
    assert make_task(offer()).task_id == task.task_id


def test_make_task_takes_what_it_is_given() -> None:
    """Resources get the offer's role; executor, id, name and command are as given."""
    task = make_task(offer(role="web"), "cpus:1", task_id="t1", name="n", command="sleep 10")
    assert task.resources == Resources.parse("cpus:1").allocate("web")
    assert (task.task_id, task.name, task.command) == ("t1", "n", CommandInfo(value="sleep 10"))
    by_info = make_task(offer(), executor=ExecutorInfo(executor_id="x"))
    assert by_info.executor == ExecutorInfo(executor_id="x")
    assert by_info.command is None
    with pytest.raises(MisuseError, match="MockExecutor"):
        make_task(offer(), executor=3)
    with pytest.raises(MisuseError, match="one Offer"):
        make_task([offer()])  # type: ignore[arg-type]


def test_tasks_of_one_offer_have_different_ids() -> None:
    """Two tasks on one offer never share an id, and ids are the same in every run."""
    first, second = (msgspec.structs.replace(offer(), id=CountingId("m-O0")) for _ in range(2))
    assert [make_task(first).task_id for _ in range(2)] == [make_task(second).task_id for _ in range(2)]
    assert make_task(first).task_id != make_task(first).task_id


# -- collaborators of a master ------------------------------------------------------------------------------------------


class Owner(Process):
    """Stands for the master."""

    def __init__(self, *collaborators: Any) -> None:
        super().__init__("master")
        self.collaborators = collaborators

    def initialize(self) -> None:
        for collaborator in self.collaborators:
            collaborator.bind(self)


def admit(number: int) -> AdmitSlave:
    return AdmitSlave(info=SlaveInfo(hostname="a1", id=f"m-S{number}"))


def test_the_registrar_double_forwards_and_holds() -> None:
    """Operations are matched by class or value, may be held, and reach the real registry when forwarded."""
    world = World()
    registrar: Any = MockRegistrar()
    held = registrar.expect.apply(operation=AdmitSlave).any_number().will_once(hold())
    world.spawn(Owner(registrar))
    world.settle()
    world.wait(registrar.recover(MasterInfo(id="m")))
    future = registrar.apply(admit(0))
    with pytest.raises(Exception, match="nothing is pending"):
        world.wait(future)
    registrar.forward(held.calls[0])
    assert world.wait(future) is True
    assert list(registrar.registry.admitted) == ["m-S0"]
    assert isinstance(registrar, RegistrarInterface)
    assert isinstance(registrar.real, Registrar)
    removed = registrar.expect.apply(operation=RemoveSlave(info=SlaveInfo(hostname="a1", id="m-S0"))).will_once(returns(False))
    assert world.wait(registrar.apply(RemoveSlave(info=SlaveInfo(hostname="a1", id="m-S0")))) is False
    assert removed.satisfied
    assert [call.method for call in registrar.calls] == ["recover", "apply", "apply"]
    world.finish()


def test_the_authorizer_double_grants_unless_told_otherwise() -> None:
    """Everything is granted; single requests are matched by their fields and may be refused."""
    authorizer: Any = MockAuthorizer()
    authorizer.expect.authorized(action=Action.RUN_TASK).will_once(returns(False))
    assert isinstance(authorizer, Authorizer)
    assert authorizer.authorized(AuthorizationRequest(action=Action.REGISTER_AGENT)) is True
    assert authorizer.authorized(AuthorizationRequest(action=Action.RUN_TASK)) is False


def test_the_limiter_double_grants_at_once_unless_held() -> None:
    """Permits come at once; a held one shows when the master gives up."""
    world = World()
    limiter: Any = MockRateLimiter()
    world.spawn(Owner(limiter))
    world.settle()
    assert limiter.acquire().ready
    limiter.expect.acquire().will_once(hold())
    future = limiter.acquire()
    future.discard()
    assert limiter.calls[-1].discarded


def test_any_is_neutral_in_declarations() -> None:
    """ANY in every place is the same as no arguments."""
    allocator: Any = MockAllocator()
    assert str(allocator.expect.remove_slave(ANY)) == str(allocator.expect.remove_slave()) == "remove_slave()"
