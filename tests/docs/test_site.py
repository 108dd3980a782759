"""The site: it builds without a warning, leads everywhere, loads nothing from elsewhere, and has every public name."""

from __future__ import annotations

import logging
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

import harness
from tests.docs.pages import DOCS, ROOT


class _Page(HTMLParser):
    """What a built page links to, what it loads, and the anchors that it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given: dict[str, Any] = dict(attrs)
        if given.get("id"):
            self.anchors.add(given["id"])
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag in ("script", "img", "iframe") and given.get("src"):
            self.loads.append(given["src"])
        if tag == "link" and given.get("rel") not in ("canonical", "prev", "next") and given.get("href"):
            self.loads.append(given["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly in this process; any warning ends the build."""
    pytest.importorskip("mkdocs", reason="the site needs the extra 'docs'")
    pytest.importorskip("mkdocstrings", reason="the site needs the extra 'docs'")
    pytest.importorskip("material", reason="the site needs the extra 'docs'")
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    folder = tmp_path_factory.mktemp("site")
    warnings = _Warnings()
    logging.getLogger("mkdocs").addHandler(warnings)
    try:
        config = load_config(str(ROOT / "mkdocs.yml"), strict=False, site_dir=str(folder))
        config.plugins.run_event("startup", command="build", dirty=False)
        build(config)
        config.plugins.run_event("shutdown")
    finally:
        logging.getLogger("mkdocs").removeHandler(warnings)
    assert not warnings.lines, "\n".join(warnings.lines)
    return folder


class _Warnings(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, _Page]:
    """Every built page, read."""
    return {path.resolve(): _Page(path.read_text("utf-8")) for path in site.rglob("*.html")}


@pytest.mark.filterwarnings("ignore")
def test_every_page_is_built(pages: dict[Path, _Page], site: Path) -> None:
    """Each Markdown file becomes a page."""
    for page in DOCS.rglob("*.md"):
        assert site.joinpath(page.relative_to(DOCS).with_suffix(".html")).resolve() in pages


@pytest.mark.filterwarnings("ignore")
def test_links_lead_to_pages_and_anchors(pages: dict[Path, _Page], site: Path) -> None:
    """Every link inside the site names a file of it, and a part of that page if it names one."""
    for path, page in pages.items():
        if path.name == "404.html":
            continue
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or link.startswith(("mailto:", "javascript:")):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            assert target.exists(), f"{path.relative_to(site.resolve())} links to {link}"
            if parts.fragment and target.suffix == ".html" and not parts.fragment.startswith("__"):
                assert unquote(parts.fragment) in pages[target].anchors, f"{path.relative_to(site.resolve())} links to {link}"


@pytest.mark.filterwarnings("ignore")
def test_every_page_is_reached_from_the_first(pages: dict[Path, _Page], site: Path) -> None:
    """Who follows links from the start comes to every page."""
    start = (site / "index.html").resolve()
    seen, waiting = {start}, [start]
    while waiting:
        path = waiting.pop()
        for link in pages[path].links:
            parts = urlsplit(link)
            target = (path.parent / unquote(parts.path)).resolve()
            if not parts.scheme and parts.path and target in pages and target not in seen:
                seen.add(target)
                waiting.append(target)
    assert {path.name for path in set(pages) - seen} <= {"404.html"}


@pytest.mark.filterwarnings("ignore")
def test_nothing_is_loaded_from_elsewhere(pages: dict[Path, _Page]) -> None:
    """No font, script, style or picture comes from another place."""
    for path, page in pages.items():
        for address in page.loads:
            assert not urlsplit(address).netloc, f"{path.name} loads {address}"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", harness.__all__)
def test_every_public_name_is_in_the_reference(pages: dict[Path, _Page], name: str) -> None:
    """Each name of ``harness`` has an entry of its own on a page of the reference."""
    anchors = {anchor for path, page in pages.items() if path.parent.name == "reference" for anchor in page.anchors}
    assert any(re.fullmatch(rf"harness\.[\w.]*\b{name}", anchor) for anchor in anchors)


@pytest.mark.filterwarnings("ignore")
def test_docstrings_read_as_text(site: Path) -> None:
    """No markup of another documentation tool is left on a page of the reference."""
    for path in site.glob("reference/*.html"):
        text = path.read_text("utf-8")
        found = re.search(r":(?:class|func|meth|mod|attr|exc):", text)
        assert not found, f"{path.name}: {found and found[0]}"
        # A section that the docstring style does not know is rendered as a box to fold away.
        folded = re.search(r"<summary>(.*?)</summary>", text)
        assert not folded, f"{path.name}: {folded and folded[0]}"
