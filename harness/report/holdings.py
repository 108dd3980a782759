"""Who held what when, read from the record of a run: a trace, or the calls that somebody in front of an allocator recorded.

Nothing of Mesos is imported: calls are known by their names, resources by what they can be asked (``allocations``,
``quantities``). Held means offered or in use, which is how an allocator counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from harness.simulation.events import Channel, Dispatch
from harness.simulation.trace import STRIDE, Trace

#: How a bench without a master notes an offer in the trace.
OFFER_NOTE = "Offering to framework {}: {}"

_ALLOCATOR = "hierarchical-allocator"
_PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "add_framework": ("framework_id", "framework_info", "used", "active", "options"),
    "remove_framework": ("framework_id",),
    "add_slave": ("slave_id", "slave_info", "capabilities", "unavailability", "total", "used"),
    "remove_slave": ("slave_id",),
    "update_slave": ("slave_id", "slave_info", "total", "capabilities"),
    "add_resource_provider": ("slave_id", "total", "used"),
    "recover_resources": ("framework_id", "slave_id", "resources", "filters", "is_allocated"),
    "transition_offered_to_allocated": ("slave_id", "resources"),
}

#: Thousandths by the name of the resource.
Amounts: TypeAlias = dict[str, int]


class Holder(NamedTuple):
    """A framework in one of its roles."""

    role: str
    framework: str


class Moment(NamedTuple):
    """How things stand from an event on, which is the ``event``-th of the run."""

    time_ns: int
    event: int
    totals: Amounts
    held: dict[Holder, Amounts]
    #: The part of ``held`` that is only offered, where the run tells.
    offered: dict[Holder, Amounts]

    def shares(self) -> dict[Holder, float]:
        """The dominant share of each holder: the largest part it has of anything."""
        return {holder: self.share_of(amounts) for holder, amounts in self.held.items()}

    def share_of(self, amounts: Amounts) -> float:
        """The largest part that these amounts are of anything in the cluster."""
        return max((value / self.totals[name] for name, value in amounts.items() if self.totals.get(name)), default=0.0)

    def by_role(self) -> dict[str, Amounts]:
        """What is held for each role."""
        found: dict[str, Amounts] = {}
        for holder, amounts in self.held.items():
            add(found.setdefault(holder.role, {}), amounts, 1)
        return found


class Event(NamedTuple):
    """One call to an allocator, or an ``offer`` from it; ``allocator`` tells several of them apart."""

    time_ns: int
    method: str
    args: Mapping[str, Any]
    allocator: str = ""


def events(source: Trace | Iterable[Any]) -> Iterator[Event]:
    """The calls in a trace, or in a list of records with ``method``, ``args`` (a mapping) and ``time``."""
    if isinstance(source, Trace):
        yield from _events_of(source)
        return
    calls: Iterable[Any] = source
    for call in calls:
        yield Event(call.time.ns, call.method, call.args)


def _events_of(trace: Trace) -> Iterator[Event]:
    flat = trace.flat
    for at in range(0, len(flat), STRIDE):
        time_ns, kind, subject, detail, extra = flat[at : at + 5]
        if kind == "note" and detail == OFFER_NOTE:
            yield Event(time_ns, "offer", {"framework_id": extra[0], "offers": extra[1]})
        elif kind == "delivered" and isinstance(detail, Dispatch) and isinstance(subject, Channel):
            names = _PARAMETERS.get(detail.method)
            target = str(subject.target)
            if names is not None and target.startswith(_ALLOCATOR):
                yield Event(time_ns, detail.method, dict(zip(names, detail.args, strict=False)), target)
            elif detail.method == "offer" and len(detail.args) == 2 and isinstance(detail.args[1], dict):
                yield Event(time_ns, "offer", {"framework_id": detail.args[0], "offers": detail.args[1]})


def add(amounts: Amounts, more: Mapping[str, int], sign: int) -> None:
    """Add (1) or take away (-1); what reaches nothing is left out."""
    for name, value in more.items():
        left = amounts.get(name, 0) + sign * value
        if left > 0:
            amounts[name] = left
        else:
            amounts.pop(name, None)


class Holdings:
    """Follows the events of one run; :attr:`moments` is what came of it.

    Args:
        source: see :func:`events`.
        most: how finely to look; of what happens within one such part of the run, only the end is kept.

    Attributes:
        moments: how things stood, in order.
        is_timed: whether time passes in the run; otherwise moments are told apart by their events alone.
        offers: how many offers (agent and role) were made.
        agents: the most agents there were at once.
        names: what frameworks call themselves, by id.
        tells_use: whether the run tells what came into use; without a master nobody does.
    """

    def __init__(self, source: Trace | Iterable[Any], most: int = 960) -> None:
        self.moments: list[Moment] = []
        self.offers = 0
        self.agents = 0
        self.names: dict[str, str] = {}
        self._totals: dict[str, Amounts] = {}
        self._held: dict[str, dict[Holder, Amounts]] = {}
        self._sum: Amounts = {}
        self._by_holder: dict[Holder, Amounts] = {}
        # As _held, but only what was offered and has neither come back nor come into use.
        self._offered: dict[str, dict[Holder, Amounts]] = {}
        self._allocator = ""
        known = [event for event in events(source) if hasattr(self, f"_on_{event.method}")]
        self.tells_use = any(event.method == "transition_offered_to_allocated" for event in known)
        self.is_timed = bool(known) and known[-1].time_ns > known[0].time_ns
        self._follow_all(known, most)

    def _follow_all(self, known: list[Event], most: int) -> None:
        places = [event.time_ns - known[0].time_ns if self.is_timed else index for index, event in enumerate(known)]
        for index, event in enumerate(known):
            self._follow(event)
            # Snapshots are large and events many: one for each part of the run, and one at its end.
            part = places[index] * most // (places[-1] + 1)
            if index + 1 == len(known) or places[index + 1] * most // (places[-1] + 1) != part:
                held = {holder: dict(amounts) for holder, amounts in self._by_holder.items() if amounts}
                self.moments.append(Moment(event.time_ns, index, dict(self._sum), held, self._only_offered()))

    def _only_offered(self) -> dict[Holder, Amounts]:
        found: dict[Holder, Amounts] = {}
        for by_holder in self._offered.values() if self.tells_use else ():
            for holder, amounts in by_holder.items():
                add(found.setdefault(holder, {}), amounts, 1)
        return found

    def _follow(self, event: Event) -> None:
        if event.allocator and event.allocator != self._allocator:
            # Another master took over; its allocator begins with nothing.
            for slave_id in list(self._totals):
                self._remove_agent(slave_id)
            self._allocator = event.allocator
        getattr(self, f"_on_{event.method}")(event.args)
        self.agents = max(self.agents, len(self._totals))

    # --- agents

    def _on_add_slave(self, args: Mapping[str, Any]) -> None:
        self._set_total(args["slave_id"], args["total"].quantities)
        for framework_id, resources in args["used"].items():
            self._hold(args["slave_id"], framework_id, resources, 1)

    def _on_update_slave(self, args: Mapping[str, Any]) -> None:
        if args.get("total") is not None and args["slave_id"] in self._totals:
            self._set_total(args["slave_id"], args["total"].quantities)

    def _on_add_resource_provider(self, args: Mapping[str, Any]) -> None:
        if args["slave_id"] in self._totals:
            grown = dict(self._totals[args["slave_id"]])
            add(grown, args["total"].quantities, 1)
            self._set_total(args["slave_id"], grown)

    def _on_remove_slave(self, args: Mapping[str, Any]) -> None:
        self._remove_agent(args["slave_id"])

    def _set_total(self, slave_id: str, quantities: Mapping[str, int]) -> None:
        add(self._sum, self._totals.pop(slave_id, {}), -1)
        self._totals[slave_id] = dict(quantities)
        add(self._sum, quantities, 1)

    def _remove_agent(self, slave_id: str) -> None:
        add(self._sum, self._totals.pop(slave_id, {}), -1)
        for holder, amounts in self._held.pop(slave_id, {}).items():
            add(self._by_holder[holder], amounts, -1)
        self._offered.pop(slave_id, None)

    # --- frameworks

    def _on_add_framework(self, args: Mapping[str, Any]) -> None:
        self.names[str(args["framework_id"])] = str(args["framework_info"].name)
        for slave_id, resources in args["used"].items():
            # Most of it came with the agent.
            known = any(holder.framework == args["framework_id"] for holder in self._held.get(slave_id, {}))
            if not known and slave_id in self._totals:
                self._hold(slave_id, args["framework_id"], resources, 1)

    def _on_remove_framework(self, args: Mapping[str, Any]) -> None:
        for by_holder in self._held.values():
            for holder in [holder for holder in by_holder if holder.framework == args["framework_id"]]:
                add(self._by_holder[holder], by_holder.pop(holder), -1)
        for by_holder in self._offered.values():
            for holder in [holder for holder in by_holder if holder.framework == args["framework_id"]]:
                del by_holder[holder]

    def _on_offer(self, args: Mapping[str, Any]) -> None:
        for by_agent in args["offers"].values():
            for slave_id, resources in by_agent.items():
                self.offers += 1
                if slave_id in self._totals:
                    self._hold(slave_id, args["framework_id"], resources, 1)
                    self._offer(slave_id, args["framework_id"], resources, 1)

    def _on_recover_resources(self, args: Mapping[str, Any]) -> None:
        if args["slave_id"] in self._totals:
            self._hold(args["slave_id"], args["framework_id"], args["resources"], -1)
            if not args.get("is_allocated"):
                self._offer(args["slave_id"], args["framework_id"], args["resources"], -1)

    def _on_transition_offered_to_allocated(self, args: Mapping[str, Any]) -> None:
        # The call does not say whose they are: whoever has been offered that much for that role.
        by_holder = self._offered.get(args["slave_id"], {})
        for role, part in args["resources"].allocations.items():
            for holder, amounts in by_holder.items():
                if holder.role == role and all(amounts.get(name, 0) >= value for name, value in part.quantities.items()):
                    add(amounts, part.quantities, -1)
                    break

    def _offer(self, slave_id: str, framework_id: str, resources: Any, sign: int) -> None:
        by_holder = self._offered.setdefault(slave_id, {})
        for role, part in resources.allocations.items() or {"*": resources}.items():
            add(by_holder.setdefault(Holder(str(role), str(framework_id)), {}), part.quantities, sign)

    def _hold(self, slave_id: str, framework_id: str, resources: Any, sign: int) -> None:
        for role, part in resources.allocations.items() or {"*": resources}.items():
            holder = Holder(str(role), str(framework_id))
            mine = self._held.setdefault(slave_id, {}).setdefault(holder, {})
            before = dict(mine)
            add(mine, part.quantities, sign)
            # What comes back more than once counts once.
            change = {name: mine.get(name, 0) - before.get(name, 0) for name in {**before, **mine}}
            add(self._by_holder.setdefault(holder, {}), change, 1)
