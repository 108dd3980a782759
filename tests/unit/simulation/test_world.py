"""The world: waiting, running, posting from outside, checks at the end, and independence of other worlds."""

from __future__ import annotations

from typing import Any

import pytest

from harness.durations import milliseconds, seconds
from harness.errors import (
    DeadlockError,
    ExpectationError,
    FutureFailed,
    HarnessError,
    InvariantError,
    MisuseError,
    ProcessError,
    WaitTimeout,
)
from harness.simulation import World
from tests.unit.simulation.toys import Item, Listener, Scripted, listener, pair

# -- waiting --------------------------------------------------------------------------------------------------------------


def test_wait_returns_the_value_of_a_future() -> None:
    """A promise of the world can be completed by the test or by a process, and its future waited for."""
    world = World()
    promise = world.promise("the key")
    process = Scripted("p", lambda p: p.delay("5ms", promise.set, 3))
    world.spawn(process)
    assert world.wait(promise.future) == 3
    assert world.wait(promise) == 3
    assert world.clock.elapsed == milliseconds(5)


def test_wait_returns_the_value_of_a_predicate() -> None:
    """A predicate is asked after every event until it is true; its value is the answer."""
    world = World()
    process = Scripted("p", lambda p: [p.delay(f"{n}ms", "tick", n) for n in (1, 2, 3)])
    world.spawn(process)
    assert world.wait(lambda: process.heard[1:]) == [2]
    assert world.clock.elapsed == milliseconds(2)


def test_wait_for_what_is_so_already_runs_nothing() -> None:
    """What has happened needs no step."""
    world = World()
    process = Listener("p")
    world.spawn(process)
    assert world.wait(lambda: "yes") == "yes"
    assert world.steps == 0


def test_wait_raises_the_error_of_a_failed_future() -> None:
    """A failed future raises its very exception; a discarded one FutureFailed."""
    world = World()
    problem = ValueError("mine")
    failing, discarding = world.promise(), world.promise()
    failing.fail(problem)
    discarding.discard()
    with pytest.raises(ValueError, match="mine") as caught:
        world.wait(failing.future)
    assert caught.value is problem
    with pytest.raises(FutureFailed):
        world.wait(discarding.future)


@pytest.mark.parametrize("thing", [None, 7, "text", object()])
def test_wait_wants_something_to_wait_for(thing: Any) -> None:
    """Anything but a future, something with one, or a predicate is a misuse."""
    with pytest.raises(MisuseError, match="wanted a Future"):
        World().wait(thing)


def test_wait_with_nothing_pending_fails_at_once() -> None:
    """Under a running clock a wait that nothing can end is a deadlock, without any virtual time passing."""
    world = World()
    listener(world)
    promise = world.promise("the answer")
    with pytest.raises(DeadlockError, match="the answer cannot succeed: nothing is pending"):
        world.wait(promise.future, timeout="1hrs")
    assert world.clock.elapsed.ns == 0


def test_wait_under_a_paused_clock_fails_at_once() -> None:
    """Under a paused clock pending timers do not help; they are listed, with what would make progress."""
    world = World()
    process = listener(world)
    process.delay("5ms", "tick")
    process.backoff("1ms", "9ms", "tick")
    world.clock.pause()
    with pytest.raises(DeadlockError) as caught:
        world.wait(lambda: process.heard)
    text = str(caught.value)
    assert "the clock is paused" in text
    assert "listener@listener tick due at 5ms" in text
    assert "drawn from 1ms..9ms" in text
    assert "advance" in text
    assert "resume" in text
    assert world.clock.elapsed.ns == 0


def test_a_deadlock_lists_held_and_dropped_messages() -> None:
    """Messages that rules or partitions keep, and how many were dropped, are part of the report."""
    world = World()
    a, b = pair(world)
    world.messages.drop(Item, where=lambda item: item.n == 1)
    world.messages.hold(Item, where=lambda item: item.n == 2)
    for n in (1, 2):
        a.send(b.address, Item(n))
    world.settle()
    world.network.partition(a.address, b.address)
    b.send(a.address, Item(3))
    with pytest.raises(DeadlockError) as caught:
        world.wait(lambda: b.heard)
    text = str(caught.value)
    assert "1 discarded by 'drop Item" in text
    assert "Item(n=2) from a@ha to b@hb, kept by 'hold Item" in text
    assert "Item(n=3) from b@hb to a@ha" in text
    assert "partition" in text
    assert "release()" in text
    assert "heal()" in text


def test_wait_times_out_in_virtual_time() -> None:
    """While recurring timers go on, a wait ends after its timeout of virtual time, exactly, with the last events."""
    world = World()

    def arm(process: Any) -> None:
        process.delay("1secs", arm, process, recurring=True)

    world.spawn(Scripted("ticker", arm))
    with pytest.raises(WaitTimeout) as caught:
        world.wait(lambda: False, timeout="4.5secs")
    text = str(caught.value)
    assert "4500ms" in text
    assert "timer arm" in text
    assert "timeout=" in text
    assert world.clock.elapsed == seconds(4.5)
    with pytest.raises(WaitTimeout, match="15secs"):
        world.wait(world.promise().future)
    assert world.clock.elapsed == seconds(19.5)


def test_what_happens_exactly_at_the_timeout_counts() -> None:
    """The deadline is included."""
    world = World()
    process = listener(world)
    process.delay("15secs", "tick")
    assert world.wait(lambda: process.heard) == [0]


@pytest.mark.parametrize("what", ["wait", "settle", "run_for", "run_until_idle"])
def test_a_handler_must_not_wait(what: str) -> None:
    """A process that waits would never be served again: it is told so by name."""
    world = World()
    arguments = {"wait": (lambda: True,), "run_for": ("1ms",)}.get(what, ())
    world.spawn(Scripted("p", lambda p: getattr(world, what)(*arguments)))
    with pytest.raises(MisuseError, match=f"{what} was called from inside a handler"):
        world.settle()


def test_an_error_of_the_predicate_is_the_tests_own() -> None:
    """A predicate that raises is not the fault of any process."""
    world = World()
    listener(world)
    with pytest.raises(ZeroDivisionError):
        world.wait(lambda: 1 / 0)


# -- running --------------------------------------------------------------------------------------------------------------


def test_run_for_runs_everything_in_its_own_time() -> None:
    """Everything due within the span happens, what is due later does not, and the clock ends exactly there."""
    world = World(strategy="prompt")
    a, b = pair(world)
    for delay in ("1ms", "2ms", "3ms"):
        a.delay(delay, "send", b.address, Item(1))
    world.run_for("2ms")
    assert b.times == [1_050_000]
    assert world.clock.elapsed == milliseconds(2)


def test_run_for_refuses_a_paused_clock_and_the_past() -> None:
    """A paused clock is advanced instead; time does not go back."""
    world = World()
    with pytest.raises(MisuseError, match="does not go back"):
        world.run_for("-1ms")
    world.clock.pause()
    with pytest.raises(MisuseError, match="use clock.advance"):
        world.run_for("1ms")


def test_run_until_idle_leaves_recurring_timers_alone() -> None:
    """It ends when only recurring timers are left, though what they had sent is handled."""
    world = World()
    a, b = pair(world)

    def ping() -> None:
        a.send(b.address, Item(1))
        a.delay("1secs", ping, recurring=True)

    ping()
    b.delay("2.5secs", "tick", 7)
    world.run_until_idle()
    assert b.heard == [1, 1, 1, 7]
    assert len(world.clock.timers) == 1
    assert seconds(2.5) <= world.clock.elapsed < seconds(3)


def test_run_until_idle_under_a_paused_clock_settles() -> None:
    """Without time only what is in flight happens."""
    world = World()
    a, b = pair(world)
    b.delay("1ms", "tick", 2)
    a.send(b.address, Item(1))
    with world.clock.pause():
        world.run_until_idle()
    assert b.heard == [1]


# -- from outside ---------------------------------------------------------------------------------------------------------


def test_post_returns_at_once_and_keeps_channel_order() -> None:
    """Posted messages arrive like any others: later, and in the order of posting."""
    for seed in range(50):
        world = World(seed)
        process = listener(world)
        for n in range(5):
            world.post(Item(n), to=process.address)
        assert process.heard == []
        world.run_until_idle()
        assert process.heard == [0, 1, 2, 3, 4]
        assert process.senders == [""] * 5


def test_post_may_claim_any_sender() -> None:
    """``src`` may be a living process, whose channel it joins, one that is gone, or one that never was."""
    for seed in range(20):
        world = World(seed)
        a, b = pair(world)
        for n in range(6):
            if n % 2:
                world.post(Item(n), to=b.address, src=a.address)
            else:
                a.send(b.address, Item(n))
        world.run_until_idle()
        assert b.heard == [0, 1, 2, 3, 4, 5]
        world.terminate(a.address)
        world.post(Item(6), to="b@hb", src="a@ha")
        world.post(Item(7), to="b@hb", src="ghost@elsewhere")
        world.run_until_idle()
        assert sorted(b.senders[6:]) == ["a@ha", "ghost@elsewhere"]


def test_post_wants_an_address() -> None:
    """A text that is no address is a misuse that names the argument."""
    with pytest.raises(MisuseError, match="'nonsense'"):
        World().post(Item(1), to="nonsense")


def test_latency_must_be_a_range() -> None:
    """Latencies are pairs (least, most) of durations of at least 0."""
    for latency in (("5ms", "1ms"), ("-1ms", "1ms"), "5ms", ("1ms",)):
        with pytest.raises(MisuseError, match="latency="):
            World(0, latency=latency)  # type: ignore[arg-type]
    with pytest.raises(MisuseError, match="local_latency="):
        World(0, local_latency=("2ms", "1ms"))
    with pytest.raises(TypeError, match="latency="):
        World(0, latency=(None, "1ms"))  # type: ignore[arg-type]


def test_uuids_depend_on_the_label_alone() -> None:
    """The same label gives the same uuid text in every run, another label another one."""
    one, two = World(1), World(2)
    assert one.uuid("a") == one.uuid("a") == two.uuid("a") != one.uuid("b")
    assert [len(part) for part in one.uuid("a").split("-")] == [8, 4, 4, 4, 12]
    assert one.uuid("a")[14] == "4"


# -- the end --------------------------------------------------------------------------------------------------------------


class Check:
    """A check whose findings are given."""

    def __init__(self, *findings: HarnessError, pending: tuple[str, ...] = ()) -> None:
        self.findings = list(findings)
        self.pending = list(pending)
        self.asked = 0

    def verify_at_end(self) -> list[HarnessError]:
        self.asked += 1
        return self.findings

    def describe_pending(self) -> list[str]:
        return self.pending


def test_finish_settles_and_asks_every_check_once() -> None:
    """The end delivers what is in flight, asks each check once, and a second end does nothing."""
    world = World()
    process = listener(world)
    check = Check()
    world.add_check(check)
    world.add_check(check)
    world.post(Item(1), process.address)
    world.finish()
    world.finish()
    assert process.heard == [1]
    assert check.asked == 1


def test_finish_raises_the_first_finding_with_the_others_as_notes() -> None:
    """All findings of a run are in one report."""
    world = World()
    first, second = ExpectationError("first"), InvariantError("second")
    world.add_check(Check(first))
    world.add_check(Check(second))
    with pytest.raises(ExpectationError, match="first") as caught:
        world.finish()
    assert caught.value is first
    assert any("second" in note for note in caught.value.__notes__)


def test_an_error_that_the_test_has_seen_is_not_reported_again() -> None:
    """What surfaced from a wait is not found a second time at the end."""
    error = ExpectationError("called too often")

    def fail(process: Any) -> None:
        raise error

    world = World()
    world.spawn(Scripted("p", fail))
    world.add_check(Check(error))
    with pytest.raises(ExpectationError, match="too often"):
        world.settle()
    assert world.surfaced(error)
    world.finish()


def test_a_failure_while_finishing_surfaces() -> None:
    """A handler that raises during the last deliveries fails the run."""
    world = World()
    process = listener(world)
    world.post("nonsense", process.address)
    with pytest.raises(ProcessError):
        world.finish()


def test_abandon_gives_findings_as_texts() -> None:
    """A run whose test has failed already ends without raising; its findings are told as texts, once."""
    world = World()
    process = listener(world)
    world.add_check(Check(ExpectationError("unmet")))
    world.post("nonsense", process.address)
    texts = world.abandon()
    assert len(texts) == 2
    assert "no handler for str" in texts[0]
    assert texts[1] == "unmet"
    assert world.abandon() == []
    world.finish()


def test_a_deadlock_shows_what_checks_are_waiting_for() -> None:
    """Unsatisfied expectations and their near misses are part of the report."""
    world = World()
    world.add_check(Check(pending=("add_slave: called 0 times, wanted once",)))
    with pytest.raises(DeadlockError, match="add_slave: called 0 times"):
        world.wait(lambda: False)


def test_watchers_look_after_every_event() -> None:
    """A watcher sees the state after each event, whatever drives the world, and may fail the run."""

    class Watcher(Check):
        def look(self) -> None:
            seen.append(list(process.heard))
            if 3 in process.heard:
                raise InvariantError("three")

    seen: list[list[int]] = []
    world = World(strategy="prompt")
    process = listener(world)
    world.watch(Watcher())
    for n in (1, 2):
        world.post(Item(n), process.address)
    world.settle()
    world.post(Item(4), process.address)
    world.run_until_idle()
    assert seen == [[1], [1, 2], [1, 2, 4]]
    world.post(Item(3), process.address)
    with pytest.raises(InvariantError, match="three"):
        world.wait(lambda: False)


def test_settle_until_stops_early() -> None:
    """Settling up to a condition leaves the rest in flight, and tells when there is nothing more to settle."""
    world = World(strategy="prompt")
    process = listener(world)
    for n in range(5):
        world.post(Item(n), process.address)
    assert world.settle_until(lambda: len(process.heard) == 2)
    assert process.heard == [0, 1]
    assert not world.settle_until(lambda: len(process.heard) == 9)
    assert process.heard == [0, 1, 2, 3, 4]


# -- worlds side by side --------------------------------------------------------------------------------------------------


def test_worlds_do_not_know_each_other() -> None:
    """Two worlds driven in turns each run as if alone, and a fresh one repeats the first."""

    def build(seed: int) -> World:
        world = World(seed)
        a, b = pair(world)
        for n in range(10):
            a.send(b.address, Item(n))
            b.backoff("0ns", "9ms", "tick", n)
        return world

    alone = build(5)
    alone.run_for("20ms")
    first, second = build(5), build(6)
    for _ in range(20):
        first.run_for("1ms")
        second.run_for("1ms")
    assert first.digest == alone.digest
    assert second.digest != alone.digest


def test_a_world_says_what_it_is() -> None:
    """Seed, strategy and time are shown; seed and strategy can be read."""
    world = World(17, strategy="prompt")
    assert (world.seed, world.strategy) == (17, "prompt")
    assert repr(world) == "<World seed=17 strategy=prompt at 0ns>"
