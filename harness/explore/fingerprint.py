"""Which of two runs differ only in the order of events that do not touch each other.

Processes share nothing, so two events at different processes commute (times aside) unless one leads to the other, and then
the order is fixed anyway. So the order of events at each process, taken for each process alone, names a run's happens-before
class. The start and the end of a process count as events of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from harness.simulation.events import Channel
from harness.simulation.trace import DELIVERED, FIRED, NOTED, STRIDE, Trace

_SHORT = {kind: f"\n{kind} " for kind in ("spawned", "ended", "dropped", "held")}


def fingerprint(trace: Trace, timers: Sequence[int] = ()) -> str:
    """A short text that is equal for two runs of one happens-before class, and hardly ever for others.

    Args:
        trace: of the run.
        timers: of each timer that has fired, the how many-th of its owner it was (``EventKernel.fired``); without it, two timers
            of one process that call the same method pass for the same.
    """
    flat = trace.flat
    fired = iter(timers)
    orders: dict[str, list[str]] = {}
    for start in range(0, len(flat), STRIDE):
        kind = flat[start + 1]
        subject = flat[start + 2]
        if kind == DELIVERED:
            receiver, what = subject.target, subject.entity
        elif kind == FIRED:
            receiver, what = subject, f"{flat[start + 3].__name__} {next(fired, '')}"
        elif kind == NOTED:
            continue
        elif isinstance(subject, Channel):
            receiver, what = subject.target, _SHORT[kind] + subject.entity
        else:
            receiver, what = subject, kind
        order = orders.get(receiver)
        if order is None:
            orders[receiver] = [what]
        else:
            order.append(what)
    text = "\0\0".join([f"{receiver}\0{chr(0).join(orders[receiver])}" for receiver in sorted(orders)])
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def total_order(trace: Trace, timers: Sequence[int] = ()) -> str:
    """The same for the order of all events together: equal only for runs in which everything happened in the same order."""
    flat = trace.flat
    fired = iter(timers)
    parts: list[str] = []
    for start in range(0, len(flat), STRIDE):
        kind, subject = flat[start + 1], flat[start + 2]
        if kind == NOTED:
            continue
        if kind == FIRED:
            parts += (kind, subject, str(next(fired, "")))
        else:
            parts += (kind, subject.entity if isinstance(subject, Channel) else f"{subject} {flat[start + 3]}")
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=8).hexdigest()
