"""Shrinking and explaining: fewer, then smaller deviations of the same failure, and why they make it fail."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from harness.errors import ExpectationError, MisuseError
from harness.explore import Failure, Schedule
from harness.explore.happenings import happenings
from harness.explore.shrink import signature
from harness.exploring import explore, replay
from harness.simulation import Address, Process, World, handles
from tests.unit.explore.toys import Ping, orderly


class Desk(Process):
    """Serves until it closes; a letter that comes later is lost."""

    def __init__(self) -> None:
        super().__init__("desk")
        self.open = True
        self.lost = 0

    @handles(Ping)
    def letter(self, sender: Address, message: Ping) -> None:
        """0 closes the desk; anything else is a letter."""
        if message.n == 0:
            self.open = False
        elif not self.open:
            self.lost += 1


class Relay(Process):
    """Hands a letter on to the next."""

    def on(self, n: int) -> None:
        """To the hand after this one."""
        if n < 3:
            self.send(f"hand{n + 1}@hand{n + 1}", Ping(n + 1))

    @handles(Ping)
    def letter(self, sender: Address, message: Ping) -> None:
        """Hand it on."""
        self.on(message.n)


class Clerk(Process):
    """Sends what it is told to."""

    def letter(self, n: int) -> None:
        """To the desk."""
        self.send("desk@office", Ping(n))


def crowded(world: World) -> None:
    """Forty clerks write, a porter closes the desk at 4 ms, and one letter is written at 3 ms: it may come too late."""
    desk = Desk()
    world.spawn(desk, host="office")
    for n in range(40):
        clerk = Clerk(f"clerk{n}")
        world.spawn(clerk)
        world.settle()
        clerk.letter(n + 100)
    world.run_for("10ms")
    late, porter = Clerk("late"), Clerk("porter")
    world.spawn(late)
    world.spawn(porter)
    late.backoff("0ms", "1ms", late.letter, 1)
    porter.delay("2ms", porter.letter, 0)
    world.run_until_idle()
    assert desk.lost == 0, f"{desk.lost} lost"


def _failing(strategy: str) -> Failure:
    return explore(crowded, seeds=2000, strategy=strategy).failures[0]


@pytest.mark.parametrize("strategy", ["random", "pos", "order"])
def test_shrinking_leaves_what_is_needed(strategy: str) -> None:
    """From dozens of deviations to one: the letter takes longer. The failure is the same, and its token is short."""
    failure = _failing(strategy)
    shrunk = failure.shrink()
    assert len(failure.deviations) > 20
    assert len(shrunk.deviations) == 1
    assert shrunk.minimal
    assert "late" in shrunk.deviations[0].entity
    assert signature(shrunk.error) == signature(failure.error)
    assert len(shrunk.token) < 250
    assert replay(crowded, shrunk.token).digest == shrunk.digest


class Ledger(Process):
    """Counts how many letters came after the desk had closed."""

    def __init__(self) -> None:
        super().__init__("ledger")
        self.order: list[int] = []

    @handles(Ping)
    def entry(self, sender: Address, message: Ping) -> None:
        """Note who it was."""
        self.order.append(message.n)


def _orders_needed(bad: frozenset[tuple[int, int]]) -> Callable[[World], None]:
    """A test of six letters that fails if each of the ``bad`` pairs comes with its second first."""

    def test(world: World) -> None:
        ledger = Ledger()
        world.spawn(ledger, host="office")
        clerks = [Clerk(f"clerk{n}") for n in range(6)]
        for clerk in clerks:
            world.spawn(clerk)
        world.settle()
        for n, clerk in enumerate(clerks):
            clerk.send("ledger@office", Ping(n))
        world.run_until_idle()
        place = {n: at for at, n in enumerate(ledger.order)}
        assert not all(place[early] > place[late] for early, late in bad), "all of them reversed"

    return test


@pytest.mark.parametrize("strategy", ["random", "pos"])
@pytest.mark.parametrize("number", range(6))
def test_what_is_left_is_minimal(number: int, strategy: str) -> None:
    """Whatever has to be reversed: with any one of the remaining deviations made benign, that failure is gone."""
    generator = random.Random(number)
    bad = frozenset(tuple(sorted(generator.sample(range(6), 2))) for _ in range(2))
    test = _orders_needed(bad)
    failure = explore(test, seeds=500, strategy=strategy).failures[0]
    shrunk = failure.shrink()
    assert shrunk.minimal
    rerun = failure._rerun()
    left = shrunk.deviations
    assert 1 <= len(left) <= 2
    for index in range(len(left)):
        error = rerun([*left[:index], *left[index + 1 :]]).error
        assert error is None or signature(error) != signature(failure.error)


def _latencies(failure: Failure) -> list[int]:
    return [choice.value for choice in failure.deviations if choice.site == "latency"]


def test_one_long_delay_instead_of_several_short_ones() -> None:
    """Delays on one path add up; shrinking puts them together."""

    def relay(world: World) -> None:
        """A letter that is handed on three times, which must not take longer than 4 ms."""
        hands = [Relay(f"hand{n}") for n in range(4)]
        for hand in hands:
            world.spawn(hand)
        world.settle()
        hands[0].on(0)
        world.run_until_idle()
        assert world.clock.elapsed.ns <= 4_000_000, "too slow"

    failures = explore(relay, seeds=500, stop_on_failure=False).failures
    # None of its delays is enough by itself.
    failure = next(failure for failure in failures if max(_latencies(failure)) < 3_000_000)
    (left,) = failure.shrink().deviations
    assert left.value > 3_000_000


def test_shrunk_values_are_the_smallest_that_fail() -> None:
    """One nanosecond less, and the test passes."""
    shrunk = _failing("random").shrink()
    (left,) = shrunk.deviations
    assert replay(crowded, Schedule(0, "random", (left._replace(value=left.value - 1),)).token).error is None


def test_budget_is_kept() -> None:
    """Shrinking ends with its budget, with the best found so far, and says that it may not be minimal."""
    failure = _failing("random")
    assert "of 3 runs allowed; the budget ran out" in failure.explain(budget=3).lines[1]
    shrunk = failure.shrink(budget=3)
    assert shrunk.runs <= 3
    assert not shrunk.minimal
    assert shrunk.error is not None


def test_shrinking_twice_changes_nothing() -> None:
    """What has been shrunk is its own smallest form."""
    shrunk = _failing("random").shrink()
    assert shrunk.shrink() is shrunk


@pytest.mark.parametrize("strategy", ["random", "pos"])
def test_explanation_names_the_decisive_pair(strategy: str) -> None:
    """The two events are the closing of the desk and the late letter, in ten lines at most."""
    explanation = _failing(strategy).explain()
    pair = explanation.pair
    assert pair is not None
    assert (pair.first.text, pair.second.text) == ("Ping from porter@porter", "Ping from late@late")
    assert pair.first.receiver == "desk@office"
    assert len(explanation.lines) <= 10
    assert "Decisive is the order of two events at office" in str(explanation)


def test_both_ends_of_the_pair_are_verified() -> None:
    """The two records differ in one draw by one; one fails, the other passes."""
    failure = _failing("random")
    pair = failure.explain().pair
    assert pair is not None
    assert len(set(pair.failing) ^ set(pair.passing)) <= 2
    bad, good = (replay(crowded, Schedule(0, "random", record).token) for record in (pair.failing, pair.passing))
    assert bad.error is not None
    assert good.error is None


def test_curve_rises_from_rare_to_certain() -> None:
    """With nothing kept the failure is rare, with everything kept it is certain, and the jump is at one draw."""
    curve = _failing("random").explain().curve
    assert curve is not None
    assert curve.points[0].share < 0.5
    assert curve.points[-1].share == 1.0
    assert curve.draw is not None


def test_deviations_are_told_in_words() -> None:
    """A late message says from whom to whom, how long it took and how long it could have taken."""
    explanation = _failing("random").explain()
    (told,) = explanation.deviations
    assert "Ping from late to office took " in told.words
    assert " instead of 50us" in told.words
    assert set(explanation.deciding) | set(explanation.free) == {told.choice}


def test_failure_without_deviations_says_so() -> None:
    """A test that always fails has no schedule to blame."""

    def wrong(world: World) -> None:
        """Fails always."""
        raise AssertionError("always")

    explanation = explore(wrong, seeds=1).failures[0].explain()
    assert explanation.pair is None
    assert "no schedule is to blame" in str(explanation)


def test_a_failure_made_by_hand_cannot_shrink() -> None:
    """It has no test to run; the error says where to get one that has."""
    run = explore(orderly, seeds=60).failures[0].run
    with pytest.raises(MisuseError, match=r"explore\(...\)\.failures"):
        Failure(Schedule(1), lambda seed: run, run).shrink()


def test_signatures() -> None:
    """Ours are told apart by their text without its numbers, others by the line that raised."""
    assert signature(ExpectationError("called 3 times\nmore")) == signature(ExpectationError("called 17 times"))
    assert signature(ExpectationError("called twice")) != signature(ExpectationError("called once"))
    one, other = ValueError("a"), KeyError("a")
    assert signature(one) != signature(other)


def test_happenings_have_names_that_last() -> None:
    """The n-th delivery of a channel has the same name in every run."""
    names = []
    for seed in range(2):
        world = World(seed)
        desk = Desk()
        world.spawn(desk, host="office")
        clerk = Clerk("clerk")
        world.spawn(clerk)
        world.settle()
        clerk.letter(1)
        clerk.letter(2)
        world.run_until_idle()
        names.append([event.name for event in happenings(world) if event.receiver == "desk@office"])
    assert names[0] == names[1]
    assert names[0][-2:] == [("clerk@clerk -> desk@office", 1), ("clerk@clerk -> desk@office", 2)]
