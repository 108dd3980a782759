"""``harness show``: runs from documents, from reports, and made again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.shell import Server, Shell, make_project


@pytest.fixture(scope="module")
def hunted(tmp_path_factory: pytest.TempPathFactory, server: Server) -> tuple[Shell, str]:
    """A project in which a hunt has written its files; the path of these without ending."""
    shell = make_project(tmp_path_factory.mktemp("hunted"), server)
    shell("hunt", "test_it.py::test_race", "--seeds", "30", "--report", "out")
    (document,) = shell.folder.joinpath("out").glob("*.json")
    return shell, f"out/{document.stem}"


def test_document_and_report_show_the_same(hunted: tuple[Shell, str]) -> None:
    """The document is shown as it is; for the text report the test runs again; both give the same timeline."""
    shell, stem = hunted
    stored, again, named = (
        shell("show", *source) for source in ([f"{stem}.json"], [f"{stem}.txt"], ["test_it.py::test_race", "2"])
    )
    assert stored.returncode == 0, stored.stderr
    assert stored.stdout.startswith("test_it.py::test_race under ch1-random-2\n")
    assert "Ping(n=2)  <- sender2@hub" in stored.stdout
    assert stored.stdout == again.stdout == named.stdout


def test_document_needs_no_test(hunted: tuple[Shell, str], tmp_path: Path) -> None:
    """A colleague who has only the document can look at it."""
    shell, stem = hunted
    copy = tmp_path / "theirs.json"
    copy.write_bytes(shell.folder.joinpath(f"{stem}.json").read_bytes())
    assert "Ping(n=1)" in Shell(tmp_path)("show", "theirs.json").stdout


def test_selection(hunted: tuple[Shell, str]) -> None:
    """Processes, types and the last few narrow down what is shown."""
    shell, stem = hunted
    pings = shell("show", f"{stem}.json", "--type", "Ping").stdout.splitlines()[1:]
    assert len(pings) == 2
    west = shell("show", f"{stem}.json", "--process", "home").stdout
    assert "sender1@home" in west
    assert "sender2@hub" not in west
    last = shell("show", f"{stem}.json", "--last", "2").stdout.splitlines()
    assert len(last) == 4
    assert last[1].endswith("earlier records left out)")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("timeline", "Ping(n=1)"),
        ("columns", "sender1@home"),
        ("log", "arrived as [2, 1]"),
        ("mermaid", "sequenceDiagram"),
        ("jsonl", '"line":"verdict"'),
        ("perfetto", '"traceEvents"'),
    ],
)
def test_formats(hunted: tuple[Shell, str], kind: str, words: str) -> None:
    """Each format is printed, and written to a file on demand."""
    shell, stem = hunted
    printed = shell("show", f"{stem}.json", "--format", kind)
    assert printed.returncode == 0, printed.stderr
    assert words in printed.stdout
    written = shell("show", f"{stem}.json", "--format", kind, "-o", f"{kind}.txt")
    assert written.stdout.startswith(f"{kind}.txt: ")
    assert shell.folder.joinpath(f"{kind}.txt").read_text("utf-8") in printed.stdout


def test_formats_for_programs_are_json(hunted: tuple[Shell, str]) -> None:
    """Every line of jsonl, and the whole of perfetto and --json, is JSON."""
    shell, stem = hunted
    lines = shell("show", f"{stem}.json", "--format", "jsonl").stdout.splitlines()
    assert [json.loads(lines[0])["line"], json.loads(lines[-1])["line"]] == ["run", "verdict"]
    assert json.loads(shell("show", f"{stem}.json", "--format", "perfetto").stdout)["traceEvents"]
    assert shell.json("show", f"{stem}.json")["document"] == "failure"
    assert shell.json("show", "test_it.py::test_race", "2")["document"] == "run"


def test_runs_of_a_failure(hunted: tuple[Shell, str]) -> None:
    """The shrunk and the nearest passing run of a failure can be shown as well."""
    shell, stem = hunted
    runs = {kind: shell.json("show", f"{stem}.json", "--run", kind) for kind in ("failing", "shrunk", "passing")}
    assert [runs[kind].get("error_type") for kind in runs] == ["AssertionError", "AssertionError", None]
    assert len(runs["shrunk"].get("deviations", [])) < len(runs["failing"]["deviations"])


def test_page(hunted: tuple[Shell, str]) -> None:
    """The page of a document is one file that fetches nothing."""
    shell, stem = hunted
    shown = shell("show", f"{stem}.json", "--page", "page.html")
    assert shown.stdout.startswith("page.html: test_it.py::test_race under ch1-random-2")
    page = shell.folder.joinpath("page.html").read_text("utf-8")
    assert "arrived as [2, 1]" in page
    assert "://" not in page.replace("http://www.w3.org", "")


def test_page_of_allocations(shell: Shell) -> None:
    """A run with offers gives a page that loads nothing."""
    shell.folder.joinpath("test_offer.py").write_text(
        "def test_offer(cluster):\n"
        "    cluster.start_master()\n    cluster.start_agent('cpus:2;mem:1024')\n"
        "    framework = cluster.start_framework()\n    cluster.wait(framework.next_offers())\n    cluster.run_for('2secs')\n",
        "utf-8",
    )
    shown = shell("show", "test_offer.py::test_offer", "7", "--allocation", "page.html")
    assert shown.returncode == 0, shown.stderr
    page = shell.folder.joinpath("page.html").read_text("utf-8")
    assert "<svg" in page
    assert "cpus" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
