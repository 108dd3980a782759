"""Imports go down only, types included."""

from __future__ import annotations

import ast

from tests.source.reading import imports, modules, under

# From the ground up; a module may import from its own floor and from those below. The first prefix that fits counts.
FLOORS = (
    ("errors", ("harness.errors",)),
    ("durations", ("harness.durations",)),
    ("simulation", ("harness.simulation",)),
    (
        "records of Mesos",
        tuple(f"harness.mesos.{name}" for name in ("flags", "ids", "messages", "resources", "states", "values", "versions")),
    ),
    ("roles", ("harness.mesos",)),
    ("doubles and checks", ("harness.checks", "harness.doubles")),
    ("exploring", ("harness.explore",)),
    ("reports", ("harness.report",)),
    ("cluster", ("harness.cluster", "harness.handles")),
    ("runs", ("harness.exploring", "harness.proving", "harness.runs")),
    ("front doors", ("harness.cli", "harness.http", "harness_fixtures")),
)
ROLES = ("agent", "allocator", "executor", "master", "scheduler")
# What roles may know of each other: the interface of an allocator.
INTERFACES = ("harness.mesos.allocator.interface", "harness.mesos.allocator.options")
# May import where they need it, so that a test of processes never loads a cluster, nor pytest the harness.
LAZY = ("harness.cli", "harness.runs", "harness_fixtures")


def floor_of(name: str) -> int:
    """The floor on which a module lives; everything not listed belongs to the cluster."""
    for level, (_, prefixes) in enumerate(FLOORS):
        if under(name, *prefixes):
            return level
    return next(level for level, (title, _) in enumerate(FLOORS) if title == "cluster")


def test_imports_go_down() -> None:
    """A module imports only from its own floor and from those below it."""
    wrong = []
    for module in modules():
        if module.name == "harness":
            continue
        for line, name, _ in imports(module):
            if not under(name, "harness", "harness_fixtures"):
                continue
            if name == "harness":
                wrong.append(f"{module.path}:{line} imports the package itself; name the module that has what is wanted")
            elif floor_of(name) > floor_of(module.name):
                wrong.append(f"{module.path}:{line} imports {name} from a floor above; move what is shared down")
    assert not wrong, "\n".join(wrong)


def test_exploring_knows_no_mesos() -> None:
    """Exploring, and reporting, know the simulation but neither Mesos nor its doubles nor a cluster."""
    wrong = [
        f"{module.path}:{line} imports {name}"
        for module in modules()
        if under(module.name, "harness.explore", "harness.report")
        for line, name, _ in imports(module)
        if under(name, "harness.mesos", "harness.doubles", "harness.checks", "harness.cluster")
    ]
    assert not wrong, "\n".join(wrong)


def test_roles_do_not_import_roles() -> None:
    """Each role can be replaced: none imports another, only records and interfaces."""
    wrong = []
    for module in modules():
        role = next((role for role in ROLES if under(module.name, f"harness.mesos.{role}")), None)
        if role is None:
            continue
        for line, name, _ in imports(module):
            others = [f"harness.mesos.{other}" for other in ROLES if other != role]
            if under(name, *others) and not under(name, *INTERFACES):
                wrong.append(f"{module.path}:{line} imports {name}; what both need belongs into messages or an interface module")
    assert not wrong, "\n".join(wrong)


def test_no_import_is_hidden() -> None:
    """No import stands inside a function or under TYPE_CHECKING to dodge the rule, except where loading late is the point."""
    wrong = []
    for module in modules():
        if any(isinstance(node, ast.Name) and node.id == "TYPE_CHECKING" for node in ast.walk(module.tree)):
            wrong.append(f"{module.path} uses TYPE_CHECKING; a type that is needed below lives below")
        if module.name == "harness" or under(module.name, *LAZY):
            continue
        wrong += [
            f"{module.path}:{line} imports {name} inside a function; import it at the top"
            for line, name, inside in imports(module)
            if inside
        ]
    assert not wrong, "\n".join(wrong)


def test_heavy_libraries_stay_in_their_rooms() -> None:
    """click and rich are loaded by the command line only, freezegun and pytest by the plugin and the command line only, jinja2 by
    the page only.
    """
    rooms = {
        "click": ("harness.cli",),
        "rich": ("harness.cli",),
        "freezegun": ("harness_fixtures.wall_clock",),
        "jinja2": ("harness.report.page",),
        "pytest": ("harness_fixtures", "harness.cli"),
    }
    wrong = [
        f"{module.path}:{line} imports {name}"
        for module in modules()
        for line, name, _ in imports(module)
        for library, allowed in rooms.items()
        if under(name, library) and not under(module.name, *allowed)
    ]
    assert not wrong, "\n".join(wrong)
