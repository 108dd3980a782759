"""The master's books, and the few things that every part of it does with them.

The parts of the master are layers of one class, each in its own file, and each uses only the layers below it::

    Master              master.py           which message and which end of a process goes where
    Views               views.py            what can be seen from outside: tasks, metrics, the content of /state
    Leadership          leadership.py       election, recovery, agents that never come back, the end
    Operators           operators.py        weights, quotas, agents drained, deactivated, marked gone
    Maintenance         maintenance.py      planned unavailability of machines, machines taken down and up
    Admission           admission.py        agents that register and come back
    Agents              agents.py           agents that are added, lost and removed
    Subscription        subscription.py     schedulers that subscribe
    Frameworks          frameworks.py       frameworks that are added, disconnected and removed
    Launching           launching.py        offers accepted and declined, tasks launched
    Operations          operations.py       the other things that can be done with offers: reservations, volumes
    Reconciliation      reconciliation.py   questions about tasks, and wishes to kill them
    InverseOffers       inverse_offers.py   frameworks asked to leave agents, and their answers
    Offers              offers.py           offers made and taken back
    Tasks               tasks.py            tasks, executors, status updates, acknowledgements
    Authentication      authentication.py   who may speak at all
    Throttling          throttling.py       how often schedulers may speak
    Events              events.py           what operators that subscribed are told
    Books               books.py            this file
"""

from __future__ import annotations

from typing import Any

from harness.mesos.allocator.interface import Allocator
from harness.mesos.allocator.options import Quota
from harness.mesos.authorizer import Action, AuthorizationRequest, Authorizer, PermissiveAuthorizer
from harness.mesos.detector import Detector
from harness.mesos.flags import MasterFlags
from harness.mesos.ids import FrameworkID, OfferID, SlaveID
from harness.mesos.limiter import RateLimiterInterface
from harness.mesos.master.metrics import Metrics
from harness.mesos.master.records import AgentBooks, AgentRecord, FrameworkRecord
from harness.mesos.messages import (
    InverseOffer,
    MachineInfo,
    MaintenanceSchedule,
    MasterInfo,
    MasterSlaveConnection,
    Offer,
    RegistryOperation,
)
from harness.mesos.registrar import RegistrarInterface
from harness.mesos.versions import Behaviour
from harness.simulation import Future, Process, Promise, Timer

NO_MAINTENANCE = MaintenanceSchedule()


class Books(Process):
    """State of a master.

    Args:
        name: of the process, usually ``master``.
        info: its own description; ``info.id`` is the prefix of all ids it gives out.
        flags: see :class:`~harness.mesos.flags.MasterFlags`.
        allocator: who decides on offers; it is initialised by this master.
        registrar: who writes the registry.
        detector: tells who leads.
        authorizer: who says what is allowed; None allows everything.
        removal_limiter: how fast agents may be given up; None for no limit.
        behaviour: what the modelled release does.
    """

    def __init__(
        self,
        name: str,
        *,
        info: MasterInfo,
        flags: MasterFlags,
        allocator: Allocator,
        registrar: RegistrarInterface,
        detector: Detector,
        behaviour: Behaviour,
        authorizer: Authorizer | None = None,
        removal_limiter: RateLimiterInterface | None = None,
    ) -> None:
        super().__init__(name)
        self.info = info
        self.flags = flags
        self.allocator = allocator
        self.registrar = registrar
        self.detector = detector
        self.behaviour = behaviour
        self.authorizer: Authorizer = authorizer if authorizer is not None else PermissiveAuthorizer()
        self.removal_limiter = removal_limiter
        self.counters = Metrics()
        self.leader: MasterInfo | None = None
        self.slaves = AgentBooks()
        self.frameworks: dict[str, FrameworkRecord] = {}
        self.completed_frameworks: dict[str, FrameworkRecord] = {}
        self.offers: dict[str, Offer] = {}
        self.inverse_offers: dict[str, InverseOffer] = {}
        # Planned maintenance, by hostname in lower case; most clusters have none.
        self.machines: dict[str, MachineInfo] = {}
        self.schedule = NO_MAINTENANCE
        self.weights: dict[str, float] = {}
        self.quotas: dict[str, Quota] = {}
        self.authenticated: dict[str, str] = {}
        self.authenticating: dict[str, Future[str | None]] = {}
        self.connection = MasterSlaveConnection(
            total_ping_timeout_seconds=float((flags.agent_ping_timeout * flags.max_agent_ping_timeouts).total_seconds())
        )
        self._offer_timers: dict[str, Timer] = {}
        self._recovered: Promise[None] = Promise("master recovery")
        self._next_slave = self._next_framework = self._next_offer = 0
        self._fatal_error: str | None = None
        # When this life began, and when it was elected.
        self.started_ns = self.elected_ns = 0

    # --- views for handles: look, do not touch

    @property
    def id(self) -> str:
        """The master's id."""
        return self.info.id

    @property
    def elected(self) -> bool:
        """Whether this master leads. Another appointment of the same process is still the same leader."""
        return self.leader is not None and self.leader.pid == self.info.pid

    @property
    def recovered(self) -> Future[None]:
        """Ready once the registry was read after the election: from then on the master answers."""
        return self._recovered.future

    @property
    def serving(self) -> bool:
        """Whether messages are answered: elected and recovered."""
        return self._recovered.future.ready and self.elected

    @property
    def agents(self) -> dict[str, AgentRecord]:
        """The registered agents by id."""
        return self.slaves.registered

    # --- ids, counted from 0 in each master

    def new_slave_id(self) -> SlaveID:
        """``<master>-S<n>``."""
        self._next_slave += 1
        return SlaveID(f"{self.info.id}-S{self._next_slave - 1}")

    def new_framework_id(self) -> FrameworkID:
        """``<master>-<four digits>``."""
        self._next_framework += 1
        return FrameworkID(f"{self.info.id}-{self._next_framework - 1:04d}")

    def new_offer_id(self) -> OfferID:
        """``<master>-O<n>``; offers and inverse offers share the counter."""
        self._next_offer += 1
        return OfferID(f"{self.info.id}-O{self._next_offer - 1}")

    # --- speaking

    def tell_framework(self, framework: FrameworkRecord, message: Any) -> None:
        """Send to a framework's scheduler, if it ever had one."""
        if framework.pid is not None:
            self.send(framework.pid, message)

    def tell_all_agents(self, message: Any) -> None:
        """Send to every registered agent."""
        for agent in self.slaves.registered.values():
            self.send(agent.pid, message)

    def decide(self, answer: Future[bool] | bool, method: str, *args: Any) -> None:
        """Go on with ``method(*args, answer as a future)`` once there is an answer, always as an event of its own.

        A plain answer is that of an authorizer that decides by itself; like every authorizer it is asked across a process, so
        the answer takes its ``latency``.
        """
        if isinstance(answer, Future):
            answer.on_any(self.defer(method, *args))
            return
        promise: Promise[bool] = Promise("authorization")
        promise.set(bool(answer))
        low, high = getattr(self.authorizer, "latency", Authorizer.latency)
        self.work("authorization", low, high, method, *args, promise.future)

    # --- calls of operators: asked, authorized, stored, done

    def ask(self, action: Action, value: str, method: str, *args: Any) -> Future[None]:
        """Go on with ``method(promise, *args)`` if the authorizer allows it.

        Returns:
            The promise's future; failed if it is not allowed, or if this master answers nobody.
        """
        promise: Promise[None] = Promise(method.lstrip("_"))
        if not self.serving:
            promise.fail("Master has not finished recovery" if self.elected else "This master is not the leading master")
            return promise.future
        if action in self.behaviour.missing_operator_calls:
            promise.fail(f"Mesos {self.behaviour.version} has no call {action}; mesos_version='1.11' has")
            return promise.future
        answer = self.authorizer.authorized(AuthorizationRequest(action=action, value=value))
        self.decide(answer, "asked", promise, method, args)
        return promise.future

    def asked(self, promise: Promise[None], method: str, args: tuple[Any, ...], answer: Future[bool]) -> None:
        """The authorizer has answered an operator's call."""
        if granted(answer):
            getattr(self, method)(promise, *args)
        else:
            promise.fail(why_not(answer, "Forbidden"))

    def store(self, operation: RegistryOperation, promise: Promise[None], method: str, *args: Any) -> None:
        """Write an operation into the registry, then call ``method(*args)`` and complete the promise."""
        self.registrar.apply(operation).on_any(self.defer("stored", promise, operation, method, args))

    def stored(
        self, promise: Promise[None], operation: RegistryOperation, method: str, args: tuple[Any, ...], outcome: Future[bool]
    ) -> None:
        """The registrar has answered to an operation of an operator."""
        answer = self.written(outcome, f"perform {type(operation).__name__}")
        if answer is None:
            promise.fail(f"the master ended: {self._fatal_error}")
        elif not answer:
            promise.fail(f"the registry refused {operation}")
        else:
            getattr(self, method)(*args)
            promise.set(None)

    # --- the end

    def give_up(self, reason: str) -> None:
        """End this master, as Mesos exits its process."""
        self.note("Exiting: {}", reason)
        self._fatal_error = reason
        self.terminate()

    def written(self, outcome: Future[bool], what: str) -> bool | None:
        """The registrar's answer, or None if it failed; a master that cannot write its registry ends itself."""
        if outcome.ready:
            return outcome.get()
        self.give_up(f"Failed to {what} in the registry: {outcome.error or 'discarded'}")
        return None


def granted(answer: Future[bool]) -> bool:
    """Whether an authorizer said yes; a failed or discarded answer is a no."""
    return answer.ready and bool(answer.get())


def why_not(answer: Future[bool], refusal: str) -> str:
    """What to tell whoever was not authorized."""
    if answer.failed:
        return f"Authorization failure: {answer.error}"
    if answer.discarded:
        return "Authorization failure: discarded"
    return refusal
