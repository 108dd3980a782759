"""A ledger of what an allocator was told and what it offered, kept from outside.

An allocator may serve a call later than it was made, and may decide in between. So what widens the possibilities (a new agent,
a revive, resources given back) counts from the call on, and what narrows them (a removal, a suppression, a limit) only from
the moment at which the call has certainly been served. In between nobody is accused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from harness.checks.amounts import Amount, amount_of, minus, plus, scalars
from harness.mesos.resources import Resource, Resources

#: ``when_served(action)``: do something as soon as all calls made so far have been served.
WhenServed = Callable[[Callable[[], None]], None]


class Switch:
    """Something that is allowed at once and forbidden only when the allocator must know."""

    __slots__ = ("_round", "on")

    def __init__(self, *, on: bool = True) -> None:
        self.on = on
        self._round = 0

    def allow(self) -> None:
        """From now on."""
        self._round += 1
        self.on = True

    def forbid(self, when_served: WhenServed) -> None:
        """As soon as this has been served, unless it was allowed again meanwhile."""
        self._round += 1
        asked = self._round

        def act() -> None:
            if self._round == asked:
                self.on = False

        when_served(act)


class Refusal(NamedTuple):
    """Resources of an agent that a framework does not want for a role until some instant."""

    framework_id: str
    role: str
    slave_id: str
    amount: Amount
    until_ns: int


class Agent:
    """What the ledger knows of an agent."""

    def __init__(self, slave_id: str, hostname: str, total: Amount) -> None:
        self.id = slave_id
        self.hostname = hostname
        self.total = total
        # Framework -> role -> amount.
        self.held: dict[str, dict[str, Amount]] = {}
        self.active = Switch()
        # Calls that change amounts and may not have been served yet; meanwhile nobody is accused.
        self.unsure = 0

    def all_held(self) -> Amount:
        """What all frameworks hold together."""
        total: Amount = {}
        for by_role in self.held.values():
            for amount in by_role.values():
                total = plus(total, amount)
        return total

    def add(self, framework_id: str, role: str, amount: Amount) -> None:
        """The framework has this more."""
        by_role = self.held.setdefault(framework_id, {})
        by_role[role] = plus(by_role.get(role, {}), amount)

    def take(self, framework_id: str, role: str, amount: Amount) -> None:
        """The framework has this less."""
        by_role = self.held.get(framework_id, {})
        left = minus(by_role.get(role, {}), amount)
        if left:
            by_role[role] = left
        else:
            by_role.pop(role, None)
        if not by_role:
            self.held.pop(framework_id, None)


class Framework:
    """What the ledger knows of a framework."""

    def __init__(self, framework_id: str, roles: Iterable[str], active: bool) -> None:
        self.id = framework_id
        self.roles: dict[str, Switch] = {role: Switch() for role in roles}
        self.unsuppressed: dict[str, Switch] = {role: Switch() for role in self.roles}
        self.active = Switch(on=active)


class Limits:
    """The limits of a top-level role, in thousandths; not judged while a change is under way."""

    __slots__ = ("amounts", "unsure")

    def __init__(self) -> None:
        self.amounts: Mapping[str, int] = {}
        self.unsure = 0


class Offer(NamedTuple):
    """What one run offered of one agent to one framework for one role."""

    framework_id: str
    role: str
    slave_id: str
    amount: Amount
    resources: Resources
    at_ns: int

    def __str__(self) -> str:
        return f"{self.resources} of agent {self.slave_id} to framework {self.framework_id} for role {self.role!r}"


class Ledger:
    """Who has what, as far as it can be known from outside."""

    def __init__(self, when_served: WhenServed) -> None:
        self.when_served = when_served
        self.agents: dict[str, Agent] = {}
        self.frameworks: dict[str, Framework] = {}
        self.limits: dict[str, Limits] = {}
        self.weights: dict[str, float] = {}
        self.refusals: list[Refusal] = []
        self.whitelist: frozenset[str] | None = None
        self.whitelist_unsure = 0
        self.unserved = 0

    def served(self, action: Callable[[], None]) -> None:
        """Do ``action`` when the calls made so far have been served."""
        self.unserved += 1

        def act() -> None:
            self.unserved -= 1
            action()

        self.when_served(act)

    # --- who has what

    def parts(self, framework_id: str, resources: Resources) -> Iterator[tuple[str, Amount]]:
        """Resources by the role that they are allocated to; unmarked ones belong to the framework's first role."""
        records: dict[str, list[Resource]] = {}
        framework = self.frameworks.get(framework_id)
        first = next(iter(framework.roles), "*") if framework is not None else "*"
        for record in resources:
            records.setdefault(record.allocation_role or first, []).append(record)
        for role, found in records.items():
            yield role, amount_of(found)

    def hold(self, framework_id: str, agent: Agent, resources: Resources) -> None:
        """A framework uses this much of an agent: it comes with the agent or with the framework, or with both."""
        for role, amount in self.parts(framework_id, resources):
            missing = minus(amount, agent.held.get(framework_id, {}).get(role, {}))
            if missing:
                agent.add(framework_id, role, missing)

    def release(self, framework_id: str, slave_id: str, resources: Resources) -> None:
        """A framework gave this back; harmless if agent or framework are gone."""
        agent = self.agents.get(slave_id)
        if agent is not None:
            for role, amount in self.parts(framework_id, resources):
                agent.take(framework_id, role, amount)

    def uncertain(self, agent: Agent) -> None:
        """The amounts of an agent change with a call that was just made."""
        agent.unsure += 1

        def act() -> None:
            agent.unsure -= 1

        self.served(act)

    # --- sums

    def total(self) -> dict[str, int]:
        """Thousandths of what all agents have together."""
        return self._sum(agent.total for agent in self.agents.values())

    def held(self) -> dict[str, int]:
        """Thousandths of what is offered or allocated on all agents together."""
        return self._sum(agent.all_held() for agent in self.agents.values())

    def held_by_role(self) -> dict[str, dict[str, int]]:
        """Thousandths of what is held for each role; roles below it are not included."""
        found: dict[str, dict[str, int]] = {}
        for agent in self.agents.values():
            for by_role in agent.held.values():
                for role, amount in by_role.items():
                    mine = found.setdefault(role, {})
                    for name, value in scalars(amount).items():
                        mine[name] = mine.get(name, 0) + value
        return found

    def consumed(self, top_role: str) -> dict[str, int]:
        """Thousandths of what quotas count for a top-level role: its reservations, and what it and its descendants hold."""
        found: dict[str, int] = {}
        for agent in self.agents.values():
            for kind, size in agent.total.items():
                if isinstance(size, int) and kind.reservations and _top(kind.role) == top_role:
                    found[kind.name] = found.get(kind.name, 0) + size
            for by_role in agent.held.values():
                for role, amount in by_role.items():
                    if _top(role) != top_role:
                        continue
                    for kind, size in amount.items():
                        if isinstance(size, int) and kind.is_for_quotas:
                            found[kind.name] = found.get(kind.name, 0) + size
        return found

    @staticmethod
    def _sum(amounts: Iterable[Amount]) -> dict[str, int]:
        found: dict[str, int] = {}
        for amount in amounts:
            for name, value in scalars(amount).items():
                found[name] = found.get(name, 0) + value
        return found


def _top(role: str) -> str:
    return role.split("/", 1)[0]
