"""The base of every record: frozen, built by keyword, one line when printed."""

from __future__ import annotations

import functools
from typing import TypeVar

import msgspec

R = TypeVar("R", bound="Record")


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False, repr_omit_defaults=True):
    """A message, or a part of one. Fields have Mesos's names; absent optional fields are None, absent repeated ones ``()``.

    Records are compared by value and can be keys. ``str()`` is one line without the fields that are absent or have their default.
    """

    def __str__(self) -> str:
        parts = []
        for name, default in _defaults(type(self)):
            value = getattr(self, name)
            if value is not None and value != default:
                parts.append(f"{name}={_text(value)}")
        return f"{type(self).__name__}({', '.join(parts)})"

    def replace(self: R, **changes: object) -> R:
        """The same record with some fields changed.

        Raises:
            TypeError: a name is no field of this record.
        """
        return msgspec.structs.replace(self, **changes)


@functools.cache
def _defaults(record: type[Record]) -> tuple[tuple[str, object], ...]:
    return tuple((field.name, field.default) for field in msgspec.structs.fields(record))


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_text(item) for item in value)}]"
    return str(value)
