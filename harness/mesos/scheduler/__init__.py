"""The scheduler driver: ``driver.py`` is what a scheduler holds, ``process.py`` the actor behind it.

The actor's concerns: ``registration.py`` (detection, authentication, subscription), ``calls.py`` (what the scheduler asks of
the master), ``process.py`` (what the master and the agents tell the scheduler).
Source: Mesos ``src/sched/sched.cpp``.
"""

from __future__ import annotations

from harness.mesos.scheduler.driver import SchedulerDriver
from harness.mesos.scheduler.process import SchedulerProcess
from harness.mesos.scheduler.registration import SchedulerSettings

__all__ = ["SchedulerDriver", "SchedulerProcess", "SchedulerSettings"]
