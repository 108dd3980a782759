"""One test under many seeds."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.errors import MisuseError, NondeterminismError
from harness.explore import (
    Chunk,
    Failure,
    Schedule,
    Tally,
    collector_off,
    require_importable,
    sweep_chunks,
)
from harness.explore.sweep import RUNS_PER_COLLECTION, sweep
from tests.unit.explore.toys import Outcome


class _Entangled:
    """A run that passes and holds itself, as a world does."""

    error = None
    steps = 1

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.itself = self


def odd_fails(seed: int) -> Outcome:
    """A run that fails under odd seeds."""
    return Outcome(seed, ValueError(str(seed)) if seed % 2 else None, steps=seed)


def test_all_seeds_are_run() -> None:
    """A sweep runs every seed and counts runs, steps and failing seeds."""
    tally = sweep(odd_fails, range(10))
    assert (tally.runs, tally.steps, tally.failed, tally.out_of_time) == (10, 45, [1, 3, 5, 7, 9], False)
    assert tally.first is not None
    assert tally.first.seed == 1


def test_sweep_can_stop_at_the_first_failure() -> None:
    """With stop_on_failure the seeds behind the first failing one are not run."""
    tally = sweep(odd_fails, iter([4, 2, 3, 1]), stop_on_failure=True)
    assert (tally.runs, tally.failed) == (3, [3])


@pytest.mark.parametrize("keep", [0, 1, 2])
def test_lowest_failing_run_is_kept(keep: int) -> None:
    """However few failing runs are kept, the one with the lowest seed is among them."""
    tally = sweep(odd_fails, [9, 5, 1, 7], keep=keep)
    assert len(tally.kept) == max(1, keep)
    assert tally.first is not None
    assert tally.first.seed == 1


def test_budget_ends_the_sweep() -> None:
    """A sweep whose time is up begins no further run and says so."""
    answers = iter([False, False, True])
    tally = sweep(odd_fails, range(10), expired=lambda: next(answers))
    assert (tally.runs, tally.out_of_time) == (2, True)


def test_progress_is_told_after_every_run() -> None:
    """The watcher sees the tally after each run."""
    seen: list[int] = []

    def watch(tally: Tally[Outcome]) -> None:
        seen.append(tally.runs)

    sweep(odd_fails, range(3), progress=watch)
    assert seen == [1, 2, 3]


def test_collector_rests_and_comes_back() -> None:
    """Garbage collection is off inside and as before outside, also after an error."""
    assert gc.isenabled()
    inside: list[bool] = []

    def fail() -> None:
        with collector_off():
            inside.append(gc.isenabled())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert inside == [False]
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_what_exists_is_frozen_meanwhile() -> None:
    """Collections look at nothing that existed before, whatever Python has frozen itself; what somebody else froze stays so."""
    with collector_off():
        assert gc.get_freeze_count() > len(gc.get_objects())
        with collector_off():
            pass
        assert gc.get_freeze_count() > len(gc.get_objects())


def test_collector_that_rests_already_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever finds it off leaves the switch alone: in another thread it may go on again just now, and would then stay off."""
    switched: list[str] = []
    gc.disable()
    try:
        with monkeypatch.context() as patched:
            patched.setattr(gc, "disable", lambda: switched.append("off"))
            patched.setattr(gc, "enable", lambda: switched.append("on"))
            with collector_off():
                pass
    finally:
        gc.enable()
    assert switched == []


def test_no_run_outlives_the_collection_after_it() -> None:
    """When the collector comes, the run that has just ended is garbage as well, however it is entangled with itself."""
    alive: list[bool] = []
    last: list[weakref.ref[_Entangled]] = []

    def run(seed: int) -> _Entangled:
        if seed and seed % RUNS_PER_COLLECTION == 0:
            alive.append(last[-1]() is not None)
        made = _Entangled(seed)
        last.append(weakref.ref(made))
        return made

    sweep(run, range(3 * RUNS_PER_COLLECTION + 1))
    assert alive == [False] * 3


def test_chunks_come_back_in_order() -> None:
    """The results of an executor are those of one process, in the order of the seeds."""
    with ThreadPoolExecutor(3) as executor:
        chunks = list(
            sweep_chunks(
                lambda seeds: Chunk(len(seeds), 0, tuple(seeds)),
                range(10),
                executor,
                chunk_size=3,
                in_flight=2,
                stop_on_failure=False,
            )
        )
    assert [chunk.failed for _, chunk in chunks] == [seeds for seeds, _ in chunks] == [(0, 1, 2), (3, 4, 5), (6, 7, 8), (9,)]


def test_chunks_behind_the_first_failure_do_not_count() -> None:
    """With stop_on_failure nothing behind the first failing chunk is reported, however many workers there are."""
    with ThreadPoolExecutor(3) as executor:
        chunks = list(
            sweep_chunks(
                lambda seeds: Chunk(len(seeds), 0, tuple(seed for seed in seeds if seed == 4)),
                range(100),
                executor,
                chunk_size=3,
                in_flight=6,
                stop_on_failure=True,
            )
        )
    assert [chunk.failed for _, chunk in chunks] == [(), (4,)]


def test_closure_is_refused_with_the_way_out() -> None:
    """A test that cannot be sent to another process is refused before any process is started."""

    def local() -> None:
        pass

    with pytest.raises(MisuseError, match="local cannot be sent to another process .* top of a module, or use jobs=1"):
        require_importable(local, local)


def test_failure_is_made_again_when_someone_looks() -> None:
    """A failure that was not kept is run again on demand, once."""
    made: list[int] = []

    def again(seed: int) -> Outcome:
        made.append(seed)
        return odd_fails(seed)

    failure = Failure(Schedule(3), again)
    assert made == []
    assert str(failure.error) == "3"
    assert failure.report() == "report of 3"
    assert failure.token == "ch1-random-3"
    assert made == [3]


def test_failure_that_passes_again_is_a_leak() -> None:
    """A failing seed that passes when it is run again means that no seed controls the test."""
    with pytest.raises(NondeterminismError, match="seed 2 failed and then passed"):
        _ = Failure(Schedule(2), odd_fails).error
