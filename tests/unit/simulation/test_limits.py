"""Limits that speak: reaching one names it, its value, and what was still pending."""

from __future__ import annotations

from typing import Any

import pytest

from harness.durations import seconds
from harness.errors import LivelockError, MisuseError
from harness.simulation import Limits, World
from tests.unit.simulation.toys import Item, Scripted, listener


def _echoing(world: World) -> None:
    for name in ("a", "b"):
        world.spawn(Scripted(name, react=lambda p, s, m: p.send("b@b" if p.name == "a" else "a@a", m)))
    world.post(Item(1), "a@a")


def _ticking(world: World, recurring: bool = True) -> None:
    def arm(process: Any) -> None:
        process.delay("1secs", arm, process, recurring=recurring)

    world.spawn(Scripted("ticker", arm))


@pytest.mark.parametrize("steps", [10, 1000, 10_000])
def test_the_number_of_steps_is_limited(steps: int) -> None:
    """A run that goes on for ever ends at the limit, which is named with its value, the time and what is pending."""
    world = World(1, limits=Limits(steps=steps))
    _echoing(world)
    with pytest.raises(LivelockError) as caught:
        world.run_until_idle()
    text = str(caught.value)
    assert f"steps={steps} " in text
    assert "Item(n=1)" in text
    assert "1 deliveries and 0 timers still pending" in text
    assert world.steps == steps


def test_steps_without_time_are_limited() -> None:
    """Processes that answer each other for ever at one instant are found, and told from a run that is merely long."""
    limits = Limits(steps_per_instant=500)
    world = World(1, limits=limits)
    _echoing(world)
    with pytest.raises(LivelockError, match="steps_per_instant=500 "):
        world.settle()
    moving = World(1, limits=limits)
    _ticking(moving)
    moving.run_for(seconds(5000))
    assert moving.steps > 5000


def test_pending_events_are_limited() -> None:
    """A process that sends more than anybody handles is found."""

    def flood(process: Any, sender: str, message: Item) -> None:
        for n in range(2):
            process.send(process.address, Item(n))

    world = World(1, limits=Limits(pending=100))
    world.post(Item(1), world.spawn(Scripted("p", react=flood), "h"))
    with pytest.raises(LivelockError, match="pending=100 "):
        world.run_until_idle()


@pytest.mark.parametrize("drive", ["run_until_idle", "run_for", "advance", "jump", "wait"])
def test_virtual_time_is_limited(drive: str) -> None:
    """However time is moved, it stops at the limit."""
    world = World(1, limits=Limits(virtual_time="10secs"))
    _ticking(world, recurring=False)
    with pytest.raises(LivelockError, match="virtual_time=10secs "):
        {
            "run_until_idle": world.run_until_idle,
            "run_for": lambda: world.run_for("11secs"),
            "advance": lambda: world.clock.advance("11secs"),
            "jump": lambda: world.clock.jump("11secs"),
            "wait": lambda: world.wait(lambda: False, timeout="11secs"),
        }[drive]()
    assert world.clock.elapsed <= seconds(10)


def test_a_timer_behind_the_limit_is_named() -> None:
    """A single timer that lies behind the end of time does not hang the run; the error shows it."""
    world = World(1, limits=Limits(virtual_time="10secs"))
    process = listener(world)
    process.delay("1hrs", "tick")
    with pytest.raises(LivelockError, match="tick due at 1hrs"):
        world.run_until_idle()


def test_waiting_within_the_limit_is_free() -> None:
    """A wait whose timeout lies behind the limit succeeds if the thing happens before."""
    world = World(1, limits=Limits(virtual_time="10secs"))
    process = listener(world)
    process.delay("9secs", "tick")
    assert world.wait(lambda: process.heard, timeout="1hrs") == [0]


def test_a_limited_run_can_be_looked_at() -> None:
    """After a limit the trace and the digest are there."""
    world = World(1, limits=Limits(steps=50))
    _echoing(world)
    with pytest.raises(LivelockError):
        world.run_until_idle()
    assert len(world.trace) >= 50
    assert world.digest


@pytest.mark.parametrize("name", ["steps", "steps_per_instant", "pending"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True, None])
def test_limits_are_whole_numbers(name: str, value: Any) -> None:
    """A limit that is none is refused with name and value."""
    with pytest.raises(MisuseError, match=rf"{name}={value!r}"):
        Limits(**{name: value})


def test_virtual_time_is_a_duration() -> None:
    """The limit of time takes every notation, and nothing else."""
    assert Limits(virtual_time=90).virtual_ns == Limits(virtual_time="90secs").virtual_ns
    with pytest.raises(TypeError, match="virtual_time="):
        Limits(virtual_time=None)  # type: ignore[arg-type]
    assert "steps=7" in repr(Limits(steps=7))
