"""Do what newcomer.md says, in a fresh virtual environment, and print how long each step takes.

    python docs/newcomer.py                     with this checkout as the package to install
    python docs/newcomer.py dist/cluster_harness-0.1.0-py3-none-any.whl

The commands and files are read from the page. Ends with 1 if a command does not end as the page says.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).with_name("newcomer.md")
WORDS_A_MINUTE = 200
CHARACTERS_A_MINUTE = 200
ENDS_BEFORE = "## How long it takes"

_BLOCK = re.compile(r'(?:<!-- ([^\n]*?) -->\n)?```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


class Step(NamedTuple):
    """One section of the page, and what doing it took."""

    title: str
    words: int
    characters: int
    machine_seconds: float

    @property
    def person_seconds(self) -> float:
        """Reading and typing."""
        return 60 * (self.words / WORDS_A_MINUTE + self.characters / CHARACTERS_A_MINUTE)


def follow(page: str, folder: Path, package: str) -> list[Step]:
    """Do every section of the page in ``folder``, with ``package`` in the place of the name ``cluster-harness``."""
    shell = Shell(folder, package)
    steps = []
    for section in re.split(r"^(?=## )", page.partition(ENDS_BEFORE)[0], flags=re.MULTILINE):
        title = section.splitlines()[0].lstrip("# ")
        began = time.perf_counter()
        characters = sum(shell.do(*found.groups(default="")) for found in _BLOCK.finditer(section))
        seconds = time.perf_counter() - began
        # What the reader types is not read as well; output is.
        prose = _BLOCK.sub(lambda found: found[4] if found[2] == "text" else "", section)
        steps.append(Step(title, len(prose.split()), characters, seconds))
    return steps


class Shell:
    """The folder and the environment of a newcomer."""

    def __init__(self, folder: Path, package: str) -> None:
        self.folder = folder
        self.package = package
        self.last_file = folder

    def do(self, note: str, language: str, title: str, code: str) -> int:
        """Do one box; how many characters a person types for it."""
        if language == "text":
            return 0
        if title:
            self.last_file = self.folder / title
            self.last_file.write_text(code, "utf-8")
        elif note.startswith("change "):
            _, old, new = note.split()
            text = self.last_file.read_text("utf-8").replace(f".{old}()", f".{new}()")
            assert code.strip() in text, f"the page shows {code.strip()!r}, which the change does not make"
            self.last_file.write_text(text, "utf-8")
            return len(new)
        elif language == "sh":
            self._run(code, int(note.removeprefix("ends with ")) if note else 0)
        return len(code)

    def _run(self, code: str, wanted: int) -> None:
        # One shell a box; so the environment is switched on again in each.
        activate = "if [ -f .venv/bin/activate ]; then . .venv/bin/activate; fi\n"
        command = activate + code.replace("install cluster-harness", f"install --quiet {shlex.quote(self.package)}")
        own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON", "VIRTUAL_ENV"))}
        done = subprocess.run(["sh", "-ec", command], cwd=self.folder, env=own, capture_output=True, text=True, check=False)
        if done.returncode != wanted:
            sys.exit(f"{code.strip()!r} ended with {done.returncode}, not {wanted}\n{done.stdout}{done.stderr}")


def table(steps: list[Step]) -> str:
    """The steps as a table in Markdown; times in seconds."""
    lines = ["| step | words | characters | reading and typing | machine |", "|---|---|---|---|---|"]
    total = Step("all", *(sum(step[index] for step in steps) for index in (1, 2, 3)))
    lines += [
        f"| {step.title} | {step.words} | {step.characters} | {step.person_seconds:.0f} s | {step.machine_seconds:.1f} s |"
        for step in [*steps, total]
    ]
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    package = str(Path(sys.argv[1] if len(sys.argv) > 1 else PAGE.parents[1]).resolve())
    with tempfile.TemporaryDirectory() as folder:
        print(table(follow(PAGE.read_text("utf-8"), Path(folder), package)))


if __name__ == "__main__":
    main()
