"""A master face to face with toys: agents and schedulers that record what they hear and say what a test tells them to."""

from __future__ import annotations

from typing import Any

from harness.mesos.allocator import Allocator, HierarchicalAllocator
from harness.mesos.detector import StandaloneDetector
from harness.mesos.flags import MasterFlags
from harness.mesos.master import Master
from harness.mesos.messages import (
    Call,
    CommandInfo,
    FrameworkErrorMessage,
    FrameworkInfo,
    FrameworkRegisteredMessage,
    FrameworkReregisteredMessage,
    LostSlaveMessage,
    MasterInfo,
    Operation,
    PingSlaveMessage,
    PongSlaveMessage,
    Record,
    RegisterSlaveMessage,
    ReregisterSlaveMessage,
    RescindResourceOfferMessage,
    ResourceOffersMessage,
    SlaveInfo,
    SlaveRegisteredMessage,
    SlaveReregisteredMessage,
    StatusUpdateMessage,
    TaskInfo,
)
from harness.mesos.registrar import Registrar, RegistryStorage
from harness.mesos.resources import Resources
from harness.mesos.states import CallType
from harness.mesos.versions import behaviour
from harness.simulation import Address, Future, Process, Promise, World, handles

RESOURCES = Resources.parse("cpus:2;mem:1024;disk:1024;ports:[31000-32000]")


class Toy(Process):
    """Keeps every message it gets."""

    def __init__(self, name: str, master: Address) -> None:
        super().__init__(name)
        self.master = master
        self.heard: list[Any] = []

    @handles(Record)
    def hear(self, sender: Address, message: Record) -> None:
        self.heard.append(message)

    def heard_of(self, kind: type) -> list[Any]:
        return [message for message in self.heard if type(message) is kind]


class ToyAgent(Toy):
    """Answers pings while ``alive_and_well``; registers only when told to."""

    def __init__(self, name: str, master: Address, **info: Any) -> None:
        super().__init__(name, master)
        self.info = SlaveInfo(**{"hostname": name, "resources": RESOURCES, **info})
        self.id: str | None = None
        self.answers_pings = True
        self.capabilities: tuple[str, ...] = ("MULTI_ROLE", "HIERARCHICAL_ROLE", "RESOURCE_PROVIDER")

    def initialize(self) -> None:
        self.link(self.master)

    def register(self) -> None:
        self.send(self.master, RegisterSlaveMessage(slave=self.info, version="1.11.0", agent_capabilities=self.capabilities))

    def reregister(self, **content: Any) -> None:
        info = self.info.replace(id=self.id)
        self.send(
            self.master,
            ReregisterSlaveMessage(slave=info, version="1.11.0", agent_capabilities=self.capabilities, **content),
        )

    @handles(PingSlaveMessage)
    def ping(self, sender: Address, message: PingSlaveMessage) -> None:
        self.heard.append(message)
        if self.answers_pings:
            self.send(sender, PongSlaveMessage())

    @handles(SlaveRegisteredMessage, SlaveReregisteredMessage)
    def registered(self, sender: Address, message: Any) -> None:
        self.heard.append(message)
        self.id = message.slave_id


class ToyScheduler(Toy):
    """Keeps offers and updates at hand."""

    def __init__(self, name: str, master: Address, **info: Any) -> None:
        super().__init__(name, master)
        self.info = FrameworkInfo(**{"roles": ("*",), "capabilities": ("MULTI_ROLE",), **info})
        self.id: str | None = self.info.id
        self.offers: dict[str, Any] = {}

    def subscribe(self, *, force: bool = False, **more: Any) -> None:
        info = self.info.replace(id=self.id)
        self.send(
            self.master,
            Call(type=CallType.SUBSCRIBE, subscribe=Call.Subscribe(framework_info=info, force=force, **more)),
        )

    def call(self, type: str, **field: Any) -> None:
        self.send(self.master, Call(type=CallType(type), framework_id=self.id, **field))

    def launch(self, offers: list[Any], *tasks: TaskInfo) -> None:
        operation = Operation(type="LAUNCH", launch=Operation.Launch(task_infos=tasks))
        accept = Call.Accept(offer_ids=tuple(offer.id for offer in offers), operations=(operation,))
        self.call("ACCEPT", accept=accept)

    @handles(FrameworkRegisteredMessage, FrameworkReregisteredMessage)
    def registered(self, sender: Address, message: Any) -> None:
        self.heard.append(message)
        self.id = message.framework_id

    @handles(ResourceOffersMessage)
    def resource_offers(self, sender: Address, message: ResourceOffersMessage) -> None:
        self.heard.append(message)
        self.offers.update((offer.id, offer) for offer in message.offers)

    @handles(RescindResourceOfferMessage)
    def rescinded(self, sender: Address, message: RescindResourceOfferMessage) -> None:
        self.heard.append(message)
        self.offers.pop(message.offer_id, None)

    @property
    def statuses(self) -> list[Any]:
        return [message.update.status for message in self.heard_of(StatusUpdateMessage)]

    @property
    def states(self) -> list[str]:
        return [str(status.state) for status in self.statuses]

    @property
    def errors(self) -> list[str]:
        return [message.message for message in self.heard_of(FrameworkErrorMessage)]

    @property
    def lost(self) -> list[str]:
        return [message.slave_id for message in self.heard_of(LostSlaveMessage)]


class SilentAllocator(Allocator):
    """Makes no offers; remembers what it was called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def args(self, name: str) -> list[tuple[Any, ...]]:
        return [args for called, args in self.calls if called == name]


def _recorder(name: str) -> Any:
    def record(self: SilentAllocator, *args: Any) -> None:
        self.calls.append((name, args))
        if name == "initialize":
            self.offer_callback = args[1]

    return record


_NAMES = [name for name, value in vars(Allocator).items() if callable(value) and not name.startswith("_") and name != "bind"]
for _name in _NAMES:
    setattr(SilentAllocator, _name, _recorder(_name))
SilentAllocator.__abstractmethods__ = frozenset()


class Bench:
    """A world with one elected master, and makers of toys."""

    def __init__(
        self, *, seed: int = 0, strategy: str = "prompt", release: str = "1.11", allocator: Any = None, **arguments: Any
    ) -> None:
        names = ("registrar", "authorizer", "removal_limiter", "storage")
        collaborators = {name: arguments.pop(name) for name in names if name in arguments}
        storage = collaborators.pop("storage", None)
        collaborators.setdefault("registrar", Registrar(storage))
        self.world = World(seed=seed, strategy=strategy)
        self.release = release
        self.flags = MasterFlags.of({"authenticate_agents": False, "authenticate_frameworks": False}, **arguments)
        self.detector = StandaloneDetector()
        self.allocator = allocator if allocator is not None else SilentAllocator()
        self.lives = 0
        self.master = self.start_master(self.allocator, **collaborators)

    def start_master(self, allocator: Any, **collaborators: Any) -> Master:
        self.lives += 1
        info = MasterInfo(id=f"m{self.lives}", pid="master@master", hostname="master")
        master = Master(
            "master",
            info=info,
            flags=self.flags,
            allocator=allocator,
            detector=self.detector,
            behaviour=behaviour(self.release),
            **collaborators,
        )
        self.world.spawn(master, "master")
        self.detector.appoint(info)
        self.world.clock.pause()
        self.world.settle()
        assert master.recovered.ready
        self.master = master
        return master

    def agent(
        self, name: str = "slave(1)", host: str = "a1", *, register: bool = True, silent: bool = False, **info: Any
    ) -> ToyAgent:
        agent = ToyAgent(name, self.master.address, **{"hostname": host, **info})
        agent.answers_pings = not silent
        self.world.spawn(agent, host)
        self.world.settle()
        if register:
            agent.register()
            self.world.settle()
        return agent

    def scheduler(self, name: str = "scheduler", *, subscribe: bool = True, **info: Any) -> ToyScheduler:
        scheduler = ToyScheduler(name, self.master.address, **info)
        self.world.spawn(scheduler, name)
        self.world.settle()
        if subscribe:
            scheduler.subscribe()
            self.world.settle()
        return scheduler

    def settle(self) -> None:
        self.world.settle()

    def advance(self, duration: str) -> None:
        self.world.clock.advance(duration)

    def metric(self, name: str) -> Any:
        return self.master.metrics[f"master/{name}"]

    def running_task(self, scheduler: ToyScheduler, agent: ToyAgent, task_id: str = "t1", **more: Any) -> Any:
        """A task launched on all that is offered, and reported as running."""
        offer = next(iter(scheduler.offers.values()))
        task = task_on(offer, task_id, **more)
        scheduler.launch([offer], task)
        self.settle()
        report(agent, scheduler, task_id, "TASK_RUNNING")
        self.settle()
        return task


class HeldRegistrar(Registrar):
    """Keeps back the answers to operations of the named kinds; ``release`` performs them."""

    def __init__(self, *kinds: type, storage: RegistryStorage | None = None) -> None:
        super().__init__(storage)
        self.kinds = kinds
        self.held: list[tuple[Any, Promise[bool]]] = []

    def apply(self, operation: Any) -> Future[bool]:
        if type(operation) not in self.kinds:
            return super().apply(operation)
        promise: Promise[bool] = Promise("held")
        self.held.append((operation, promise))
        return promise.future

    def release(self) -> None:
        held, self.held = self.held, []
        for operation, promise in held:
            promise.associate(super().apply(operation))


def real_bench(**arguments: Any) -> Bench:
    """A bench with the default allocator."""
    return Bench(allocator=HierarchicalAllocator(), **arguments)


def task_on(offer: Any, task_id: str = "t1", resources: str = "cpus:1;mem:512", **more: Any) -> TaskInfo:
    """A command task on the agent of an offer."""
    content = {"command": CommandInfo(value="sleep 1000"), **more}
    return TaskInfo(task_id=task_id, name=task_id, slave_id=offer.slave_id, resources=Resources.parse(resources), **content)


def report(agent: ToyAgent, scheduler: ToyScheduler, task_id: str, state: str, **more: Any) -> StatusUpdateMessage:
    """Let an agent report a state of a task; what it sent."""
    message = StatusUpdateMessage.of(scheduler.id, agent.id, task_id, state, pid=str(agent.address), **more)
    agent.send(agent.master, message)
    return message
