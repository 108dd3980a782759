"""A finished run as text for people and for other programs, by the name of the format."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec

from harness.durations import Duration
from harness.errors import MisuseError
from harness.report.chart import time_width
from harness.report.columns import columns
from harness.report.document import RecordEntry, RunDocument
from harness.report.glog import glog
from harness.report.json_lines import json_lines
from harness.report.mermaid import mermaid
from harness.report.perfetto import perfetto
from harness.simulation.trace import Record, moment, shorten

_PROCESS = 36
_DIAGRAM = 60


class Selection(NamedTuple):
    """Which records to show.

    Attributes:
        processes: addresses, names or hosts; records that concern none of them are left out. Empty for all.
        types: classes of messages, methods of dispatches, purposes of timers; the rest is left out. Empty for all.
        last: only so many of those, the last ones; None for all.
    """

    processes: Sequence[str] = ()
    types: Sequence[str] = ()
    last: int | None = None

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        return not self.processes and not self.types and self.last is None

    def of(self, document: RunDocument) -> RunDocument:
        """The document with the chosen records only; they keep their steps.

        Raises:
            MisuseError: no record concerns such a process, or has such a type.
        """
        for process in self.processes:
            _known("--process", process, _names(document.records))
        for wanted in self.types:
            _known("--type", wanted, {record.type: None for record in document.records if record.type})
        ours = self.before_failure(document)
        # The clean-up that followed a failure explains nothing, and is not what somebody means by the last records.
        chosen = ours if self.last is not None else [record for record in document.records if self._fits(record)]
        return msgspec.structs.replace(document, records=tuple(chosen), over=len(ours))

    def before_failure(self, document: RunDocument) -> list[RecordEntry]:
        """The chosen records up to where the test itself failed; all of them if it did not fail by itself."""
        over = document.over if document.aborted and document.over is not None else len(document.records)
        chosen = [record for record in document.records if self._fits(record) and record.step < over]
        return chosen if self.last is None else chosen[-self.last :]

    def _fits(self, record: RecordEntry) -> bool:
        if self.types and record.type not in self.types:
            return False
        return not self.processes or any(_is(end, wanted) for end in _ends(record) for wanted in self.processes)


def _names(records: Iterable[RecordEntry]) -> dict[str, None]:
    return {name: None for record in records for end in _ends(record) for name in (end, *end.split("@"))}


def _ends(record: RecordEntry) -> tuple[str, ...]:
    return (record.process, record.source) if record.source else (record.process,)


def _is(address: str, wanted: str) -> bool:
    return wanted == address or wanted in address.split("@")


def _known(option: str, wanted: str, names: dict[str, None]) -> None:
    if wanted not in names:
        shown = sorted(name for name in names if "@" in name or option == "--type")
        more = f" and {len(shown) - 30} more" if len(shown) > 30 else ""
        raise MisuseError(f"{option} {wanted}: nothing in this run has that; there are {', '.join(shown[:30])}{more}")


def render(document: RunDocument, kind: str, selection: Selection) -> str:
    """The run in one of :data:`FORMATS`, without a line end.

    Raises:
        MisuseError: the selection means nothing here.
    """
    if kind == "perfetto" and not selection.everything:
        raise MisuseError(
            "--process, --type and --last do not go with --format perfetto: its arrows need every event; search there"
        )
    return _RENDERERS[kind](document, selection)


def _timeline(document: RunDocument, selection: Selection) -> str:
    chosen = selection.of(document)
    records = chosen.records
    over = chosen.over if chosen.aborted and chosen.over is not None else len(records)
    wide = min(_PROCESS, max((len(shorten(record.process)) for record in records), default=0))
    room = time_width(Duration(record.time_ns) for record in records)
    lines = [_line(record, room, wide) for record in records]
    hidden = len(selection._replace(last=None).before_failure(document)) - len(records)
    if selection.last is not None and hidden > 0:
        lines.insert(0, f"({hidden} earlier records left out)")
        over += 1
    if over < len(lines):
        lines.insert(over, f"(here the test failed; the {len(lines) - over} records below are clean-up)")
    return "\n".join(lines) or "(nothing happened)"


def _line(record: RecordEntry, room: int, wide: int) -> str:
    shown = Record(
        record.step,
        Duration(record.time_ns),
        record.kind,
        record.process,
        record.source,
        record.text,
        Duration(record.since_ns),
        record.cause,
    )
    return f"{moment(shown.time):>{room}}  {shorten(shown.process):<{wide}}  {shorten(shown.text)}"


def _columns(document: RunDocument, selection: Selection) -> str:
    chosen = selection.of(document)
    return columns(chosen, max(1, len(chosen.records)))


def _jsonl(document: RunDocument, selection: Selection) -> str:
    return "\n".join(json_lines(document if selection.everything else selection.of(document)))


def _log(document: RunDocument, selection: Selection) -> str:
    return "\n".join(glog(document if selection.everything else selection.of(document)))


def _mermaid(document: RunDocument, selection: Selection) -> str:
    most = _DIAGRAM if selection.last is None else selection.last
    return mermaid(document, selection.processes, selection.types, most=most).rstrip("\n")


def _perfetto(document: RunDocument, selection: Selection) -> str:
    return json.dumps(perfetto(document), ensure_ascii=False)


_RENDERERS: dict[str, Callable[[RunDocument, Selection], str]] = {
    "timeline": _timeline,
    "columns": _columns,
    "log": _log,
    "mermaid": _mermaid,
    "jsonl": _jsonl,
    "perfetto": _perfetto,
}

FORMATS = tuple(_RENDERERS)
"""For people first, then for programs."""
