"""Runs commands in forked copies of itself, with everything imported already: most of a short command's time is importing.

Requests come as JSON, one a line; each is answered with the command's exit code.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any, NoReturn

from harness.cli import main

for _name in ("hunt", "replay", "explain", "prove", "show", "doctor", "completion"):
    importlib.import_module(f"harness.cli.{_name}")
importlib.import_module("harness_fixtures.sweep")


def run(request: dict[str, Any]) -> NoReturn:
    """Be the command: in its folder, with its environment, its output in its files."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    for descriptor, path in enumerate((os.devnull, *request["output"])):
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(file, descriptor)
        os.close(file)
    code: object = 3
    try:
        main(request["arguments"])
    except SystemExit as ending:
        code = ending.code
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 3)


def serve() -> None:
    """Answer requests until there are no more."""
    sys.path[0] = ""
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            run(json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), file=answers, flush=True)


if __name__ == "__main__":
    serve()
