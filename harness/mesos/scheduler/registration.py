"""How a scheduler driver finds its master, proves who it is, subscribes, and notices that it has to do so again.

Differences to an agent: no delay before the first attempt, no ping timer, and a broken link means nothing: only the detector
tells that the master is gone. Source: Mesos ``src/sched/sched.cpp``, ``src/sched/flags.hpp``, ``src/sched/constants.hpp``.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from harness.durations import Duration, minutes, seconds, to_ns
from harness.mesos.authentication import CRAMMD5Authenticatee
from harness.mesos.detector import Detector
from harness.mesos.ids import FrameworkID
from harness.mesos.messages import (
    Call,
    Credential,
    FrameworkErrorMessage,
    FrameworkInfo,
    FrameworkRegisteredMessage,
    FrameworkReregisteredMessage,
    MasterInfo,
    Offer,
)
from harness.mesos.states import CallType
from harness.mesos.versions import Behaviour
from harness.simulation import Address, Process, Timer, handles
from harness.simulation.future import Future, Promise

REGISTRATION_RETRY_INTERVAL_MAX = minutes(1)


class SchedulerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The driver's flags (in Mesos: environment variables), with Mesos's names and defaults."""

    registration_backoff_factor: Duration = seconds(2)
    authentication_backoff_factor: Duration = seconds(1)
    authentication_timeout_min: Duration = seconds(5)
    authentication_timeout_max: Duration = minutes(1)


class Front(Protocol):
    """What the actor needs of the driver in front of it."""

    def abort(self) -> Any:
        """Stop all callbacks."""
        ...


class Registration(Process):
    """The part of the actor that gets and keeps it registered; also owns the books that the other parts share.

    Args:
        name: ``scheduler-<uuid>``.
        driver: the front, first argument of every callback.
        scheduler: any object; callbacks it lacks are skipped.
        info: the framework; with an id it fails over from an earlier scheduler.
        detector: tells the leading master.
        credential: None means no authentication.
        settings: the timers.
        implicit_acknowledgements: whether the driver acknowledges after the ``status_update`` callback.
        behaviour: what the modelled release does.
    """

    def __init__(
        self,
        name: str,
        *,
        driver: Front,
        scheduler: object,
        info: FrameworkInfo,
        detector: Detector,
        credential: Credential | None,
        settings: SchedulerSettings,
        implicit_acknowledgements: bool,
        behaviour: Behaviour,
    ) -> None:
        super().__init__(name)
        self.driver = driver
        self.scheduler = scheduler
        self.info = info
        self.detector = detector
        self.credential = credential
        self.settings = settings
        self.implicit_acknowledgements = implicit_acknowledgements
        self.behaviour = behaviour
        self.registered_promise: Promise[FrameworkID] = Promise("registration of the framework")
        # Cleared by the driver at once, outside of any event: from then on no callback, but calls made before still leave.
        self.running = True
        self.connected = False
        self.master: MasterInfo | None = None
        # Whether the next subscription takes the framework over from another scheduler.
        self.failover = bool(info.id)
        self.suppressed_roles: dict[str, None] = {}
        self.offer_constraints: Any = None
        self.update_on_connect = False
        # Offers as a reader sees them, and the agent of each as the driver needs it to write to executors directly.
        self.offers: dict[str, Offer] = {}
        self.agent_of_offer: dict[str, tuple[str, str]] = {}
        self.agent_pids: dict[str, str] = {}
        self._retry: Timer | None = None
        self._authenticated = False
        self._authenticating: Future[bool] | None = None
        self._authentication_timer: Timer | None = None
        self._reauthenticate = False
        self._failed_authentications = 0

    # -- detection ----------------------------------------------------------------------------------------------------

    def initialize(self) -> None:
        """Look for a master."""
        self._detect(None)

    def finalize(self) -> None:
        """Nobody will be registered any more."""
        self.registered_promise.discard()

    def detected(self, future: Future[MasterInfo | None]) -> None:
        """The detector named another master, or the same one again, or none."""
        if not self.running:
            return
        self.master = master = future.get() if future.ready else None
        if self.connected:
            self.callback("disconnected")
        self.connected = False
        self.offers.clear()
        if self._retry is not None:
            self._retry.cancel()
        if master is None:
            self.note("No master detected")
        else:
            self.note("New master detected at {}", master.pid)
            self.link(master.pid)
            if self.credential is not None:
                self._authenticate_first()
            else:
                self.note("No credentials provided; attempting to register without authentication")
                self.do_reliable_registration(self.settings.registration_backoff_factor)
        self._detect(master)

    def _detect(self, previous: MasterInfo | None) -> None:
        self.detector.detect(previous).on_any(self._heard)

    def _heard(self, future: Future[MasterInfo | None]) -> None:
        # Runs where the master is appointed, possibly long after this process ended.
        if self.alive:
            self._tell(self.address, "detected", future)

    # -- authentication -----------------------------------------------------------------------------------------------

    def _authenticate_first(self) -> None:
        low, high = self.settings.authentication_timeout_min, self.settings.authentication_timeout_max
        if self.behaviour.growing_authentication_timeout:
            self.authenticate(low, min(low + self.settings.authentication_backoff_factor * 2, high))
        else:
            self.authenticate(low, low)

    def authenticate(self, low: Duration, high: Duration) -> None:
        """Begin an attempt whose time-out lies in ``[low, high]``; one that is under way is given up first."""
        if not self.running:
            return
        self._authenticated = False
        if self.master is None or self.credential is None:
            return
        if self._authenticating is not None:
            # The rest happens when its end is heard of.
            self._authenticating.discard()
            self._reauthenticate = True
            return
        self.note("Authenticating with master {}", self.master.pid)
        name = self.unique_name("crammd5-authenticatee")
        authenticatee = CRAMMD5Authenticatee(name, self.address, self.master.pid, self.credential)
        self.spawn(authenticatee)
        self._authenticating = future = authenticatee.authenticate()
        self._authentication_timer = self.backoff(low, high, self.authentication_timeout, future)
        future.on_any(self.defer("_authenticate", low, high))

    def authentication_timeout(self, future: Future[bool]) -> None:
        """The attempt took too long: give it up."""
        if future.discard():
            self.note("Authentication timed out")

    def _authenticate(self, low: Duration, high: Duration, future: Future[bool]) -> None:
        """An attempt succeeded, was refused, failed or was given up."""
        if self._authentication_timer is not None:
            self._authentication_timer.cancel()
        if not self.running:
            return
        self._authenticating = None
        again, self._reauthenticate = self._reauthenticate, False
        if self.master is None:
            return
        if again or not future.ready:
            self.note("Failed to authenticate with master {}: {}", self.master.pid, future.error or "discarded")
            self._authenticate_again(low, high)
        elif not future.get():
            self.note("Master {} refused authentication", self.master.pid)
            self.error_from_master("Master refused authentication")
        else:
            self._authenticated = True
            self._failed_authentications = 0
            self.do_reliable_registration(self.settings.registration_backoff_factor)

    def _authenticate_again(self, low: Duration, high: Duration) -> None:
        longest = self.settings.authentication_timeout_max
        if self.behaviour.growing_authentication_timeout:
            # No pause: the time-out itself paces the attempts.
            self.authenticate(low, min(low + (high - low) * 2, longest))
            return
        self._failed_authentications += 1
        pause = self.settings.authentication_backoff_factor * 2**self._failed_authentications
        self.backoff(Duration(0), min(pause, longest), self.authenticate, low, high)

    # -- subscription -------------------------------------------------------------------------------------------------

    def do_reliable_registration(self, max_backoff: Duration) -> None:
        """Subscribe, and try again after a random time up to ``max_backoff`` that doubles; nothing to do when connected."""
        if not self.running or self.connected or self.master is None:
            return
        if self.credential is not None and not self._authenticated:
            return
        self._subscribe(self.master)
        # No lower bound: a retry may follow at once, as in Mesos.
        max_backoff = min(max_backoff, REGISTRATION_RETRY_INTERVAL_MAX)
        failover_timeout = to_ns(self.info.failover_timeout, "failover_timeout")
        if failover_timeout > 0:
            max_backoff = min(max_backoff, Duration(failover_timeout // 10))
        self._retry = self.backoff(Duration(0), max_backoff, self.do_reliable_registration, max_backoff * 2)

    def _subscribe(self, master: MasterInfo) -> None:
        info = self.info
        subscribe = Call.Subscribe(
            framework_info=info,
            force=self.failover if info.id else False,
            suppressed_roles=tuple(self.suppressed_roles) if self.behaviour.suppression_survives_deactivation else (),
            offer_constraints=self.offer_constraints,
        )
        self.send(master.pid, Call(type=CallType.SUBSCRIBE, framework_id=info.id or None, subscribe=subscribe))

    @handles(FrameworkRegisteredMessage)
    def registered(self, sender: Address, message: FrameworkRegisteredMessage) -> None:
        """The master took the framework on: new, failed over, or back after the master's own failover."""
        if self._connect("registered", sender, message.framework_id):
            self.note("Framework registered with {}", message.framework_id)
            self.callback("registered", FrameworkID(message.framework_id), message.master_info)
            self.registered_promise.set(FrameworkID(message.framework_id))

    @handles(FrameworkReregisteredMessage)
    def reregistered(self, sender: Address, message: FrameworkReregisteredMessage) -> None:
        """The master knew this very scheduler already."""
        if self._connect("reregistered", sender, message.framework_id):
            self.note("Framework reregistered with {}", message.framework_id)
            self.callback("reregistered", message.master_info)
            self.registered_promise.set(FrameworkID(message.framework_id))

    def _connect(self, what: str, sender: Address, framework_id: str) -> bool:
        reason = self.reason_to_ignore(sender, connecting=True)
        if reason:
            self.note("Ignoring framework {} message because {}", what, reason)
            return False
        if self.info.id != framework_id:
            self.info = self.info.replace(id=FrameworkID(framework_id))
        self.connected = True
        self.failover = False
        if self.update_on_connect:
            self.send_update_framework()
        return True

    def send_update_framework(self) -> None:
        """Tell the master what changed about the framework."""
        self.update_on_connect = False
        update = Call.UpdateFramework(
            framework_info=self.info,
            suppressed_roles=tuple(self.suppressed_roles),
            offer_constraints=self.offer_constraints,
        )
        self.send_call(Call(type=CallType.UPDATE_FRAMEWORK, framework_id=self.info.id, update_framework=update))

    # -- errors -------------------------------------------------------------------------------------------------------

    @handles(FrameworkErrorMessage)
    def error(self, sender: Address, message: FrameworkErrorMessage) -> None:
        """Some master wants nothing more to do with us; Mesos does not ask which."""
        self.error_from_master(message.message)

    def error_from_master(self, message: str) -> None:
        """Abort the driver, then tell the scheduler: by then the driver does nothing more."""
        if not self.running:
            self.note("Ignoring error '{}' because the driver is not running", message)
            return
        self.note("Got error '{}'", message)
        self.driver.abort()
        self.callback("error", message)

    # -- shared by all parts ------------------------------------------------------------------------------------------

    def callback(self, name: str, *args: Any) -> None:
        """Call the scheduler's method ``name(driver, *args)``, if it has one."""
        method = getattr(self.scheduler, name, None)
        if method is not None:
            method(self.driver, *args)

    def send_call(self, call: Call) -> None:
        """Send a call to the current master, if there is one."""
        if self.master is not None:
            self.send(self.master.pid, call)

    def reason_to_ignore(self, sender: Address, *, connecting: bool = False) -> str:
        """Why a message of a master is not for us now; empty when it is."""
        if not self.running:
            return "the driver is not running"
        if self.connected is connecting:
            return "the driver is already connected" if connecting else "the driver is disconnected"
        if self.master is None or sender != self.master.pid:
            return f"it was sent from {sender} instead of the leading master"
        return ""
