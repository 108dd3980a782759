"""Tests that depend on more than their choices, each in one way; the determinism check must name every one."""

from __future__ import annotations

import os
import random
import threading
import time
import uuid
import weakref
import zlib
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from harness.simulation import Address, Process, World, handles
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


class _Loop:
    """Refers to itself, so only the garbage collector ends it."""

    def __init__(self, end: Callable[[], None]) -> None:
        self.me = self
        self.end = end

    def __del__(self) -> None:
        self.end()


def finalizer(world: World) -> None:
    """What a __del__ does is done whenever the collector comes by."""
    ended: list[int] = []
    _Loop(lambda: ended.append(1))
    _send(world, [0])
    world.post(Ping(len(ended)), to="receiver@west")
    world.run_until_idle()


def weak_callback(world: World) -> None:
    """The same of a callback of a weak reference."""
    ended: list[int] = []
    loop = _Loop(lambda: None)
    weakref.finalize(loop, ended.append, 1)
    del loop
    _send(world, [0])
    world.post(Ping(len(ended)), to="receiver@west")
    world.run_until_idle()


def weak_set(world: World) -> None:
    """And of what a weak collection still holds."""
    held: weakref.WeakSet[_Loop] = weakref.WeakSet()
    held.add(_Loop(lambda: None))
    _send(world, [0])
    world.post(Ping(len(held)), to="receiver@west")
    world.run_until_idle()


def today(world: World) -> None:
    """Real time again, through a class that is written in C."""
    _send(world, [datetime.now().microsecond])


def own_thread(world: World) -> None:
    """A thread's identity is given out by the operating system."""
    seen: list[int] = []
    thread = threading.Thread(target=lambda: seen.append(id(threading.current_thread()) >> 4))
    thread.start()
    thread.join()
    _send(world, seen)
    _kept.append(thread)


_kept: list[object] = []


def default_repr(world: World) -> None:
    """An object without a __repr__ prints its address."""
    _kept.append(object())
    world.post(Said(repr(_kept[-1])), to=world.spawn(Hearer("hearer"), host="west"))
    world.run_until_idle()


def number_of_draws(world: World) -> None:
    """One more question to the source of chance shows before anything happens."""
    _count[0] += 1
    asker = Asker(_count[0])
    world.spawn(asker, host="west")
    world.run_until_idle()


def unlike_end(world: World) -> None:
    """Everything happens alike, but the test itself does not."""
    _send(world, [1])
    _count[0] += 1
    assert _count[0] % 2 == 0, "odd"


def directory(world: World) -> None:
    """Where the process was started."""
    _send(world, [zlib.crc32(os.getcwd().encode())])


def environment(world: World) -> None:
    """What somebody has exported."""
    _send(world, [zlib.crc32(os.environ.get("TZ", "none").encode())])


_import_time: list[int] = []


def process_number(world: World) -> None:
    """Which process this is."""
    _send(world, [os.getpid()])


def filled_at_first(world: World) -> None:
    """A cache that was filled long ago here, and is empty in a process that begins."""
    if not _import_time:
        _import_time.append(len(_warm))
    _send(world, _import_time)


_warm: list[int] = []


class Said:
    """A message with a text."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class Hearer(Process):
    """Hears it."""

    @handles(Said)
    def said(self, sender: Address, message: Said) -> None:
        """Do nothing."""


class Asker(Process):
    """Makes some choices when it begins."""

    def __init__(self, times: int) -> None:
        super().__init__("asker")
        self.times = times

    def initialize(self) -> None:
        """Choose."""
        for _ in range(self.times):
            self.choose("coin", 2)


def warm_up() -> None:
    """What earlier tests would have left behind."""
    _warm.append(1)


class Leak(NamedTuple):
    """One planted leak.

    Attributes:
        test: the leaking test.
        cause: how the check names it.
        line: part of the line of this file that it points at; empty where no call gives it away.
    """

    test: Callable[[World], None]
    cause: str
    line: str = ""


HERE: list[Leak] = [
    Leak(default_repr, "identity of an object"),
    Leak(identity, "identity of an object", "id() at"),
    Leak(module_counter, "kept from one run to the next"),
    Leak(module_random, "random numbers", "random.getrandbits() at"),
    Leak(number_of_draws, "kept from one run to the next"),
    Leak(number_of_messages, "kept from one run to the next"),
    Leak(os_randomness, "random numbers", "os.urandom() at"),
    Leak(own_thread, "threads", "thread.start_"),
    Leak(threads, "threads", "thread.start_"),
    Leak(today, "real time", "datetime.now() at"),
    Leak(unlike_end, "kept from one run to the next"),
    Leak(uuid4, "random numbers", "os.urandom() at"),
    Leak(wall_clock, "real time", "time.time_ns() at"),
    Leak(warm_cache, "kept from one run to the next"),
]
"""Show themselves when the run is made again in the same process."""

COLLECTED: list[Leak] = [
    Leak(finalizer, "when an object is destroyed"),
    Leak(weak_callback, "when an object is destroyed"),
    Leak(weak_set, "when an object is destroyed"),
]
"""Show themselves when the garbage collector comes by at other times."""

ELSEWHERE: list[Leak] = [
    Leak(directory, "environment of the process", "os.getcwd() at"),
    Leak(environment, "environment of the process", "os.environ.get() at"),
    Leak(filled_at_first, "what the process had kept from earlier runs"),
    Leak(hash_of_text, "depends on PYTHONHASHSEED", "hash() at"),
    Leak(process_number, "environment of the process", "os.getpid() at"),
    Leak(set_order, "order of a set"),
]
"""Show themselves only in another process."""
