"""Recording: what a call was, answers that are held back, and the questions of unittest.mock."""

from __future__ import annotations

from typing import Any

import pytest

from harness.doubles import call, delayed, do_all, hold, ignore, raises, returns, satisfy
from harness.durations import Duration
from harness.errors import ExpectationError, MisuseError
from harness.simulation import Future, Process, World
from tests.unit.doubles.toys import MockDesk, QuietDesk, RealDesk, info


def test_records_calls_in_order() -> None:
    """A call keeps method, arguments by name, result, time and index."""
    desk: Any = MockDesk()
    desk.add_slave("S0", slave_info=info())
    desk.compare(1, other=1)
    first, second = desk.calls
    assert (first.method, first.index, first.time) == ("add_slave", 0, Duration(0))
    assert first.args == {"slave_id": "S0", "slave_info": info(), "used": None}
    assert (second.method, second.result) == ("compare", True)
    assert desk.calls_to("compare") == [second]
    assert str(second) == "compare(one=1, other=1) at 0ns"


def test_what_is_read_is_a_snapshot() -> None:
    """Changing what was read changes nothing in the record."""
    desk: Any = MockDesk()
    desk.compare(1, 1)
    desk.calls.clear()
    desk.calls[0].args["one"] = 7
    assert desk.calls[0].args["one"] == 1


def test_times_come_from_the_world() -> None:
    """Once attached, calls carry virtual time; a second world is refused."""
    world = World()
    desk: Any = MockDesk()
    desk.attach(world)
    desk.attach(world)
    world.run_for("3ms")
    desk.compare(1, 1)
    assert desk.calls[0].time == Duration.parse("3ms")
    with pytest.raises(MisuseError, match="another world"):
        desk.attach(World())


def test_wrong_arguments_fail_at_the_call() -> None:
    """A call that does not fit the signature is a TypeError, also where nothing real would object."""
    desk: Any = QuietDesk()
    with pytest.raises(TypeError, match=r"compare\(\).*missing"):
        desk.compare(1)
    with pytest.raises(TypeError):
        desk.compare(1, 2, third=3)


def test_unknown_attribute_names_the_nearest() -> None:
    """A method that does not exist is an AttributeError with a hint; others are the real thing's own."""
    desk: Any = MockDesk()
    with pytest.raises(AttributeError, match="did you mean add_slave"):
        desk.add_slav()
    assert desk.done == []


def test_a_held_call_waits_for_its_answer() -> None:
    """hold() keeps the asker waiting, counts as a call, and is answered once."""
    desk: Any = MockDesk()
    expectation = desk.expect.ask().will_once(hold())
    future = desk.ask("why")
    assert expectation.satisfied
    assert not future.done
    held = expectation.calls[0]
    held.answer("because")
    assert future.get() == "because"
    with pytest.raises(MisuseError, match="has its answer already"):
        held.answer("again")


def test_a_held_call_can_be_forwarded_failed_or_discarded() -> None:
    """forward() gives the real answer, fail() an error, discard() nobody's."""
    desk: Any = MockDesk()
    desk.expect.ask().exactly(3).will_once(hold()).will_once(hold()).will_once(hold())
    forwarded, failed, discarded = (desk.ask(str(n)) for n in range(3))
    desk.forward(desk.calls[0])
    assert not forwarded.done
    desk.real.answers[0].set("real")
    assert forwarded.get() == "real"
    desk.calls[1].fail("no")
    assert failed.failed
    desk.calls[2].discard()
    assert discarded.discarded


def test_tells_that_the_asker_gave_up() -> None:
    """A discard request of the asker shows on the call."""
    desk: Any = MockDesk()
    desk.expect.ask().will_once(hold())
    future: Future[str] = desk.ask("why")
    assert not desk.calls[0].discarded
    future.discard()
    assert desk.calls[0].discarded


def test_answering_what_was_not_held_is_misuse() -> None:
    """Only held calls take answers."""
    desk: Any = MockDesk()
    desk.compare(1, 1)
    with pytest.raises(MisuseError, match="was not held"):
        desk.calls[0].answer(3)


def test_forward_runs_a_captured_call_later() -> None:
    """An ignored call can be run on the real thing when the test wants; another double's call is refused."""
    desk: Any = MockDesk()
    desk.expect.add_slave().will_once(ignore())
    desk.add_slave("S0", info())
    assert desk.real.done == []
    desk.forward(desk.calls[0])
    assert desk.real.done == [("S0", "agent1", None)]
    with pytest.raises(MisuseError, match="another double"):
        MockDesk().forward(desk.calls[0])
    quiet: Any = QuietDesk()
    quiet.compare(1, 1)
    with pytest.raises(MisuseError, match="nothing real"):
        quiet.forward(quiet.calls[0])


def test_a_given_real_thing_is_used() -> None:
    """The real thing may be handed over, or set later."""
    real = RealDesk()
    desk: Any = MockDesk(real)
    desk.take(1)
    assert desk.real is real
    assert real.done == [(1, "")]
    desk.real = RealDesk()
    desk.take(2)
    assert desk.real.done == [(2, "")]


class Asker(Process):
    """Calls a double from inside a world."""

    def __init__(self, desk: Any) -> None:
        super().__init__("asker")
        self.desk = desk
        self.answered = ""

    def initialize(self) -> None:
        future = self.desk.ask("why")
        future.on_ready(self.defer("answer"))

    def answer(self, value: str) -> None:
        self.answered = f"{value} at {self.elapsed}"


def test_a_delayed_action_runs_after_its_time() -> None:
    """delayed() answers after virtual time, by default with what the double does by default."""
    world = World(strategy="prompt", local_latency=("0ns", "0ns"))
    desk: Any = MockDesk()
    desk.attach(world)
    desk.expect.ask().will_once(delayed("10ms", returns("late")))
    asker = Asker(desk)
    world.spawn(asker)
    world.wait(lambda: asker.answered)
    assert asker.answered == "late at 10ms"
    desk.expect.add_slave().will_once(delayed("1secs"))
    desk.add_slave("S0", info())
    assert desk.real.done == []
    world.run_for("1secs")
    assert desk.real.done == [("S0", "agent1", None)]


def test_delaying_without_a_world_is_misuse() -> None:
    """A double that belongs to no world has no time to wait."""
    desk: Any = MockDesk()
    desk.expect.add_slave().will_once(delayed("1secs"))
    with pytest.raises(MisuseError, match="belongs to no world"):
        desk.add_slave("S0", info())


def test_too_many_calls_end_the_run_unwrapped() -> None:
    """An over-saturation inside a handler surfaces from the wait as itself."""
    world = World()
    desk: Any = MockDesk()
    desk.attach(world)
    desk.expect.ask().never()
    world.spawn(Asker(desk))
    with pytest.raises(ExpectationError, match="^ask was called once, expected never"):
        world.settle()
    world.finish()


def test_unmet_expectations_fail_the_end_of_the_world() -> None:
    """The world asks its doubles when it ends, and names what is unmet when a wait cannot succeed."""
    world = World()
    desk: Any = MockDesk()
    desk.attach(world)
    expectation = desk.expect.ask(question="who")
    world.spawn(Asker(desk))
    with pytest.raises(Exception, match="near miss at .*: question: expected 'who', got 'why'"):
        world.wait(expectation)
    with pytest.raises(ExpectationError, match="ask with question='who' was never called"):
        world.finish()


def test_actions() -> None:
    """Plain functions, promises, exceptions and chains of them answer calls."""
    world = World()
    desk: Any = MockDesk()
    promise = world.promise()
    seen: list[Any] = []
    desk.expect.compare().will_once(lambda one, other: one + other).will_once(call(lambda: "nothing")).will_once(
        do_all(satisfy(promise), call(lambda one, other: seen.append(one)), returns("last"))
    ).will_once(raises(ValueError("no")))
    assert desk.compare(1, other=2) == 3
    assert desk.compare(1, 2) == "nothing"
    assert desk.compare(5, 2) == "last"
    assert world.wait(promise.future).args["one"] == 5
    assert seen == [5]
    with pytest.raises(ValueError, match="no"):
        desk.compare(1, 2)
    assert isinstance(desk.calls[-1].error, ValueError)


def test_an_answer_to_a_method_with_a_future_is_a_ready_one() -> None:
    """returns() and functions give futures where the method promises one; ignore() one that nobody completes."""
    desk: Any = MockDesk()
    desk.expect.ask().will_once(returns("a")).will_once(call(lambda question: question)).will_once(ignore())
    assert desk.ask("x").get() == "a"
    assert desk.ask("x").get() == "x"
    assert not desk.ask("x").done


@pytest.mark.parametrize(
    "make",
    [lambda: call(3), lambda: raises(3), lambda: satisfy(3), lambda: do_all(), lambda: delayed("-1ms")],  # type: ignore[arg-type]
)
def test_actions_that_mean_nothing_are_refused(make: Any) -> None:
    """A wrong argument of an action fails where it is written."""
    with pytest.raises(MisuseError):
        make()


def test_answers_the_questions_of_unittest_mock() -> None:
    """Every method can be asked as a mock would be; position and name are the same."""
    desk: Any = MockDesk()
    desk.compare.assert_not_called()
    desk.compare(1, other=2)
    desk.compare.assert_called_once_with(1, 2)
    desk.compare(3, 3)
    assert desk.compare.call_count == 2
    assert desk.compare.called
    assert desk.compare.call_args.args == (3, 3)
    assert len(desk.compare.call_args_list) == len(desk.compare.mock_calls) == 2
    desk.compare.assert_any_call(one=1, other=2)
    with pytest.raises(AssertionError, match="Called 2 times"):
        desk.compare.assert_called_once()
    desk.compare.reset_mock()
    desk.compare.assert_not_called()
    assert len(desk.calls) == 2
    with pytest.raises(AttributeError, match="did you mean assert_called_once"):
        desk.compare.assert_caled_once()


def test_mocker_spy_and_patch_work(mocker: Any) -> None:
    """pytest-mock can spy on a double and patch it, and puts it back."""
    desk: Any = MockDesk()
    spy = mocker.spy(desk, "add_slave")
    desk.add_slave("S0", info())
    spy.assert_called_once_with("S0", info())
    assert len(desk.calls) == 1
    patched = mocker.patch.object(desk, "compare", return_value="patched")
    assert desk.compare(1, 2) == "patched"
    patched.assert_called_once()
    mocker.stopall()
    assert desk.compare(2, 2) is True
    desk.add_slave("S1", info())
    assert [each.method for each in desk.calls] == ["add_slave", "compare", "add_slave"]
