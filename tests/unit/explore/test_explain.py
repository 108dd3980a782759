"""Explaining: deviations in words, the two events whose order decides, and both runs to look at."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from benchmarks.bug_programs import test_of as program
from harness.explore.explain import Explanation
from harness.explore.happenings import happenings, instant, nth, short_names, span
from harness.exploring import explore, replay
from harness.simulation import Address, Process, World, handles
from tests.unit.explore.test_shrink import crowded
from tests.unit.explore.toys import Ping, orderly


class Board(Process):
    """Three letters decide together: red and blue each before green is a failure, yellow means nothing."""

    def __init__(self) -> None:
        super().__init__("board")
        self.seen: list[int] = []

    @handles(Ping)
    def letter(self, sender: Address, message: Ping) -> None:
        """Note it."""
        self.seen.append(message.n)


class Writer(Process):
    """Writes one letter when told to."""

    def write(self, n: int) -> None:
        """To the board."""
        self.send("board@office", Ping(n))


GREEN, RED, YELLOW = 1, 2, 3


def tied(world: World) -> None:
    """Green and yellow come at the same instant in the calm run, red just before; only red behind green is bad."""
    board = Board()
    world.spawn(board, host="office")
    writers = [Writer(name) for name in ("red", "yellow", "green")]
    for writer in writers:
        world.spawn(writer)
        world.settle()
    for writer, n in zip(writers, (RED, YELLOW, GREEN), strict=True):
        writer.delay("1ms", writer.write, n)
    world.run_until_idle()
    assert board.seen.index(RED) < board.seen.index(GREEN), "red was late"


def impatient(world: World) -> None:
    """Two processes that never meet: only the test sees which of them was first."""
    boards = [Board(), Board()]
    for board, host in zip(boards, ("office", "annex"), strict=True):
        world.spawn(board, host=host)
    first, second = Writer("first"), Writer("second")
    world.spawn(first)
    world.spawn(second)
    world.settle()
    first.send("board@office", Ping(1))
    second.send("board@annex", Ping(2))
    world.wait(lambda: boards[0].seen)
    assert not boards[1].seen, "the annex was first"


def _explained(test: Callable[..., object], strategy: str = "random", seeds: int = 3000) -> Explanation:
    return explore(test, seeds=seeds, strategy=strategy).failures[0].explain()


@pytest.mark.parametrize("strategy", ["random", "pos", "order"])
def test_of_events_at_one_instant_the_guilty_one_is_named(strategy: str) -> None:
    """Red passes yellow and green at once; moving yellow alone changes nothing, so it is not in the pair."""
    pair = _explained(tied, strategy).pair
    assert pair is not None
    assert [pair.first.text, pair.second.text] == ["Ping from green@green", "Ping from red@red"]


def test_where_only_the_test_sees_both() -> None:
    """Two events at different processes can decide as well, and the text says who notices."""
    explanation = _explained(impatient)
    pair = explanation.pair
    assert pair is not None
    assert {pair.first.receiver, pair.second.receiver} == {"board@annex", "board@office"}
    assert "in the eyes of the test" in str(explanation)


@pytest.mark.parametrize(
    ("name", "strategy", "first", "second"),
    [
        # Between its two reads one write, and not the other.
        ("aba", "random", "read from reader@reader", "write from writer@writer"),
        # The reader takes the second lock before the writer does.
        ("twostage", "order", "lock from reader@reader", "lock from writer@writer"),
        ("twostage", "random", "lock from reader@reader", "lock from writer@writer"),
        # The checker sees a and not yet b.
        ("reorder_3", "order", "read_b from checker@checker", "set_b from setter0@setter0"),
        ("bluetooth", "pct:3", "set_stopped from stopper@stopper", "read_stopped from worker@worker"),
    ],
)
def test_pairs_of_known_programs(name: str, strategy: str, first: str, second: str) -> None:
    """The two steps that any textbook on the program names."""
    pair = _explained(program(name, spawned=False), strategy).pair
    assert pair is not None
    assert (pair.first.text, pair.second.text) == (first, second)


def test_both_ends_fail_and_pass_and_hold_the_pair() -> None:
    """The two runs are there to be looked at, the steps lead to the two events, and their tokens make them again."""
    explanation = _explained(crowded)
    pair, passing = explanation.pair, explanation.passing_run
    assert pair is not None
    assert passing is not None
    assert explanation.failing_run.error is not None
    assert passing.error is None
    bad = {event.place: event.name for event in happenings(explanation.failing_run.world)}
    good = {event.place: event.name for event in happenings(passing.world)}
    assert tuple(bad[step] for step in pair.steps if step is not None) == pair.names
    assert tuple(good[step] for step in pair.passing_steps if step is not None) == pair.names
    assert pair.steps[0] < pair.steps[1]
    assert pair.passing_steps[0] > pair.passing_steps[1]
    assert replay(crowded, explanation.failing_run.token).error is not None
    assert replay(crowded, passing.token).error is None


def test_as_data() -> None:
    """Everything survives JSON; steps and tokens are those of the two runs."""
    explanation = _explained(crowded)
    assert explanation.jump is not None
    data = json.loads(json.dumps(explanation.as_dict()))
    assert data["lines"] == explanation.lines
    assert data["error"].startswith("AssertionError: ")
    assert data["shrunk"]["minimal"] is True
    (deviation,) = data["deviations"]
    assert deviation["site"] == "latency"
    assert deviation["step"] == explanation.deviations[0].step
    assert data["pair"]["process"] == "desk@office"
    assert data["pair"]["first"]["step"] < data["pair"]["second"]["step"]
    assert data["pair"]["first"]["passing_step"] > data["pair"]["second"]["passing_step"]
    assert data["pair"]["first"]["time_ns"] <= data["pair"]["second"]["time_ns"]
    assert replay(crowded, data["failing_token"]).error is not None
    assert replay(crowded, data["passing_token"]).error is None
    jump = data["curve"]["jump"]
    assert jump["from"] < jump["to"]
    assert data["curve"]["step"] == explanation.jump.place
    assert [point["kept"] for point in data["curve"]["points"]] == sorted(point["kept"] for point in data["curve"]["points"])


def test_deviations_say_what_they_bring_about() -> None:
    """The late letter is late for something, and the sentence tells for what."""
    (told,) = _explained(crowded).deviations
    assert told.words.startswith("Ping from late to office took ")
    assert told.words.endswith("; so it came after Ping from porter")


def test_a_failure_of_the_calm_run_has_a_pair_too() -> None:
    """It takes no deviation to fail, but some to pass."""
    explanation = _explained(program("aba", spawned=False))
    assert not explanation.deviations
    assert explanation.pair is not None
    assert explanation.passing_run is not None
    assert "fails in the calm run already" in str(explanation)


def test_without_a_pair_there_is_nothing_to_compare() -> None:
    """A test that fails whatever happens has no passing run."""

    def wrong(world: World) -> None:
        """Fails always."""
        raise AssertionError("always")

    explanation = _explained(wrong, seeds=1)
    assert explanation.passing_run is None
    assert explanation.as_dict()["pair"] is None
    assert explanation.as_dict()["passing_token"] is None
    assert explanation.failing_run.error is not None


def test_ten_lines_for_many_deviations() -> None:
    """With more deviations than there is room for, the rest is counted."""
    explanation = _explained(program("reorder_5", spawned=False), "order")
    assert len(explanation.deviations) == 4
    assert len(explanation.lines) <= 10


def test_events_of_one_kind_are_numbered_for_people() -> None:
    """Which of several it was, from whom by the shortest clear name; a lone one needs no number."""
    world = World(0)
    world.spawn(Board(), host="office")
    twice, once = Writer("twice"), Writer("once")
    world.spawn(twice)
    world.spawn(once)
    world.settle()
    for writer in (twice, twice, once):
        writer.write(7)
    world.run_until_idle()
    words = [event.words for event in happenings(world) if event.receiver == "board@office" and "Ping" in event.text]
    assert sorted(words) == ["Ping from once", "the first Ping from twice", "the second Ping from twice"]


def test_short_names_are_clear() -> None:
    """A host stands for the one process there; where there are two, they keep their addresses."""
    world = World(0)
    world.spawn(Writer("alone"), host="island")
    world.spawn(Writer("this"), host="city")
    world.spawn(Writer("that"), host="city")
    names = short_names(world)
    assert names["alone@island"] == "island"
    assert names["this@city"] == "this@city"


def test_times_for_people() -> None:
    """Four digits for a length, a few decimals for an instant."""
    assert [span(ns) for ns in (1, 50_000, 1_841_224, 75_002_450_000)] == ["1ns", "50us", "1.841ms", "75secs"]
    assert [instant(ns) for ns in (0, 10_650_001, 70_000_000, 6_000_013_700_000)] == ["0ms", "10.65ms", "70ms", "6000.0137secs"]


def test_ordinals() -> None:
    """Small ones in words."""
    assert [nth(1), nth(2), nth(11), nth(17), nth(22)] == ["first", "second", "11th", "17th", "22nd"]


def test_order_matters_for_the_smallest_race() -> None:
    """Two senders and one receiver: the pair is the two messages."""
    pair = _explained(orderly).pair
    assert pair is not None
    assert {pair.first.text, pair.second.text} == {"Ping from sender1@home", "Ping from sender2@hub"}
