"""The events of the runs on a page as compact columns: texts once, numbers in lists, ready to stand inside a script element."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from harness.report.document import DECISIVE, DEVIATION, RETRY, STATE, RunDocument
from harness.report.page.alignment import Alignment
from harness.simulation.trace import shorten

KINDS = ("delivered", "timer", "note", "spawned", "ended", "dropped", "held")
CHANNELS = ("", "message", "dispatch", "exited", "work", "start")
MARKS = (DEVIATION, RETRY, DECISIVE, STATE)

_LETTERS = 400


class _Texts:
    """Each text once; what refers to it is its number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        return self._numbers.setdefault(text, len(self._numbers))

    @property
    def all(self) -> list[str]:
        return list(self._numbers)


def embedded(runs: Sequence[tuple[str, RunDocument]], alignment: Alignment | None, compared: tuple[int, int] | None) -> str:
    """The data of a page as JSON without anything that could end the script element around it.

    Args:
        runs: with their titles.
        alignment: of the two runs that are compared.
        compared: which runs these are.
    """
    texts = _Texts()
    lanes = _lanes([run for _, run in runs])
    numbers = {lane["address"]: number for number, lane in enumerate(lanes)}
    data: dict[str, Any] = {
        "lanes": lanes,
        "runs": [{"title": title, **_run(run, texts, numbers)} for title, run in runs],
        "compared": compared,
        "pairs": None if alignment is None else [[ours for ours, _ in alignment.columns], [its for _, its in alignment.columns]],
        "difference": None if alignment is None else alignment.difference,
    }
    data["texts"] = texts.all
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    # In JSON these characters occur inside texts only, where an escape means the same.
    return text.translate({ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026", 0x2028: "\\u2028", 0x2029: "\\u2029"})


def _lanes(runs: Sequence[RunDocument]) -> list[dict[str, str]]:
    """One lane an address, what belongs to one role together, in the order in which the roles began."""
    roots: dict[str, dict[str, dict[str, str]]] = {}
    for run in runs:
        for process in run.processes:
            lane = {
                "address": process.address,
                "label": shorten(process.address.partition("@")[0]),
                "host": process.host,
                "type": process.type,
            }
            roots.setdefault(process.root or process.address, {}).setdefault(process.address, lane)
        known = {address for lanes in roots.values() for address in lanes}
        # A message to nobody has a receiver that never was.
        for record in run.records:
            for address in (record.process, record.source):
                if address and address not in known:
                    known.add(address)
                    name, _, host = address.partition("@")
                    roots.setdefault(address, {})[address] = {
                        "address": address,
                        "label": shorten(name),
                        "host": host,
                        "type": "never there",
                    }
    return [lane for lanes in roots.values() for lane in lanes.values()]


def _run(run: RunDocument, texts: _Texts, lanes: dict[str, int]) -> dict[str, Any]:
    records = run.records
    bits = {mark: 1 << place for place, mark in enumerate(MARKS)}
    lives: dict[int, list[list[int | None]]] = {}
    for process in run.processes:
        lives.setdefault(lanes[process.address], []).append([process.spawned, process.ended])
    words: dict[int, list[int]] = {}
    for deviation in run.deviations:
        if deviation.step is not None:
            words.setdefault(deviation.step, []).append(texts.number(shorten(deviation.words)))
    return {
        "failed": run.failed,
        "time": [record.time_ns for record in records],
        "kind": [KINDS.index(record.kind) for record in records],
        "lane": [lanes[record.process] for record in records],
        "source": [lanes[record.source] if record.source else -1 for record in records],
        "type": [texts.number(record.type) for record in records],
        "channel": [CHANNELS.index(record.channel) for record in records],
        "text": [texts.number(_short(record.text)) for record in records],
        "fields": [texts.number(json.dumps(record.fields, ensure_ascii=False) if record.fields else "") for record in records],
        "since": [record.since_ns for record in records],
        "cause": [record.cause for record in records],
        "marks": [sum(bits.get(mark, 0) for mark in record.marks) for record in records],
        "over": run.over,
        "aborted": run.aborted,
        "pair": run.pair,
        "lives": lives,
        "words": words,
    }


def _short(text: str) -> str:
    return text if len(text) <= _LETTERS else f"{text[: _LETTERS - 1]}…"
