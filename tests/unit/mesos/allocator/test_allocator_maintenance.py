"""Inverse offers: asking frameworks to leave an agent before its maintenance."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from harness.mesos.allocator import AllocatorLab
from harness.mesos.messages import Filters, Unavailability
from harness.simulation import World

SOON = Unavailability(start=datetime(2020, 1, 1, 1, tzinfo=UTC))


@pytest.fixture
def lab() -> AllocatorLab:
    """One framework that holds all of one agent, whose maintenance was just planned."""
    world = World(strategy="prompt")
    world.clock.pause()
    lab = AllocatorLab(world)
    lab.add_framework("f1")
    lab.add_agent("a1", "cpus:1;mem:512")
    world.settle()
    lab.allocator.update_unavailability("a1", SOON)
    world.settle()
    return lab


def asked(lab: AllocatorLab) -> list[tuple[str, list[str]]]:
    """Settle; who was asked to leave which agents since the last look."""
    lab.world.settle()
    found = [(str(item.framework_id), list(map(str, item.agents))) for item in lab.inverse_allocations]
    lab.inverse_allocations.clear()
    return found


def test_whoever_holds_something_is_asked_once(lab):
    """Planning maintenance asks at once, and not again while the answer is outstanding."""
    assert asked(lab) == [("f1", ["a1"])]
    lab.world.clock.advance("5secs")
    assert asked(lab) == []


def test_an_offer_of_the_same_run_counts(lab):
    """A framework that is just being offered the agent is asked in the same run."""
    lab.allocator.update_unavailability("a1", None)
    asked(lab)
    lab.add_agent("a2", "cpus:1;mem:512", unavailability=SOON)
    assert asked(lab) == [("f1", ["a2"])]


def test_an_answer_without_filters_leads_to_a_new_question(lab):
    """At the next run; the status is remembered meanwhile."""
    asked(lab)
    lab.allocator.update_inverse_offer("a1", "f1", None, "ACCEPT", None)
    statuses = lab.world.wait(lab.allocator.get_inverse_offer_statuses())
    assert statuses == {"a1": {"f1": "ACCEPT"}}
    lab.world.clock.advance("1secs")
    assert asked(lab) == [("f1", ["a1"])]


def test_an_answer_with_a_filter_keeps_the_question_away(lab):
    """For as long as it says, without a minimum; a revive forgets it."""
    asked(lab)
    lab.allocator.update_inverse_offer("a1", "f1", None, "DECLINE", Filters(refuse_seconds=3))
    lab.world.clock.advance("2secs")
    assert asked(lab) == []
    lab.world.clock.advance("2secs")
    assert asked(lab) == [("f1", ["a1"])]
    lab.allocator.update_inverse_offer("a1", "f1", None, "DECLINE", Filters(refuse_seconds=3600))
    lab.allocator.revive_offers("f1", ())
    assert asked(lab) == [("f1", ["a1"])]


def test_inactive_frameworks_are_not_asked_but_suppressed_ones_are(lab):
    """Suppression is about offers only."""
    asked(lab)
    lab.allocator.suppress_offers("f1", ())
    lab.allocator.update_unavailability("a1", SOON)
    assert asked(lab) == [("f1", ["a1"])]
    lab.allocator.deactivate_framework("f1")
    lab.allocator.update_unavailability("a1", SOON)
    assert asked(lab) == []


def test_cancelled_maintenance_forgets_statuses(lab):
    """Agents without planned maintenance have no statuses."""
    asked(lab)
    lab.allocator.update_inverse_offer("a1", "f1", None, "ACCEPT", None)
    lab.allocator.update_unavailability("a1", None)
    assert lab.world.wait(lab.allocator.get_inverse_offer_statuses()) == {}
