"""A world: processes, a clock, a network, choices and a trace, all of one run. No module state: worlds do not know each other."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Protocol, TypeVar

from harness.durations import Duration, DurationLike, to_ns
from harness.errors import DeadlockError, HarnessError, MisuseError, WaitTimeout
from harness.simulation.choices import Choice, Choices, Strategy, make_choices
from harness.simulation.clock import Clock
from harness.simulation.disk import Disk
from harness.simulation.drive import Driver
from harness.simulation.event_kernel import EventKernel, make_kernel
from harness.simulation.events import Address
from harness.simulation.filters import Messages
from harness.simulation.future import Future, Promise
from harness.simulation.limits import Limits
from harness.simulation.network import Network
from harness.simulation.process import Process
from harness.simulation.society import Society
from harness.simulation.strategies import make_strategy
from harness.simulation.trace import Trace, shorten

T = TypeVar("T")

_RECENT = 500

Latency = tuple[DurationLike, DurationLike]


class Check(Protocol):
    """Something that has a verdict at the end of a run: a double with expectations, a property, an invariant."""

    def verify_at_end(self) -> list[HarnessError]:
        """What does not hold; each finding is reported once."""

    def describe_pending(self) -> list[str]:
        """Lines for the report of a deadlock: what is not satisfied yet, with its near misses."""


class Watcher(Check, Protocol):
    """A check that looks at the state after every event."""

    def look(self) -> None:
        """Look, and raise if something is wrong."""


@lru_cache(maxsize=4096)
def _uuid(label: str) -> str:
    digits = hashlib.blake2b(label.encode(), digest_size=16).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


class World:
    """One run.

    Args:
        seed: any whole number; with the strategy it decides every chance of the run.
        strategy: ``"random"``, ``"prompt"`` (no deviation at all), another name of :mod:`harness.simulation.strategies`, or a
            :class:`Strategy` object. One that learns from earlier runs knows nothing here: only an exploration has any.
        latency: least and most time of a message between hosts.
        local_latency: the same inside one host.
        replay: choices to follow instead of drawing (a record or its deviations).
        limits: when to give up.

    Raises:
        MisuseError: an argument is of the wrong kind or out of its range.
    """

    def __init__(
        self,
        seed: int = 0,
        strategy: str | Strategy = "random",
        latency: Latency = ("50us", "5ms"),
        *,
        local_latency: Latency = ("0ns", "50us"),
        replay: Iterable[Choice] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.seed = seed
        drawing = strategy if replay is not None else make_strategy(strategy, seed=seed)
        self.choices: Choices = make_choices(seed, drawing, replay)
        self.strategy = self.choices.strategy
        self._kernel = make_kernel(self.choices, limits if limits is not None else Limits())
        self._society = Society(self._kernel, self)
        if isinstance(self._kernel, EventKernel):
            self._kernel.classes = self._society.classes
        self._driver = Driver(self._society)
        self.network = Network(self._society, _range(latency, "latency"), _range(local_latency, "local_latency"))
        self._society.weather = self.network
        self.messages = Messages(self._society, self.network)
        self.network.look = self.messages.look
        self.clock = Clock(self._society, self._driver)
        self._disks: dict[str, Disk] = {}
        self._checks: list[Check] = []
        self._finished = False

    # -- processes --------------------------------------------------------------------------------------------------

    def spawn(self, process: Process, host: str | None = None) -> Address:
        """Start a process; without ``host`` on a host of its own. It initialises when the world is driven.

        Raises:
            MisuseError: its address is taken, or it is running already.
        """
        return self._society.spawn(process, host, None)

    def process(self, address: str) -> Any:
        """The running process at this address, or None."""
        return self._society.processes.get(address)

    def terminate(self, address: str) -> bool:
        """End a process and its children at once; linked processes hear of it. False if it is not there."""
        return self._society.terminate(Address(address))

    def post(self, message: Any, to: str, src: str | None = None) -> None:
        """Send a message from outside; returns at once; keeps channel order like any message."""
        self.messages.post(message, src=src, dst=to)

    def promise(self, label: str = "promise") -> Promise[Any]:
        """A promise of this world, to be completed by the test; ``promise.future`` can be waited for."""
        return Promise(label)

    def disk(self, host: str) -> Disk:
        """The disk of a host."""
        found = self._disks.get(host)
        if found is None:
            found = self._disks[host] = Disk(host)
        return found

    def unique_name(self, prefix: str, host: str) -> str:
        """``prefix(1)``, ``prefix(2)``, ...: counted per host, as libprocess names its processes."""
        return self._society.unique_name(prefix, host)

    def uuid(self, label: str) -> str:
        """A uuid text made from ``label`` alone: the same in every run."""
        return _uuid(label)

    # -- driving ----------------------------------------------------------------------------------------------------

    def wait(self, x: Any, timeout: DurationLike = "15secs") -> Any:
        """Run until ``x`` has happened, and return its value.

        Args:
            x: a :class:`Future`, anything with a ``future`` (an expectation, a message rule), or a predicate.
            timeout: virtual time to give it, from now.

        Raises:
            DeadlockError: nothing is pending that could bring it about; at once, not after the timeout.
            WaitTimeout: the virtual time ran out.
            MisuseError: ``x`` is nothing that can be waited for, or the call comes from inside a handler.
            BaseException: the future failed with this error.
        """
        future = x if isinstance(x, Future) else getattr(x, "future", None)
        if isinstance(future, Future):
            return self._wait_for(future, lambda: future.done, to_ns(timeout, "timeout"), x).get()
        if not callable(x):
            raise MisuseError(f"wait({x!r}): wanted a Future, an expectation, a message rule or a predicate")
        answer: list[Any] = []

        def holds() -> bool:
            answer[:] = [x()]
            return bool(answer[0])

        self._wait_for(None, holds, to_ns(timeout, "timeout"), x)
        return answer[0]

    def _wait_for(self, future: Any, done: Callable[[], bool], timeout_ns: int, x: Any) -> Any:
        kernel = self._kernel
        deadline = kernel.now + timeout_ns
        if not self._driver.run_until(done, deadline, future):
            stuck = kernel.paused or not (kernel.deliveries or self._driver.next_timer())
            if not stuck:
                kernel.move_to(deadline)
            error: HarnessError = self._deadlock(x) if stuck else self._timeout(x, timeout_ns)
            raise error
        return future

    def settle(self) -> int:
        """As :meth:`Clock.settle`."""
        return self._driver.settle()

    def settle_until(self, done: Callable[[], bool]) -> bool:
        """As :meth:`settle`, but stop as soon as ``done()``; whether it is so at the end."""
        return self._driver.settle_until(done)

    def run_for(self, duration: DurationLike) -> None:
        """Let the running clock run for ``duration``: everything due happens in its own time.

        Raises:
            MisuseError: the clock is paused (use ``clock.advance``), or the duration is negative.
        """
        ns = to_ns(duration, "duration")
        if ns < 0:
            raise MisuseError(f"run_for({duration!r}): time does not go back; wanted a duration of at least 0")
        if self._kernel.paused:
            raise MisuseError(f"run_for({duration!r}) with the clock paused: use clock.advance({duration!r}), or resume() first")
        self._driver.run_to(self._kernel.now + ns)

    def run_until_idle(self) -> None:
        """Run until only recurring timers are left (pings, batches); with the clock paused, until nothing is in flight.

        Raises:
            LivelockError: it never gets idle within the world's limits.
        """
        self._driver.run_until_idle()

    # -- the end ----------------------------------------------------------------------------------------------------

    def add_check(self, check: Check) -> None:
        """Ask ``check`` for its verdict at the end of the run."""
        if check not in self._checks:
            self._checks.append(check)

    @property
    def checks(self) -> tuple[Check, ...]:
        """What gives its verdict at the end of the run, in the order in which it came."""
        return tuple(self._checks)

    def watch(self, watcher: Watcher) -> None:
        """Let ``watcher.look()`` run after every event, and ask for its verdict at the end."""
        self._driver.watchers.append(watcher.look)
        self._checks.append(watcher)

    def follow(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Let ``callback()`` run after every event and whenever the world comes to rest; returns what ends that.

        It may look at anything and must change nothing.
        """
        driver = self._driver
        driver.watchers.append(callback)
        driver.on_rest.append(callback)

        def end() -> None:
            # New lists: the old ones may just be gone through.
            driver.watchers = [one for one in driver.watchers if one is not callback]
            driver.on_rest = [one for one in driver.on_rest if one is not callback]

        return end

    def surfaced(self, error: BaseException) -> bool:
        """Whether the test has seen this error raised already."""
        return any(seen is error for seen in self._driver.surfaced)

    def findings(self) -> list[HarnessError]:
        """The verdicts of all checks that do not hold and have not been raised to the test yet."""
        return [error for check in self._checks for error in check.verify_at_end() if not self.surfaced(error)]

    def finish(self) -> None:
        """End the run: deliver what is in flight, then raise the first finding, with the others as its notes. Idempotent."""
        if self._finished:
            return
        self._finished = True
        self.trace.end(aborted=False)
        self.settle()
        self.raise_findings()

    def raise_findings(self) -> None:
        """Raise the first finding, with the others as its notes."""
        findings = self.findings()
        if not findings:
            return
        first = findings[0]
        for other in findings[1:]:
            first.add_note(f"also: {other}")
        self._driver.surfaced += findings
        raise first

    def abandon(self) -> list[str]:
        """End a run whose test has failed already: its findings as texts, raising nothing."""
        if self._finished:
            return []
        self._finished = True
        self.trace.end(aborted=True)
        try:
            self.settle()
        except Exception as error:
            return [f"while ending the run: {error}", *map(str, self.findings())]
        return [str(finding) for finding in self.findings()]

    # -- looking ----------------------------------------------------------------------------------------------------

    @property
    def trace(self) -> Trace:
        """What has happened so far."""
        return self._kernel.trace

    @property
    def digest(self) -> str:
        """A text that is equal for two runs exactly when their traces are."""
        return self._kernel.trace.digest()

    @property
    def steps(self) -> int:
        """Events run so far."""
        return self._kernel.steps

    def _deadlock(self, x: Any) -> DeadlockError:
        paused = self._kernel.paused
        why = "the clock is paused and nothing is in flight" if paused else "nothing is pending"
        lines = [f"waiting for {_name(x)} cannot succeed: {why} (virtual time {Duration(self._kernel.now)})"]
        timers = self.clock.timers
        if timers:
            lines.append("pending timers:")
            lines += [f"  {timer}" for timer in timers[:10]]
            lines += [f"  ... and {len(timers) - 10} more"] if len(timers) > 10 else []
        self._add_pending(lines)
        lines.append(f"what would make progress: {self._way_out(bool(timers))}")
        return DeadlockError("\n".join(lines))

    def _timeout(self, x: Any, timeout_ns: int) -> WaitTimeout:
        lines = [f"waited {Duration(timeout_ns)} of virtual time for {_name(x)} in vain (now {Duration(self._kernel.now)})"]
        self._add_pending(lines)
        # Pings, batches and the like fill the end of a long wait; what processes said about themselves reaches further back.
        recent = self.trace[-_RECENT:]
        told = [record for record in recent if record.kind == "note"]
        lines.append("the last events, as their processes tell them:" if told else "the last events:")
        lines += [f"  {shorten(str(record))}" for record in (told or recent)[-10:]]
        lines.append("what would help: wait(..., timeout=) if it merely takes longer; otherwise look at what is missing above")
        return WaitTimeout("\n".join(lines))

    def _add_pending(self, lines: list[str]) -> None:
        kept = self.messages.kept + self.network.held
        if kept:
            lines.append("messages held or dropped:")
            lines += [f"  {line}" for line in kept[:10]]
        unmet = [line for check in self._checks for line in check.describe_pending()]
        if unmet:
            lines.append("expectations not satisfied:")
            lines += [f"  {line}" for line in unmet[:20]]

    def _way_out(self, timers: bool) -> str:
        ways = []
        if timers and self._kernel.paused:
            ways.append("clock.advance(...) or clock.advance_to_next_timer(), since timers are pending; or clock.resume()")
        if self.messages.kept:
            ways.append("release() or cancel() the rules above")
        if self.network.held:
            ways.append("network.heal()")
        return "; ".join(ways) or "start or send something first; whatever is waited for needs a cause"

    def __repr__(self) -> str:
        return f"<World seed={self.seed} strategy={self.strategy} at {Duration(self._kernel.now)}>"


def _range(latency: Latency, argument: str) -> tuple[int, int]:
    if not isinstance(latency, tuple) or len(latency) != 2:
        raise MisuseError(f"{argument}={latency!r}: wanted a pair (least, most), such as ('50us', '5ms')")
    low, high = to_ns(latency[0], argument), to_ns(latency[1], argument)
    if not 0 <= low <= high:
        raise MisuseError(f"{argument}={latency!r}: wanted 0 <= least <= most")
    return low, high


def _name(x: Any) -> str:
    if isinstance(x, Future):
        return x.label
    name = getattr(x, "__qualname__", None)
    return f"the predicate {name}" if name is not None and callable(x) else str(x)
