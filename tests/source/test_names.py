"""Public names are few, sorted, true, and explained."""

from __future__ import annotations

import ast
import importlib
from functools import cache

import pytest

from tests.source.reading import FUNCTIONS, Module, modules, under

Documented = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _exported(module: Module) -> list[str] | None:
    for node in module.tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            assert isinstance(node, (ast.Assign, ast.AnnAssign))
            try:
                value = ast.literal_eval(node.value) if node.value is not None else []
            except ValueError:
                return list(importlib.import_module(module.name).__all__)
            return list(value)
    return None


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.path)
def test_exports_are_sorted_and_exist(module: Module) -> None:
    """``__all__`` is sorted, without repetition, and everything in it exists."""
    exported = _exported(module)
    if exported is None:
        return
    in_order = (sorted(set(exported)), sorted(set(exported), key=_constants_classes_functions))
    assert exported in in_order, f"{module.path}: sort __all__"
    imported = importlib.import_module(module.name)
    missing = [name for name in exported if not hasattr(imported, name)]
    assert not missing, f"{module.path}: __all__ names {missing}, which do not exist"


def _constants_classes_functions(name: str) -> tuple[int, str]:
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name)


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.path)
def test_public_names_are_explained(module: Module) -> None:
    """Every module, public class and public function has a docstring."""
    missing = [] if ast.get_docstring(module.tree) else [f"{module.path}: the module itself"]
    missing += [
        f"{module.path}:{node.lineno} {name}" for name, node in _public(module.tree.body, "") if not ast.get_docstring(node)
    ]
    assert not missing, "no docstring:\n" + "\n".join(missing)


def _public(body: list[ast.stmt], prefix: str) -> list[tuple[str, Documented]]:
    found: list[tuple[str, Documented]] = []
    for node in body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and not node.name.startswith("_"):
            if any(isinstance(decorator, ast.Attribute) and decorator.attr == "setter" for decorator in node.decorator_list):
                continue
            found.append((f"{prefix}{node.name}", node))
            if isinstance(node, ast.ClassDef):
                inner = _public(node.body, f"{prefix}{node.name}.")
                # A method that a subclass fills in is explained where it is declared.
                found += [(name, part) for name, part in inner if not (node.bases and name.rpartition(".")[2] in _explained())]
    return found


@cache
def _explained() -> frozenset[str]:
    """The names of all methods that some class explains."""
    return frozenset(
        method.name
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef)
        for method in node.body
        if isinstance(method, (ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(method)
    )


def test_annotations_are_not_evaluated() -> None:
    """Every module defers its annotations, so that types cost nothing at run time."""
    wrong = [
        module.path for module in modules() if module.tree.body[1:] and "from __future__ import annotations" not in module.text
    ]
    assert not wrong, "add 'from __future__ import annotations': " + ", ".join(wrong)


def test_no_module_keeps_state() -> None:
    """No function rebinds a name of its module: a world is an object, and two do not know each other."""
    wrong = [
        f"{module.path}:{node.lineno} global {', '.join(node.names)}; keep it in an object"
        for module in modules()
        if under(module.name, "harness")
        for outer in ast.walk(module.tree)
        if isinstance(outer, FUNCTIONS)
        for node in ast.walk(outer)
        if isinstance(node, ast.Global)
    ]
    assert not wrong, "\n".join(wrong)
