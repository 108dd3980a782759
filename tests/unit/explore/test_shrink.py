"""Shrinking and explaining: fewer, then smaller deviations of the same failure, and why they make it fail."""

from __future__ import annotations

import pytest

from harness.errors import ExpectationError, MisuseError
from harness.explore import Failure, Schedule
from harness.explore.happenings import happenings, nth
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


def test_shrunk_values_are_the_smallest_that_fail() -> None:
    """One nanosecond less, and the test passes."""
    shrunk = _failing("random").shrink()
    (left,) = shrunk.deviations
    assert replay(crowded, Schedule(0, "random", (left._replace(value=left.value - 1),)).token).error is None


def test_budget_is_kept() -> None:
    """Shrinking ends with its budget, with the best found so far, and says that it may not be minimal."""
    shrunk = _failing("random").shrink(budget=3)
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
    assert "Decisive is the order of two events at desk@office" in str(explanation)


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
    ((_, words, _),) = explanation.deviations
    assert "Ping from late@late to desk@office" in words
    assert "instead of 50us" in words
    assert set(explanation.deciding) | set(explanation.free) == {choice for choice, _, _ in explanation.deviations}


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


def test_ordinals() -> None:
    """Small ones in words."""
    assert [nth(1), nth(2), nth(17)] == ["first", "second", "17th"]
