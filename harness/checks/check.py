"""What a check of allocations is: a look at each offer, and a look at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.checks.ledger import Ledger, Offer


class AllocationCheck:
    """Base class: override what you need. A finding is a text that says what is wrong; none means that all is well."""

    def on_offer(self, ledger: Ledger, offer: Offer) -> Iterator[str]:
        """Look at one offer before it is entered into the ledger."""
        yield from ()

    def on_books(self, ledger: Ledger, metrics: Mapping[str, float]) -> Iterator[str]:
        """Compare the ledger with what the allocator says of itself, while nothing is under way."""
        yield from ()
