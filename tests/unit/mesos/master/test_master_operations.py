"""Reservations, volumes and task groups in an ACCEPT."""

from __future__ import annotations

from typing import Any

import pytest
from master_bench import Bench, ToyAgent, ToyScheduler, real_bench, task_on

from harness.errors import MisuseError
from harness.mesos.master.operations import conversion_of, with_checkpointed
from harness.mesos.messages import (
    Call,
    CheckpointResourcesMessage,
    ExecutorInfo,
    Operation,
    RunTaskGroupMessage,
    TaskGroupInfo,
)
from harness.mesos.resources import Resource, Resources
from harness.mesos.states import OperationType


def reserved(name: str, value: float, role: str = "dev", **more: Any) -> Resources:
    return Resources([Resource(name=name, value=value, reservations=(("DYNAMIC", role),), **more)])


def reserve(resources: Resources) -> Operation:
    return Operation(type=OperationType.RESERVE, reserve=Operation.Reserve(resources=resources))


def unreserve(resources: Resources) -> Operation:
    return Operation(type=OperationType.UNRESERVE, unreserve=Operation.Unreserve(resources=resources))


def create(volumes: Resources) -> Operation:
    return Operation(type=OperationType.CREATE, create=Operation.Create(volumes=volumes))


def destroy(volumes: Resources) -> Operation:
    return Operation(type=OperationType.DESTROY, destroy=Operation.Destroy(volumes=volumes))


class Offered:
    """A framework of role dev that holds one offer of a whole agent."""

    def __init__(self, bench: Bench | None = None) -> None:
        self.bench = bench or real_bench()
        self.agent: ToyAgent = self.bench.agent()
        self.scheduler: ToyScheduler = self.bench.scheduler(roles=("dev",))
        self.offer = next(iter(self.scheduler.offers.values()))

    def accept(self, *operations: Operation) -> None:
        accept = Call.Accept(offer_ids=(self.offer.id,), operations=operations)
        self.scheduler.call("ACCEPT", accept=accept)
        self.bench.settle()

    def next_offer(self) -> Any:
        seen = dict(self.scheduler.offers)
        self.bench.advance("1secs")
        (offer,) = [offer for offer_id, offer in self.scheduler.offers.items() if offer_id not in seen]
        return offer

    @property
    def told(self) -> list[Resources]:
        return [message.resources for message in self.agent.heard_of(CheckpointResourcesMessage)]


def test_reserve_and_unreserve() -> None:
    """What is reserved is offered again at once and remembered by the agent, until it is given up."""
    offered = Offered()
    mine = reserved("cpus", 1)
    offered.accept(reserve(mine))
    assert offered.told == [mine]
    assert offered.bench.master.agents[offered.agent.id or ""].total.reserved("dev") == mine
    # The rest was declined for five seconds, but there is more now than was declined.
    offer = offered.next_offer()
    assert offer.resources.unallocate().reserved() == mine
    offered.offer = offer
    offered.accept(unreserve(mine))
    assert offered.told[-1] == Resources()
    assert offered.bench.master.agents[offered.agent.id or ""].total == offered.agent.info.resources


def test_reserve_then_launch() -> None:
    """Operations take effect in their order: a task may use what was reserved before it."""
    offered = Offered()
    task = task_on(offered.offer).replace(resources=reserved("cpus", 1) + reserved("mem", 512))
    launch = Operation(type=OperationType.LAUNCH, launch=Operation.Launch(task_infos=(task,)))
    offered.accept(reserve(reserved("cpus", 2) + reserved("mem", 512)), launch)
    assert list(offered.bench.master.tasks) == ["t1"]
    offer = offered.next_offer()
    assert offer.resources.unallocate().reserved() == reserved("cpus", 1)


def test_create_and_destroy() -> None:
    """A volume is made of reserved disk, offered, and destroyed to plain reserved disk."""
    offered = Offered()
    disk, volume = reserved("disk", 100), reserved("disk", 100, disk="volume-1")
    offered.accept(reserve(disk), create(volume))
    assert offered.told == [volume]
    offered.offer = offered.next_offer()
    assert offered.offer.resources.unallocate().reserved() == volume
    offered.accept(destroy(volume))
    assert offered.told[-1] == disk


def test_a_returning_agent_keeps_its_reservations() -> None:
    """The agent describes itself by its flags; reservations are added to that."""
    offered = Offered()
    offered.accept(reserve(reserved("cpus", 1)))
    offered.agent.reregister()
    offered.bench.settle()
    agent = offered.bench.master.agents[offered.agent.id or ""]
    assert agent.total.cpus == 2
    assert agent.total.reserved("dev") == reserved("cpus", 1)


def test_an_operation_that_does_not_fit_is_dropped() -> None:
    """Nothing is converted and nobody is told; what was offered comes back when its filter is over."""
    offered = Offered()
    offered.accept(reserve(reserved("cpus", 5)))
    assert offered.told == []
    offered.bench.advance("6secs")
    assert len(offered.scheduler.offers) == 2


@pytest.mark.parametrize(
    ("operation", "complaint"),
    [
        (reserve(Resources.parse("cpus:1")), "not dynamically reserved"),
        (reserve(reserved("cpus", 1, "ops")), "can only reserve resources with role 'dev'"),
        (reserve(Resources()), "none given"),
        (create(Resources([Resource(name="disk", value=1.0, disk="v")])), "unreserved"),
        (create(reserved("disk", 1)), "does not have DiskInfo"),
        (unreserve(reserved("disk", 1, disk="v")), "persistent volume 'v'"),
        (Operation(type=OperationType.RESERVE), "no content"),
    ],
)
def test_invalid_operations(operation: Operation, complaint: str) -> None:
    """Each says what is wrong with it."""
    with pytest.raises(MisuseError, match=complaint):
        conversion_of(operation, "dev")


def test_with_checkpointed() -> None:
    """What does not fit into the agent's resources any more is left out."""
    total = Resources.parse("cpus:2;mem:10")
    assert with_checkpointed(total, reserved("cpus", 1)) == Resources.parse("cpus:1;mem:10") + reserved("cpus", 1)
    assert with_checkpointed(total, reserved("cpus", 3)) == total


# --- groups


def group(offer: Any, *tasks: Any, executor: str = "pod") -> Operation:
    info = ExecutorInfo(executor_id=executor, resources=Resources.parse("cpus:0.1;mem:32"))
    launch = Operation.LaunchGroup(executor=info, task_group=TaskGroupInfo(tasks=tasks))
    return Operation(type=OperationType.LAUNCH_GROUP, launch_group=launch)


def test_a_group_is_launched_together() -> None:
    """One message, one executor, all tasks staged."""
    offered = Offered()
    tasks = [task_on(offered.offer, name, "cpus:0.5;mem:128") for name in ("a", "b")]
    offered.accept(group(offered.offer, *tasks))
    (message,) = offered.agent.heard_of(RunTaskGroupMessage)
    assert [task.task_id for task in message.task_group.tasks] == ["a", "b"]
    assert (message.executor.executor_id, message.launch_executor) == ("pod", True)
    assert sorted(offered.bench.master.tasks) == ["a", "b"]
    used = offered.bench.master.agents[offered.agent.id or ""].used()[offered.scheduler.id or ""]
    assert used.cpus == pytest.approx(1.1)


@pytest.mark.parametrize(("resources", "complaint"), [("cpus:5;mem:128", "more than available"), ("", "Task uses no resources")])
def test_one_bad_task_spoils_its_group(resources: str, complaint: str) -> None:
    """All tasks of a group fail together."""
    offered = Offered()
    tasks = [task_on(offered.offer, "a", "cpus:0.5;mem:128"), task_on(offered.offer, "b", resources)]
    offered.accept(group(offered.offer, *tasks))
    assert offered.scheduler.states == ["TASK_ERROR", "TASK_ERROR"]
    assert {str(status.reason) for status in offered.scheduler.statuses} == {"REASON_TASK_GROUP_INVALID"}
    assert complaint in offered.scheduler.statuses[0].message
    assert offered.agent.heard_of(RunTaskGroupMessage) == []
