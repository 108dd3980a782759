"""What tells several calls apart: only the arguments, and within records only the fields, that are not equal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from harness.doubles.calls import Call
from harness.mesos.ids import Id
from harness.simulation.trace import UUID, shorten, show


def brief_value(value: Any, limit: int = 60) -> str:
    """A value as one short text, records with their set fields only."""
    if callable(value):
        text = getattr(value, "__qualname__", type(value).__name__)
    elif isinstance(value, str):
        text = repr(str(value))
    elif isinstance(value, (list, tuple)):
        text = f"[{', '.join(map(show, value))}]"
    else:
        text = show(value)
    text = shorten(text)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def differences(calls: Sequence[Mapping[str, Any]]) -> tuple[list[list[tuple[str, str]]], list[str]]:
    """Compare the arguments of several calls.

    Returns:
        For each call the paths that differ with its value there, and the arguments that are equal in all of them.
    """
    apart: list[list[tuple[str, str]]] = [[] for _ in calls]
    same: list[str] = []
    told: list[list[Any]] = []
    for name in dict.fromkeys(name for arguments in calls for name in arguments):
        values = [arguments.get(name) for arguments in calls]
        paths = _paths(name, values)
        if not paths and (values[0] or values[0] == 0):
            same.append(f"{name}={brief_value(values[0], 90)}")
        elif paths:
            same += _common_texts(name, values)
        for path, read in paths:
            read_values = [read(value) for value in values]
            # An id that is an argument and a field of another argument is told once.
            if read_values not in told:
                told.append(read_values)
                for position, value in enumerate(read_values):
                    apart[position].append((path, brief_value(value)))
    return apart, same


def _common_texts(name: str, values: list[Any]) -> list[str]:
    """The texts, such as a host name, that records that differ have in common."""
    first = values[0]
    if not isinstance(first, msgspec.Struct) or any(type(value) is not type(first) for value in values):
        return []
    common = [(field, getattr(first, field)) for field in first.__struct_fields__]
    return [
        f"{name}.{field}={text!s}"
        for field, text in common
        if isinstance(text, str) and text and all(getattr(value, field) == text for value in values)
    ]


class _Reader:
    """Reads one path of fields out of an argument."""

    __slots__ = ("fields",)

    def __init__(self, fields: tuple[str, ...]) -> None:
        self.fields = fields

    def __call__(self, value: Any) -> Any:
        for field in self.fields:
            value = getattr(value, field, None)
        return value


def _paths(name: str, values: list[Any], fields: tuple[str, ...] = ()) -> list[tuple[str, _Reader]]:
    first = values[0]
    if all(value is first or value == first for value in values[1:]):
        return []
    kind = type(first)
    if isinstance(first, msgspec.Struct) and all(type(value) is kind for value in values) and len(fields) < 3:
        found: list[tuple[str, _Reader]] = []
        for field in first.__struct_fields__:
            found += _paths(f"{name}.{field}", [getattr(value, field) for value in values], (*fields, field))
        return found
    return [(name, _Reader(fields))]


def key_words(calls: Iterable[Call]) -> dict[str, None]:
    """The names by which the trace would mention what these calls are about: ids, host names, addresses."""
    words: dict[str, None] = {}
    for call in calls:
        for value in call.args.values():
            _collect(value, words, 0)
    return words


def _collect(value: Any, words: dict[str, None], depth: int) -> None:
    if isinstance(value, str):
        text = str(value)
        # Ids and addresses only: a role such as "*" or a word such as "default" is mentioned everywhere.
        if isinstance(value, Id) or UUID.search(text) or "@" in text:
            words[text] = None
    elif isinstance(value, msgspec.Struct) and depth < 2:
        hostname = getattr(value, "hostname", None)
        if isinstance(hostname, str) and hostname:
            words[hostname] = None
        for field in ("id", "slave_id", "framework_id", "task_id", "pid", "status", "task"):
            _collect(getattr(value, field, None), words, depth + 1)
    elif isinstance(value, (list, tuple)) and depth < 2:
        for item in value[:4]:
            _collect(item, words, depth + 1)


class Mentions:
    """Whether a line mentions one of some words, as a word of its own."""

    __slots__ = ("_pattern",)

    def __init__(self, words: Iterable[str]) -> None:
        escaped = [re.escape(word) for word in words]
        self._pattern = re.compile(rf"(?<![\w.-])(?:{'|'.join(escaped)})(?![\w-])") if escaped else None

    def __call__(self, line: str) -> bool:
        return self._pattern is None or self._pattern.search(line) is not None
