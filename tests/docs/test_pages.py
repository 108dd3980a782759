"""The comparison of promised and real output notices what it must, and lets pass what it may."""

from __future__ import annotations

import pytest

from tests.docs.pages import difference

OUTPUT = "first\nsecond 1.25 s\nthird\nfourth\n"


@pytest.mark.parametrize(
    "promise",
    [OUTPUT, "first\nsecond ... s\nthird\nfourth", "...\nthird\nfourth", "first\n...", "...\nsecond...\n...\nfourth", "..."],
)
def test_a_kept_promise(promise: str) -> None:
    """Equal lines, gaps in a line, and lines left out where the page says so."""
    assert difference(promise, OUTPUT) == ""


@pytest.mark.parametrize(
    "promise",
    [
        "first",
        "second...\nthird\nfourth",
        "first\nthird\n...",
        "...\nfourth\nthird",
        "...\nfifth\n...",
        "first\nsecond ... h\n...",
        "",
    ],
)
def test_a_broken_promise(promise: str) -> None:
    """Lines that are missing, in another order, different, or too many."""
    assert difference(promise, OUTPUT) != ""
