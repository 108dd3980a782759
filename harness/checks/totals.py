"""The allocator's own sums agree with the agents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.checks.check import AllocationCheck
from harness.checks.ledger import Ledger


class TotalsAgree(AllocationCheck):
    """What the allocator says it has, has given out, and owes to roles is the sum over agents of what went in and out.

    Looks at metrics under Mesos's names; one that the allocator does not have is not checked.
    """

    def on_books(self, ledger: Ledger, metrics: Mapping[str, float]) -> Iterator[str]:
        """Compare sums and dominant shares."""
        totals = ledger.total()
        for word, sums in (("total", totals), ("offered_or_allocated", ledger.held())):
            for name in ("cpus", "mem", "disk"):
                metric = f"allocator/mesos/resources/{name}/{word}"
                wanted = sums.get(name, 0) / 1000
                if metric in metrics and abs(metrics[metric] - wanted) > 1e-6:
                    yield f"{metric} is {metrics[metric]:g}, but the sum over all agents is {wanted:g}"
        held = ledger.held_by_role()
        for role in sorted(held):
            metric = f"allocator/mesos/roles/{role}/shares/dominant"
            if metric not in metrics or any(other.startswith(role + "/") for other in held):
                continue
            shares = [value / totals[name] for name, value in held[role].items() if totals.get(name)]
            wanted = max(shares, default=0.0) / ledger.weights.get(role, 1.0)
            if abs(metrics[metric] - wanted) > 1e-6:
                yield f"{metric} is {metrics[metric]:g}, but what the role holds is a share of {wanted:g}"
