"""Lines in the manner of glog, on virtual time: ``I0101 00:00:00.012345 master@master] Admitted agent ...``.

Month, day and time of day are those of the virtual clock (every run begins at the same instant, in UTC), cut to microseconds.
"""

from __future__ import annotations

import re
from datetime import timedelta

from harness.simulation.society import EPOCH
from harness.simulation.trace import DROPPED, NOTED

INFO, WARNING, ERROR = "I", "W", "E"
"""Severities, mild ones first."""

SEVERITIES = (INFO, WARNING, ERROR)

# A note has no severity of its own; how it begins tells, as those who wrote it would have chosen.
_WARNS = re.compile(r"(dropping|ignoring|refusing|rejecting|cannot|could not|unable|invalid|unknown)\b", re.IGNORECASE)
_FAILS = re.compile(r"(failed|failure|error|exiting|aborting|fatal)\b", re.IGNORECASE)
_US_PER_DAY = 86_400_000_000


def is_logged(kind: str) -> bool:
    """Whether records of this kind belong into a log: what processes say of themselves, and what never reached one."""
    return kind in (NOTED, DROPPED)


def severity_of(kind: str, text: str) -> str:
    """``I``, ``W`` for what was lost, refused or passed over, ``E`` for what failed."""
    if kind == DROPPED or _WARNS.match(text):
        return WARNING
    return ERROR if _FAILS.match(text) else INFO


def text_of(kind: str, text: str, source: str) -> str:
    """What a line says after the bracket; a line it stays, whatever the note holds."""
    if kind == DROPPED:
        text = f"Lost on its way from {source}: {text}" if source else f"Lost on its way: {text}"
    return text.replace("\r", "\\r").replace("\n", "\\n")


def line(time_ns: int, severity: str, process: str, text: str) -> str:
    """One line of a log."""
    microseconds = time_ns // 1000
    day = EPOCH + timedelta(days=microseconds // _US_PER_DAY)
    seconds, fraction = divmod(microseconds % _US_PER_DAY, 1_000_000)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:06}"
    return f"{severity}{day:%m%d} {clock} {process}] {text}"


def headline(error: str) -> str:
    """The line of an error's text that says what is wrong: the first, or of a traceback the first after its frames."""
    lines = error.splitlines() or ["failed"]
    if not lines[0].startswith("Traceback ("):
        return lines[0]
    return next((text for text in lines[1:] if not text.startswith(" ")), lines[-1])
