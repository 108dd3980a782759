"""Who leads: the detector that is told by hand, as Mesos's standalone one.

Every participant that is to be told apart from the others holds a detector of its own; the agent, the scheduler driver and
the master only ever call :meth:`StandaloneDetector.detect`, so anything with that method can stand in.
Source: Mesos ``src/master/detector/standalone.cpp``.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Protocol

import msgspec

from harness.mesos.messages import MasterInfo
from harness.simulation.future import Future, Promise


class Detector(Protocol):
    """What the roles need of a detector."""

    def detect(self, previous: MasterInfo | None = None) -> Future[MasterInfo | None]:
        """The leader as soon as it differs from ``previous``; discarding the future makes it discarded."""
        ...


class StandaloneDetector:
    """Knows the leader it was told; completes every waiting :meth:`detect` when it is told another one.

    The futures complete inside :meth:`appoint`, in the order in which they were asked for. A role hears of it through
    ``future.on_any(self.defer("detected"))``, so its handler runs as a delivery of its own.
    """

    __slots__ = ("_leader", "_pending")

    def __init__(self, leader: MasterInfo | None = None) -> None:
        self._leader = leader
        self._pending: list[Promise[MasterInfo | None]] = []

    @property
    def leader(self) -> MasterInfo | None:
        """The master appointed last, or None."""
        return self._leader

    def detect(self, previous: MasterInfo | None = None) -> Future[MasterInfo | None]:
        """The leader: ready at once if it differs from ``previous``, else at the next appointment.

        A discard request is granted at once. A role uses that to look again: it discards its pending future, is called
        with a discarded one, and asks with ``previous=None``, which a detector with a leader answers at once.
        """
        promise: Promise[MasterInfo | None] = Promise("detection")
        if self._leader != previous:
            promise.set(self._leader)
        else:
            self._pending.append(promise)
            promise.on_discard(partial(self._give_up, promise))
        return promise.future

    def appoint(self, leader: MasterInfo | None) -> None:
        """Name the leader (None: there is none). Whoever waits gets it, even if it is the one it knew.

        For a participant that asks later the appointment is a change only if the record differs: see :func:`fresh_info`.
        """
        self._leader = leader
        pending, self._pending = self._pending, []
        for promise in pending:
            promise.set(leader)

    def _give_up(self, promise: Promise[MasterInfo | None]) -> None:
        self._pending.remove(promise)
        promise.discard()


def fresh_info(info: MasterInfo, n: int) -> MasterInfo:
    """The record for the ``n``-th further appointment of one master: same pid, another id, so that it reads as a change.

    ``n == 0`` is the master's own record. Mesos draws a random id whenever a bare pid is appointed; here it is derived from
    the master's id and ``n``, so equal runs see equal ids.
    """
    if n == 0:
        return info
    digest = hashlib.md5(f"{info.id}/{info.pid}/{n}".encode(), usedforsecurity=False).hexdigest()
    fresh = f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}"
    return msgspec.structs.replace(info, id=fresh)
