"""A deterministic world of actors: time, choices, kernel, futures, network, processes, disk, trace. Knows nothing of Mesos."""

from __future__ import annotations

from harness.simulation.choices import Choice, Choices, Strategy, uniform
from harness.simulation.clock import Clock, PendingTimer
from harness.simulation.disk import Corrupt, Disk, DiskFailure
from harness.simulation.events import Address, Timer
from harness.simulation.filters import Messages, Rule
from harness.simulation.future import Future, Promise
from harness.simulation.limits import Limits
from harness.simulation.network import Network
from harness.simulation.process import Process, handles
from harness.simulation.trace import Record, Trace
from harness.simulation.world import Check, World

__all__ = [
    "Address",
    "Check",
    "Choice",
    "Choices",
    "Clock",
    "Corrupt",
    "Disk",
    "DiskFailure",
    "Future",
    "Limits",
    "Messages",
    "Network",
    "PendingTimer",
    "Process",
    "Promise",
    "Record",
    "Rule",
    "Strategy",
    "Timer",
    "Trace",
    "World",
    "handles",
    "uniform",
]
