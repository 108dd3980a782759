"""Size is a test, not advice."""

from __future__ import annotations

import ast

from tests.source.reading import PROJECT, modules

MOST_LINES_A_FILE = 500
MOST_LINES_A_TEST_FILE = 700
MOST_LINES_A_FUNCTION = 70


def test_files_are_short() -> None:
    """No file has more than 500 lines: one purpose a file."""
    wrong = [
        f"{module.path} has {n} lines; split it"
        for module in modules()
        if (n := len(module.text.splitlines())) > MOST_LINES_A_FILE
    ]
    assert not wrong, "\n".join(wrong)


def test_test_files_are_short() -> None:
    """No test file has more than 700 lines."""
    wrong = [
        f"{file.relative_to(PROJECT)} has {n} lines; split it"
        for file in sorted((PROJECT / "tests").rglob("*.py"))
        if (n := len(file.read_text("utf-8").splitlines())) > MOST_LINES_A_TEST_FILE
    ]
    assert not wrong, "\n".join(wrong)


def test_functions_are_short() -> None:
    """No function has more than 70 lines."""
    wrong = []
    for module in modules():
        for node in ast.walk(module.tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.end_lineno is not None:
                length = node.end_lineno - node.lineno + 1
                if length > MOST_LINES_A_FUNCTION:
                    wrong.append(f"{module.path}:{node.lineno} {node.name} has {length} lines; give its parts names")
    assert not wrong, "\n".join(wrong)
