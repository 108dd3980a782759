"""Expectations: how often, what to do, in which order, and when they fail."""

from __future__ import annotations

from typing import Any

import pytest

from harness.doubles import ANY, forward, has, ignore, in_sequence, returns
from harness.errors import ExpectationError, MisuseError
from harness.mesos.messages import FrameworkInfo
from harness.simulation import World
from tests.unit.doubles.toys import Agent, MockDesk, QuietDesk, info


@pytest.fixture
def desk() -> Any:
    return MockDesk()


def test_once_allows_one_call(desk: Any) -> None:
    """The second call of exactly one fails at that call."""
    expectation = desk.expect.add_slave().once()
    desk.add_slave("S0", info())
    assert expectation.satisfied
    assert expectation.saturated
    with pytest.raises(ExpectationError, match=r"^addSlave \(add_slave\) was called twice, expected exactly once"):
        desk.add_slave("S1", info())


def test_never_fails_at_the_first_call(desk: Any) -> None:
    """A call that must not come fails when it comes."""
    desk.expect.add_slave().never()
    with pytest.raises(ExpectationError, match="was called once, expected never"):
        desk.add_slave("S0", info())


@pytest.mark.parametrize(
    ("declare", "low", "high"),
    [
        (lambda e: e, 1, 1),
        (lambda e: e.will_once(ignore()), 1, 1),
        (lambda e: e.will_once(ignore()).will_once(ignore()), 2, 2),
        (lambda e: e.will_once(ignore()).will_repeatedly(ignore()), 1, None),
        (lambda e: e.will_repeatedly(ignore()), 0, None),
        (lambda e: e.exactly(3), 3, 3),
        (lambda e: e.at_least(2), 2, None),
        (lambda e: e.at_most(2), 0, 2),
        (lambda e: e.between(1, 3), 1, 3),
        (lambda e: e.any_number(), 0, None),
        (lambda e: e.never(), 0, 0),
        (lambda e: e.once().will_repeatedly(ignore()), 1, 1),
    ],
)
def test_cardinalities(desk: Any, declare: Any, low: int, high: int | None) -> None:
    """Said or derived by gmock's rule, the bounds are these."""
    expectation = declare(desk.expect.add_slave())
    assert (expectation.low, expectation.high) == (low, high)


def test_actions_run_in_order_then_the_repeated_one(desk: Any) -> None:
    """will_once answers one call each, will_repeatedly the rest."""
    desk.expect.compare().will_once(returns("a")).will_once(returns("b")).will_repeatedly(returns("c"))
    assert [desk.compare(info(), info()) for _ in range(4)] == ["a", "b", "c", "c"]


def test_used_up_actions_fall_back_to_the_default(desk: Any) -> None:
    """With more calls allowed than actions given, the rest does the default."""
    desk.expect.add_slave().exactly(2).will_once(ignore())
    desk.add_slave("S0", info())
    desk.add_slave("S1", info())
    assert desk.real.done == [("S1", "agent1", None)]


def test_without_action_the_call_is_forwarded(desk: Any) -> None:
    """A double of a collaborator goes on behaving like the real thing."""
    desk.expect.add_slave().at_least_once()
    desk.add_slave("S0", info())
    assert desk.real.done == [("S0", "agent1", None)]


@pytest.mark.parametrize(
    "contradiction",
    [
        lambda e: e.once().exactly(2),
        lambda e: e.exactly(1).will_once(ignore()).will_once(ignore()),
        lambda e: e.will_once(ignore()).will_once(ignore()).will_once(ignore()).exactly(1),
        lambda e: e.once().will_once(ignore()).will_repeatedly(ignore()),
        lambda e: e.never().will_once(ignore()),
        lambda e: e.will_repeatedly(ignore()).will_once(ignore()),
        lambda e: e.will_repeatedly(ignore()).will_repeatedly(ignore()),
        lambda e: e.between(3, 1),
        lambda e: e.exactly(-1),
        lambda e: e.at_least_once_each(),
        lambda e: e.after(e),
        lambda e: e.after("something"),
        lambda e: e.will_once(3),
        lambda e: e.will_once(ValueError("no")),
        lambda e: in_sequence(e),
        lambda e: in_sequence("something", e),
    ],
)
def test_contradictions_fail_when_declared(desk: Any, contradiction: Any) -> None:
    """What cannot be meant fails at once, not at the end."""
    with pytest.raises(MisuseError):
        contradiction(desk.expect.add_slave())


def test_newest_is_asked_first(desk: Any) -> None:
    """Of two that match, the later declared one answers."""
    older = desk.expect.add_slave().any_number()
    newer = desk.expect.add_slave().once()
    desk.add_slave("S0", info())
    assert (older.count, newer.count) == (0, 1)


def test_saturated_newest_is_an_error_although_an_older_would_take_it(desk: Any) -> None:
    """Saturation does not uncover older expectations."""
    desk.expect.add_slave().any_number()
    desk.expect.add_slave().once()
    desk.add_slave("S0", info())
    with pytest.raises(ExpectationError):
        desk.add_slave("S1", info())


def test_retiring_uncovers_older_ones(desk: Any) -> None:
    """With retires() the saturated expectation steps aside and stays satisfied."""
    older = desk.expect.add_slave().any_number()
    newer = desk.expect.add_slave().once().retires()
    desk.add_slave("S0", info())
    desk.add_slave("S1", info())
    assert (older.count, newer.count) == (1, 1)
    desk.verify()


def test_matching_by_position_name_and_field(desk: Any) -> None:
    """Arguments are matched by position, by parameter name, and by the field of the one argument that carries it."""
    by_position = desk.expect.add_slave("S0", ANY).any_number()
    by_name = desk.expect.add_slave(slave_id="S1").any_number()
    by_field = desk.expect.add_slave(hostname="agent2").any_number()
    nested = desk.expect.add_slave(slave_info=has(hostname="agent3")).any_number()
    desk.add_slave("S0", info())
    desk.add_slave("S1", slave_info=info())
    desk.add_slave("S2", info("agent2"))
    desk.add_slave(slave_id="S3", slave_info=info("agent3"), used={})
    assert [e.count for e in (by_position, by_name, by_field, nested)] == [1, 1, 1, 1]


def test_unknown_keyword_fails_when_declared(desk: Any) -> None:
    """A keyword that no argument can carry is refused with parameters and nearest names."""
    with pytest.raises(MisuseError, match=r"did you mean hostname\? parameters: slave_id, slave_info, used"):
        desk.expect.add_slave(hostnam="a1")


def test_ambiguous_field_fails_when_declared(desk: Any) -> None:
    """A field of two arguments is refused, with what to write instead."""
    with pytest.raises(MisuseError, match=r"one=has\(hostname=\.\.\.\) or other=has"):
        desk.expect.compare(hostname="a1")


def test_field_of_an_untyped_argument_is_decided_at_the_call(desk: Any) -> None:
    """Where the annotation promises nothing, the first call tells."""
    expectation = desk.expect.take(hostname="agent1").any_number()
    desk.take(info())
    desk.take(info("other"))
    desk.take(None)
    assert expectation.count == 1
    with pytest.raises(MisuseError, match="neither a parameter nor a field"):
        desk.take(3)


def test_too_many_arguments_and_doubled_ones_are_refused(desk: Any) -> None:
    """A declaration that does not fit the signature fails."""
    with pytest.raises(MisuseError, match="takes 2 arguments, 3 were given"):
        desk.expect.compare(1, 2, 3)
    with pytest.raises(MisuseError, match="given twice"):
        desk.expect.compare(1, one=2)


def test_wrong_method_names_the_nearest(desk: Any) -> None:
    """A method that does not exist is refused with what was probably meant."""
    with pytest.raises(MisuseError, match="did you mean add_slave"):
        desk.expect.add_slav()
    with pytest.raises(MisuseError, match="did you mean add_slave"):
        desk.calls_to("adSlave")


def test_mesos_spelling_is_accepted(desk: Any) -> None:
    """Methods may be named as Mesos names them."""
    expectation = desk.expect.addSlave().any_number()
    desk.add_slave("S0", info())
    assert expectation.count == 1
    assert len(desk.calls_to("addSlave")) == 1


def test_a_call_that_matches_nothing_does_the_default_and_is_a_near_miss(desk: Any) -> None:
    """It is forwarded, and remembered with the reason why not."""
    expectation = desk.expect.add_slave(hostname="agent2")
    desk.add_slave("S0", info())
    assert desk.real.done
    assert expectation.near_misses == [(desk.calls[0], "slave_info.hostname: expected 'agent2', got 'agent1'")]


def test_strict_makes_a_near_miss_an_error() -> None:
    """On a strict double, methods with expectations take nothing else; methods without any do."""
    desk: Any = MockDesk(strict=True)
    desk.expect.add_slave(hostname="agent2").any_number()
    desk.take(1)
    with pytest.raises(ExpectationError, match="no expectation of this strict double matches"):
        desk.add_slave("S0", info())


def test_unmet_is_found_by_verify_once(desk: Any) -> None:
    """verify() raises, and retires the expectation, so that the end no longer counts."""
    expectation = desk.expect.add_slave()
    with pytest.raises(ExpectationError, match="was never called, expected exactly once"):
        expectation.verify()
    assert desk.verify_at_end() == []
    desk.verify()


def test_verify_ends_an_upper_bound(desk: Any) -> None:
    """After verify() later calls are free."""
    expectation = desk.expect.add_slave().once()
    desk.add_slave("S0", info())
    expectation.verify()
    desk.add_slave("S1", info())


def test_the_double_verifies_all(desk: Any) -> None:
    """double.verify() raises the first finding, with the others as notes."""
    desk.expect.add_slave()
    desk.expect.add_framework()
    with pytest.raises(ExpectationError) as caught:
        desk.verify()
    assert any("add_framework" in note for note in caught.value.__notes__)
    desk.verify()


def test_findings_at_the_end_are_told_once(desk: Any) -> None:
    """The end of a run gets each finding one time."""
    desk.expect.add_slave()
    assert len(desk.verify_at_end()) == 1
    assert desk.verify_at_end() == []


def test_too_many_calls_that_somebody_swallowed_are_found_at_the_end() -> None:
    """An error raised inside the run is told again by the end, unless the world knows that the test saw it."""
    world = World()
    desk: Any = MockDesk()
    desk.attach(world)
    desk.expect.add_slave().never()

    def swallow() -> bool:
        try:
            desk.add_slave("S0", info())
        except ExpectationError:
            return True
        return False

    world.wait(swallow)
    with pytest.raises(ExpectationError, match="expected never"):
        world.finish()


def test_too_many_calls_that_the_test_saw_are_not_told_again() -> None:
    """A failure that went straight to the test is not a finding of the end as well."""
    world = World()
    desk: Any = MockDesk()
    desk.attach(world)
    desk.expect.add_slave().never()
    with pytest.raises(ExpectationError):
        desk.add_slave("S0", info())
    world.finish()


def test_after_wants_the_earlier_one_satisfied(desk: Any) -> None:
    """A call before its prerequisite is a near miss, later ones count."""
    first = desk.expect.add_framework().once()
    second = desk.expect.add_slave().once().after(first)
    desk.add_slave("S0", info())
    assert second.count == 0
    assert "came before add_framework() was satisfied" in second.near_misses[0][1]
    desk.add_framework("F", FrameworkInfo())
    desk.add_slave("S0", info())
    assert second.satisfied


def test_a_sequence_out_of_order_fails_at_the_end(desk: Any) -> None:
    """in_sequence() chains prerequisites; a wrong order leaves the later one unmet, and circles are refused."""
    first, second, third = desk.expect.add_slave(), desk.expect.add_framework(), desk.expect.take()
    in_sequence(first, second, third)
    desk.take(1)
    desk.add_framework("F", FrameworkInfo())
    desk.add_slave("S0", info())
    with pytest.raises(ExpectationError, match="came before"):
        desk.verify()
    with pytest.raises(MisuseError, match="waits for it"):
        first.after(third)


def test_at_least_once_each_counts_by_agent(desk: Any) -> None:
    """One call per agent is needed, whatever ids the agents were given; more do no harm."""
    one, two = Agent("agent1"), Agent("agent2")
    expectation = desk.expect.add_slave().at_least_once_each(one, two)
    desk.add_slave("S0", info("agent1"))
    desk.add_slave("S1", info("agent1"))
    assert not expectation.satisfied
    assert expectation.missing == ["agent2"]
    with pytest.raises(
        ExpectationError, match="was called twice but not for agent2, expected at least once for each of agent1, agent2"
    ):
        desk.verify()
    again = desk.expect.add_slave().at_least_once_each(one, two)
    desk.add_slave("S0", info("agent1"))
    desk.add_slave("S2", info("agent2"))
    assert again.satisfied
    assert again.arg("slave_id") == "S2"


def test_a_third_agent_is_a_near_miss(desk: Any) -> None:
    """A call about none of those named does not match."""
    expectation = desk.expect.add_slave().at_least_once_each(Agent("agent1"))
    desk.add_slave("S0", info("agent9"))
    assert expectation.near_misses[0][1] == "is about none of agent1"


def test_is_a_future() -> None:
    """Waiting waits until satisfied and gives the call that satisfied it, with its result."""
    world = World()
    desk: Any = MockDesk()
    desk.attach(world)
    expectation = desk.expect.compare().exactly(2)
    desk.compare(1, 1)
    assert not expectation.future.done
    desk.compare(1, 2)
    call = world.wait(expectation)
    assert (call.index, call.result) == (1, False)
    assert world.wait(expectation) is call
    assert expectation.arg("other") == 2
    assert expectation.args("other") == [1, 2]


def test_future_of_an_expectation_that_needs_no_call(desk: Any) -> None:
    """never() is ready at once with None; any_number() with its first call."""
    assert desk.expect.add_framework().never().future.get() is None
    expectation = desk.expect.add_slave().any_number()
    assert expectation.satisfied
    assert not expectation.future.done
    desk.add_slave("S0", info())
    assert expectation.future.get() is desk.calls[0]


def test_arg_before_any_call_is_misuse(desk: Any) -> None:
    """Asking for an argument of a call that has not come says to wait."""
    expectation = desk.expect.add_slave()
    with pytest.raises(MisuseError, match="wait for it first"):
        expectation.arg("slave_id")
    desk.add_slave("S0", info())
    assert expectation.arg("hostname") == "agent1"
    with pytest.raises(MisuseError, match="neither a parameter nor a field"):
        expectation.arg("nothing")


def test_remembers_where_it_was_declared(desk: Any) -> None:
    """File and line are those of the test, not of the package."""
    expectation = desk.expect.add_slave().any_number()
    assert expectation.declared[0] == __file__


def test_on_sets_a_default_without_expecting(desk: Any) -> None:
    """on(...).do(...) answers unexpected calls and expectations without an action; nothing is verified."""
    desk.on.compare().do(returns("any"))
    desk.on.compare(one=1).do(returns("one"))
    assert desk.compare(2, 2) == "any"
    assert desk.compare(1, 2) == "one"
    desk.expect.compare().once()
    assert desk.compare(1, 2) == "one"
    desk.verify()


def test_a_callback_does_nothing_by_default() -> None:
    """A double without anything real behind it returns nothing, and cannot forward."""
    desk: Any = QuietDesk()
    assert desk.compare(1, 1) is None
    with pytest.raises(MisuseError, match="nothing real behind"):
        desk.expect.compare().will_once(forward())
