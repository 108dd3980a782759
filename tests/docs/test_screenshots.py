"""The pictures under docs/screenshots: there, small enough, and made by a script that still works."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from docs.screenshots import make

FOLDER = Path(make.__file__).parent
LARGEST = 300_000


@pytest.mark.parametrize("name", [picture[0] for picture in make.PICTURES])
def test_each_picture_is_there_and_small(name: str) -> None:
    """Each picture that the script makes is kept, is a PNG of the size asked for, and no burden to a clone."""
    content = (FOLDER / f"{name}.png").read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(content) < LARGEST
    assert struct.unpack(">II", content[16:24]) == next(size for each, _, size, _ in make.PICTURES if each == name)


def test_no_picture_is_left_over() -> None:
    """What the script does not make any more is gone."""
    assert {path.stem for path in FOLDER.glob("*.png")} == {picture[0] for picture in make.PICTURES}


def test_the_pages_can_be_made() -> None:
    """The seeds still show what the pictures are about: a failure, the order that decides, three frameworks."""
    pages = make.pages()
    assert pages.keys() == {picture[1] for picture in make.PICTURES}
    assert "add_slave" in pages["failure"]
    assert "Decisive is the order of two events" in pages["side-by-side"]
    for name in ("web / shop", "web / search", "batch / nightly"):
        assert name in pages["allocation"]
