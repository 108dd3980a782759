"""Every kind of test that people write; three of them fail, under every release and beside every plugin in the same way."""

from __future__ import annotations

import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import conveyor
import pytest


def both(world: Any) -> None:
    """Holds under every seed."""
    assert sorted(conveyor.run(world)) == [1, 2]


def in_order(world: Any) -> None:
    """Fails for about half of the seeds."""
    assert conveyor.run(world) == [1, 2]


def test_passing(cluster: Any, allocator: Any, record_property: Any) -> None:
    """A cluster: the digest of its run is the same everywhere."""
    master = cluster.start_master(allocator=allocator)
    added = allocator.expect.add_slave().at_least_once()
    agent = cluster.start_agent()
    cluster.wait(added)
    cluster.wait(agent.registered)
    assert master.elected
    record_property("digest", cluster.digest)


@pytest.mark.cluster(seed=3)
def test_known_failing_seed(world: Any, record_property: Any) -> None:
    """Fails always."""
    record_property("digest", conveyor.run(world) and world.digest)
    raise AssertionError("boxes out of order")


@pytest.mark.cluster(seeds=40)
def test_sweep(world: Any) -> None:
    """Passes under all seeds."""
    both(world)


@pytest.mark.cluster(seeds=40)
def test_sweep_that_fails(world: Any) -> None:
    """Fails under some."""
    in_order(world)


@pytest.mark.cluster(seeds=10)
@pytest.mark.parametrize("name", ["one", "two words"])
def test_parametrised(world: Any, name: str) -> None:
    """Passes for both."""
    assert name
    both(world)


@pytest.fixture(scope="class")
def wide() -> list[str]:
    """One for the class."""
    return ["wide"]


class TestClass:
    """Methods, with fixtures of every scope beside ours."""

    made: list[int] = []

    @pytest.fixture
    def mine(self, world: Any, seed: int) -> Iterator[Any]:
        """A new one for each seed."""
        self.made.append(seed)
        yield world
        assert world.trace

    @pytest.mark.cluster(seeds=6)
    def test_own_fixtures(self, mine: Any, world: Any, wide: list[str], tmp_path: Path) -> None:
        """The slow way through pytest's machinery."""
        assert mine is world
        assert not list(tmp_path.iterdir())
        (tmp_path / "x").touch()
        assert wide == ["wide"]
        both(world)


class TestCase(unittest.TestCase):
    """unittest's way."""

    @pytest.fixture(autouse=True)
    def _take(self, world: Any) -> None:
        self.world = world

    @pytest.mark.cluster(seeds=5)
    def test_case(self) -> None:
        """Passes."""
        both(self.world)

    @pytest.mark.cluster(seeds=40)
    def test_case_that_fails(self) -> None:
        """Fails under some seeds."""
        in_order(self.world)


def test_wall_clock(wall_clock: Any, clock: Any) -> None:
    """The standard library's time is virtual."""
    import time

    began = time.time()
    clock.advance("1hrs")
    assert time.time() - began == 3600


def test_plain(tmp_path: Path) -> None:
    """Nothing of ours."""
    assert tmp_path.is_dir()
