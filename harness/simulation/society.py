"""Who is there: names, hosts, channels, links, the end of a process, and what a delivery does to its receiver."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Protocol

from harness.errors import MisuseError, ProcessError
from harness.simulation.events import (
    DISPATCH,
    EXITED,
    MESSAGE,
    START,
    START_EVENT,
    Address,
    Channel,
    Exited,
    Released,
)
from harness.simulation.future import Future
from harness.simulation.kernel import Kernel
from harness.simulation.trace import DELIVERED, DROPPED, ENDED, SPAWNED, STRIDE

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
"""The instant at which every run begins; fixed, because a run depends on nothing but its choices."""


class Member(Protocol):
    """What the society needs of a process; see process.py for the real thing."""

    _handlers: ClassVar[dict[type, Callable[..., Any]]]
    _children: dict[Address, None] | None
    _linked: dict[Address, None] | None
    _parent: Address | None
    _name: str
    _address: Address
    _path: str
    _root: str
    _host: str
    _alive: bool

    def initialize(self) -> None: ...
    def finalize(self) -> None: ...
    def exited(self, address: Address) -> None: ...
    def _join(self, society: Society, address: Address, host: str, path: str, parent: Any) -> None: ...
    def _exit_channel(self, to: Address) -> Channel: ...
    def _method(self, name: str) -> Callable[..., Any]: ...


class Weather(Protocol):
    """What the society asks of the network: the latency of a new channel and its conditions."""

    def open(self, channel: Channel) -> None: ...


class Society:
    """All processes of one world."""

    __slots__ = (
        "_names",
        "_spawned",
        "awaited",
        "channels",
        "classes",
        "intercept",
        "interrupted",
        "kernel",
        "links",
        "names_of_hosts",
        "processes",
        "roots",
        "weather",
        "world",
    )

    def __init__(self, kernel: Kernel, world: Any) -> None:
        self.kernel = kernel
        self.world = world
        self.processes: dict[str, Any] = {}
        # The root of the process that has, or last had, an address; rules and handles ask.
        self.roots: dict[str, str] = {}
        # The name of its class; kinds of event are told by it, during the run and afterwards.
        self.classes: dict[str, str] = {}
        self.channels: list[Channel] = []
        # linkee -> its linkers, in the order of linking.
        self.links: dict[Address, dict[Address, None]] = {}
        self.weather: Weather
        # Set once somebody declares a message rule or a network fault: (channel, payload, sent, cause) -> who wants to know
        # when the delivery has been handled, or None if it must not be handled now.
        self.intercept: Callable[[Channel, Any, int, int], Iterable[Callable[[], None]] | None] | None = None
        # What a test waits for now. A delivery whose interception makes it ready is kept from its handler until the test
        # drives on: (channel, payload, sent, cause, who wants to know when it has been handled).
        self.awaited: Future[Any] | None = None
        self.interrupted: tuple[Channel, Any, int, int, Iterable[Callable[[], None]]] | None = None
        self._spawned: dict[str, int] = {}
        self._names: dict[tuple[str, str], int] = {}
        self.names_of_hosts: dict[str, None] = {}
        kernel.receive = self.receive

    # -- names ------------------------------------------------------------------------------------------------------

    def unique_name(self, prefix: str, host: str) -> str:
        """``prefix(n)`` with the next n of that prefix on that host."""
        key = (prefix, host)
        n = self._names[key] = self._names.get(key, 0) + 1
        return f"{prefix}({n})"

    def datetime_at(self, ns: int) -> datetime:
        """The datetime ``ns`` after the beginning of the run."""
        return EPOCH + timedelta(microseconds=ns // 1000)

    def spawn(self, process: Any, host: str | None, parent: Member | None) -> Address:
        """Give ``process`` an address and queue its initialisation."""
        # Its __dict__ is not asked: an instance that is asked for one has to make it, and is slower and larger ever after.
        if not isinstance(getattr(process, "_name", None), str):
            raise MisuseError(
                f"cannot spawn {type(process).__name__}: wanted a Process whose __init__ called super().__init__(name)"
            )
        if process._alive:
            raise MisuseError(f"{process} is running already; make a new instance")
        if host is None:
            host = self._free_host(process._name)
        address = Address(f"{process._name}@{host}")
        if address in self.processes:
            raise MisuseError(f"there is already a process {address}; use another name or host, or terminate it first")
        if address in self.roots:
            self._drop_queued(address)
        base = f"{parent._path}/{process._name}" if parent is not None else str(address)
        n = self._spawned[base] = self._spawned.get(base, 0) + 1
        path = base if n == 1 else f"{base}#{n}"
        process._join(self, address, host, path, parent)
        self.processes[address] = process
        root = self.roots[address] = process._root
        self.classes[address] = type(process).__name__
        self.names_of_hosts[host] = None
        if parent is not None:
            if parent._children is None:
                parent._children = {}
            parent._children[address] = None
        kernel = self.kernel
        kernel.flat += (kernel.now, SPAWNED, address, "spawned", (), kernel.cause)
        channel = Channel(START, address, root, address, f"{path} start")
        kernel.post(channel, START_EVENT)
        return address

    def _drop_queued(self, address: Address) -> None:
        # What was on its way to an earlier process of this address died with it, as bytes do with their connection. Only
        # what a test itself has posted, from nobody, is for whoever is there.
        kernel = self.kernel
        doomed = {entry[3]: None for entry in sorted(kernel.deliveries) if entry[3].target == address and entry[3].source}
        for channel in doomed:
            for payload in kernel.withdraw(channel):
                kernel.flat += (kernel.now, DROPPED, channel, payload, kernel.now, kernel.cause)

    def _free_host(self, name: str) -> str:
        host, n = name, 1
        while host in self.names_of_hosts:
            n += 1
            host = f"{name}-{n}"
        return host

    def channel(self, kind: str, source: Member, target: Address, label: str = "") -> Channel:
        """Open the channel of this kind from ``source`` to ``target``; latency as the network says."""
        return self.open(kind, source._path, source._address, source._root, target, label)

    def open(self, kind: str, path: str, source: Address, root: str, target: Address, label: str = "") -> Channel:
        """As :meth:`channel`, for a sender that may not exist (any more)."""
        entity = f"{path} -> {target}" if kind is MESSAGE else f"{path} -> {target} {label or kind}"
        channel = Channel(kind, source, root, target, entity)
        self.weather.open(channel)
        self.channels.append(channel)
        return channel

    # -- links and ends ---------------------------------------------------------------------------------------------

    def link(self, linker: Member, to: Address) -> None:
        """``linker`` hears of the end of ``to`` once; at once if it does not exist."""
        if to in self.processes:
            self.links.setdefault(to, {})[linker._address] = None
            if linker._linked is None:
                linker._linked = {}
            linker._linked[to] = None
        else:
            self.tell_exited(to, linker._address)

    def break_link(self, linker: Address, linkee: Address) -> bool:
        """Break one direction of a link: ``linker`` hears that ``linkee`` is gone. False if there was no such link."""
        linkers = self.links.get(linkee)
        if linkers is None or linker not in linkers:
            return False
        del linkers[linker]
        self.tell_exited(linkee, linker)
        return True

    def tell_exited(self, source: Address, target: Address) -> None:
        """Deliver an exited event about ``source`` to ``target``, whatever the links say."""
        process = self.processes.get(source)
        entity = f"{source if process is None else process._path} -> {target} exited"
        channel = Channel(EXITED, source, self.roots.get(source, ""), target, entity)
        self.weather.open(channel)
        # The target finds out by itself (a refused connection, a reset): no partition and no loss keeps it from that.
        channel.blocked, channel.lost = False, 0
        self.kernel.post(channel, Exited(source))

    def terminate(self, address: Address) -> bool:
        """End a process and its children at once; linkers hear of it. False if it is not there."""
        # Taken out first: a finalize that ends this process, or its parent, again must find nothing to do.
        process = self.processes.pop(address, None)
        if process is None:
            return False
        if process._children:
            for child in reversed(list(process._children)):
                self.terminate(child)
        process.finalize()
        process._alive = False
        if process._parent is not None and process._parent in self.processes:
            self.processes[process._parent]._children.pop(address, None)
        for linkee in process._linked or ():
            if linkee in self.links:
                self.links[linkee].pop(address, None)
        kernel = self.kernel
        kernel.withdrawn = True
        kernel.flat += (kernel.now, ENDED, address, "ended", (), kernel.cause)
        for linker in self.links.pop(address, ()):
            kernel.post(process._exit_channel(linker), Exited(address))
        return True

    # -- what happens to an event -----------------------------------------------------------------------------------

    def resume(self) -> None:
        """Go on with the delivery before whose handler a wait has ended."""
        interrupted, self.interrupted = self.interrupted, None
        if interrupted is not None:
            self.receive_asking(*interrupted)
            self.kernel.cause = -1

    def ask_first(self, intercept: Callable[[Channel, Any, int, int], Iterable[Callable[[], None]] | None]) -> None:
        """From now on ask ``intercept`` (channel, payload, sent, cause) about every delivery.

        It answers who wants to know when the delivery has been handled, or None if it must not be handled now.
        """
        self.intercept = intercept
        self.kernel.receive = self.receive_asking

    def receive(self, channel: Channel, payload: Any, sent: int, cause: int) -> None:
        """Run one delivery at its receiver."""
        process = self.processes.get(channel.target)
        kernel = self.kernel
        flat = kernel.flat
        if process is None:
            flat += (kernel.now, DROPPED, channel, payload, sent, cause)
            return
        kernel.cause = len(flat) // STRIDE
        if type(payload) is Released:
            payload = payload.payload
        flat += (kernel.now, DELIVERED, channel, payload, sent, cause)
        if channel.kind is MESSAGE:
            handler = process._handlers.get(type(payload)) or self._handler_of_base(process, payload)
            handler(process, channel.source, payload)
        else:
            self._handle(process, channel, payload)

    def receive_asking(
        self, channel: Channel, payload: Any, sent: int, cause: int, seen: Iterable[Callable[[], None]] | None = None
    ) -> None:
        """As :meth:`receive`, once somebody has declared rules; ``seen`` if they have been asked before."""
        if channel.target not in self.processes or self.intercept is None:
            self.receive(channel, payload, sent, cause)
            return
        watching = self.intercept(channel, payload, sent, cause) if seen is None else seen
        if watching is None:
            return
        if seen is None and self.awaited is not None and self.awaited.done:
            self.interrupted = (channel, payload, sent, cause, watching)
            return
        self.receive(channel, payload, sent, cause)
        for tell in watching:
            tell()

    def _handle(self, process: Any, channel: Channel, payload: Any) -> None:
        kind = channel.kind
        if kind is DISPATCH:
            method = getattr(process, payload.method, None)
            result = (method if method is not None else process._method(payload.method))(*payload.args)
            future = payload.future
            if future is None:
                return
            if isinstance(result, Future):
                future.follow(result)
            else:
                future.complete(result)
        elif kind is EXITED:
            process.exited(payload.address)
        elif kind is START:
            process.initialize()
        else:
            payload.method(*payload.args)

    def _handler_of_base(self, process: Any, payload: Any) -> Callable[..., Any]:
        cls = type(process)
        for base in type(payload).__mro__:
            handler = cls._handlers.get(base)
            if handler is not None:
                # Remembered per class of process: a pure fact about two classes.
                cls._handlers[type(payload)] = handler
                return handler  # type: ignore[no-any-return]
        name = type(payload).__name__
        known = ", ".join(sorted(handled.__name__ for handled in cls._handlers)) or "none"
        raise ProcessError(
            f"{process._path} ({cls.__name__}) has no handler for {name}; it handles: {known}. Mark one with @handles({name}).\n"
            f"The last events before it (virtual time, process, event):\n{self._last_events()}"
        )

    def _last_events(self) -> str:
        return "\n".join(f"  {line}" for line in self.kernel.trace.recent(12))

    def process_error(self, error: Exception, step: int) -> ProcessError:
        """What an exception out of the handler that ran at this step of the trace looks like to a test."""
        record = self.kernel.trace[step]
        process = self.processes.get(record.process)
        failure = ProcessError(
            f"{record.process if process is None else process._path} failed while handling {record.text}: "
            f"{type(error).__name__}: {error}\n"
            f"The last events before it (virtual time, process, event):\n{self._last_events()}"
        )
        failure.step = step
        return failure
