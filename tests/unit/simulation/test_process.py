"""Processes: handlers, sending, dispatching, timers, links, children, ends, and what misuse is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from harness.durations import milliseconds
from harness.errors import DeadlockError, MisuseError, ProcessError
from harness.simulation import Address, Process, Promise, World, handles
from tests.unit.simulation.toys import Item, Listener, Other, Scripted, SpecialItem, listener, pair

MS = 1_000_000


def _kinds(world: World, kind: str) -> list[Any]:
    return [record.event for record in world.trace if record.kind == kind]


# -- spawning -------------------------------------------------------------------------------------------------------------


def test_initialize_is_the_first_event_after_the_spawn() -> None:
    """``initialize`` runs as a delivery, not inside spawn, and before anything that was posted meanwhile."""
    for seed in range(30):
        world = World(seed)
        log: list[Any] = []
        process = Scripted("p", lambda p: p.log.append("initialize"), log=log)
        address = world.spawn(process, "h")
        world.post(Item(1), address)
        process.dispatch(address, "tick", 2)
        assert log == []
        assert process.alive
        world.settle()
        assert log[0] == "initialize"
        assert len(log) == 3


def test_an_address_prints_as_its_text_and_equals_it() -> None:
    """An address is ``name@host`` and may be replaced by that text everywhere."""
    world = World()
    process = Listener("counter")
    address = world.spawn(process, host="h1")
    assert address == "counter@h1"
    assert f"{address}" == "counter@h1"
    assert isinstance(address, Address)
    assert (address.name, address.host) == ("counter", "h1")
    assert world.process(address) is world.process("counter@h1") is process
    assert str(process) == "counter@h1"
    assert process.address == address
    assert (process.host, process.path, process.root) == ("h1", "counter@h1", "counter@h1")
    assert process.world is world


def test_without_a_host_a_process_gets_one_of_its_own() -> None:
    """No two processes spawned without ``host=`` share a host."""
    world = World()
    addresses = [world.spawn(Listener("p")) for _ in range(3)]
    assert len({address.host for address in addresses}) == 3


def test_an_address_can_be_taken_once() -> None:
    """A second process of that name on that host is refused while the first one lives, and welcome afterwards."""
    world = World()
    first = world.spawn(Listener("p"), "h")
    with pytest.raises(MisuseError, match="already a process p@h"):
        world.spawn(Listener("p"), "h")
    world.terminate(first)
    second = Listener("p")
    assert world.spawn(second, "h") == first
    assert second.path == "p@h#2"


def test_a_process_is_spawned_once() -> None:
    """An instance that is running cannot be spawned again."""
    world = World()
    process = Listener("p")
    world.spawn(process)
    with pytest.raises(MisuseError, match="running already"):
        world.spawn(process, "elsewhere")


class _Unnamed(Listener):
    """Forgets the constructor of its base."""

    def __init__(self) -> None:
        self.heard = []


@pytest.mark.parametrize("wrong", [_Unnamed(), object(), Listener, "p@h"])
def test_what_is_no_process_is_not_spawned(wrong: Any) -> None:
    """What never got a name as a process is refused with the way out, whatever else it is."""
    with pytest.raises(MisuseError, match=r"called super\(\).__init__\(name\)"):
        World().spawn(wrong)


@pytest.mark.parametrize("name", ["", "a@b", None, 7])
def test_process_names_are_texts_without_at(name: Any) -> None:
    """A name that could not be part of an address is refused at once."""
    with pytest.raises(MisuseError, match="process name"):
        Listener(name)


def test_forgetting_the_base_constructor_is_told() -> None:
    """A subclass whose constructor never reached the base is refused by spawn with the call that is missing."""

    class Forgetful(Process):
        def __init__(self) -> None:
            pass

    with pytest.raises(MisuseError, match=r"super\(\).__init__\(name\)"):
        World().spawn(Forgetful())


# -- messages and handlers ------------------------------------------------------------------------------------------------


def test_handlers_are_found_by_message_class() -> None:
    """Each message goes to the method marked for its class, with the sender's address; one method may serve several."""
    calls: list[Any] = []

    class Both(Process):
        @handles(Item, Other)
        def any_of_them(self, sender: Address, message: Any) -> None:
            calls.append((sender, message))

    world = World(strategy="prompt")
    a = listener(world, "a", "h")
    b = world.spawn(Both("b"), "h")
    a.send(b, Item(1))
    a.send(b, Other("x"))
    world.settle()
    assert calls == [("a@h", Item(1)), ("a@h", Other("x"))]
    assert isinstance(calls[0][0], Address)


def test_handlers_are_inherited_and_can_be_overridden_by_name() -> None:
    """A subclass serves what its bases serve; redefining the method replaces it, without marking it again."""

    class Louder(Listener):
        def item(self, sender: Address, message: Item) -> None:
            self.heard.append(-message.n)

    world = World()
    process = Louder("p")
    address = world.spawn(process)
    world.post(Item(3), address)
    world.post(Other("inherited"), address)
    world.settle()
    assert process.heard == [-3]
    assert process.log == [("p", "inherited")]


def test_a_message_is_handled_by_the_handler_of_its_base_class() -> None:
    """A message whose class has no handler of its own goes to that of its nearest base."""

    class Special(Listener):
        @handles(SpecialItem)
        def special(self, sender: Address, message: SpecialItem) -> None:
            self.heard.append(100 + message.n)

    world = World()
    plain, special = Listener("plain"), Special("special")
    for process in (plain, special):
        world.post(SpecialItem(5), world.spawn(process))
    world.settle()
    assert plain.heard == [5]
    assert special.heard == [105]


def test_handles_wants_classes() -> None:
    """Marking a method for something that is no class is refused where it is written."""
    with pytest.raises(MisuseError, match="wanted message classes"):
        handles("Item")  # type: ignore[arg-type]


def test_a_message_without_handler_fails_the_run() -> None:
    """The error names process, message and the handlers that there are."""
    world = World()
    address = world.spawn(Listener("p"), "h")
    world.post(12345, address)
    with pytest.raises(ProcessError, match=r"p@h .*no handler for int; it handles: .*Item"):
        world.settle()


@pytest.mark.parametrize("drive", ["settle", "run_until_idle", "wait", "run_for", "advance"])
def test_a_handler_that_raises_fails_the_run(drive: str) -> None:
    """The error names process, message and exception, shows the last events, and its cause is the original."""
    problem = ZeroDivisionError("of the handler")

    def explode(process: Any, sender: Address, message: Item) -> None:
        process.note("about to explode")
        raise problem

    world = World()
    address = world.spawn(Scripted("p", react=explode), "h")
    world.post(Item(1), address)
    drives = {
        "wait": lambda: world.wait(lambda: False),
        "run_for": lambda: world.run_for("1secs"),
        "advance": lambda: world.clock.advance("1secs"),
    }
    with pytest.raises(ProcessError) as caught:
        drives.get(drive, getattr(world, drive, None))()
    text = str(caught.value)
    assert caught.value.__cause__ is problem
    assert "p@h" in text
    assert "Item" in text
    assert "ZeroDivisionError: of the handler" in text
    assert "about to explode" in text


@pytest.mark.parametrize("where", ["initialize", "timer", "dispatch", "exited", "work"])
def test_whatever_raises_in_a_process_fails_the_run(where: str) -> None:
    """Initialisation, timers, dispatches, exited events and finished work are handlers too."""

    class Fragile(Process):
        def initialize(self) -> None:
            if where == "initialize":
                self.explode()
            elif where == "timer":
                self.delay("1ms", self.explode)
            elif where == "dispatch":
                self.dispatch(self.address, "explode")
            elif where == "exited":
                self.link("nobody@nowhere")
            else:
                self.work("store", "1ms", "1ms", "explode")

        def explode(self) -> None:
            raise KeyError("boom")

        def exited(self, address: Address) -> None:
            self.explode()

    world = World()
    world.spawn(Fragile("p"), "h")
    with pytest.raises(ProcessError, match=r"p@h.*KeyError") as caught:
        world.run_until_idle()
    assert isinstance(caught.value.__cause__, KeyError)


def test_errors_of_the_harness_are_not_wrapped() -> None:
    """A misuse inside a handler surfaces as itself."""

    def misuse(process: Any) -> None:
        raise MisuseError("mine")

    world = World()
    world.spawn(Scripted("p", misuse))
    with pytest.raises(MisuseError, match="^mine$"):
        world.settle()


def test_the_world_goes_on_after_a_failed_handler() -> None:
    """An error that the test has caught ends neither the process nor the world."""
    world = World()
    process = listener(world)
    world.post("nonsense", process.address)
    world.post(Item(1), process.address)
    with pytest.raises(ProcessError):
        world.settle()
    world.settle()
    assert process.heard == [1]


def test_a_message_to_nobody_is_dropped_and_traced() -> None:
    """Sending to an address where no process is does nothing but leave a line in the trace."""
    world = World()
    a = listener(world, "a")
    a.send("nobody@nowhere", Item(1))
    world.post(Item(2), "nobody@nowhere")
    world.run_until_idle()
    assert sorted(item.n for item in _kinds(world, "dropped")) == [1, 2]
    assert any("dropped" in line and "nobody@nowhere" in line for line in world.trace.lines())


def test_a_process_may_send_to_itself() -> None:
    """A message to itself is an event of its own, handled after the present one."""
    world = World()
    process = Scripted("p", react=lambda p, s, m: p.send(p.address, Item(m.n - 1)) if m.n else None)
    world.post(Item(3), world.spawn(process))
    world.settle()
    assert process.heard == [3, 2, 1, 0]


# -- dispatch -------------------------------------------------------------------------------------------------------------


def test_dispatch_gives_a_future_of_the_result() -> None:
    """The method runs as an event of the receiver, and its result completes the future."""
    world = World()
    a, b = pair(world)
    future = a.dispatch(b.address, "tick", 7)
    assert not future.done
    assert world.wait(future) == 7
    assert b.heard == [7]


def test_dispatch_of_a_method_that_returns_a_future_is_chained() -> None:
    """The caller's future completes with the value of the one that the method returned."""
    promise: Promise[int] = Promise()

    class Slow(Process):
        def answer(self) -> Any:
            return promise.future

    world = World()
    a = listener(world)
    future = a.dispatch(world.spawn(Slow("slow")), "answer")
    world.settle()
    assert not future.done
    promise.set(42)
    assert future.get() == 42


def test_dispatch_to_a_dead_process_never_completes() -> None:
    """It is dropped and traced; waiting for it is a deadlock, told at once."""
    world = World()
    a, b = pair(world)
    future = a.dispatch(b.address, "tick")
    world.terminate(b.address)
    with pytest.raises(DeadlockError):
        world.wait(future)
    assert future.state == "pending"
    assert [str(event) for event in _kinds(world, "dropped")] == ["tick()"]


def test_dispatch_of_a_method_that_is_not_there_is_a_misuse() -> None:
    """The error names class and method, and the ones that look alike."""
    world = World()
    a, b = pair(world)
    a.dispatch(b.address, "tock")
    with pytest.raises(MisuseError, match=r"Listener has no method 'tock'; did you mean tick"):
        world.settle()


def test_defer_dispatches_to_the_process_itself() -> None:
    """A deferred method runs as an event of its own, with its own arguments first and the caller's behind."""

    class Collector(Process):
        def got(self, *values: Any) -> None:
            received.append(values)

    received: list[Any] = []
    world = World()
    process = Collector("c")
    world.spawn(process)
    world.settle()
    callback = process.defer("got", 1)
    callback(2, 3)
    assert received == []
    world.settle()
    assert received == [(1, 2, 3)]
    promise: Promise[int] = Promise()
    promise.future.on_ready(process.defer("got"))
    promise.set(9)
    world.settle()
    assert received[1:] == [(9,)]


def test_defer_checks_the_name_at_once() -> None:
    """A wrong method name is found where defer is called, not when the callback runs."""
    world = World()
    process = listener(world)
    with pytest.raises(MisuseError, match="no method 'tack'"):
        process.defer("tack")


# -- timers, work, choices ------------------------------------------------------------------------------------------------


def test_delay_takes_every_notation_and_a_method_or_its_name() -> None:
    """A duration is a Duration, timedelta, text or number of seconds; the method is bound or named."""
    world = World()
    process = listener(world)
    for n, duration in enumerate([milliseconds(1), timedelta(milliseconds=2), "3ms", 1, 1.5]):
        process.delay(duration, "tick" if n % 2 else process.tick, n)
    world.run_until_idle()
    assert process.times == [MS, 2 * MS, 3 * MS, 1000 * MS, 1500 * MS]
    assert process.heard == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda p: p.delay("-1ms", "tick"), MisuseError, "past"),
        (lambda p: p.delay(None, "tick"), TypeError, "duration="),
        (lambda p: p.delay("1ms", "tock"), MisuseError, "no method 'tock'"),
        (lambda p: p.backoff("2ms", "1ms", "tick"), MisuseError, "low is above high"),
        (lambda p: p.backoff("2ms", [], "tick"), TypeError, "high="),
        (lambda p: p.choose("coin", 0), MisuseError, "at least one alternative"),
        (lambda p: p.choose("coin", True), MisuseError, "at least one alternative"),
    ],
)
def test_wrong_arguments_are_told(call: Any, error: type[Exception], text: str) -> None:
    """What cannot mean anything is refused by the call itself, naming the value."""
    world = World()
    with pytest.raises(error, match=text):
        call(listener(world))


def test_a_back_off_is_drawn_from_its_range_with_both_ends() -> None:
    """Over many seeds every nanosecond of a small range comes up, and nothing outside."""
    delays = set()
    for seed in range(200):
        world = World(seed)
        delays.add(listener(world).backoff("3ns", "6ns", "tick").due_ns)
    assert delays == {3, 4, 5, 6}


def test_work_goes_on_while_the_clock_is_paused() -> None:
    """A store or a launch is no protocol timer: it finishes without time, and is on no list of timers."""
    world = World(1)
    process = listener(world)
    world.clock.pause()
    process.work("store", "100us", "5ms", "tick", 1)
    assert world.clock.timers == []
    world.settle()
    assert process.times == [0]


def test_work_takes_its_time_under_a_running_clock() -> None:
    """Work ends within its range, 0 deviation meaning the shortest, and pieces of one label in order."""
    for seed in range(50):
        world = World(seed)
        process = listener(world)
        process.work("store", "1ms", "2ms", process.tick, 1)
        process.work("store", "0ns", "0ns", process.tick, 2)
        world.run_until_idle()
        assert MS <= process.times[0] <= 2 * MS
        assert process.heard == [1, 2]
    world = World(strategy="prompt")
    process = listener(world)
    process.work("store", "1ms", "2ms", process.tick, 1)
    world.run_until_idle()
    assert process.times == [MS]


def test_work_of_different_labels_is_independent() -> None:
    """Two labels are two channels: either may be done first."""
    seen = set()
    for seed in range(50):
        world = World(seed)
        process = listener(world)
        process.work("store", "0ms", "2ms", "tick", 1)
        process.work("launch", "0ms", "2ms", "tick", 2)
        world.run_until_idle()
        seen.add(tuple(process.heard))
    assert seen == {(1, 2), (2, 1)}


def test_choose_answers_an_alternative() -> None:
    """``choose(label, n)`` is one of 0..n-1, recorded, and 0 in the benign run."""
    seen = set()
    for seed in range(60):
        world = World(seed)
        seen.add(listener(world).choose("coin", 3))
    assert seen == {0, 1, 2}
    calm = World(3, "prompt")
    assert listener(calm).choose("coin", 3) == 0
    assert calm.choices.record[-1] == ("coin", "listener@listener", 1, 2, 0)


def test_unique_names_count_per_prefix_and_host() -> None:
    """Names count from 1 for each prefix on each host, afresh in every world."""
    for _ in range(2):
        world = World()
        a, b = pair(world)
        assert [a.unique_name("slave"), a.unique_name("slave"), a.unique_name("master")] == ["slave(1)", "slave(2)", "master(1)"]
        assert b.unique_name("slave") == "slave(1)"


def test_a_process_knows_the_time() -> None:
    """``now`` is in nanoseconds, ``elapsed`` a Duration, ``time`` an aware datetime, as on the clock."""
    world = World()
    process = listener(world)
    world.clock.advance("15ms")
    assert process.now == 15 * MS
    assert process.elapsed == milliseconds(15)
    assert process.time == world.clock.now


def test_notes_are_formatted_when_somebody_reads_them() -> None:
    """A note keeps template and arguments; nothing is formatted unless the trace is rendered."""

    class Loud:
        shown = 0

        def __str__(self) -> str:
            Loud.shown += 1
            return "loud"

    world = World()
    process = listener(world)
    process.note("it is {} and {{}}", Loud())
    assert Loud.shown == 0
    assert world.trace[-1].text == "it is loud and {}"
    assert Loud.shown == 1
