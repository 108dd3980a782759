"""The end of a run as a chart in plain text: a column for each process, one event a line, messages as arrows between columns.

Made for a terminal and for the log of a CI job: ASCII but for the ellipsis of a shortened id, and never wider than 160 letters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from typing import NamedTuple

from harness.durations import Duration
from harness.simulation.clock import PendingTimer
from harness.simulation.trace import DELIVERED, DROPPED, ENDED, FIRED, HELD, SPAWNED, STRIDE, Trace, moment, shorten, show

WIDTH = 160
MOST_COLUMNS = 8
MOST_TIMERS = 12
_OTHERS = "others"
_TIME = 14
_LANE = 5

LEGEND = "o handled   --> from its sender   t timer   . note   x dropped   h held   + begins   # ends"


class Row(NamedTuple):
    """One record, as far as it is shown."""

    step: int
    time_ns: int
    kind: str
    process: str
    source: str
    text: str
    marked: bool


class Stage(NamedTuple):
    """What a chart shows of a run.

    Attributes:
        rows: the records shown.
        earlier: how many came before.
        later: how many came after the test had failed.
        absent: the processes that do not live when the first row comes.
    """

    rows: Sequence[Row]
    earlier: int
    later: int
    absent: Set[str]


def chart(stage: Stage, timers: Iterable[PendingTimer] = (), widest: int = WIDTH) -> str:
    """The chart, what its signs mean, and the timers that were pending.

    Args:
        stage: what to show.
        timers: earliest first.
        widest: how many letters a line may have, at least 80.
    """
    rows = stage.rows
    if not rows:
        return "(nothing happened)"
    addresses = _columns(rows)
    room = time_width(Duration(row.time_ns) for row in rows)
    lines = [f"({stage.earlier} earlier records left out)"] if stage.earlier else []
    # A stair of headings: names in full, over columns as narrow as can be, leave room for what happened.
    lines += [f"{'':{room + 2}}{'|'.ljust(_LANE) * place}{shorten(address)}" for place, address in enumerate(addresses)]
    lanes = _Lanes(addresses, stage.absent, room)
    lines += [lanes.line(row) for row in rows]
    if stage.later:
        lines.append(f"(here the test failed; {stage.later} records of the clean-up left out)")
    stars = "   * decides" if any(row.marked for row in rows) else ""
    lines.append(f"({LEGEND}{stars})")
    pending = list(timers)
    if pending:
        lines += ["", "pending timers:", *_timers(pending)]
    return "\n".join(_cut(line, widest) for line in lines)


def trace_chart(trace: Trace, most: int, marked: Iterable[int] = (), timers: Iterable[PendingTimer] = ()) -> str:
    """The chart of the last ``most`` records of a trace; of a run whose test failed, the last before its failure.

    Args:
        trace: of a run that has ended, or hangs.
        most: how many records.
        marked: steps to mark as deciding.
        timers: those that were pending, earliest first.
    """
    stars = frozenset(marked)
    end = trace.over if trace.aborted and trace.over is not None else len(trace)
    begin = max(0, end - most)
    rows = [
        Row(one.step, one.time.ns, one.kind, one.process, one.source, show(one.event), one.step in stars)
        for one in trace[begin:end]
    ]
    kinds = trace.flat[1::STRIDE]
    changes = ((step, kind, str(trace.flat[step * STRIDE + 2])) for step, kind in enumerate(kinds) if kind in (SPAWNED, ENDED))
    return chart(Stage(rows, begin, len(trace) - end, absent_at(begin, changes)), timers)


def absent_at(step: int, changes: Iterable[tuple[int, str, str]]) -> Set[str]:
    """The processes that do not live when this step comes: ended before, or begun later.

    Args:
        step: of the trace.
        changes: step, kind and address of all records that tell the beginning or the end of a process, in order.
    """
    absent: dict[str, bool] = {}
    for at, kind, address in changes:
        if at < step:
            absent[address] = kind == ENDED
        else:
            absent.setdefault(address, kind == SPAWNED)
    return frozenset(address for address, gone in absent.items() if gone)


def led_to(trace: Trace, step: int) -> list[int]:
    """The steps each of which caused the next, up to this one; nothing for -1.

    That a child was spawned meanwhile led to nothing yet: then the record before counts.
    """
    steps: list[int] = []
    while 0 < step < len(trace) and trace.flat[step * STRIDE + 1] == SPAWNED:
        step -= 1
    while 0 <= step < len(trace) and step not in steps[-1:]:
        steps.append(step)
        step = trace.flat[step * STRIDE + 5]
    return steps[::-1]


def _columns(rows: Sequence[Row]) -> list[str]:
    """The processes with a column of their own, in the order of their appearance; the last may be that of all others."""
    counts: dict[str, int] = {}
    for row in rows:
        # A marked event is worth more than any number of others, and what processes say more than what they hear.
        counts[row.process] = counts.get(row.process, 0) + (1000 if row.marked else 1)
        if row.source and row.source != row.process:
            counts[row.source] = counts.get(row.source, 0) + (1000 if row.marked else 0)
    if len(counts) <= MOST_COLUMNS:
        return list(counts)
    ranked = sorted(counts, key=lambda address: -counts[address])[: MOST_COLUMNS - 1]
    return [address for address in counts if address in ranked] + [_OTHERS]


class _Lanes:
    """Draws the columns of one line after the other; knows which processes live."""

    def __init__(self, addresses: Sequence[str], absent: Set[str], room: int) -> None:
        self.room = room
        self.places = {address: place for place, address in enumerate(addresses)}
        self.time_ns = -1
        self.living = {address: address not in absent for address in addresses}

    def line(self, row: Row) -> str:
        folded = row.process not in self.places
        address = _OTHERS if folded else row.process
        at = self.places[address]
        if row.kind == SPAWNED:
            self.living[address] = True
        cells = [("|" if self.living[one] else " ").ljust(_LANE) for one in self.places]
        picture = "".join(cells)
        symbol = _SYMBOLS.get(row.kind, "o")
        origin = self._origin(row, folded)
        if origin is not None and origin != at:
            picture = self._arrow(picture, origin, at, symbol)
        else:
            picture = self._put(picture, at * _LANE, symbol)
        if row.kind == ENDED and not folded:
            self.living[address] = False
        star = "*" if row.marked else " "
        # Of events of one instant only the first says when: so instants can be told from each other at a glance.
        time = "" if row.time_ns == self.time_ns else moment(Duration(row.time_ns))
        self.time_ns = row.time_ns
        return f"{time:>{self.room}}{star} {picture}{self._text(row, folded, origin)}"

    def _origin(self, row: Row, folded: bool) -> int | None:
        if row.kind not in (DELIVERED, DROPPED, HELD) or not row.source or row.source == row.process:
            return None
        if row.source in self.places:
            return self.places[row.source]
        return None if folded else self.places.get(_OTHERS)

    def _text(self, row: Row, folded: bool, origin: int | None) -> str:
        text = shorten(row.text)
        if row.kind == FIRED:
            text = f"timer {text}"
        elif row.kind in (DROPPED, HELD):
            text = f"{row.kind}: {text}"
        who = f"{shorten(row.process)}: " if folded else ""
        hidden = row.source and row.source != row.process and row.source not in self.places
        source = f"  <- {shorten(row.source)}" if hidden else ""
        return f"{who}{text}{source}".replace("\n", " ")

    def _arrow(self, picture: str, origin: int, target: int, symbol: str) -> str:
        begin, end = origin * _LANE, target * _LANE
        low, high = min(begin, end), max(begin, end)
        head = ">" if end > begin else "<"
        if symbol != "o":
            head = symbol
        shaft = "-" * (high - low - 1)
        drawn = f"o{shaft}{head}" if end > begin else f"{head}{shaft}o"
        return picture[:low] + drawn + picture[high + 1 :]

    def _put(self, picture: str, at: int, symbol: str) -> str:
        return picture[:at] + symbol + picture[at + 1 :]


_SYMBOLS = {FIRED: "t", "note": ".", DROPPED: "x", HELD: "h", SPAWNED: "+", ENDED: "#"}


def _timers(timers: Sequence[PendingTimer]) -> list[str]:
    shown, lines = timers[:MOST_TIMERS], []
    room = time_width(timer.due for timer in shown)
    for timer in shown:
        drawn = f"  (drawn from {timer.low} .. {timer.high})" if timer.low != timer.high else ""
        again = "  (again and again)" if timer.recurring else ""
        lines.append(f"{moment(timer.due):>{room}}  {shorten(timer.owner)} {timer.purpose}{drawn}{again}")
    if len(timers) > MOST_TIMERS:
        lines.append(f"{'':{room}}  and {len(timers) - MOST_TIMERS} more")
    return lines


def time_width(times: Iterable[Duration]) -> int:
    """How wide a column of these times is: from ten seconds on, nanoseconds make them wider than most."""
    return max([_TIME, *(len(moment(time)) for time in times)])


def _cut(line: str, widest: int) -> str:
    line = line.rstrip()
    return line if len(line) <= widest else f"{line[: widest - 3]}..."
