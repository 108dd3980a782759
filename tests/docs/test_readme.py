"""The front page: what it shows of commands and of a failure is what comes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.docs.pages import ROOT, blocks, difference

DEMO = next(block for block in blocks(ROOT / "README.md") if block.code.startswith("$ "))
SHOWN = [part.partition("\n") for part in DEMO.code.split("$ ")[1:]]


@pytest.mark.parametrize(("command", "wanted"), [(command, wanted) for command, _, wanted in SHOWN], ids=["hunt", "prove"])
def test_the_first_ten_seconds(command: str, wanted: str) -> None:
    """Each command prints the lines that stand below it; after a change of the model, write new ones."""
    program, *arguments = command.split()
    assert program == "harness"
    code, printed = _harness(*arguments)
    assert code == (1 if arguments[0] == "hunt" else 0), printed
    missing = difference(wanted, printed)
    assert not missing, f"README.md: {missing}"


def test_what_a_failure_looks_like() -> None:
    """Every line of the failure that is shown is a line of the replay, in this order; which are left out is the page's choice."""
    (shown,) = (block.code for block in blocks(ROOT / "README.md") if block.code.startswith("seed 18"))
    _, printed = _harness("replay", "examples/mesos_ticket/test_single_framework.py::test_strict", "ch1-random-18")
    wanted = "\n".join(f"...\n{_spaced(line)}" for line in shown.splitlines() if line.strip())
    missing = difference(f"{wanted}\n...", "\n".join(map(_spaced, printed.splitlines())))
    assert not missing, f"README.md: {missing}"


def _spaced(line: str) -> str:
    return " ".join(line.split())


def _harness(*arguments: str) -> tuple[int, str]:
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "150"}
    done = subprocess.run(
        [sys.executable, "-m", "harness.cli", *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,  # progress goes to standard error
        text=True,
        check=False,
    )
    return done.returncode, done.stdout
