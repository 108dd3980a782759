"""The master, in layers; ``books.py`` shows the plan of the house, ``master.py`` who hears what."""

from __future__ import annotations

from harness.mesos.master.master import Master
from harness.mesos.master.observer import SlaveObserver
from harness.mesos.master.records import AgentRecord, FrameworkRecord

__all__ = ["AgentRecord", "FrameworkRecord", "Master", "SlaveObserver"]
