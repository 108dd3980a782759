"""The rate limiter, alone with a toy owner."""

from __future__ import annotations

import pytest

from harness.errors import MisuseError
from harness.mesos.limiter import RateLimiter
from harness.simulation import Process, World


def limiter_of(world: World, limiter: RateLimiter) -> RateLimiter:
    owner = Process("owner")
    world.spawn(owner)
    limiter.bind(owner)
    world.clock.pause()
    world.settle()
    return limiter


def test_permits_are_evenly_spaced() -> None:
    """The first is free at once; the others come duration/permits apart, in order."""
    world = World()
    limiter = limiter_of(world, RateLimiter(2, "20mins"))
    permits = [limiter.acquire() for _ in range(3)]
    world.settle()
    assert [permit.ready for permit in permits] == [True, False, False]
    world.clock.advance("10mins")
    assert [permit.ready for permit in permits] == [True, True, False]
    world.clock.advance("10mins")
    assert all(permit.ready for permit in permits)


def test_a_discarded_permit_is_skipped() -> None:
    """Whoever gave up does not use a slot; the next in the queue gets it."""
    world = World()
    limiter = limiter_of(world, RateLimiter(1, "1mins"))
    first, second, third = (limiter.acquire() for _ in range(3))
    world.settle()
    second.discard()
    world.settle()
    assert second.discarded
    world.clock.advance("1mins")
    assert first.ready
    assert third.ready


def test_a_quiet_limiter_grants_at_once_again() -> None:
    """After the spacing has passed, nobody waits."""
    world = World()
    limiter = limiter_of(world, RateLimiter.parse("1/1mins"))
    limiter.acquire()
    world.settle()
    world.clock.advance("2mins")
    late = limiter.acquire()
    world.settle()
    assert late.ready


def test_waiting_permits_are_discarded_at_the_end() -> None:
    """A limiter that ends leaves nobody waiting for ever."""
    world = World()
    limiter = limiter_of(world, RateLimiter(1, "1mins"))
    limiter.acquire()
    waiting = limiter.acquire()
    world.settle()
    world.terminate("owner@owner")
    assert waiting.discarded


@pytest.mark.parametrize(("permits", "duration"), [(0, "1mins"), (True, "1mins"), (1, "0ns")])
def test_nonsense_is_refused(permits: int, duration: str) -> None:
    """There must be a permit, and a time to spread it over."""
    with pytest.raises(MisuseError, match="RateLimiter"):
        RateLimiter(permits, duration)


def test_an_unbound_limiter_says_what_to_do() -> None:
    """Using a limiter that no master took is a mistake of the caller."""
    with pytest.raises(MisuseError, match="bind"):
        RateLimiter(1, "1mins").acquire()
