"""The page for newcomers: followed to the letter, and within the time that it promises."""

from __future__ import annotations

import re
from pathlib import Path

from tests.docs.pages import DOCS, blocks
from tests.docs.sandbox import Sandbox

PAGE = DOCS / "newcomer.md"


def test_the_page_does_what_it_says(tmp_path: Path) -> None:
    """Every command ends and prints as the page says, from the first test to the proof."""
    Sandbox(tmp_path).follow(blocks(PAGE))


def test_the_times_on_the_page_keep_the_promise() -> None:
    """The table gives under ten minutes of reading and typing and under two minutes of the machine."""
    (row,) = re.findall(r"^\| all \| (\d+) \| (\d+) \| (\d+) s \| ([\d.]+) s \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    words, characters, person, machine = map(float, row)
    assert abs(person - 60 * (words + characters) / 200) < 5
    assert person < 600
    assert machine < 120


def test_the_table_is_of_this_page() -> None:
    """Who changes the page by more than a tenth measures again: ``python docs/newcomer.py``."""
    text = PAGE.read_text("utf-8")
    (row,) = re.findall(r"^\| all \| (\d+) \|", text, re.MULTILINE)
    body = text.partition("## How long it takes")[0]
    prose = re.sub(r"(?:<!--[^\n]*-->\n)?```(\w+)[^\n]*\n(.*?)^```$", _read, body, flags=re.MULTILINE | re.DOTALL)
    assert abs(len(prose.split()) - int(row)) <= int(row) / 10


def _read(block: re.Match[str]) -> str:
    return block[2] if block[1] == "text" else ""
