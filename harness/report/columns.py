"""The chart of :mod:`harness.report.chart` from a document, or from a bare trace."""

from __future__ import annotations

import bisect
from collections.abc import Sequence

from harness.durations import Duration
from harness.report.chart import WIDTH, Row, Stage, absent_at, chart, trace_chart
from harness.report.document import DECISIVE, DEVIATION, RecordEntry, RunDocument
from harness.simulation.clock import PendingTimer
from harness.simulation.events import Address
from harness.simulation.trace import ENDED, SPAWNED, Trace

# Marks on more than this part of the lines tell nothing.
_FEW = 3


def columns(run: RunDocument | Trace, most: int = 40, widest: int = WIDTH, marked: Sequence[int] = ()) -> str:
    """The last ``most`` records of a run as a chart with a column for each process, and below it the timers that were pending.

    Of a run whose test failed, these are the last before its failure. A star marks the events that decide: those of
    ``marked`` or of the document's pair; else, if they are few, those about which a draw deviated.

    Args:
        run: a finished run as a document, or its bare trace; a trace knows neither marks nor timers.
        most: how many records.
        widest: how many letters a line of a document's chart may have, at least 80.
        marked: steps to mark.
    """
    if isinstance(run, Trace):
        return trace_chart(run, most, marked)
    records = run.records
    over = run.over if run.aborted and run.over is not None else None
    # By their steps: the document may hold a selection only.
    end = len(records) if over is None else bisect.bisect_left(records, over, key=_step_of)
    begin = max(0, end - most)
    shown = records[begin:end]
    stars = frozenset(marked) or _deciding(run, shown)
    rows = [Row(one.step, one.time_ns, one.kind, one.process, one.source, one.text, one.step in stars) for one in shown]
    changes = ((one.step, one.kind, one.process) for one in records if one.kind in (SPAWNED, ENDED))
    timers = [
        PendingTimer(
            Address(timer.owner),
            Duration(timer.due_ns),
            timer.purpose,
            Duration(timer.low_ns),
            Duration(timer.high_ns),
            timer.recurring,
        )
        for timer in run.timers
    ]
    return chart(Stage(rows, begin, len(records) - end, absent_at(shown[0].step if shown else 0, changes)), timers, widest)


def _step_of(record: RecordEntry) -> int:
    return record.step


def _deciding(run: RunDocument, shown: Sequence[RecordEntry]) -> frozenset[int]:
    pair = frozenset(run.pair or ()) or frozenset(record.step for record in shown if DECISIVE in record.marks)
    if pair:
        return pair
    deviating = frozenset(record.step for record in shown if DEVIATION in record.marks)
    return deviating if len(deviating) * _FEW <= len(shown) else frozenset()
