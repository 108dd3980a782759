"""Limits on how often frameworks speak: whose limit it is, what waits, what is counted."""

from __future__ import annotations

from typing import Any

import pytest
from master_bench import Bench, ToyScheduler

from harness.errors import FlagError
from harness.mesos.master.throttling import read_rate_limits
from harness.mesos.messages import FrameworkRegisteredMessage


def answers(scheduler: ToyScheduler) -> int:
    return len(scheduler.heard_of(FrameworkRegisteredMessage))


def again(scheduler: ToyScheduler) -> None:
    known, scheduler.id = scheduler.id, None
    scheduler.subscribe()
    scheduler.id = known


@pytest.mark.parametrize(
    ("limits", "principal", "waits"),
    [
        ({"limits": [{"principal": "p", "qps": 1.0}]}, "p", True),
        ({"limits": [{"principal": "p", "qps": 1.0}]}, "q", False),
        ({"limits": [{"principal": "p", "qps": 1.0}]}, None, False),
        ({"limits": [{"principal": "p"}], "aggregate_default_qps": 1.0}, "p", False),
        ({"limits": [{"principal": "p"}], "aggregate_default_qps": 1.0}, "q", True),
        ({"limits": [{"principal": "p"}], "aggregate_default_qps": 1.0}, None, True),
        (None, "p", False),
    ],
)
def test_whose_limit(limits: Any, principal: str | None, waits: bool) -> None:
    """A principal's own limit, no limit if its entry names none, the default one for everybody else."""
    bench = Bench(rate_limits=limits)
    scheduler = bench.scheduler(principal=principal)
    for _ in range(2):
        again(scheduler)
        bench.settle()
    assert answers(scheduler) == (2 if waits else 3)
    bench.advance("1secs")
    assert answers(scheduler) == 3


def test_order_is_kept() -> None:
    """What waits is served in the order of its arrival, one each second, and counted when it is."""
    bench = Bench(rate_limits={"limits": [{"principal": "p", "qps": 2.0}]})
    scheduler = bench.scheduler(principal="p")
    received, processed = "frameworks/p/messages_received", "frameworks/p/messages_processed"
    for _ in range(4):
        again(scheduler)
    bench.settle()
    seen = [bench.master.metrics[processed]]
    assert bench.master.metrics[received] == 4
    for _ in range(3):
        bench.advance("500ms")
        seen.append(bench.master.metrics[processed])
    assert seen == [1, 2, 3, 4]


def test_counters_follow_the_framework() -> None:
    """They begin with its subscription and are gone with the principal's last framework."""
    bench = Bench()
    name = "frameworks/p/messages_received"
    assert name not in bench.master.metrics
    one, two = bench.scheduler("one", principal="p"), bench.scheduler("two", principal="p")
    again(one)
    bench.settle()
    assert bench.master.metrics[name] == 1
    one.call("TEARDOWN")
    bench.settle()
    assert bench.master.metrics[name] == 2
    two.call("TEARDOWN")
    bench.settle()
    assert name not in bench.master.metrics


@pytest.mark.parametrize(
    "value",
    [
        5,
        {"limits": ["p"]},
        {"limits": [{"qps": 1.0}]},
        {"limits": [{"principal": "p", "qps": 0}]},
        {"limits": [{"principal": "p", "qps": 1, "capacity": 0.5}]},
        {"aggregate_default_qps": "fast"},
    ],
)
def test_malformed_limits(value: Any) -> None:
    """Say what was given and what was wanted."""
    with pytest.raises(FlagError, match="rate_limits.*'principal': 'p'"):
        read_rate_limits(value)
