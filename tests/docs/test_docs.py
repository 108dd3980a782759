"""What the documentation says is so: its code runs, its links lead somewhere, its commands exist."""

from __future__ import annotations

import importlib.util
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import harness
from tests.docs.pages import PAGES, ROOT, Block, blocks, name_of

TESTS = [block for page in PAGES for block in blocks(page) if block.is_test]


@pytest.mark.parametrize("block", TESTS, ids=[block.place for block in TESTS])
def test_tests_on_the_pages_pass(block: Block, pytester: pytest.Pytester) -> None:
    """A test on a page passes under twenty seeds; one that is shown because it is flaky passes under ``prompt``."""
    pytester.makepyfile(test_page=block.code)
    options = ["--cluster-strategy=prompt"] if block.note == "flaky" else ["--cluster-seeds=20"]
    plugin = [] if _installed() else ["-p", "harness_fixtures.plugin"]
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider", *plugin, *options)
    assert result.ret == 0, result.stdout.str()


def _installed() -> bool:
    from importlib.metadata import entry_points

    return any(entry.value == "harness_fixtures.plugin" for entry in entry_points(group="pytest11"))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_code_on_the_page_runs(page: Path) -> None:
    """The blocks of a page that are no tests run one after the other, in one namespace."""
    namespace: dict[str, Any] = {"__name__": "page"}
    for block in blocks(page):
        if block.language == "python" and not (block.is_test or block.title or block.note):
            exec(compile("\n" * (block.line - 1) + block.code, str(page), "exec"), namespace)


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """What a page shows of ``logging`` is meant for a reader's program, and must not reach the next test of this process."""
    loggers = [logging.getLogger(), logging.getLogger("harness")]
    before = [(logger.level, list(logger.handlers)) for logger in loggers]
    yield
    for logger, (level, handlers) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.handlers[:] = handlers


def _is_followed(page: Path) -> bool:
    """Whether ``test_tutorial.py`` or ``test_newcomer.py`` do all that the page says, in a project of its own."""
    return page.parent.name == "tutorial" or page.name == "newcomer.md"


REPLAYS = sorted(
    {
        found
        for page in PAGES
        if not _is_followed(page)
        for found in re.findall(r"harness replay (\S+)::(\w+) (ch1-\S+)", page.read_text("utf-8"))
    }
)


@pytest.mark.parametrize(("file", "name", "token"), REPLAYS)
def test_replays_on_the_pages_fail(file: str, name: str, token: str) -> None:
    """A failure that a page tells the reader to replay is one. After a change of the model, write another seed into the pages."""
    spec = importlib.util.spec_from_file_location("replayed", ROOT / file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert isinstance(harness.replay(getattr(module, name), token).error, harness.ExpectationError)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files(page: Path) -> None:
    """Every relative link names a file of the project."""
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{name_of(page)} links to {target}, which is not there"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_paths_on_the_page_exist(page: Path) -> None:
    """Files and folders that are named in code font, with a slash, are there."""
    for path in re.findall(r"`((?:harness|fixtures|examples|benchmarks|tests|docs|\.ci)/[\w./]*)`", page.read_text("utf-8")):
        assert (ROOT / path).exists() or (page.parent / path).exists(), f"{name_of(page)} names {path}, which is not there"


def test_every_page_is_in_the_index() -> None:
    """A reader who starts at the index finds every page."""
    index = (ROOT / "docs/index.md").read_text("utf-8")
    for page in ROOT.glob("docs/**/*.md"):
        if page.name != "index.md":
            assert f"]({page.relative_to(ROOT / 'docs').as_posix()})" in index, f"{name_of(page)} is not in docs/index.md"


def test_every_folder_of_tests_has_its_row() -> None:
    """``tests/README.md`` tells of each folder of tests, and of none that is not there."""
    rows = re.findall(r"^\| `(\w+)/` \|", (ROOT / "tests/README.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(path.name for path in ROOT.glob("tests/*") if next(path.glob("*.py"), None) is not None)


def test_every_dependency_is_justified() -> None:
    """Each requirement of pyproject.toml has a row in docs/dependencies.md."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    text = (ROOT / "docs/dependencies.md").read_text("utf-8")
    wanted = [*project["dependencies"], *(name for extra in project["optional-dependencies"].values() for name in extra)]
    for requirement in wanted:
        name = re.split(r"[<>=!~\[; ]", requirement)[0]
        if name != project["name"]:  # one extra may include others
            assert re.search(rf"^\|.*`{name}`.*\|", text, re.MULTILINE), f"docs/dependencies.md has no row for {name}"


def test_readme_documents_every_option_and_fixture(pytester: pytest.Pytester) -> None:
    """The tables of the README and of the reference are complete."""
    from harness_fixtures.options import _HELP

    readme = (ROOT / "README.md").read_text("utf-8")
    reference = (ROOT / "docs/reference/pytest.md").read_text("utf-8")
    for name, _, _ in _HELP:
        assert f"`--cluster-{name}=" in readme
        assert f"`--cluster-{name}=" in reference
    for fixture in ("cluster", "clock", "allocator", "messages", "network", "expect", "world", "wall_clock", "seed"):
        assert f"| `{fixture}` |" in readme
