"""Identifiers of Mesos: texts that know what they identify.

Each is a ``str``: it prints as the text Mesos would print, equals that text, and a plain text is taken wherever an id is
wanted. Formats: an agent is ``<master>-S0``, an offer ``<master>-O0``, a framework ``<master>-0000``; each master counts from 0.
"""

from __future__ import annotations


class Id(str):
    """What all identifiers share: the text itself, readable as ``value`` too (the only field of Mesos's id messages)."""

    __slots__ = ()

    @property
    def value(self) -> str:
        """The text, under the name that Mesos's protocol buffers give it."""
        return str(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


class MasterID(Id):
    """One life of a master; a master that starts again gets a fresh one."""

    __slots__ = ()


class SlaveID(Id):
    """One agent as one registration admitted it: ``<master>-S<n>``."""

    __slots__ = ()


class FrameworkID(Id):
    """One framework over all its schedulers' lives: ``<master>-<four digits>``."""

    __slots__ = ()


class OfferID(Id):
    """One offer or inverse offer: ``<master>-O<n>``, a counter both share."""

    # How many tasks a test has made out of the offer, so that each gets an id of its own without a counter for all runs.
    __slots__ = ("tasks_made",)


class TaskID(Id):
    """A task, named by its framework; unique within that framework."""

    __slots__ = ()


class ExecutorID(Id):
    """An executor, named by its framework; unique within that framework and agent."""

    __slots__ = ()


class ContainerID(Id):
    """One run of an executor, named by the agent."""

    __slots__ = ()
