"""How an agent finds its master and makes itself known: detection, authentication, registration, pings.

The retry of :meth:`Registration.do_reliable_registration` has no lower bound: two requests may leave within a millisecond.
Source: Mesos ``src/slave/slave.cpp``.
"""

from __future__ import annotations

from harness.durations import Duration
from harness.mesos.agent.draining import Draining
from harness.mesos.authentication import CRAMMD5Authenticatee
from harness.mesos.ids import SlaveID
from harness.mesos.messages import (
    MasterInfo,
    MasterSlaveConnection,
    PongSlaveMessage,
    ReconcileTasksMessage,
    RegisterSlaveMessage,
    ReregisterSlaveMessage,
    UpdateSlaveMessage,
)
from harness.mesos.states import AgentCapability, AgentState, ExecutorState, StatusReason, TaskState
from harness.simulation import Address, Future, Timer

REGISTER_RETRY_MAX = Duration.parse("1mins").ns
AUTHENTICATION_RETRY_MAX = Duration.parse("1mins").ns
DEFAULT_MASTER_PING_TIMEOUT = Duration.parse("75secs").ns
_CAPABILITIES = tuple(AgentCapability)
_OLD_CAPABILITIES = tuple(c for c in AgentCapability if c is not AgentCapability.RESOURCE_PROVIDER)


class Registration(Draining):
    """The concern of registration."""

    detection: Future[MasterInfo | None] | None = None
    authenticating: Future[bool] | None = None
    authenticated = False
    reauthenticate = False
    failed_authentications = 0
    authentication_timer: Timer | None = None
    registration_timer: Timer | None = None
    ping_timer: Timer | None = None
    master_ping_timeout = DEFAULT_MASTER_PING_TIMEOUT

    # --- detection

    def _detect(self, previous: MasterInfo | None) -> None:
        self.detection = self.detector.detect(previous)
        self.detection.on_any(self.defer("detected"))

    def detected(self, detection: Future[MasterInfo | None]) -> None:
        """The leader changed, or somebody asked to look again (then the detection was discarded)."""
        if detection.failed:
            self._crash("Failed to detect a master: {}", detection.error)
            return
        if self.state is not AgentState.TERMINATING:
            self._move(AgentState.DISCONNECTED)
        self._tell(self.update_manager, "pause")
        leader = detection.get() if detection.ready else None
        if leader is None:
            self.note("Re-detecting master" if detection.discarded else "Lost leading master")
            self.master = None
        else:
            self.note("New master detected at {}", leader.pid)
            self.master = Address(leader.pid)
            if self.behaviour.cancels_registration_retry:
                self._cancel_registration_timer()
            if self.state is AgentState.TERMINATING:
                self.note("Skipping registration because agent is terminating")
                return
            self._start_registration()
        self._detect(leader)

    def _start_registration(self) -> None:
        """Begin after a random delay, so that a new master is not overrun. Nothing cancels this delay."""
        flags = self.flags
        factor = flags.registration_backoff_factor
        if self.credential is None:
            self.backoff("0ns", factor, self.do_reliable_registration, 2 * factor.ns)
        elif not self.behaviour.delay_before_authentication:
            self.authenticate(*self._first_authentication_range())
        else:
            self.backoff("0ns", factor, self.authenticate, *self._first_authentication_range())

    def redetect(self) -> None:
        """Look for the leader again; if there is one still, this registers again."""
        if self.detection is not None:
            self.detection.discard()

    # --- authentication

    def _first_authentication_range(self) -> tuple[int, int]:
        flags = self.flags
        low = flags.authentication_timeout_min.ns
        if not self.behaviour.growing_authentication_timeout:
            return low, low
        high = low + 2 * flags.authentication_backoff_factor.ns
        return low, max(low, min(high, flags.authentication_timeout_max.ns))

    def authenticate(self, low: int, high: int) -> None:
        """Try to authenticate; the time given to the attempt is drawn from ``[low, high]`` nanoseconds."""
        self.authenticated = False
        if self.master is None:
            return
        if self.authenticating is not None:
            # The attempt that is under way ends first; `_authenticate` goes on from there.
            self.authenticating.discard()
            self.reauthenticate = True
            return
        assert self.credential is not None
        self.note("Authenticating with master {}", self.master)
        self.link(self.master)
        name = self.unique_name("crammd5-authenticatee")
        authenticatee = CRAMMD5Authenticatee(name, self.address, self.master, self.credential)
        self.spawn(authenticatee)
        attempt = self.authenticating = authenticatee.authenticate()
        timer = self.backoff(Duration(low), Duration(high), self.authentication_timeout, attempt)
        self.authentication_timer = timer
        attempt.on_any(self.defer("_authenticate", low, high))

    def authentication_timeout(self, attempt: Future[bool]) -> None:
        """The attempt had its time."""
        if attempt.discard():
            self.note("Authentication timed out")

    def _authenticate(self, low: int, high: int, attempt: Future[bool]) -> None:
        if self.authentication_timer is not None:
            self.authentication_timer.cancel()
        self.authenticating = None
        again, self.reauthenticate = self.reauthenticate, False
        if self.master is None:
            self.note("Lost master while authenticating")
        elif again or not attempt.ready:
            why = "master changed" if again else attempt.error or "future discarded"
            self.note("Failed to authenticate with master {}: {}", self.master, why)
            self._authenticate_again(low, high)
        elif not attempt.get():
            self._crash("Master {} refused authentication", self.master)
        else:
            self.note("Successfully authenticated with master {}", self.master)
            self.authenticated = True
            self.failed_authentications = 0
            self.do_reliable_registration(2 * self.flags.registration_backoff_factor.ns)

    def _authenticate_again(self, low: int, high: int) -> None:
        if self.behaviour.growing_authentication_timeout:
            # The timeout itself is the pacing.
            self.authenticate(low, max(low, min(low + 2 * (high - low), self.flags.authentication_timeout_max.ns)))
            return
        self.failed_authentications += 1
        pause = self.flags.authentication_backoff_factor.ns * 2 ** min(self.failed_authentications, 16)
        self.backoff("0ns", Duration(min(pause, AUTHENTICATION_RETRY_MAX)), self.authenticate, low, high)

    # --- registration

    def do_reliable_registration(self, max_backoff: int) -> None:
        """Send a registration and come back after a random part of ``max_backoff`` nanoseconds, until it has worked."""
        if (
            self.master is None
            or (self.credential is not None and not self.authenticated)
            or self.state in (AgentState.RUNNING, AgentState.TERMINATING)
        ):
            return
        self.link(self.master)
        self.send(self.master, self._registration())
        max_backoff = min(max_backoff, REGISTER_RETRY_MAX)
        delay = self.backoff("0ns", Duration(max_backoff), self.do_reliable_registration, 2 * max_backoff)
        self.registration_timer = delay
        self.note("Sent a registration; will retry in {} if necessary", Duration(delay.due_ns - self.now))

    def _registration(self) -> RegisterSlaveMessage | ReregisterSlaveMessage:
        version = f"{self.behaviour.version}.0"
        capabilities = _CAPABILITIES if self.behaviour.always_sends_update_slave else _OLD_CAPABILITIES
        uuid = self.world.uuid(f"{self.path} resources")
        if self.info.id is None:
            return RegisterSlaveMessage(
                slave=self.info,
                version=version,
                agent_capabilities=capabilities,
                checkpointed_resources=self.checkpointed_resources,
                resource_version_uuid=uuid,
            )
        executors = (e for e in self._all_executors() if not e.command and e.state is not ExecutorState.TERMINATED)
        return ReregisterSlaveMessage(
            slave=self.info,
            version=version,
            agent_capabilities=capabilities,
            checkpointed_resources=self.checkpointed_resources,
            resource_version_uuid=uuid,
            executor_infos=tuple(executor.info for executor in executors),
            tasks=tuple(self._all_tasks()),
            frameworks=tuple(framework.info for framework in self._frameworks.values()),
        )

    def _cancel_registration_timer(self) -> None:
        if self.registration_timer is not None:
            self.registration_timer.cancel()
            self.registration_timer = None

    def registered(self, sender: Address, slave_id: str, connection: MasterSlaveConnection | None) -> None:
        """The master admitted this agent as ``slave_id``."""
        if sender != self.master:
            self.note("Ignoring registration message from {}: it is not the expected master {}", sender, self.master)
            return
        self._take_connection(connection)
        if self.state is AgentState.TERMINATING:
            self.note("Ignoring registration because agent is terminating")
            return
        if self.state is AgentState.DISCONNECTED:
            self.note("Registered with master {}; given agent ID {}", sender, slave_id)
            self._move(AgentState.RUNNING)
            if self.behaviour.cancels_registration_retry:
                self._cancel_registration_timer()
            self._tell(self.update_manager, "resume")
            self.info = self.info.replace(id=SlaveID(slave_id))
            if not self._saved(self.checkpoint.save_info, self.info):
                return
            self._arm_ping_timer()
        elif slave_id != self.info.id:
            self._crash("Registered but got wrong id {} (expected {}): this agent ends", slave_id, self.info.id)
            return
        else:
            self.note("Already registered with master {}", sender)
        self._after_registration()

    def reregistered(
        self,
        sender: Address,
        slave_id: str,
        connection: MasterSlaveConnection | None,
        reconciliations: tuple[ReconcileTasksMessage, ...],
    ) -> None:
        """The master knows this agent again."""
        if sender != self.master:
            self.note("Ignoring re-registration message from {}: it is not the expected master {}", sender, self.master)
            return
        if slave_id != self.info.id:
            self._crash("Re-registered but got wrong id {} (expected {}): this agent ends", slave_id, self.info.id)
            return
        self._take_connection(connection)
        if self.state is AgentState.TERMINATING:
            self.note("Ignoring re-registration because agent is terminating")
            return
        if self.state is AgentState.DISCONNECTED:
            self.note("Re-registered with master {}", sender)
            self._move(AgentState.RUNNING)
            self._tell(self.update_manager, "resume")
            self._arm_ping_timer()
        else:
            self.note("Already re-registered with master {}", sender)
        self._after_registration()
        for reconciliation in reconciliations:
            self._reconcile(reconciliation)

    def _after_registration(self) -> None:
        if self.behaviour.always_sends_update_slave:
            uuid = self.world.uuid(f"{self.path} resources")
            self._send_to_master(UpdateSlaveMessage(slave_id=str(self.info.id), resource_version_uuid=uuid))
        self._registered.set(SlaveID(self.info.id))

    def _reconcile(self, reconciliation: ReconcileTasksMessage) -> None:
        """Tell of tasks that the master believes here and that are not; of those that are here, say nothing."""
        framework = self._frameworks.get(reconciliation.framework_id)
        info = reconciliation.framework or (framework.info if framework is not None else None)
        for status in reconciliation.statuses:
            task_id = status.task_id
            if framework is not None and (task_id in framework.pending or framework.executor_of(task_id) is not None):
                continue
            state = self._lost_or(TaskState.TASK_DROPPED, info) if info is not None else TaskState.TASK_LOST
            reason = StatusReason.REASON_RECONCILIATION
            message = "Reconciliation: task unknown to the agent"
            update = self._make_update(reconciliation.framework_id, task_id, state, reason, message)
            # Its framework may be unknown here, so this goes past the agent's own books.
            self._to_update_manager(update, None, None)

    # --- pings

    def pinged(self, observer: Address, connected: bool) -> None:
        """The master's observer asks whether this agent is there; answered in every state."""
        self.send(observer, PongSlaveMessage())
        if not connected and self.state is AgentState.RUNNING:
            self.note("Master counts this agent as disconnected, though it is registered: registering again")
            self.redetect()
        self._arm_ping_timer()

    def _take_connection(self, connection: MasterSlaveConnection | None) -> None:
        seconds = connection.total_ping_timeout_seconds if connection is not None else None
        self.master_ping_timeout = round(seconds * 1_000_000_000) if seconds is not None else DEFAULT_MASTER_PING_TIMEOUT

    def _arm_ping_timer(self) -> None:
        if self.ping_timer is not None:
            self.ping_timer.cancel()
        timeout = Duration(self.master_ping_timeout)
        self.ping_timer = self.delay(timeout, self.ping_timeout, self.detection, recurring=True)

    def ping_timeout(self, detection: Future[MasterInfo | None] | None) -> None:
        """No ping for too long: the master may have given this agent up."""
        if detection is not None and not detection.done:
            self.note("No pings from master received within {}", Duration(self.master_ping_timeout))
            detection.discard()
