"""The network between hosts: latency windows, partitions, losses, duplicates, broken links.

Streams lose no bytes: what a partition stops is kept and delivered, in order, once it heals. What :meth:`Network.loss`
takes is gone. Order within one sender-receiver pair is kept under all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from harness.durations import Duration, DurationLike, to_ns
from harness.errors import MisuseError
from harness.simulation.events import DISPATCH, EXITED, MESSAGE, Channel, Released
from harness.simulation.parties import Party
from harness.simulation.society import Society
from harness.simulation.trace import DROPPED, HELD

_MILLION = 1_000_000


class _Condition:
    __slots__ = ("both_ways", "high", "kind", "low", "outside", "rate", "source", "target")

    def __init__(self, kind: str, source: Party, target: Party, *, both_ways: bool = False, outside: bool = False) -> None:
        self.kind = kind
        self.source = source
        self.target = target
        self.both_ways = both_ways
        # Everything between the source and the rest of the world.
        self.outside = outside
        self.low = 0
        self.high = 0
        self.rate = 0

    def applies(self, channel: Channel, target_root: str) -> bool:
        source, root, target = channel.source, channel.source_root, channel.target
        if self.outside:
            return self.source.covers(source, root) != self.source.covers(target, target_root)
        if self.source.covers(source, root) and self.target.covers(target, target_root):
            return True
        return self.both_ways and self.target.covers(source, root) and self.source.covers(target, target_root)


class Network:
    """Conditions between processes; a handle or a host name stands for everything on that host, an address for itself.

    Args:
        society: the processes of the world.
        remote: latency range between hosts, in ns.
        local: latency range inside one host, in ns.
    """

    def __init__(self, society: Society, remote: tuple[int, int], local: tuple[int, int]) -> None:
        self._society = society
        self._kernel = society.kernel
        self._remote_low, self._remote_span = remote[0], remote[1] - remote[0]
        self._local_low, self._local_span = local[0], local[1] - local[0]
        self._conditions: list[_Condition] = []
        self._held: dict[Channel, list[tuple[Any, int, int]]] = {}
        # Whether deliveries have to be looked at, and by whom; see Messages.look.
        self.calm = True
        self.look: Callable[[Channel, Any, int, int], Iterable[Callable[[], None]] | None] | None = None

    # -- for the society --------------------------------------------------------------------------------------------

    def open(self, channel: Channel) -> None:
        """Set the latency and the conditions of a new channel."""
        source = channel.source
        if not source or source.rpartition("@")[2] == channel.target.rpartition("@")[2]:
            channel.low, channel.span = self._local_low, self._local_span
        else:
            channel.low, channel.span = self._remote_low, self._remote_span
        if self._conditions:
            self._apply(channel)

    def _apply(self, channel: Channel) -> None:
        local = channel.source.host == channel.target.host
        if channel.kind not in (MESSAGE, EXITED) and (local or channel.kind != DISPATCH):
            return
        blocked, channel.lost, channel.duplicated = False, 0, 0
        root = self._society.roots.get(channel.target, "")
        for condition in self._conditions:
            if not condition.applies(channel, root):
                continue
            if condition.kind == "partition":
                blocked = True
            elif condition.kind == "loss":
                # Calls and the news of an end are no messages: a stream neither loses nor repeats them.
                channel.lost = condition.rate if channel.kind is MESSAGE else 0
            elif condition.kind == "duplicate":
                channel.duplicated = condition.rate if channel.kind is MESSAGE else 0
            else:
                channel.low, channel.span = condition.low, condition.high - condition.low
        channel.blocked = blocked
        if not blocked and channel in self._held:
            kept = [payload for payload, _, _ in self._held.pop(channel)]
            # What was sent since and is still on its way must stay behind what was kept.
            for payload in kept + self._kernel.withdraw(channel):
                self._kernel.post(channel, payload)

    def _changed(self) -> None:
        for channel in self._society.channels:
            self._apply(channel)

    def stops(self, channel: Channel, payload: Any, sent: int, cause: int) -> bool:
        """Whether a delivery that is due does not happen now: it is kept, lost, or comes again later."""
        kernel = self._kernel
        if channel.blocked:
            self._held.setdefault(channel, []).append((payload, sent, cause))
            kernel.flat += (kernel.now, HELD, channel, payload, sent, cause)
            return True
        if channel.lost and self._happens("loss", channel, channel.lost):
            kernel.flat += (kernel.now, DROPPED, channel, payload, sent, cause)
            return True
        if channel.duplicated and type(payload) is not Released and self._happens("duplicate", channel, channel.duplicated):
            kernel.post(channel, Released(payload))
        return False

    def _happens(self, site: str, channel: Channel, rate: int) -> bool:
        choices = self._kernel.choices
        # The rare answers are the high ones, so that 0, no fault, stays benign.
        return choices.draw(choices.stream(site, channel.entity), _MILLION - 1) >= _MILLION - rate

    # -- for tests --------------------------------------------------------------------------------------------------

    def partition(self, a: Any, b: Any) -> None:
        """Nothing passes between ``a`` and ``b`` until healed; what is on its way is kept."""
        self._add(_Condition("partition", self._party(a, "a"), self._party(b, "b"), both_ways=True))

    def partition_one_way(self, src: Any, dst: Any) -> None:
        """Nothing passes from ``src`` to ``dst`` until healed; the other direction works."""
        self._add(_Condition("partition", self._party(src, "src"), self._party(dst, "dst")))

    def isolate(self, x: Any) -> None:
        """Cut ``x`` off from everybody else until healed."""
        party = self._party(x, "x")
        self._add(_Condition("partition", party, party, outside=True))

    def heal(self, a: Any = None, b: Any = None) -> None:
        """End partitions: all of them, those of ``a``, or those between ``a`` and ``b``; kept messages go on in order.

        Raises:
            MisuseError: there is no such partition.
        """
        wanted = [self._party(x, name) for x, name in ((a, "a"), (b, "b")) if x is not None]

        def meant(condition: _Condition) -> bool:
            ends = (condition.source, condition.target)
            return condition.kind == "partition" and all(any(end.same_as(party) for end in ends) for party in wanted)

        kept = [condition for condition in self._conditions if not meant(condition)]
        if wanted and len(kept) == len(self._conditions):
            between = " and ".join(map(str, wanted))
            raise MisuseError(f"heal: there is no partition of {between}; heal() without arguments ends all")
        self._conditions = kept
        self._changed()

    def latency(self, src: Any, dst: Any, low: DurationLike, high: DurationLike) -> None:
        """Messages from ``src`` to ``dst`` (None: anybody) take between ``low`` and ``high`` from now on."""
        condition = _Condition("latency", self._party(src, "src"), self._party(dst, "dst"))
        condition.low, condition.high = to_ns(low, "low"), to_ns(high, "high")
        if not 0 <= condition.low <= condition.high:
            raise MisuseError(f"latency(low={low!r}, high={high!r}): wanted 0 <= low <= high")
        self._add(condition)

    def loss(self, src: Any, dst: Any, rate: float) -> None:
        """Each message from ``src`` to ``dst`` is lost with probability ``rate`` (0..1); 0 ends it. Losses are choices."""
        self._rated("loss", src, dst, rate)

    def duplicate(self, src: Any, dst: Any, rate: float) -> None:
        """Each message from ``src`` to ``dst`` comes twice with probability ``rate`` (0..1); 0 ends it.

        The second copy passes the message rules unseen.
        """
        self._rated("duplicate", src, dst, rate)

    def _rated(self, kind: str, src: Any, dst: Any, rate: float) -> None:
        if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
            raise MisuseError(f"{kind}(rate={rate!r}): wanted a probability between 0 and 1")
        condition = _Condition(kind, self._party(src, "src"), self._party(dst, "dst"))
        condition.rate = round(rate * _MILLION)
        self._add(condition)

    def break_link(self, a: Any, b: Any) -> None:
        """Break the links between ``a`` and ``b`` in both directions: each linker hears ``exited``, both live on.

        Raises:
            MisuseError: neither is linked to the other.
        """
        society = self._society
        first, second = self._party(a, "a"), self._party(b, "b")
        broken = False
        for linkee, linkers in list(society.links.items()):
            for linker in list(linkers):
                ends = ((linker, society.roots.get(linker, "")), (linkee, society.roots.get(linkee, "")))
                if (first.covers(*ends[0]) and second.covers(*ends[1])) or (second.covers(*ends[0]) and first.covers(*ends[1])):
                    broken = society.break_link(linker, linkee) or broken
        if not broken:
            raise MisuseError(f"break_link: {first} and {second} are not linked now")

    @property
    def held(self) -> list[str]:
        """The messages that partitions keep back, one line each."""
        return [
            f"{payload} from {channel.source} to {channel.target}, sent at {Duration(sent)}, kept by a partition"
            for channel, kept in self._held.items()
            for payload, sent, _ in kept
        ]

    def _party(self, given: Any, argument: str) -> Party:
        return Party(given, self._society, argument, whole_host=True)

    def _add(self, condition: _Condition) -> None:
        self._conditions.append(condition)
        self.calm = False
        if self.look is not None:
            self._society.ask_first(self.look)
        self._changed()
