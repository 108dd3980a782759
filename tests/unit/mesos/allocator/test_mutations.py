"""The tests of the allocator are sharp: each of these faults, put into a copy of it, is caught by them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[4]
SUITE = ("sorters", "fair_sharing", "filters", "quota", "runs")


class Fault(NamedTuple):
    """What is replaced by what, once, in which file of the allocator."""

    title: str
    file: str
    right: str
    wrong: str


FAULTS = (
    Fault(
        "a tie goes to the larger path",
        "sorter.py",
        "ordered.sort()",
        "ordered.sort(key=lambda key: (key[:2], [-ord(c) for c in key[2]]))",
    ),
    Fault(
        "being served is not counted",
        "sorter.py",
        "node.count += sign",
        "node.count += 0",
    ),
    Fault(
        "counts come before shares",
        "sorter.py",
        "(self._share(child), child.count, child.path",
        "(child.count, self._share(child), child.path",
    ),
    Fault(
        "the least resource is dominant",
        "sorter.py",
        "value / total > share",
        "(value / total < share or not share)",
    ),
    Fault(
        "weights multiply",
        "sorter.py",
        "share /= self.weights",
        "share *= self.weights",
    ),
    Fault(
        "inner nodes forget what comes back",
        "sorter.py",
        "own[name] = own.get(name, 0) - value",
        "own[name] = own.get(name, 0) - (value if node is leaf else 0)",
    ),
    Fault(
        "new totals are not noticed",
        "sorter.py",
        "if self.dirty or self._seen != self.totals.version:",
        "if self.dirty:",
    ),
    Fault(
        "excluded resources count",
        "sorter.py",
        "value > 0 and name not in self.excluded",
        "value > 0",
    ),
    Fault(
        "inactive clients are served",
        "sorter.py",
        "elif not child.active:",
        "elif False:",
    ),
    Fault(
        "a filter ends early",
        "process.py",
        "Duration(max(self.interval_ns, refused_ns))",
        "Duration(min(self.interval_ns, refused_ns))",
    ),
    Fault(
        "a filter may be shorter than a batch",
        "process.py",
        "Duration(max(self.interval_ns, refused_ns))",
        "Duration(refused_ns)",
    ),
    Fault(
        "a filter refuses more than was refused",
        "books.py",
        "offer_filter.resources.contains(resources)",
        "resources.contains(offer_filter.resources)",
    ),
    Fault(
        "filters end without the second dispatch",
        "process.py",
        "if not self.behaviour.filter_expiry_dispatches:",
        "if True:",
    ),
    Fault(
        "nonsense is refused for no time",
        "filters.py",
        "return DEFAULT_REFUSE_NS\n    refused",
        "return 0\n    refused",
    ),
    Fault(
        "reviving keeps filters",
        "process.py",
        "framework.offer_filters.pop(role, None)\n                framework.suppressed",
        "framework.suppressed",
    ),
    Fault(
        "limits are ignored",
        "quota.py",
        "if quota is None or not quota.limits:",
        "if True:",
    ),
    Fault(
        "headroom is ignored",
        "quota.py",
        "if not self.required:",
        "if True:",
    ),
    Fault(
        "descendants do not count for quotas",
        "quota.py",
        'return role.partition("/")[0]',
        "return role",
    ),
    Fault(
        "offers do not count at once",
        "run.py",
        "books.role_sorter.allocated(role, slave.id, marked)",
        "pass",
    ),
    Fault(
        "the whitelist is turned round",
        "run.py",
        "slave.info.hostname in whitelist",
        "slave.info.hostname not in whitelist",
    ),
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree of its own with the package and the tests that are to notice."""
    tree = tmp_path_factory.mktemp("mutants")
    shutil.copytree(ROOT / "harness", tree / "harness", ignore=shutil.ignore_patterns("__pycache__"))
    for name in SUITE:
        shutil.copy(Path(__file__).with_name(f"test_allocator_{name}.py"), tree)
    return tree


def run(tree: Path) -> subprocess.CompletedProcess[str]:
    """Run the copied tests against the copied package, to the first failure."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider", "--rootdir=."]
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment.pop("PYTEST_ADDOPTS", None)
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_the_copy_passes(copy):
    """Without a fault nothing fails: what follows is caused by the faults."""
    finished = run(copy)
    assert finished.returncode == 0, finished.stdout[-3000:] + finished.stderr[-2000:]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.title)
def test_each_fault_is_caught(copy, fault):
    """At least one test of the suite fails, and by an assertion or one of our errors, not because nothing works any more."""
    path = copy / "harness" / "mesos" / "allocator" / fault.file
    source = path.read_text(encoding="utf-8")
    assert source.count(fault.right) >= 1, f"{fault.file} no longer contains {fault.right!r}; adapt the fault"
    path.write_text(source.replace(fault.right, fault.wrong, 1), encoding="utf-8")
    try:
        finished = run(copy)
    finally:
        path.write_text(source, encoding="utf-8")
    assert finished.returncode == 1, f"nobody noticed:\n{finished.stdout[-2000:]}{finished.stderr[-2000:]}"
    assert " passed" in finished.stdout or "1 failed" in finished.stdout
    for symptom in ("SyntaxError", "NameError", "ImportError", "UnboundLocalError"):
        assert symptom not in finished.stdout, finished.stdout[-3000:]
