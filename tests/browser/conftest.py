"""A browser that is installed already, without a network, and pages opened in it from disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.report.document import Document
from harness.report.page import page as page_of
from tests.browser import toys

Open = Callable[..., Any]
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium as it is installed, or as ``HARNESS_CHROMIUM`` names it; none is downloaded."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
    found = os.environ.get("HARNESS_CHROMIUM") or next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium is installed: install one, or name it in HARNESS_CHROMIUM")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def contexts(browser: Any) -> Iterator[dict[str, Any]]:
    """Windows of the browser by their settings, kept from test to test because they take long to make; all of them offline."""
    made: dict[str, Any] = {}
    yield made
    for context in made.values():
        context.close()


@pytest.fixture
def open_page(browser: Any, contexts: dict[str, Any], tmp_path: Path) -> Iterator[Open]:
    """Write the page of a document and open it; at the end nothing may have been fetched and nothing complained about."""
    requests: list[str] = []
    complaints: list[str] = []
    pages: list[Any] = []

    def open_page(document: Document, *, width: int = 1400, height: int = 900, **settings: Any) -> Any:
        path = tmp_path / f"page{len(pages)}.html"
        path.write_text(page_of(document), "utf-8")
        context = contexts.get(repr(settings))
        if context is None:
            context = contexts[repr(settings)] = browser.new_context(offline=True, **settings)
        opened = context.new_page()
        pages.append(opened)
        opened.set_viewport_size({"width": width, "height": height})
        opened.set_default_timeout(10_000)
        opened.on("request", lambda request: requests.append(request.url))
        opened.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.goto(path.as_uri())
        return opened

    yield open_page
    for page in pages:
        page.close()
    assert [url for url in requests if not url.startswith("file:")] == []
    assert len(requests) == len(pages)
    assert complaints == []


@pytest.fixture(scope="session")
def failure() -> Document:
    """A failure with shrunk and passing run."""
    return toys.explained()


@pytest.fixture(scope="session")
def big() -> Document:
    """A run of 20,000 records."""
    return toys.big()
