"""How often frameworks may speak, after ``rate_limiting_tests.cpp``."""

from __future__ import annotations

from typing import Any

from harness import Clock, Cluster, MockAllocator, MockScheduler
from harness.mesos.messages import Call, FrameworkRegisteredMessage
from harness.simulation import Messages
from tests.scenarios.situations import Holds

LIMITS = {"limits": [{"principal": "test-principal", "qps": 1.0}]}


def _subscribe_again(messages: Messages, framework: Any, master: Any) -> None:
    call = Call(type="SUBSCRIBE", subscribe=Call.Subscribe(framework_info=framework.info.replace(id=None)))
    messages.post(call, src=framework, dst=master)


class Counts:
    """How many messages of the principal the master received and processed, since everything before was over.

    A driver may repeat its subscription at once, so the first message need not be the only one.
    """

    def __init__(self, clock: Clock, master: Any) -> None:
        clock.settle()
        clock.advance("5secs")
        self.master = master
        self.before = (0.0, 0.0)
        self.before = self()

    def __call__(self) -> tuple[float, float]:
        metrics = self.master.metrics
        counter = "frameworks/test-principal/messages_"
        received, processed = metrics[counter + "received"], metrics[counter + "processed"]
        return received - self.before[0], processed - self.before[1]


def one_framework(cluster: Cluster, clock: Clock, messages: Messages) -> None:
    clock.pause()
    master = cluster.start_master(rate_limits=LIMITS)
    framework = cluster.start_framework(MockScheduler())
    cluster.wait(framework.registered)
    counts = Counts(clock, master)
    answers = messages.expect(FrameworkRegisteredMessage, dst=framework)
    _subscribe_again(messages, framework, master)
    clock.settle()
    assert answers.count == 1
    assert counts() == (1, 1)
    _subscribe_again(messages, framework, master)
    clock.settle()
    assert answers.count == 1
    assert counts() == (2, 1)
    clock.advance("1secs")
    assert answers.count == 2
    assert counts() == (2, 2)


def test_one_framework(holds: Holds) -> None:
    """T39: the first message of a principal is free, the second waits until its second is over."""
    holds(one_framework)


def two_frameworks_of_one_principal(cluster: Cluster, clock: Clock, messages: Messages, allocator: MockAllocator) -> None:
    clock.pause()
    master = cluster.start_master(rate_limits=LIMITS, allocator=allocator)
    one = cluster.start_framework(MockScheduler())
    cluster.wait(one.registered)
    two = cluster.start_framework(MockScheduler())
    cluster.wait(two.registered)
    counts = Counts(clock, master)
    first = messages.expect(FrameworkRegisteredMessage, dst=one)
    second = messages.expect(FrameworkRegisteredMessage, dst=two)
    _subscribe_again(messages, one, master)
    clock.settle()
    _subscribe_again(messages, two, master)
    clock.settle()
    assert (first.count, second.count) == (1, 0)
    assert counts() == (2, 1)
    clock.advance("1secs")
    assert second.count == 1
    assert counts() == (2, 2)
    one.stop()
    clock.settle()
    assert allocator.calls_to("removeFramework") == []
    clock.advance("1secs")
    (removed,) = allocator.calls_to("removeFramework")
    assert removed.args["framework_id"] == one.id
    # Its TEARDOWN and the end of its process travel apart; whichever comes first removes it.
    assert counts() in [(3, 3), (3, 2)]
    two.stop()
    clock.advance("4secs")
    assert "frameworks/test-principal/messages_received" not in master.metrics


def test_two_frameworks_of_one_principal(holds: Holds) -> None:
    """T41: frameworks of one principal share its limit, and its counters live as long as one of them."""
    holds(two_frameworks_of_one_principal)


def over_capacity(cluster: Cluster, clock: Clock, messages: Messages) -> None:
    clock.pause()
    limits = {"limits": [{"principal": "test-principal", "qps": 1.0, "capacity": 2}]}
    master = cluster.start_master(rate_limits=limits)
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler)
    cluster.wait(framework.registered)
    Counts(clock, master)
    error = scheduler.expect.error().once()
    # One goes through, two wait, the fourth is too many.
    for n in range(4):
        assert error.count == 0, n
        _subscribe_again(messages, framework, master)
        clock.settle()
    assert error.arg("message") == "Message Call dropped: capacity(2) exceeded"


def test_over_capacity(holds: Holds) -> None:
    """A framework that has more messages waiting than its principal's capacity is told to abort."""
    holds(over_capacity)
