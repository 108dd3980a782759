"""The determinism check against planted leaks: each is found, and the step where it shows is named."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.errors import MisuseError, NondeterminismError
from harness.proving import check_determinism
from harness.simulation import World
from tests.exploration.leaks import zoo
from tests.unit.explore.toys import orderly, patient


@pytest.mark.parametrize("leak", zoo.HERE, ids=lambda leak: leak.__name__)
def test_leaks_are_named_at_once(leak: Callable[[World], None]) -> None:
    """Made again in the same process the run differs; the error shows both versions of the first step that does."""
    with pytest.raises(NondeterminismError, match=r"step \d+ was\n.*\nand is now\n"):
        check_determinism(leak, fresh=False)


@pytest.mark.parametrize("leak", zoo.ELSEWHERE, ids=lambda leak: leak.__name__)
def test_leaks_of_the_hash_seed_are_named(leak: Callable[[World], None]) -> None:
    """Here the run repeats itself; in a fresh process with another hash seed it does not."""
    check_determinism(leak, fresh=False)
    with pytest.raises(NondeterminismError, match="PYTHONHASHSEED"):
        check_determinism(leak)


@pytest.mark.parametrize("test", [orderly, patient])
def test_clean_tests_pass(test: Callable[[World], None]) -> None:
    """A test without leaks is the same everywhere, failing or not, and is not disturbed by being watched."""
    run = check_determinism(test, 3)
    assert run.seed == 3


def test_only_importable_tests_can_be_made_elsewhere() -> None:
    """A function inside a function cannot be found by a fresh process; the error says what to do."""

    def inner(world: World) -> None:
        """Nothing."""

    with pytest.raises(MisuseError, match="top of a module"):
        check_determinism(inner)
