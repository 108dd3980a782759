"""Watching one agent's pulse.

An observer pings from its own address, at once and then once per period, and counts the periods without an answer. After too
many it asks (a rate limiter, if there is one, then) its master to mark the agent unreachable, and goes on pinging: the agent
may answer before the verdict is carried out. Source: Mesos ``src/master/master.cpp``, ``SlaveObserver``.
"""

from __future__ import annotations

from harness.durations import Duration
from harness.mesos.limiter import RateLimiterInterface
from harness.mesos.master.metrics import Metrics
from harness.mesos.messages import PingSlaveMessage, PongSlaveMessage, SlaveInfo
from harness.simulation import Address, Future, Process, handles

UNHEALTHY = "health check timed out"


class SlaveObserver(Process):
    """Child of a master, one for each registered agent.

    Args:
        name: from the master's ``unique_name("slave-observer")``.
        agent: the agent's address, where pings go.
        info: its description, with its id.
        master: whom to tell.
        ping_timeout: length of a period.
        max_ping_timeouts: how many unanswered periods are too many.
        limiter: asked for a permit before the master is told; may be None.
        metrics: the master's counters.
        counter: what the counters of verdicts begin with.
    """

    def __init__(
        self,
        name: str,
        *,
        agent: Address,
        info: SlaveInfo,
        master: Address,
        ping_timeout: Duration,
        max_ping_timeouts: int,
        limiter: RateLimiterInterface | None,
        metrics: Metrics,
        counter: str = "slave_unreachable",
    ) -> None:
        super().__init__(name)
        self.agent = agent
        self.info = info
        self.master = master
        self.connected = True
        self.timeouts = 0
        self.pinged = False
        self._ping_timeout = ping_timeout
        self._max_ping_timeouts = max_ping_timeouts
        self._limiter = limiter
        self._metrics = metrics
        self._counter = counter
        self._marking: Future[None] | None = None

    def initialize(self) -> None:
        """The first ping leaves at once."""
        self.ping()

    def reconnect(self) -> None:
        """The master counts the agent as connected again: pings say so."""
        self.connected = True

    def disconnect(self) -> None:
        """The master lost the link to the agent: pings say so, so that an agent that lives registers again."""
        self.connected = False

    def ping(self) -> None:
        """Send a ping and wait one period for the answer."""
        self.send(self.agent, PingSlaveMessage(connected=self.connected))
        self.pinged = True
        self.delay(self._ping_timeout, self.ping_timeout, recurring=True)

    @handles(PongSlaveMessage)
    def pong(self, sender: Address, message: PongSlaveMessage) -> None:
        """It lives: forget the silence, and take back a verdict that still waits for its permit."""
        self.timeouts = 0
        self.pinged = False
        if self._marking is not None:
            self._marking.discard()

    def ping_timeout(self) -> None:
        """End of a period."""
        if self.pinged:
            self.timeouts += 1
            if self.timeouts >= self._max_ping_timeouts:
                self.mark_unreachable()
        # Goes on in any case: the verdict may be slow, and the agent may come back before it.
        self.ping()

    def mark_unreachable(self) -> None:
        """Ask for a permit to give the agent up; nothing if that is under way."""
        if self._marking is not None:
            return
        self._metrics.count(f"{self._counter}_scheduled")
        if self._limiter is None:
            self._tell_master()
            return
        self.note("Scheduling transition of agent {} to UNREACHABLE because of health check timeout", self.info.id)
        self._marking = self._limiter.acquire()
        self._marking.on_any(self.defer("_mark_unreachable"))

    def _mark_unreachable(self, permit: Future[None]) -> None:
        self._marking = None
        if permit.ready:
            self._tell_master()
        else:
            self.note("Canceling transition of agent {} to UNREACHABLE: it answers again", self.info.id)
            self._metrics.count(f"{self._counter}_canceled")

    def _tell_master(self) -> None:
        self._metrics.count(f"{self._counter}_completed")
        self._tell(self.master, "mark_unreachable", self.info, False, UNHEALTHY)
