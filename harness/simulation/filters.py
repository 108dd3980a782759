"""Rules on deliveries: expect, drop, hold, delay, duplicate, forbid; messages, dispatches and exited events alike.

A rule is asked when a delivery is taken from the receiver's queue, just before it is served, newest rule first. Rules that
only watch record it and pass it on to older ones; the first that decides, decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from types import TracebackType
from typing import Any, NamedTuple, TypeAlias

from harness.durations import Duration, DurationLike, to_ns
from harness.errors import ExpectationError, MisuseError
from harness.simulation.events import DISPATCH, EXITED, MESSAGE, WORK, Address, Channel, Dispatch, Exited, Released, Timer, Work
from harness.simulation.future import Future, Promise
from harness.simulation.network import Network
from harness.simulation.parties import Party
from harness.simulation.society import Society
from harness.simulation.trace import DROPPED, HELD

_WATCH, _DROP, _HOLD, _DELAY, _DUPLICATE, _NEVER = "expect", "drop", "hold", "delay", "duplicate", "never"


class SeenDelivery(NamedTuple):
    """A delivery as a rule saw it; ``message`` is the message, the :class:`Dispatch` or the :class:`Exited`."""

    message: Any
    src: Address
    dst: Address
    time: Duration


class InFlight(NamedTuple):
    """A message on its way."""

    message: Any
    src: Address
    dst: Address
    sent: Duration


_Kept: TypeAlias = tuple[Channel, Any, list[Callable[[], None]]]
"""Channel, payload, and whom to tell when it has been handled after all."""


class Rule:
    """One rule; a context manager that cancels it at the end of the block.

    Waiting on it waits for the first match to be *handled*; ``intercepted`` is ready just before the handler runs.
    """

    def __init__(
        self,
        book: Messages,
        action: str,
        kind: str,
        what: type | tuple[type, ...] | str | None,
        src: Party,
        dst: Party,
        times: int | None,
        where: Callable[[Any], bool] | None,
    ) -> None:
        if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
            raise MisuseError(f"{action}(times={times!r}): wanted a whole number of at least 1, or None for no limit")
        if where is not None and not callable(where):
            raise MisuseError(f"{action}(where={where!r}): wanted a function of the message")
        self._book = book
        self.action = action
        self.kind = kind
        self._what = what
        self._src = src
        self._dst = dst
        self._times = times
        self._where = where
        self._by = 0
        self._kept: list[_Kept] = []
        self._intercepted: Promise[Any] = Promise(f"{self}, intercepted")
        self._handled: Promise[Any] = Promise(f"{self}, handled")
        self.deliveries: list[SeenDelivery] = []

    @property
    def intercepted(self) -> Future[Any]:
        """Ready with the first matching message just before its handler runs."""
        return self._intercepted.future

    @property
    def handled(self) -> Future[Any]:
        """Ready with the first matching message after its handler ran."""
        return self._handled.future

    @property
    def future(self) -> Future[Any]:
        """What waiting for the rule waits for: :attr:`handled`; for a rule that stops the message, :attr:`intercepted`."""
        return self.handled if self.action in (_WATCH, _DELAY, _DUPLICATE, _NEVER) else self.intercepted

    @property
    def count(self) -> int:
        """How many deliveries have matched."""
        return len(self.deliveries)

    @property
    def messages(self) -> list[Any]:
        """All messages that have matched, in order."""
        return [delivery.message for delivery in self.deliveries]

    @property
    def message(self) -> Any:
        """The newest message that has matched; None before the first."""
        return self.deliveries[-1].message if self.deliveries else None

    @property
    def held(self) -> int:
        """How many deliveries a ``hold`` keeps back now."""
        return len(self._kept)

    def cancel(self) -> None:
        """No longer ask this rule; what it holds stays held until :meth:`release`."""
        self._book._remove(self)

    def release(self) -> int:
        """Deliver what is held, past every other rule, in order, and stop holding; returns how many there were."""
        if self.action != _HOLD:
            raise MisuseError(f"{self}: only a hold rule has something to release")
        self.cancel()
        kept, self._kept = self._kept, []
        newest: dict[Channel, int] = {}
        for channel, payload, watching in kept:
            # What was held in one channel stays in order among itself.
            newest[channel] = self._book._redeliver(channel, payload, watching, newest.get(channel, 0))
        return len(kept)

    def __enter__(self) -> Rule:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.cancel()

    def __str__(self) -> str:
        if isinstance(self._what, str):
            what = f"dispatch of {self._what}"
        elif self._what is None:
            what = "exited event"
        else:
            types = self._what if isinstance(self._what, tuple) else (self._what,)
            what = " or ".join(message_type.__name__ for message_type in types)
        return f"{self.action} {what} from {self._src} to {self._dst}"

    # -- machinery --------------------------------------------------------------------------------------------------

    def _exhausted(self) -> bool:
        return self._times is not None and len(self.deliveries) >= self._times

    def _matches(self, channel: Channel, payload: Any, target_root: str) -> bool:
        kind = channel.kind
        if kind == WORK:
            # When a piece of work is done the process calls a method of its own, which is a dispatch in all but name.
            kind = DISPATCH
        if kind != self.kind or self._exhausted():
            return False
        if self.kind == MESSAGE:
            if not isinstance(payload, self._what):  # type: ignore[arg-type]
                return False
        elif kind == DISPATCH and _method_of(payload) != self._what:
            return False
        covered = self._src.covers(channel.source, channel.source_root) and self._dst.covers(channel.target, target_root)
        return covered and (self._where is None or bool(self._where(payload)))

    def _see(self, channel: Channel, payload: Any, now: int) -> None:
        self.deliveries.append(SeenDelivery(payload, channel.source, channel.target, Duration(now)))
        self._intercepted.set(payload)

    def _tell_handled(self, payload: Any) -> None:
        self._handled.set(payload)


class Messages:
    """Rules on everything that is delivered in one world, and posting from outside."""

    def __init__(self, society: Society, network: Network) -> None:
        self._society = society
        self._network = network
        self._kernel = society.kernel
        self._rules: list[Rule] = []
        self._holding: list[Rule] = []
        self._posts: dict[tuple[str, str], Channel] = {}
        self._tell_later: dict[Released, list[Callable[[], None]]] = {}

    # -- messages ---------------------------------------------------------------------------------------------------

    def expect(
        self, message_type: type | tuple[type, ...], src: Any = None, dst: Any = None, where: Callable[[Any], bool] | None = None
    ) -> Rule:
        """Watch messages of this class; satisfied by the first, goes on recording, never fails because of more."""
        return self._message_rule(_WATCH, message_type, src, dst, None, where)

    def drop(
        self,
        message_type: type | tuple[type, ...],
        src: Any = None,
        dst: Any = None,
        times: int | None = None,
        where: Callable[[Any], bool] | None = None,
    ) -> Rule:
        """Discard matching messages: the next ``times``, or all."""
        return self._message_rule(_DROP, message_type, src, dst, times, where)

    def hold(
        self,
        message_type: type | tuple[type, ...],
        src: Any = None,
        dst: Any = None,
        times: int | None = None,
        where: Callable[[Any], bool] | None = None,
    ) -> Rule:
        """Keep matching messages back until ``release()``; later traffic of their channels may overtake them."""
        return self._message_rule(_HOLD, message_type, src, dst, times, where)

    def delay(
        self,
        message_type: type | tuple[type, ...],
        src: Any = None,
        dst: Any = None,
        times: int | None = None,
        where: Callable[[Any], bool] | None = None,
        *,
        by: DurationLike,
    ) -> Rule:
        """Deliver matching messages later by this much virtual time (a paused clock keeps them)."""
        ns = to_ns(by, "by")
        if ns < 0:
            raise MisuseError(f"delay(by={by!r}) lies in the past")
        rule = self._message_rule(_DELAY, message_type, src, dst, times, where)
        rule._by = ns
        return rule

    def duplicate(
        self,
        message_type: type | tuple[type, ...],
        src: Any = None,
        dst: Any = None,
        times: int | None = None,
        where: Callable[[Any], bool] | None = None,
    ) -> Rule:
        """Deliver matching messages a second time; the copy passes the rules unseen."""
        return self._message_rule(_DUPLICATE, message_type, src, dst, times, where)

    def never(
        self, message_type: type | tuple[type, ...], src: Any = None, dst: Any = None, where: Callable[[Any], bool] | None = None
    ) -> Rule:
        """Fail the run when such a message is delivered, until the end of the run or ``cancel()``."""
        return self._message_rule(_NEVER, message_type, src, dst, None, where)

    # -- dispatches and exited events -------------------------------------------------------------------------------

    def expect_dispatch(self, dst: Any, method: str, src: Any = None, where: Callable[[Any], bool] | None = None) -> Rule:
        """Watch dispatches of ``method`` (by name) to any process of ``dst``; ``where`` is given the dispatch (``.args``)."""
        return self._dispatch_rule(_WATCH, dst, method, src, None, where)

    def drop_dispatch(
        self, dst: Any, method: str, src: Any = None, times: int | None = None, where: Callable[[Any], bool] | None = None
    ) -> Rule:
        """Discard dispatches; their futures are never completed."""
        return self._dispatch_rule(_DROP, dst, method, src, times, where)

    def hold_dispatch(
        self, dst: Any, method: str, src: Any = None, times: int | None = None, where: Callable[[Any], bool] | None = None
    ) -> Rule:
        """Keep dispatches back until ``release()``, also those of a process to itself."""
        return self._dispatch_rule(_HOLD, dst, method, src, times, where)

    def expect_exited(self, src: Any = None, dst: Any = None) -> Rule:
        """Watch exited events: ``src`` ended, ``dst`` hears of it."""
        return self._add(Rule(self, _WATCH, EXITED, None, self._party(src, "src"), self._party(dst, "dst"), None, None))

    def drop_exited(self, src: Any = None, dst: Any = None, times: int | None = None) -> Rule:
        """Discard exited events."""
        return self._add(Rule(self, _DROP, EXITED, None, self._party(src, "src"), self._party(dst, "dst"), times, None))

    def inject_exited(self, src: Any, dst: Any) -> None:
        """Make ``dst`` hear that ``src`` ended, whatever is true, without touching the links."""
        self._society.tell_exited(self._address(src, "src"), self._address(dst, "dst"))

    # -- from outside -----------------------------------------------------------------------------------------------

    def post(self, message: Any, src: Any = None, dst: Any = None) -> None:
        """Send a message with any claimed sender, also a pid of a process that is gone; keeps channel order.

        Args:
            message: anything the receiver handles.
            src: a handle, an address or pid text; None for nobody.
            dst: the receiver; required.
        """
        if dst is None:
            raise MisuseError("post needs dst=: a handle, an address or a pid")
        source = Address("") if src is None else self._address(src, "src")
        target = self._address(dst, "dst")
        society = self._society
        sender = society.processes.get(source)
        if sender is not None:
            sender.send(target, message)
            return
        key = (source, target)
        channel = self._posts.get(key)
        if channel is None:
            channel = society.open(MESSAGE, source or "test", source, society.roots.get(source, ""), target)
            self._posts[key] = channel
        self._kernel.post(channel, message)

    @property
    def in_flight(self) -> list[InFlight]:
        """The messages on their way, soonest first."""
        entries = sorted(self._kernel.deliveries, key=lambda entry: entry[:3])
        return [
            InFlight(_bare(payload), channel.source, channel.target, Duration(sent))
            for _, _, _, channel, payload, sent, _ in entries
            if channel.kind == MESSAGE
        ]

    @property
    def kept(self) -> list[str]:
        """What hold rules keep back and drop rules have discarded, one line each, for the report of a deadlock."""
        lines = [
            f"{_bare(p)} from {c.source} to {c.target}, kept by '{rule}'" for rule in self._holding for c, p, _ in rule._kept
        ]
        return lines + [f"{rule.count} discarded by '{rule}'" for rule in self._rules if rule.action == _DROP and rule.count]

    # -- machinery --------------------------------------------------------------------------------------------------

    def look(self, channel: Channel, payload: Any, sent: int, cause: int) -> Iterable[Callable[[], None]] | None:
        """Decide on one delivery: whom to tell when it has been handled, or None if it is not to be handled now."""
        if not self._network.calm and self._network.stops(channel, payload, sent, cause):
            return None
        if type(payload) is Released:
            return self._tell_later.pop(payload, ())
        society = self._society
        root = society.roots.get(channel.target, "")
        now = self._kernel.now
        watching: list[Callable[[], None]] = []
        for rule in reversed(self._rules):
            if not rule._matches(channel, payload, root):
                continue
            rule._see(channel, payload, now)
            if rule.action == _WATCH:
                watching.append(partial(rule._tell_handled, payload))
                continue
            return self._decide(rule, channel, payload, sent, cause, watching)
        return watching

    def _decide(
        self, rule: Rule, channel: Channel, payload: Any, sent: int, cause: int, watching: list[Callable[[], None]]
    ) -> Iterable[Callable[[], None]] | None:
        kernel = self._kernel
        if rule.action == _NEVER:
            raise ExpectationError(
                f"{type(payload).__name__} was delivered at {Duration(kernel.now)}, but a rule says never: {rule}\n"
                f"  message: {payload}\n  from {channel.source} to {channel.target}, sent at {Duration(sent)}"
            )
        if rule.action == _DUPLICATE:
            kernel.post(channel, Released(payload))
            watching.append(partial(rule._tell_handled, payload))
            return watching
        kernel.flat += (kernel.now, DROPPED if rule.action == _DROP else HELD, channel, payload, sent, cause)
        if rule.action == _HOLD:
            rule._kept.append((channel, payload, [*watching, partial(rule._tell_handled, payload)]))
        elif rule.action == _DELAY:
            now = kernel.now
            args = (channel, payload, [*watching, partial(rule._tell_handled, payload)])
            owner = self._society.processes[channel.target]
            kernel.arm(Timer(owner, self._delayed_delivery, args, now, now + rule._by, rule._by, rule._by, False))
        return None

    def _redeliver(self, channel: Channel, payload: Any, watching: list[Callable[[], None]], not_before: int) -> int:
        """Send it on its way again, due ``not_before`` this instant (ns) at the earliest; returns when it is due."""
        released = Released(payload)
        self._tell_later[released] = watching
        # Apart from the channel's order: later traffic may have passed meanwhile.
        last, channel.last = channel.last, not_before
        self._kernel.post(channel, released)
        due = channel.last
        channel.last = max(last, due)
        return due

    def _delayed_delivery(self, channel: Channel, payload: Any, watching: list[Callable[[], None]]) -> None:
        """The end of a delay: it has been on its way already, so it is due now, without another latency."""
        low, span = channel.low, channel.span
        channel.low = channel.span = 0
        self._redeliver(channel, payload, watching, 0)
        channel.low, channel.span = low, span

    def _message_rule(
        self,
        action: str,
        message_type: type | tuple[type, ...],
        src: Any,
        dst: Any,
        times: int | None,
        where: Callable[[Any], bool] | None,
    ) -> Rule:
        types = message_type if isinstance(message_type, tuple) else (message_type,)
        if not types or not all(isinstance(one, type) for one in types):
            raise MisuseError(f"{action}({message_type!r}): wanted a message class or a tuple of them")
        return self._add(
            Rule(self, action, MESSAGE, message_type, self._party(src, "src"), self._party(dst, "dst"), times, where)
        )

    def _dispatch_rule(
        self, action: str, dst: Any, method: str, src: Any, times: int | None, where: Callable[[Any], bool] | None
    ) -> Rule:
        if not isinstance(method, str) or not method.isidentifier():
            raise MisuseError(f"{action}_dispatch(method={method!r}): wanted the name of a method, such as 'add_slave'")
        return self._add(Rule(self, action, DISPATCH, method, self._party(src, "src"), self._party(dst, "dst"), times, where))

    def _party(self, given: Any, argument: str) -> Party:
        return Party(given, self._society, argument)

    def _address(self, given: Any, argument: str) -> Address:
        if isinstance(given, str) and "@" in given:
            return Address(given)
        pid = getattr(given, "pid", None) or getattr(given, "address", None)
        if not isinstance(pid, str):
            raise MisuseError(f"{argument}={given!r}: wanted a running handle, an Address or a pid such as 'master@master'")
        return Address(pid)

    def _add(self, rule: Rule) -> Rule:
        self._rules.append(rule)
        if rule.action == _HOLD:
            self._holding.append(rule)
        self._society.ask_first(self.look)
        return rule

    def _remove(self, rule: Rule) -> None:
        if rule in self._rules:
            self._rules.remove(rule)


def _method_of(payload: Dispatch | Work) -> str:
    return payload.method if isinstance(payload, Dispatch) else payload.method.__name__


def _bare(payload: Any) -> Any:
    return payload.payload if isinstance(payload, Released) else payload


__all__ = ["Dispatch", "Exited", "InFlight", "Messages", "Rule", "SeenDelivery"]
