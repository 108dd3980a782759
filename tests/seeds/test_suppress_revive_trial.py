"""A trial of suppress and revive with Mesos 1.0: what three runs of one framework logged, and what that rests on.

The logs are those of ``examples/suppress_revive.py``. Nothing in the trial contradicts the code of 1.0. One thing it does not
say follows from it: a task takes all that is offered, for the memory that a smaller one leaves would be offered five seconds
later, in the middle of the task.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest

from harness import Clock, Cluster, MockAllocator, MockScheduler
from harness.durations import milliseconds, seconds
from harness.mesos.messages import AuthenticateMessage, FrameworkErrorMessage
from harness.mesos.versions import RELEASES
from harness.simulation import Messages
from tests.scenarios.situations import Holds, offers, states
from tests.seeds.situations import GUESTS, example, settled_agent

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SEEDS = range(5)


def _trial(seed: int) -> list[list[str]]:
    """The three logs, with every uuid cut out."""
    trial = example("suppress_revive.py").Trial(seed)
    logs = [[UUID.sub("", line) for line in trial.run(**settings)] for _, settings in example("suppress_revive.py").RUNS]
    trial.close()
    return logs


def _scheduler(log: Sequence[str]) -> list[str]:
    """What the scheduler printed, and the lines of its driver without their time."""
    lines = [line.partition("] ")[2] if "sched.cpp]" in line else line for line in log]
    return [line for line in lines if not re.match(r"I\d{4} ", line)]


def _task(number: int, offer: int) -> list[str]:
    return [
        f"Received offer -O{offer} with cpus: 1.0 and mem: 2928.0",
        f"Launching task {number} using offer -O{offer}",
        f"Task {number} is in state TASK_RUNNING",
        f"Task {number} is in state TASK_FINISHED",
        "Received message: 'data with a \\x00 byte'",
    ]


def _run(framework: int, *tasks: list[str]) -> list[str]:
    begin = [
        "New master detected at master@master",
        "No credentials provided; attempting to register without authentication",
        f"Framework registered with -{framework:04}",
        f"Registered with framework ID -{framework:04}",
    ]
    return begin + [line for task in tasks for line in task]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_three_logs(seed: int) -> None:
    """Framework ids 0000 to 0002, one count of offer ids for all: O0 to O4 by default, O5 suppressed, O6 to O10 revived."""
    default, suppressed, revived = (_scheduler(log) for log in _trial(seed))
    assert default == [*_run(0, *(_task(n, n) for n in range(5))), "Stopping framework -0000"]
    assert suppressed == _run(1, _task(0, 5))
    assert revived == [*_run(2, *(_task(n, n + 6) for n in range(5))), "Stopping framework -0002"]


def _master(log: Sequence[str]) -> list[str]:
    """The master's and the allocator's lines, shortened to what they tell of."""
    words = ("SUPPRESS", "REVIVE", "ACCEPT", "Suppressed", "Revived", "Sending 1 offers")
    return [word for line in log for word in words if word in line and "sched.cpp]" not in line]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_at_the_master(seed: int) -> None:
    """SUPPRESS before REVIVE, at the master as at the allocator; then the offer, then the launch; suppressed alone, nothing."""
    _, suppressed, revived = (_master(log) for log in _trial(seed))
    assert suppressed == ["Sending 1 offers", "ACCEPT", "SUPPRESS", "Suppressed"]
    assert revived[:2] == ["Sending 1 offers", "ACCEPT"]
    assert len(revived) == 2 + 4 * 6
    for number in range(4):
        turn = revived[2 + 6 * number : 8 + 6 * number]
        assert turn[-2:] == ["Sending 1 offers", "ACCEPT"]
        assert [line for line in turn if line.isupper()] == ["SUPPRESS", "REVIVE", "ACCEPT"]
        assert turn.index("SUPPRESS") < turn.index("Suppressed") < turn.index("Revived")
        assert turn.index("REVIVE") < turn.index("Revived")


def test_the_very_order_of_the_log() -> None:
    """Both calls processed before the allocator hears of the first, as logged for O10, is one of the orders that happen."""
    assert _master(_trial(0)[2])[-6:] == ["SUPPRESS", "REVIVE", "Suppressed", "Revived", "Sending 1 offers", "ACCEPT"]


def test_the_example_prints_the_logs(capsys: pytest.CaptureFixture[str]) -> None:
    """The example prints the three logs, with lines of driver, master and allocator between those of the framework."""
    assert example("suppress_revive.py").main(["0"]) == 0
    printed = capsys.readouterr().out
    assert [line for line in printed.splitlines() if line.startswith("===")] == [
        "=== by default",
        "=== with suppress",
        "=== with suppress and revive",
    ]
    assert re.findall(r"Received offer \S+-(O\d+)", printed) == [f"O{n}" for n in range(11)]
    assert re.search(r"^I0101 00:0\d:\d\d\.\d{6} hierarchical\.cpp\] Suppressed offers", printed, re.MULTILINE)


# --- what it rests on


def without_credentials(cluster: Cluster, messages: Messages) -> None:
    cluster.start_master(**GUESTS)
    messages.never(AuthenticateMessage)
    framework = cluster.start_framework(MockScheduler(), credential=None)
    cluster.clock.pause()
    cluster.settle()
    # No time has passed: a driver has no delay before its first attempt.
    assert framework.registered.ready
    assert cluster.clock.elapsed == seconds(0)


def test_without_credentials(holds: Holds) -> None:
    """A driver without credentials subscribes at once, without authentication."""
    holds(without_credentials, mesos_version="1.0")


def next_offer_is_a_batch(cluster: Cluster) -> None:
    cluster.start_master()
    settled_agent(cluster, "cpus:1;mem:2928")
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler)
    (offer,) = cluster.wait(framework.next_offers())
    framework.run_task(offer, command="sleep 10")
    cluster.wait(lambda: states(scheduler)[-1] == "TASK_FINISHED", timeout="11secs")
    ended = cluster.clock.elapsed
    (again,) = cluster.wait(framework.next_offers())
    sent = cluster.clock.elapsed
    assert again.resources == offer.resources
    # The batches of 1.0 are a second apart, counted from the master's start.
    assert sent.ns % 1_000_000_000 < milliseconds(10).ns
    assert sent - ended <= seconds(1) + milliseconds(10)


def test_a_batch_makes_the_next_offer(holds: Holds) -> None:
    """What a finished task gives back is offered by the next batch, within a second; giving it back triggers nothing."""
    holds(next_offer_is_a_batch, mesos_version="1.0")


def suppressed_for_long(cluster: Cluster, allocator: MockAllocator) -> None:
    cluster.start_master(allocator=allocator)
    settled_agent(cluster)
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler)
    (offer,) = cluster.wait(framework.next_offers())
    framework.driver.suppress_offers()
    framework.driver.decline_offer(offer.id, refuse_seconds=0)
    cluster.run_for("1secs")
    began = len(cluster.trace)
    cluster.run_for("159secs")
    batches = [record for record in cluster.trace[began:] if record.kind == "timer" and record.event == "_batch"]
    assert 158 <= len(batches) <= 159
    assert len(offers(scheduler)) == 1


@pytest.mark.parametrize("release", RELEASES)
def test_batches_go_on_while_nothing_is_offered(holds: Holds, release: str) -> None:
    """2 min 39 s of batches, free resources, and no offer for a framework that suppressed: so in every release."""
    holds(suppressed_for_long, mesos_version=release)


def _revive(cluster: Cluster, clock: Clock) -> tuple[Any, Any, Any]:
    clock.pause()
    cluster.start_master()
    cluster.start_agent()
    clock.advance("1secs")
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler)
    clock.settle()
    (offer,) = framework.offers
    framework.driver.decline_offer(offer.id, refuse_seconds="1hrs")
    clock.settle()
    clock.advance("5mins")
    assert len(offers(scheduler)) == 1
    return framework, scheduler, clock.elapsed


def revive_at_once(cluster: Cluster, clock: Clock) -> None:
    framework, scheduler, before = _revive(cluster, clock)
    framework.driver.suppress_offers()
    framework.driver.revive_offers()
    clock.settle()
    assert len(offers(scheduler)) == 2
    assert clock.elapsed == before


@pytest.mark.parametrize("release", RELEASES)
def test_revive_offers_at_once(holds: Holds, release: str) -> None:
    """REVIVE takes back what a framework refused, and allocates in the same instant, without waiting for a batch."""
    holds(revive_at_once, mesos_version=release)


def a_batch_finds_refusals(cluster: Cluster, clock: Clock) -> None:
    _, scheduler, _ = _revive(cluster, clock)
    clock.advance("54mins")
    assert len(offers(scheduler)) == 1
    clock.advance("2mins")
    assert len(offers(scheduler)) == 2


def test_a_batch_offers_only_what_is_not_refused(holds: Holds) -> None:
    """A batch "normally starts a new task" only if something is free that the framework did not refuse."""
    holds(a_batch_finds_refusals, mesos_version="1.0")


def suppression_and_reconnection(cluster: Cluster) -> None:
    release = cluster.behaviour.version
    master = cluster.start_master()
    settled_agent(cluster)
    scheduler = MockScheduler()
    framework = cluster.start_framework(scheduler, failover_timeout="1hrs")
    (offer,) = cluster.wait(framework.next_offers())
    framework.driver.suppress_offers()
    framework.driver.decline_offer(offer.id, refuse_seconds=0)
    cluster.run_for("10secs")
    assert len(offers(scheduler)) == 1
    # Else the driver would learn from the master that it was cut off, and abort.
    cluster.messages.drop(FrameworkErrorMessage, dst=framework)
    cluster.messages.inject_exited(framework, master)
    cluster.run_for("1secs")
    back = scheduler.expect.reregistered().at_least_once()
    cluster.detector.appoint(master, framework)
    cluster.wait(back, timeout="2mins")
    cluster.run_for("10secs")
    kept = release in ("1.5", "1.11")
    assert (len(offers(scheduler)) == 1) is kept


@pytest.mark.parametrize("release", RELEASES)
def test_suppression_is_lost_with_the_connection(holds: Holds, release: str) -> None:
    """What the trial did not try: up to 1.3 a framework that disconnects is offered again afterwards, from 1.4 it is not."""
    holds(suppression_and_reconnection, mesos_version=release)
