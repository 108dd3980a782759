"""Properties of allocations, seen from outside: usable on anybody's allocator, written without the code they check.

Wrap an allocator in an :class:`AllocatorWatch` and use it as before; :func:`play` and what follows it compare whole games.
"""

from __future__ import annotations

from harness.checks.check import AllocationCheck
from harness.checks.eligibility import Eligibility
from harness.checks.offered_once import OfferedOnce
from harness.checks.quota_limits import QuotaLimits
from harness.checks.refusals import RefusalsKept
from harness.checks.sharing import (
    Game,
    Outcome,
    check_no_envy,
    check_nothing_is_wasted,
    check_share_guarantee,
    check_strategy_proofness,
    play,
    sample_game,
)
from harness.checks.totals import TotalsAgree
from harness.checks.watch import AllocatorWatch, WatchedCall, all_checks

__all__ = [
    "AllocationCheck",
    "AllocatorWatch",
    "Eligibility",
    "Game",
    "OfferedOnce",
    "Outcome",
    "QuotaLimits",
    "RefusalsKept",
    "TotalsAgree",
    "WatchedCall",
    "all_checks",
    "check_no_envy",
    "check_nothing_is_wasted",
    "check_share_guarantee",
    "check_strategy_proofness",
    "play",
    "sample_game",
]
