"""Permits at a limited rate: how fast a master may give up agents.

Source: libprocess ``process/limiter.hpp``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial

from harness.durations import Duration, DurationLike, to_ns
from harness.errors import MisuseError
from harness.simulation import Future, Process, Promise


class RateLimiterInterface(ABC):
    """What a master needs of a limiter."""

    def bind(self, owner: Process) -> None:  # noqa: B027
        """Called once by the master before anything else: ``owner`` is whose child the limiter's process may be."""

    @abstractmethod
    def acquire(self) -> Future[None]:
        """A permit: ready when it is granted. Discarding the future takes the request out of the queue."""


class RateLimiter(RateLimiterInterface):
    """``permits`` in each ``duration``: the first at once, then evenly spaced from the last grant, in order of asking.

    Args:
        permits: how many, at least one.
        duration: in which time.
    """

    def __init__(self, permits: int, duration: DurationLike) -> None:
        if isinstance(permits, bool) or not isinstance(permits, int) or permits < 1:
            raise MisuseError(f"RateLimiter(permits={permits!r}): wanted a whole number of at least 1")
        self.interval_ns = to_ns(duration, "duration") // permits
        if self.interval_ns <= 0:
            raise MisuseError(f"RateLimiter(duration={duration!r}): wanted a positive duration such as '20mins'")
        self._process: RateLimiterProcess | None = None

    @classmethod
    def parse(cls, text: str) -> RateLimiter:
        """From the notation of ``agent_removal_rate_limit``: ``1/20mins``."""
        permits, _, duration = text.partition("/")
        if not permits.strip().isdigit():
            raise MisuseError(f"not a rate: {text!r}; wanted a number, a slash and a duration, such as '1/20mins'")
        return cls(int(permits), Duration.parse(duration))

    def bind(self, owner: Process) -> None:
        """Spawn the limiter's process under ``owner``."""
        self._process = RateLimiterProcess(owner.unique_name("rate-limiter"), self.interval_ns)
        owner.spawn(self._process)

    def acquire(self) -> Future[None]:
        """See :meth:`RateLimiterInterface.acquire`."""
        process = self._process
        if process is None:
            raise MisuseError("this rate limiter belongs to no process yet; call bind(owner) first, as a master does")
        return process.dispatch(process.address, "acquire")


class RateLimiterProcess(Process):
    """The actor behind a :class:`RateLimiter`."""

    def __init__(self, name: str, interval_ns: int) -> None:
        super().__init__(name)
        self._interval_ns = interval_ns
        self._next_ns = 0
        self._waiting: list[Promise[None]] = []

    def acquire(self) -> Future[None]:
        """Grant at once if nobody waits and the last grant is long enough ago; queue otherwise."""
        promise: Promise[None] = Promise("permit")
        if not self._waiting and self.now >= self._next_ns:
            self._next_ns = self.now + self._interval_ns
            promise.set(None)
            return promise.future
        if not self._waiting:
            self._arm_next()
        self._waiting.append(promise)
        promise.on_discard(partial(self._request_discard, promise))
        return promise.future

    def grant(self) -> None:
        """It is time for the next permit: the first who still wants one gets it."""
        while self._waiting:
            promise = self._waiting.pop(0)
            if not promise.future.discarded:
                promise.set(None)
                self._next_ns = self.now + self._interval_ns
                break
        if self._waiting:
            self._arm_next()

    def give_up(self, promise: Promise[None]) -> None:
        """The asker no longer wants it; its place in the queue is skipped when its turn comes."""
        promise.discard()

    def finalize(self) -> None:
        """Nobody will get a permit any more."""
        for promise in self._waiting:
            promise.discard()

    def _arm_next(self) -> None:
        self.delay(Duration(max(0, self._next_ns - self.now)), self.grant)

    def _request_discard(self, promise: Promise[None]) -> None:
        if self.alive:
            self._tell(self.address, "give_up", promise)
