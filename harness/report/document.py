"""A finished run as plain data: what pages and exporters are made from, written as JSON and read back without running anything.

Two shapes: a :class:`RunDocument` is one run; a :class:`FailureDocument` puts the run that failed beside the runs that explain
it. :func:`write` and :func:`read` take either. Times and spans are whole nanoseconds of virtual time since the run began; steps
count from 0, and a step of -1 is the test itself.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import msgspec

from harness.errors import MisuseError
from harness.explore.happenings import Happening, happenings, in_words
from harness.explore.tokens import Schedule
from harness.report.contents import Pending, fields_of, names_of, pending_of, repeats, tells_state, type_of
from harness.report.text import error_text
from harness.simulation.choices import PICKED, Choice
from harness.simulation.clock import PendingTimer
from harness.simulation.event_kernel import EventKernel
from harness.simulation.events import Channel
from harness.simulation.trace import ENDED, FIRED, NOTED, SPAWNED, STRIDE, Trace, show
from harness.simulation.world import World

FORMAT = 1
"""Raised whenever a reader of the version before could not understand a document any more."""

DEVIATION, RETRY, DECISIVE, STATE = "deviation", "retry", "decisive", "state"
"""What a record can be marked with: a draw about it was not benign; it repeats an earlier message; the order of it and one other
event decides; it tells a change of state."""

Fields: TypeAlias = Mapping[str, Any]
"""Names to texts, or to such mappings again for what is nested; at most a few levels deep."""


class ProcessEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One process, from its spawn to its end; an address that was used again has an entry for each.

    Attributes:
        address: ``name@host``.
        host: the part after the ``@``.
        root: creation path of its ancestor at the top level (its own if it has none): what belongs to one role shares it.
        type: the name of its class, as far as known.
        spawned: step of its beginning, -1 if that is not on record.
        ended: step of its end, None if it lived on.
    """

    address: str
    host: str
    root: str = ""
    type: str = ""
    spawned: int = -1
    ended: int | None = None


class RecordEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened.

    Attributes:
        step: its place in the run.
        time_ns: when.
        kind: ``delivered``, ``timer``, ``note``, ``spawned``, ``ended``, ``dropped`` or ``held``.
        process: address of the process to which it happened.
        source: address of the sender; empty if there was none.
        type: class of the message, method of the dispatch, label of the work, purpose of the timer; empty for the rest.
        channel: ``message``, ``dispatch``, ``exited``, ``work`` or ``start``; empty unless something travelled.
        text: what happened, on one line, without time, process and sender.
        fields: what the message holds.
        since_ns: when it was sent or armed.
        cause: the step during which it was sent or armed.
        name: the same for the same event in two runs of a test.
        marks: any of :data:`DEVIATION`, :data:`RETRY`, :data:`DECISIVE`, :data:`STATE`.
    """

    step: int
    time_ns: int
    kind: str
    process: str
    source: str = ""
    type: str = ""
    channel: str = ""
    text: str = ""
    fields: Fields = {}
    since_ns: int = 0
    cause: int = -1
    name: str = ""
    marks: tuple[str, ...] = ()


class DeviationEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A draw that was not answered with the benign 0.

    Attributes:
        words: the same for people.
        step: the record that it is about, None if that never happened or is not known.
    """

    site: str
    entity: str
    occurrence: int
    bound: int
    value: int
    words: str = ""
    step: int | None = None


class TimerEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A timer that was still pending; ``low_ns`` and ``high_ns`` are the range that its delay was drawn from."""

    owner: str
    purpose: str
    due_ns: int
    low_ns: int = 0
    high_ns: int = 0
    recurring: bool = False


class InFlightEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that was still on its way."""

    source: str
    target: str
    type: str
    text: str
    since_ns: int = 0


class RunDocument(msgspec.Struct, frozen=True, kw_only=True, tag="run", tag_field="document"):
    """One finished run.

    Attributes:
        test: node id, or name of the test.
        seed: as text if it does not fit 64 bits.
        strategy: what drew the choices.
        token: text from which the run is made again.
        digest: equal for two runs exactly when all their records are.
        mesos_version: of the cluster; empty if the test had none.
        error_type: class of the exception, None if the run passed.
        error: the exception with its notes, None if the run passed.
        replay: the command that makes it again, if there is one.
        draws: how many choices there were, deviations or not.
        steps: how many events.
        over: how many records there were when the test itself had ended, None if that is not known.
        aborted: whether it had failed by then, so that what follows is mere clean-up.
        left_out: how many records came before the first one here; steps are counted without them.
        timers: what was pending at the end of the test, earliest first.
        in_flight: what was on its way at the end of the test, oldest first.
        explanation: why it failed, in lines.
        pair: the steps of the two events whose order decides.
    """

    format: int = FORMAT
    test: str
    seed: int | str
    strategy: str
    token: str
    digest: str
    mesos_version: str = ""
    error_type: str | None = None
    error: str | None = None
    replay: str = ""
    draws: int = 0
    steps: int = 0
    over: int | None = None
    aborted: bool = False
    processes: tuple[ProcessEntry, ...] = ()
    records: tuple[RecordEntry, ...] = ()
    left_out: int = 0
    deviations: tuple[DeviationEntry, ...] = ()
    timers: tuple[TimerEntry, ...] = ()
    in_flight: tuple[InFlightEntry, ...] = ()
    explanation: tuple[str, ...] = ()
    pair: tuple[int, int] | None = None

    @property
    def failed(self) -> bool:
        """Whether there is an error."""
        return self.error is not None


class FailureDocument(msgspec.Struct, frozen=True, kw_only=True, tag="failure", tag_field="document"):
    """A failing run beside the runs that explain it.

    Attributes:
        failing: the run as it was found.
        shrunk: the same failure with as few deviations as possible, None if nobody looked for it.
        passing: the nearest run that passes, None if none is known.
        explanation: why it fails, in lines.
        remark: why there is no shrunk or passing run; empty if there is.
    """

    format: int = FORMAT
    failing: RunDocument
    shrunk: RunDocument | None = None
    passing: RunDocument | None = None
    explanation: tuple[str, ...] = ()
    remark: str = ""


Document: TypeAlias = RunDocument | FailureDocument

_ENCODER = msgspec.json.Encoder(order=None)


def main_run(document: Document) -> RunDocument:
    """The run that a document is mainly about: itself, or of a failure the one that failed."""
    return document if isinstance(document, RunDocument) else document.failing


def write(path: Path, document: Document) -> None:
    """Write a document as JSON, in one piece: a reader never sees half of it.

    Raises:
        OSError: the file cannot be written.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    partial.write_bytes(_ENCODER.encode(document) + b"\n")
    partial.replace(path)


def read(path: Path) -> Document:
    """Read a document that :func:`write` has written.

    Raises:
        MisuseError: there is no such file, it is damaged, no document at all, or of another version.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MisuseError(
            f"{path} cannot be read ({error.strerror}); name a .json file that --cluster-report=DIR wrote"
        ) from None
    try:
        plain = json.loads(content)
    except ValueError as error:
        raise MisuseError(f"{path} is damaged, it is no JSON ({error}): was it cut off? write it again with {_AGAIN}") from None
    if not isinstance(plain, dict) or "format" not in plain or plain.get("document") not in ("run", "failure"):
        raise MisuseError(f"{path} is JSON, but no document of a run; wanted a file that {_AGAIN} wrote")
    if plain["format"] != FORMAT:
        raise MisuseError(
            f"{path} has the format {plain['format']!r}, this release reads {FORMAT}; write it again with {_AGAIN},"
            " or show it with the release that wrote it"
        )
    try:
        document: Document = msgspec.convert(plain, Document)
    except msgspec.ValidationError as error:
        raise MisuseError(f"{path} is damaged: {error}; write it again with {_AGAIN}") from None
    return document


_AGAIN = "--cluster-report=DIR"


# --- made from a run


class LookedAt(Protocol):
    """What a document is made from: a finished run of :mod:`harness.runs`."""

    @property
    def seed(self) -> int:
        """The seed it ran under."""

    @property
    def schedule(self) -> Schedule:
        """What makes it again."""

    @property
    def token(self) -> str:
        """The same as text."""

    @property
    def digest(self) -> str:
        """The fingerprint of its trace."""

    @property
    def steps(self) -> int:
        """The events it took."""

    @property
    def raised(self) -> BaseException | None:
        """The exception as it left the test or the clean-up."""

    @property
    def choices(self) -> Sequence[Choice]:
        """Every draw it made."""

    @property
    def world(self) -> World:
        """The world it lived in."""


MOST_RECORDS = 30_000
"""What a page can still show smoothly; a run that goes round in circles has millions."""

# With more records than this nobody waits for the deviations to be told.
_MOST_TOLD = 300_000


def document_of(
    run: Any,
    *,
    test: str,
    replay: str = "",
    explanation: Sequence[str] = (),
    pair: tuple[int | None, int | None] | None = None,
    most: int = MOST_RECORDS,
) -> RunDocument:
    """A finished run as plain data.

    Args:
        run: as ``replay`` or a failure of ``explore`` gives it; of its world nothing is changed.
        test: node id or name of the test.
        replay: the command that makes the run again.
        explanation: why it failed, in lines.
        pair: steps of the two events whose order decides; None for one that this run does not have.
        most: of more records the last so many are kept.
    """
    looked_at: LookedAt = run
    world = looked_at.world
    trace = world.trace
    first = max(0, len(trace) - most)
    kept = _from(trace, first)
    pending: Pending = getattr(run, "pending", None) or pending_of(world)
    error = looked_at.raised
    deviations = _deviations(looked_at.choices, world, first) if len(trace) <= _MOST_TOLD else ()
    decisive = [step - first for step in pair or () if step is not None and step >= first]
    return RunDocument(
        test=test,
        seed=looked_at.seed if -(2**63) <= looked_at.seed < 2**63 else str(looked_at.seed),
        strategy=looked_at.schedule.strategy_name,
        token=looked_at.token,
        digest=looked_at.digest,
        mesos_version=getattr(run, "mesos_version", ""),
        error_type=None if error is None else type(error).__name__,
        error=None if error is None else error_text(error),
        replay=replay or getattr(run, "how_to_replay", ""),
        draws=len(world.choices),
        steps=looked_at.steps,
        over=None if trace.over is None else max(0, trace.over - first),
        aborted=trace.aborted,
        processes=_processes(world, kept),
        records=_records(world, kept, deviations, pending, decisive),
        left_out=first,
        deviations=deviations,
        timers=tuple(_timer(timer) for timer in pending.timers),
        in_flight=tuple(
            InFlightEntry(
                source=str(channel.source), target=str(channel.target), type=type_of(payload), text=show(payload), since_ns=sent
            )
            for channel, payload, sent in pending.in_flight
        ),
        explanation=tuple(explanation),
        pair=None if len(decisive) < 2 else (decisive[0], decisive[1]),
    )


def _from(trace: Trace, first: int) -> Trace:
    """The part of a trace that begins with this record, its causes counted from there."""
    if first == 0:
        return trace
    part = Trace()
    part.flat = trace.flat[first * STRIDE :]
    causes = slice(STRIDE - 1, None, STRIDE)
    part.flat[causes] = [max(-1, cause - first) for cause in part.flat[causes]]
    return part


def _timer(timer: PendingTimer) -> TimerEntry:
    return TimerEntry(
        owner=str(timer.owner),
        purpose=timer.purpose,
        due_ns=timer.due.ns,
        low_ns=timer.low.ns,
        high_ns=timer.high.ns,
        recurring=timer.recurring,
    )


def _processes(world: World, trace: Trace) -> tuple[ProcessEntry, ...]:
    flat, society = trace.flat, world._society
    lives: list[tuple[str, int]] = []
    ended: dict[tuple[str, int], int] = {}
    latest: dict[str, int] = {}
    for at in range(0, len(flat), STRIDE):
        kind, subject = flat[at + 1], flat[at + 2]
        address = subject.target if isinstance(subject, Channel) else subject
        if kind == SPAWNED or (address not in latest and address in society.roots):
            latest[address] = at // STRIDE if kind == SPAWNED else -1
            lives.append((address, latest[address]))
        if kind == ENDED:
            ended[address, latest[address]] = at // STRIDE
    lives += [(address, -1) for address in society.processes if address not in latest]
    return tuple(
        ProcessEntry(
            address=str(address),
            host=str(address).partition("@")[2],
            root=society.roots.get(address, ""),
            type=society.classes.get(address, ""),
            spawned=step,
            ended=ended.get((address, step)),
        )
        for address, step in lives
    )


# Words about a turn look through all events; with more deviations than this nobody reads them one by one.
_MOST_TURNS = 200


def _deviations(choices: Sequence[Choice], world: World, first: int) -> tuple[DeviationEntry, ...]:
    """Of those that are about a record, only those about one from ``first`` on."""
    events = happenings(world)
    by_name = {event.name: event for event in events}
    by_place = {event.place: event for event in events}
    kernel = world._kernel
    handled = kernel.handled if isinstance(kernel, EventKernel) else {}
    deviations = [choice for choice in choices if choice.value]
    few = len(deviations) <= _MOST_TURNS
    entries = []
    for choice in deviations:
        event: Happening | None
        if choice.site == PICKED:
            event = by_place.get(handled.get((choice.entity, choice.occurrence), (-1, 0, 0))[0])
        else:
            purpose = f" {choice.site.removeprefix('backoff ')}" if choice.site.startswith("backoff ") else ""
            event = by_name.get((f"{choice.entity}{purpose}", choice.occurrence))
        if event is not None and event.place < first:
            continue
        known = [] if event is None else events if few and choice.site == PICKED else [event]
        entries.append(
            DeviationEntry(
                site=choice.site,
                entity=choice.entity,
                occurrence=choice.occurrence,
                bound=choice.bound,
                value=choice.value,
                words=in_words(choice, world, known),
                step=None if event is None else event.place - first,
            )
        )
    return tuple(entries)


def _records(
    world: World, trace: Trace, deviations: Sequence[DeviationEntry], pending: Pending, decisive: Sequence[int]
) -> tuple[RecordEntry, ...]:
    flat, alive = trace.flat, world._society.processes
    marks: dict[int, list[str]] = {}
    for entry in deviations:
        if entry.step is not None and DEVIATION not in marks.setdefault(entry.step, []):
            marks[entry.step].append(DEVIATION)
    for step in repeats(flat, frozenset(timer.purpose for timer in pending.timers if timer.recurring)):
        marks.setdefault(step, []).append(RETRY)
    for step in decisive:
        marks.setdefault(step, []).append(DECISIVE)
    entries = []
    for record, name in zip(trace, names_of(flat), strict=True):
        subject, payload = flat[record.step * STRIDE + 2], flat[record.step * STRIDE + 3]
        travelled = isinstance(subject, Channel)
        own = marks.get(record.step, [])
        if record.kind == NOTED and tells_state(record.event):
            own = [*own, STATE]
        entries.append(
            RecordEntry(
                step=record.step,
                time_ns=record.time.ns,
                kind=record.kind,
                process=record.process,
                source=record.source,
                type=type_of(payload) if travelled else record.event if record.kind == FIRED else "",
                channel=subject.kind if travelled else "",
                text=show(record.event),
                fields=fields_of(payload, alive.get(subject.target)) if travelled else {},
                since_ns=record.since.ns,
                cause=record.cause,
                name=name,
                marks=tuple(own),
            )
        )
    return tuple(entries)
