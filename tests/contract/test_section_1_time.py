"""Section 1 of the contract: durations, and the four verbs of the virtual clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from harness import (
    Duration,
    Process,
    World,
    handles,
    hours,
    microseconds,
    milliseconds,
    minutes,
    nanoseconds,
    seconds,
)


class Alarm(Process):
    """Writes down when its timers fire."""

    def __init__(self, name="alarm"):
        super().__init__(name)
        self.fired: list = []

    def ring(self, label):
        """A timer fired."""
        self.fired.append((label, self.now))

    def chain(self, left):
        """A timer that arms the next one."""
        self.fired.append((left, self.now))
        if left:
            self.delay("1secs", self.chain, left - 1)

    @handles(str)
    def hear(self, sender, message):
        """A message."""
        self.fired.append((message, self.now))


def _alarm(world, name="alarm"):
    address = world.spawn(Alarm(name), host=name)
    world.settle()
    return world.process(address)


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("925295ns", 925_295),
        ("1.5ms", 1_500_000),
        ("10secs", 10 * 10**9),
        ("1mins", 60 * 10**9),
        ("2hrs", 7200 * 10**9),
        ("1days", 86_400 * 10**9),
        ("1weeks", 604_800 * 10**9),
        ("3us", 3000),
    ],
)
def test_durations_are_parsed_as_in_mesos(text, ns):
    """Whole nanoseconds, whatever the unit."""
    assert Duration.parse(text) == nanoseconds(ns)


def test_durations_are_values():
    """Immutable, with arithmetic, comparison and conversions; they print as Mesos does."""
    assert str(nanoseconds(2_182_634)) == "2.182634ms"
    assert str(seconds(15)) == "15secs"
    assert seconds(1.5) == milliseconds(1500) == microseconds(1_500_000)
    assert minutes(60) == hours(1)
    assert seconds(2) + milliseconds(500) - seconds(1) == seconds(1.5)
    assert seconds(3) * 2 == seconds(6)
    assert seconds(3) / seconds(2) == 1.5
    assert seconds(1) < minutes(1) <= minutes(1)
    assert seconds(1.5).total_seconds() == 1.5
    assert seconds(1.5).to_timedelta() == timedelta(seconds=1.5)
    assert {seconds(60): 1}[minutes(1)] == 1
    with pytest.raises(AttributeError):
        seconds(1).ns = 5


@pytest.mark.parametrize("given", [seconds(2), timedelta(seconds=2), "2secs", 2, 2.0])
def test_every_argument_that_is_a_duration_takes_five_kinds(clock, given):
    """A number means seconds."""
    clock.advance(given)
    assert clock.elapsed == seconds(2)


@pytest.mark.parametrize("given", [None, [2], b"2secs", object()])
def test_anything_else_is_a_type_error_that_names_the_argument(cluster, given):
    """Wherever it is given."""
    with pytest.raises(TypeError, match="timeout"):
        cluster.wait(lambda: True, timeout=given)
    with pytest.raises(TypeError, match="duration"):
        cluster.clock.advance(given)


def test_the_clock_tells_the_time_in_utc(clock):
    """``now`` is aware, ``elapsed`` counts from the beginning."""
    begin = clock.now
    assert isinstance(begin, datetime)
    assert begin.tzinfo is UTC
    clock.advance("90secs")
    assert clock.now - begin == timedelta(seconds=90)
    assert clock.elapsed == seconds(90)
    assert not clock.paused


def test_pause_and_resume_are_idempotent_and_blocks_nest(clock):
    """The end of a block restores what was before it."""
    clock.pause()
    clock.pause()
    with clock.pause():
        assert clock.paused
    assert clock.paused
    clock.resume()
    clock.resume()
    with clock.pause(), clock.pause():
        assert clock.paused
    assert not clock.paused


@pytest.mark.parametrize("paused", [False, True])
def test_settle_delivers_without_moving_time(world, clock, paused):
    """Under a running clock as under a paused one; it returns the number of steps."""
    one, two = _alarm(world, "one"), _alarm(world, "two")
    if paused:
        clock.pause()
    before = clock.elapsed
    one.send(two.address, "hello")
    assert clock.settle() == 1
    assert clock.settle() == 0
    assert two.fired == [("hello", before.ns)]
    assert clock.elapsed == before


@pytest.mark.parametrize("paused", [False, True])
def test_advance_fires_each_timer_at_its_own_time(world, clock, paused):
    """Also those that are armed by the ones that fire; what they cause happens before the next one."""
    alarm = _alarm(world)
    if paused:
        clock.pause()
    start = clock.elapsed.ns
    alarm.chain(3)
    clock.advance("2500ms")
    assert [(label, (at - start) / 1e9) for label, at in alarm.fired] == [(3, 0), (2, 1), (1, 2)]
    assert clock.elapsed.ns - start == 2_500_000_000


def test_advance_settles_first_and_last(world, clock):
    """What is in flight before and after is delivered."""
    one, two = _alarm(world, "one"), _alarm(world, "two")
    one.send(two.address, "hello")
    clock.advance(0)
    assert two.fired
    assert world.messages.in_flight == []


def test_advance_to_the_next_timer(world, clock):
    """Exactly there; it returns the timer."""
    alarm = _alarm(world)
    alarm.delay("7secs", alarm.ring, "x")
    alarm.delay("3secs", alarm.ring, "y")
    timer = clock.advance_to_next_timer()
    assert (timer.owner, timer.purpose) == (alarm.address, "ring")
    assert timer.due == clock.elapsed
    assert [label for label, _ in alarm.fired] == ["y"]


def test_jump_lets_overdue_timers_fire_together(world, clock):
    """As after a suspended machine wakes up."""
    alarm = _alarm(world)
    alarm.delay("1secs", alarm.ring, "a")
    alarm.delay("2secs", alarm.ring, "b")
    clock.jump("10secs")
    assert alarm.fired == []
    clock.settle()
    assert [label for label, _ in alarm.fired] == ["a", "b"]
    assert len({at for _, at in alarm.fired}) == 1


def test_timers_are_records(world, clock):
    """Owner, due time, purpose and the range from which it was drawn."""
    alarm = _alarm(world)
    alarm.delay("1secs", alarm.ring, "a")
    alarm.backoff("2secs", "5secs", alarm.ring, "b")
    exact, drawn = clock.timers
    assert exact.low == exact.high == seconds(1)
    assert (drawn.low, drawn.high) == (seconds(2), seconds(5))
    assert seconds(2) <= drawn.due - clock.elapsed <= seconds(5)
    assert drawn.owner == alarm.address
    assert drawn.purpose == "ring"


def test_a_running_clock_moves_only_while_a_test_waits(world, clock):
    """wait, run_for and run_until_idle jump to the next event."""
    alarm = _alarm(world)
    alarm.delay("1hrs", alarm.ring, "late")
    assert clock.elapsed == seconds(0)
    world.wait(lambda: alarm.fired, timeout="2hrs")
    assert clock.elapsed == hours(1)
    alarm.delay("1days", alarm.ring, "later")
    world.run_until_idle()
    assert clock.elapsed == hours(25)
    world.run_for("1mins")
    assert clock.elapsed == hours(25) + minutes(1)


def test_a_paused_clock_never_moves_by_itself(world, clock):
    """Messages flow at the instant at which they were sent; timers wait."""
    one, two = _alarm(world, "one"), _alarm(world, "two")
    clock.pause()
    one.delay("1ms", one.ring, "x")
    one.send(two.address, "hello")
    world.wait(lambda: two.fired)
    assert one.fired == []
    assert clock.elapsed == seconds(0)


@pytest.mark.parametrize("strategy", ["random", "prompt"])
def test_timers_of_one_process_for_one_instant_fire_in_their_order(strategy):
    """Under every strategy and seed."""
    for seed in range(20):
        world = World(seed, strategy=strategy)
        alarm = _alarm(world)
        for label in range(5):
            alarm.delay("1secs", alarm.ring, label)
        world.run_for("2secs")
        assert [label for label, _ in alarm.fired] == list(range(5))


def test_timers_of_different_processes_for_one_instant_fire_in_any_order():
    """Which is a choice of the seed."""
    orders = set()
    for seed in range(20):
        world = World(seed)
        one, two = _alarm(world, "one"), _alarm(world, "two")
        heard: list = []
        for alarm in (one, two):
            alarm.delay("1secs", lambda name=alarm.name, heard=heard: heard.append(name))
        world.run_for("2secs")
        orders.add(tuple(heard))
    assert len(orders) == 2


def test_under_prompt_a_random_delay_is_its_upper_bound():
    """Back-offs as long as they can be."""
    world = World(strategy="prompt")
    alarm = _alarm(world)
    alarm.backoff("1secs", "4secs", alarm.ring, "x")
    assert world.clock.timers[0].due == seconds(4)


def test_under_prompt_an_agents_backoffs_are_their_upper_bounds():
    """The registration is repeated after 20 ms with Mesos's test factor of 10 ms."""
    from harness import Cluster
    from harness.mesos.messages import SlaveRegisteredMessage

    with Cluster(strategy="prompt") as cluster:
        cluster.start_master()
        agent = cluster.start_agent()
        cluster.messages.drop(SlaveRegisteredMessage)
        cluster.run_for("2secs")
        retry = next(timer for timer in cluster.clock.timers if timer.owner == agent.pid and "registration" in timer.purpose)
        assert retry.low == seconds(0)
        assert retry.due - cluster.clock.elapsed <= retry.high
