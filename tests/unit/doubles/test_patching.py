"""expect(anything): expectations on methods that nobody made a double of."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.doubles import ANY, Expect, MockScheduler, has, returns
from harness.errors import ExpectationError, MisuseError
from harness.simulation import Process, World, handles


class Queue:
    """Something of a user's own."""

    limit = 3

    def __init__(self) -> None:
        self.items: list[Any] = []

    def put(self, item: Any, *more: Any, front: bool = False, **options: Any) -> int:
        self.items.append(item)
        return len(self.items)

    @staticmethod
    def kind() -> str:
        return "queue"


class Frozen:
    """An object that takes no attributes."""

    __slots__ = ()

    def ask(self) -> int:
        return 1


class Add:
    """A message."""

    def __init__(self, n: int) -> None:
        self.n = n


class Counter(Process):
    """A process of a user's own."""

    total = 0

    @handles(Add)
    def add(self, sender: str, message: Add) -> None:
        self.total += message.n


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def expect(world: World, mocker: Any) -> Expect:
    return Expect(world, mocker)


def test_watches_a_method_and_calls_the_original(expect: Expect, world: World) -> None:
    """The call goes on to the original; count, arguments and times are those of an expectation."""
    queue = Queue()
    put = expect(queue).put(ANY, front=True).between(1, 3)
    assert queue.put("a", front=True) == 1
    queue.put("b")
    assert (put.count, put.arg("item"), queue.items) == (1, "a", ["a", "b"])
    world.finish()


def test_fails_at_the_call_too_many(expect: Expect) -> None:
    """Texts name the object's class and the method."""
    queue = Queue()
    expect(queue).put().once()
    queue.put(1)
    with pytest.raises(ExpectationError, match=r"^Queue\.put was called twice, expected exactly once"):
        queue.put(2)


def test_unmet_fails_at_the_end(expect: Expect, world: World) -> None:
    """The world asks it at its end; verify() asks it now."""
    expect(Queue()).put()
    with pytest.raises(ExpectationError, match=r"Queue\.put was never called"):
        world.finish()


def test_surplus_arguments_are_matched(expect: Expect) -> None:
    """Matchers reach *args and **options."""
    queue = Queue()
    surplus = expect(queue).put(1, 2, has(y=3)).any_number()
    named = expect(queue).put(colour="red").any_number()
    queue.put(1, 2, {"y": 3})
    queue.put(1, 2, {"y": 4})
    queue.put(1, 2)
    queue.put(9, colour="red")
    assert (surplus.count, named.count) == (1, 1)


def test_actions_replace_the_original(expect: Expect) -> None:
    """A method can be made to answer, and a default be set without expecting."""
    queue = Queue()
    expect(queue).put().will_once(returns(7)).will_repeatedly(returns(8))
    assert (queue.put(1), queue.put(2), queue.items) == (7, 8, [])
    expect.watch(queue).on.kind().do(returns("none"))
    assert queue.kind() == "none"


def test_a_class_is_watched_for_all_instances(expect: Expect) -> None:
    """On a class, calls of every instance count, and each original gets its own instance; static methods work too."""
    put = expect(Queue).put().exactly(2)
    expect(Queue).kind().once()
    one, two = Queue(), Queue()
    one.put("a")
    two.put("b")
    assert (one.items, two.items, put.args("item"), one.kind()) == (["a"], ["b"], ["a", "b"], "queue")


def test_a_module_is_watched(expect: Expect) -> None:
    """Functions of a module can be expected."""
    dumps = expect(json).dumps({"a": 1}).once()
    assert json.dumps({"a": 1}) == '{"a": 1}'
    assert dumps.satisfied


def test_mocker_takes_it_back(world: World, mocker: Any) -> None:
    """At the end of the test the original is there again."""
    queue = Queue()
    Expect(world, mocker)(queue).put().never()
    mocker.stopall()
    assert queue.put(1) == 1


def test_a_handler_of_a_process_is_watched(expect: Expect, world: World) -> None:
    """Messages that reach a process count as calls of its handler."""
    counter = Counter("counter")
    address = world.spawn(counter)
    added = expect(counter).add(message=has(n=3)).once()
    world.post(Add(3), to=address)
    world.post(Add(4), to=address)
    assert world.wait(added).args["message"].n == 3
    world.settle()
    assert counter.total == 7


def test_a_double_is_watched_as_itself(expect: Expect, world: World) -> None:
    """expect(double) is double.expect."""
    scheduler: Any = MockScheduler()
    lost = expect(scheduler).slave_lost().any_number()
    scheduler.slave_lost(None, "S0")
    assert lost.count == 1


@pytest.mark.parametrize(
    ("target", "method", "text"),
    [(Queue(), "pat", "did you mean put"), (Queue(), "limit", "is no method"), (Frozen(), "ask", r"expect\(Frozen\)")],
)
def test_what_cannot_be_watched_is_refused(expect: Expect, target: Any, method: str, text: str) -> None:
    """Wrong names, plain attributes and frozen objects are told at the declaration, with the way out."""
    with pytest.raises(MisuseError, match=text):
        getattr(expect(target), method)()
