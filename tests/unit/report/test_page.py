"""The page of a failure: one file, nothing fetched, nothing unescaped; two runs aligned by what they share."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from harness.report.document import FailureDocument, RecordEntry, RunDocument, document_of
from harness.report.page import page
from harness.report.page.alignment import align
from tests.browser import toys


@pytest.fixture(scope="module")
def failure() -> FailureDocument:
    return toys.explained()


@pytest.fixture(scope="module")
def text(failure: FailureDocument) -> str:
    return page(failure)


def _data(text: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    data: dict[str, object] = json.loads(found[1])
    return data


class _Elements(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs


def test_page_fetches_nothing(text: str) -> None:
    """No element points anywhere, and the page forbids itself to load anything."""
    elements = _Elements(text)
    assert not {"link", "img", "iframe", "a", "base", "object"} & set(elements.names)
    assert not [value for name, value in elements.attributes if name in ("src", "href", "srcset", "action")]
    assert "default-src 'none'" in text
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert "url(http" not in text


def test_contents_of_messages_cannot_break_out(text: str) -> None:
    """A message that holds the end of a script element ends nothing, neither in the data nor in the text."""
    assert _Elements(text).names.count("script") == 2
    assert "<b>tea" not in text
    assert "</script><b>tea</b>" in json.dumps(_data(text)["texts"])


def test_page_tells_what_broke_and_how_to_make_it_again(text: str, failure: FailureDocument) -> None:
    """The first line of the error, the explanation, the command, the token, the pending timers and the choices are there."""
    for wanted in ("AssertionError", "pytest shop.py", failure.failing.token, failure.failing.digest):
        assert wanted in text
    assert "What broke" in text
    assert "Why it fails" in text
    assert "Pending when the test ended" in text
    assert "Deviations" in text
    assert text.count("Decisive is the order") == 1


def test_headline_of_a_traceback_is_the_exception() -> None:
    """Not the word that every traceback begins with."""
    run = document_of(toys.failing_run(), test="t")
    assert str(run.error).startswith("Traceback")
    headline = re.search(r'<p class="first">(.*?)</p>', page(run))
    assert headline is not None
    assert headline[1].startswith("AssertionError: orders: ")


def test_page_of_a_passing_run() -> None:
    """A run without a failure has a page as well."""
    run = document_of(toys.run_of(toys.each_orders_once, 0, "prompt"), test="shop.py::fine")
    text = page(run)
    assert "<title>Run of shop.py::fine</title>" in text
    assert "What broke" not in text


def test_remark_stands_on_the_page() -> None:
    """Why there is nothing to compare with is told."""
    run = document_of(toys.failing_run(), test="t")
    assert "It has fixtures of its own." in page(FailureDocument(failing=run, remark="It has fixtures of its own."))


def test_same_document_same_page(failure: FailureDocument, text: str) -> None:
    """Nothing on the page depends on anything but the document."""
    assert page(failure) == text


def test_lanes_are_the_processes_grouped_by_role(text: str) -> None:
    """One lane an address, children below their parent, whoever never was at the end."""
    lanes = _data(text)["lanes"]
    assert isinstance(lanes, list)
    assert [lane["address"] for lane in lanes] == ["shop@market", "till@market", "ada@ada", "bob@bob", "nobody@nowhere"]


# --- alignment


def _run(*names: str, failed: bool = False) -> RunDocument:
    """A run of events called ``process:event``."""
    records = tuple(
        RecordEntry(step=step, time_ns=step, kind="delivered", process=name.partition(":")[0], name=name)
        for step, name in enumerate(names)
    )
    return RunDocument(test="t", seed=0, strategy="s", token="", digest="", error="no" if failed else None, records=records)


def test_equal_runs_have_one_column_an_event() -> None:
    """Nothing differs."""
    assert align(_run("a:1", "b:1"), _run("a:1", "b:1")) == ([(0, 0), (1, 1)], None)


def test_event_of_one_run_has_a_column_of_its_own() -> None:
    """The other run has a hole there, and there they differ."""
    assert align(_run("a:1", "a:2", "b:1"), _run("a:1", "b:1")) == ([(0, 0), (1, -1), (2, 1)], 1)


def test_events_that_change_places_at_one_process_differ() -> None:
    """One of them keeps its column, the other has two; they differ at the first."""
    columns, difference = align(_run("a:1", "a:2", "a:3"), _run("a:1", "a:3", "a:2"))
    assert sorted(columns) == [(-1, 1), (0, 0), (1, 2), (2, -1)] or sorted(columns) == [(-1, 2), (0, 0), (1, -1), (2, 1)]
    assert difference == 1


def test_events_of_different_processes_may_change_places() -> None:
    """No process can tell, so nothing differs."""
    _, difference = align(_run("a:1", "b:1"), _run("b:1", "a:1"))
    assert difference is None


def test_run_that_ends_earlier_differs_at_its_end() -> None:
    """What only the longer run has is the difference."""
    assert align(_run("a:1"), _run("a:1", "a:2")) == ([(0, 0), (-1, 1)], 1)


def test_every_event_of_both_runs_has_its_column(failure: FailureDocument) -> None:
    """Each step of either run stands in exactly one column, in its own order."""
    assert failure.shrunk is not None
    assert failure.passing is not None
    columns, difference = align(failure.shrunk, failure.passing)
    assert [step for step, _ in columns if step >= 0] == list(range(len(failure.shrunk.records)))
    assert [step for _, step in columns if step >= 0] == list(range(len(failure.passing.records)))
    assert difference is not None
    for ours, theirs in columns:
        if ours >= 0 and theirs >= 0:
            assert failure.shrunk.records[ours].name == failure.passing.records[theirs].name
