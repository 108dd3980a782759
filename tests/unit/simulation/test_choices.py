"""The one source of chance: keyed, bounded, recorded draws, answered by a strategy or a record."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from harness.errors import MisuseError, NondeterminismError
from harness.simulation import Choice, World, uniform
from harness.simulation.choices import make_choices
from harness.simulation.strategies import strategy_names
from tests.unit.simulation.toys import Item, Listener, Scripted, listener


def test_random_draws_stay_in_their_bounds_and_reach_both_ends() -> None:
    """A draw of bound b is one of 0..b, and every one of them comes up."""
    choices = make_choices(7, "random")
    stream = choices.stream("coin", "p@h")
    seen = Counter(choices.draw(stream, 3) for _ in range(4000))
    assert sorted(seen) == [0, 1, 2, 3]
    assert all(850 < n < 1150 for n in seen.values())


def test_random_draws_are_the_published_mixture() -> None:
    """``uniform`` tells what the strategy random answers to any key, without a run."""
    choices = make_choices(123, "random")
    stream = choices.stream("latency", "a@x -> b@y")
    drawn = [choices.draw(stream, 1000) for _ in range(50)]
    assert drawn == [uniform(123, "latency", "a@x -> b@y", n, 1000) for n in range(1, 51)]


def test_huge_bounds_are_covered() -> None:
    """A bound of weeks in nanoseconds is drawn from its whole range."""
    bound = 604_800_000_000_000
    drawn = [uniform(seed, "backoff", "p@h", 1, bound) for seed in range(500)]
    assert max(drawn) > bound * 0.98
    assert min(drawn) < bound * 0.02
    assert len(set(drawn)) == 500


def test_seeds_differ_and_repeat() -> None:
    """One seed always gives the same draws, different seeds give different ones, negative and huge seeds included."""
    seeds = [0, 1, -1, 2**64, 2**70 + 3]
    rows = [[uniform(seed, "s", "e", n, 10**9) for n in range(1, 9)] for seed in seeds]
    assert rows == [[uniform(seed, "s", "e", n, 10**9) for n in range(1, 9)] for seed in seeds]
    # Seeds are taken modulo 2 ** 64.
    assert rows[0] == rows[3]
    assert len({tuple(row) for row in rows}) == 4


def test_neighbouring_keys_are_independent() -> None:
    """Draws of neighbouring seeds, sites, entities and occurrences agree no more often than chance."""
    pairs = Counter(
        (uniform(seed, "s", "e", 1, 1), uniform(seed, "s", "e", 2, 1), uniform(seed, "s", "f", 1, 1)) for seed in range(4000)
    )
    assert len(pairs) == 8
    assert all(400 < n < 600 for n in pairs.values())


def test_prompt_answers_zero_everywhere() -> None:
    """The benign strategy deviates nowhere, under any seed, and records that it was asked."""
    choices = make_choices(99, "prompt")
    stream = choices.stream("coin", "p@h")
    assert [choices.draw(stream, 5) for _ in range(3)] == [0, 0, 0]
    assert choices.record == tuple(Choice("coin", "p@h", n, 5, 0) for n in (1, 2, 3))


def test_every_draw_is_recorded_with_its_key() -> None:
    """The record holds key, bound and value of each draw in the order of drawing; occurrences count per site and entity."""
    choices = make_choices(5, "random")
    a, b = choices.stream("x", "a"), choices.stream("x", "b")
    values = [choices.draw(a, 10), choices.draw(b, 20), choices.draw(a, 30)]
    assert [choice.key for choice in choices] == [("x", "a", 1), ("x", "b", 1), ("x", "a", 2)]
    assert [choice.bound for choice in choices] == [10, 20, 30]
    assert [choice.value for choice in choices] == values
    assert len(choices) == 3
    assert choices.stream("x", "a") is a


class Fixed:
    """A strategy of one's own: the same answer to everything, at most the bound."""

    name = "fixed"

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.seeds: list[int] = []
        self.asked: list[tuple[str, str, int, int]] = []

    def start(self, seed: int) -> None:
        self.seeds.append(seed)

    def choose(self, site: str, entity: str, occurrence: int, bound: int) -> Any:
        self.asked.append((site, entity, occurrence, bound))
        return min(self.answer, bound) if isinstance(self.answer, int) else self.answer


def test_a_strategy_of_ones_own_answers_the_draws() -> None:
    """Any object with name, start and choose is a strategy; it is told the seed, and asked with the key and the bound."""
    strategy = Fixed(10**12)
    world = World(3, strategy)
    target = listener(world)
    world.post(Item(1), target.address)
    world.run_until_idle()
    assert strategy.seeds == [3]
    assert world.strategy == "fixed"
    assert [(choice.site, choice.entity, choice.occurrence, choice.bound) for choice in world.choices] == strategy.asked
    assert all(choice.value == choice.bound for choice in world.choices)
    # The slowest message inside one host takes 50us.
    assert target.times == [50_000]


def test_a_strategy_that_always_answers_zero_is_prompt() -> None:
    """The benign answers given by somebody's strategy lead to the same run as the strategy prompt."""
    assert _toy_run(World(1, Fixed(0))).digest == _toy_run(World(2, "prompt")).digest


@pytest.mark.parametrize("answer", [-1, 1.5, None, "0"])
def test_a_strategy_that_answers_nonsense_is_told_so(answer: Any) -> None:
    """An answer outside 0..bound is a misuse that names strategy, answer, draw and range."""
    world = World(0, Fixed(answer))
    target = listener(world)
    with pytest.raises(MisuseError, match=r"strategy 'fixed' answered .* wanted a whole number in 0\.\.50000"):
        world.post(Item(1), target.address)


@pytest.mark.parametrize("seed", [None, "7", 1.0, True])
def test_seeds_are_whole_numbers(seed: Any) -> None:
    """Anything else as a seed is a misuse that names the value."""
    with pytest.raises(MisuseError, match="seed="):
        World(seed)


def test_unknown_strategies_are_refused() -> None:
    """A wrong name lists the names that there are; an object without the methods is told what it lacks."""
    with pytest.raises(MisuseError, match="strategy='quick'.*prompt.*random"):
        World(0, "quick")
    with pytest.raises(MisuseError, match=r"start\(seed\)"):
        World(0, object())  # type: ignore[arg-type]
    assert {"prompt", "random", "portfolio"} <= set(strategy_names())


@pytest.mark.parametrize("strategy", ["pos", "urw", "order", "pct:3", "bounded:2", "portfolio"])
def test_a_world_takes_every_strategy_by_name(strategy: str) -> None:
    """The names of explorations serve a single world too, and two such worlds under one seed live the same life."""
    digests = [_toy_run(World(25, strategy)).digest for _ in range(2)]
    assert digests[0] == digests[1]
    assert World(25, strategy).strategy == ("urw" if strategy == "portfolio" else strategy)


# -- draws are keyed ------------------------------------------------------------------------------------------------------


def _toy_run(world: World, extra: bool = False, draws: int = 0) -> World:
    """Two processes that play ping-pong with back-offs; ``extra`` adds a third, ``draws`` adds choices in the first."""

    def serve(process: Scripted) -> None:
        for _ in range(draws):
            process.choose("extra", 9)
        process.backoff("1ms", "20ms", hit, process)

    def hit(process: Scripted) -> None:
        process.send("pong@hb", Item(len(process.heard)))

    hit.__name__ = "hit"

    def back(process: Scripted, sender: str, message: Item) -> None:
        process.send(sender, Item(message.n + 1))

    def again(process: Scripted, sender: str, message: Item) -> None:
        if message.n < 8:
            process.backoff("1ms", "20ms", hit, process)

    if extra:
        world.spawn(Scripted("third", lambda p: p.backoff("0ms", "9ms", p.tick), lambda p, s, m: None), "hc")
        world.spawn(Scripted("fourth", lambda p: p.send("third@hc", Item(0))), "hd")
    world.spawn(Scripted("pong", react=back), "hb")
    world.spawn(Scripted("ping", serve, again), "ha")
    world.run_until_idle()
    return world


def _times(world: World) -> list[list[int]]:
    return [world.process(address).times for address in ("ping@ha", "pong@hb")]


@pytest.mark.parametrize("seed", range(10))
def test_one_more_process_moves_no_other_draw(seed: int) -> None:
    """With two more busy processes in the world, every draw of the others has the value it had, and their times stay."""
    alone, crowded = _toy_run(World(seed)), _toy_run(World(seed), extra=True)
    values = {choice.key: choice for choice in crowded.choices}
    mine = [choice for choice in alone.choices if choice.site != "order"]
    assert len(mine) > 10
    assert all(values[choice.key] == choice for choice in mine)
    assert _times(alone) == _times(crowded)


@pytest.mark.parametrize("seed", range(10))
def test_one_more_draw_elsewhere_moves_no_other_draw(seed: int) -> None:
    """More choices of one process, with a label of their own, change nothing about latencies and back-offs."""
    plain, greedy = _toy_run(World(seed)), _toy_run(World(seed), draws=5)
    assert [c for c in greedy.choices if c.site != "extra"] == list(plain.choices)
    assert _times(plain) == _times(greedy)


def test_draws_are_named_by_creation_path() -> None:
    """The entity of a draw is the path of the process, the same in every run, and differs for a second life of a name."""
    world = World(1)

    def spawn() -> None:
        world.spawn(Scripted("p", lambda p: p.choose("coin", 2)), "h")
        world.settle()

    spawn()
    world.terminate("p@h")
    spawn()
    assert [(c.entity, c.occurrence) for c in world.choices if c.site == "coin"] == [("p@h", 1), ("p@h#2", 1)]


# -- records and replays --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
def test_a_replay_of_the_record_is_the_same_run(seed: int) -> None:
    """Following the record by key gives the same digest and the same record, whatever seed it is labelled with."""
    original = _toy_run(World(seed), extra=True)
    again = _toy_run(World(4711, replay=original.choices.record), extra=True)
    assert again.digest == original.digest
    assert again.choices.record == original.choices.record
    assert again.choices.left_over() == ()
    assert again.strategy == "replay"


def test_a_replay_needs_the_deviations_only() -> None:
    """A record may leave out its zeros: what it lacks is answered with the benign 0."""
    original = _toy_run(World(3))
    deviations = [choice for choice in original.choices if choice.value]
    assert _toy_run(World(0, replay=deviations)).digest == original.digest
    assert _toy_run(World(0, replay=())).digest == _toy_run(World(0, "prompt")).digest


def test_the_order_of_a_record_does_not_matter() -> None:
    """Records are followed by key, so they may come in any order."""
    original = _toy_run(World(5), extra=True)
    assert _toy_run(World(0, replay=reversed(original.choices.record)), extra=True).digest == original.digest


def test_a_record_of_another_bound_no_longer_fits() -> None:
    """A draw asked with another bound than recorded stops the replay and says where, what was recorded and what is asked."""
    record = [Choice("coin", "p@h", 1, 9, 4)]

    def flip(process: Scripted) -> None:
        process.choose("coin", 3)

    world = World(0, replay=record)
    world.spawn(Scripted("p", flip), "h")
    with pytest.raises(
        NondeterminismError, match=r"coin of p@h \(occurrence 1\) was recorded as one of 0\.\.9, now 0\.\.2 is asked"
    ):
        world.settle()


def test_recorded_deviations_that_nobody_asked_for_are_left_over() -> None:
    """What the run never asked for is told, benign answers excepted."""
    world = World(0, replay=[Choice("coin", "p@h", 1, 1, 1), Choice("coin", "q@h", 1, 1, 1), Choice("coin", "r@h", 1, 1, 0)])
    world.spawn(Scripted("p", lambda p: p.choose("coin", 2)), "h")
    world.settle()
    assert world.choices.left_over() == (Choice("coin", "q@h", 1, 1, 1),)


def test_there_is_no_draw_where_there_is_nothing_to_choose() -> None:
    """One alternative, equal ends of a range or a fixed latency are not asked for."""
    world = World(0, latency=("1ms", "1ms"), local_latency=("0ns", "0ns"))
    target = listener(world)

    def start(process: Scripted) -> None:
        process.choose("one", 1)
        process.backoff("5ms", "5ms", process.tick)
        process.send(target.address, Item(1))

    world.spawn(Scripted("p", start))
    world.run_until_idle()
    assert list(world.choices) == []


def test_statistics_of_choices_do_not_depend_on_the_listener() -> None:
    """Reading the record during a run changes nothing about it."""
    looked, blind = World(8), World(8)
    for world in (looked, blind):
        target = Listener("t")
        world.spawn(target, "h")
        for n in range(20):
            world.post(Item(n), target.address)
            if world is looked:
                assert len(list(world.choices)) == len(world.choices)
        world.run_until_idle()
    assert looked.digest == blind.digest
