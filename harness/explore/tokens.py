"""Tokens: one run, as short printable text that can be pasted into a command.

Two forms, both starting with the version of the format:

* ``ch1-random-17``: the strategy and the seed it was given. Short, and enough while test and model stay as they are.
* ``ch1-choices-...``: the draws that deviated from the benign answer, by key, compressed. It needs no strategy, and it survives
  changes elsewhere in the code, since a draw is named by who made it and not by its position.

Choices that are too many for a line stand in a file (:func:`save`), which ``@PATH`` names wherever a token is taken.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from harness.errors import MisuseError
from harness.simulation.choices import PICKED, Choice, Strategy
from harness.simulation.strategies import check_strategy, member_of, seeded

VERSION = "ch1"

A_LINE = 1000
"""The longest token, in characters, that is still pasted into a command; about sixty deviations."""

T = TypeVar("T")
_SEEDED = re.compile(r"([a-z][a-z0-9_:.]*)-(-?\d+)")
_WAY_OUT = "use the token or seed that a failing run printed, or find a new one with 'harness hunt'"


@dataclass(frozen=True, slots=True)
class Schedule:
    """How to make one run: a seed for a strategy, or the recorded choices of a run."""

    seed: int
    strategy: str | Strategy = "random"
    choices: tuple[Choice, ...] | None = None

    @property
    def strategy_name(self) -> str:
        """The strategy's name, also of a user's own object."""
        return self.strategy if isinstance(self.strategy, str) else self.strategy.name

    @property
    def token(self) -> str:
        """This schedule as text.

        Raises:
            MisuseError: the strategy is an object: text cannot rebuild it, only the choices it made (:meth:`recorded`).
        """
        if self.choices is not None:
            return f"{VERSION}-choices-{_pack(self)}"
        if not isinstance(self.strategy, str):
            raise MisuseError(f"strategy {self.strategy_name!r} is an object, a token cannot rebuild it; record its choices")
        # A token must mean the same run for ever, so it names the member of a portfolio whose turn this seed is.
        return f"{VERSION}-{member_of(self.strategy, self.seed)}-{self.seed}"

    @property
    def portable(self) -> bool:
        """Whether it makes the same run wherever the test is, without earlier runs or somebody's object."""
        return self.choices is not None or seeded(member_of(self.strategy, self.seed))

    def recorded(self, choices: Iterable[Choice]) -> Schedule:
        """The same run as a record: only deviations are kept, everything else is benign.

        One benign pick stays if no other does: it tells that the run needs a kernel which picks events.
        """
        choices = list(choices)
        kept = [choice for choice in choices if choice.value]
        if not any(choice.site == PICKED for choice in kept):
            kept += [choice for choice in choices if choice.site == PICKED][:1]
        name = member_of(self.strategy_name, self.seed)
        assert isinstance(name, str)
        return Schedule(self.seed, name, tuple(kept))


def read_schedule(text: int | str, strategy: str | Strategy = "random") -> Schedule:
    """The schedule of a seed or a token; ``strategy`` serves a bare seed, a token brings its own.

    Raises:
        MisuseError: it is neither, its version is another, it is damaged, or the strategy is unknown.
    """
    if isinstance(text, int) and not isinstance(text, bool):
        check_strategy(strategy)
        return Schedule(text, strategy)
    if not isinstance(text, str):
        raise MisuseError(f"{text!r} is neither a seed nor a token; {_WAY_OUT}")
    text = text.strip()
    if text.startswith("@"):
        return _load(Path(text[1:]))
    if re.fullmatch(r"-?\d+", text):
        return read_schedule(int(text), strategy)
    version, dash, rest = text.partition("-")
    if not dash or not re.fullmatch(r"ch\d+", version):
        raise MisuseError(f"{text!r} is neither a seed (a whole number) nor a token ({VERSION}-...); {_WAY_OUT}")
    if version != VERSION:
        raise MisuseError(f"token {text!r} has the format {version!r}, this release reads {VERSION!r}; {_WAY_OUT}")
    if rest.startswith("choices-"):
        return _unpack(text, rest.removeprefix("choices-"))
    seeded = _SEEDED.fullmatch(rest)
    if seeded is None:
        raise MisuseError(f"token {text!r} is damaged: wanted {VERSION}-STRATEGY-SEED or {VERSION}-choices-...; {_WAY_OUT}")
    return read_schedule(int(seeded[2]), seeded[1])


def save(schedule: Schedule, path: str | Path) -> str:
    """Write a schedule with recorded choices to a file that people can read.

    Returns:
        ``@PATH``, which is taken wherever a token is.

    Raises:
        MisuseError: the schedule has no choices (its token is short anyway), or the file cannot be written.
    """
    if schedule.choices is None:
        raise MisuseError(f"{schedule.token} is all there is to this schedule; only recorded choices need a file")
    path = Path(path)
    head = json.dumps({"token": VERSION, "seed": schedule.seed, "strategy": schedule.strategy_name}, ensure_ascii=False)
    rows = ",\n".join("  " + json.dumps(list(choice), ensure_ascii=False) for choice in schedule.choices)
    columns = json.dumps(["site", "entity", "occurrence", "bound", "value"])
    text = f'{head[:-1]},\n "columns": {columns},\n "choices": [\n{rows}\n]}}\n'
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # By rename: a reader never sees half a file.
        partial.write_text(text, "utf-8")
        partial.replace(path)
    except OSError as error:
        raise MisuseError(f"{path} cannot be written: {error.strerror or error}; name a file in a folder of yours") from None
    return f"@{path}"


def in_a_line(schedule: Schedule, folder: str | Path) -> str:
    """The token of a schedule if it fits into a line, else ``@PATH`` of a file in ``folder``, named after what it holds."""
    token = schedule.token
    if len(token) <= A_LINE:
        return token
    name = hashlib.sha256(token.encode()).hexdigest()[:12]
    return save(schedule, Path(folder) / f"choices-{name}.json")


def _load(path: Path) -> Schedule:
    try:
        content = json.loads(path.read_text("utf-8"))
        version = content["token"]
        if version != VERSION:
            raise MisuseError(f"{path} has the format {version!r}, this release reads {VERSION!r}; {_WAY_OUT}")
        choices = tuple(_choice(*row) for row in content["choices"])
        return Schedule(_typed(content["seed"], int), _typed(content["strategy"], str), choices)
    except OSError as error:
        raise MisuseError(f"@{path} cannot be read: {error.strerror or error}; {_WAY_OUT}") from None
    except (ValueError, TypeError, KeyError) as error:
        raise MisuseError(f"{path} holds no recorded choices ({type(error).__name__}: {error}); {_WAY_OUT}") from None


def _choice(site: Any, entity: Any, occurrence: Any, bound: Any, value: Any) -> Choice:
    return Choice(_typed(site, str), _typed(entity, str), _typed(occurrence, int), _typed(bound, int), _typed(value, int))


def _typed(value: Any, kind: type[T]) -> T:
    if type(value) is not kind:
        raise TypeError(f"{value!r} where {kind.__name__} was wanted")
    return value


def _pack(schedule: Schedule) -> str:
    streams: dict[tuple[str, str], list[int]] = {}
    for choice in schedule.choices or ():
        streams.setdefault((choice.site, choice.entity), []).extend((choice.occurrence, choice.bound, choice.value))
    content = [schedule.seed, schedule.strategy_name, [[site, entity, draws] for (site, entity), draws in streams.items()]]
    raw = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(zlib.compress(raw, 9)).decode().rstrip("=")


def _unpack(token: str, packed: str) -> Schedule:
    try:
        raw = zlib.decompress(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
        seed, strategy, streams = json.loads(raw)
        choices = tuple(
            Choice(site, entity, *draws[i : i + 3]) for site, entity, draws in streams for i in range(0, len(draws), 3)
        )
    except (ValueError, TypeError, binascii.Error, zlib.error) as error:
        shown = token if len(token) < 60 else f"{token[:50]}... ({len(token)} characters)"
        raise MisuseError(f"token {shown!r} is damaged ({error}): was it cut off when copied? {_WAY_OUT}") from None
    return Schedule(seed, strategy, choices)
