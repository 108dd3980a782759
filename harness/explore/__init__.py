"""Exploring: one test, many schedules, and each failing one again. Knows the simulation, but no Mesos and no cluster."""

from __future__ import annotations

from harness.explore.parallel import Chunk, process_pool, require_importable, sweep_chunks
from harness.explore.result import Exploration, Failure, FinishedRun
from harness.explore.statistics import describe_rate, percent, rarer_than, wilson
from harness.explore.sweep import Outcome, Tally, collector_off
from harness.explore.tokens import Schedule, read_schedule

__all__ = [
    "Chunk",
    "Exploration",
    "Failure",
    "FinishedRun",
    "Outcome",
    "Schedule",
    "Tally",
    "collector_off",
    "describe_rate",
    "percent",
    "process_pool",
    "rarer_than",
    "read_schedule",
    "require_importable",
    "sweep_chunks",
    "wilson",
]
