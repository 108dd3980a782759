"""Matchers are values: they print, combine, explain, and never swallow an error."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest

from harness.doubles import ANY, MockExecutor, contains, has, not_, one_of, predicate, total
from harness.doubles.matchers import as_matcher
from harness.errors import MisuseError
from harness.mesos.ids import TaskID
from harness.mesos.messages import Offer, RegisterSlaveMessage, SlaveInfo, TaskInfo, TaskStatus
from harness.mesos.resources import Resources
from harness.mesos.states import TaskState


def offer(resources: str, number: int = 0) -> Offer:
    return Offer(
        id=f"m-O{number}",
        framework_id="m-0000",
        slave_id="m-S0",
        hostname="a1",
        resources=Resources.parse(resources).allocate("*"),
    )


class Handle:
    """A handle of an agent that was given two ids."""

    hostname = "agent1"

    def _refers_to(self, value: Any) -> bool:
        return value in ("m-S0", "m-S1") or getattr(value, "hostname", None) == "agent1"


def test_any_matches_everything() -> None:
    """ANY matches every value, None included."""
    assert ANY.matches(None)
    assert repr(ANY) == "ANY"


@pytest.mark.parametrize(
    ("matcher", "yes", "no", "text"),
    [
        (has(hostname="a1"), SlaveInfo(hostname="a1"), SlaveInfo(hostname="a2"), "has(hostname='a1')"),
        (has(slave=has(hostname="a1")), {"slave": SlaveInfo(hostname="a1")}, {"slave": None}, "has(slave=has(hostname='a1'))"),
        (one_of(1, 2), 2, 3, "one_of(1, 2)"),
        (not_(1), 2, 1, "not_(1)"),
        (has(x=1) & has(y=2), {"x": 1, "y": 2}, {"x": 1, "y": 3}, "(has(x=1) & has(y=2))"),
        (has(x=1) | has(y=2), {"x": 3, "y": 2}, {"x": 3, "y": 3}, "(has(x=1) | has(y=2))"),
        (~has(x=1), {"x": 2}, {"x": 1}, "not_(has(x=1))"),
        (ANY & 3, 3, 4, "(ANY & 3)"),
        (3 | has(x=1), 3, 4, "(3 | has(x=1))"),
        (as_matcher([1, ANY]), (1, 5), (2, 5), "[1, ANY]"),
        (as_matcher({"a": ANY}), {"a": 1}, {"b": 1}, "{'a': ANY}"),
        (as_matcher({"x", "y"}), ["y", "x"], ["x"], None),
        (as_matcher(SlaveInfo), SlaveInfo(hostname="a"), 3, "SlaveInfo"),
        (as_matcher(mock.ANY), 4, None, None),
    ],
)
def test_matches_and_prints(matcher: Any, yes: Any, no: Any, text: str | None) -> None:
    """Each matcher takes what it should, refuses what it should, and prints as it is written."""
    assert matcher.matches(yes)
    if no is not None:
        assert not matcher.matches(no)
        assert matcher.why(no)
    if text is not None:
        assert repr(matcher) == text


def test_says_which_field_differs() -> None:
    """The reason names the first differing field by its path."""
    message = RegisterSlaveMessage(slave=SlaveInfo(hostname="a2"))
    assert has(slave=has(hostname="a1")).why(message) == ".slave.hostname: expected 'a1', got 'a2'"
    assert has(nothing=1).why(message) == ".nothing: RegisterSlaveMessage has no such field"


def test_total_is_exact_for_what_is_named() -> None:
    """total() compares the named resources exactly and leaves others alone, for one offer, several, or Resources."""
    assert total("cpus:2;mem:1024").matches(offer("cpus:2;mem:1024;disk:7"))
    assert total("cpus:3").matches([offer("cpus:2"), offer("cpus:1", 1)])
    assert total("cpus:2").matches(Resources.parse("cpus:1;cpus(web):1"))
    assert total("cpus:2;gpus:0").matches(offer("cpus:2"))
    assert total("ports:[1-5]").matches(offer("ports:[1-5]"))
    assert not total("cpus:2").matches(offer("cpus:3"))
    assert total("cpus:2").why(offer("cpus:3")) == "expected cpus:2, got cpus:3"
    assert total("gpus:1").why(offer("cpus:3")) == "expected gpus:1, got gpus:0"
    assert not total("cpus:2").matches("no offer")


def test_contains_is_a_lower_bound() -> None:
    """contains() wants at least the named resources."""
    assert contains("cpus:2").matches(offer("cpus:3"))
    assert contains("ports:[2-3]").matches(offer("ports:[1-5]"))
    assert not contains("cpus:2").matches(offer("cpus:1"))
    assert contains("cpus:2").why(offer("cpus:1")) == "expected at least cpus:2, got cpus:1"


def test_malformed_amounts_fail_when_written() -> None:
    """A resource text that cannot be read fails at once."""
    with pytest.raises(MisuseError, match="mem"):
        total("cpus:2;mem")


def test_a_handle_matches_whatever_refers_to_it() -> None:
    """Ids of any registration, records and lists of them are matched through the handle."""
    matcher = as_matcher(Handle())
    for value in ("m-S0", "m-S1", SlaveInfo(hostname="agent1"), ["x", "m-S1"]):
        assert matcher.matches(value)
    assert not matcher.matches("m-S2")
    assert repr(matcher) == "agent1"


def test_a_task_matches_whatever_carries_its_id() -> None:
    """Statuses, ids and infos of a task are matched by the task."""
    task = TaskInfo(task_id=TaskID("t1"), slave_id="m-S0")
    matcher = as_matcher(task)
    for value in ("t1", task, TaskStatus(task_id="t1", state=TaskState.TASK_RUNNING), [task]):
        assert matcher.matches(value)
    assert not matcher.matches(TaskStatus(task_id="t2", state=TaskState.TASK_RUNNING))


def test_a_mock_executor_matches_its_id() -> None:
    """An executor double stands for its id where one is wanted."""
    assert as_matcher(MockExecutor("e")).matches("e")
    assert not as_matcher(MockExecutor("e")).matches("f")


def test_resources_compare_with_their_text() -> None:
    """A plain text equals the resources it describes."""
    assert as_matcher("cpus:2;mem:10").matches(Resources.parse("mem:10;cpus:2"))


def test_a_matcher_that_raises_is_an_error_of_the_test() -> None:
    """A predicate that fails is reported, not taken for a no."""
    with pytest.raises(MisuseError, match="raised AttributeError") as caught:
        predicate(lambda value: value.nothing > 1).matches(3)
    assert isinstance(caught.value.__cause__, AttributeError)
    with pytest.raises(MisuseError, match="raised AttributeError"):
        (ANY & not_(predicate(lambda value: value.nothing))).matches(3)


@pytest.mark.parametrize("make", [lambda: has(), lambda: one_of(), lambda: predicate(3)])  # type: ignore[arg-type]
def test_empty_matchers_are_refused(make: Any) -> None:
    """A matcher that could not mean anything fails when it is made."""
    with pytest.raises(MisuseError):
        make()
