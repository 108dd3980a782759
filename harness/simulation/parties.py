"""Whom a rule or a network condition speaks of: anybody, a process, a host, or everything of one role.

A *handle* (a master, an agent, a framework of a cluster) is anything with ``_roots``, the creation paths of the processes
that it has had at the top level, and ``_host``, the host they run on.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from harness.errors import MisuseError
from harness.simulation.events import Address
from harness.simulation.society import Society


class Party:
    """A set of processes, asked one by one; ``whole_host`` makes a handle stand for its host instead of its processes."""

    __slots__ = ("_address", "_handle", "_host", "_root", "given")

    def __init__(self, given: Any, society: Society, argument: str, *, whole_host: bool = False) -> None:
        self.given = given
        self._address: str | None = None
        self._host: str | None = None
        self._root: str | None = None
        self._handle: Any = None
        if given is None:
            return
        if hasattr(given, "_roots"):
            if whole_host:
                self._host = given._host
            else:
                self._handle = given
        elif isinstance(given, str) and "@" in given:
            self._address = given
            # In network terms a process and its children are one party.
            self._root = society.roots.get(given) if whole_host else None
        elif isinstance(given, str):
            if given not in society.names_of_hosts:
                known = ", ".join(society.names_of_hosts) or "none yet"
                raise MisuseError(f"{argument}={given!r}: there is no such host; wanted a handle, an address or one of: {known}")
            self._host = given
        elif isinstance(getattr(given, "address", None), str):
            self._address = given.address
            self._root = society.roots.get(given.address) if whole_host else None
        else:
            raise MisuseError(
                f"{argument}={given!r}: wanted a handle, an Address, a pid such as 'master@master', or None for anybody"
            )

    def covers(self, address: Address, root: str) -> bool:
        """Whether the process with this address and root path belongs to it."""
        if self._address is not None:
            return address == self._address or (self._root is not None and root == self._root)
        if self._host is not None:
            return address.host == self._host
        if self._handle is not None:
            roots: Collection[str] = self._handle._roots
            return root in roots
        return True

    def same_as(self, other: Party) -> bool:
        """Whether both were made from equal things."""
        return self.given is other.given or (isinstance(self.given, str) and bool(self.given == other.given))

    def __str__(self) -> str:
        if self.given is None:
            return "anybody"
        return str(self._address or self._host or self.given)
