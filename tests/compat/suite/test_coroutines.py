"""Tests that are coroutines, for pytest-asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import conveyor
import pytest

pytest_asyncio = pytest.importorskip("pytest_asyncio")


@pytest_asyncio.fixture
async def soon() -> AsyncIterator[str]:
    """A fixture that is a coroutine."""
    await asyncio.sleep(0)
    yield "now"


@pytest.mark.asyncio
async def test_coroutine(world: Any, record_property: Any) -> None:
    """One seed."""
    await asyncio.sleep(0)
    assert sorted(conveyor.run(world)) == [1, 2]
    record_property("digest", world.digest)


@pytest.mark.asyncio
@pytest.mark.cluster(seeds=5)
async def test_coroutine_sweep(world: Any, soon: str) -> None:
    """Five."""
    await asyncio.sleep(0)
    assert soon == "now"
    assert sorted(conveyor.run(world)) == [1, 2]


@pytest.mark.asyncio
@pytest.mark.cluster(seeds=40)
async def test_coroutine_that_fails(world: Any) -> None:
    """Some of forty."""
    await asyncio.sleep(0)
    assert conveyor.run(world) == [1, 2]
