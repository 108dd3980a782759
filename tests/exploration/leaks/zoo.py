"""Tests that depend on more than their choices, each in one way; the determinism check must name every one."""

from __future__ import annotations

import os
import random
import threading
import time
import uuid
from collections.abc import Callable
from functools import lru_cache

from harness.simulation import World
from tests.unit.explore.toys import Ping, Receiver


def _send(world: World, numbers: list[int]) -> None:
    address = world.spawn(Receiver(), host="west")
    for number in numbers:
        world.post(Ping(number), to=address)
    world.run_until_idle()


def set_order(world: World) -> None:
    """The order of a set of texts follows the hash seed."""
    names = {f"name{n}" for n in range(20)}
    _send(world, [int(name.removeprefix("name")) for name in names])


def hash_of_text(world: World) -> None:
    """So does hash()."""
    _send(world, [hash("agent") % 1000])


def identity(world: World) -> None:
    """Addresses in memory are nobody's business."""
    _send(world, [id(world) // 16])


def wall_clock(world: World) -> None:
    """Real time."""
    _send(world, [time.time_ns()])


def os_randomness(world: World) -> None:
    """The operating system's random numbers."""
    _send(world, list(os.urandom(8)))


def module_random(world: World) -> None:
    """A generator that nobody seeds."""
    _send(world, [random.getrandbits(40)])


def uuid4(world: World) -> None:
    """An id of its own making."""
    _send(world, [uuid.uuid4().int])


_count = [0]


def module_counter(world: World) -> None:
    """A counter that outlives the run."""
    _count[0] += 1
    _send(world, [_count[0]])


@lru_cache
def _remembered(key: str) -> list[int]:
    return []


def warm_cache(world: World) -> None:
    """The first run fills a cache, the second finds it full."""
    found = _remembered("x")
    if not found:
        found.append(1)
        _send(world, [0])
    else:
        _send(world, [1])


def threads(world: World) -> None:
    """What another thread does, and who it is, is not ours to say."""
    seen: list[int] = []
    thread = threading.Thread(target=lambda: seen.append(time.perf_counter_ns()))
    thread.start()
    thread.join()
    _send(world, seen)


def number_of_messages(world: World) -> None:
    """A run may also be longer the second time."""
    _count[0] += 1
    _send(world, list(range(_count[0])))


HERE: list[Callable[[World], None]] = [
    identity,
    module_counter,
    module_random,
    number_of_messages,
    os_randomness,
    threads,
    uuid4,
    wall_clock,
    warm_cache,
]
"""Show themselves when the run is made again in the same process."""

ELSEWHERE: list[Callable[[World], None]] = [hash_of_text, set_order]
"""Show themselves only in another process."""
