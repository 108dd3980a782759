"""What a test holds: handles on a master, an agent, a framework. They read as snapshots and act through the roles.

A handle stays the same over restarts: it names everything that this master, agent or framework has been.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from harness.doubles.tasks import make_task
from harness.durations import DurationLike
from harness.errors import MisuseError
from harness.mesos.agent import Agent
from harness.mesos.flags import AgentFlags, MasterFlags
from harness.mesos.ids import FrameworkID, SlaveID
from harness.mesos.master import Master
from harness.mesos.messages import ExecutorInfo, FrameworkInfo, MasterInfo, Offer, SlaveInfo, Task, TaskInfo
from harness.mesos.messages.base import Record
from harness.mesos.scheduler import SchedulerDriver
from harness.mesos.states import AgentState, TaskState, is_terminal
from harness.operating import OperatorCalls
from harness.simulation import Address, Future, Process, Promise, World
from harness.snapshots import Counts, Snapshot

P = TypeVar("P", bound=Process)


class Handle(Generic[P]):
    """What all handles share: the processes of one role, one after the other, on one host.

    Args:
        world: where they live.
        host: the host they run on.
        title: the word for it in reports, such as ``agent1``.
    """

    def __init__(self, world: World, host: str, title: str) -> None:
        self._world = world
        self._host = host
        self._title = title
        self._process: P | None = None
        # Creation paths of all its lives: what rules on messages mean by this handle.
        self._roots: dict[str, None] = {}
        self._pids: dict[str, None] = {}

    @property
    def pid(self) -> Address:
        """Its address, also when it has ended.

        Raises:
            MisuseError: it was never started.
        """
        if self._process is None:
            raise MisuseError(f"{self._title} has no pid yet; start() it first")
        return self._process.address

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.alive

    def _spawned(self, process: P) -> P:
        self._process = process
        self._roots[process.root] = None
        self._pids[process.address] = None
        return process

    def _running(self, what: str) -> P:
        process = self._process
        if process is None or not process.alive:
            state = "was never started" if process is None else "has ended"
            raise MisuseError(f"{what}: {self._title} {state}; start() or restart() it first")
        return process

    def _ids(self) -> Mapping[str, Any]:
        raise NotImplementedError

    def _refers_to(self, value: Any) -> bool:
        """Whether an id, a pid or a record speaks of this handle; what an expectation that is given a handle asks."""
        if isinstance(value, str):
            return value in self._pids or value in self._ids()
        return False

    def __str__(self) -> str:
        return self._title

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._title}{'' if self.running else ' (not running)'}>"


class RegisteredAgent(Record, frozen=True, kw_only=True):
    """An agent as its master knows it."""

    id: str
    pid: str
    hostname: str
    info: SlaveInfo
    connected: bool
    active: bool


class RegisteredFramework(Record, frozen=True, kw_only=True):
    """A framework as its master knows it; ``state`` is CONNECTED, DISCONNECTED or RECOVERED."""

    id: str
    pid: str | None
    name: str
    info: FrameworkInfo
    state: str
    active: bool
    suppressed_roles: tuple[str, ...]


class MasterHandle(Handle[Master], OperatorCalls):
    """A master; ``start`` makes and spawns its process. What operators ask of it: :class:`~harness.operating.OperatorCalls`."""

    def __init__(
        self, world: World, host: str, start: Callable[[MasterHandle, Mapping[str, Any]], Master], allocator: Any
    ) -> None:
        super().__init__(world, host, host)
        self._start = start
        self._allocator = allocator

    @property
    def allocator(self) -> Any:
        """The allocator of its present life."""
        return self._allocator

    @property
    def id(self) -> str:
        """The id of its present life, a uuid."""
        return self._master.info.id

    @property
    def info(self) -> MasterInfo:
        """How it presents itself."""
        return self._master.info

    @property
    def flags(self) -> MasterFlags:
        """The flags of its present life."""
        return self._master.flags

    @property
    def elected(self) -> bool:
        """Whether it leads."""
        return self.running and self._master.elected

    @property
    def agents(self) -> Mapping[str, RegisteredAgent]:
        """The registered agents by id."""
        return Snapshot(
            (
                SlaveID(a.id),
                RegisteredAgent(
                    id=SlaveID(a.id), pid=a.pid, hostname=a.info.hostname, info=a.info, connected=a.connected, active=a.active
                ),
            )
            for a in self._master.agents.values()
        )

    @property
    def frameworks(self) -> Mapping[str, RegisteredFramework]:
        """The registered frameworks by id."""
        return Snapshot(
            (
                FrameworkID(f.id),
                RegisteredFramework(
                    id=FrameworkID(f.id),
                    pid=f.pid,
                    name=f.info.name,
                    info=f.info,
                    state=str(f.state),
                    active=f.active,
                    suppressed_roles=tuple(f.suppressed_roles),
                ),
            )
            for f in self._master.frameworks.values()
        )

    @property
    def offers(self) -> Mapping[str, Offer]:
        """The outstanding offers by id."""
        return Snapshot(self._master.offers)

    @property
    def tasks(self) -> Mapping[str, Task]:
        """The tasks that it counts as launched, by id."""
        return Snapshot(self._master.tasks)

    @property
    def registry(self) -> Any:
        """A copy of what is stored: admitted, unreachable and gone agents."""
        return self._master.registrar.registry

    @property
    def metrics(self) -> Mapping[str, float]:
        """Counters and gauges of master and allocator by Mesos's full names; a counter that was never hit reads 0."""
        found = self._master.metrics
        allocator = getattr(getattr(self.allocator, "real", self.allocator), "metrics", None)
        if isinstance(allocator, Mapping):
            found.update(allocator)
        return Counts(found)

    def terminate(self) -> None:
        """End its process at once, as a crash; what it holds in memory is lost."""
        self._world.terminate(self._running("terminate").address)

    shutdown = terminate

    def restart(self, **overrides: Any) -> None:
        """Start it again on the same address, after :meth:`terminate`; an in-memory registry starts empty.

        Args:
            overrides: flags to change.
        """
        if self.running:
            raise MisuseError(f"restart: {self._title} is running; terminate() it first")
        self._start(self, overrides)

    @property
    def _master(self) -> Master:
        if self._process is None:
            raise MisuseError(f"{self._title} was never started")
        return self._process

    def _ids(self) -> Mapping[str, Any]:
        return {self.id: None} if self._process is not None else {}


class AgentHandle(Handle[Agent]):
    """An agent; ``start`` makes and spawns a new life of it."""

    def __init__(
        self,
        world: World,
        hostname: str,
        launch: Callable[[AgentHandle, bool, Mapping[str, Any]], Agent],
        known_ids: Callable[[AgentHandle], Mapping[str, Any]],
        containerizer: Any,
    ) -> None:
        super().__init__(world, hostname, hostname)
        self._launch = launch
        self._known_ids = known_ids
        self._containerizer = containerizer
        self._registered: Promise[SlaveID] = Promise(f"registration of {hostname}")
        self._recovery_hold: Promise[None] | None = None
        self._boots = 1

    @property
    def hostname(self) -> str:
        """The host it runs on."""
        return self._host

    @property
    def id(self) -> SlaveID | None:
        """The id that a master gave it; None before."""
        return self._process.id if self._process is not None else None

    @property
    def registered(self) -> Future[SlaveID]:
        """Ready, with the id, when a master has (re)registered the present life of the agent."""
        return self._registered.future

    @property
    def state(self) -> AgentState | None:
        """RECOVERING, DISCONNECTED, RUNNING or TERMINATING; None before the start."""
        return self._process.state if self._process is not None else None

    @property
    def flags(self) -> AgentFlags | None:
        """The flags of its present life; None before the start."""
        return self._process.flags if self._process is not None else None

    @property
    def frameworks(self) -> Mapping[str, FrameworkInfo]:
        """What it knows of frameworks, by id."""
        return Snapshot(self._process.frameworks if self._process is not None else {})

    @property
    def executors(self) -> Mapping[str, ExecutorInfo]:
        """What it knows of executors, by id."""
        return Snapshot(self._process.executors if self._process is not None else {})

    @property
    def tasks(self) -> Mapping[str, Task]:
        """What it knows of tasks, by id."""
        return Snapshot(self._process.tasks if self._process is not None else {})

    def start(self) -> None:
        """Start it for the first time."""
        if self._process is not None:
            raise MisuseError(f"start: {self._title} was started already; after its end use restart()")
        self._begin(True, {})

    def restart(self, same_pid: bool = True, **overrides: Any) -> None:
        """Start it again after :meth:`terminate` or :meth:`shutdown`, on the same work_dir.

        Args:
            same_pid: keep the address; else it gets the next one of its host.
            overrides: flags to change, and ``resources`` or ``attributes``.
        """
        if self._process is None:
            raise MisuseError(f"restart: {self._title} was never started; use start()")
        if self.running:
            raise MisuseError(f"restart: {self._title} is running; terminate() or shutdown() it first")
        self._registered = Promise(f"registration of {self.hostname}")
        self._begin(same_pid, overrides)

    def _begin(self, same_pid: bool, overrides: Mapping[str, Any]) -> None:
        process = self._launch(self, same_pid, overrides)
        process.boot_id = self._world.uuid(f"{self.hostname} boot {self._boots}")
        process.recovery_hold = self._recovery_hold
        self._registered.associate(process.registered_future)

    def terminate(self) -> None:
        """End its process at once, as a crash: nothing is cleaned up, messages on their way stay on their way."""
        self._world.terminate(self._running("terminate").address)

    def shutdown(self) -> None:
        """Ask it to end gracefully: it unregisters, shuts its executors down and ends; run the cluster to let it."""
        process = self._running("shutdown")
        process.dispatch(process.address, "shutdown")

    def reboot(self) -> None:
        """Let the power of its host fail: agent and executors end without a word, what was not synced to disk is lost.

        The host comes back with another boot id; the agent only by :meth:`restart`.
        """
        if self.running:
            self._running("reboot").power_off()
        self._containerizer.power_off()
        self._world.disk(self.hostname).lose_unsynced()
        self._boots += 1

    def hang_recovery(self) -> None:
        """Let recovery hang, of the present life if it still recovers and of those to come, until :meth:`release_recovery`.

        An agent that hangs answers pings but does not look for a master.
        """
        if self._recovery_hold is None:
            self._recovery_hold = Promise(f"recovery of {self.hostname}")
        if self._process is not None:
            self._process.recovery_hold = self._recovery_hold

    def release_recovery(self) -> None:
        """Let a recovery that hangs go on; without one nothing happens."""
        hold, self._recovery_hold = self._recovery_hold, None
        if hold is not None:
            hold.set(None)

    def destroy_container(self, executor_id: str) -> Future[Any]:
        """End the container of an executor, as an operator's kill would; ready when it has ended.

        Raises:
            MisuseError: the agent runs no such executor.
        """
        for container_id, container in self._containerizer.containers.items():
            if container.environment.executor_id == executor_id:
                done: Future[Any] = self._containerizer.destroy(container_id)
                return done
        known = ", ".join(sorted(c.environment.executor_id for c in self._containerizer.containers.values())) or "none"
        raise MisuseError(f"destroy_container({executor_id!r}): {self._title} runs no such executor; it runs: {known}")

    def _ids(self) -> Mapping[str, Any]:
        return self._known_ids(self)

    def _refers_to(self, value: Any) -> bool:
        if isinstance(value, SlaveInfo):
            return value.hostname == self.hostname
        if isinstance(value, str):
            return value == self.hostname or super()._refers_to(value)
        slave_id = getattr(value, "slave_id", None)
        if slave_id is not None:
            return self._refers_to(slave_id)
        info = getattr(value, "slave", None)
        return isinstance(info, SlaveInfo) and self._refers_to(info)


class FrameworkHandle(Handle[Any]):
    """A framework: its scheduler and the driver in between. A failover makes a handle of its own for the new scheduler."""

    def __init__(
        self, world: World, host: str, driver: SchedulerDriver, fail_over: Callable[[FrameworkHandle, Any], FrameworkHandle]
    ) -> None:
        super().__init__(world, host, host)
        self._driver = driver
        self._fail_over = fail_over

    @property
    def driver(self) -> SchedulerDriver:
        """The driver between scheduler and master."""
        return self._driver

    @property
    def id(self) -> FrameworkID | None:
        """The id that a master gave it; None before."""
        return self.driver.framework_id

    @property
    def registered(self) -> Future[FrameworkID]:
        """Ready, with the id, when a master has (re)registered it for the first time."""
        return self.driver.registered_future

    @property
    def scheduler(self) -> Any:
        """The object that gets the callbacks."""
        return self.driver.scheduler

    @property
    def info(self) -> FrameworkInfo:
        """How it describes itself, with its id once there is one."""
        return self.driver.info

    @property
    def offers(self) -> list[Offer]:
        """The offers that it holds now, oldest first."""
        return list(self.driver.offers.values())

    @property
    def tasks(self) -> Mapping[str, Task]:
        """Its tasks as the leading master knows them, by id."""
        return Snapshot((task_id, task) for task_id, task in self._tasks_of_leader().items() if task.framework_id == self.id)

    _tasks_of_leader: Callable[[], Mapping[str, Task]]

    def start(self) -> None:
        """Start the driver."""
        self.driver.start()
        self._spawned(self.driver.process)

    def stop(self, failover: bool = False) -> None:
        """Stop the driver: no more callbacks; the framework is torn down unless ``failover``."""
        self.driver.stop(failover)

    def abort(self) -> None:
        """Abort the driver: no more callbacks; the framework stays at the master, inactive."""
        self.driver.abort()

    def fail_over(self, scheduler: Any = None) -> FrameworkHandle:
        """Start another scheduler with this framework's id; it takes over, and the old one is told so.

        Returns:
            The handle of the new scheduler.
        """
        return self._fail_over(self, scheduler)

    def next_offers(self) -> Future[tuple[Offer, ...]]:
        """The next offers that arrive; ready after the scheduler's callback."""
        return self.driver.next_offers()

    def run_task(self, offer: Offer, resources: Any = None, *, timeout: DurationLike = "15secs", **arguments: Any) -> TaskInfo:
        """Launch a task on ``offer`` and return when its TASK_RUNNING has been acknowledged at the agent.

        Args:
            offer: where; what the task leaves over is declined for 5 s.
            resources: what it takes; by default all that is offered.
            timeout: virtual time to give it.
            arguments: as for ``make_task``.
        """
        task = make_task(offer, resources, **arguments)
        agent = self._agent_of(offer.slave_id)
        self.driver.launch_tasks([offer.id], [task])
        self._world.wait(lambda: _acknowledged(self._world, agent, task.task_id), timeout)
        return task

    _agent_of: Callable[[str], AgentHandle]

    def _ids(self) -> Mapping[str, Any]:
        return {self.id: None} if self.id is not None else {}

    def _refers_to(self, value: Any) -> bool:
        if isinstance(value, FrameworkInfo):
            return value.id is not None and value.id == self.id
        framework_id = getattr(value, "framework_id", None)
        return super()._refers_to(value if framework_id is None else framework_id)


def _acknowledged(world: World, agent: AgentHandle, task_id: str) -> bool:
    """Whether TASK_RUNNING is behind the agent; a short command may have ended by then."""
    task = agent.tasks.get(task_id)
    if task is None or task.status_update_state is None or agent._process is None:
        return False
    if is_terminal(task.status_update_state):
        # Updates are forwarded one at a time.
        return any(status.state == TaskState.TASK_RUNNING for status in task.statuses)
    manager = world.process(agent._process.update_manager)
    stream = manager.streams.get((task.framework_id, task_id)) if manager is not None else None
    running = task.status_update_state == TaskState.TASK_RUNNING
    return running and stream is not None and all(is_terminal(update.status.state) for update in stream.pending)
