"""From a hunt to the reason: what ``harness hunt`` explains by itself, and ``harness explain``."""

from __future__ import annotations

from tests.cli.shell import Shell


def test_hunt_explains_the_first_failure(shared: Shell) -> None:
    """One command goes from seeds to the decisive pair, and to a shorter token that fails alike."""
    done = shared("hunt", "test_it.py::test_race", "--seeds", "20")
    assert done.returncode == 1
    why = done.stdout.partition("  why (")[2]
    assert "It takes 1 deviation" in why
    assert "Decisive is the order of two events" in why
    token = why.partition("shrunk: harness replay test_it.py::test_race ")[2].split()[0]
    again = shared.json("replay", "test_it.py::test_race", token)
    assert again["first"]["error"] == "AssertionError: arrived as [2, 1]"


def test_hunt_can_do_without(shared: Shell) -> None:
    """With --no-explain the hunt names the command that explains, which works as printed."""
    done = shared("hunt", "test_it.py::test_race", "--seeds", "20", "--no-explain")
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("  why: harness explain "))
    explained = shared(*line.removeprefix("  why: harness ").split())
    assert explained.returncode == 1
    assert "Decisive is the order of two events" in explained.stdout


def test_hunt_with_workers_explains_the_same(shared: Shell) -> None:
    """Explanations do not depend on how many processes found the failure."""
    told = [shared.json("hunt", "test_it.py::test_race", "--seeds=20", "-j", jobs)["tests"][0] for jobs in ("1", "2")]
    for one in told:
        del one["explanation"]["seconds"]
    assert told[0]["explanation"] == told[1]["explanation"]


def test_explanation_as_json(shared: Shell) -> None:
    """The explanation for programs has the lines for people, the deviations, the pair and both tokens."""
    told = shared.json("explain", "test_it.py::test_race", "2")
    assert told["failed"] is True
    assert set(told) == {"test", "token", "seed", "failed", "error", "explanation", "page"}
    explanation = told["explanation"]
    assert {"lines", "deviations", "pair", "shrunk", "failing_token", "passing_token"} <= set(explanation)
    outcomes = [
        shared("replay", "test_it.py::test_race", explanation[f"{kind}_token"]).returncode for kind in ("failing", "passing")
    ]
    assert outcomes == [1, 0]


def test_passing_run_has_nothing_to_explain(shared: Shell) -> None:
    """A run that passes is exit code 0."""
    done = shared("explain", "test_it.py::test_race", "0")
    assert done.returncode == 0
    assert "there is nothing to explain" in done.stdout


def test_explain_writes_a_page(shell: Shell) -> None:
    """The page of an explanation holds the failing, the shrunk and the passing run, and loads nothing."""
    done = shell("explain", "test_it.py::test_race", "2", "--page", "why.html")
    assert "page: why.html" in done.stdout
    assert "arrived as [2, 1]" in shell.folder.joinpath("why.html").read_text("utf-8")


def test_fixtures_of_the_tests_own(shell: Shell) -> None:
    """A test with fixtures of its own is explained too; they are set up anew for every run."""
    shell.folder.joinpath("test_own.py").write_text(
        "import pytest\nfrom toys import orderly\n\n"
        "@pytest.fixture\ndef fresh():\n    return []\n\n"
        "def test_own(world, fresh):\n    assert fresh == []\n    fresh.append(1)\n    orderly(world)\n",
        "utf-8",
    )
    told = shell.json("explain", "test_own.py", "2")
    assert told["error"] == "AssertionError: arrived as [2, 1]"
    assert told["explanation"]["pair"] is not None


def test_report_files_of_a_hunt(shell: Shell) -> None:
    """--report leaves text, page and document of the lowest failing seed, whatever the number of processes."""
    written = []
    for jobs in ("1", "2"):
        done = shell.json("hunt", "test_it.py::test_race", "--seeds=10", "-j", jobs, "--report", f"out{jobs}")
        files = [shell.folder / file for file in done["tests"][0]["files"]]
        assert sorted(file.suffix for file in files) == [".html", ".json", ".txt"]
        assert sorted(files) == sorted(shell.folder.joinpath(f"out{jobs}").iterdir())
        (text,) = (file.read_text("utf-8") for file in files if file.suffix == ".txt")
        assert text.startswith("test_it.py::test_race\n")
        written.append(text)
    assert "token: ch1-random-2\n" in written[0]
    assert written[0] == written[1]
