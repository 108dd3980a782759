"""Several strategies in turn, because none is best: each seed belongs to one member, always the same.

Shares follow the measurements in ``benchmarks/BUG_FINDING.md``: plain random is best for shallow flakes, order constraints for
"this kind of message before that one" among many senders, PCT for few changes at the right places, URW where workers differ
in length.
"""

from __future__ import annotations

MEMBERS = ("random", "order", "random", "pct:3", "random", "urw", "random", "order", "random", "pos")
"""One turn; ten seeds."""

SHALLOW = 20
"""So many of each hundred seeds, the first, are random: what fails often needs nothing else, and the others learn from them."""


def member(seed: int) -> str:
    """The name of the strategy to which this seed belongs."""
    return "random" if seed % 100 < SHALLOW else MEMBERS[seed % len(MEMBERS)]
