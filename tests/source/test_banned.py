"""One source of chance, one mover of time: what else could make two runs differ is banned up to the checks."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.source.reading import Module, imports, modules, under

RULED = ("harness.simulation", "harness.mesos", "harness.doubles", "harness.checks", "harness.cluster", "harness.handles")
MODULES = {
    "time": "the virtual clock: self.now, self.time",
    "random": "self.choose(label, n), self.backoff(low, high, ...)",
    "uuid": "world.uuid(label)",
    "secrets": "world.uuid(label)",
    "threading": "a process",
    "asyncio": "a process",
    "socket": "self.send(to, message)",
    "subprocess": "self.work(label, low, high, method)",
    "concurrent": "a process",
}
# The one place that draws; everything else asks it.
SOURCES_OF_CHANCE = {"harness.simulation.choices": "random"}
CALLS = {
    "id": "a name or a path of the object",
    "hash": "hashlib on explicit bytes",
    "eval": "code",
    "exec": "code",
    "input": "an argument",
}
ATTRIBUTES = {
    ("datetime", "now"): "self.time",
    ("datetime", "utcnow"): "self.time",
    ("datetime", "today"): "self.time",
    ("date", "today"): "self.time",
    ("os", "urandom"): "self.choose(label, n)",
}


def _ruled() -> list[Module]:
    return [module for module in modules() if under(module.name, *RULED)]


def test_no_uncontrolled_module_is_imported() -> None:
    """Nothing below the exploring imports real time, randomness, threads or sockets."""
    wrong = [
        f"{module.path}:{line} imports {name}; use {MODULES[name.partition('.')[0]]}"
        for module in _ruled()
        for line, name, _ in imports(module)
        if name.partition(".")[0] in MODULES and SOURCES_OF_CHANCE.get(module.name) != name.partition(".")[0]
    ]
    assert not wrong, "\n".join(wrong)


def test_no_uncontrolled_call() -> None:
    """Nothing below the exploring asks for object identities, hashes, or the machine's date."""
    wrong = []
    for module in _ruled():
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.Call):
                continue
            called = node.func
            if isinstance(called, ast.Name) and called.id in CALLS and not _defines_hash(module, node):
                wrong.append(f"{module.path}:{node.lineno} calls {called.id}(); use {CALLS[called.id]}")
            elif isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
                cure = ATTRIBUTES.get((called.value.id, called.attr))
                if cure is not None:
                    wrong.append(f"{module.path}:{node.lineno} calls {called.value.id}.{called.attr}(); use {cure}")
    assert not wrong, "\n".join(wrong)


def _defines_hash(module: Module, call: ast.Call) -> bool:
    # __hash__ itself may hash its fields: what matters is that no order follows from it.
    methods = (node for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef) and node.name == "__hash__")
    return any(call is inner for method in methods for inner in ast.walk(method))


def test_no_set_is_iterated() -> None:
    """The order of a set depends on the hash seed, so it is sorted before anything follows from it."""
    wrong = [
        f"{module.path}:{line} iterates a set; use sorted(...), or a dict as an ordered set"
        for module in _ruled()
        for line in _set_iterations(module.tree)
    ]
    assert not wrong, "\n".join(wrong)


def _is_set(node: ast.expr) -> bool:
    if isinstance(node, (ast.Set, ast.SetComp)):
        return True
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("set", "frozenset")


def _set_iterations(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.For, ast.comprehension)) and _is_set(node.iter):
            yield node.iter.lineno
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("list", "tuple", "next", "iter"):
            yield from (argument.lineno for argument in node.args if _is_set(argument))
