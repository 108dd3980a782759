"""The agent: ``agent.py`` is the role, each other file one concern, each built on those below it.

``books`` < ``status_updates`` < ``executors`` < ``tasks`` < ``draining`` < ``registration`` < ``recovery`` < ``agent``; beside
them ``update_manager`` (a process of its own), ``checkpoint`` (what is written to disk) and ``state`` (what is read from it).
"""

from __future__ import annotations

from harness.mesos.agent.agent import Agent

__all__ = ["Agent"]
