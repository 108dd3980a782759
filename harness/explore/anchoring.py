"""Lenient replay: an old record on code that has changed since, and how far it had to be bent.

Strict replay stops at the first draw that the record does not fit. Here each recorded choice looks for its place: by its key; if
that is no longer drawn, at the nearest occurrence of the same site at an entity of the same kind (its name without numbers); if
there is none, at the entity of the most similar name. Moving one choice changes what happens afterwards, so the run is made again
until all choices that can be placed are.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from harness.explore.result import FinishedRun
from harness.simulation.choices import Choice, Key

R = TypeVar("R", bound=FinishedRun)

ROUNDS = 12
"""The most runs to make; each places more choices than the one before, or is the last."""

SIMILAR = 0.6
"""How alike two names must be (:class:`difflib.SequenceMatcher`) for one to be taken as the other's new name."""

_SHOWN = 8
_NUMBERS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+")


@dataclass(frozen=True, slots=True)
class Moved:
    """A recorded choice that was applied to another draw than the recorded one.

    Attributes:
        recorded: as it stood in the record.
        applied: the draw that it answered.
    """

    recorded: Choice
    applied: Choice

    def __str__(self) -> str:
        old, new = self.recorded, self.applied
        if old.key == new.key:
            return f"{_place(old)}: {old.value} of 0..{old.bound} became {new.value} of 0..{new.bound}"
        return f"{_place(old)} is now {_place(new)}"


@dataclass(frozen=True, slots=True)
class Anchoring(Generic[R]):
    """Where the choices of a record found their places.

    Attributes:
        run: the run made with them.
        exact: how many answered the recorded draw as it was.
        moved: those that answered another draw, or one with another bound.
        lost: those for which there was no draw.
        runs: how many runs it took.
    """

    run: R
    exact: int
    moved: tuple[Moved, ...]
    lost: tuple[Choice, ...]
    runs: int

    @property
    def distance(self) -> int:
        """How many recorded choices are not where they were; 0 means that the record still fits."""
        return len(self.moved) + len(self.lost)

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``: how many fit, and the choices that do not, each as (site, entity, occurrence, bound, value)."""
        return {
            "exact": self.exact,
            "distance": self.distance,
            "moved": [{"recorded": list(move.recorded), "applied": list(move.applied)} for move in self.moved],
            "lost": [list(choice) for choice in self.lost],
            "runs": self.runs,
        }

    def __str__(self) -> str:
        whole = self.exact + self.distance
        lines = [
            f"of {whole} recorded choices {self.exact} fit as they were, {len(self.moved)} were moved, {len(self.lost)} not used"
        ]
        lines += _first([f"moved: {move}" for move in self.moved])
        lines += _first([f"not used: {_place(choice)}, {choice.value} of 0..{choice.bound}" for choice in self.lost])
        return "\n".join(lines)


def _first(lines: Sequence[str]) -> list[str]:
    more = len(lines) - _SHOWN
    return [*lines[:_SHOWN], f"... and {more} more"] if more > 0 else list(lines)


def anchor(make: Callable[[Sequence[Choice]], R], record: Iterable[Choice]) -> Anchoring[R]:
    """Replay a record as well as it goes.

    Args:
        make: makes a run that answers draws by key, bending values to the bounds asked; a draw without an answer is benign.
        record: the choices of the old run, or its deviations.
    """
    wanted = [choice for choice in record if choice.value]
    # Where each choice is applied, by its recorded key.
    targets: dict[Key, Key] = {choice.key: choice.key for choice in wanted}
    for runs in range(1, ROUNDS + 1):
        run = make([_at(choice, targets[choice.key]) for choice in wanted])
        drawn = {choice.key: choice for choice in run.choices}
        homeless = [choice for choice in wanted if targets[choice.key] not in drawn]
        found = _places(homeless, drawn, {target for target in targets.values() if target in drawn})
        if not found or runs == ROUNDS:
            break
        targets |= found
    moved = []
    for choice in wanted:
        applied = drawn.get(targets[choice.key])
        if applied is not None and (applied.key, applied.bound) != (choice.key, choice.bound):
            moved.append(Moved(choice, applied))
    return Anchoring(run, len(wanted) - len(homeless) - len(moved), tuple(moved), tuple(homeless), runs)


def _places(homeless: Iterable[Choice], drawn: Mapping[Key, Choice], taken: set[Key]) -> dict[Key, Key]:
    """New places for choices whose draw is no longer made; each draw takes one."""
    by_site: dict[str, dict[str, list[int]]] = {}
    for site, entity, occurrence in drawn:
        if (site, entity, occurrence) not in taken:
            by_site.setdefault(site, {}).setdefault(entity, []).append(occurrence)
    found: dict[Key, Key] = {}
    for choice in homeless:
        free = by_site.get(choice.site, {})
        place = _entity(choice.entity, [name for name, occurrences in free.items() if occurrences])
        if place is None:
            continue
        occurrence = min(free[place], key=lambda n: (abs(n - choice.occurrence), n))
        free[place].remove(occurrence)
        found[choice.key] = (choice.site, place, occurrence)
    return found


def _entity(name: str, others: Sequence[str]) -> str | None:
    if name in others:
        return name
    kind = _kind(name)
    same = [other for other in others if _kind(other) == kind]
    ranked = [(difflib.SequenceMatcher(None, name, other, autojunk=False).ratio(), other) for other in same or others]
    best = max(ranked, key=lambda pair: pair[0], default=None)
    return best[1] if best is not None and (same or best[0] >= SIMILAR) else None


def _kind(name: str) -> str:
    return _NUMBERS.sub("#", name)


def _at(choice: Choice, key: Key) -> Choice:
    return Choice(*key, choice.bound, choice.value)


def _place(choice: Choice) -> str:
    return f"{choice.site} of {choice.entity} (occurrence {choice.occurrence})"
