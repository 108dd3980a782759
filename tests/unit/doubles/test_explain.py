"""The texts of failures: verdict first, the declaration with its line, calls told apart, and the story around them."""

from __future__ import annotations

from typing import Any

import pytest

from harness.doubles.differences import Mentions, differences
from harness.errors import ExpectationError
from harness.mesos.ids import SlaveID
from harness.mesos.messages import SlaveInfo
from harness.simulation import Process, World
from tests.unit.doubles.toys import Agent, MockDesk, QuietDesk, info


class Registering(Process):
    """Calls ``add_slave`` for ``agent1`` every 3 ms, under a new id each time, amid the noise of others."""

    def __init__(self, desk: Any) -> None:
        super().__init__("master")
        self.desk = desk
        self.n = 0

    def initialize(self) -> None:
        self.register()

    def register(self) -> None:
        slave_id = SlaveID(f"m-S{self.n}")
        self.n += 1
        self.note("Registering agent at slave(1)@agent1 with id {}", slave_id)
        for other in range(10):
            self.note("Something about agent1{}", other)
        self.desk.add_slave(slave_id, SlaveInfo(hostname="agent1", id=slave_id))
        self.delay("3ms", self.register)


def message_of(desk: Any, world: World | None = None) -> list[str]:
    """The lines of the failure that driving the world, or verifying, ends with."""
    with pytest.raises(ExpectationError) as caught:
        desk.verify() if world is None else world.run_for("1secs")
    return str(caught.value).splitlines()


def test_too_many_calls() -> None:
    """Verdict, declaration with file, line and source, each call with time and what differs, and the related events only."""
    world = World()
    desk: Any = QuietDesk()
    desk.attach(world)
    desk.expect.add_slave().once()
    world.spawn(Registering(desk))
    lines = message_of(desk, world)
    text = "\n".join(lines)
    assert lines[0] == "addSlave (add_slave) was called twice, expected exactly once"
    assert "tests/unit/doubles/test_explain.py:" in text
    assert "            desk.expect.add_slave().once()" in lines
    assert any(line.startswith("   1. at ") and line.endswith("slave_id='m-S0'") for line in lines)
    assert any("at 3" in line and "slave_id='m-S1'" in line and line.endswith("<-- one too many") for line in lines)
    assert "slave_info.hostname=agent1" in text
    assert "Registering agent at slave(1)@agent1 with id m-S1" in text
    assert any(line.startswith(">") and "timer register" in line for line in lines), "the cause of the last call is marked"
    assert "agent15" not in text
    assert "events left out" in text
    assert len(lines) < 60


def test_many_calls_are_cut_in_the_middle() -> None:
    """With many calls the first and the last are shown."""
    desk: Any = QuietDesk()
    desk.expect.add_slave().at_most(40)
    for n in range(40):
        desk.add_slave(f"S{n}", info())
    with pytest.raises(ExpectationError) as caught:
        desk.add_slave("S40", info())
    lines = str(caught.value).splitlines()
    assert lines[0] == "addSlave (add_slave) was called 41 times, expected at most 40 times"
    assert any("35 more" in line for line in lines)
    assert len(lines) < 60


def test_too_few_calls_show_near_misses() -> None:
    """Each near miss is told with the first field that differs."""
    desk: Any = MockDesk()
    desk.expect.add_slave(hostname="agent2").at_least_once()
    desk.add_slave("S0", info("agent1"))
    lines = message_of(desk)
    assert lines[0] == "addSlave (add_slave) with hostname='agent2' was never called, expected at least once"
    assert any(line.endswith("slave_info.hostname: expected 'agent2', got 'agent1'") for line in lines)


def test_no_call_at_all_is_said() -> None:
    """Without any call of the method the text says so."""
    desk: Any = MockDesk()
    desk.expect.add_slave()
    assert "no call of add_slave came at all since it was declared" in message_of(desk)


def test_calls_taken_by_others_are_mentioned() -> None:
    """A call that another expectation took is no near miss, but explains."""
    desk: Any = MockDesk()
    desk.expect.add_slave()
    desk.expect.add_slave().any_number()
    desk.add_slave("S0", info())
    assert any("1 other call of add_slave went to other expectations" in line for line in message_of(desk))


def test_the_missing_agent_is_named() -> None:
    """at_least_once_each names who is missing."""
    desk: Any = MockDesk()
    desk.expect.add_slave().at_least_once_each(Agent("agent1"), Agent("agent2"), Agent("agent3"))
    desk.add_slave("S0", info("agent1"))
    lines = message_of(desk)
    assert lines[0].startswith(
        "addSlave (add_slave) was called once but not for agent2 and agent3, expected at least once for each"
    )


def test_strict_lists_every_expectation_tried() -> None:
    """An unexpected call shows each expectation, newest first, with why it did not match."""
    desk: Any = MockDesk(strict=True)
    desk.expect.add_slave(slave_id="S8").any_number()
    desk.expect.add_slave(slave_id="S9").any_number()
    with pytest.raises(ExpectationError) as caught:
        desk.add_slave("S0", info())
    text = str(caught.value)
    assert text.index("expected 'S9', got 'S0'") < text.index("expected 'S8', got 'S0'")


def test_pending_is_a_line_or_two() -> None:
    """What a deadlock report says about an expectation."""
    desk: Any = MockDesk()
    desk.expect.add_slave(slave_id="S9").at_least(2)
    desk.expect.take().any_number()
    desk.add_slave("S0", info())
    lines = desk.describe_pending()
    assert lines[0].startswith(
        "addSlave (add_slave) with slave_id='S9': wanted at least twice, got no call (declared at test_explain.py:"
    )
    assert lines[1] == "  near miss at 0ns: slave_id: expected 'S9', got 'S0'"
    assert len(lines) == 2


def test_a_long_run_is_told_quickly_and_shortly() -> None:
    """Whatever happened before, a failure text stays under 60 lines."""
    world = World()
    desk: Any = QuietDesk()
    desk.attach(world)
    desk.expect.add_slave().at_most(100)
    world.spawn(Registering(desk))
    assert len(message_of(desk, world)) < 60


def test_only_what_differs_is_told() -> None:
    """Records are compared field by field; equal arguments are summed up."""
    calls = [
        {"slave_info": SlaveInfo(hostname="a", port=1, id="S0"), "total": 3},
        {"slave_info": SlaveInfo(hostname="a", port=2, id="S0"), "total": 3},
    ]
    apart, same = differences(calls)
    assert apart == [[("slave_info.port", "1")], [("slave_info.port", "2")]]
    assert same == ["slave_info.hostname=a", "slave_info.id=S0", "total=3"]


def test_mentions_whole_words_only() -> None:
    """agent1 is not mentioned by a line about agent10, nor S1 by S10."""
    mentions = Mentions(["agent1", "m-S1"])
    assert mentions("slave(1)@agent1 did")
    assert mentions("with id m-S1")
    assert not mentions("slave(1)@agent10 has m-S10")
