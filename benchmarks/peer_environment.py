"""An environment of their own for the explorers of asyncio: Python 3.13, made once beside this file, ignored by git."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

PEERS = Path(__file__).resolve().parent / "peers"
ENVIRONMENT = PEERS / ".venv"
REQUIREMENTS = PEERS / "requirements.txt"
VERSION = (3, 13)


class NoPeers(Exception):
    """They cannot be run here; the text says why and what would help."""


def python_of_peers() -> Path:
    """The interpreter in which the explorers are installed; makes the environment when it is missing or out of date.

    Raises:
        NoPeers: there is no Python 3.13, or the packages cannot be installed.
    """
    python = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = ENVIRONMENT / "installed.txt"
    wanted = REQUIREMENTS.read_text("utf-8")
    if python.exists() and stamp.exists() and stamp.read_text("utf-8") == wanted:
        return python
    base = _interpreter()
    _call([base, "-m", "venv", "--clear", str(ENVIRONMENT)], "no environment could be made")
    _call([str(python), "-m", "pip", "install", "--quiet", "-r", str(REQUIREMENTS)], "the packages could not be installed")
    stamp.write_text(wanted, "utf-8")
    return python


def _interpreter() -> str:
    if sys.version_info[:2] == VERSION:
        return sys.executable
    for candidate in _candidates():
        if Path(candidate).exists():
            return candidate
    wanted = ".".join(map(str, VERSION))
    raise NoPeers(f"no python{wanted} on PATH nor under pyenv; install one to have them beside ours")


def _candidates() -> Iterator[str]:
    name = ".".join(map(str, VERSION))
    found = shutil.which(f"python{name}")
    # A shim of pyenv is on PATH for versions that are not switched on, too.
    if found is not None and "shims" not in Path(found).parts:
        yield found
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for folder in sorted(versions.glob(f"{name}*"), reverse=True):
        yield str(folder / "bin" / "python")


def _call(command: Sequence[str], problem: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise NoPeers(f"{problem}: {''.join(last) or f'exit status {done.returncode}'}")


def ask(script: str, *arguments: str) -> list[dict[str, Any]]:
    """Run a script of ``peers`` there and give the JSON lines that it printed.

    Raises:
        NoPeers: as ``python_of_peers``, or the script failed.
    """
    python = python_of_peers()
    done = subprocess.run([str(python), str(PEERS / script), *arguments], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise NoPeers(f"{script} ended with exit status {done.returncode}; its errors are above")
    return [json.loads(line) for line in done.stdout.splitlines()]
