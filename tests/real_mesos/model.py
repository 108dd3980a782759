"""The same conversation with a cluster of ours, in virtual time."""

from __future__ import annotations

from typing import Any

from harness import Cluster, DeadlockError, WaitTimeout
from harness.mesos.messages import Call, CommandInfo, TaskInfo, TaskStatus
from harness.mesos.resources import Resources
from harness.mesos.states import CallType, TaskState
from tests.real_mesos.conversation import Conversation, Event, Side, Wanted


class OurMaster(Side):
    """A cluster with one agent of these resources, registered."""

    name = "the model"

    def __init__(self, cluster: Cluster, resources: str) -> None:
        self.cluster = cluster
        self.master = cluster.start_master()
        self.agent = cluster.start_agent(resources, hostname="localhost", attributes="rack:r1")
        self.whole_cpus = Resources.parse(resources).cpus
        cluster.wait(self.agent.registered)

    def fresh(self) -> str:
        """Nothing: every cluster is a new one."""
        return ""

    def subscribe(self, *, framework_id: str | None = None, partition_aware: bool = False, **info: Any) -> Conversation:
        """Begin a conversation through a driver of its own."""
        return OurConversation(self, framework_id=framework_id, partition_aware=partition_aware, name="comparison", **info)


class OurConversation(Conversation):
    """Itself the scheduler: each callback becomes the event that Mesos's HTTP API has for it."""

    def __init__(self, side: OurMaster, **info: Any) -> None:
        super().__init__()
        self.side = side
        self.cluster = side.cluster
        self.whole_cpus = side.whole_cpus
        self.framework = side.cluster.start_framework(self, **info)

    # -- callbacks ----------------------------------------------------------------------------------------------------

    def _heard(self, kind: str, **fields: Any) -> None:
        self.events.append({"type": kind, "time": self.now, **fields})

    def registered(self, driver: Any, framework_id: str, master_info: Any) -> None:
        self._heard("SUBSCRIBED", framework_id=str(framework_id), master_id=str(master_info.id))

    def reregistered(self, driver: Any, master_info: Any) -> None:
        self._heard("SUBSCRIBED", framework_id=str(self.framework.id), master_id=str(master_info.id))

    def resource_offers(self, driver: Any, offers: Any) -> None:
        described = [
            {"id": str(offer.id), "agent_id": str(offer.slave_id), "role": offer.role, "resources": amounts(offer.resources)}
            for offer in offers
        ]
        self._heard("OFFERS", offers=described)

    def offer_rescinded(self, driver: Any, offer_id: str) -> None:
        self._heard("RESCIND", offer_id=str(offer_id))

    def status_update(self, driver: Any, status: TaskStatus) -> None:
        fields = ("task_id", "state", "source", "reason", "message")
        described = {name: str(value) for name in fields if (value := getattr(status, name)) is not None}
        if status.slave_id is not None:
            described["agent_id"] = str(status.slave_id)
        self._heard("UPDATE", status=described)

    def error(self, driver: Any, message: str) -> None:
        # With this event Mesos closes the stream.
        self._heard("ERROR", message=message)
        self._heard("CLOSED")

    # -- calls --------------------------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        return self.cluster.clock.elapsed.total_seconds()

    def await_event(self, deadline: float) -> bool:
        before = len(self.events)
        left = deadline - self.now
        if left <= 0:
            return False
        try:
            self.cluster.wait(lambda: len(self.events) > before, timeout=left)
        except (WaitTimeout, DeadlockError):
            return False
        return True

    def accept(self, offer: Event, *tasks: Wanted, more: tuple[Event, ...] = ()) -> None:
        infos = [
            TaskInfo(
                task_id=task.task_id,
                name=task.task_id,
                slave_id=task.agent or offer["agent_id"],
                resources=Resources.of(scalars(task.resources)),
                command=None if task.command is None else CommandInfo(value=task.command),
            )
            for task in tasks
        ]
        self.framework.driver.launch_tasks([each["id"] for each in (offer, *more)], infos, refuse_seconds=0)

    def decline(self, offer: Event, refuse_seconds: float) -> None:
        self.framework.driver.decline_offer(offer["id"], refuse_seconds=refuse_seconds)

    def suppress(self) -> None:
        self.framework.driver.suppress_offers()

    def revive(self) -> None:
        self.framework.driver.revive_offers()

    def reconcile(self, *tasks: tuple[str, str | None]) -> None:
        asked = [TaskStatus(task_id=task_id, slave_id=agent, state=TaskState.TASK_RUNNING) for task_id, agent in tasks]
        self.framework.driver.reconcile_tasks(asked)

    def kill(self, task_id: str) -> None:
        self.framework.driver.kill_task(task_id)

    def teardown(self) -> None:
        # As over HTTP: the call first, the end of the connection when the master has served it. A driver's stop() does both.
        teardown = Call(type=CallType.TEARDOWN, framework_id=self.id)
        self.cluster.messages.post(teardown, src=self.framework.pid, dst=self.side.master.pid)
        self.cluster.wait(lambda: self.id not in self.side.master.frameworks)
        self.framework.stop()

    def leave(self) -> None:
        self.cluster.run_for("100ms")  # what was said before arrives before
        self.framework.stop(failover=True)
        self.cluster.run_for("100ms")


def amounts(resources: Resources) -> dict[str, Any]:
    """Resources by name: numbers, or ranges in Mesos's notation."""
    found: dict[str, Any] = {}
    for part in str(resources).split("; "):
        name, _, value = part.rpartition(":")
        found[name.partition("(")[0]] = value if value.startswith("[") else float(value)
    return found


def scalars(text: str) -> dict[str, float]:
    """Scalars in Mesos's notation by name, impossible values included."""
    pairs = (part.split(":") for part in text.split(";") if part)
    return {name: float(value) for name, value in pairs}
