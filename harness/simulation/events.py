"""What travels: addresses, the kinds of delivery, channels, timers.

What is made for every event is a msgspec struct, for the sake of its constructor.

A *channel* is one sender-to-receiver FIFO. Messages, dispatches, exited events and pieces of work travel on channels of
their own, so order is kept within each and free between them (libprocess's guarantee, and no more than that).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from harness.simulation.choices import Stream
from harness.simulation.future import Future


class Address(str):
    """Where a process can be reached; prints as, equals and may be replaced by the text ``name@host``."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The part before the ``@``."""
        return self.partition("@")[0]

    @property
    def host(self) -> str:
        """The part after the ``@``."""
        return self.partition("@")[2]


# The kinds of channel.
MESSAGE, DISPATCH, EXITED, WORK, START = "message", "dispatch", "exited", "work", "start"


class Start:
    """First delivery of every process: runs ``initialize``."""

    __slots__ = ()

    def __str__(self) -> str:
        return "initialize"


START_EVENT = Start()


class Dispatch(msgspec.Struct, eq=False):
    """A call of a method of the receiver, by name.

    ``future`` is completed by whoever runs the method; None if nobody wants to know.
    """

    method: str
    args: tuple[Any, ...]
    future: Future[Any] | None = None

    def __str__(self) -> str:
        return f"{self.method}({', '.join(map(str, self.args))})"


class Exited:
    """A linked process ended, or the link to it broke."""

    __slots__ = ("address",)

    def __init__(self, address: Address) -> None:
        self.address = address

    def __str__(self) -> str:
        return f"exited({self.address})"


class Work:
    """Something of the process itself that took a while: a store, a launch. Runs a method of it when done."""

    __slots__ = ("args", "label", "method")

    def __init__(self, label: str, method: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.label = label
        self.method = method
        self.args = args

    def __str__(self) -> str:
        return f"{self.label} done: {self.method.__name__}"


class Released:
    """A delivery that has passed the message rules already: it was held, delayed or duplicated by one."""

    __slots__ = ("payload",)

    def __init__(self, payload: Any) -> None:
        self.payload = payload

    def __str__(self) -> str:
        return str(self.payload)


class Channel(msgspec.Struct, eq=False):
    """One sender-to-receiver FIFO with its latency range and its own stream of draws.

    Attributes:
        entity: names it in choices.
        last: the due time of the newest delivery; later ones are never due earlier, which is what keeps the order.
        ranked: the instant at which deliveries of it have been ranked among others; see ``Kernel._order_ties``.
        blocked, lost, duplicated: network conditions; see ``network.py``.
    """

    kind: str
    source: Address
    source_root: str
    target: Address
    entity: str
    stream: Stream | None = None
    low: int = 0
    span: int = 0
    last: int = 0
    ranked: int = -1
    blocked: bool = False
    lost: int = 0
    duplicated: int = 0

    def __str__(self) -> str:
        return f"{self.source} -> {self.target}"


class Timer(msgspec.Struct, eq=False):
    """A pending call at an exact instant. ``low_ns`` and ``high_ns`` are the range that its delay was drawn from."""

    owner: Any
    method: Callable[..., Any]
    args: tuple[Any, ...]
    armed_ns: int
    due_ns: int
    low_ns: int
    high_ns: int
    recurring: bool
    pending: bool = True

    @property
    def live(self) -> bool:
        """Whether it is still to fire: not fired, not cancelled, and its owner lives."""
        return self.pending and self.owner._alive

    @property
    def purpose(self) -> str:
        """The name of the method it calls."""
        return self.method.__name__

    def cancel(self) -> bool:
        """Take it back; True if it had neither fired nor been cancelled. Cancelling twice is harmless."""
        was_live, self.pending = self.live, False
        # The kernel looks for such timers only once there may be some.
        self.owner._kernel.withdrawn = True
        return was_live
