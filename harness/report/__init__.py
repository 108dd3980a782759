"""Runs as text: short first, long on request."""

from __future__ import annotations

from harness.report.text import choices_text, error_text, run_report, timeline

__all__ = ["choices_text", "error_text", "run_report", "timeline"]
