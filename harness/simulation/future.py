"""Futures and promises as libprocess has them: one value, once, and callbacks that run where it is completed.

Callbacks run synchronously, in the order of registration, in whoever completes the promise; registered late, they run at
once. Discarding only *requests*: the holder of the promise decides what it means (``promise.on_discard``).
Source: libprocess ``future.hpp``.

A future is a msgspec struct for the sake of its constructor, which costs a third of a class with slots.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from harness.errors import FutureFailed, MisuseError

T = TypeVar("T")
U = TypeVar("U")

PENDING, READY, FAILED, DISCARDED = "pending", "ready", "failed", "discarded"


class Future(msgspec.Struct, Generic[T], eq=False):
    """The reading end: ``state`` is ``pending``, ``ready``, ``failed`` or ``discarded`` (libprocess's four)."""

    label: str = "future"
    state: str = PENDING
    done: bool = False
    discard_requested: bool = False
    _result: Any = None
    _callbacks: list[Callable[[Future[T]], object]] | None = None
    _on_discard: list[Callable[[], object]] | None = None

    @property
    def ready(self) -> bool:
        """Whether there is a value."""
        return self.state == READY

    @property
    def failed(self) -> bool:
        """Whether it ended with an error."""
        return self.state == FAILED

    @property
    def discarded(self) -> bool:
        """Whether its promise gave it up."""
        return self.state == DISCARDED

    @property
    def error(self) -> BaseException | None:
        """The error of a failed future, else None."""
        return self._result if self.state == FAILED else None

    def get(self) -> T:
        """The value of a ready future.

        Raises:
            MisuseError: it is still pending (wait for it first).
            FutureFailed: it was discarded, or failed with a text.
            BaseException: it failed with this very exception.
        """
        if self.state == READY:
            return self._result  # type: ignore[no-any-return]
        if self.state == FAILED:
            raise self._result
        if self.state == DISCARDED:
            raise FutureFailed(f"{self.label} was discarded; nobody will complete it")
        raise MisuseError(f"{self.label} is still pending; wait for it first: world.wait(future)")

    def on_any(self, callback: Callable[[Future[T]], object]) -> Future[T]:
        """Call ``callback(self)`` when it is no longer pending, at once if so already."""
        if self.done:
            callback(self)
        elif self._callbacks is None:
            self._callbacks = [callback]
        else:
            self._callbacks.append(callback)
        return self

    def on_ready(self, callback: Callable[[T], object]) -> Future[T]:
        """Call ``callback(value)`` when ready."""
        return self.on_any(lambda f: callback(f._result) if f.state == READY else None)

    def on_failed(self, callback: Callable[[BaseException], object]) -> Future[T]:
        """Call ``callback(error)`` when failed."""
        return self.on_any(lambda f: callback(f._result) if f.state == FAILED else None)

    def on_discarded(self, callback: Callable[[], object]) -> Future[T]:
        """Call ``callback()`` when discarded."""
        return self.on_any(lambda f: callback() if f.state == DISCARDED else None)

    def then(self, transform: Callable[[T], U | Future[U]]) -> Future[U]:
        """A future of ``transform(value)``; failure and discard go down the chain, a discard request goes up it."""
        promise: Promise[U] = Promise(f"{self.label}.then")

        def complete(source: Future[T]) -> None:
            if source.state == READY:
                result = transform(source._result)
                if isinstance(result, Future):
                    promise.associate(result)
                else:
                    promise.set(result)
            elif source.state == FAILED:
                promise.fail(source._result)
            else:
                promise.discard()

        promise.on_discard(self.discard)
        self.on_any(complete)
        return promise.future

    def discard(self) -> bool:
        """Ask the holder of the promise to give up; True if the request is new. The state changes only if it agrees."""
        if self.done or self.discard_requested:
            return False
        self.discard_requested = True
        for callback in self._on_discard or ():
            callback()
        return True

    def complete(self, value: T) -> bool:
        """Make it ready; for those who hold a future without its promise (the machinery of dispatches)."""
        return self._complete(READY, value)

    def follow(self, other: Future[T]) -> None:
        """Complete with whatever ``other`` completes with; a discard request is passed on to it."""
        if not other.done:
            if self._on_discard is None:
                self._on_discard = []
            self._on_discard.append(other.discard)
            if self.discard_requested:
                other.discard()
        other.on_any(lambda f: self._complete(f.state, f._result))

    def _complete(self, state: str, result: Any) -> bool:
        if self.done:
            return False
        self.state = state
        self.done = True
        self._result = result
        callbacks, self._callbacks, self._on_discard = self._callbacks, None, None
        for callback in callbacks or ():
            callback(self)
        return True

    def __repr__(self) -> str:
        return f"<{self.label}: {self.state}>"


class Promise(Generic[T]):
    """The writing end; the first completion wins, later ones return False."""

    __slots__ = ("future",)

    def __init__(self, label: str = "future") -> None:
        self.future: Future[T] = Future(label)

    def set(self, value: T) -> bool:
        """Make the future ready with ``value``."""
        return self.future._complete(READY, value)

    def fail(self, error: BaseException | str) -> bool:
        """Fail the future with an exception, or with a text (which becomes a :class:`FutureFailed`)."""
        failure = error if isinstance(error, BaseException) else FutureFailed(error)
        return self.future._complete(FAILED, failure)

    def discard(self) -> bool:
        """Give up: the future becomes discarded."""
        return self.future._complete(DISCARDED, None)

    def on_discard(self, callback: Callable[[], object]) -> None:
        """Call ``callback()`` when somebody asks for a discard."""
        future = self.future
        if future.discard_requested:
            callback()
        elif future._on_discard is None:
            future._on_discard = [callback]
        else:
            future._on_discard.append(callback)

    def associate(self, other: Future[T]) -> None:
        """Complete with whatever ``other`` completes with; a discard request is passed on to it."""
        self.future.follow(other)

    def __repr__(self) -> str:
        return f"<promise of {self.future!r}>"
