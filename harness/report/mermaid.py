"""Part of a finished run as a Mermaid sequence diagram, for a ticket, a pull request or a wiki page."""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.durations import Duration
from harness.errors import MisuseError
from harness.report.document import DECISIVE, RecordEntry, RunDocument
from harness.report.log_lines import headline
from harness.simulation.events import DISPATCH, START
from harness.simulation.trace import DELIVERED, DROPPED, ENDED, FIRED, HELD, SPAWNED, moment, shorten

# What ends a statement, opens an entity or a tag, or is read as markup, written as an entity instead.
_SPECIAL = re.compile(r"[#;<>&%{}\"\\`$*~|]")
_BREAKS = re.compile(r"\s+")
_TEXT, _SHORT = 90, 48
_TEST = "the test"


def mermaid(
    document: RunDocument,
    processes: Sequence[str] = (),
    types: Sequence[str] = (),
    first: int | None = None,
    last: int | None = None,
    most: int = 60,
) -> str:
    """A selection of a run as the text of a ``sequenceDiagram``.

    Messages are arrows at the moment of their arrival (dispatches dashed), lost ones end in a cross; timers, notes, held
    messages and ends of processes are notes. What a process sends itself is shown only if ``types`` names it.

    Args:
        processes: addresses, names or hosts; what concerns none of them is left out. Empty for all.
        types: classes of messages, methods of dispatches or purposes of timers; then notes are left out. Empty for all.
        first: step to begin with; None for the beginning.
        last: step to end with; None for the end of the test, before any clean-up after a failure.
        most: how many records to show; of more, the last ones are shown, and the diagram says how many are left out.

    Raises:
        MisuseError: nothing in the run has such a type, or concerns such a process, or ``most`` is no positive number.
    """
    _check(document, processes, types, most)
    begin, end = first if first is not None else 0, last
    if end is None and document.aborted and document.over is not None:
        end = document.over - 1
    chosen = [
        record
        for record in document.records
        if record.step >= begin and (end is None or record.step <= end) and _fits(record, processes, types)
    ]
    if types:
        speaking = dict.fromkeys(name for record in chosen if record.kind != ENDED for name in _ends(record))
        chosen = [record for record in chosen if record.process in speaking]
    shown = chosen[-most:]
    names = dict.fromkeys(name for record in shown for name in _ends(record))
    ids = {name: f"p{number}" for number, name in enumerate(names, 1)}
    lines = ["sequenceDiagram", f"    %% {_comment(document)}"]
    lines += [f"    participant {ids[name]} as {escape(shorten(name))}" for name in names]
    hidden = len(chosen) - len(shown)
    if hidden and shown:
        lines.append(f"    Note over {_span(ids)}: {hidden} of {len(chosen)} selected events, all earlier, are left out")
    lines += [line for record in shown for line in _lines(record, ids)]
    if document.error is not None and last is None and shown:
        error = shorten(headline(document.error))
        lines.append(f"    Note over {_span(ids)}: FAILED: {escape(_cut(error))}")
    if not shown:
        lines += ["    participant p1 as nobody", "    Note over p1: no event fits the selection"]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """``text`` as a label: one line, and nothing in it that Mermaid would read as syntax or HTML."""
    plain = _BREAKS.sub(" ", text).strip()
    label = _SPECIAL.sub(lambda found: f"#{ord(found[0])};", plain)
    # A label that is, or begins with, a word of the language is told from it by the code of its first letter.
    word = re.match(r"(end|else|and|option|as|note|over|loop|alt|opt|par|rect|box)\b", label, re.IGNORECASE)
    return f"#{ord(label[0])};{label[1:]}" if word else label


def _check(document: RunDocument, processes: Sequence[str], types: Sequence[str], most: int) -> None:
    if isinstance(processes, str) or isinstance(types, str):
        raise MisuseError("processes and types are lists of texts; write ['master'] instead of 'master'")
    if most < 1:
        raise MisuseError(f"most={most!r}: wanted at least 1")
    known = dict.fromkeys(entry.address for entry in document.processes)
    known |= dict.fromkeys(name for record in document.records for name in _ends(record) if name != _TEST)
    for wanted in processes:
        if not any(_is(address, wanted) for address in known):
            raise MisuseError(f"processes names {wanted!r}, which is no address, name or host here; there are {', '.join(known)}")
    kinds = dict.fromkeys(record.type for record in document.records if record.type)
    for wanted in types:
        if wanted not in kinds:
            raise MisuseError(f"types names {wanted!r}, which never happened here; there are {', '.join(sorted(kinds))}")


def _is(address: str, wanted: str) -> bool:
    return wanted == address or wanted in address.split("@", 1)


def _ends(record: RecordEntry) -> tuple[str, ...]:
    if record.kind not in (DELIVERED, DROPPED):
        return (record.process,)
    return (record.source or _TEST, record.process)


def _fits(record: RecordEntry, processes: Sequence[str], types: Sequence[str]) -> bool:
    if record.kind == SPAWNED or record.channel == START:
        return False
    if types:
        if record.type not in types and record.kind != ENDED:
            return False
    elif record.kind == DELIVERED and record.source == record.process:
        return False
    return not processes or any(_is(end, wanted) for end in _ends(record) for wanted in processes)


def _lines(record: RecordEntry, ids: dict[str, str]) -> list[str]:
    who = ids[record.process]
    time = moment(Duration(record.time_ns))
    head = f"{time} {'(!) ' if DECISIVE in record.marks else ''}"
    if record.kind in (DELIVERED, DROPPED):
        dashed = "--" if record.channel == DISPATCH else "-"
        arrow = f"{dashed}x" if record.kind == DROPPED else f"{dashed})"
        late = f" (sent at {moment(Duration(record.since_ns))})" if record.since_ns != record.time_ns else ""
        lost = "lost: " if record.kind == DROPPED else ""
        said = _cut(f"{head}{lost}{_said(record)}")
        return [f"    {ids[record.source or _TEST]}{arrow}{who}: {escape(said + late)}"]
    if record.kind == FIRED:
        said = f"timer {record.type}"
    elif record.kind == HELD:
        said = f"held: {record.type} from {record.source}"
    else:
        said = "ended" if record.kind == ENDED else record.text
    return [f"    Note over {who}: {escape(_cut(f'{head}{shorten(said)}'))}"]


def _said(record: RecordEntry) -> str:
    """The message with its contents if that is short, else its type."""
    text = shorten(record.text)
    return text if not record.type or len(text) <= _SHORT else record.type


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT else f"{text[: _TEXT - 1]}…"


def _span(ids: dict[str, str]) -> str:
    numbered = list(ids.values())
    return numbered[0] if len(numbered) == 1 else f"{numbered[0]},{numbered[-1]}"


def _comment(document: RunDocument) -> str:
    text = f"{document.test}, seed {document.seed}, strategy {document.strategy}"
    return _BREAKS.sub(" ", text).replace("{", "(").replace("}", ")").replace(";", ",")
