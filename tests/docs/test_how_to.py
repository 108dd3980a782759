"""The how-to pages that work on files of the reader's own: every command runs and prints what the page shows."""

from __future__ import annotations

from pathlib import Path

from tests.docs.pages import DOCS, blocks
from tests.docs.sandbox import Sandbox


def test_logs_and_exports(tmp_path: Path) -> None:
    """The tests pass, the log reads as shown, and one failure leaves in every format that the page names."""
    sandbox = Sandbox(tmp_path)
    sandbox.follow(blocks(DOCS / "how-to/logs-and-exports.md"))
    made = {path.name for path in sandbox.project.iterdir()}
    assert {"offer.json", "offer.trace.json", "offer.html", "offer.jsonl"} <= made
