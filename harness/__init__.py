"""cluster-harness: an in-process Mesos-like cluster on a virtual clock, every chance of which comes from a seed.

Names are imported when they are first asked for, so that a part of the package costs no more than that part; the typed list
of them is in ``__init__.pyi``.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

_HOMES = {
    "harness.cluster": ("Cluster",),
    "harness.doubles": (
        "ANY",
        "Expect",
        "MockAllocator",
        "MockAuthorizer",
        "MockExecutor",
        "MockRateLimiter",
        "MockRegistrar",
        "MockScheduler",
        "accept_all",
        "call",
        "contains",
        "decline_offers",
        "delayed",
        "do_all",
        "forward",
        "has",
        "hold",
        "ignore",
        "in_sequence",
        "launch_tasks",
        "make_task",
        "not_",
        "one_of",
        "predicate",
        "raises",
        "returns",
        "satisfy",
        "send_status",
        "total",
    ),
    "harness.durations": (
        "Duration",
        "hours",
        "microseconds",
        "milliseconds",
        "minutes",
        "nanoseconds",
        "seconds",
    ),
    "harness.errors": (
        "DeadlockError",
        "ExpectationError",
        "FlagError",
        "FutureFailed",
        "HarnessError",
        "InternalError",
        "InvariantError",
        "LivelockError",
        "MisuseError",
        "NondeterminismError",
        "ProcessError",
        "SystemFailure",
        "WaitTimeout",
    ),
    "harness.exploring": ("Exploration", "Failure", "Run", "explore", "replay"),
    "harness.handles": ("AgentHandle", "FrameworkHandle", "MasterHandle"),
    "harness.mesos.allocator": ("Allocator", "AllocatorLab", "FrameworkOptions", "HierarchicalAllocator", "Options", "Quota"),
    "harness.mesos.resources": ("Resources",),
    "harness.proving": ("Proof", "prove"),
    "harness.simulation": (
        "Address",
        "Choice",
        "Clock",
        "Future",
        "Limits",
        "Process",
        "Promise",
        "Strategy",
        "World",
        "handles",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)
__version__ = "0.1.0"


class _Package(ModuleType):
    """This package. Importing the subpackage ``harness.explore`` must not put it in the place of the function ``explore``."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (isinstance(value, ModuleType) and name in _HOME_OF):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'harness' has no attribute {name!r}; its public names are {', '.join(__all__)}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
