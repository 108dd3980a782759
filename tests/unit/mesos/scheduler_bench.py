"""A world for tests of the scheduler driver: a master of a few lines, an agent's mailbox, a scheduler that writes down."""

from __future__ import annotations

from typing import Any

from harness.mesos.authentication import CRAMMD5Authenticator
from harness.mesos.detector import StandaloneDetector
from harness.mesos.messages import (
    AuthenticateMessage,
    Call,
    Credential,
    DeactivateFrameworkMessage,
    FrameworkInfo,
    FrameworkRegisteredMessage,
    FrameworkReregisteredMessage,
    FrameworkToExecutorMessage,
    MasterInfo,
    Offer,
    ResourceOffersMessage,
    TaskInfo,
)
from harness.mesos.scheduler import SchedulerDriver
from harness.mesos.states import DriverStatus
from harness.simulation import Address, Process, World, handles

GOOD = Credential(principal="test-principal", secret="test-secret")
INFO = MasterInfo(id="m1", pid="master@m")
AGENT = "slave(1)@a"
OFFER = Offer(id="m1-O0", framework_id="m1-0000", slave_id="m1-S0", hostname="a")
TASK = TaskInfo(task_id="t1", slave_id="m1-S0")


class Agent(Process):
    """Takes messages for executors."""

    def __init__(self) -> None:
        super().__init__("slave(1)")
        self.messages: list[Any] = []

    @handles(FrameworkToExecutorMessage)
    def message(self, sender: Address, message: FrameworkToExecutorMessage) -> None:
        """Keep it."""
        self.messages.append(message)


class ToyMaster(Process):
    """Registers whoever subscribes, and keeps what it is told."""

    def __init__(self, *, silent: bool = False) -> None:
        super().__init__("master")
        self.silent = silent
        self.calls: list[Call] = []
        self.others: list[Any] = []
        self.times: list[int] = []
        self.framework: Address | None = None
        self.authenticator = CRAMMD5Authenticator([GOOD])

    @handles(Call)
    def call(self, sender: Address, message: Call) -> None:
        """Answer a subscription, keep the rest."""
        self.calls.append(message)
        self.times.append(self.now)
        if message.type == "SUBSCRIBE" and not self.silent:
            known = self.framework == sender
            self.framework = sender
            kind = FrameworkReregisteredMessage if known else FrameworkRegisteredMessage
            self.send(sender, kind(framework_id=message.framework_id or "m1-0000", master_info=INFO))

    @handles(DeactivateFrameworkMessage)
    def other(self, sender: Address, message: Any) -> None:
        """Keep it."""
        self.others.append(message)

    @handles(AuthenticateMessage)
    def authenticate(self, sender: Address, message: AuthenticateMessage) -> None:
        """Open a session."""
        self.spawn(self.authenticator.session(self.unique_name("crammd5-authenticator"), sender))

    def of(self, kind: str) -> list[Call]:
        """The calls of one type."""
        return [call for call in self.calls if call.type == kind]


class Scheduler:
    """Writes down every callback; ``on[name]`` is called too."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []
        self.on: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        def callback(driver: SchedulerDriver, *args: Any) -> None:
            self.seen.append((name, *args))
            if name in self.on:
                self.on[name](driver, *args)

        return callback

    @property
    def names(self) -> list[str]:
        """Names of the callbacks so far."""
        return [each[0] for each in self.seen]


class Bench:
    """A world with a master, an agent's mailbox and a driver."""

    def __init__(
        self, *, seed: int = 0, strategy: str = "random", silent: bool = False, start: bool = True, **driver: Any
    ) -> None:
        self.world = World(seed, strategy)
        self.master = ToyMaster(silent=silent)
        self.world.spawn(self.master, "m")
        self.agent = Agent()
        self.world.spawn(self.agent, "a")
        self.detector = StandaloneDetector(INFO)
        self.scheduler = Scheduler()
        info = driver.pop("info", FrameworkInfo(name="default", roles=("a", "b"), capabilities=("MULTI_ROLE",)))
        self.driver = SchedulerDriver(
            self.world, "scheduler-1", "s", scheduler=self.scheduler, info=info, detector=self.detector, **driver
        )
        if start:
            assert self.driver.start() == DriverStatus.DRIVER_RUNNING

    def registered(self) -> Bench:
        """The same, once the driver is registered."""
        self.world.wait(self.driver.registered_future)
        return self

    def post(self, message: Any, src: str = "master@m") -> None:
        """A message to the driver, handled."""
        self.world.post(message, to=self.driver.address or "", src=src)
        self.world.settle()

    def offer(self) -> None:
        """One offer, held."""
        self.post(ResourceOffersMessage(offers=(OFFER,), pids=(AGENT,)))

    def appoint(self, info: MasterInfo | None) -> None:
        """Appoint, and let it be heard."""
        self.detector.appoint(info)
        self.world.settle()
