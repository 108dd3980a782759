"""What a handle shows of a role's books: a copy that stays as it is, whatever the role or the test does afterwards."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Snapshot(dict[K, V]):
    """A mapping that cannot be written; ``dict(snapshot)`` makes one that can.

    A test that could write into it would think that it has changed the cluster.
    """

    __slots__ = ()

    def _refuse(self, *_arguments: Any, **_named: Any) -> NoReturn:
        raise TypeError("this is a snapshot and cannot be written; to have one of your own, copy it: dict(...)")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type[dict[K, V]], tuple[dict[K, V]]]:
        # Copying and pickling would fill it item by item.
        return dict, (dict(self),)


class Counts(Snapshot[str, float]):
    """Metrics; one that was never counted reads 0."""

    __slots__ = ()

    def __missing__(self, name: str) -> float:
        return 0
