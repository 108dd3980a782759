"""What the plugin costs those who do not use it, and those who do.

    python benchmarks/plugin_cost.py [--repeat 7]

Prints the time that importing the plugin module adds to a Python that has pytest loaded, the time that loading it adds to a
pytest run without any of its fixtures, and the time of a test with the fixture ``cluster``.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

IMPORT = """
import time, pytest, sys
began = time.perf_counter()
import harness_fixtures.plugin
print(time.perf_counter() - began)
assert not any(name == "harness" or name.startswith("harness.") for name in sys.modules), "the plugin imported the harness"
"""
PLAIN = "def test_nothing():\n    pass\n"
EMPTY = "import pytest\n@pytest.mark.parametrize('n', range(200))\ndef test_cluster(n):\n    pass\n"
CLUSTER = "import pytest\n@pytest.mark.parametrize('n', range(200))\ndef test_cluster(n, cluster):\n    pass\n"
STARTED = (
    "import pytest\n@pytest.mark.parametrize('n', range(200))\ndef test_cluster(n, cluster):\n"
    "    cluster.start_master()\n    cluster.wait(cluster.start_agent().registered)\n"
)


def python(*arguments: str, cwd: str | None = None) -> tuple[str, float]:
    """Run Python with this project importable; its output and the time it took."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "fixtures")])}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    began = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], env=environment, cwd=cwd, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout, time.perf_counter() - began


def pytest_seconds(source: str, repeat: int, plugin: bool) -> float:
    """Seconds of a pytest run of one file, best of ``repeat``."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "test_it.py").write_text(source, "utf-8")
        options = ["-p", "harness_fixtures.plugin"] if plugin else []
        command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "test_it.py"]
        return min(python(*command, cwd=folder)[1] for _ in range(repeat))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=7)
    given = parser.parse_args()
    print(f"Python {platform.python_version()}, best of {given.repeat}")
    seconds = min(float(python("-c", IMPORT)[0]) for _ in range(given.repeat))
    print(f"  importing the plugin                         {seconds * 1e3:7.2f} ms")
    without, loaded = (pytest_seconds(PLAIN, given.repeat, plugin) for plugin in (False, True))
    more = (loaded - without) * 1e3
    print(f"  a pytest run of one empty test               {without * 1e3:7.2f} ms; with the plugin {more:+.2f} ms")
    # Two hundred tests a run; what the first use imports is in it.
    base, cluster, started = (pytest_seconds(source, 3, True) for source in (EMPTY, CLUSTER, STARTED))
    print(f"  a test that takes the fixture 'cluster'      {(cluster - base) / 200 * 1e3:7.2f} ms more than an empty one")
    print(f"  ... and registers an agent with a master     {(started - base) / 200 * 1e3:7.2f} ms more than an empty one")


if __name__ == "__main__":
    main()
