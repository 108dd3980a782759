"""Partial order sampling (Yuan, Yang, Gu, CAV 2018): a random priority for each event, drawn anew after losing a race.

Two events race when they have the same receiver. Without the new draw an event that has lost once would go on losing; with
it every partial order of the run gets a fair share, however long its events are in coming.
"""

from __future__ import annotations

from harness.simulation.strategies.base import PosPicks


class Pos(PosPicks):
    """``pos``; see the module."""

    name = "pos"
