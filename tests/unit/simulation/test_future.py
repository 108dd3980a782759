"""Futures and promises: four states, one completion, synchronous callbacks, discards that are only requests."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import FutureFailed, MisuseError
from harness.simulation import Future, Promise


def test_a_future_is_pending_until_completed() -> None:
    """A new future has no value, and reading it is a misuse that names it."""
    future = Promise("the answer").future
    assert (future.state, future.done, future.ready, future.failed, future.discarded) == ("pending", False, False, False, False)
    assert future.error is None
    assert repr(future) == "<the answer: pending>"
    with pytest.raises(MisuseError, match="the answer is still pending"):
        future.get()


def test_the_first_completion_wins() -> None:
    """A promise is kept once; later completions of any kind tell that they came too late and change nothing."""
    promise: Promise[int] = Promise()
    assert promise.set(1) is True
    assert promise.set(2) is False
    assert promise.fail("late") is False
    assert promise.discard() is False
    assert promise.future.get() == 1
    assert (promise.future.state, promise.future.ready) == ("ready", True)


def test_failing_with_an_exception_raises_that_very_exception() -> None:
    """``get`` raises the exception itself, and ``error`` shows it."""
    promise: Promise[int] = Promise()
    problem = ValueError("mine")
    promise.fail(problem)
    assert promise.future.failed
    assert promise.future.error is problem
    with pytest.raises(ValueError, match="mine") as caught:
        promise.future.get()
    assert caught.value is problem


def test_failing_with_a_text_raises_future_failed() -> None:
    """Mesos fails futures with texts; they become FutureFailed."""
    promise: Promise[int] = Promise()
    promise.fail("no disk")
    with pytest.raises(FutureFailed, match="no disk"):
        promise.future.get()


def test_a_discarded_future_has_no_value() -> None:
    """Giving up is a state of its own; reading it raises FutureFailed naming the future."""
    promise: Promise[int] = Promise("store")
    assert promise.discard()
    assert promise.future.discarded
    assert promise.future.error is None
    with pytest.raises(FutureFailed, match="store was discarded"):
        promise.future.get()


def test_callbacks_run_at_completion_in_order_and_late_ones_at_once() -> None:
    """Callbacks run synchronously where the promise is completed, in the order of registration."""
    promise: Promise[int] = Promise()
    log: list[Any] = []
    promise.future.on_any(lambda f: log.append(("any", f.state))).on_ready(lambda v: log.append(("ready", v)))
    promise.future.on_failed(lambda e: log.append(("failed", e)))
    promise.future.on_discarded(lambda: log.append("discarded"))
    assert log == []
    promise.set(3)
    assert log == [("any", "ready"), ("ready", 3)]
    promise.future.on_ready(lambda v: log.append(("late", v)))
    assert log[2:] == [("late", 3)]


@pytest.mark.parametrize("outcome", ["ready", "failed", "discarded"])
def test_each_outcome_calls_its_own_callbacks(outcome: str) -> None:
    """``on_ready``, ``on_failed`` and ``on_discarded`` are called for their outcome only."""
    promise: Promise[int] = Promise()
    log: list[str] = []
    promise.future.on_ready(lambda _: log.append("ready"))
    promise.future.on_failed(lambda _: log.append("failed"))
    promise.future.on_discarded(lambda: log.append("discarded"))
    {"ready": lambda: promise.set(1), "failed": lambda: promise.fail("x"), "discarded": promise.discard}[outcome]()
    assert log == [outcome]


def test_then_transforms_the_value() -> None:
    """``then`` gives a future of the transformed value, and chains when the transform gives a future."""
    first: Promise[int] = Promise()
    second: Promise[str] = Promise()
    doubled = first.future.then(lambda n: n * 2)
    chained = first.future.then(lambda n: second.future)
    first.set(21)
    assert doubled.get() == 42
    assert not chained.done
    second.set("done")
    assert chained.get() == "done"


@pytest.mark.parametrize("how", ["fail", "discard"])
def test_then_passes_failures_and_discards_on(how: str) -> None:
    """Without a value the transform is not called; the outcome goes down the chain."""
    promise: Promise[int] = Promise()
    calls: list[int] = []
    chained = promise.future.then(calls.append)
    if how == "fail":
        promise.fail("x")
        assert chained.failed
        assert chained.error is promise.future.error
    else:
        promise.discard()
        assert chained.discarded
    assert calls == []


def test_discard_is_a_request() -> None:
    """Asking for a discard changes no state; the holder hears of it once and decides."""
    promise: Promise[int] = Promise()
    asked: list[str] = []
    promise.on_discard(lambda: asked.append("early"))
    assert promise.future.discard() is True
    assert promise.future.discard() is False
    assert promise.future.discard_requested
    assert promise.future.state == "pending"
    promise.on_discard(lambda: asked.append("late"))
    assert asked == ["early", "late"]
    promise.set(5)
    assert promise.future.get() == 5


def test_discarding_what_is_complete_is_no_request() -> None:
    """Once there is a value, nobody can be asked to give up."""
    promise: Promise[int] = Promise()
    promise.set(1)
    assert promise.future.discard() is False
    assert not promise.future.discard_requested


def test_a_discard_request_goes_up_the_chain() -> None:
    """Giving up a derived future asks the source; if that agrees, the derived one is discarded."""
    promise: Promise[int] = Promise()
    derived = promise.future.then(lambda n: n)
    promise.on_discard(promise.discard)
    derived.discard()
    assert promise.future.discarded
    assert derived.discarded


def test_associate_follows_another_future() -> None:
    """An associated promise completes as the other does and passes discard requests on to it."""
    source: Promise[int] = Promise()
    follower: Promise[int] = Promise()
    follower.associate(source.future)
    follower.future.discard()
    assert source.future.discard_requested
    source.set(7)
    assert follower.future.get() == 7


def test_a_promise_may_be_completed_from_a_callback() -> None:
    """Completing one promise from the callback of another works at any depth."""
    promises: list[Promise[int]] = [Promise(str(n)) for n in range(50)]
    for here, there in zip(promises, promises[1:], strict=False):
        here.future.on_ready(there.set)
    promises[0].set(1)
    assert promises[-1].future.get() == 1


def test_none_is_a_value() -> None:
    """A future may be ready with None."""
    promise: Promise[None] = Promise()
    promise.set(None)
    assert isinstance(promise.future, Future)
    assert promise.future.ready
    assert promise.future.get() is None
