"""Processes: one mailbox, one handler at a time, plain synchronous methods.

A process changes its own books and speaks only through the methods below; it never sees another process's insides.
The vocabulary (send, dispatch, defer, delay, link, exited) is libprocess's.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, Generic, Self, TypeVar, overload

from harness.durations import Duration, DurationLike, to_ns
from harness.errors import MisuseError
from harness.simulation.choices import Stream
from harness.simulation.events import DISPATCH, EXITED, MESSAGE, WORK, Address, Channel, Dispatch, Timer, Work
from harness.simulation.future import Future
from harness.simulation.society import Society

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


def handles(*message_types: type) -> Callable[[F], F]:
    """Mark a method as the handler of messages of these classes (and their subclasses).

    The method takes ``(sender: Address, message)``. Instances must never be changed after they were sent.
    """
    for message_type in message_types:
        if not isinstance(message_type, type):
            raise MisuseError(f"@handles({message_type!r}): wanted message classes, got {type(message_type).__name__}")

    def mark(method: F) -> F:
        method._handled_types = message_types  # type: ignore[attr-defined]
        return method

    return mark


class Reading(Generic[T]):
    """A property that a subclass may use as a plain attribute of its own: whoever assigns to it, has it."""

    def __init__(self, read: Callable[[Any], T]) -> None:
        self._read = read
        self.__doc__ = read.__doc__

    @overload
    def __get__(self, process: None, owner: type) -> Self: ...
    @overload
    def __get__(self, process: object, owner: type) -> T: ...
    def __get__(self, process: object | None, owner: type) -> Self | T:
        return self if process is None else self._read(process)


class Process:
    """Base class of every actor; a subclass marks its handlers with :func:`handles`.

    Args:
        name: the part before the ``@`` of its address; must be free on its host when spawned.
    """

    # Message class -> function; filled from the marks when the subclass is made, and from the bases of a message class when
    # a subclass of a handled one arrives for the first time.
    _handlers: ClassVar[dict[type, Callable[..., Any]]] = {}

    address: Address
    _path: str
    _root: str
    _host: str
    _world: Any
    _alive: bool = False

    # Made when first needed: most processes have no children, no links and no work.
    _parent: Address | None = None
    _children: dict[Address, None] | None = None
    _linked: dict[Address, None] | None = None
    _works: dict[str, Channel] | None = None
    _exits: dict[str, Channel] | None = None

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        names: dict[type, str] = {}
        for base in reversed(cls.__mro__):
            for name, value in base.__dict__.items():
                for message_type in getattr(value, "_handled_types", ()):
                    names[message_type] = name
        # By name, so that a subclass may override a handler without marking it again.
        cls._handlers = {message_type: getattr(cls, name) for message_type, name in names.items()}

    def __init__(self, name: str) -> None:
        if not isinstance(name, str) or not name or "@" in name:
            raise MisuseError(f"process name {name!r}: wanted a text without '@', such as 'counter'")
        self._name = name

    # -- what a subclass may define ---------------------------------------------------------------------------------

    def initialize(self) -> None:
        """First thing that runs after the spawn, as a delivery of its own."""

    def finalize(self) -> None:
        """Last thing that runs, when the process ends; it may still send."""

    def exited(self, address: Address) -> None:
        """A process linked to has ended, or the link broke. The link is gone; link again if it is wanted."""

    # -- speaking ---------------------------------------------------------------------------------------------------

    def send(self, to: str, message: Any) -> None:
        """Send a message; order is kept per (sender, receiver). A receiver that does not exist: dropped and traced."""
        channel = self._messages.get(to)
        if channel is None:
            channel = self._messages[to] = self._society.channel(MESSAGE, self, _address(to))
        self._kernel.post(channel, message)

    def dispatch(self, to: str, method: str, *args: Any) -> Future[Any]:
        """Call a method of another process (or of this one) as an event of its own.

        Returns:
            A future of the method's result; if that is a future, of its value. Never completed when the receiver is gone.
        """
        channel = self._dispatches.get(to)
        if channel is None:
            channel = self._dispatches[to] = self._society.channel(DISPATCH, self, _address(to))
        future: Future[Any] = Future(method)
        self._kernel.post(channel, Dispatch(method, args, future))
        return future

    def _tell(self, to: str, method: str, *args: Any) -> None:
        """As :meth:`dispatch`, for a caller who does not want the result."""
        channel = self._dispatches.get(to)
        if channel is None:
            channel = self._dispatches[to] = self._society.channel(DISPATCH, self, _address(to))
        self._kernel.post(channel, Dispatch(method, args))

    def defer(self, method: str, *args: Any) -> Callable[..., None]:
        """A callable that dispatches ``method(*args, *its own arguments)`` to this process, while that lives."""
        self._method(method)

        def dispatch(*more: Any) -> None:
            # Another process may have this address by now; it did not ask.
            if self._alive:
                self._tell(self._address, method, *args, *more)

        return dispatch

    def delay(self, duration: DurationLike, method: Callable[..., Any] | str, *args: Any, recurring: bool = False) -> Timer:
        """Call a method of this process after exactly ``duration``.

        Args:
            duration: virtual time from now.
            method: a bound method of this process, or its name.
            args: passed to the method.
            recurring: part of a loop that goes on for ever (pings, batches), which ``run_until_idle`` does not wait for.
        """
        ns = duration.ns if type(duration) is Duration else to_ns(duration, "duration")
        if ns < 0:
            raise MisuseError(f"delay({Duration(ns)}) lies in the past")
        bound = method if callable(method) else self._method(method)
        kernel = self._kernel
        now = kernel.now
        return kernel.arm(Timer(self, bound, args, now, now + ns, ns, ns, recurring))

    def backoff(
        self, low: DurationLike, high: DurationLike, method: Callable[..., Any] | str, *args: Any, recurring: bool = False
    ) -> Timer:
        """Call a method of this process after a random delay in ``[low, high]``, both ends reachable; benign is ``high``."""
        low_ns = low.ns if type(low) is Duration else to_ns(low, "low")
        high_ns = high.ns if type(high) is Duration else to_ns(high, "high")
        if low_ns > high_ns:
            raise MisuseError(f"backoff(low={low}, high={high}): low is above high")
        bound = method if callable(method) else self._method(method)
        kernel = self._kernel
        delay_ns = high_ns
        if high_ns > low_ns:
            purpose = bound.__name__
            stream = self._backoffs.get(purpose)
            if stream is None:
                stream = self._backoffs[purpose] = kernel.choices.stream(f"backoff {purpose}", self._path)
            delay_ns -= kernel.choices.draw(stream, high_ns - low_ns)
        if delay_ns < 0:
            raise MisuseError(f"backoff(low={low}, high={high}) lies in the past")
        now = kernel.now
        return kernel.arm(Timer(self, bound, args, now, now + delay_ns, low_ns, high_ns, recurring))

    def work(self, label: str, low: DurationLike, high: DurationLike, method: Callable[..., Any] | str, *args: Any) -> None:
        """Do something that takes ``[low, high]`` of time but is no protocol timer: a store, a launch, a disk write.

        It is a delivery on a channel of its own per label, in order, and goes on while the clock is paused. Benign is ``low``.
        """
        works = self._works
        if works is None:
            works = self._works = {}
        channel = works.get(label)
        low_ns, high_ns = to_ns(low, "low"), to_ns(high, "high")
        if channel is None:
            channel = works[label] = self._society.channel(WORK, self, self._address, label)
        channel.low, channel.span = low_ns, high_ns - low_ns
        bound = method if callable(method) else self._method(method)
        self._kernel.post(channel, Work(label, bound, args))

    def choose(self, label: str, n: int) -> int:
        """A recorded choice among ``n`` alternatives: ``0 .. n-1``, 0 benign."""
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise MisuseError(f"choose({label!r}, {n!r}): wanted at least one alternative")
        choices = self._kernel.choices
        return choices.draw(choices.stream(label, self._path), n - 1) if n > 1 else 0

    def link(self, to: str) -> None:
        """Hear of the end of ``to`` (or of a break of the link) once, through :meth:`exited`; at once if it is not there."""
        self._society.link(self, Address(to))

    def spawn(self, child: Process, host: str | None = None) -> Address:
        """Start a child process, by default on the same host. A child lives no longer than its parent."""
        return self._society.spawn(child, self._host if host is None else host, self)

    def terminate(self, address: str | None = None) -> None:
        """End this process, or another one: at once, dropping what is queued for it. Linked processes hear of it."""
        self._society.terminate(self._address if address is None else Address(address))

    def unique_name(self, prefix: str) -> str:
        """``prefix(1)``, ``prefix(2)``, ...: counted per host, as libprocess names its processes."""
        return self._society.unique_name(prefix, self._host)

    def note(self, template: str, *args: Any) -> None:
        """Write a line into the trace; ``template.format(*args)`` happens only when somebody reads it."""
        kernel = self._kernel
        kernel.flat += (kernel.now, "note", self._address, template, args, kernel.cause)

    # -- looking ----------------------------------------------------------------------------------------------------

    @Reading
    def now(self) -> int:
        """Virtual time since the run began, in nanoseconds."""
        return self._kernel.now

    @Reading
    def elapsed(self) -> Duration:
        """Virtual time since the run began."""
        return Duration(self._kernel.now)

    @Reading
    def time(self) -> datetime:
        """Virtual time as an aware UTC datetime."""
        return self._society.datetime_at(self._kernel.now)

    @Reading
    def name(self) -> str:
        """The part of its address before the ``@``."""
        return self._name

    @Reading
    def host(self) -> str:
        """The host it runs on."""
        return self._host

    @Reading
    def path(self) -> str:
        """Its creation path, which names it in choices."""
        return self._path

    @Reading
    def root(self) -> str:
        """The creation path of its ancestor at the top level; its own if it has none."""
        return self._root

    @Reading
    def alive(self) -> bool:
        """Whether it was spawned and has not ended."""
        return self._alive

    @Reading
    def world(self) -> Any:
        """The world it lives in."""
        return self._world

    def __str__(self) -> str:
        return str(self._address) if self._alive else self._name

    def _canonical(self) -> str:
        # How digests name a process that is an argument of something.
        return getattr(self, "_path", self._name)

    # -- machinery --------------------------------------------------------------------------------------------------

    def _join(self, society: Society, address: Address, host: str, path: str, parent: Any) -> None:
        self._society = society
        self._kernel = society.kernel
        self._world = society.world
        self.address = self._address = address
        self._host = host
        self._path = path
        if parent is None:
            self._root = path
        else:
            self._root = parent._root
            self._parent = parent._address
        self._alive = True
        self._messages: dict[str, Channel] = {}
        self._dispatches: dict[str, Channel] = {}
        self._backoffs: dict[str, Stream] = {}

    def _exit_channel(self, to: Address) -> Channel:
        if self._exits is None:
            self._exits = {}
        channel = self._exits.get(to)
        if channel is None:
            channel = self._exits[to] = self._society.channel(EXITED, self, to)
        return channel

    def _method(self, name: str) -> Callable[..., Any]:
        method = getattr(self, name, None)
        if not callable(method):
            near = difflib.get_close_matches(str(name), [n for n in dir(type(self)) if not n.startswith("__")], 3)
            hint = f"; did you mean {', '.join(near)}?" if near else ""
            raise MisuseError(f"{type(self).__name__} has no method {name!r}{hint}")
        return method  # type: ignore[no-any-return]


def _address(to: str) -> Address:
    return to if type(to) is Address else Address(to)
