"""What the plugin costs those who do not use it, and those who do.

    python benchmarks/plugin_cost.py [--repeat 7] [--check]

Prints, in processor time of one core, so that other load on the machine hardly shows:

- what importing the plugin adds to a Python that has pytest loaded, and what loading it adds to a pytest run without any fixture;
- what one more test costs that takes ``cluster``, and one that takes ``wall_clock`` as well; what their first use imports is told
  apart;
- how many seeds a second the ticket's test runs under in a sweep through pytest.

``--check`` ends with 1 if a limit of the project is not kept: 20 ms for the plugin, 1 ms for the fixture, 500 seeds a second.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TICKET = ROOT / "examples" / "mesos_ticket" / "test_single_framework.py"

IMPORT = """
import time, pytest, sys
began = time.process_time()
import harness_fixtures.plugin
print(time.process_time() - began)
assert not any(name == "harness" or name.startswith("harness.") for name in sys.modules), "the plugin imported the harness"
"""
PLAIN = "def test_nothing():\n    pass\n"
MANY = "import pytest\n@pytest.mark.parametrize('n', range({count}))\ndef test_it(n{fixtures}):\n    {body}\n"
STARTED = "cluster.start_master(); cluster.wait(cluster.start_agent().registered)"
FEW, MORE = 50, 850
COMPILED = tempfile.TemporaryDirectory(prefix="compiled-")


def python(*arguments: str, cwd: str | None = None) -> tuple[str, float]:
    """Run Python with this project importable; its output and the processor time it took, in seconds."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "fixtures")])}
    environment |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    # As after an installation: everything is compiled, and stays so.
    environment |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": COMPILED.name}
    with tempfile.TemporaryFile("w+") as output:
        process = os.fork()
        if process == 0:
            try:
                os.chdir(cwd or os.getcwd())
                os.dup2(output.fileno(), 1)
                os.execve(sys.executable, [sys.executable, *arguments], environment)
            finally:
                os._exit(127)
        _, status, used = os.wait4(process, 0)
        output.seek(0)
        text = output.read()
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"python {' '.join(arguments)} ended with {os.waitstatus_to_exitcode(status)}:\n{text[-3000:]}")
    return text, used.ru_utime + used.ru_stime


def pytest_seconds(source: str, repeat: int, plugin: bool = True) -> float:
    """Processor time of a pytest run of one file, best of ``repeat``."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "test_it.py").write_text(source, "utf-8")
        options = ["-p", "harness_fixtures.plugin"] if plugin else []
        command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "test_it.py"]
        return min(python(*command, cwd=folder)[1] for _ in range(repeat))


def per_test(fixtures: str, body: str, repeat: int) -> tuple[float, float]:
    """Processor time of one more such test, and of the first one with all that it imports, both in milliseconds."""
    few, more = (
        pytest_seconds(MANY.format(count=count, fixtures=fixtures, body=body), repeat) for count in (FEW, MORE)
    )  # fmt: skip
    each = (more - few) / (MORE - FEW)
    return each * 1e3, (few - each * FEW) * 1e3


def sweep_rate(seeds: int, repeat: int) -> float:
    """Seeds in one second of processor time of the ticket's repaired test, with all that pytest does around them."""
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "harness_fixtures.plugin", "-c", os.devnull]
    command += [f"--rootdir={TICKET.parent}", f"--cluster-seeds={seeds}", f"{TICKET}::test_final_repair"]
    return seeds / min(python(*command)[1] for _ in range(repeat))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=7, help="the best of so many measurements counts")
    parser.add_argument("--check", action="store_true", help="end with 1 if a limit is not kept")
    given = parser.parse_args()
    repeat = given.repeat
    print(f"Python {platform.python_version()}, processor time, best of {repeat}")
    importing = min(float(python("-c", IMPORT)[0]) for _ in range(repeat)) * 1e3
    print(f"  importing the plugin                         {importing:7.2f} ms")
    without, loaded = (pytest_seconds(PLAIN, repeat, plugin) * 1e3 for plugin in (False, True))
    print(f"  a pytest run of one empty test               {without:7.2f} ms; with the plugin {loaded - without:+.2f} ms")
    few = max(2, repeat // 2)
    base, first = per_test("", "pass", few)
    print(f"  one more empty test                          {base:7.3f} ms")
    cluster, first_cluster = per_test(", cluster", "pass", few)
    text = f"  ... that takes the fixture 'cluster'         {cluster - base:7.3f} ms more"
    print(f"{text}; the first of a session {first_cluster - first:.0f} ms, for what it imports")
    print(f"  ... and registers an agent with a master     {per_test(', cluster', STARTED, few)[0] - base:7.3f} ms more")
    print(
        f"  ... that takes 'cluster' and 'wall_clock'    {per_test(', cluster, wall_clock', 'pass', few)[0] - base:7.3f} ms more"
    )
    rate = sweep_rate(1000, few)
    print(f"  a sweep of the ticket's test, 1,000 seeds    {rate:7.0f} seeds a second, start of pytest included")
    kept = importing < 20 and loaded - without < 20 and cluster - base < 1 and rate >= 500
    if given.check and not kept:
        print("a limit is not kept: 20 ms for the plugin, 1 ms for the fixture, 500 seeds a second")
    return 1 if given.check and not kept else 0


if __name__ == "__main__":
    sys.exit(main())
