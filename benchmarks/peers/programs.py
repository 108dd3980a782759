"""The programs of ``bug_programs.py`` as asyncio coroutines, for the explorers of asyncio that stand beside ours.

A thread is a task, and every operation is one scheduling point, taken just before it: the start of a task is the point before
its first operation, ``await point()`` the one before each further. A lock is an ``asyncio.Lock``, whose ``acquire`` is an
operation as well. The main task makes all the tasks at once in the *flat* variant; in the *spawned* one there is a point before
each.
Nothing here knows any of the explorers, so that all of them run the very same code.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

Thread = Coroutine[Any, Any, None]
Main = Callable[[], Thread]


def point() -> Coroutine[Any, Any, None]:
    """Where another task may come in between."""
    return asyncio.sleep(0)


class Bug(AssertionError):
    """The program's bug has shown."""


def require(holds: bool) -> None:
    """Show the bug."""
    if not holds:
        raise Bug


class Program:
    """One program; a deadlock is for the explorer to see."""

    def threads(self) -> list[Thread]:
        """The threads, in the order in which main makes them."""
        raise NotImplementedError

    def check(self) -> None:
        """Look at the end."""


class LostUpdate(Program):
    """Two workers add 1 without a lock."""

    def __init__(self) -> None:
        self.c = 0

    def threads(self) -> list[Thread]:
        return [self.worker(), self.worker()]

    async def worker(self) -> None:
        """Read; write one more."""
        seen = self.c
        await point()
        self.c = seen + 1

    def check(self) -> None:
        require(self.c == 2)


class Account(Program):
    """Three under one lock; the auditor's formula is wrong once both others are through."""

    def __init__(self) -> None:
        self.m = asyncio.Lock()
        self.balance = self.flags = 0

    def threads(self) -> list[Thread]:
        return [self.change(2), self.change(-4), self.audit()]

    async def change(self, amount: int) -> None:
        """Pay in or draw."""
        await self.m.acquire()
        self.balance += amount
        await point()
        self.flags += 1
        await point()
        self.m.release()

    async def audit(self) -> None:
        """Look."""
        await self.m.acquire()
        require(self.flags < 2)
        await point()
        self.m.release()


class TokenRing(Program):
    """x1 = x3 + 1; x2 = x1; x3 = x2, one atomic step each; the checker wants all equal once all three are through."""

    def __init__(self) -> None:
        self.x1 = self.x2 = self.x3 = self.flags = 0

    def threads(self) -> list[Thread]:
        return [self.turn(1), self.turn(2), self.turn(3), self.look()]

    async def turn(self, n: int) -> None:
        """Pass it on."""
        if n == 1:
            self.x1 = (self.x3 + 1) % 4
        elif n == 2:
            self.x2 = self.x1
        else:
            self.x3 = self.x2
        self.flags += 1

    async def look(self) -> None:
        """All equal, once all are through."""
        require(self.flags < 3 or self.x1 == self.x2 == self.x3)


class Deadlock01(Program):
    """Two locks, taken in opposite orders."""

    def __init__(self) -> None:
        self.a, self.b = asyncio.Lock(), asyncio.Lock()

    def threads(self) -> list[Thread]:
        return [self.both(self.a, self.b), self.both(self.b, self.a)]

    async def both(self, first: asyncio.Lock, second: asyncio.Lock) -> None:
        """Take the one, then the other."""
        await first.acquire()
        await point()
        await second.acquire()
        await point()
        second.release()
        await point()
        first.release()


class Twostage(Program):
    """A writer in two critical sections; a reader that fits between them."""

    def __init__(self) -> None:
        self.m1, self.m2 = asyncio.Lock(), asyncio.Lock()
        self.d1 = self.d2 = 0

    def threads(self) -> list[Thread]:
        return [self.write(), self.read()]

    async def write(self) -> None:
        """The one, then the other."""
        await self.m1.acquire()
        self.d1 = 1
        await point()
        self.m1.release()
        await point()
        await self.m2.acquire()
        self.d2 = self.d1 + 1
        await point()
        self.m2.release()

    async def read(self) -> None:
        """The other must follow from the one."""
        await self.m1.acquire()
        seen = self.d1
        await point()
        self.m1.release()
        if not seen:
            return
        await point()
        await self.m2.acquire()
        require(self.d2 == seen + 1)
        await point()
        self.m2.release()


class Reorder(Program):
    """Setters do a = 1; b = -1; the checker must not see one without the other."""

    size = 3

    def __init__(self) -> None:
        self.a = self.b = 0

    def threads(self) -> list[Thread]:
        return [*(self.set() for _ in range(self.size - 1)), self.look()]

    async def set(self) -> None:
        """The one, then the other."""
        self.a = 1
        await point()
        self.b = -1

    async def look(self) -> None:
        """Both or neither, each half read anew."""
        if self.a == 0:
            await point()
            if self.b == 0:
                return
        await point()
        seen = self.a == 1
        await point()
        require(seen and self.b == -1)


class Reorder5(Reorder):
    """Five threads."""

    size = 5


class Reorder10(Reorder):
    """Ten threads."""

    size = 10


class Reorder50(Reorder):
    """Fifty threads."""

    size = 50


class Bluetooth(Program):
    """The driver that stops while a worker is just coming in."""

    def __init__(self) -> None:
        self.stopping = self.stopped = self.event = False
        self.io = 1

    def threads(self) -> list[Thread]:
        return [self.work(), self.stop()]

    def leave(self) -> None:
        """One fewer; the last one says so."""
        self.io -= 1
        self.event = self.event or self.io == 0

    async def work(self) -> None:
        """Come in, unless it is stopping."""
        if self.stopping:
            return
        await point()
        self.io += 1
        await point()
        require(not self.stopped)
        await point()
        self.leave()

    async def stop(self) -> None:
        """Stop, once all have left."""
        self.stopping = True
        await point()
        self.leave()
        await point()
        if self.event:
            await point()
            self.stopped = True


class Stringbuffer(Program):
    """The length is asked, the buffer shrinks, the range is copied, the buffer would have grown again: two preemptions."""

    def __init__(self) -> None:
        self.length = 3

    def threads(self) -> list[Thread]:
        return [self.append(), self.shake()]

    async def append(self) -> None:
        """Lock the destination, which nobody else wants; ask the length; copy that many."""
        await point()
        length = self.length
        await point()
        require(length <= self.length)
        await point()

    async def shake(self) -> None:
        """Erase; append."""
        self.length -= 3
        await point()
        self.length += 3


class Aba(Program):
    """A reader that must not see 0 and then 1, while a writer writes 1 and then 2."""

    def __init__(self) -> None:
        self.x = 0

    def threads(self) -> list[Thread]:
        return [self.read(), self.write()]

    async def read(self) -> None:
        """Twice."""
        first = self.x
        await point()
        require((first, self.x) != (0, 1))

    async def write(self) -> None:
        """1, then 2."""
        self.x = 1
        await point()
        self.x = 2


PROGRAMS: dict[str, type[Program]] = {
    "lost_update": LostUpdate,
    "account": Account,
    "token_ring": TokenRing,
    "deadlock01": Deadlock01,
    "twostage": Twostage,
    "reorder_3": Reorder,
    "reorder_5": Reorder5,
    "reorder_10": Reorder10,
    "reorder_50": Reorder50,
    "bluetooth": Bluetooth,
    "stringbuffer": Stringbuffer,
    "aba": Aba,
}


def main_of(name: str, spawned: bool) -> Main:
    """The program as a main coroutine, to be made anew for each run."""
    program_class = PROGRAMS[name]

    async def main() -> None:
        program = program_class()
        tasks = []
        for thread in program.threads():
            if spawned:
                await point()
            tasks.append(asyncio.create_task(thread))
        await asyncio.gather(*tasks)
        program.check()

    main.__qualname__ = name
    return main
