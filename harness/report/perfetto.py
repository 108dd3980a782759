"""A finished run for trace viewers: Chrome's Trace Event Format, which ui.perfetto.dev and chrome://tracing open.

Hosts are processes of the viewer, processes are its threads. What happens takes no virtual time, so events of one instant would
lie on each other: they are drawn one microsecond after the other, and where the next event leaves room a slice is wide enough
to be seen. The exact time of each is among its arguments.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from typing import Any

from harness.durations import Duration
from harness.report.document import RecordEntry, RunDocument
from harness.report.log_lines import headline
from harness.simulation.events import DISPATCH, EXITED, MESSAGE
from harness.simulation.trace import DELIVERED, DROPPED, ENDED, FIRED, HELD, NOTED, SPAWNED

Event = dict[str, Any]

_TICK_US = 1.0
# A slice that nothing follows for long gets this part of the whole run.
_WIDEST_PART = 400
_COLOURS = {DROPPED: "terrible", HELD: "bad", ENDED: "terrible", "decisive": "bad", "deviation": "bad"}


def perfetto(document: RunDocument) -> dict[str, Any]:
    """A finished run as the content of a trace file; write it with ``json.dumps``.

    Deliveries, timers and notes are slices (``X``; the notes of a handler inside its slice), messages that one process sent to
    another are arrows (``s`` and ``f``), what was dropped or held and the beginnings and ends of processes are instants
    (``i``), names are metadata (``M``). Times are in microseconds since the run began.
    """
    drawing = _Drawing(document)
    events = [*drawing.names(), *sorted(drawing.events(), key=lambda event: (event["ts"], _RANKS[event["ph"]]))]
    return {
        "traceEvents": events,
        "displayTimeUnit": "ns",
        "otherData": {
            "test": document.test,
            "seed": str(document.seed),
            "strategy": document.strategy,
            "token": document.token,
            "digest": document.digest,
            "replay": document.replay,
            "error": document.error or "",
            "pending timers": [f"{timer.owner} {timer.purpose} due at {Duration(timer.due_ns)}" for timer in document.timers],
            "in flight": [f"{one.source} -> {one.target} {one.text}" for one in document.in_flight],
        },
    }


# At one time a slice must begin before the arrow that is bound to it.
_RANKS = {"X": 0, "i": 1, "f": 2, "s": 3}


class _Drawing:
    """Where each record is drawn: its thread, its begin, its width."""

    def __init__(self, document: RunDocument) -> None:
        self.document = document
        self.records = document.records
        addresses = [entry.address for entry in document.processes]
        addresses += [record.process for record in self.records]
        self.threads = {address: number for number, address in enumerate(dict.fromkeys(addresses), 1)}
        hosts = dict.fromkeys(address.partition("@")[2] for address in self.threads)
        self.hosts = {host: number for number, host in enumerate(hosts, 1)}
        self.begins = self._begins()
        self.handlers = self._handlers()
        # The steps drawn as slices of their own, for each thread.
        self.slices: dict[str, list[int]] = {}
        for step, record in enumerate(self.records):
            if record.kind in (DELIVERED, FIRED) or (record.kind == NOTED and self.handlers[step] is None):
                self.slices.setdefault(record.process, []).append(step)
        self.widest = max(_TICK_US, (self.begins[-1] if self.begins else 0.0) / _WIDEST_PART)
        self.ends = {step: self._end(step) for steps in self.slices.values() for step in steps}

    def _begins(self) -> list[float]:
        """A time in us for each record, each at least a tick after the one before: an arrow never points backwards."""
        begins: list[float] = []
        earliest = 0.0
        for record in self.records:
            begin = max(record.time_ns / 1000, earliest)
            begins.append(round(begin, 3))
            earliest = begin + _TICK_US
        return begins

    def _handlers(self) -> list[int | None]:
        """For each note the step of the handler of the same process that wrote it, None for whatever else there is."""
        handlers: list[int | None] = []
        for record in self.records:
            wrote = record.kind == NOTED and record.cause >= 0
            handlers.append(record.cause if wrote and self.records[record.cause].process == record.process else None)
        return handlers

    def _end(self, step: int) -> float:
        last = step
        while last + 1 < len(self.records) and self._is_written(last + 1, step):
            last += 1
        own = self.slices[self.records[step].process]
        place = bisect.bisect_right(own, step)
        after = self.begins[own[place]] if place < len(own) else float("inf")
        needed = self.begins[last] + _TICK_US * 0.9
        return round(max(needed, min(self.begins[step] + self.widest, after - _TICK_US * 0.1)), 3)

    def _is_written(self, step: int, handler: int) -> bool:
        record = self.records[step]
        return record.cause == handler and record.kind in (NOTED, SPAWNED, ENDED)

    def names(self) -> Iterator[Event]:
        """The metadata: what the viewer calls its processes and threads, in the order in which they appeared."""
        for host, pid in self.hosts.items():
            yield {"ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": {"name": host or "no host"}}
            yield {"ph": "M", "name": "process_sort_index", "pid": pid, "tid": 0, "args": {"sort_index": pid}}
        for address, tid in self.threads.items():
            place = {"ph": "M", "pid": self.hosts[address.partition("@")[2]], "tid": tid}
            yield {**place, "name": "thread_name", "args": {"name": address}}
            yield {**place, "name": "thread_sort_index", "args": {"sort_index": tid}}

    def events(self) -> Iterator[Event]:
        """Slices, instants and arrows, in no order."""
        for step, record in enumerate(self.records):
            begin = self.begins[step]
            event: Event = {"name": _name(record), "cat": record.channel or record.kind, **self._place(record.process)}
            event["ts"] = begin
            event["args"] = _arguments(record)
            colour = next((_COLOURS[word] for word in (record.kind, *record.marks) if word in _COLOURS), None)
            if colour is not None:
                event["cname"] = colour
            if step in self.ends:
                yield {**event, "ph": "X", "dur": round(self.ends[step] - begin, 3)}
            elif record.kind == NOTED:
                yield {**event, "ph": "X", "dur": round(_TICK_US * 0.8, 3)}
            else:
                yield {**event, "ph": "i", "s": "t"}
            yield from self._arrow(step, record)
        if self.document.error is not None:
            yield self._failure()

    def _arrow(self, step: int, record: RecordEntry) -> Iterator[Event]:
        # What the test itself sent has no slice to start from.
        if record.kind != DELIVERED or record.channel not in (MESSAGE, DISPATCH, EXITED) or record.cause < 0:
            return
        start = record.cause
        sender = self.records[start].process
        if sender == record.process or start not in self.ends:
            return
        arrow = {"name": record.channel, "cat": record.channel, "id": step}
        yield {**arrow, "ph": "s", **self._place(sender), "ts": self.begins[start]}
        yield {**arrow, "ph": "f", "bp": "e", **self._place(record.process), "ts": self.begins[step]}

    def _failure(self) -> Event:
        document = self.document
        over = document.over if document.aborted and document.over is not None else len(self.records)
        at = self.begins[over - 1] if 0 < over <= len(self.records) else 0.0
        event: Event = {
            "ph": "i",
            "s": "g",
            "name": f"FAILED: {headline(document.error or '')}",
            "cat": "failure",
            "ts": round(at + 0.95, 3),
        }
        place = self._place(self.records[over - 1].process) if 0 < over <= len(self.records) else {"pid": 0, "tid": 0}
        return {**event, **place, "args": {"error": document.error}}

    def _place(self, address: str) -> dict[str, int]:
        return {"pid": self.hosts[address.partition("@")[2]], "tid": self.threads[address]}


def _name(record: RecordEntry) -> str:
    if record.kind == FIRED:
        return f"timer {record.type}"
    if record.kind in (DROPPED, HELD):
        return f"{record.kind}: {record.type}"
    return record.type if record.kind == DELIVERED else record.text


def _arguments(record: RecordEntry) -> dict[str, Any]:
    arguments: dict[str, Any] = {"step": record.step, "time": str(Duration(record.time_ns))}
    if record.kind in (DELIVERED, DROPPED, HELD):
        arguments |= {"from": record.source, "sent": str(Duration(record.since_ns))}
    elif record.kind == FIRED:
        arguments["armed"] = str(Duration(record.since_ns))
    arguments["caused by step"] = record.cause
    if record.marks:
        arguments["marks"] = ", ".join(record.marks)
    if record.fields:
        arguments["fields"] = dict(record.fields)
    if record.kind not in (NOTED, SPAWNED, ENDED) and record.text != record.type:
        arguments["text"] = record.text
    return arguments
