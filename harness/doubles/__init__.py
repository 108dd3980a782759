"""Doubles, expectations and everything that stands in for something."""

from __future__ import annotations

from harness.doubles.actions import (
    Action,
    accept_all,
    call,
    decline_offers,
    delayed,
    do_all,
    forward,
    hold,
    ignore,
    launch_tasks,
    raises,
    returns,
    satisfy,
    send_status,
)
from harness.doubles.allocator import MockAllocator
from harness.doubles.calls import Call
from harness.doubles.cardinality import Cardinality
from harness.doubles.collaborators import MockAuthorizer, MockRateLimiter, MockRegistrar
from harness.doubles.executor import ExecutorCallbacks, MockExecutor
from harness.doubles.expectation import Expectation, in_sequence
from harness.doubles.matchers import ANY, Matcher, contains, has, not_, one_of, predicate, total
from harness.doubles.patching import Expect
from harness.doubles.recorder import Double, ForwardingDouble
from harness.doubles.scheduler import MockScheduler, SchedulerCallbacks
from harness.doubles.tasks import make_task

__all__ = [
    "ANY",
    "Action",
    "Call",
    "Cardinality",
    "Double",
    "ExecutorCallbacks",
    "Expect",
    "Expectation",
    "ForwardingDouble",
    "Matcher",
    "MockAllocator",
    "MockAuthorizer",
    "MockExecutor",
    "MockRateLimiter",
    "MockRegistrar",
    "MockScheduler",
    "SchedulerCallbacks",
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
]
