"""``harness hunt --resume FILE``: what was found is written down, and the next hunt goes on behind it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.shell import Shell
from tests.cli.test_interrupts import interrupted

KEYS = ("test", "strategy", "runs", "steps", "failed", "found_by", "first", "failure_rate")


def told(document: Any) -> dict[str, Any]:
    """What must not depend on interruptions."""
    (test,) = document["tests"]
    return {key: test[key] for key in KEYS}


@pytest.mark.parametrize("strategy", ["random", "order", "portfolio"])
def test_parts_give_the_whole(shell: Shell, strategy: str) -> None:
    """A hunt in two parts, the second in two processes, finds what one hunt finds, also if the strategy learns."""
    hunt = ("hunt", "test_it.py::test_race", "--strategy", strategy, "--no-explain")
    whole = told(shell.json(*hunt, "--seeds=230"))
    first = told(shell.json(*hunt, "--seeds=120", "--resume", "on.file"))
    assert first["runs"] == 120
    assert told(shell.json(*hunt, "--seeds=230", "--resume", "on.file", "-j2")) == whole
    # All seeds are on file now: nothing has to be run but the failure that is shown.
    assert told(shell.json(*hunt, "--seeds=230", "--resume", "on.file")) == whole


def test_interrupted_hunt_goes_on(shell: Shell) -> None:
    """Ctrl-C keeps what was written; the same command goes on there."""
    arguments = ("hunt", "test_waiting.py::test_endless", "--seeds=150", "--no-explain", "--resume", "on.file")
    code, _, errors = interrupted(shell, *arguments, processes=1)
    assert code == 130
    assert "the same command goes on where this one ended" in errors
    (test,) = shell.json(*arguments)["tests"]
    assert test["runs"] == 150


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["test_it.py::test_patient"], "its test is 'test_it.py::test_race', now it is 'test_it.py::test_patient'"),
        (["test_it.py::test_race", "--strategy=pos"], "its strategy is 'random', now it is 'pos'"),
        (["test_it.py::test_race", "--first-seed=7"], "goes on with the seeds 0..49"),
        (["test_it.py::test_race", "test_it.py::test_patient"], "takes one test, these are 2"),
        (["test_it.py"], "one test is wanted"),
    ],
)
def test_file_of_another_hunt(shared: Shell, arguments: list[str], words: str) -> None:
    """A file that does not fit is refused in one line, exit code 2."""
    shared("hunt", "test_it.py::test_race", "--seeds=60", "--resume", "on.file", "--no-explain")
    done = shared("hunt", *arguments, "--seeds=80", "--resume", "on.file")
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1 or "one test" in words
