"""Completion scripts, and what they offer."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.shell import PROJECT, Shell


@pytest.mark.parametrize(
    ("shell_name", "words"), [("bash", "complete -o nosort -F"), ("zsh", "#compdef harness"), ("fish", "complete ")]
)
def test_scripts(shell_name: str, words: str) -> None:
    """Each shell gets a script for the command "harness"."""
    done = Shell(PROJECT)("completion", shell_name)
    assert done.returncode == 0
    assert words in done.stdout
    assert "_HARNESS_COMPLETE" in done.stdout


def completed(tmp_path: Path, line: str) -> list[str]:
    """What bash offers for the last word of a line, with the script loaded."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash here")
    tool = tmp_path / "harness"
    tool.write_text(f'#!/bin/sh\nexec {sys.executable} -m harness.cli "$@"\n', "utf-8")
    tool.chmod(0o755)
    shell = Shell(tmp_path)
    script = shell("completion", "bash").stdout
    words = line.split(" ")
    code = (
        f"{script}\nCOMP_WORDS=({' '.join(repr(word) for word in words)})\nCOMP_CWORD={len(words) - 1}\n"
        "_harness_completion harness\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n"
    )
    environment = shell.environment(PATH=f"{tmp_path}:/usr/bin:/bin")
    done = subprocess.run([bash, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert "error" not in done.stderr.lower(), done.stderr
    return done.stdout.split()


def test_bash_completes_commands_options_and_strategies(tmp_path: Path) -> None:
    """bash itself, with the script loaded, offers commands, options and the names of strategies."""
    assert completed(tmp_path, "harness pr") == ["prove"]
    assert "--max-deviations" in completed(tmp_path, "harness prove --m")
    assert set(completed(tmp_path, "harness hunt --strategy p")) >= {"pos", "portfolio", "prompt"}
