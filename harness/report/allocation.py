"""Allocations over time as a page for people: who held what, and the dominant shares, in one file without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from harness.durations import Duration
from harness.report.holdings import Amounts, Holder, Holdings, Moment, add
from harness.simulation.trace import Trace
from harness.simulation.trace import moment as instant

WIDTH, HEIGHT = 960, 210
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 14, 10, 26
_MOST_HOLDERS = 24
_FIRST = ("cpus", "mem", "disk", "gpus")
_OTHERS = Holder("others", "many frameworks")

_STYLE = """
:root{--ink:#1c2330;--paper:#fff;--faint:#e3e7ee;--soft:#667085}
@media(prefers-color-scheme:dark){:root{--ink:#e8ebf1;--paper:#151922;--faint:#2b3342;--soft:#98a2b3}}
body{margin:24px auto;max-width:1000px;padding:0 16px;font:14px/1.45 system-ui,sans-serif}
body{color:var(--ink);background:var(--paper)}
h1{font-size:20px;margin:0 0 2px}h2{font-size:15px;margin:26px 0 4px}p{margin:0;color:var(--soft)}
svg{display:block;width:100%;height:auto}svg text{fill:var(--soft);font-size:11px}
.grid{stroke:var(--faint)}.total{fill:none;stroke:var(--ink);stroke-width:1.5;stroke-dasharray:5 3}
.pale{fill-opacity:.4}.layer:hover,.line:hover{opacity:.7}.line{fill:none;stroke-width:2}
ul{list-style:none;padding:0;margin:12px 0 0;display:flex;flex-wrap:wrap;gap:3px 18px}
li{white-space:nowrap}i{display:inline-block;width:11px;height:11px;border-radius:2px;margin-right:6px}
.scroll{overflow-x:auto}table{border-collapse:collapse;margin-top:6px}
td,th{padding:3px 18px 3px 0;text-align:right;border-bottom:1px solid var(--faint);font-variant-numeric:tabular-nums}
th{font-weight:600;color:var(--soft)}td:nth-child(-n+2),th:nth-child(-n+2){text-align:left}
"""


class _Axis(NamedTuple):
    """Where things lie: a place for each moment, and labels beneath."""

    places: list[float]
    end: float
    labels: list[tuple[float, str]]


def allocation_page(source: Trace | Iterable[Any], title: str = "Allocations") -> str:
    """A page of plots: each resource stacked by role and framework, dominant shares, and a table.

    Args:
        source: the trace of a run with the default allocator; or the calls that a
            :class:`~harness.checks.AllocatorWatch` recorded in front of any allocator.
        title: its heading.

    Returns:
        A whole HTML document that loads nothing. Held means offered or in use. When no time passes in the run, events are
        counted instead.
    """
    holdings = Holdings(source, WIDTH)
    if not any(moment.held for moment in holdings.moments):
        return _document(title, "<p>No allocations were made in this run.</p>")
    moments = _merged(_named(holdings.moments, holdings.names))
    axis = _axis(moments, holdings.is_timed)
    holders = sorted({holder: None for moment in moments for holder in moment.held})
    colours = _colours(holders)
    body = [_summary(holdings, holders), _legend(holders, colours)]
    for name in _resource_names(moments):
        body.append(f"<h2>{escape(_titled(name))}: what is held</h2>")
        body.append(_stack(moments, axis, name, holders, colours))
    roles = {holder.role: colour for holder, colour in reversed(colours.items())}
    by_role = [{role: moment.share_of(amounts) for role, amounts in moment.by_role().items()} for moment in moments]
    body.append("<h2>Dominant shares of roles</h2>")
    body.append(_lines([(role, role, roles[role]) for role in sorted(roles)], by_role, axis))
    if len(holders) > len(roles):
        shares = [moment.shares() for moment in moments]
        body.append("<h2>Dominant shares of frameworks</h2>")
        body.append(_lines([(holder, _name(holder), colours[holder]) for holder in holders], shares, axis))
    body.append(_table(moments, axis, holders))
    return _document(title, "\n".join(body))


def _document(title: str, body: str) -> str:
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head>\n'
        f"<body><h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )


# --- what is shown


def _named(moments: Sequence[Moment], names: Mapping[str, str]) -> list[Moment]:
    """The same with frameworks called as they call themselves; those that share a name keep the end of their id."""
    ids: dict[str, list[str]] = {}
    for framework_id, name in names.items():
        ids.setdefault(name, []).append(framework_id)
    called = {
        framework_id: name if len(ids[name]) == 1 or framework_id == name else f"{name} {framework_id[-4:]}"
        for framework_id, name in names.items()
    }

    def renamed(held: dict[Holder, Amounts]) -> dict[Holder, Amounts]:
        return {Holder(role, called.get(framework, framework)): amounts for (role, framework), amounts in held.items()}

    return [moment._replace(held=renamed(moment.held), offered=renamed(moment.offered)) for moment in moments]


def _merged(moments: list[Moment]) -> list[Moment]:
    """The same with the smallest holders put together, if there are very many."""
    most: dict[Holder, float] = {}
    for moment in moments:
        for holder, share in moment.shares().items():
            most[holder] = max(most.get(holder, 0.0), share)
    if len(most) <= _MOST_HOLDERS:
        return moments
    named = dict.fromkeys(sorted(most, key=lambda holder: (-most[holder], holder))[: _MOST_HOLDERS - 1])

    def together(held: dict[Holder, Amounts]) -> dict[Holder, Amounts]:
        found: dict[Holder, Amounts] = {}
        for holder, amounts in held.items():
            add(found.setdefault(holder if holder in named else _OTHERS, {}), amounts, 1)
        return found

    return [moment._replace(held=together(moment.held), offered=together(moment.offered)) for moment in moments]


def _resource_names(moments: Sequence[Moment]) -> list[str]:
    names = {name: None for moment in moments for name in moment.totals}
    return [name for name in _FIRST if name in names] + sorted(name for name in names if name not in _FIRST)


def _colours(holders: Sequence[Holder]) -> dict[Holder, str]:
    roles: dict[str, list[Holder]] = {}
    for holder in holders:
        roles.setdefault(holder.role, []).append(holder)
    colours = {}
    for number, members in enumerate(roles.values()):
        # The golden angle keeps neighbours apart, however many there are.
        hue = round((211 + number * 137.5) % 360)
        for place, holder in enumerate(members):
            lightness = 48 if len(members) == 1 else round(36 + 34 * place / (len(members) - 1))
            colours[holder] = f"hsl({hue} 58% {lightness}%)"
    return colours


# --- parts of the page


def _name(holder: Holder) -> str:
    return f"{holder.role} / {holder.framework}"


def _titled(name: str) -> str:
    return {"cpus": "CPUs", "mem": "Memory in MB", "disk": "Disk in MB", "gpus": "GPUs"}.get(name, name)


def _summary(holdings: Holdings, holders: Sequence[Holder]) -> str:
    moments = holdings.moments
    span = (
        f"from {instant(Duration(moments[0].time_ns))} to {instant(Duration(moments[-1].time_ns))} of virtual time"
        if holdings.is_timed
        else f"all at {instant(Duration(moments[0].time_ns))} of virtual time; events are counted instead"
    )
    meaning = "Held is what is in use (full colour) or offered (pale)." if holdings.tells_use else "Held means offered or in use."
    return (
        f"<p>{holdings.agents} agents, {len({holder.framework for holder in holders})} frameworks in "
        f"{len({holder.role for holder in holders})} roles, {holdings.offers} offers, {span}. "
        f"{meaning} The dashed line is what the cluster has.</p>"
    )


def _legend(holders: Sequence[Holder], colours: dict[Holder, str]) -> str:
    items = (f'<li><i style="background:{colours[holder]}"></i>{escape(_name(holder))}</li>' for holder in holders)
    return f"<ul>{''.join(items)}</ul>"


def _axis(moments: Sequence[Moment], is_timed: bool) -> _Axis:
    raw = [float(moment.time_ns if is_timed else moment.event) for moment in moments]
    first = raw[0]
    # The last state gets some room of its own.
    end = raw[-1] + max((raw[-1] - first) * 0.03, 1.0)
    room = WIDTH - _LEFT - _RIGHT

    def place(value: float) -> float:
        return round(_LEFT + (value - first) / (end - first) * room, 1)

    labels = [
        (place(tick), str(Duration(round(tick))) if is_timed else f"event {round(tick)}") for tick in _ticks(first, raw[-1], 7)
    ]
    return _Axis([place(value) for value in raw], place(end), labels)


def _ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers from ``low`` to ``high``, at most about ``most``."""
    span = high - low
    if span <= 0:
        return [low]
    step = 1.0
    while step * 10 <= span / most:
        step *= 10
    while step > span / most:
        step /= 10
    step *= next(factor for factor in (1, 2, 5, 10) if step * factor >= span / most)
    tick = -(-low // step) * step
    ticks = []
    while tick <= high + step * 1e-9:
        ticks.append(tick)
        tick += step
    return ticks


def _frame(axis: _Axis, top: float, show: Callable[[float], str], inside: str) -> str:
    """A plot with its grid, its axes, and ``inside`` drawn in it."""
    base = HEIGHT - _BOTTOM
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">']
    for tick in _ticks(0.0, top, 5):
        y = _height(tick, top)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{show(tick)}</text>')
    for x, label in axis.labels:
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{base}" y2="{base + 4}"/>')
        parts.append(f'<text x="{x}" y="{base + 17}" text-anchor="middle">{escape(label)}</text>')
    return "".join([*parts, inside, "</svg>"])


def _height(value: float, top: float) -> float:
    return round(_TOP + (1 - value / top) * (HEIGHT - _TOP - _BOTTOM), 1)


def _steps(axis: _Axis, heights: Sequence[float]) -> str:
    """A path that keeps each height until the next place."""
    path = [f"M{axis.places[0]} {heights[0]}"]
    for x, before, y in zip(axis.places[1:], heights, heights[1:], strict=False):
        if y != before:
            path.append(f"H{x}V{y}")
    path.append(f"H{axis.end}")
    return "".join(path)


def _steps_back(axis: _Axis, heights: Sequence[float]) -> str:
    """The lower edge of a layer, drawn from the end to the beginning."""
    path = [f"V{heights[-1]}"]
    path += [
        f"H{axis.places[index]}V{heights[index - 1]}"
        for index in range(len(heights) - 1, 0, -1)
        if heights[index] != heights[index - 1]
    ]
    return "".join([*path, f"H{axis.places[0]}Z"])


def _stack(moments: Sequence[Moment], axis: _Axis, name: str, holders: Sequence[Holder], colours: dict[Holder, str]) -> str:
    totals = [moment.totals.get(name, 0) for moment in moments]
    floor = [0] * len(moments)
    layers = []
    for holder in holders:
        held = [moment.held.get(holder, {}).get(name, 0) for moment in moments]
        # A return may overtake the offer in the record; no more is pale than there is.
        pale = [min(moment.offered.get(holder, {}).get(name, 0), all_) for moment, all_ in zip(moments, held, strict=True)]
        solid = [all_ - part for all_, part in zip(held, pale, strict=True)]
        for amounts, word in ((solid, ""), (pale, " pale")):
            ceiling = [below + amount for below, amount in zip(floor, amounts, strict=True)]
            if any(amounts):
                layers.append((holder, word, floor, ceiling))
            floor = ceiling
    top = max(*totals, *floor, 1) * 1.04
    drawn = []
    for holder, word, low, high in layers:
        path = _steps(axis, [_height(value, top) for value in high]) + _steps_back(axis, [_height(v, top) for v in low])
        drawn.append(
            f'<path class="layer{word}" d="{path}" fill="{colours[holder]}"><title>{escape(_name(holder))}: at most '
            f"{_amount(max(b - a for a, b in zip(low, high, strict=True)))}{' offered' if word else ''}</title></path>"
        )
    drawn.append(f'<path class="total" d="{_steps(axis, [_height(value, top) for value in totals])}"/>')
    return _frame(axis, top, _amount, "".join(drawn))


def _lines(keys: Sequence[tuple[Any, str, str]], values: Sequence[dict[Any, float]], axis: _Axis) -> str:
    top = max(max((max(at.values(), default=0.0) for at in values), default=0.0) * 1.04, 0.05)
    drawn = []
    for key, name, colour in keys:
        own = [at.get(key, 0.0) for at in values]
        path = _steps(axis, [_height(value, top) for value in own])
        drawn.append(
            f'<path class="line" d="{path}" stroke="{colour}"><title>{escape(name)}: at most {max(own):.1%}</title></path>'
        )
    return _frame(axis, top, lambda tick: f"{tick:.0%}" if top > 0.2 else f"{tick:.1%}", "".join(drawn))


def _amount(thousandths: float) -> str:
    return f"{thousandths / 1000:,.3f}".rstrip("0").rstrip(".")


def _table(moments: Sequence[Moment], axis: _Axis, holders: Sequence[Holder]) -> str:
    """What each holds at the end, and its dominant share: at the end, at most, and on average over the plot."""
    widths = [after - x for x, after in zip(axis.places, [*axis.places[1:], axis.end], strict=True)]
    shares = [moment.shares() for moment in moments]
    names = _resource_names(moments)
    rows = []
    for holder in holders:
        own = [at.get(holder, 0.0) for at in shares]
        mean = sum(share * width for share, width in zip(own, widths, strict=True)) / sum(widths)
        held = moments[-1].held.get(holder, {})
        cells = [_amount(held.get(name, 0)) for name in names] + [f"{own[-1]:.1%}", f"{max(own):.1%}", f"{mean:.1%}"]
        rows.append(
            f"<tr><td>{escape(holder.role)}</td><td>{escape(holder.framework)}</td>"
            + "".join(f"<td>{cell}</td>" for cell in cells)
            + "</tr>"
        )
    heads = ["role", "framework", *names, "share at the end", "highest", "average"]
    return (
        '<h2>At the end</h2><div class="scroll"><table><tr>'
        + "".join(f"<th>{escape(head)}</th>" for head in heads)
        + f"</tr>{''.join(rows)}</table></div>"
    )
