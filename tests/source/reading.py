"""The project's source as these tests read it: parsed once, with paths as a reader would name them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Module:
    """A source file: its dotted name, its path within the project, its text and its tree."""

    name: str
    path: str
    text: str
    tree: ast.Module

    @property
    def package(self) -> str:
        """The dotted name of the package that relative imports refer to."""
        return self.name if self.path.endswith("__init__.py") else self.name.rpartition(".")[0]


@cache
def modules() -> tuple[Module, ...]:
    """Every module of the two packages."""
    found = []
    for root, package in ((PROJECT, "harness"), (PROJECT / "fixtures", "harness_fixtures")):
        for file in sorted((root / package).rglob("*.py")):
            parts = file.relative_to(root).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            text = file.read_text("utf-8")
            found.append(Module(name, str(file.relative_to(PROJECT)), text, ast.parse(text, str(file))))
    return tuple(found)


def imports(module: Module) -> Iterator[tuple[int, str, bool]]:
    """Every import as (line, imported module, whether it stands inside a function)."""
    names = {other.name for other in modules()}
    inside = {id(node) for outer in ast.walk(module.tree) if isinstance(outer, FUNCTIONS) for node in ast.walk(outer)}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, id(node) in inside
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join([*module.package.split(".")[: len(module.package.split(".")) - node.level + 1], base]).rstrip(".")
            submodules = [f"{base}.{alias.name}" for alias in node.names if f"{base}.{alias.name}" in names]
            for name in submodules or [base]:
                yield node.lineno, name, id(node) in inside


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def under(name: str, *prefixes: str) -> bool:
    """Whether a dotted name is one of these modules or lies in one of these packages."""
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)
