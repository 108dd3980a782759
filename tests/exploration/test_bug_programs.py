"""The programs of the bug-finding benchmark: the bugs are real, on both sides, and both sides take the same steps."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from harness.errors import ProcessError
from harness.simulation import World
from tests.exploration.tiny_loop import Pick, Stuck, TinyLoop

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"


def _module(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"benchmark_{Path(path).stem}_{len(path)}", BENCHMARKS / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


PROCESSES = _module("bug_programs.py")
COROUTINES = _module("peers/programs.py")
ENVIRONMENT = _module("peer_environment.py")
TOY = _module("registration.py")
TOY_OF_PEERS = _module("peers/registration.py")


def _fails(name: str, spawned: bool, pick: Pick) -> bool:
    try:
        TinyLoop(pick).run(COROUTINES.main_of(name, spawned)())
    except (COROUTINES.Bug, Stuck):
        return True
    return False


def _schedules() -> Iterator[Pick]:
    """Every order of a program, deepest choice first, until nobody wants another."""
    prefix: list[int] = []
    while True:
        made: list[tuple[int, int]] = []
        todo = list(prefix)

        def pick(ready: Sequence[int], made: list[tuple[int, int]] = made, todo: list[int] = todo) -> int:
            index = todo[len(made)] if len(made) < len(todo) else 0
            made.append((index, len(ready)))
            return index

        yield pick
        while made and made[-1][0] + 1 == made[-1][1]:
            made.pop()
        if not made:
            return
        prefix = [index for index, _ in made]
        prefix[-1] += 1


def _in_turns(*turns: tuple[int, int]) -> Pick:
    """Each of the given tasks for so many steps, then whatever is ready, oldest first."""
    left = [list(turn) for turn in turns]

    def pick(ready: Sequence[int]) -> int:
        while left and (left[0][0] not in ready or left[0][1] == 0):
            left.pop(0)
        if not left:
            return 0
        left[0][1] -= 1
        return ready.index(left[0][0])

    return pick


SMALL = [name for name in COROUTINES.PROGRAMS if not name.startswith("reorder") or name == "reorder_3"]


@pytest.mark.parametrize("spawned", [False, True], ids=["flat", "spawned"])
@pytest.mark.parametrize("name", SMALL)
def test_a_small_program_fails_in_some_orders_and_passes_in_others(name: str, spawned: bool) -> None:
    """Going through the orders finds one that shows the bug and one that does not."""
    seen: dict[bool, None] = {}
    for count, pick in enumerate(_schedules()):
        seen[_fails(name, spawned, pick)] = None
        if len(seen) == 2:
            return
        assert count < 20_000, f"only {list(seen)} in {count} orders"
    raise AssertionError(f"only {list(seen)} in all orders")


@pytest.mark.parametrize("spawned", [False, True], ids=["flat", "spawned"])
@pytest.mark.parametrize("size", [3, 5, 10, 50])
def test_reorder_fails_when_the_checker_comes_after_one_half_of_the_first_setter(size: int, spawned: bool) -> None:
    """One setter does one step, then the checker looks; in the order of creation nothing fails."""
    name = f"reorder_{size}"
    for_ever = 1000
    assert _fails(name, spawned, _in_turns((0, for_ever), (1, 1), (size, for_ever)))
    assert not _fails(name, spawned, _in_turns(*((task, for_ever) for task in range(size + 1))))


def _steps_of_processes(name: str) -> list[int]:
    program = PROCESSES.PROGRAMS[name]()
    return [sum(1 for _ in body) for _, _, body in program.threads()]


@pytest.mark.parametrize("name", COROUTINES.PROGRAMS)
def test_both_sides_take_the_same_steps(name: str) -> None:
    """One thread after the other, each takes as many steps as a coroutine as it takes as a process."""
    loop = TinyLoop(_in_turns(*((task, 1000) for task in range(100))))
    try:
        loop.run(COROUTINES.main_of(name, False)())
        failed = False
    except COROUTINES.Bug:
        failed = True
    try:
        expected = _steps_of_processes(name)
    except PROCESSES.Bug:
        assert failed
        return
    assert not failed
    assert [loop.steps[task + 1] for task in range(len(expected))] == expected


def test_both_sides_have_the_same_programs() -> None:
    """No program is on one side only."""
    assert list(PROCESSES.PROGRAMS) == list(COROUTINES.PROGRAMS)


def _run(test: Callable[[World], None], seed: int) -> bool:
    try:
        test(World(seed))
    except PROCESSES.Bug:
        return True
    except ProcessError as error:
        return isinstance(error.__cause__, PROCESSES.Bug)
    return False


@pytest.mark.parametrize("name", ["lost_update", "deadlock01", "aba"])
def test_a_program_of_processes_fails_under_some_seeds_and_passes_under_others(name: str) -> None:
    """The other side of the benchmark has the bug as well."""
    outcomes = [_run(PROCESSES.test_of(name, False), seed) for seed in range(40)]
    assert True in outcomes
    assert False in outcomes


def test_the_registration_toys_come_to_the_same_end() -> None:
    """All ten agents get in, in about as many events on either side."""
    ours = [TOY.run(World(seed)) for seed in range(20)]

    async def theirs() -> int:
        count: int = await TOY_OF_PEERS.run(TOY_OF_PEERS.Wire(lambda low, high: (low + high) / 2))
        return count

    assert 60 <= TinyLoop(lambda ready: 0).run(theirs()) <= 100
    assert 60 <= sum(ours) / len(ours) <= 100


def _benchmark(*arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "bug_finding.py"), *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_the_benchmark_prints_a_row_for_each_program() -> None:
    """One trial of two programs: a heading, and a figure in every column."""
    printed = _benchmark("--trials", "1", "--cap", "30", "--programs", "lost_update,aba", "--strategies", "random,order")
    rows = [line for line in printed.splitlines() if line.startswith("|")]
    assert rows[0] == "| program | random | order |"
    assert [row.split("|")[1].strip() for row in rows[2:]] == ["lost_update", "aba"]
    assert all(cell.strip()[0].isdigit() for row in rows[2:] for cell in row.split("|")[2:-1])


def test_without_their_python_the_explorers_are_left_out_with_a_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No interpreter of their version is anywhere: the answer names the version and what to do."""
    monkeypatch.setattr(ENVIRONMENT, "ENVIRONMENT", tmp_path / "none")
    monkeypatch.setattr(ENVIRONMENT, "VERSION", (3, 99))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    with pytest.raises(ENVIRONMENT.NoPeers, match=r"no python3\.99 on PATH.*install one"):
        ENVIRONMENT.python_of_peers()


def test_an_environment_that_is_up_to_date_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is made again only when the requirements have changed."""
    python = tmp_path / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    python.parent.mkdir()
    python.touch()
    (tmp_path / "installed.txt").write_text((BENCHMARKS / "peers/requirements.txt").read_text("utf-8"), "utf-8")
    monkeypatch.setattr(ENVIRONMENT, "ENVIRONMENT", tmp_path)
    calls: list[Any] = []
    monkeypatch.setattr(ENVIRONMENT, "_call", lambda *args: calls.append(args))
    assert ENVIRONMENT.python_of_peers() == python
    assert not calls
