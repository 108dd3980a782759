"""The double of the allocator: everything goes on to a real one, and all of it is recorded.

After Mesos's ``TestAllocator`` (``src/tests/allocator.hpp``), without its hand-written wrapper for each method.
"""

from __future__ import annotations

from typing import Any

from harness.doubles.recorder import ForwardingDouble
from harness.mesos.allocator import Allocator, HierarchicalAllocator
from harness.simulation import Process

# A static checker cannot see the methods that are made from the protocol; as a subclass of Any the double fits everywhere.
_Allocator: Any = Allocator


class MockAllocator(ForwardingDouble, _Allocator, protocol=Allocator, title="allocator", leave_out=("bind",)):  # type: ignore[misc]
    """Stands between a master and an allocator.

    Args:
        real: the allocator that calls are forwarded to; by default a new :class:`HierarchicalAllocator`.
        strict: a call that matches none of a method's expectations is an error.
    """

    def bind(self, owner: Process) -> None:
        """Passed on and not recorded: it is no method of Mesos's allocator."""
        self.attach(owner.world)
        self.real.bind(owner)

    def _make_real(self) -> Allocator:
        return HierarchicalAllocator()
