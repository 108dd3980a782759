"""Lenient replay: a record of one version of a test on the next."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.errors import NondeterminismError
from harness.exploring import explore, replay
from harness.simulation import Address, Process, World
from tests.unit.explore.toys import Ping, Receiver, Sender, orderly


class Sending(Process):
    """A sender under a new name."""

    def __init__(self, n: int, to: Address) -> None:
        super().__init__(f"sending{n}")
        self.n = n
        self.to = to

    def initialize(self) -> None:
        """Send its ping."""
        self.send(self.to, Ping(self.n))


def _race(world: World, start: Callable[[World, Address], None]) -> list[int]:
    receiver = Receiver()
    address = world.spawn(receiver, host="west")
    start(world, address)
    world.run_until_idle()
    return [n for n in receiver.seen if n in (1, 2)]


def with_another_process(world: World) -> None:
    """The race with one more sender, spawned first: everybody else keeps place and name."""

    def start(world: World, address: Address) -> None:
        world.spawn(Sender(3, address), host="north")
        world.spawn(Sender(1, address), host="home")
        world.spawn(Sender(2, address), host="hub")

    assert _race(world, start) == [1, 2]


def with_other_numbers(world: World) -> None:
    """The race on hosts that are called otherwise."""

    def start(world: World, address: Address) -> None:
        world.spawn(Sender(1, address), host="home7")
        world.spawn(Sender(2, address), host="hub")

    assert _race(world, start) == [1, 2]


def renamed(world: World) -> None:
    """The race of processes with new names."""

    def start(world: World, address: Address) -> None:
        world.spawn(Sending(1, address), host="home")
        world.spawn(Sending(2, address), host="hub")

    assert _race(world, start) == [1, 2]


def slower(world: World) -> None:
    """The race on a network with other latencies."""

    def start(world: World, address: Address) -> None:
        world.spawn(Sender(1, address), host="home")
        world.spawn(Sender(2, address), host="hub")
        world.network.latency("home", "west", "1ms", "9ms")
        world.network.latency("hub", "west", "1ms", "9ms")

    assert _race(world, start) == [1, 2]


def alone(world: World) -> None:
    """Nobody left who sends anything."""
    assert _race(world, lambda world, address: None) == []


def shrunk_token() -> str:
    """A failure of the race, with the deviations that it needs."""
    token = explore(orderly, 100, "random").failures[0].shrink().token
    assert replay(orderly, token).failed
    return token


def test_a_record_that_fits_has_distance_zero() -> None:
    """On unchanged code a lenient replay is the strict one, and says that everything fits."""
    token = shrunk_token()
    run = replay(orderly, token, strict=False)
    assert isinstance(run.error, AssertionError)
    assert run.digest == replay(orderly, token).digest
    assert run.anchoring is not None
    assert (run.anchoring.distance, run.anchoring.moved, run.anchoring.lost) == (0, (), ())
    assert "1 fit as they were, 0 were moved, 0 not used" in run.report()


def test_what_is_added_elsewhere_moves_nothing() -> None:
    """One more process changes no key, so even a strict replay fits."""
    run = replay(with_another_process, shrunk_token(), strict=False)
    assert isinstance(run.error, AssertionError)
    assert run.anchoring is not None
    assert run.anchoring.distance == 0


@pytest.mark.parametrize("changed", [with_other_numbers, renamed])
def test_a_failure_comes_back_under_other_names(changed: Callable[[World], None]) -> None:
    """A choice of a process that is called otherwise now is applied to it; the distance says that it was moved."""
    token = shrunk_token()
    strict = replay(changed, token)
    assert isinstance(strict.error, NondeterminismError), "a strict replay must not pass for one that fits"
    run = replay(changed, token, strict=False)
    assert isinstance(run.error, AssertionError)
    assert run.anchoring is not None
    assert run.anchoring.distance == len(run.anchoring.moved) == 1
    move = run.anchoring.moved[0]
    assert move.recorded.site == move.applied.site
    assert move.recorded.entity != move.applied.entity
    assert f"moved: {move}" in run.report()


def test_a_choice_without_a_place_is_listed() -> None:
    """What the choice was about is gone: it is told, and the run is the benign one."""
    run = replay(alone, shrunk_token(), strict=False)
    assert run.error is None
    assert run.anchoring is not None
    assert len(run.anchoring.lost) == 1
    assert "1 not used" in str(run.anchoring)
    assert "not used: latency of" in str(run.anchoring)


def test_a_strict_replay_names_the_way_out() -> None:
    """Whoever has an old token is told how to see how far it still fits, and where it stopped."""
    error = replay(slower, shrunk_token()).error
    assert isinstance(error, NondeterminismError)
    assert "left the record at draw" in str(error)
    assert "strict=False" in str(error)
    lenient = replay(slower, shrunk_token(), strict=False)
    assert lenient.anchoring is not None
    assert "became" in str(lenient.anchoring)
    assert lenient.anchoring.distance == 1
