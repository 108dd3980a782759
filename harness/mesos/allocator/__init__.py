"""Allocators: the interface that a master speaks to, Mesos's own allocator, and a bench to test one alone."""

from __future__ import annotations

from harness.mesos.allocator.hierarchical import HierarchicalAllocator
from harness.mesos.allocator.interface import Allocator, InverseOfferCallback, OfferCallback
from harness.mesos.allocator.lab import Allocation, AllocatorLab, InverseAllocation
from harness.mesos.allocator.options import FrameworkOptions, Options, Quota, ResourceConversion
from harness.mesos.allocator.sorter import DRFSorter, RandomSorter, Sorter

__all__ = [
    "Allocation",
    "Allocator",
    "AllocatorLab",
    "DRFSorter",
    "FrameworkOptions",
    "HierarchicalAllocator",
    "InverseAllocation",
    "InverseOfferCallback",
    "OfferCallback",
    "Options",
    "Quota",
    "RandomSorter",
    "ResourceConversion",
    "Sorter",
]
