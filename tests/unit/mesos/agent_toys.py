"""Toy counterparts for the tests of the agent: a master that says what a test wants, and an executor that remembers."""

from __future__ import annotations

from typing import Any

from harness.mesos.agent import Agent
from harness.mesos.authentication import CRAMMD5Authenticator
from harness.mesos.containerizer import InProcessContainerizer
from harness.mesos.detector import StandaloneDetector, fresh_info
from harness.mesos.flags import DEFAULT_CREDENTIAL, AgentFlags
from harness.mesos.messages import (
    AuthenticateMessage,
    CommandInfo,
    Credential,
    ExecutorInfo,
    FrameworkInfo,
    MasterInfo,
    MasterSlaveConnection,
    PongSlaveMessage,
    RegisterSlaveMessage,
    ReregisterSlaveMessage,
    RunTaskMessage,
    SlaveInfo,
    SlaveRegisteredMessage,
    SlaveReregisteredMessage,
    StatusUpdateAcknowledgementMessage,
    StatusUpdateMessage,
    TaskInfo,
)
from harness.mesos.messages.base import Record
from harness.mesos.resources import Resources
from harness.mesos.versions import behaviour
from harness.simulation import Address, Process, World, handles

FRAMEWORK = FrameworkInfo(id="M-0000", name="toy")
MASTER = MasterInfo(id="M", pid="master@m1")


class ToyMaster(Process):
    """Admits every agent at once, acknowledges updates if told to, and keeps what it heard with the time (ns)."""

    def __init__(self, secret: str = DEFAULT_CREDENTIAL.secret) -> None:
        super().__init__("master")
        self.authenticator = CRAMMD5Authenticator({DEFAULT_CREDENTIAL.principal: secret})
        self.heard: list[tuple[int, Address, Record]] = []
        self.answers = True
        self.acknowledges = True
        self.next_id = "M-S0"

    def of(self, kind: type) -> list[Any]:
        """The messages of a kind, in order."""
        return [message for _, _, message in self.heard if isinstance(message, kind)]

    def times(self, kind: type) -> list[int]:
        """When messages of a kind came (ns)."""
        return [at for at, _, message in self.heard if isinstance(message, kind)]

    @handles(AuthenticateMessage)
    def authenticate(self, sender: Address, message: AuthenticateMessage) -> None:
        self.heard.append((self.now, sender, message))
        if self.answers:
            self.spawn(self.authenticator.session(self.unique_name("crammd5-authenticator"), sender))

    @handles(RegisterSlaveMessage, ReregisterSlaveMessage)
    def register(self, sender: Address, message: RegisterSlaveMessage | ReregisterSlaveMessage) -> None:
        self.heard.append((self.now, sender, message))
        connection = MasterSlaveConnection(total_ping_timeout_seconds=75)
        if not self.answers:
            return
        if isinstance(message, ReregisterSlaveMessage):
            self.send(sender, SlaveReregisteredMessage(slave_id=str(message.slave.id), connection=connection))
        else:
            self.send(sender, SlaveRegisteredMessage(slave_id=self.next_id, connection=connection))

    @handles(StatusUpdateMessage)
    def update(self, sender: Address, message: StatusUpdateMessage) -> None:
        self.heard.append((self.now, sender, message))
        if self.acknowledges:
            self.acknowledge(sender, message)

    def acknowledge(self, agent: str, message: StatusUpdateMessage) -> None:
        update = message.update
        acknowledgement = StatusUpdateAcknowledgementMessage(
            slave_id=str(update.slave_id),
            framework_id=update.framework_id,
            task_id=update.status.task_id,
            uuid=str(update.uuid),
        )
        self.send(agent, acknowledgement)

    @handles(PongSlaveMessage, Record)
    def anything(self, sender: Address, message: Record) -> None:
        self.heard.append((self.now, sender, message))


class ToyExecutor:
    """Keeps the callbacks it got; runs or ends tasks when told to."""

    def __init__(self) -> None:
        self.driver: Any = None
        self.calls: list[tuple[Any, ...]] = []

    def registered(self, driver: Any, executor_info: Any, framework_info: Any, slave_info: Any) -> None:
        self.calls.append(("registered", executor_info.executor_id, slave_info.id))

    def reregistered(self, driver: Any, slave_info: Any) -> None:
        self.calls.append(("reregistered", slave_info.id))

    def launch_task(self, driver: Any, task: TaskInfo) -> None:
        self.calls.append(("launch_task", task.task_id))

    def kill_task(self, driver: Any, task_id: str) -> None:
        self.calls.append(("kill_task", task_id))

    def framework_message(self, driver: Any, data: Any) -> None:
        self.calls.append(("framework_message", data))

    def shutdown(self, driver: Any) -> None:
        self.calls.append(("shutdown",))


class Stage:
    """A world with one master and one agent on host ``a1``, not started yet."""

    def __init__(
        self,
        *,
        seed: int = 0,
        strategy: str = "prompt",
        version: str = "1.11",
        credential: Credential | None = DEFAULT_CREDENTIAL,
        secret: str = DEFAULT_CREDENTIAL.secret,
        executors: dict[str, Any] | None = None,
        **flags: Any,
    ) -> None:
        self.world = World(seed=seed, strategy=strategy)
        self.master = ToyMaster(secret)
        self.world.spawn(self.master, "m1")
        self.detector = StandaloneDetector(MASTER)
        self.containerizer = InProcessContainerizer(executors)
        self.version = version
        self.credential = credential
        self.flags = AgentFlags.of(flags)
        self.agent = self.new_agent()

    def new_agent(self, **changes: Any) -> Agent:
        """Another life of the agent."""
        arguments: dict[str, Any] = {
            "info": SlaveInfo(hostname="a1", resources=Resources.parse(self.flags.resources)),
            "flags": self.flags,
            "detector": self.detector,
            "credential": self.credential,
            "containerizer": self.containerizer,
            "behaviour": behaviour(self.version),
        }
        return Agent("slave(1)", **{**arguments, **changes})

    def start(self) -> Agent:
        """Spawn the agent and wait until it is registered."""
        self.spawn()
        self.world.wait(self.agent.registered_future)
        return self.agent

    def spawn(self) -> Agent:
        """Spawn the agent."""
        self.world.spawn(self.agent, "a1")
        return self.agent

    def reappoint(self, n: int = 1) -> None:
        """The same master is elected again."""
        self.detector.appoint(fresh_info(MASTER, n))

    def run(self, task: TaskInfo, framework: FrameworkInfo = FRAMEWORK, launch_executor: bool | None = None) -> None:
        """The master assigns a task."""
        message = RunTaskMessage(framework=framework, task=task, pid="scheduler@f1", launch_executor=launch_executor)
        self.post(message)

    def post(self, message: Record) -> None:
        """The master sends something."""
        self.world.post(message, to=self.agent.address, src=self.master.address)

    def states(self, task_id: str) -> list[str]:
        """The states of a task of which the master has heard."""
        updates = self.master.of(StatusUpdateMessage)
        return [str(m.update.status.state) for m in updates if m.update.status.task_id == task_id]


def command_task(command: str, task_id: str = "t1") -> TaskInfo:
    """A task for the built-in executor."""
    return TaskInfo(
        task_id=task_id, slave_id="M-S0", name="n", resources=Resources.parse("cpus:1;mem:64"), command=CommandInfo(value=command)
    )


def executor_task(task_id: str = "t1", executor_id: str = "default") -> TaskInfo:
    """A task for an executor of the test."""
    return TaskInfo(
        task_id=task_id,
        slave_id="M-S0",
        name="n",
        resources=Resources.parse("cpus:1;mem:64"),
        executor=ExecutorInfo(executor_id=executor_id),
    )
