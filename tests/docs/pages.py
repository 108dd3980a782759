"""Reading the pages: pieces of code, the files they make, the commands they give, and the output they promise."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

#: All pages that a reader may come upon.
PAGES = (
    *sorted(DOCS.glob("**/*.md")),
    *sorted(ROOT.glob("examples/*/README.md")),
    ROOT / "benchmarks/README.md",
    ROOT / "README.md",
)

_FENCE = re.compile(
    r'^(?:<!-- (?P<note>[^\n]*?) -->\n+)?(?P<fence>```+)(?P<language>\w*)(?: title="(?P<title>[^"\n]+)")?(?P<rest>[^\n]*)\n'
    r"(?P<code>.*?)^(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """One piece of code on a page; ``note`` is the comment above it, which no reader sees."""

    page: Path
    line: int
    language: str
    title: str
    note: str
    code: str
    rest: str

    @property
    def is_test(self) -> bool:
        """Whether pytest is to run it, as a module of its own."""
        return self.language == "python" and not self.title and re.search(r"^ *def test_", self.code, re.MULTILINE) is not None

    @property
    def place(self) -> str:
        """Page and line, for messages."""
        return f"{name_of(self.page)}:{self.line}"


def name_of(page: Path) -> str:
    """The page's path inside the project."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """All pieces of code of a page, from top to bottom."""
    text = page.read_text("utf-8")
    return [
        Block(
            page,
            text.count("\n", 0, found.start("fence")) + 2,
            found["language"],
            found["title"] or "",
            found["note"] or "",
            found["code"],
            found["rest"],
        )
        for found in _FENCE.finditer(text)
    ]


def difference(wanted: str, got: str) -> str:
    """What of a promised output did not come; nothing if all did.

    A line ``...`` stands for any number of lines, ``...`` within a line for any text. Spaces at the end of a line do not count.
    """
    came = [line.rstrip() for line in got.strip("\n").splitlines()]
    position, free = 0, False
    for line in (line.rstrip() for line in wanted.strip("\n").splitlines()):
        if line.strip() == "...":
            free = True
            continue
        pattern = re.compile(".*".join(map(re.escape, line.split("..."))))
        last = len(came) if free else position + 1
        for index in range(position, min(last, len(came))):
            if pattern.fullmatch(came[index]):
                position, free = index + 1, False
                break
        else:
            return f"the page promises\n    {line}\nafter line {position} of what came:\n" + _indented(came)
    if position < len(came) and not free:
        return f"after the promised output came more, from line {position + 1} on:\n" + _indented(came[position:])
    return ""


def _indented(lines: Sequence[str]) -> str:
    return "\n".join(f"    {line}" for line in lines)
