"""The bounded proof: everything within the bound, nothing twice, and pruning that loses nothing."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.errors import MisuseError
from harness.explore.bounded import MOST_VALUES, Search
from harness.explore.fingerprint import fingerprint
from harness.explore.tokens import Schedule
from harness.proving import RealTime, prove
from harness.runs import Plan, Run
from harness.simulation import Address, Process, World, handles
from harness.simulation.choices import Choice, generator
from harness.simulation.strategies import Recorded
from tests.unit.explore.toys import Ping, orderly, patient


class Node(Process):
    """Passes each ping on along a route, and waits a random while now and then."""

    def __init__(self, name: str, routes: dict[int, Sequence[str]]) -> None:
        super().__init__(name)
        self.routes = routes
        self.seen: list[int] = []

    @handles(Ping)
    def ping(self, sender: Address, message: Ping) -> None:
        """Note it and pass it on."""
        self.seen.append(message.n)
        for to in self.routes.get(message.n, ()):
            self.send(to, Ping(message.n * 10 + len(self.seen)))

    def note(self, n: int) -> None:
        """Note it."""
        self.seen.append(n)

    def later(self, to: str, n: int) -> None:
        """Send after a while."""
        self.send(to, Ping(n))


def web(world: World) -> list[list[int]]:
    """Three nodes that send to each other; what each has seen."""
    a, b, c = Node("a", {1: ("b@b", "c@c")}), Node("b", {2: ("c@c",), 11: ("a@a",)}), Node("c", {3: ("a@a", "b@b")})
    for node in (a, b, c):
        world.spawn(node, host=node.name)
        world.settle()
    a.send("b@b", Ping(2))
    b.send("c@c", Ping(3))
    c.send("a@a", Ping(1))
    a.backoff("0ms", "20ms", a.later, "b@b", 7)
    world.run_until_idle()
    return [node.seen for node in (a, b, c)]


def two(world: World) -> None:
    """Two that have nothing to do with each other."""
    a, b = Node("a", {}), Node("b", {})
    for node in (a, b):
        world.spawn(node, host=node.name)
        world.settle()
    world.post(Ping(1), to="a@a")
    world.post(Ping(2), to="b@b")
    world.run_until_idle()


def _all_runs(test: object, deviations: int, prune: bool) -> tuple[Counter[tuple[Choice, ...]], set[str]]:
    """Every run of the search by its deviations, and the classes seen."""
    plan = Plan(test)  # type: ignore[arg-type]
    made: Counter[tuple[Choice, ...]] = Counter()
    classes = set()

    def rerun(choices: Sequence[Choice]) -> Run:
        run = plan.run(Schedule(0, Recorded(choices, True)))
        made[tuple(choices)] += 1
        classes.add(fingerprint(run.trace))
        return run

    search = Search(rerun, prune=prune, stop_on_failure=False)
    nodes = search.begin().nodes
    for depth in range(1, deviations + 1):
        search.found.nodes = []
        nodes = search.continue_all(nodes, depth == deviations).nodes
    return made, classes


def orders(world: World) -> None:
    """A test for the searches below."""
    web(world)


@pytest.mark.parametrize("deviations", [1, 2])
def test_pruning_loses_no_class(deviations: int) -> None:
    """The pruned search sees every happens-before class that the unpruned one sees, in fewer runs."""
    whole, all_classes = _all_runs(orders, deviations, prune=False)
    part, classes = _all_runs(orders, deviations, prune=True)
    assert classes >= all_classes
    assert len(all_classes) > 5
    assert part.total() < whole.total()


def _random_web(number: int) -> Callable[[World], None]:
    """Four nodes with routes and back-offs that nobody chose."""
    draw = generator("web", number)
    names = ["a", "b", "c", "d"]
    routes = {
        name: {n: tuple(f"{to}@{to}" for to in draw.sample(names, draw.randint(0, 2)) if to != name) for n in (1, 2, 3, 11, 21)}
        for name in names
    }
    first = [(draw.choice(names), draw.choice(names), n) for n in (1, 2, 3)]
    late = [(draw.choice(names), draw.choice(names), n, draw.randint(1, 9)) for n in (2, 3)]

    def test(world: World) -> None:
        """Let them talk."""
        nodes = {name: Node(name, routes[name]) for name in names}
        for name, node in nodes.items():
            world.spawn(node, host=name)
            world.settle()
        for sender, to, n in first:
            nodes[sender].send(f"{to}@{to}", Ping(n))
        for sender, to, n, most in late[: 1 + number % 2]:
            nodes[sender].backoff("0ms", f"{most}ms", nodes[sender].later, f"{to}@{to}", n)
        world.run_until_idle()

    return test


@pytest.mark.parametrize("number", range(8))
def test_pruning_loses_no_class_of_any_web(number: int) -> None:
    """The same for systems made at random, with two deviations."""
    test = _random_web(number)
    _, all_classes = _all_runs(test, 2, prune=False)
    _, classes = _all_runs(test, 2, prune=True)
    assert classes >= all_classes


def test_long_delays_are_tried_at_every_change_of_order() -> None:
    """Of a back-off of 20 ms each value is run at which the order changes, however close together they are."""
    close = ("1ms", "1000001ns", "1000003ns", "19999999ns")

    def crowded(world: World) -> None:
        """A random timer among fixed ones, some of them a nanosecond apart."""
        node = Node("a", {})
        world.spawn(node, host="a")
        world.settle()
        for n, delay in enumerate(close):
            node.delay(delay, node.note, n)
        node.backoff("0ms", "20ms", node.note, 99)
        world.run_until_idle()
        places.add(node.seen.index(99))

    places: set[int] = set()
    made, _ = _all_runs(crowded, 1, prune=True)
    # Before, between and after all four, and at one time with each of them either way.
    assert places == {0, 1, 2, 3, 4}
    assert made.total() < 40


def test_values_tried_have_an_end() -> None:
    """A delay with more changes of order than anybody wants to run is cut off, and the proof says so."""

    def endless(world: World) -> None:
        """A random timer among four hundred others."""
        node = Node("a", {})
        world.spawn(node, host="a")
        world.settle()
        for n in range(400):
            node.delay(f"{n}us", node.note, n)
        node.backoff("0ms", "1ms", node.note, -1)
        world.run_until_idle()

    proof = prove(endless, max_deviations=1)
    assert proof.runs < 2 * MOST_VALUES
    assert any("ranges of random delays whose ends differ" in line for line in proof.not_covered)


def test_no_run_is_made_twice() -> None:
    """Each set of deviations comes once."""
    made, _ = _all_runs(orders, 2, prune=False)
    assert set(made.values()) == {1}
    assert all(len(choices) <= 2 for choices in made)


def test_two_that_do_not_touch_need_few_runs() -> None:
    """Deliveries to different processes are not reordered: there is one class, whatever the number of deviations."""
    _, classes = _all_runs(two, 2, prune=True)
    assert len(classes) == 1


def test_proof_of_what_holds() -> None:
    """A test that holds is run in every way, and the report says what that does not cover."""
    proof = prove(patient, max_deviations=2)
    assert proof.exhausted
    assert not proof.failures
    assert proof.runs > 5
    report = proof.report()
    assert "PROVEN: no run with at most 2 deviations fails" in report
    assert "runs with more than 2 deviations" in report
    assert len(report.splitlines()) <= 6
    told = json.loads(json.dumps(proof.as_dict()))
    assert told["exhausted"] is True
    assert told["runs"] == sum(told["runs_by_deviations"]) == proof.runs
    assert 1 < told["classes"] <= told["runs"]
    assert (told["failures"], told["budget"]) == ([], None)
    assert told["left_out"] >= 0


def test_watch_is_told_of_every_run() -> None:
    """A progress display learns how many runs there were, at which level it is, and how many failed."""
    told: list[tuple[int, int, int]] = []
    proof = prove(orderly, max_deviations=2, stop_on_failure=False, watch=lambda *seen: told.append(seen))
    assert [runs for runs, _, _ in told] == list(range(1, proof.runs))
    assert {level for _, level, _ in told} == {1, 2}
    assert told[-1][2] in (len(proof.failures), len(proof.failures) - 1)
    several: list[tuple[int, int, int]] = []
    prove(orderly, max_deviations=2, stop_on_failure=False, jobs=2, watch=lambda *seen: several.append(seen))
    assert several[-1] == (proof.runs, 2, len(proof.failures))


def test_proof_finds_what_fails() -> None:
    """A race is found with one deviation; the failure can be made again and shrunk."""
    proof = prove(orderly, max_deviations=1)
    assert not proof.exhausted
    (failure,) = proof.failures
    assert len(failure.deviations) == 1
    assert str(failure.error) == "arrived as [2, 1]"
    assert len(failure.shrink().deviations) == 1


def test_benign_failure_is_found_at_once() -> None:
    """A test that fails in the benign run needs no deviation."""

    def wrong(world: World) -> None:
        """Fails always."""
        raise AssertionError("always")

    proof = prove(wrong)
    assert proof.runs == 1
    assert proof.failures[0].deviations == ()


def test_budget_is_told_also_beside_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proof that does not stop at failures and runs out of time says that it was the time."""
    whole = prove(orderly, max_deviations=2, stop_on_failure=False)
    seconds = itertools.count()
    monkeypatch.setattr(RealTime, "seconds", staticmethod(lambda: next(seconds)))
    part = prove(orderly, max_deviations=2, stop_on_failure=False, budget=whole.runs - 3)
    assert part.failures
    assert not part.exhausted
    assert any(line.endswith("the budget ran out") for line in part.not_covered)


def test_budget_ends_a_proof_honestly() -> None:
    """Out of time, a proof is not exhausted and says why."""
    proof = prove(orders, max_deviations=3, budget=0.0)
    assert not proof.exhausted
    assert any("budget" in line for line in proof.not_covered)
    assert "UNDECIDED: no run has failed so far" in proof.report()
    assert proof.as_dict()["budget"] == 0.0
    together = prove(orderly, max_deviations=3, budget="0secs", jobs=2)
    assert not together.exhausted


def test_workers_give_the_same_proof() -> None:
    """The same runs and failures with two processes as with one."""
    alone = prove(orderly, max_deviations=2, stop_on_failure=False)
    together = prove(orderly, max_deviations=2, stop_on_failure=False, jobs=2)
    with ThreadPoolExecutor(1) as executor:
        elsewhere = prove(orderly, max_deviations=2, stop_on_failure=False, executor=executor)
    for other in (together, elsewhere):
        mine, theirs = alone.as_dict(), other.as_dict()
        assert {**mine, "seconds": 0} == {**theirs, "seconds": 0}
    assert [failure.token for failure in alone.failures] == [failure.token for failure in together.failures]


@pytest.mark.parametrize("bound", [-1, 1.5, "2", True])
def test_bound_is_a_number(bound: object) -> None:
    """Anything else is a MisuseError."""
    with pytest.raises(MisuseError, match="max_deviations"):
        prove(patient, max_deviations=bound)  # type: ignore[arg-type]
