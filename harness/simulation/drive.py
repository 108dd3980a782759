"""When to step: settle, advance, run until something is so. The kernel's only caller.

The garbage collector rests while events run: what it frees, and when finalizers run, must not depend on how much memory the
test used before, and a long trace would be walked again and again.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from types import TracebackType
from typing import Any

from harness.errors import HarnessError, MisuseError
from harness.simulation.events import Timer
from harness.simulation.future import Future
from harness.simulation.kernel import Kernel
from harness.simulation.society import Society


class Driver:
    """Drives one kernel; refuses to be driven from inside a handler."""

    __slots__ = ("_busy", "kernel", "on_rest", "society", "surfaced", "watchers")

    def __init__(self, society: Society) -> None:
        self.society = society
        self.kernel = society.kernel
        self._busy = False
        # Looked at after every event; usually there are none.
        self.watchers: list[Callable[[], None]] = []
        # Called whenever driving ends, also by an error.
        self.on_rest: list[Callable[[], None]] = []
        # Errors that the test has seen raised: checks at the end do not report them again.
        self.surfaced: list[BaseException] = []

    def must_be_idle(self, what: str) -> None:
        """Refuse ``what`` while a handler runs.

        Raises:
            MisuseError: it was called from inside a handler, a callback or an action.
        """
        if self._busy:
            raise MisuseError(
                f"{what} was called from inside a handler: a process must never wait. Use delay(), a future's callback, "
                "or wait in the test instead"
            )

    def driving(self, what: str) -> _Driving:
        """The kernel, to be stepped; with the collector at rest, and errors remembered as seen."""
        self.must_be_idle(what)
        return _Driving(self)

    def settle(self) -> int:
        """Run everything in flight, and what follows, without moving time; the number of steps."""
        with self.driving("settle") as kernel:
            before = kernel.steps
            self._settle()
            return kernel.steps - before

    def settle_until(self, done: Callable[[], bool]) -> bool:
        """As :meth:`settle`, but stop as soon as ``done()``; whether it is so at the end."""
        with self.driving("settle") as kernel:
            while not done():
                if not kernel.step_in_place():
                    return False
                if self.watchers:
                    self._look()
            return True

    def advance_to(self, instant: int) -> None:
        """Settle; move time to ``instant`` firing each timer at its own time, settled after each."""
        with self.driving("clock.advance") as kernel:
            self._settle()
            timer = kernel.next_timer()
            while timer is not None and timer.due_ns <= instant:
                kernel.move_to(timer.due_ns)
                kernel.fire_next()
                if self.watchers:
                    self._look()
                while kernel.deliver_in_place():
                    if self.watchers:
                        self._look()
                timer = kernel.next_timer()
            kernel.move_to(instant)

    def run_to(self, instant: int) -> None:
        """Run everything due up to ``instant`` in its own time, then set the time to it."""
        with self.driving("run_for") as kernel:
            horizon = min(instant, kernel.limits.virtual_ns)
            while kernel.step(horizon):
                if self.watchers:
                    self._look()
            kernel.move_to(instant)

    def run_until(self, done: Callable[[], bool], instant: int, awaited: Future[Any] | None = None) -> bool:
        """Run until ``done()`` or nothing more is due up to ``instant``; whether it is done. Paused: without moving time.

        A delivery whose mere interception makes ``awaited`` ready has not been handled yet when this returns.
        """
        with self.driving("wait") as kernel:
            horizon = min(instant, kernel.limits.virtual_ns)
            self.society.awaited = awaited
            try:
                while not done():
                    if not (kernel.step_in_place() if kernel.paused else kernel.step(horizon)):
                        return False
                    if self.watchers:
                        self._look()
                return True
            finally:
                self.society.awaited = None

    def run_until_idle(self) -> None:
        """Run until only recurring timers are left; with the clock paused, until nothing is in flight."""
        with self.driving("run_until_idle") as kernel:
            horizon = kernel.limits.virtual_ns
            # While something is in flight, nobody needs to ask.
            while kernel.under_way or not self._idle():
                if not (kernel.step_in_place() if kernel.paused else kernel.step(horizon)):
                    if kernel.paused:
                        return
                    kernel.move_to(horizon + 1)
                if self.watchers:
                    self._look()

    def next_timer(self) -> Timer | None:
        """The earliest pending timer."""
        return self.kernel.next_timer()

    def _idle(self) -> bool:
        kernel = self.kernel
        if kernel.paused or kernel.under_way:
            return False
        # Mostly the next timer tells already.
        timer = kernel.next_timer()
        if timer is not None and not timer.recurring:
            return False
        return not any(entry[3].live and not entry[3].recurring for entry in kernel.alarms)

    def _settle(self) -> None:
        kernel = self.kernel
        while kernel.step_in_place():
            if self.watchers:
                self._look()

    def _look(self) -> None:
        for look in self.watchers:
            look()


class _Driving:
    __slots__ = ("_collecting", "_driver")

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._collecting = gc.isenabled()

    def __enter__(self) -> Kernel:
        if self._collecting:
            gc.disable()
        driver = self._driver
        driver._busy = True
        if driver.society.interrupted is not None:
            try:
                driver.society.resume()
            except BaseException as error:
                self.__exit__(type(error), error, error.__traceback__)
                raise
        return driver.kernel

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        driver = self._driver
        driver._busy = False
        if self._collecting:
            gc.enable()
        cause, driver.kernel.cause = driver.kernel.cause, -1
        for look in driver.on_rest:
            look()
        if error is None:
            return
        driver.surfaced.append(error)
        # Only what a handler raised is a failure of its process; a predicate of the test may raise as well.
        if cause >= 0 and isinstance(error, Exception) and not isinstance(error, HarnessError):
            failure = driver.society.process_error(error, cause)
            driver.surfaced.append(failure)
            raise failure from error
