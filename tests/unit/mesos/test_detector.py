"""The standalone detector."""

from __future__ import annotations

import pytest

from harness.mesos.detector import StandaloneDetector, fresh_info
from harness.mesos.messages import MasterInfo

MASTER = MasterInfo(id="m1", pid="master@m1")


def test_a_known_leader_is_told_at_once() -> None:
    """Whoever knows less than the detector gets its answer without waiting."""
    detector = StandaloneDetector(MASTER)
    assert detector.detect(None).get() == MASTER


def test_detect_waits_while_nothing_changes() -> None:
    """A participant that knows the leader hears of the next appointment, also when it names nobody."""
    detector = StandaloneDetector(MASTER)
    future = detector.detect(MASTER)
    assert not future.done
    detector.appoint(None)
    assert future.get() is None
    assert detector.leader is None


def test_appointing_completes_all_in_the_order_of_asking() -> None:
    """All waiting participants hear of one appointment, first come first served."""
    detector = StandaloneDetector()
    heard: list[str] = []
    for name in ("a", "b", "c"):
        detector.detect().on_any(lambda _, name=name: heard.append(name))
    detector.appoint(MASTER)
    assert heard == ["a", "b", "c"]


def test_a_discard_is_granted_and_looking_again_answers_at_once() -> None:
    """An agent that distrusts its connection discards its detection and looks again with no previous leader."""
    detector = StandaloneDetector(MASTER)
    future = detector.detect(MASTER)
    assert future.discard()
    assert future.discarded
    detector.appoint(None)  # the given-up one is not completed again
    detector.appoint(MASTER)
    assert detector.detect(None).get() == MASTER


@pytest.mark.parametrize("n", [1, 2, 17])
def test_a_further_appointment_of_one_master_is_a_change(n: int) -> None:
    """The record of each further appointment has an id of its own and the same pid; equal numbers give equal records."""
    fresh = fresh_info(MASTER, n)
    assert fresh.pid == MASTER.pid
    assert fresh != MASTER
    assert fresh == fresh_info(MASTER, n)
    assert fresh != fresh_info(MASTER, n + 1)
    detector = StandaloneDetector(MASTER)
    detector.appoint(fresh)
    assert detector.detect(MASTER).get() == fresh


def test_the_first_appointment_carries_the_masters_own_record() -> None:
    """Number 0 is the record that the master itself sends."""
    assert fresh_info(MASTER, 0) is MASTER
