"""The tutorial builds a project, chapter by chapter; every chapter is followed to the letter."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT, blocks
from tests.docs.sandbox import Sandbox

CHAPTERS = sorted(DOCS.glob("tutorial/*.md"))
EXAMPLE = ROOT / "examples/downstream"


@pytest.mark.parametrize("number", range(1, len(CHAPTERS) + 1))
def test_a_chapter_does_what_it_says(number: int, tmp_path: Path) -> None:
    """Files are made, commands run and end as promised, and what they print is what the chapter shows."""
    sandbox = Sandbox(tmp_path)
    for chapter in CHAPTERS[: number - 1]:
        sandbox.follow(blocks(chapter), commands=False)
    sandbox.follow(blocks(CHAPTERS[number - 1]))


def test_the_tutorial_ends_with_the_example(tmp_path: Path) -> None:
    """What a reader has after the last chapter is the project in ``examples/downstream``, file by file."""
    sandbox = Sandbox(tmp_path)
    for chapter in CHAPTERS:
        for block in blocks(chapter):
            if block.title and block.note != "elsewhere":
                sandbox.write(block)
    made = {str(path.relative_to(sandbox.project)): path.read_text("utf-8") for path in _files(sandbox.project)}
    kept = {str(path.relative_to(EXAMPLE)): path.read_text("utf-8") for path in _files(EXAMPLE)}
    assert made == {name: text for name, text in kept.items() if name != "README.md" and not name.startswith("flakes/")}


def _files(folder: Path) -> list[Path]:
    return sorted(path for suffix in ("py", "toml", "md") for path in folder.rglob(f"*.{suffix}"))
