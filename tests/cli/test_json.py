"""The documents of ``--json`` have the keys that the reference lists, no more and no fewer."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.cli.shell import PROJECT, Shell

PAGE = (PROJECT / "docs/reference/commands.md").read_text("utf-8").partition("\n## JSON\n")[2].partition("\n## ")[0]


def documented(title: str) -> list[str]:
    """The keys in the table below the line that begins so."""
    table = re.search(rf"^{re.escape(title)}.*\n\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    assert table is not None, title
    rows = table[1].splitlines()[2:]
    return [key for row in rows for key in re.findall(r"`(\w+)`", row.split("|")[1])]


@pytest.fixture(scope="module")
def hunted(shared: Shell) -> Any:
    """The document of a hunt that found something."""
    return shared.json("hunt", "test_it.py::test_race", "--seeds=5")


def test_hunt(hunted: Any) -> None:
    """The document of a hunt, its tests and their first failures."""
    (test,) = hunted["tests"]
    assert sorted(documented("`harness hunt`:")) == sorted(hunted)
    assert sorted(documented("Each of `tests`")) == sorted(test)
    assert sorted(documented("`first`:")) == sorted(test["first"])


def test_explanation(hunted: Any) -> None:
    """The explanation within it."""
    explanation = hunted["tests"][0]["explanation"]
    assert sorted(documented("`explanation`:")) == sorted(explanation)
    assert sorted(explanation["shrunk"]) == ["deviations", "deviations_before", "minimal", "runs", "token"]
    assert sorted(explanation["pair"]) == ["first", "process", "second"]


def test_replay(shared: Shell) -> None:
    """The document of a replay has the keys of a hunt's test without what is said of many runs."""
    keys = documented("Each of `tests`")
    missing = ["failure_rate", "interval", "rarer_than", "reproduced", "explanation", "files"]
    assert keys[-6:] == missing
    assert sorted(shared.json("replay", "test_it.py::test_race", "2")) == sorted(keys[:-6])


@pytest.mark.parametrize(
    "arguments",
    [["prove", "test_it.py::test_patient", "--max-deviations=1"], ["explain", "test_it.py::test_race", "0"], ["doctor"]],
    ids=["prove", "explain", "doctor"],
)
def test_others(shared: Shell, arguments: list[str]) -> None:
    """The documents of the other commands."""
    document = shared.json(*arguments)
    assert sorted(documented(f"`harness {arguments[0]}`:")) == sorted(document)
    for check in document.get("checks", []):
        assert sorted(check) == ["advice", "check", "state", "text"]
