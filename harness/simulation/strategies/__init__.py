"""Strategies: what answers the choices of a run. One file each; this table says which names there are.

``prompt`` and ``random`` draw when something is sent and need no more than the plain kernel. The others pick among the events
that may run. Some go by what earlier runs of a test have shown (:class:`Knowledge`, gathered in
:mod:`harness.explore.knowledge`); without it they work, but know nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from harness.errors import MisuseError
from harness.simulation.choices import Strategy, make_choices
from harness.simulation.strategies.base import NOTHING_KNOWN, EventStrategy, Knowledge
from harness.simulation.strategies.bounded import Bounded
from harness.simulation.strategies.order import Order
from harness.simulation.strategies.pct import Pct
from harness.simulation.strategies.portfolio import MEMBERS, member
from harness.simulation.strategies.pos import Pos
from harness.simulation.strategies.recorded import Recorded
from harness.simulation.strategies.urw import Urw


class _Kind(NamedTuple):
    build: Callable[[int, Knowledge], Strategy]
    learns: bool
    # The number after the colon: what it is if left out, and its least value; None if there is none.
    parameter: tuple[int, int] | None = None


_KINDS: dict[str, _Kind] = {
    "bounded": _Kind(Bounded, True, (2, 0)),
    "order": _Kind(lambda _, known: Order(known), True),
    "pct": _Kind(Pct, True, (3, 1)),
    "pos": _Kind(lambda _, known: Pos(known), False),
    "urw": _Kind(lambda _, known: Urw(known), True),
}
_PLAIN = ("prompt", "random")
_PORTFOLIO = "portfolio"
_PILOT = "pos"
"""The strategy of the runs from which the others learn; all but ``bounded``, see :func:`pilot_of`."""


def strategy_names() -> tuple[str, ...]:
    """The names that ``strategy=`` accepts, with ``:n`` where a number may follow."""
    names = [f"{name}:n" if kind.parameter is not None else name for name, kind in _KINDS.items()]
    return tuple(sorted([*names, *_PLAIN, _PORTFOLIO]))


def check_strategy(strategy: str | Strategy) -> None:
    """Refuse what is no strategy.

    Raises:
        MisuseError: an unknown name, a number out of its range, or an object that lacks something.
    """
    if not isinstance(strategy, str):
        make_choices(0, strategy)
    elif strategy not in (*_PLAIN, _PORTFOLIO):
        _parse(strategy)


def member_of(strategy: str | Strategy, seed: int) -> str | Strategy:
    """The strategy that is meant for one seed: of a portfolio the member whose turn it is, else itself."""
    return member(seed) if strategy == _PORTFOLIO else strategy


def learns(strategy: str | Strategy) -> bool:
    """Whether this strategy (for a portfolio: some member) goes by what earlier runs have shown."""
    if not isinstance(strategy, str) or strategy in _PLAIN:
        return False
    return strategy == _PORTFOLIO or _parse(strategy)[0].learns


def pilot_of(strategy: str) -> str:
    """The strategy of the runs from which this one learns.

    They have to be varied: what a strategy does by default may run one process to its end, then the next. But no run that is
    counted as one of ``bounded:k`` may deviate more often than that; it learns no more than how long runs are.
    """
    return strategy if strategy.partition(":")[0] == "bounded" else _PILOT


def seeded(strategy: str | Strategy) -> bool:
    """Whether a name and a seed are enough to make the run again, without the test being known."""
    return isinstance(strategy, str) and not learns(strategy)


def make_strategy(strategy: str | Strategy, knowledge: Knowledge = NOTHING_KNOWN, seed: int = 0) -> str | Strategy:
    """What a world takes as its strategy: an object, or one of the two names that it knows itself.

    Raises:
        MisuseError: the name is not known.
    """
    strategy = member_of(strategy, seed)
    if not isinstance(strategy, str) or strategy in _PLAIN:
        return strategy
    kind, number = _parse(strategy)
    return kind.build(number, knowledge)


def _parse(strategy: str) -> tuple[_Kind, int]:
    name, colon, number = strategy.partition(":")
    kind = _KINDS.get(name)
    if kind is None or (colon and kind.parameter is None):
        raise MisuseError(
            f"strategy={strategy!r} is not known; wanted one of {', '.join(strategy_names())}, or a Strategy object"
        )
    if kind.parameter is None:
        return kind, 0
    usual, least = kind.parameter
    if not colon:
        return kind, usual
    if not number.isdecimal() or int(number) < least:
        raise MisuseError(
            f"strategy={strategy!r}: wanted a whole number of at least {least} after the colon, as in '{name}:{usual}'"
        )
    return kind, int(number)


__all__ = [
    "MEMBERS",
    "NOTHING_KNOWN",
    "Bounded",
    "EventStrategy",
    "Knowledge",
    "Order",
    "Pct",
    "Pos",
    "Recorded",
    "Urw",
    "check_strategy",
    "learns",
    "make_strategy",
    "member_of",
    "pilot_of",
    "seeded",
    "strategy_names",
]
