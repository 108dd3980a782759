"""An allocator of one's own, and how to test it: ``pytest examples/test_custom_allocator.py``.

Mesos's allocator offers a framework all that is free everywhere. This one packs: who was served longest ago is offered the
agent that has least left and still enough, one agent at a time. So small agents fill up and large ones stay free for large
tasks.

It takes all calls at once and changes its books in place; only the decisions are events, made by a process of its own: a
round after everything that may make a new offer possible, and one a second for what came back in between.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from harness import Allocator, FrameworkOptions, Options, Process, Resources
from harness.durations import Duration, as_duration, seconds
from harness.mesos.allocator import InverseOfferCallback, OfferCallback, ResourceConversion
from harness.mesos.messages import Filters, FrameworkInfo, SlaveInfo, Unavailability

NOTHING = Resources.parse("")


@dataclass
class Agent:
    """What is known of an agent."""

    hostname: str
    total: Resources
    used: dict[str, Resources] = field(default_factory=dict)
    active: bool = True

    @property
    def free(self) -> Resources:
        """What nobody has."""
        return self.total - Resources.sum(self.used.values()).unallocate()


@dataclass
class Framework:
    """What is known of a framework."""

    roles: tuple[str, ...]
    active: bool
    suppressed: set[str]
    served: int = 0
    # (role, agent) -> what was refused, and until when.
    refused: dict[tuple[str, str], list[tuple[Resources, Duration]]] = field(default_factory=dict)


class Rounds(Process):
    """The part of the allocator that lives in the world: it decides when, the allocator decides what."""

    def __init__(self, allocator: BestFitAllocator, interval: Duration) -> None:
        super().__init__("best-fit-allocator")
        self.allocator = allocator
        self.interval = interval
        self.is_due = False

    def initialize(self) -> None:
        """Begin with the batches."""
        self.delay(self.interval, self.batch, recurring=True)

    def batch(self) -> None:
        """One interval is over."""
        self.soon()
        self.delay(self.interval, self.batch, recurring=True)

    def soon(self) -> None:
        """A round is wanted; several wishes at a time are one."""
        if not self.is_due:
            self.is_due = True
            self.dispatch(self.address, "round")

    def round(self) -> None:
        """Decide."""
        self.is_due = False
        self.allocator.make_offers()


class BestFitAllocator(Allocator):
    """Offers the fullest agent that has enough to whoever was served longest ago."""

    #: Less than this is not worth an offer.
    LEAST = ("cpus", 0.01), ("mem", 32)

    def initialize(self, options: Options, offer_callback: OfferCallback, inverse_offer_callback: InverseOfferCallback) -> None:
        """Spawn the process that makes rounds."""
        self.offer_callback = offer_callback
        self.agents: dict[str, Agent] = {}
        self.frameworks: dict[str, Framework] = {}
        self.whitelist: Collection[str] | None = None
        self.is_paused = False
        self.turns = 0
        self.rounds = Rounds(self, as_duration(options.allocation_interval, "allocation_interval"))
        self.owner.spawn(self.rounds)

    # --- deciding

    def make_offers(self) -> None:
        """One round: as long as somebody can be offered something, in turn."""
        if self.is_paused:
            return
        offers: dict[str, dict[str, dict[str, Resources]]] = {}
        while (found := self.next_offer()) is not None:
            framework_id, role, slave_id = found
            self.turns += 1
            self.frameworks[framework_id].served = self.turns
            resources = self.agents[slave_id].free.allocatable_to(role).allocate(role)
            self.hold(framework_id, slave_id, resources)
            offers.setdefault(framework_id, {}).setdefault(role, {})[slave_id] = resources
        for framework_id, by_role in offers.items():
            self.offer_callback(framework_id, by_role)

    def next_offer(self) -> tuple[str, str, str] | None:
        """Who is next, for which role, and which agent fits best; None if nobody can be offered anything."""
        for framework_id in sorted(self.frameworks, key=lambda name: (self.frameworks[name].served, name)):
            framework = self.frameworks[framework_id]
            for role in framework.roles if framework.active else ():
                fitting = [slave_id for slave_id in self.agents if self.may_offer(framework, role, slave_id)]
                if fitting and role not in framework.suppressed:
                    return framework_id, role, min(fitting, key=self.fullness)
        return None

    def fullness(self, slave_id: str) -> tuple[float, float, str]:
        """The smaller, the fuller."""
        free = self.agents[slave_id].free
        return free.cpus, free.mem, slave_id

    def may_offer(self, framework: Framework, role: str, slave_id: str) -> bool:
        """Whether the agent may be offered, has enough, and was not refused."""
        agent = self.agents[slave_id]
        free = agent.free.allocatable_to(role)
        if not agent.active or (self.whitelist is not None and agent.hostname not in self.whitelist):
            return False
        if not any(free.scalar(name) >= amount for name, amount in self.LEAST):
            return False
        refusals = framework.refused.get((role, slave_id), ())
        return not any(free <= refused for refused, until in refusals if until > self.owner.elapsed)

    def hold(self, framework_id: str, slave_id: str, resources: Resources) -> None:
        """The framework has these, too."""
        used = self.agents[slave_id].used
        used[framework_id] = used.get(framework_id, NOTHING) + resources

    # --- frameworks

    def add_framework(
        self,
        framework_id: str,
        framework_info: FrameworkInfo,
        used: Mapping[str, Resources],
        active: bool,
        options: FrameworkOptions = FrameworkOptions(),
    ) -> None:
        """What it uses came with the agents."""
        self.frameworks[framework_id] = Framework(framework_info.subscribed_roles, active, set(options.suppressed_roles))
        self.rounds.soon()

    def remove_framework(self, framework_id: str) -> None:
        """What it held is free."""
        self.frameworks.pop(framework_id, None)
        for agent in self.agents.values():
            agent.used.pop(framework_id, None)

    def activate_framework(self, framework_id: str) -> None:
        """It may be offered something."""
        self.frameworks[framework_id].active = True
        self.rounds.soon()

    def deactivate_framework(self, framework_id: str) -> None:
        """It keeps what it has; its refusals are forgotten."""
        self.frameworks[framework_id].active = False
        self.frameworks[framework_id].refused.clear()

    def update_framework(
        self, framework_id: str, framework_info: FrameworkInfo, options: FrameworkOptions = FrameworkOptions()
    ) -> None:
        """Other roles, other suppressed ones."""
        framework = self.frameworks[framework_id]
        framework.roles, framework.suppressed = framework_info.subscribed_roles, set(options.suppressed_roles)

    def suppress_offers(self, framework_id: str, roles: Collection[str]) -> None:
        """None named means all."""
        framework = self.frameworks[framework_id]
        framework.suppressed.update(roles or framework.roles)

    def revive_offers(self, framework_id: str, roles: Collection[str]) -> None:
        """None named means all; refusals are forgotten."""
        framework = self.frameworks[framework_id]
        framework.suppressed.difference_update(roles or framework.roles)
        framework.refused.clear()
        self.rounds.soon()

    # --- agents

    def add_slave(
        self,
        slave_id: str,
        slave_info: SlaveInfo,
        capabilities: tuple[str, ...],
        unavailability: Unavailability | None,
        total: Resources,
        used: Mapping[str, Resources],
    ) -> None:
        """Somewhere else to put things."""
        self.agents[slave_id] = Agent(slave_info.hostname, total, dict(used))
        self.rounds.soon()

    def remove_slave(self, slave_id: str) -> None:
        """With all that is held on it."""
        self.agents.pop(slave_id, None)
        for framework in self.frameworks.values():
            framework.refused = {key: refusals for key, refusals in framework.refused.items() if key[1] != slave_id}

    def update_slave(
        self, slave_id: str, slave_info: SlaveInfo, total: Resources | None = None, capabilities: tuple[str, ...] | None = None
    ) -> None:
        """Another size."""
        if total is not None and total != self.agents[slave_id].total:
            self.agents[slave_id].total = total
            self.rounds.soon()

    def activate_slave(self, slave_id: str) -> None:
        """It may be offered again."""
        self.agents[slave_id].active = True

    def deactivate_slave(self, slave_id: str) -> None:
        """It must not be offered."""
        self.agents[slave_id].active = False

    def update_whitelist(self, whitelist: Collection[str] | None) -> None:
        """None means all hosts."""
        self.whitelist = whitelist

    # --- resources

    def update_allocation(
        self, framework_id: str, slave_id: str, offered_resources: Resources, conversions: Iterable[ResourceConversion]
    ) -> None:
        """What it was offered became something else, and so did the agent's total."""
        agent = self.agents[slave_id]
        for conversion in conversions:
            agent.used[framework_id] = agent.used[framework_id] - conversion.consumed + conversion.converted
            agent.total = agent.total - conversion.consumed.unallocate() + conversion.converted.unallocate()

    def recover_resources(
        self,
        framework_id: str,
        slave_id: str,
        resources: Resources,
        filters: Filters | None = None,
        is_allocated: bool = False,
    ) -> None:
        """Free again; agent or framework may be gone by now."""
        agent, framework = self.agents.get(slave_id), self.frameworks.get(framework_id)
        if agent is None or framework is None:
            return
        agent.used[framework_id] = agent.used.get(framework_id, NOTHING) - resources
        if filters is not None and filters.refuse_seconds > 0:
            until = self.owner.elapsed + seconds(filters.refuse_seconds)
            for role, part in resources.allocations.items():
                framework.refused.setdefault((role, slave_id), []).append((part.unallocate(), until))

    def pause(self) -> None:
        """No rounds for now."""
        self.is_paused = True

    def resume(self) -> None:
        """Rounds again."""
        self.is_paused = False
