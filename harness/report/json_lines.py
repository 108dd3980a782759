"""A finished run as JSON lines, for ``jq``, a data frame or a log store: each line is an object with the key ``line``.

In this order, and each with all its keys, absent values being null:

- one ``run``: ``format, test, seed, strategy, token, digest, mesos_version, replay, draws, steps, records, epoch``; ``epoch`` is
  the instant (UTC, ISO 8601) from which the times count;
- a ``process`` for each process: the fields of :class:`~harness.report.document.ProcessEntry`;
- a ``record`` for each record: the fields of :class:`~harness.report.document.RecordEntry`;
- a ``deviation`` for each draw that was not benign: the fields of :class:`~harness.report.document.DeviationEntry`;
- a ``timer`` for each that was pending, an ``in_flight`` for each delivery under way at the end;
- one ``verdict``: ``passed, error_type, error, over, aborted, pair, explanation``.

Times end in ``_ns`` and are whole nanoseconds. A key is never renamed or dropped without a new ``format``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from harness.report.document import RunDocument
from harness.simulation.society import EPOCH


def json_lines(document: RunDocument) -> Iterator[str]:
    """The lines, without line ends; see the module for their keys."""
    encoder = msgspec.json.Encoder()

    def text(line: str, content: dict[str, Any]) -> str:
        return encoder.encode({"line": line, **content}).decode()

    yield text(
        "run",
        {
            "format": document.format,
            "test": document.test,
            "seed": document.seed,
            "strategy": document.strategy,
            "token": document.token,
            "digest": document.digest,
            "mesos_version": document.mesos_version,
            "replay": document.replay,
            "draws": document.draws,
            "steps": document.steps,
            "records": len(document.records),
            "epoch": EPOCH.isoformat(),
        },
    )
    entries: dict[str, tuple[msgspec.Struct, ...]] = {
        "process": document.processes,
        "record": document.records,
        "deviation": document.deviations,
        "timer": document.timers,
        "in_flight": document.in_flight,
    }
    for line, structs in entries.items():
        for struct in structs:
            # Encoded as a mapping, a struct would leave out what has its default.
            yield text(line, {field: getattr(struct, field) for field in struct.__struct_fields__})
    yield text(
        "verdict",
        {
            "passed": not document.failed,
            "error_type": document.error_type,
            "error": document.error,
            "over": document.over,
            "aborted": document.aborted,
            "pair": document.pair,
            "explanation": document.explanation,
        },
    )
