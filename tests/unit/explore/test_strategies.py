"""Strategies that pick events: their names, what they guarantee, and that their runs are made again exactly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from harness.errors import MisuseError
from harness.explore.knowledge import observe, summary
from harness.explore.tokens import Schedule, read_schedule
from harness.runs import Plan, Run
from harness.simulation import World
from harness.simulation.event_kernel import Event, Label
from harness.simulation.strategies import (
    MEMBERS,
    Knowledge,
    Order,
    Pct,
    Recorded,
    Urw,
    check_strategy,
    learns,
    member_of,
    seeded,
    strategy_names,
)
from tests.unit.explore.toys import orderly, patient, race

NAMED = ["pct:1", "pct:3", "pos", "urw", "order", "bounded:1", "bounded:3"]


class Zero:
    """Picks events, and is benign throughout."""

    name = "zero"
    picks_events = True

    def start(self, seed: int) -> None:
        """Nothing to prepare."""

    def choose(self, site: str, entity: str, occurrence: int, bound: int) -> int:
        """Always benign."""
        return 0


@pytest.mark.parametrize("name", ["prompt", "random", "portfolio", "pct", *NAMED])
def test_names_are_known(name: str) -> None:
    """Every documented name is accepted, with and without its number."""
    check_strategy(name)


@pytest.mark.parametrize("name", ["", "pct:", "pct:0", "pct:x", "pos:2", "depth", "bounded:-1", "Random"])
def test_other_names_are_refused(name: str) -> None:
    """An unknown name, or a number that means nothing, is a MisuseError that lists what there is or what was wanted."""
    with pytest.raises(MisuseError, match="wanted"):
        check_strategy(name)


def test_table_of_names() -> None:
    """The names are sorted and say where a number may follow."""
    assert strategy_names() == ("bounded:n", "order", "pct:n", "portfolio", "pos", "prompt", "random", "urw")


def test_portfolio_gives_each_seed_to_one_member() -> None:
    """The member of a seed is always the same, and over a turn every member has its seeds."""
    assert [member_of("portfolio", seed) for seed in range(20, 30)] == list(MEMBERS)
    assert {member_of("portfolio", seed) for seed in (0, 19, 100, 119)} == {"random"}
    assert member_of("portfolio", 133) == MEMBERS[3]
    assert member_of("pos", 13) == "pos"


def test_what_is_enough_to_make_a_run_again() -> None:
    """A seed is enough for strategies that learn nothing, a record is needed for the others."""
    assert seeded("random")
    assert seeded("pos")
    assert not seeded("order")
    assert learns("portfolio")
    assert not learns(Zero())
    assert Schedule(0, "portfolio").portable
    assert not Schedule(21, "portfolio").portable


def test_benign_picks_are_the_prompt_run() -> None:
    """Under the event kernel the all-benign run is the very run of strategy prompt."""
    plan = Plan(patient)
    calm, zero = plan.run(Schedule(0, "prompt")), plan.run(Schedule(0, Zero()))
    assert calm.digest == zero.digest
    assert not [choice for choice in zero.choices if choice.value]


@pytest.mark.parametrize("name", NAMED)
def test_runs_are_made_again_from_their_record(name: str) -> None:
    """The record of any run, and its token, give equal choices, digest and error."""
    plan = Plan(orderly)
    for seed in range(20):
        run = plan.run(Schedule(seed, name))
        again = plan.run(read_schedule(run.token))
        assert (again.digest, list(again.choices)) == (run.digest, list(run.choices))
        assert str(again.error) == str(run.error)


@pytest.mark.parametrize("name", ["pct:2", "pos", "urw", "order", "bounded:2"])
def test_every_order_is_found(name: str) -> None:
    """Each strategy finds the failing order of a race of two, and the passing one."""
    plan = Plan(orderly)
    failed = Counter(plan.run(Schedule(seed, name)).failed for seed in range(60))
    assert failed[True] >= 5
    assert failed[False] >= 5


def _event(entity: str, number: int) -> Event:
    return Event(entity, 0, 10, number)


def _walk(strategy: Any, threads: Sequence[str]) -> str:
    """Run threads, each a text of steps, by picks alone."""
    left = dict.fromkeys(threads, 0)
    done = ""
    while True:
        events = [_event(text, index) for index, text in enumerate(threads) if left[text] < len(text)]
        if not events:
            return done
        event = events[strategy.pick(events) if len(events) > 1 else 0]
        if hasattr(strategy, "ran"):
            strategy.ran(event)
        done += event.entity[left[event.entity]]
        left[event.entity] += 1


def test_pct_by_its_published_rule_reaches_depth_three() -> None:
    """``r w r`` needs two changes, the later of which must not rank below the earlier: sorted or descending rules never do it."""
    strategy = Pct(3, Knowledge(contested=3))
    seen: Counter[str] = Counter()
    for seed in range(300):
        strategy.start(seed)
        seen[_walk(strategy, ["rR", "wW"])] += 1
    assert seen["rwRW"] > 3
    assert seen["wrWR"] > 3
    assert set(seen) == {"rRwW", "wWrR", "rwRW", "rwWR", "wrRW", "wrWR"}


def test_pct_with_two_only_has_one_change() -> None:
    """With depth 2 there is one preemption at most, so neither thread runs in three pieces."""
    strategy = Pct(2, Knowledge(contested=3))
    seen = set()
    for seed in range(300):
        strategy.start(seed)
        seen.add(_walk(strategy, ["rR", "wW"]))
    assert seen == {"rRwW", "wWrR", "rwWR", "wrRW"}


def test_pct_measures_anew_when_a_run_is_longer() -> None:
    """In a run of twenty times the measured length changes still happen near its end."""
    strategy = Pct(2, Knowledge(contested=10))
    late = 0
    for seed in range(50):
        strategy.start(seed)
        order = _walk(strategy, ["a" * 100, "b" * 100])
        late += order[20:].startswith(("a" * 80 + "b" * 100, "b" * 80 + "a" * 100)) is False
    assert late > 10


def test_urw_is_uniform_over_interleavings() -> None:
    """With counts known, a long and a short thread interleave in all ways equally often."""
    strategy = Urw(Knowledge(counts={"a": 1, "bcd": 3}))
    seen: Counter[str] = Counter()
    for seed in range(2000):
        strategy.start(seed)
        seen[_walk(strategy, ["a", "bcd"])] += 1
    assert len(seen) == 4
    assert all(400 < count < 600 for count in seen.values())


def test_first_runs_teach_what_conflicts() -> None:
    """Kinds of event that meet at one receiver in either order are a pair; what one causes is none."""
    worlds = []
    for seed in range(6):
        world = World(seed)
        race(world)
        worlds.append(observe(world))
    known = summary(worlds)
    assert known.contested > 0
    assert all(one.receiver == other.receiver for one, other, _, _ in known.pairs)
    assert known.counts["sender1@home -> receiver@west"] == 1
    assert known.parents["sender1@home -> receiver@west"] == "sender1@home start"


def test_order_holds_one_kind_back() -> None:
    """With a constraint drawn, no event of the held kind runs before one of the other kind, as long as there is a choice."""
    held, first = Label("Sender", "m", "B"), Label("Sender", "m", "A")
    strategy = Order(Knowledge(pairs=((first, held, 1, 1),)))
    kinds = {"a": first, "b": held}

    class Kernel:
        """Labels by name."""

        def label(self, event: Event) -> Label:
            """The kind of this thread."""
            return kinds[event.entity[0]]

    seen = set()
    for seed in range(40):
        strategy.attach(Kernel())  # type: ignore[arg-type]
        strategy.start(seed)
        order = _walk(strategy, ["aaaa", "bbbb"])
        (waits,) = strategy.constraints
        assert order[0] == ("a" if waits == held else "b")
        seen.add(order)
    assert len(seen) > 10


def test_a_record_bends_to_what_is_asked() -> None:
    """A lenient replay takes the nearest value that fits, and counts what did not."""
    plan = Plan(orderly)
    run = next(run for run in (plan.run(Schedule(seed, "random")) for seed in range(50)) if run.failed)
    strategy = Recorded(run.choices)
    again = plan.run(Schedule(run.seed, strategy))
    assert again.digest == run.digest
    assert strategy.distance == 0
    strange = Recorded([*run.choices, run.choices[0]._replace(entity="nobody", value=1)])
    assert plan.run(Schedule(run.seed, strange)).digest == run.digest
    assert strange.distance == 1


def test_a_users_own_strategy_may_pick() -> None:
    """An object with ``picks_events`` and ``pick`` is asked; without ``pick`` its draws say how often events wait."""

    class Last(Zero):
        """Always the last of those that may run."""

        def pick(self, events: Sequence[Event]) -> int:
            """The last."""
            return len(events) - 1

    def made(strategy: Any) -> Run:
        return Plan(orderly).run(Schedule(0, strategy))

    assert any(choice.value for choice in made(Last()).choices)
    assert not any(choice.value for choice in made(Zero()).choices)
