"""A folder in which the commands of a page run as a reader would run them, without a network."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import sysconfig
import textwrap
import venv
from pathlib import Path

from tests.docs.pages import Block, difference

_MADE_BY_SANDBOX = re.compile(r"^(python3? -m venv |\. \.venv/|pip install .*cluster-harness)", re.MULTILINE)

_SCRIPT = '#!/bin/sh\nexec "{python}" -m {module} "$@"\n'
_PIP = (
    '#!/bin/sh\ncommand="$1"; shift\n'
    'exec "{host}" -m pip --python "{python}" "$command" --quiet --no-deps --no-index --no-build-isolation "$@"\n'
)


class Sandbox:
    """A project's folder and a virtual environment beside it, in which the harness of this checkout is installed.

    The environment borrows the packages of the interpreter that runs the tests; ``pip install -e .`` in it installs for real,
    but asks no index.
    """

    def __init__(self, folder: Path) -> None:
        self._output: str | None = None
        self._last_file = folder
        self.project = folder / "project"
        self.project.mkdir(parents=True)
        environment = folder / "venv"
        venv.create(environment, with_pip=False, symlinks=True)
        self.bin = environment / "bin"
        self.python = self.bin / "python"
        (packages,) = environment.glob("lib/python*/site-packages")
        borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        packages.joinpath("borrowed.pth").write_text(
            "".join(f"import site; site.addsitedir({path!r})\n" for path in sorted(borrowed)), "utf-8"
        )
        for name, module in (("harness", "harness.cli"), ("pytest", "pytest")):
            self._script(name, _SCRIPT.format(python=self.python, module=module))
        self._script("pip", _PIP.format(host=sys.executable, python=self.python))

    def _script(self, name: str, text: str) -> None:
        path = self.bin / name
        path.write_text(text, "utf-8")
        path.chmod(0o755)

    def write(self, block: Block) -> None:
        """Make the file that a block with a title shows; its note may ask for the end, the top, or a function."""
        path = self.project / block.title
        self._last_file = path
        path.parent.mkdir(parents=True, exist_ok=True)
        if block.note == "add":
            path.write_text(f"{path.read_text('utf-8').rstrip()}\n\n\n{block.code}", "utf-8")
        elif block.note == "first":
            path.write_text(f"{block.code}\n{path.read_text('utf-8')}", "utf-8")
        elif block.note.startswith("replace "):
            path.write_text(_replaced(path.read_text("utf-8"), block.note.removeprefix("replace "), block), "utf-8")
        else:
            path.write_text(block.code, "utf-8")

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run lines of shell in the project's folder."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON", "COV_", "GITHUB_"))},
            "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}",
            "VIRTUAL_ENV": str(self.bin.parent),
            "NO_COLOR": "1",
            "COLUMNS": "120",
        }
        return subprocess.run(
            ["sh", "-ec", command],
            cwd=self.project,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,  # progress goes to standard error, which a page does not show
            text=True,
            check=False,
            timeout=240,
        )

    def follow(self, page: list[Block], *, commands: bool = True) -> None:
        """Do what a page says from top to bottom, and compare what comes with what it promises.

        Args:
            page: the blocks of the page.
            commands: False only makes the files, and runs what installs something.
        """
        for before, block, after in zip([None, *page], page, [*page[1:], None], strict=False):
            if block.title:
                if commands or block.note != "elsewhere":
                    self.write(block)
            elif block.note.startswith("change "):
                self._change(block)
            elif block.language == "text" and self._output is not None and before is not None and before.language != "sh":
                # A part of what the last command printed, shown further down the page.
                missing = difference("...\n" + block.code.strip("\n") + "\n...", self._output)
                assert not missing, f"{block.place}: {missing}"
            elif block.language == "sh":
                lines = "\n".join(line for line in block.code.splitlines() if not _MADE_BY_SANDBOX.match(line))
                if lines.strip() and (commands or "pip install" in lines):
                    self._run_as_promised(block, lines, after)

    def _change(self, block: Block) -> None:
        """Change one word of the last file, as a note ``change OLD NEW`` says and the block shows."""
        _, old, new = block.note.split()
        text = self._last_file.read_text("utf-8").replace(f".{old}()", f".{new}()")
        assert block.code.strip() in text, f"{block.place}: the change does not make what the page shows"
        self._last_file.write_text(text, "utf-8")

    def _run_as_promised(self, block: Block, lines: str, after: Block | None) -> None:
        done = self.run(lines)
        self._output = done.stdout
        wanted = re.fullmatch(r"ends with (\d+)", block.note)
        code = int(wanted[1]) if wanted else 0
        assert done.returncode == code, f"{block.place}: ended with {done.returncode}, not {code}\n{done.stdout}{done.stderr}"
        if after is not None and after.language == "text":
            missing = difference(after.code, done.stdout)
            assert not missing, f"{after.place}: {missing}"


def _replaced(source: str, path: str, block: Block) -> str:
    """``source`` with the function ``path`` (``function`` or ``Class.method``) as the block shows it."""
    body = ast.parse(source).body
    for name in path.split("."):
        (node,) = [node for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name]
        body = node.body
    lines = source.splitlines(keepends=True)
    indent = " " * node.col_offset
    new = textwrap.indent(textwrap.dedent(block.code), indent)
    return "".join([*lines[: node.lineno - 1], new, *lines[node.end_lineno :]])
