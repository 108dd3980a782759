"""The determinism check against planted leaks: each is found, named, and placed."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable

import pytest

from harness.errors import MisuseError, NondeterminismError
from harness.explore.determinism import first_difference
from harness.explore.sources import Sources
from harness.explore.tokens import Schedule
from harness.exploring import explore
from harness.proving import check_determinism
from harness.runs import Plan
from harness.simulation import World
from harness.simulation.choices import generator
from tests.exploration.leaks import zoo
from tests.unit.explore.toys import Ping, Receiver, orderly, patient


def _name(leak: zoo.Leak) -> str:
    return leak.test.__name__


def _check(leak: zoo.Leak, how: str, *, fresh: bool) -> str:
    with pytest.raises(NondeterminismError, match=how) as caught:
        check_determinism(leak.test, fresh=fresh)
    text = str(caught.value)
    cause = next(line for line in text.splitlines() if line.startswith("likely cause: "))
    assert leak.cause in cause
    assert leak.line in cause
    if leak.line:
        # The line that gives it away is in the leak itself.
        assert f" in {leak.test.__name__}" in cause
    assert "\nway out: " in text
    return text


@pytest.mark.parametrize("leak", zoo.HERE, ids=_name)
def test_leaks_are_named_at_once(leak: zoo.Leak) -> None:
    """Made again in the same process the run differs; the error shows both versions of what does, and what it comes from."""
    _check(leak, r"made again in this process: (step|draw|the end) ?\d* was\n.*\nand is now\n", fresh=False)


@pytest.mark.parametrize("leak", zoo.COLLECTED, ids=_name)
def test_leaks_of_the_collector_are_named(leak: zoo.Leak) -> None:
    """Made again under a collector that comes by at other times the run differs, and the error says so."""
    _check(leak, r"with the garbage collector running whenever nothing else did: step \d+ was", fresh=False)


@pytest.mark.parametrize("leak", zoo.ELSEWHERE, ids=_name)
def test_leaks_of_the_process_are_named(leak: zoo.Leak) -> None:
    """Here the run repeats itself; in a fresh process with another hash seed and directory it does not."""
    zoo.warm_up()
    check_determinism(leak.test, fresh=False)
    _check(leak, r"in a fresh process under PYTHONHASHSEED=\d: step \d+ was\n.*\nand is now\n", fresh=True)


def test_difference_says_where_it_was_noticed() -> None:
    """The line that sent the message, and the line of the test that was waiting."""
    text = _check(next(leak for leak in zoo.HERE if leak.test is zoo.wall_clock), "step 2", fresh=False)
    assert "sent at tests/exploration/leaks/zoo.py:" in text
    assert "noticed at tests/exploration/leaks/zoo.py:" in text


def seeded(world: World) -> None:
    """Draws from a generator with a seed, names an object by its type, and reads the virtual clock: all fine."""
    draw = generator("test", world.seed)
    address = world.spawn(Receiver(), host="west")
    for _ in range(3):
        world.post(Ping(draw.getrandbits(10) + world.clock.now().second), to=address)
    world.run_until_idle()


@pytest.mark.parametrize("test", [orderly, patient, seeded])
def test_clean_tests_pass(test: Callable[[World], None]) -> None:
    """A test without leaks is the same everywhere, failing or not, and is not disturbed by being watched."""
    run = check_determinism(test, 3)
    assert run.seed == 3


def test_check_stops_at_the_first_difference() -> None:
    """The second run ends where it leaves the first."""
    reached: list[int] = []

    def test(world: World) -> None:
        """Send a number that is another one each time, and go on."""
        reached.append(0)
        address = world.spawn(Receiver(), host="west")
        world.post(Ping(len(reached)), to=address)
        world.run_until_idle()
        reached[-1] = 1

    with pytest.raises(NondeterminismError):
        check_determinism(test, fresh=False)
    assert reached[0] == 1
    assert not any(reached[1:])


def test_check_leaves_the_process_as_it_was() -> None:
    """The collector runs as before, nothing stays frozen, nobody is profiled."""
    gc.unfreeze()
    with pytest.raises(NondeterminismError):
        check_determinism(zoo.module_counter, fresh=False)
    assert gc.isenabled()
    assert not gc.get_freeze_count()
    assert sys.getprofile() is None


def test_profiled_process_is_left_alone() -> None:
    """Where somebody profiles already, the check does without its own look at the calls."""

    def mine(*_: object) -> None:
        """Notice nothing."""

    sys.setprofile(mine)
    try:
        with Sources() as sources:
            zoo.os.urandom(1)
        kept = sys.getprofile()
    finally:
        sys.setprofile(None)
    assert kept is mine
    assert not sources.asked


@pytest.mark.parametrize("strategy", ["random", "pos", "pct:3", "urw", "order", "bounded:2"])
def test_failures_are_made_again_when_they_are_reported(strategy: str) -> None:
    """An honest failure of any strategy repeats itself, step by step and draw by draw, also when it is made from its record."""
    (failure,) = explore(orderly, seeds=200, strategy=strategy).failures
    assert failure.doubt is None
    assert "NOT REPRODUCED" not in failure.report()


def test_doubtful_failure_says_so_first() -> None:
    """A failure that goes another way when it is made again keeps its error, but its report begins with the doubt."""
    runs: list[int] = []

    def fickle(world: World) -> None:
        """Fail always, and never alike."""
        runs.append(1)
        world.post(Ping(len(runs)), to=world.spawn(Receiver(), host="west"))
        world.run_until_idle()
        raise AssertionError("mine")

    exploration = explore(fickle, seeds=3)
    report = exploration.failures[0].report()
    assert report.startswith("NOT REPRODUCED: this failure depends on more than its seed.\nThe same choices gave another run")
    assert "AssertionError: mine" in report
    assert "NOT REPRODUCED" in exploration.report()
    doubt = exploration.failures[0].doubt
    assert doubt is not None
    assert (doubt.what, doubt.index) == ("step", 2)


def test_passing_runs_cost_nothing() -> None:
    """Nothing is made again as long as nobody asks for a report."""
    runs: list[int] = []

    def counted(world: World) -> None:
        """Fail under seed 3."""
        runs.append(world.seed)
        assert world.seed != 3

    exploration = explore(counted, seeds=10)
    assert runs == [0, 1, 2, 3]
    exploration.report()
    assert runs == [0, 1, 2, 3, 3]


def test_difference_in_how_it_ends() -> None:
    """Two runs in which the same happens may still end in other ways."""
    plan = Plan(zoo.unlike_end)
    schedule = Schedule(0)
    found = first_difference(plan.run(schedule), lambda prepare: plan.run(schedule, prepare))
    assert found is not None
    assert found.what == "end"
    assert sorted([found.then.strip(), found.now.strip()]) == ["AssertionError: odd", "passed"]


def test_only_importable_tests_can_be_made_elsewhere() -> None:
    """A function inside a function cannot be found by a fresh process; the error says what to do."""

    def inner(world: World) -> None:
        """Nothing."""

    with pytest.raises(MisuseError, match="top of a module"):
        check_determinism(inner)
