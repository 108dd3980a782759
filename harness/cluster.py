"""A whole cluster on one world: assembly of the roles, and the end of a run. The one file that knows all roles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any

import msgspec

from harness.appointments import Appointments
from harness.descriptions import DEFAULT, DRIVER_OPTIONS, attributes_of, credential_of, framework_of, resources_of
from harness.disks import Disks
from harness.doubles import MockScheduler
from harness.durations import DurationLike, as_duration
from harness.errors import HarnessError, MisuseError
from harness.handles import AgentHandle, FrameworkHandle, MasterHandle
from harness.lives import AgentLives, executors_by_id
from harness.mesos.allocator import Allocator, HierarchicalAllocator
from harness.mesos.authorizer import PermissiveAuthorizer
from harness.mesos.containerizer import InProcessContainerizer
from harness.mesos.flags import DEFAULT_CREDENTIAL, DEFAULT_RESOURCES, AgentFlags, MasterFlags
from harness.mesos.limiter import RateLimiter
from harness.mesos.master import Master
from harness.mesos.messages import Credential, FrameworkInfo, MasterInfo
from harness.mesos.registrar import Registrar, RegistryStorage
from harness.mesos.resources import Resources
from harness.mesos.scheduler import SchedulerDriver
from harness.mesos.versions import LATEST, behaviour
from harness.properties import Always, Eventually, LeadsTo
from harness.report.log import Log
from harness.simulation import Choice, Choices, Clock, Limits, Messages, Network, Strategy, Trace, World


class Cluster:
    """Masters, agents and frameworks in one process on a virtual clock.

    Args:
        seed: with the strategy it decides every chance of the run.
        strategy: see :class:`~harness.simulation.World`.
        replay: recorded choices to follow.
        mesos_version: the release to behave as, ``"1.0"`` to ``"1.11"``.
        limits: when to give up.
        world: the world to live in, made by somebody else; then seed, strategy, replay and limits are that world's.

    Leaving it as a context manager shuts it down.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        strategy: str | Strategy = "random",
        replay: Iterable[Choice] | None = None,
        mesos_version: str = LATEST,
        limits: Limits | None = None,
        world: World | None = None,
    ) -> None:
        self.behaviour = behaviour(mesos_version)
        self.world = world if world is not None else World(seed, strategy, replay=replay, limits=limits)
        self.detector = Appointments()
        self._masters: list[MasterHandle] = []
        self._agents: list[AgentHandle] = []
        self._frameworks: list[FrameworkHandle] = []
        # The replicated log: survives masters, as their in-memory registries do not.
        self._log_storage = RegistryStorage()
        self._log = Log(self.world)
        self._ended = False

    # -- what the world has -----------------------------------------------------------------------------------------

    @property
    def seed(self) -> int:
        """The seed of the run."""
        return self.world.seed

    @property
    def clock(self) -> Clock:
        """The virtual clock."""
        return self.world.clock

    @property
    def network(self) -> Network:
        """Latencies, partitions and other conditions between hosts."""
        return self.world.network

    @property
    def messages(self) -> Messages:
        """Rules on messages, dispatches and exited events."""
        return self.world.messages

    @property
    def choices(self) -> Choices:
        """Every chance of the run so far."""
        return self.world.choices

    @property
    def trace(self) -> Trace:
        """Everything that has happened so far."""
        return self.world.trace

    @property
    def digest(self) -> str:
        """A text that is equal for two runs exactly when their traces are."""
        return self.world.digest

    @property
    def log(self) -> Log:
        """What masters, agents and drivers wrote into their logs: lines in the manner of glog, on virtual time."""
        return self._log

    @property
    def disk(self) -> Disks:
        """The disks of the agents' hosts: let writes fail, lose what was not synced, corrupt a file."""
        return Disks(self.world)

    # -- masters ----------------------------------------------------------------------------------------------------

    def start_master(
        self,
        *,
        allocator: Any = None,
        registrar: Any = None,
        authorizer: Any = None,
        removal_limiter: Any = None,
        flags: Mapping[str, Any] | MasterFlags | None = None,
        **flag_overrides: Any,
    ) -> MasterHandle:
        """Start a master; returns when it is elected and recovered. No virtual time passes.

        The first master, and any that starts while nobody leads, is appointed leader for everyone.

        Args:
            allocator: any :class:`Allocator`; by default a new :class:`HierarchicalAllocator`.
            registrar: by default one over the storage that the flag ``registry`` names.
            authorizer: by default everything is allowed.
            removal_limiter: by default what the flag ``agent_removal_rate_limit`` says.
            flags: a set of flags or a mapping.
            flag_overrides: single flags, by Mesos's names.

        Raises:
            FlagError: an unknown flag, or a value of the wrong type or out of its range.
        """
        self._must_live("start_master")
        checked = MasterFlags.of(flags, **flag_overrides)
        if allocator is not None and not isinstance(allocator, Allocator):
            raise MisuseError(f"allocator={allocator!r}: wanted an instance of harness.Allocator, such as MockAllocator()")
        given = {"allocator": allocator, "registrar": registrar, "authorizer": authorizer, "removal_limiter": removal_limiter}
        for double in given.values():
            if hasattr(double, "attach"):
                double.attach(self.world)
        n = len(self._masters) + 1
        host = "master" if n == 1 else f"master{n}"

        def start(handle: MasterHandle, overrides: Mapping[str, Any]) -> Master:
            return self._launch_master(handle, MasterFlags.of(checked, **overrides), given)

        handle = MasterHandle(self.world, host, start, allocator)
        self._masters.append(handle)
        start(handle, {})
        return handle

    def _launch_master(self, handle: MasterHandle, flags: MasterFlags, given: Mapping[str, Any]) -> Master:
        world = self.world
        pid = f"master@{handle._host}"
        life = len(handle._roots) + 1
        info = MasterInfo(
            id=world.uuid(f"{pid} {life}"),
            pid=pid,
            hostname=handle._host,
            port=flags.port,
            version=self.behaviour.version,
        )
        # Collaborators that a test gave serve every life of this master; built ones are new each time.
        handle._allocator = (
            given["allocator"]
            if given["allocator"] is not None
            else HierarchicalAllocator(flags.role_sorter, framework_sorter=flags.framework_sorter)
        )
        storage = self._log_storage if flags.registry == "durable" else RegistryStorage()
        limiter = given["removal_limiter"]
        if limiter is None and flags.agent_removal_rate_limit is not None:
            limiter = RateLimiter.parse(flags.agent_removal_rate_limit)
        leads = self.detector.leader is None or self.detector.leader is handle
        detector = self.detector.new_detector_of_master(handle)
        master = Master(
            "master",
            flags=flags,
            allocator=handle.allocator,
            registrar=given["registrar"] if given["registrar"] is not None else Registrar(storage),
            authorizer=given["authorizer"] if given["authorizer"] is not None else PermissiveAuthorizer(),
            removal_limiter=limiter,
            detector=detector,
            behaviour=self.behaviour,
            info=info,
        )
        world.spawn(master, handle._host)
        handle._spawned(master)
        if leads:
            self.detector.elect(handle)
        world.settle_until(lambda: master.recovered.done)
        if leads:
            self.detector.announce()
        return master

    def fail_over_master(self, **overrides: Any) -> MasterHandle:
        """Terminate the leader, start a new master and appoint it; takes every argument of :meth:`start_master`.

        The new master works on the same registry when that is durable, on an empty one when it is in memory. Flags of the
        old leader hold unless overridden.
        """
        leader = self._leader("fail_over_master")
        flags = overrides.pop("flags", None)
        if leader.running:
            leader.terminate()
        self.detector.forget_leader()
        return self.start_master(flags=flags if flags is not None else leader.flags, **overrides)

    def _leader(self, what: str) -> MasterHandle:
        leader = self.detector.leader
        if leader is None:
            raise MisuseError(f"{what}: no master leads; start_master() first")
        return leader

    # -- agents -----------------------------------------------------------------------------------------------------

    def start_agent(
        self,
        resources: str | Resources = DEFAULT_RESOURCES,
        *,
        hostname: str | None = None,
        executors: Iterable[Any] = (),
        attributes: str = "",
        credential: Credential | None = DEFAULT,
        detector: Any = None,
        flags: Mapping[str, Any] | AgentFlags | None = None,
        start: bool = True,
        **flag_overrides: Any,
    ) -> AgentHandle:
        """Make an agent and start it; nothing of it runs before the cluster is driven.

        Args:
            resources: in Mesos's notation.
            hostname: its host; by default ``agent1``, ``agent2``, ...
            executors: executors that run in process when a task names their id.
            attributes: ``name:value;name:value``.
            credential: None registers without authentication.
            detector: by default told by ``cluster.detector``.
            flags: a set of flags or a mapping.
            start: False gives a handle to expect things of; call its ``start()`` later.
            flag_overrides: single flags, by Mesos's names.
        """
        self._must_live("start_agent")
        world = self.world
        checked = AgentFlags.of(flags, **flag_overrides)
        if resources == DEFAULT_RESOURCES and checked.resources != DEFAULT_RESOURCES:
            resources = checked.resources
        host = hostname or checked.hostname or f"agent{len(self._agents) + 1}"
        containerizer = InProcessContainerizer(executors_by_id(executors, world))
        lives = AgentLives(
            world,
            host,
            resources=resources_of(resources),
            attributes=attributes_of(attributes or checked.attributes),
            flags=checked,
            detector_of=self.detector.detector_of if detector is None else lambda _handle: detector,
            credential=credential_of(credential, DEFAULT_CREDENTIAL.principal),
            containerizer=containerizer,
            behaviour=self.behaviour,
        )
        handle = AgentHandle(world, host, lives.begin, self._ids_of_agent, containerizer)
        self._agents.append(handle)
        if start:
            handle.start()
        return handle

    def _ids_of_agent(self, handle: AgentHandle) -> dict[str, None]:
        """Every id that any master has given to this agent, also those that never reached it."""
        ids: dict[str, None] = {} if handle.id is None else {handle.id: None}
        for master in self._masters:
            if master._process is not None:
                for slave_id, pid in master._process.slaves.admitted.items():
                    if pid in handle._pids:
                        ids[slave_id] = None
        return ids

    # -- frameworks -------------------------------------------------------------------------------------------------

    def start_framework(
        self,
        scheduler: Any = None,
        *,
        name: str = "default",
        roles: Iterable[str] = ("*",),
        checkpoint: bool = False,
        failover_timeout: DurationLike = 0,
        partition_aware: bool = False,
        capabilities: Iterable[str] = (),
        framework_id: str | None = None,
        principal: str | None = "test-principal",
        credential: Credential | None = DEFAULT,
        start: bool = True,
        **info: Any,
    ) -> FrameworkHandle:
        """Make a framework and start its driver; nothing of it runs before the cluster is driven.

        Args:
            scheduler: any object with scheduler callbacks; by default a new :class:`MockScheduler`.
            name: its name.
            roles: the roles it wants offers for.
            checkpoint: whether its tasks survive a restart of the agent.
            failover_timeout: how long the master keeps it while it is disconnected.
            partition_aware: adds the capability PARTITION_AWARE.
            capabilities: further ones; MULTI_ROLE and RESERVATION_REFINEMENT are always there, as in Mesos's own tests.
            framework_id: to take over from an earlier scheduler.
            principal: in its description; also whose credential it uses, unless one is given.
            credential: None subscribes without authentication.
            start: False gives a handle to expect things of; call its ``start()`` later.
            info: further fields of ``FrameworkInfo`` (user, webui_url, labels, ...), or ``implicit_acknowledgements=False``.
        """
        self._must_live("start_framework")
        options = {option: info.pop(option) for option in DRIVER_OPTIONS if option in info}
        described = framework_of(
            roles=roles,
            failover_timeout=failover_timeout,
            partition_aware=partition_aware,
            capabilities=capabilities,
            framework_id=framework_id,
            more={"name": name, "checkpoint": checkpoint, "principal": principal, **info},
        )
        credential = credential_of(credential, principal)
        return self._start_framework(scheduler, described, credential, options, start)

    def _start_framework(
        self, scheduler: Any, info: FrameworkInfo, credential: Credential | None, options: Mapping[str, Any], start: bool
    ) -> FrameworkHandle:
        world = self.world
        if scheduler is None:
            scheduler = MockScheduler()
        if hasattr(scheduler, "attach"):
            scheduler.attach(world)
        host = f"framework{len(self._frameworks) + 1}"

        def fail_over(old: FrameworkHandle, new_scheduler: Any) -> FrameworkHandle:
            if old.id is None:
                raise MisuseError(f"fail_over: {old} has no id yet; wait for {old}.registered first")
            return self._start_framework(new_scheduler, msgspec.structs.replace(info, id=old.id), credential, options, True)

        appointed = self.detector.new_detector()
        driver = SchedulerDriver(
            world,
            f"scheduler-{world.uuid(host)}",
            host,
            scheduler=scheduler,
            info=info,
            detector=appointed,
            credential=credential,
            behaviour=self.behaviour,
            **options,
        )
        handle = FrameworkHandle(world, host, driver, fail_over)
        handle._agent_of = self._agent_of
        handle._tasks_of_leader = self._tasks_of_leader
        self.detector.adopt(handle, appointed)
        self._frameworks.append(handle)
        if start:
            handle.start()
        return handle

    def _agent_of(self, slave_id: str) -> AgentHandle:
        for handle in self._agents:
            if slave_id in self._ids_of_agent(handle):
                return handle
        raise MisuseError(f"no agent of this cluster has the id {slave_id}")

    def _tasks_of_leader(self) -> Mapping[str, Any]:
        leader = self.detector.leader
        return leader.tasks if leader is not None else {}

    # -- driving ----------------------------------------------------------------------------------------------------

    def wait(self, x: Any, timeout: DurationLike = "15secs") -> Any:
        """Run until ``x`` (a Future, an expectation, a message rule, a predicate) has happened; returns its value.

        Raises:
            DeadlockError: it cannot happen any more; at once.
            WaitTimeout: ``timeout`` of virtual time has passed.
        """
        return self.world.wait(x, timeout)

    def settle(self) -> int:
        """Deliver everything in flight and what follows, without moving time; the number of steps."""
        return self.world.settle()

    def run_for(self, duration: DurationLike) -> None:
        """Let the running clock run for ``duration``."""
        self.world.run_for(duration)

    def run_until_idle(self) -> None:
        """Run until only recurring timers are left: pings and batch allocations."""
        self.world.run_until_idle()

    # -- properties -------------------------------------------------------------------------------------------------

    def always(self, name: str, predicate: Callable[[], bool]) -> None:
        """``predicate()`` holds after every event, to the end of the run; else :class:`InvariantError` at that event."""
        self.world.watch(Always(self.world, name, predicate))

    def eventually(self, name: str, predicate: Callable[[], bool], within: DurationLike) -> None:
        """``predicate()`` holds at some event within this span of virtual time from now."""
        self.world.watch(Eventually(self.world, name, predicate, as_duration(within, "within")))

    def leads_to(self, name: str, p: Callable[[], bool], q: Callable[[], bool], within: DurationLike) -> None:
        """Whenever ``p()`` begins to hold, ``q()`` holds within this span of virtual time."""
        self.world.watch(LeadsTo(self.world, name, p, q, as_duration(within, "within")))

    # -- the end ----------------------------------------------------------------------------------------------------

    def shutdown(self) -> None:
        """End the run in the order in which tests end, then verify expectations and properties. Idempotent.

        Frameworks stop first and hear nothing any more; agents end as by ``terminate()``; what is in flight is delivered while
        the masters still live, late retries included; then the masters end.

        Raises:
            ExpectationError, InvariantError: something was not as declared; further findings are notes of the first.
        """
        if self._ended:
            return
        self.trace.end(aborted=False)
        self._end()
        self.world.finish()

    def abandon(self) -> list[str]:
        """End a run whose test has failed already: its findings as texts, raising nothing."""
        if self._ended:
            return []
        self.trace.end(aborted=True)
        try:
            self._end()
        except HarnessError as error:
            return [f"while shutting down: {error}", *self.world.abandon()]
        return self.world.abandon()

    def _must_live(self, what: str) -> None:
        if self._ended:
            raise MisuseError(
                f"{what}: this cluster has been shut down, as at the end of its test; nothing verifies what it would do now:"
                " take the fixture 'cluster' as a parameter, or make another Cluster()"
            )

    def _end(self) -> None:
        self._ended = True
        for framework in self._frameworks:
            framework.driver.stop()
        for agent in self._agents:
            if agent.running:
                agent.terminate()
        self.world.settle()
        for master in self._masters:
            if master.running:
                master.terminate()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None:
            self.shutdown()
            return
        for finding in self.abandon():
            error.add_note(finding)

    def __repr__(self) -> str:
        return f"<Cluster seed={self.seed} strategy={self.world.strategy} Mesos {self.behaviour.version} at {self.clock.elapsed}>"
