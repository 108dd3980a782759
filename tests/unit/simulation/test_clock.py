"""The virtual clock: what pause, settle, advance, jump and a running clock each do, and what they never do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from harness.durations import Duration, milliseconds, seconds
from harness.errors import DeadlockError, MisuseError
from harness.simulation import World
from tests.unit.simulation.toys import Item, Scripted, listener, pair

MS = 1_000_000


def _ticker(world: World, period: str = "15secs") -> Any:
    """A process whose tick re-arms itself for ever."""

    def arm(process: Any) -> None:
        process.delay(period, tick, process, recurring=True)

    def tick(process: Any) -> None:
        process.tick(len(process.heard))
        arm(process)

    process = Scripted("ticker", arm)
    world.spawn(process)
    world.settle()
    return process


def _with_timers(world: World, *delays: Any, name: str = "p", host: str | None = None) -> Scripted:
    process = Scripted(name, lambda p: [p.delay(delay, "tick", n) for n, delay in enumerate(delays)])
    world.spawn(process, host)
    world.settle()
    return process


# -- looking --------------------------------------------------------------------------------------------------------------


def test_a_run_begins_at_a_fixed_instant_with_a_running_clock() -> None:
    """Every world starts at the same aware UTC datetime, with no time elapsed, not paused."""
    first, second = World(1).clock, World(2).clock
    assert first.now == second.now == first.epoch == datetime(2020, 1, 1, tzinfo=UTC)
    assert first.now.tzinfo is UTC
    assert first.elapsed == Duration(0)
    assert not first.paused
    assert "0ns" in repr(first)


def test_now_and_elapsed_move_together() -> None:
    """The datetime is the epoch plus what has elapsed, to the microsecond."""
    clock = World().clock
    clock.advance("1500.5us")
    assert clock.elapsed == Duration(1_500_500)
    assert clock.now == clock.epoch + timedelta(microseconds=1500)


# -- pause and resume -----------------------------------------------------------------------------------------------------


def test_pause_and_resume_are_idempotent() -> None:
    """Pausing twice needs one resume, resuming twice is harmless."""
    clock = World().clock
    clock.pause()
    clock.pause()
    assert clock.paused
    assert "paused" in repr(clock)
    clock.resume()
    assert not clock.paused
    clock.resume()
    assert not clock.paused


def test_pause_as_a_block_restores_the_earlier_state() -> None:
    """``with clock.pause()`` nests: the inner block leaves a paused clock paused, the outer one lets it run again."""
    clock = World().clock
    with clock.pause() as same:
        assert same is clock
        with clock.pause():
            assert clock.paused
        assert clock.paused
    assert not clock.paused


def test_pause_as_a_block_restores_after_an_error() -> None:
    """An exception inside the block still restores the clock."""
    clock = World().clock
    with pytest.raises(ZeroDivisionError), clock.pause():
        _ = 1 / 0
    assert not clock.paused


def test_a_block_inside_a_plain_pause_leaves_it_paused() -> None:
    """Leaving a block that began under a paused clock does not start it."""
    clock = World().clock
    clock.pause()
    with clock.pause():
        clock.resume()
    assert not clock.paused
    clock.pause()
    with clock.pause():
        pass
    assert clock.paused


@pytest.mark.parametrize("seed", range(20))
def test_messages_flow_under_a_paused_clock(seed: int) -> None:
    """With the clock paused messages arrive at the instant at which they were sent, and what follows from them too."""
    world = World(seed)
    a, b = pair(world)
    world.clock.advance("7ms")
    with world.clock.pause():
        a.send(b.address, Item(1))
        answered = b.dispatch(a.address, "tick", 5)
        assert world.wait(answered) == 5
        world.wait(lambda: b.heard)
        assert world.clock.elapsed == milliseconds(7)
    assert b.times == [7 * MS]


def test_a_paused_clock_never_moves_by_itself() -> None:
    """Under a paused clock neither wait nor settle nor run_until_idle moves time or fires a timer."""
    world = World(1)
    process = _with_timers(world, "1ms")
    world.clock.pause()
    world.settle()
    world.run_until_idle()
    with pytest.raises(DeadlockError):
        world.wait(lambda: process.heard)
    assert world.clock.elapsed == Duration(0)
    assert process.heard == []


def test_a_running_clock_moves_only_while_a_test_waits() -> None:
    """Sending, arming and looking move nothing; waiting jumps to the event, not further."""
    world = World(1, strategy="prompt")
    process = _with_timers(world, "1ms", "2ms", "5secs")
    assert world.clock.elapsed == Duration(0)
    world.wait(lambda: len(process.heard) == 2)
    assert world.clock.elapsed == milliseconds(2)
    world.run_for("10ms")
    assert world.clock.elapsed == milliseconds(12)
    world.run_until_idle()
    assert world.clock.elapsed == seconds(5)


def test_resume_keeps_the_time_that_was_moved() -> None:
    """After a resume time goes on from where the paused clock had been advanced to."""
    world = World()
    process = _with_timers(world, "10ms")
    with world.clock.pause():
        world.clock.advance("4ms")
    world.wait(lambda: process.heard)
    assert process.times == [10 * MS]


# -- settle ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("paused", [False, True])
def test_settle_delivers_everything_without_moving_time(paused: bool) -> None:
    """Settling runs what is in flight and all that follows from it at the present instant, running or paused alike."""
    world = World(4)
    a = Scripted("a", react=lambda p, s, m: p.send("b@hb", Item(m.n + 1)) if m.n < 10 else None)
    b = Scripted("b", react=lambda p, s, m: p.send("a@ha", Item(m.n + 1)) if m.n < 10 else None)
    world.spawn(a, "ha")
    world.spawn(b, "hb")
    if paused:
        world.clock.pause()
    world.settle()
    a.send(b.address, Item(0))
    assert world.clock.settle() == 11
    assert b.heard == [0, 2, 4, 6, 8, 10]
    assert world.clock.elapsed == Duration(0)
    assert world.settle() == 0
    assert world.clock.paused is paused


def test_settle_fires_no_timer_that_is_not_due() -> None:
    """A timer of the next nanosecond stays, one that is due now fires."""
    world = World()
    process = _with_timers(world, "1ns", "0ns")
    assert process.heard == [1]
    assert world.settle() == 0


def test_messages_settled_early_do_not_come_twice() -> None:
    """What was settled before its latency had passed is not delivered again when time moves."""
    world = World(2)
    a, b = pair(world)
    a.send(b.address, Item(1))
    world.settle()
    world.run_for("1secs")
    assert b.heard == [1]


# -- advance --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("paused", [False, True])
def test_advance_fires_each_timer_at_its_own_time(paused: bool) -> None:
    """Timers see their own due time, not the end of the advance; one armed meanwhile fires in the same advance."""
    world = World(3)
    process = _ticker(world)
    if paused:
        world.clock.pause()
    world.clock.advance("75secs")
    assert process.times == [n * 15 * 1000 * MS for n in range(1, 6)]
    assert world.clock.elapsed == seconds(75)


def test_advance_includes_its_end_and_nothing_behind_it() -> None:
    """A timer due exactly at the end fires, one a nanosecond later does not."""
    world = World()
    process = _with_timers(world, "10ms", "10.000001ms")
    world.clock.advance("10ms")
    assert process.heard == [0]
    world.clock.advance("1ns")
    assert process.heard == [0, 1]


@pytest.mark.parametrize("seed", range(20))
def test_advance_settles_before_between_and_after(seed: int) -> None:
    """What was in flight before is handled at the old time, what a timer sent at the timer's time, and nothing is left."""
    world = World(seed)
    a, b = pair(world)
    a.send(b.address, Item(0))
    timers = Scripted("t", lambda p: [p.delay(d, "dispatch", b.address, "tick", n) for n, d in ((1, "10ms"), (2, "20ms"))])
    world.spawn(timers)
    world.clock.advance("25ms")
    assert list(zip(b.heard, b.times, strict=True)) == [(0, 0), (1, 10 * MS), (2, 20 * MS)]
    assert world.settle() == 0


def test_what_is_in_flight_may_arm_timers_for_the_same_advance() -> None:
    """Advance settles first, so a timer that a message still has to arm fires in time."""
    world = World(1)
    process = Scripted("p", react=lambda p, s, m: p.delay("5ms", "tick", 9))
    address = world.spawn(process)
    world.post(Item(1), address)
    world.clock.advance("5ms")
    assert process.heard == [1, 9]


def test_many_small_steps_are_one_large_step() -> None:
    """Advancing five times by 15 seconds leads to the same ticks as once by 75."""
    small, large = World(1), World(1)
    tickers = [_ticker(small), _ticker(large)]
    for _ in range(5):
        small.clock.advance("15secs")
    large.clock.advance("75secs")
    assert tickers[0].times == tickers[1].times


def test_advance_by_nothing_settles() -> None:
    """Advancing by zero moves no time and delivers what is in flight."""
    world = World(1)
    target = listener(world)
    world.post(Item(1), target.address)
    world.clock.advance(0)
    assert target.heard == [1]
    assert world.clock.elapsed == Duration(0)


@pytest.mark.parametrize("verb", ["advance", "jump"])
def test_time_does_not_go_back(verb: str) -> None:
    """A negative duration is a misuse, something that is no duration a TypeError naming the argument."""
    clock = World().clock
    with pytest.raises(MisuseError, match="does not go back"):
        getattr(clock, verb)("-1ms")
    with pytest.raises(TypeError, match="duration="):
        getattr(clock, verb)(None)


def test_advance_to_next_timer_goes_to_the_earliest_and_returns_it() -> None:
    """Time moves to the earliest pending timer, which fires, and no further."""
    world = World()
    process = _with_timers(world, "30ms", "10ms", "20ms")
    with world.clock.pause():
        timer = world.clock.advance_to_next_timer()
    assert (timer.owner, timer.due, timer.purpose) == (process.address, milliseconds(10), "tick")
    assert process.heard == [1]
    assert world.clock.elapsed == milliseconds(10)
    assert world.clock.advance_to_next_timer().due == milliseconds(20)


def test_advance_to_next_timer_settles_first() -> None:
    """A timer that something in flight is about to arm counts."""
    world = World(1)
    process = Scripted("p", react=lambda p, s, m: p.delay("5ms", "tick", 9))
    address = world.spawn(process)
    world.post(Item(1), address)
    assert world.clock.advance_to_next_timer().due == milliseconds(5)


def test_advance_to_next_timer_without_timers_is_a_deadlock() -> None:
    """There is nowhere to go without a timer."""
    with pytest.raises(DeadlockError, match="no timer is pending"):
        World().clock.advance_to_next_timer()


# -- jump -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("paused", [False, True])
def test_jump_moves_time_first_and_fires_overdue_timers_afterwards(paused: bool) -> None:
    """After a jump all overdue timers fire together, in the order of their due times, and see the late instant."""
    world = World(1)
    process = _with_timers(world, "20ms", "10ms", "500ms")
    if paused:
        world.clock.pause()
    world.clock.jump("100ms")
    assert process.heard == []
    assert world.clock.elapsed == milliseconds(100)
    world.settle()
    assert process.heard == [1, 0]
    assert process.times == [100 * MS, 100 * MS]


def test_a_period_missed_by_a_jump_is_not_made_up_for() -> None:
    """A timer that re-arms itself when it fires late goes on from there: five periods in one jump are one tick."""
    world = World()
    process = _ticker(world)
    world.clock.jump("75secs")
    world.clock.advance("15secs")
    assert process.times == [75_000 * MS, 90_000 * MS]


# -- timers ---------------------------------------------------------------------------------------------------------------


def test_pending_timers_are_listed_earliest_first_with_their_ranges() -> None:
    """Each record tells owner, due time comparable with elapsed, purpose, and the range the delay was drawn from."""
    world = World(3)

    def arm(process: Any) -> None:
        process.delay("1secs", "tick")
        process.backoff("10ms", "20ms", process.tick)
        process.delay("5ms", process.tick, recurring=True)

    process = Scripted("p", arm)
    world.spawn(process, "h")
    assert world.clock.timers == []
    world.settle()
    first, second, third = world.clock.timers
    assert (first.due, first.low, first.high, first.recurring) == (milliseconds(5), milliseconds(5), milliseconds(5), True)
    assert (second.low, second.high, second.recurring) == (milliseconds(10), milliseconds(20), False)
    assert milliseconds(10) <= second.due <= milliseconds(20)
    assert (third.owner, third.due, third.purpose) == ("p@h", seconds(1), "tick")
    assert "drawn from 10ms..20ms" in str(second)
    assert "drawn" not in str(third)
    assert third.due > world.clock.elapsed


def test_fired_cancelled_and_orphaned_timers_are_not_listed() -> None:
    """A timer leaves the list when it fires, when it is cancelled and when its owner ends."""
    world = World()
    process = _with_timers(world, "1ms", "2ms", name="p")
    doomed = _with_timers(world, "3ms", name="q")
    timer = process.delay("4ms", "tick")
    assert len(world.clock.timers) == 4
    world.clock.advance("1ms")
    timer.cancel()
    world.terminate(doomed.address)
    assert [t.due for t in world.clock.timers] == [milliseconds(2)]


@pytest.mark.parametrize("drive", ["advance", "run_for"])
def test_timers_of_one_process_at_one_instant_fire_in_the_order_of_creation(drive: str) -> None:
    """Whatever the seed, equal due times of one process keep the order in which they were armed, also from different instants."""
    for seed in range(200):
        world = World(seed)
        process = _with_timers(world, "10ms", "10ms", "10ms")
        rival = _with_timers(world, "10ms", "10ms", name="q")
        world.clock.advance("4ms")
        process.delay("6ms", "tick", 3)
        process.backoff("6ms", "6ms", "tick", 4)
        getattr(world if drive == "run_for" else world.clock, drive)("10ms")
        assert process.heard == [0, 1, 2, 3, 4]
        assert rival.heard == [0, 1]
        assert process.times == [10 * MS] * 5


@pytest.mark.parametrize("drive", ["advance", "run_for", "paused", "jump"])
def test_timers_of_different_processes_at_one_instant_fire_in_either_order(drive: str) -> None:
    """Among processes the order at one instant is a choice: both orders come up, and every interleaving of two and two."""
    seen = set()
    for seed in range(300):
        world = World(seed)
        log: list[Any] = []
        for name in "ab":
            process = Scripted(name, lambda p: [p.delay("10ms", "tick", n) for n in (0, 1)], log=log)
            world.spawn(process, name)
        if drive == "run_for":
            world.run_for("10ms")
        elif drive == "advance":
            world.clock.advance("10ms")
        elif drive == "jump":
            world.settle()
            world.clock.jump("10ms")
            world.settle()
        else:
            with world.clock.pause():
                world.clock.advance("10ms")
        assert len(log) == 4
        seen.add("".join(name for name, _ in log))
    assert {order[0] for order in seen} == {"a", "b"}


def test_prompt_takes_the_upper_bound_of_every_back_off() -> None:
    """Under the benign strategy a random delay is exactly its upper bound, and ties go by creation."""
    for seed in range(5):
        world = World(seed, strategy="prompt")
        log: list[Any] = []
        for name in ("b", "a"):
            world.spawn(Scripted(name, lambda p: p.backoff("0ms", "10ms", p.tick), log=log))
        world.run_until_idle()
        assert [name for name, _ in log] == ["b", "a"]
        assert world.clock.elapsed == milliseconds(10)


def test_a_cancelled_timer_does_not_fire() -> None:
    """Cancelling tells whether it came in time; a second time, or after the firing, it did not."""
    world = World()
    process = listener(world)
    first, second = process.delay("1ms", "tick", 1), process.delay("2ms", "tick", 2)
    assert second.cancel()
    assert not second.cancel()
    world.clock.advance("5ms")
    assert process.heard == [1]
    assert not first.cancel()


def test_a_timer_may_cancel_another_of_the_same_instant() -> None:
    """A timer that is due but has not fired yet can still be taken back."""
    world = World()
    process = listener(world)

    def take_back() -> None:
        assert later.cancel()

    process.delay("1ms", take_back)
    later = process.delay("1ms", "tick")
    world.clock.advance("1ms")
    assert process.heard == []


# -- who moves time -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["settle", "advance", "jump", "advance_to_next_timer"])
def test_a_handler_must_not_drive_the_clock(verb: str) -> None:
    """Only the test moves time; a handler that tries is told so, by name."""
    world = World()
    arguments = () if verb in ("settle", "advance_to_next_timer") else ("1ms",)
    world.spawn(Scripted("p", lambda p: getattr(world.clock, verb)(*arguments)))
    with pytest.raises(MisuseError, match="inside a handler"):
        world.settle()


def test_a_watcher_of_time_is_called_before_anything_runs_at_the_new_time() -> None:
    """``on_move`` callbacks see each new instant first, and stop when undone."""
    world = World()
    process = _with_timers(world, "1ms", "2ms", "3ms")
    seen: list[tuple[Duration, int]] = []
    undo = world.clock.on_move(lambda: seen.append((world.clock.elapsed, len(process.heard))))
    world.run_for("2ms")
    undo()
    undo()
    world.run_for("2ms")
    assert seen == [(milliseconds(1), 0), (milliseconds(2), 1)]
