"""What a scheduler holds: the driver, with Mesos's calls. It keeps the status; all work is done by the actor behind it.

Every call may be made from a test or from inside a callback: it takes effect as an event of the actor, in the order of the
calls. A call on a driver that does not run does nothing but return the status, as in Mesos.
Source: Mesos ``include/mesos/scheduler.hpp``, ``MesosSchedulerDriver`` in ``src/sched/sched.cpp``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from harness.durations import DurationLike, to_ns
from harness.errors import MisuseError
from harness.mesos.detector import Detector
from harness.mesos.ids import FrameworkID
from harness.mesos.messages import (
    Credential,
    Filters,
    FrameworkInfo,
    InverseOffer,
    MasterInfo,
    Offer,
    Operation,
    Request,
    TaskInfo,
    TaskStatus,
)
from harness.mesos.scheduler.process import SchedulerProcess
from harness.mesos.scheduler.registration import SchedulerSettings
from harness.mesos.states import DriverStatus
from harness.mesos.versions import Behaviour, behaviour
from harness.simulation import Address, World
from harness.simulation.future import Future

_DEFAULT_SETTINGS = SchedulerSettings()
_DEFAULT_FILTERS = Filters()


class SchedulerDriver:
    """One scheduler's connection to the cluster.

    Args:
        world: where it lives.
        name: name of the actor, ``scheduler-<uuid>``.
        host: host of the actor.
        scheduler: object with some of the scheduler callbacks; missing ones are skipped.
        info: the framework; with an id, the driver takes over from an earlier scheduler.
        detector: tells it the leading master.
        credential: how it authenticates; None: not at all.
        settings: timers of registration and authentication.
        implicit_acknowledgements: acknowledge each update after its callback; if False the scheduler has to.
        behaviour: what the modelled release does.
    """

    __slots__ = ("_process", "_status", "_world", "host", "implicit_acknowledgements")

    def __init__(
        self,
        world: World,
        name: str,
        host: str | None = None,
        *,
        scheduler: object,
        info: FrameworkInfo,
        detector: Detector,
        credential: Credential | None = None,
        settings: SchedulerSettings = _DEFAULT_SETTINGS,
        implicit_acknowledgements: bool = True,
        behaviour: Behaviour = behaviour(),
    ) -> None:
        self._world = world
        self.host = host
        self.implicit_acknowledgements = implicit_acknowledgements
        self._status = DriverStatus.DRIVER_NOT_STARTED
        self._process = SchedulerProcess(
            name,
            driver=self,
            scheduler=scheduler,
            info=info,
            detector=detector,
            credential=credential,
            settings=settings,
            implicit_acknowledgements=implicit_acknowledgements,
            behaviour=behaviour,
        )

    # -- life ---------------------------------------------------------------------------------------------------------

    def start(self) -> DriverStatus:
        """Start the actor, once; later calls only return the status."""
        if self._status is DriverStatus.DRIVER_NOT_STARTED:
            self._world.spawn(self._process, self.host)
            self._status = DriverStatus.DRIVER_RUNNING
        return self._status

    def stop(self, failover: bool = False) -> DriverStatus:
        """End: no more callbacks from now on; the framework is torn down if connected, unless ``failover``.

        Returns:
            DRIVER_STOPPED, or DRIVER_ABORTED after :meth:`abort`.
        """
        aborted = self._status is DriverStatus.DRIVER_ABORTED
        if self._status is not DriverStatus.DRIVER_RUNNING and not aborted:
            return self._status
        self._process.running = False
        self._dispatch("stop", failover)
        self._status = DriverStatus.DRIVER_STOPPED
        return DriverStatus.DRIVER_ABORTED if aborted else self._status

    def abort(self) -> DriverStatus:
        """No more callbacks and offers from now on; the framework stays until :meth:`stop`."""
        if self._status is DriverStatus.DRIVER_RUNNING:
            self._process.running = False
            self._dispatch("abort")
            self._status = DriverStatus.DRIVER_ABORTED
        return self._status

    # -- offers -------------------------------------------------------------------------------------------------------

    def launch_tasks(
        self,
        offer_ids: str | Offer | Iterable[str | Offer],
        tasks: TaskInfo | Iterable[TaskInfo],
        refuse_seconds: DurationLike | None = None,
    ) -> DriverStatus:
        """Launch tasks on offers of one agent; what is left over is declined for ``refuse_seconds`` (default 5).

        While disconnected each task is answered at once by TASK_LOST, or TASK_DROPPED for a partition-aware framework.
        """
        launched = (tasks,) if isinstance(tasks, TaskInfo) else tuple(tasks)
        return self._on_offers("launch_tasks", offer_ids, launched, _filters(refuse_seconds))

    def accept_offers(
        self,
        offer_ids: str | Offer | Iterable[str | Offer],
        operations: Operation | Iterable[Operation],
        refuse_seconds: DurationLike | None = None,
    ) -> DriverStatus:
        """Use offers of one agent for operations, in their order; the rest as for :meth:`launch_tasks`."""
        wanted = (operations,) if isinstance(operations, Operation) else tuple(operations)
        return self._on_offers("accept_offers", offer_ids, wanted, _filters(refuse_seconds))

    def decline_offer(
        self, offer_id: str | Offer | Iterable[str | Offer], refuse_seconds: DurationLike | None = None
    ) -> DriverStatus:
        """Give an offer back; its resources stay away for ``refuse_seconds`` (default 5, 0: not at all)."""
        return self._on_offers("decline_offers", offer_id, _filters(refuse_seconds))

    def accept_inverse_offers(
        self,
        inverse_offer_ids: str | InverseOffer | Iterable[str | InverseOffer],
        refuse_seconds: DurationLike | None = None,
    ) -> DriverStatus:
        """Agree to leave agents."""
        return self._on_offers("accept_inverse_offers", inverse_offer_ids, _filters(refuse_seconds))

    def decline_inverse_offers(
        self,
        inverse_offer_ids: str | InverseOffer | Iterable[str | InverseOffer],
        refuse_seconds: DurationLike | None = None,
    ) -> DriverStatus:
        """Refuse to leave agents."""
        return self._on_offers("decline_inverse_offers", inverse_offer_ids, _filters(refuse_seconds))

    def revive_offers(self, roles: str | Iterable[str] | None = None) -> DriverStatus:
        """Want offers again, for these roles or for all; drops the filters of declined offers."""
        return self._call("revive_offers", _texts(roles))

    def suppress_offers(self, roles: str | Iterable[str] | None = None) -> DriverStatus:
        """Want no offers, for these roles or for all."""
        return self._call("suppress_offers", _texts(roles))

    def request_resources(self, requests: Request | Iterable[Request]) -> DriverStatus:
        """Hint at wanted resources; the allocator may ignore it."""
        return self._call("request_resources", (requests,) if isinstance(requests, Request) else tuple(requests))

    # -- tasks --------------------------------------------------------------------------------------------------------

    def kill_task(self, task_id: str | TaskInfo) -> DriverStatus:
        """Kill a task; lost while disconnected."""
        return self._call("kill_task", task_id.task_id if isinstance(task_id, TaskInfo) else task_id)

    def acknowledge_status_update(self, status: TaskStatus) -> DriverStatus:
        """Acknowledge an update, for a driver with explicit acknowledgements.

        Raises:
            MisuseError: this driver acknowledges by itself.
        """
        if self.implicit_acknowledgements:
            raise MisuseError(
                f"acknowledge_status_update({status.task_id}): this driver acknowledges by itself; "
                "start the framework with implicit_acknowledgements=False to do it explicitly"
            )
        return self._call("acknowledge_status_update", status)

    def reconcile_tasks(self, statuses: TaskStatus | Iterable[TaskStatus] = ()) -> DriverStatus:
        """Ask for the state of these tasks; of all if none is given."""
        return self._call("reconcile_tasks", (statuses,) if isinstance(statuses, TaskStatus) else tuple(statuses))

    # -- the rest -----------------------------------------------------------------------------------------------------

    def send_framework_message(self, executor_id: str, slave_id: str, data: bytes | str) -> DriverStatus:
        """Send data to an executor; may be lost."""
        return self._call("send_framework_message", executor_id, slave_id, data)

    def update_framework(
        self, info: FrameworkInfo, suppressed_roles: Iterable[str] = (), offer_constraints: Any = None
    ) -> DriverStatus:
        """Replace the framework's description; its id may be left out. An error (which aborts) before registration."""
        return self._call("update_framework", info, tuple(suppressed_roles), offer_constraints)

    # -- looking ------------------------------------------------------------------------------------------------------

    @property
    def status(self) -> DriverStatus:
        """NOT_STARTED, RUNNING, ABORTED or STOPPED."""
        return self._status

    @property
    def address(self) -> Address | None:
        """Address of the actor; None before :meth:`start`."""
        return getattr(self._process, "address", None)

    @property
    def process(self) -> SchedulerProcess:
        """The actor itself."""
        return self._process

    @property
    def scheduler(self) -> object:
        """The object that gets the callbacks."""
        return self._process.scheduler

    @property
    def connected(self) -> bool:
        """Whether it is registered with the current master."""
        return self._process.connected

    @property
    def master(self) -> MasterInfo | None:
        """The master that the detector named last."""
        return self._process.master

    @property
    def info(self) -> FrameworkInfo:
        """The framework, with its id once there is one."""
        return self._process.info

    @property
    def framework_id(self) -> FrameworkID | None:
        """The framework's id, once there is one."""
        known = self._process.info.id
        return FrameworkID(known) if known else None

    @property
    def offers(self) -> dict[str, Offer]:
        """The offers held now, by id: a copy. Used, declined and rescinded ones are gone, and all on disconnection."""
        return dict(self._process.offers)

    @property
    def registered_future(self) -> Future[FrameworkID]:
        """Ready, with the framework's id, at the first (re)registration; after the scheduler's callback."""
        return self._process.registered_promise.future

    def next_offers(self) -> Future[tuple[Offer, ...]]:
        """The next offers that arrive; ready after the scheduler's callback."""
        return self._process.next_offers()

    def __repr__(self) -> str:
        return f"<SchedulerDriver {self._process} {self._status}>"

    # -- machinery ----------------------------------------------------------------------------------------------------

    def _dispatch(self, method: str, *args: Any) -> None:
        # The actor sends to itself, so that calls keep their order among each other.
        process = self._process
        if process.alive:
            process._tell(process.address, method, *args)

    def _call(self, method: str, *args: Any) -> DriverStatus:
        if self._status is DriverStatus.DRIVER_RUNNING:
            self._dispatch(method, *args)
        return self._status

    def _on_offers(self, method: str, offers: Any, *args: Any) -> DriverStatus:
        ids = _ids(offers)
        if self._status is DriverStatus.DRIVER_RUNNING:
            for offer_id in ids:
                self._process.offers.pop(offer_id, None)
        return self._call(method, ids, *args)


def _ids(offers: Any) -> tuple[str, ...]:
    if isinstance(offers, (str, Offer, InverseOffer)):
        offers = (offers,)
    return tuple(offer if isinstance(offer, str) else offer.id for offer in offers)


def _texts(roles: str | Iterable[str] | None) -> Sequence[str]:
    if roles is None:
        return ()
    return (roles,) if isinstance(roles, str) else tuple(roles)


def _filters(refuse_seconds: DurationLike | None) -> Filters:
    if refuse_seconds is None:
        return _DEFAULT_FILTERS
    return Filters(refuse_seconds=to_ns(refuse_seconds, "refuse_seconds") / 1_000_000_000)
