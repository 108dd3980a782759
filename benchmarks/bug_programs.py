"""Small programs with one concurrency bug each, as threads of steps: what bug-finding strategies are measured on.

A thread is a process; its next step is a message to the memory, where steps happen one at a time. So a sender-to-memory channel
plays the part of a thread, and one delivered message is one step, taken just before the operation. Latency is 0 .. 10 s, so
that every step in flight may be the next. In the *flat* variant all threads are there from the beginning; in the *spawned* one
a main thread brings them forth, one step each, as the C originals do. The programs are those of the SCTBench family, by their
usual names.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any

from harness.simulation import Address, Process, World, handles


class Step:
    """The next step of a thread; a subclass an operation, so that its type tells what it does."""

    __slots__ = ("lock", "thread")

    def __init__(self, thread: Thread, lock: str = "") -> None:
        self.thread = thread
        self.lock = lock


_OPERATIONS: dict[str, type[Step]] = {}


def _operation(name: str) -> type[Step]:
    return _OPERATIONS.setdefault(name, type(name, (Step,), {"__slots__": ()}))


Body = Generator[str, None, None]
"""Yields the name of each operation before doing it; ``lock m`` and ``unlock m`` are done by the memory."""


class Thread(Process):
    """A thread of a program."""

    def __init__(self, name: str, body: Body) -> None:
        super().__init__(name)
        self.body = body
        self.done = False

    def go_on(self) -> None:
        """Announce the next step."""
        name = next(self.body, None)
        if name is None:
            self.done = True
            return
        verb, _, lock = name.partition(" ")
        self.send("memory@memory", _operation(verb)(self, lock))


class Setter(Thread):
    """A thread of the many-of-one-kind sort."""


class Checker(Thread):
    """A thread that looks."""


class Main(Thread):
    """The spawner."""


class Memory(Process):
    """Does the steps, one at a time."""

    def __init__(self) -> None:
        super().__init__("memory")
        self.held: dict[str, list[Step]] = {}

    @handles(Step)
    def step(self, sender: Address, step: Step) -> None:
        """Do it, and let its thread announce the next."""
        kind = type(step).__name__
        if kind == "lock":
            if step.lock in self.held:
                self.held[step.lock].append(step)
                return
            self.held[step.lock] = []
        elif kind == "unlock":
            for blocked in self.held.pop(step.lock):
                blocked.thread.send(self.address, blocked)
        step.thread.go_on()


class Bug(AssertionError):
    """The program's bug has shown."""


class Program:
    """One program: ``threads`` gives (name, class, body) of each; ``check`` looks at the end."""

    deadlocks = False

    def threads(self) -> Iterator[tuple[str, type[Thread], Body]]:
        """The threads, in the order in which main would make them."""
        raise NotImplementedError

    def check(self) -> None:
        """Look at the end."""

    def fail_unless(self, holds: bool) -> None:
        """Show the bug."""
        if not holds:
            raise Bug(type(self).__name__)


class LostUpdate(Program):
    """Two workers add 1 without a lock."""

    c = 0

    def threads(self) -> Iterator[tuple[str, type[Thread], Body]]:
        for n in range(2):
            yield f"w{n}", Setter, self._worker()

    def _worker(self) -> Body:
        yield "read"
        seen = self.c
        yield "write"
        self.c = seen + 1

    def check(self) -> None:
        self.fail_unless(self.c == 2)


class Account(Program):
    """Three under one lock; the auditor's formula is wrong once both others are through."""

    balance = 0
    flags = 0

    def threads(self) -> Iterator[tuple[str, type[Thread], Body]]:
        yield "depositor", Thread, self._change(2)
        yield "withdrawer", Thread, self._change(-4)
        yield "auditor", Checker, self._audit()

    def _change(self, amount: int) -> Body:
        yield "lock m"
        self.balance += amount
        yield "flag"
        self.flags += 1
        yield "unlock m"

    def _audit(self) -> Body:
        yield "lock m"
        self.fail_unless(self.flags < 2)
        yield "unlock m"


class TokenRing(Program):
    """x1 = x3 + 1; x2 = x1; x3 = x2, one atomic step each; the checker wants all equal once all three are through."""

    x1 = x2 = x3 = 0
    flags = 0

    def threads(self) -> Iterator[tuple[str, type[Thread], Body]]:
        for n in (1, 2, 3):
            yield f"t{n}", Thread, self._turn(n)
        yield "checker", Checker, self._look()

    def _turn(self, n: int) -> Body:
        yield f"turn{n}"
        if n == 1:
            self.x1 = (self.x3 + 1) % 4
        elif n == 2:
            self.x2 = self.x1
        else:
            self.x3 = self.x2
        self.flags += 1

    def _look(self) -> Body:
        yield "look"
        self.fail_unless(self.flags < 3 or self.x1 == self.x2 == self.x3)


class Deadlock01(Program):
    """Two locks, taken in opposite orders."""

    deadlocks = True

    def threads(self) -> Iterator[tuple[str, type[Thread], Body]]:
        yield "w0", Thread, self._both("a", "b")
        yield "w1", Thread, self._both("b", "a")

    def _both(self, first: str, second: str) -> Body:
        yield f"lock {first}"
        yield f"lock {second}"
        yield f"unlock {second}"
        yield f"unlock {first}"


class Twostage(Program):
    """A writer in two critical sections; a reader that fits between them."""

    d1 = d2 = 0

    def threads(self) -> Iterator[tuple[str, type[Thread], Body]]:
        yield "writer", Thread, self._write()
        yield "reader", Checker, self._read()

    def _write(self) -> Body:
        yield "lock m1"
        self.d1 = 1
        yield "unlock m1"
        yield "lock m2"
        self.d2 = self.d1 + 1
        yield "unlock m2"

    def _read(self) -> Body:
        yield "lock m1"
        seen = self.d1
        yield "unlock m1"
        if not seen:
            return
        yield "lock m2"
        self.fail_unless(self.d2 == seen + 1)
        yield "unlock m2"


class Reorder(Program):
    """Setters do a = 1; b = -1; the checker must not see one without the other."""

    size = 3
    a = b = 0

    def threads(self) -> Iterator[tuple[str, type[Thread], Body]]:
        for n in range(self.size - 1):
            yield f"setter{n}", Setter, self._set()
        yield "checker", Checker, self._look()

    def _set(self) -> Body:
        yield "set_a"
        self.a = 1
        yield "set_b"
        self.b = -1

    def _look(self) -> Body:
        yield "read_a"
        if self.a == 0:
            yield "read_b"
            if self.b == 0:
                return
        yield "read_a"
        seen = self.a == 1
        yield "read_b"
        self.fail_unless(seen and self.b == -1)


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

    stopping = stopped = event = False
    io = 1

    def threads(self) -> Iterator[tuple[str, type[Thread], Body]]:
        yield "worker", Thread, self._work()
        yield "stopper", Checker, self._stop()

    def _leave(self) -> None:
        self.io -= 1
        self.event = self.event or self.io == 0

    def _work(self) -> Body:
        yield "read_stopping"
        if self.stopping:
            return
        yield "enter"
        self.io += 1
        yield "read_stopped"
        self.fail_unless(not self.stopped)
        yield "leave"
        self._leave()

    def _stop(self) -> Body:
        yield "set_stopping"
        self.stopping = True
        yield "leave"
        self._leave()
        yield "read_event"
        if self.event:
            yield "set_stopped"
            self.stopped = True


class Stringbuffer(Program):
    """The length is asked, the buffer shrinks, the range is copied, the buffer would have grown again: two preemptions."""

    length = 3

    def threads(self) -> Iterator[tuple[str, type[Thread], Body]]:
        yield "appender", Checker, self._append()
        yield "other", Thread, self._shake()

    def _append(self) -> Body:
        yield "lock_dst"
        yield "length"
        length = self.length
        yield "get_chars"
        self.fail_unless(length <= self.length)
        yield "unlock_dst"

    def _shake(self) -> Body:
        yield "erase"
        self.length -= 3
        yield "append"
        self.length += 3


class Aba(Program):
    """A reader that must not see 0 and then 1, while a writer writes 1 and then 2."""

    x = 0

    def threads(self) -> Iterator[tuple[str, type[Thread], Body]]:
        yield "reader", Checker, self._read()
        yield "writer", Thread, self._write()

    def _read(self) -> Body:
        yield "read"
        first = self.x
        yield "read"
        self.fail_unless((first, self.x) != (0, 1))

    def _write(self) -> Body:
        yield "write"
        self.x = 1
        yield "write"
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


def _main(threads: list[Thread]) -> Body:
    for thread in threads:
        yield "spawn"
        thread.go_on()


def test_of(name: str, spawned: bool) -> Callable[[World], None]:
    """The program as a test that takes a world."""
    program_class = PROGRAMS[name]

    def test(world: World) -> None:
        program = program_class()
        world.network.latency(None, None, "0ns", "10secs")
        # One at a time, so that nothing is contested before the first step.
        world.spawn(Memory(), host="memory")
        world.settle()
        threads: list[Any] = []
        for thread_name, cls, body in program.threads():
            threads.append(cls(thread_name, body))
            world.spawn(threads[-1])
            world.settle()
        if spawned:
            main = Main("main", _main(threads))
            world.spawn(main)
            world.settle()
            main.go_on()
        else:
            for thread in threads:
                thread.go_on()
        world.run_until_idle()
        if program.deadlocks and not all(thread.done for thread in threads):
            raise Bug("deadlock")
        program.check()

    test.__qualname__ = name
    return test
