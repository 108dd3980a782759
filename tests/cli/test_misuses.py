"""Wrong use of the command line: one clear line that names what is wrong and what is wanted, and the right exit code."""

from __future__ import annotations

import pytest

from harness.explore.tokens import Schedule
from harness.simulation.choices import Choice
from tests.cli.shell import Server, Shell, make_project

RACE = "test_it.py::test_race"
OTHERS = Schedule(2).recorded([Choice("latency", "nobody", 1, 9, 4)]).token

MISUSES = [
    (["hunt"], "Missing argument 'TEST...'"),
    (["hunt", "nowhere.py"], "file or directory not found: nowhere.py"),
    (["hunt", "test_it.py::test_nothing"], "test_it.py::test_nothing; 'pytest --collect-only' lists the tests"),
    (["hunt", "test_it.py::test_plain"], "no test here takes a cluster fixture (test_it.py::test_plain)"),
    (["hunt", "test_it.py", "--strategy", "lucky"], "--strategy=lucky: strategy='lucky' is not known; wanted one of"),
    (["hunt", "test_it.py", "--strategy", "pct:0"], "wanted a whole number of at least 1"),
    (["hunt", "test_it.py", "-j", "2", "--strategy", "lucky"], "strategy='lucky' is not known"),
    (["hunt", "test_it.py", "--seeds", "many"], "'many' is not a valid integer"),
    (["hunt", "test_it.py", "--seeds", "0"], "'--seeds': 0 is not in the range"),
    (["hunt", "test_it.py", "-j", "0"], "'--jobs': 0 is not in the range"),
    (["hunt", "test_it.py", "--budget", "soon"], "'soon' is no span of real time; wanted one such as 60s"),
    (["hunt", "test_it.py", "--report", "test_it.py/out"], "--report test_it.py/out: nothing can be written there"),
    (["hunt", "test_broken.py"], "test_broken.py cannot be loaded: ModuleNotFoundError: No module named 'nonexistent'"),
    (["hunt", "test_it.py::test_skipped", "--seed", "1"], "No such option '--seed'"),
    (["replay", RACE], "Missing argument 'TOKEN'"),
    (["replay", RACE, "lucky"], "TOKEN lucky: wanted a whole number, a token"),
    (["replay", RACE, "last"], "a seed or a token is wanted"),
    (["replay", RACE, "ch9-random-1"], "format 'ch9'"),
    (["replay", RACE, "ch1-lucky-1"], "strategy='lucky' is not known"),
    (["replay", RACE, "ch1-choices-xyz"], "was it cut off when copied?"),
    (["replay", "test_it.py", "2"], "one test is wanted, this names "),
    (["explain", RACE, "last"], "a seed or a token is wanted"),
    (["explain", RACE, "2", "--runs", "0"], "'--runs': 0 is not in the range"),
    (["explain", RACE, "2", "--page", "nowhere/page.html"], "nowhere/page.html cannot be written"),
    (["prove", RACE, "--max-deviations", "-1"], "'--max-deviations': -1 is not in the range"),
    (["prove", "test_it.py"], "one test is wanted, this names "),
    (["prove", "test_it.py::test_plain"], "no test here takes a cluster fixture"),
    (["prove", "test_it.py::test_skipped"], "cannot be proven: it is skipped"),
    (["prove", "test_bad_fixture.py"], "cannot be proven: could not be set up"),
    (["show", "nothing.txt"], "nothing.txt is no report file; name one that 'harness hunt --report DIR' wrote"),
    (["show", "nothing.json"], "nothing.json cannot be read"),
    (["show", "test_it.py"], "test_it.py names no token, so it is no report of a run"),
    (["show", "cut.json"], "cut.json is damaged"),
    (["show", "other.json"], "other.json is JSON, but no document of a run"),
    (["show", "binary.txt"], "binary.txt is no text"),
    (["show", RACE, "2", "--type", "Pong"], "--type Pong: nothing in this run has that; there are Ping, initialize"),
    (["show", RACE, "2", "--process", "nobody"], "--process nobody: nothing in this run has that"),
    (["show", RACE, "2", "--format", "perfetto", "--last", "3"], "do not go with --format perfetto"),
    (["show", RACE, "2", "--run", "passing"], "--run passing: this is a single run"),
    (["show", RACE, "2", "-o", "nowhere/out.txt"], "nowhere/out.txt cannot be written"),
    (["completion", "tcsh"], "'tcsh' is not one of 'bash', 'zsh', 'fish'"),
    (["dance"], "No such command 'dance'"),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Shell:
    """The usual project, with a few broken files."""
    shell = make_project(tmp_path_factory.mktemp("misuses"), server)
    folder = shell.folder
    folder.joinpath("test_broken.py").write_text("import nonexistent\n", "utf-8")
    folder.joinpath("test_bad_fixture.py").write_text(
        "import pytest\n\n@pytest.fixture\ndef broken():\n    raise OSError('no disk')\n\n"
        "def test_it(world, broken):\n    pass\n",
        "utf-8",
    )
    folder.joinpath("cut.json").write_text('{"document": "run", "format": 1, "te', "utf-8")
    folder.joinpath("other.json").write_text('{"a": 1}', "utf-8")
    folder.joinpath("binary.txt").write_bytes(b"\xff\xfe\x00\x9d")
    return shell


@pytest.mark.parametrize(("arguments", "words"), MISUSES, ids=[" ".join(arguments) for arguments, _ in MISUSES])
def test_one_clear_line(project: Shell, arguments: list[str], words: str) -> None:
    """Exit code 2, nothing on the output stream, no traceback, and the first line names what is wrong."""
    done = project(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    first = done.stderr.splitlines()[0]
    assert first.startswith("harness: ")
    assert words in first
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("command", ["explain", "show"])
def test_token_of_another_test(project: Shell, command: str) -> None:
    """A token that does not fit the test says at which draw, in one line; exit code 3, since it may also be a leak."""
    done = project(command, RACE, OTHERS)
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert "latency of nobody" in line
    assert done.stdout == ""


def test_damaged_document_of_another_version(project: Shell) -> None:
    """A document of a later release names both formats."""
    path = project.folder / "later.json"
    path.write_text('{"document": "run", "format": 99}', "utf-8")
    done = project("show", str(path))
    assert done.returncode == 2
    assert "has the format 99, this release reads" in done.stderr


def test_unwritable_file_in_the_end(shell: Shell) -> None:
    """A folder that vanishes while the hunt runs costs the files, not the finding."""
    shell.folder.joinpath("test_vanishing.py").write_text(
        "import pathlib\nfrom toys import orderly\n\n"
        "def test_vanishing(world):\n"
        "    folder = pathlib.Path('out')\n"
        "    if folder.is_dir():\n        folder.rmdir()\n        folder.write_text('in the way')\n"
        "    orderly(world)\n",
        "utf-8",
    )
    done = shell("hunt", "test_vanishing.py", "--seeds=10", "--report", "out")
    assert done.returncode == 1
    assert "lowest failing seed: 2" in done.stdout
    assert "cannot be written" in done.stderr
