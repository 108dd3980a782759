"""Run the first command of README.md in a fresh copy of the project and look whether it did the main job."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
LEFT_OUT = shutil.ignore_patterns(".git", ".ci-venv*", ".venv", ".tox", ".*_cache", "__pycache__", ".hypothesis", "dist", "build")
WANTED = ("seeds failed", "replay", "ch1-", "Replayed twice: the same run each time")


def first_command(text: str) -> str:
    """The first fenced block of shell commands, without prompts."""
    block = re.search(r"^```(?:sh|bash|shell|console)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    if block is None:
        sys.exit("README.md has no block of shell commands (```sh)")
    lines = [line.removeprefix("$ ") for line in block[1].splitlines()]
    # Whoever reads this has the project already.
    return "\n".join(line for line in lines if not re.match(r"(git clone|cd )", line))


def main() -> None:
    """Run it; exit with 0 when it found failing seeds and said how to replay them."""
    command = first_command((PROJECT / "README.md").read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "project"
        shutil.copytree(PROJECT, copy, ignore=LEFT_OUT)
        environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=copy,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    print(done.stdout[-6000:])
    missing = [words for words in WANTED if words not in done.stdout]
    if missing or done.returncode:
        sys.exit(f"the first command of README.md ended with {done.returncode} and did not print {missing}:\n{command}")


if __name__ == "__main__":
    main()
