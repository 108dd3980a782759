"""The agent: ``agent.py`` is the role, each other file one concern, each built on those below it.

``books`` < ``status_updates`` < ``executors`` < ``tasks`` < ``registration`` < ``agent``; beside them ``update_manager`` (a
process of its own) and ``checkpoint``.
"""

from __future__ import annotations

from harness.mesos.agent.agent import Agent

__all__ = ["Agent"]
