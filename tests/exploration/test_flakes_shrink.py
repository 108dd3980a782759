"""What shrinking leaves of the flaky tests of the catalogue: at most three deviations for most of them."""

from __future__ import annotations

import pytest

from harness.exploring import Exploration, explore, replay
from tests.flakes import test_flakes as catalogue

# Flake -> a seed under which it fails, and the most deviations that may be left. 0 is a flake that the calm run shows already.
FLAKES = {
    "s01": (18, 1),
    "s02": (5, 2),
    "s03": (9, 3),
    "s04": (5, 2),
    "s06": (0, 0),
    "s07": (0, 1),
    "s11": (0, 1),
    "s12": (1, 1),
    "s13": (8, 1),
    "s15": (13, 2),
    "s17": (1, 1),
    "s18": (0, 0),
    "s20": (5, 1),
    "s21": (0, 1),
    "s23": (0, 0),
    "s28": (0, 0),
    "s30": (1, 1),
}
# The other three need more by their nature: their test has to last until a batch of the allocator (s08, s10) or longer than 12 ms
# (s25), and it takes ten and four delays, each at its utmost, to fill that time.
LONG = {"s08", "s10", "s25"}


def _explored(flake: str, seed: int) -> Exploration:
    form, version = catalogue._form(flake, "flaky"), catalogue.VERSIONS.get(flake, "1.11")
    return explore(form, seeds=[seed], strategy="random", mesos_version=version)


@pytest.mark.parametrize("flake", FLAKES)
def test_few_deviations_are_left(flake: str) -> None:
    """Each that is left is needed, and the short token makes the same failure again."""
    seed, most = FLAKES[flake]
    (failure,) = _explored(flake, seed).failures
    shrunk = failure.shrink()
    assert len(shrunk.deviations) <= most
    assert shrunk.minimal
    again = replay(catalogue._form(flake, "flaky"), shrunk.token, mesos_version=catalogue.VERSIONS.get(flake, "1.11"))
    assert again.digest == shrunk.digest
    assert str(again.error) == str(shrunk.error)


def test_at_least_fifteen_are_few() -> None:
    """Every flake of the catalogue is accounted for, and no bound above is more than three."""
    assert {*FLAKES, *LONG} == set(catalogue.FLAKES)
    assert len(FLAKES) >= 15
    assert max(most for _, most in FLAKES.values()) <= 3
