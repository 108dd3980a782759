"""Section 7 of the contract: somebody's own system of processes, with nothing of Mesos in it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from harness import Address, DeadlockError, FutureFailed, MisuseError, Process, ProcessError, World, explore, handles, replay


@dataclass(frozen=True)
class Add:
    """Add a number."""

    n: int


@dataclass(frozen=True)
class More(Add):
    """A special kind of it."""


@dataclass(frozen=True)
class Added:
    """The answer."""

    n: int


@dataclass(frozen=True)
class Unknown:
    """Nobody handles it."""


class Counter(Process):
    """Counts, tells the sender, and remembers what happened to it."""

    def __init__(self, name="counter"):
        super().__init__(name)
        self.total = 0
        self.events: list = []

    def initialize(self):
        """First of all."""
        self.events.append("initialize")

    @handles(Add)
    def add(self, sender, message):
        """Count."""
        self.total += message.n
        self.events.append(sender)
        if sender:
            self.send(sender, Added(self.total))

    @handles(Added, str)
    def other(self, sender, message):
        """Two classes, one handler."""
        self.events.append(message)

    def tick(self, n):
        """A timer."""
        self.events.append(("tick", n))

    def value(self, *arguments):
        """Dispatched."""
        return (self.total, *arguments)

    def later(self):
        """A dispatch whose answer is a future itself."""
        return self.dispatch(self.address, "value")

    def wrong(self):
        """Raises."""
        raise ValueError("broken")

    def exited(self, address):
        """Somebody ended."""
        self.events.append(("exited", address))

    def finalize(self):
        """Last of all."""
        self.events.append("finalize")


class Doubler(Counter):
    """Overrides a handler of its base; the declaration stays."""

    def add(self, sender, message):
        """Count twice."""
        self.total += 2 * message.n


def _spawn(world, name="counter", kind=Counter, host=None):
    return world.process(world.spawn(kind(name), host=host))


def test_an_address_prints_as_name_at_host(world):
    """And equals that text; without a host it gets one of its own."""
    one = world.spawn(Counter("counter"), host="h1")
    assert str(one) == "counter@h1"
    assert one == "counter@h1"
    assert isinstance(one, Address)
    assert (one.name, one.host) == ("counter", "h1")
    assert world.spawn(Counter("a")).host != world.spawn(Counter("b")).host
    assert world.process("counter@h1").address == one
    assert world.process("nobody@h1") is None


def test_initialize_is_the_first_thing_that_runs(world):
    """After spawn has returned."""
    process = _spawn(world)
    assert process.events == []
    world.post(Add(1), to=process.address)
    world.settle()
    assert process.events[0] == "initialize"
    assert process.total == 1


def test_messages_of_a_subclass_find_the_handler_of_its_base(world):
    """And a subclass of a process its base's declarations."""
    counter, doubler = _spawn(world, "c"), _spawn(world, "d", Doubler)
    world.post(More(2), to=counter.address)
    world.post(Add(2), to=doubler.address)
    world.settle()
    assert (counter.total, doubler.total) == (2, 4)


def test_senders_get_answers(world):
    """``self.send`` goes to the sender's address; one handler may take several classes."""
    one, two = _spawn(world, "one"), _spawn(world, "two")
    one.send(two.address, Add(3))
    world.settle()
    assert two.events[-1] == one.address
    assert one.events[-1] == Added(3)
    world.post("text", to=one.address)
    world.settle()
    assert one.events[-1] == "text"


def test_dispatches_call_methods_and_give_futures(world):
    """A future as a result is followed; to nobody it never completes."""
    one, two = _spawn(world, "one"), _spawn(world, "two")
    assert world.wait(one.dispatch(two.address, "value", 1, 2)) == (0, 1, 2)
    assert world.wait(one.dispatch(two.address, "later")) == (0,)
    with pytest.raises(DeadlockError):
        world.wait(one.dispatch("nobody@nowhere", "value"))


def test_timers_fire_and_can_be_cancelled(world):
    """``delay`` returns the timer."""
    process = _spawn(world)
    process.delay("10ms", process.tick, 1)
    timer = process.delay("20ms", process.tick, 2)
    assert timer.cancel()
    world.run_for("1secs")
    assert [event for event in process.events if event[0] == "tick"] == [("tick", 1)]
    assert not timer.cancel()


def test_links_tell_of_the_end(world):
    """Once; a link to nobody tells at once."""
    one, two = _spawn(world, "one"), _spawn(world, "two")
    one.link(two.address)
    one.link("nobody@nowhere")
    world.settle()
    assert ("exited", "nobody@nowhere") in one.events
    world.terminate(two.address)
    world.settle()
    assert one.events.count(("exited", two.address)) == 1
    assert two.events[-1] == "finalize"


def test_children_end_with_their_parent(world):
    """``self.spawn`` makes one on the same host."""
    parent = _spawn(world, "parent", host="h")
    child = parent.spawn(Counter("child"))
    world.settle()
    assert child == "child@h"
    world.terminate(parent.address)
    assert world.process(child) is None


def test_choices_are_recorded_and_zero_is_benign():
    """Under prompt always 0, under random each of them."""
    values = set()
    for seed in range(20):
        world = World(seed)
        process = _spawn(world)
        values.add(process.choose("coin", 3))
        assert [choice for choice in world.choices if choice.site == "coin"]
    assert values == {0, 1, 2}
    assert _spawn(World(strategy="prompt")).choose("coin", 3) == 0


def test_posting_returns_at_once_and_keeps_order(world):
    """Nothing runs before the world is driven."""
    process = _spawn(world)
    for n in range(5):
        world.post(str(n), to=process.address)
    assert process.events == []
    world.settle()
    assert process.events == ["initialize", *"01234"]


def test_promises_of_a_test(world):
    """Set or failed by the test, waited for by anybody."""
    good, bad = world.promise(), world.promise()
    good.set(3)
    bad.fail(KeyError("no"))
    assert world.wait(good.future) == 3
    with pytest.raises(KeyError):
        world.wait(bad.future)
    text = world.promise()
    text.fail("said so")
    with pytest.raises(FutureFailed, match="said so"):
        world.wait(text.future)


def test_an_unhandled_message_fails_the_run(world):
    """The error names the process, the message and what would be handled."""
    process = _spawn(world)
    world.post(Unknown(), to=process.address)
    with pytest.raises(ProcessError) as error:
        world.settle()
    for word in ("counter@", "Unknown", "Add", "@handles"):
        assert word in str(error.value)


def test_a_handler_that_raises_fails_the_run(world):
    """The original exception is the cause; the text has the process and the trace."""
    process = _spawn(world)
    process.dispatch(process.address, "wrong")
    with pytest.raises(ProcessError) as error:
        world.settle()
    assert isinstance(error.value.__cause__, ValueError)
    assert "counter@" in str(error.value)
    assert "initialize" in str(error.value)


def test_an_exploration_shows_the_original_exception():
    """``failure.error`` is what the handler raised."""

    def run(world):
        process = _spawn(world)
        if process.choose("coin", 2):
            process.dispatch(process.address, "wrong")
        world.settle()

    exploration = explore(run, seeds=50)
    failure = exploration.failures[0]
    assert isinstance(failure.error, ValueError)
    again = replay(run, failure.token)
    assert isinstance(again.error, ValueError)
    assert again.digest == failure.digest


def test_a_message_to_nobody_is_dropped_and_traced(world):
    """No error."""
    world.post(Add(1), to="nobody@nowhere")
    world.settle()
    assert [record for record in world.trace if record.kind == "dropped"]


def test_everything_of_messages_and_network_works_for_own_processes(world, messages, network, expect):
    """Rules, partitions, expectations."""
    one, two = _spawn(world, "one", host="h1"), _spawn(world, "two", host="h2")
    rule = messages.expect(Add, src=one.address, dst=two.address)
    told = expect(two).value(1).once()
    one.send(two.address, Add(1))
    world.wait(rule)
    world.wait(one.dispatch(two.address, "value", 1))
    assert told.satisfied
    network.partition("h1", "h2")
    one.send(two.address, Add(1))
    world.run_for("1secs")
    assert rule.count == 1


def test_the_trace_names_processes_by_their_creation_path(world):
    """In tokens as well."""
    parent = _spawn(world, "parent", host="h")
    parent.spawn(Counter("child"))
    world.settle()
    assert any(record.process == "child@h" for record in world.trace)
    assert any("parent@h/child" in choice.entity for choice in world.choices)


def test_the_same_name_twice_is_refused(world):
    """With what to do."""
    _spawn(world, "one", host="h")
    with pytest.raises(MisuseError, match="another name"):
        _spawn(world, "one", host="h")
