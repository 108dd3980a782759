"""When the hierarchical allocator runs, and when it must not.

Runs happen after certain events (an agent or a framework appears or changes, a framework revives) and in batches, one
interval after the end of the last one. Nothing else leads to a run: resources that come back wait for the next batch.
An event only notes its agents as *candidates* and dispatches one run to this process, so whatever is queued in between
takes part in that run. Releases before 1.2 run inside the event instead.

Source: ``src/master/allocator/mesos/hierarchical.cpp``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.durations import Duration, to_ns
from harness.errors import MisuseError
from harness.mesos.allocator.books import Books
from harness.mesos.allocator.interface import InverseOfferCallback, OfferCallback
from harness.mesos.allocator.options import Options, Quota
from harness.mesos.allocator.run import Run, inverse_offers
from harness.mesos.allocator.sorter import SorterFactory
from harness.simulation.process import Process


class AllocationLoop(Process):
    """The part of the allocator's process that decides when to run: triggers, batches, pause, and the wait after recovery."""

    def __init__(
        self,
        name: str,
        sorters: tuple[SorterFactory, SorterFactory],
        options: Options,
        offer_callback: OfferCallback,
        inverse_offer_callback: InverseOfferCallback,
    ) -> None:
        super().__init__(name)
        self.books = Books(options, sorters, self.choose)
        self.behaviour = options.behaviour
        self.interval_ns = to_ns(options.allocation_interval, "allocation_interval")
        if self.interval_ns <= 0:
            raise MisuseError(f"allocation_interval={options.allocation_interval!r}: wanted a positive duration, such as '1secs'")
        self.offer_callback = offer_callback
        self.inverse_offer_callback = inverse_offer_callback
        self.paused = False
        self.expected_agents: int | None = None
        self.candidates: dict[str, None] = {}
        self.run_pending = False
        self.batch_waiting = False
        self.runs = 0

    def initialize(self) -> None:
        """Arm the first batch."""
        self.delay(Duration(self.interval_ns), self._batch, recurring=True)

    # --- runs

    def _batch(self) -> None:
        """The interval is over: run over all agents. The next interval begins when that run has ended (before 1.2: now)."""
        self.generate_offers(self.books.slaves)
        if self.run_pending and self.behaviour.batch_after_run:
            self.batch_waiting = True
        else:
            self.delay(Duration(self.interval_ns), self._batch, recurring=True)

    def generate_offers(self, slave_ids: Iterable[str]) -> None:
        """Note these agents as candidates and see to it that a run will come; while paused they are not even noted."""
        if self.paused:
            return
        if not self.behaviour.coalesces_allocations:
            self._run(dict.fromkeys(slave_ids))
            return
        for slave_id in slave_ids:
            self.candidates[slave_id] = None
        if not self.run_pending:
            self.run_pending = True
            self._tell(self.address, "_generate_offers")

    def _generate_offers(self) -> None:
        self.run_pending = False
        if not self.paused:
            candidates, self.candidates = self.candidates, {}
            self._run(candidates)
        if self.batch_waiting:
            self.batch_waiting = False
            self.delay(Duration(self.interval_ns), self._batch, recurring=True)

    def _run(self, candidates: dict[str, None]) -> None:
        self.runs += 1
        offers = Run(self.books).execute(candidates)
        for framework_id in sorted(offers):
            self.offer_callback(framework_id, offers[framework_id])
        asked = inverse_offers(self.books, candidates)
        for framework_id in sorted(asked):
            self.inverse_offer_callback(framework_id, asked[framework_id])

    # --- recovery

    def recover(self, expected_agent_count: int, quotas: Mapping[str, Quota]) -> None:
        """With quotas, hold offers back until most agents are back or time is up: guarantees of one role could otherwise be
        given away to others because the agents that hold its resources are not counted yet."""
        if not quotas:
            return
        for role, quota in quotas.items():
            self._set_quota(role, quota)
        expected = int(expected_agent_count * self.books.options.agent_recovery_factor)
        if expected == 0:
            return
        self.expected_agents = expected
        self.pause()
        self.delay(self.books.options.recovery_timeout, self._recovery_over)
        self.note("Holding offers back until {} agents are added", expected)

    def _recovery_over(self) -> None:
        self.expected_agents = None
        self.resume()

    def pause(self) -> None:
        """No runs from now on; a switch, not a count."""
        self.paused = True

    def resume(self) -> None:
        """Runs may happen again; the next trigger or batch brings one."""
        self.paused = False

    def update_quota(self, role: str, quota: Quota) -> None:
        """Set the quota of a top-level role, to be heeded from the next run on (before 1.3: a run follows)."""
        self._set_quota(role, quota)
        if self.behaviour.quota_change_allocates:
            self.generate_offers(self.books.slaves)

    def _set_quota(self, role: str, quota: Quota) -> None:
        if "/" in role:
            raise MisuseError(f"quota of role {role!r}: only top-level roles have quotas; set it for {role.partition('/')[0]!r}")
        if quota.is_default:
            self.books.quotas.pop(role, None)
        else:
            self.books.quotas[role] = quota
        self.note("Updated quota for role {}: {}", role, quota)
