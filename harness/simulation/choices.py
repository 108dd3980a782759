"""The one source of chance: labelled, bounded, recorded draws in which 0 is the benign answer.

A draw is keyed by (site, entity, occurrence). Under the strategy ``random`` its value is the seed mixed with that key, not
the next number of one shared stream: one more draw elsewhere, one more process or one more message moves nothing.
``prompt`` answers 0 everywhere, the schedule of a calm machine. A replay answers from a record, by key.

Seeds are spread by SplitMix64 (Steele, Lea, Flood 2014: "Fast splittable pseudorandom number generators"); a draw multiplies
and folds once, as in Wang Yi's wyrand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from random import Random
from typing import NamedTuple, Protocol, TypeAlias

import msgspec

from harness.errors import MisuseError, NondeterminismError

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_STEP = 0xA0761D6478BD642F
_FOLD = 0xE7037ED1A0B428DB
_MIX_1 = 0xBF58476D1CE4E5B9
_MIX_2 = 0x94D049BB133111EB

PICKED = "next event"
"""The site of the draws that only an event kernel makes: how often an event lets others go first."""

Key: TypeAlias = tuple[str, str, int]
"""(site, entity, occurrence): the identity of a draw; occurrences count from 1 for each (site, entity)."""


class Choice(NamedTuple):
    """One draw as it was answered: ``value`` out of ``0..bound``; a deviation is a value other than 0."""

    site: str
    entity: str
    occurrence: int
    bound: int
    value: int

    @property
    def key(self) -> Key:
        """The identity of the draw."""
        return (self.site, self.entity, self.occurrence)


class Strategy(Protocol):
    """Answers the draws of a run. One object may serve many runs: ``start`` begins each."""

    name: str

    def start(self, seed: int) -> None:
        """A new run begins under this seed."""

    def choose(self, site: str, entity: str, occurrence: int, bound: int) -> int:
        """The answer to one draw, ``0..bound``; 0 is benign."""


class Stream(msgspec.Struct, eq=False):
    """The draws of one (site, entity) in one run. Hot callers keep theirs; nobody else needs to see one."""

    site: str
    entity: str
    base: int
    count: int = 0


def _mix(z: int) -> int:
    z = ((z ^ (z >> 30)) * _MIX_1) & _MASK
    z = ((z ^ (z >> 27)) * _MIX_2) & _MASK
    return z ^ (z >> 31)


@lru_cache(maxsize=65536)
def _key_of(site: str, entity: str) -> int:
    # A pure function of two strings, remembered because the same names come back under every seed.
    return int.from_bytes(hashlib.blake2b(f"{site}\0{entity}".encode(), digest_size=8).digest(), "little")


def uniform(seed: int, site: str, entity: str, occurrence: int, bound: int) -> int:
    """The value ``random`` gives to this draw, ``0..bound``; for strategies that only change some of the draws."""
    base = _mix((seed * _GOLDEN) & _MASK) ^ _key_of(site, entity)
    z = (base + occurrence * _STEP) & _MASK
    z *= z ^ _FOLD
    return (((z >> 64) ^ z) & _MASK) * (bound + 1) >> 64


class Choices:
    """All draws of one run, answered by a strategy object and recorded."""

    __slots__ = ("_extend", "_record", "_seed_mix", "_streams", "picks_events", "seed", "strategy", "ties")

    def __init__(self, seed: int, strategy: str = "random") -> None:
        self.seed = seed
        self.strategy = strategy
        # Whether the order of events at one instant is asked for; the benign order needs no question.
        self.ties = True
        # Whether the world needs a kernel that lays the events that may run before somebody; see event_kernel.py.
        self.picks_events = False
        # What the keys are mixed with; None where values do not come from mixing.
        self._seed_mix: int | None = None
        self._streams: dict[tuple[str, str], Stream] = {}
        self._record: list[Stream | int] = []
        self._extend = self._record.extend

    def stream(self, site: str, entity: str) -> Stream:
        """The stream of this (site, entity), made at first use."""
        key = (site, entity)
        found = self._streams.get(key)
        if found is None:
            seed_mix = self._seed_mix
            found = self._streams[key] = Stream(site, entity, seed_mix ^ _key_of(site, entity) if seed_mix is not None else 0)
        return found

    def draw(self, stream: Stream, bound: int) -> int:
        """Answer the next draw of ``stream``: a value in ``0..bound``, recorded."""
        raise NotImplementedError

    def reserve(self, stream: Stream, bound: int) -> int:
        """Record a draw whose value will only be known later; 0 until then. Gives its place, for :meth:`count_up`."""
        stream.count += 1
        self._extend((stream, bound, 0))
        return len(self._record) - 1

    def count_up(self, place: int) -> None:
        """Add 1 to the value of a reserved draw."""
        self._record[place] += 1  # type: ignore[operator]

    def __iter__(self) -> Iterator[Choice]:
        occurrences: dict[Stream, int] = {}
        items = iter(self._record)
        for stream in items:
            assert isinstance(stream, Stream)
            bound, value = next(items), next(items)
            assert isinstance(bound, int)
            assert isinstance(value, int)
            occurrence = occurrences[stream] = occurrences.get(stream, 0) + 1
            yield Choice(stream.site, stream.entity, occurrence, bound, value)

    def __len__(self) -> int:
        return len(self._record) // 3

    @property
    def record(self) -> tuple[Choice, ...]:
        """Every draw of the run so far, in the order of drawing."""
        return tuple(self)

    @property
    def deviations(self) -> tuple[Choice, ...]:
        """The draws that were not answered with the benign 0."""
        return tuple(choice for choice in self if choice.value)

    def left_over(self) -> tuple[Choice, ...]:
        """What a replayed record still holds that the run never asked for; empty for other strategies."""
        return ()

    def __repr__(self) -> str:
        return f"<Choices: {len(self)} draws, strategy {self.strategy}, seed {self.seed}>"


class PromptChoices(Choices):
    """Every draw is benign: shortest latencies, longest back-offs, creation order, no faults."""

    __slots__ = ()

    def __init__(self, seed: int) -> None:
        super().__init__(seed, "prompt")
        self.ties = False

    def draw(self, stream: Stream, bound: int) -> int:
        """Always 0, recorded."""
        self._extend((stream, bound, 0))
        return 0


class RandomChoices(Choices):
    """Every draw is uniform over its range, by mixing the seed with the key."""

    __slots__ = ()

    def __init__(self, seed: int) -> None:
        super().__init__(seed, "random")
        self._seed_mix = _mix((seed * _GOLDEN) & _MASK)

    def draw(self, stream: Stream, bound: int) -> int:
        """A uniform value in ``0..bound``; the mixing is written out because this is the hottest line of all."""
        stream.count = n = stream.count + 1
        z = (stream.base + n * _STEP) & _MASK
        z *= z ^ _FOLD
        value = (((z >> 64) ^ z) & _MASK) * (bound + 1) >> 64
        self._extend((stream, bound, value))
        return value


class StrategyChoices(Choices):
    """Draws answered by somebody's :class:`Strategy` object."""

    __slots__ = ("chooser",)

    def __init__(self, seed: int, chooser: Strategy) -> None:
        super().__init__(seed, chooser.name)
        self.chooser = chooser
        chooser.start(seed)
        self.picks_events = bool(getattr(chooser, "picks_events", False))

    def draw(self, stream: Stream, bound: int) -> int:
        """Ask the strategy.

        Raises:
            MisuseError: it answered something that is no whole number in ``0..bound``.
        """
        stream.count = n = stream.count + 1
        value = self.chooser.choose(stream.site, stream.entity, n, bound)
        if not isinstance(value, int) or not 0 <= value <= bound:
            raise MisuseError(
                f"strategy {self.strategy!r} answered {value!r} to {stream.site} of {stream.entity} (draw {n}); "
                f"wanted a whole number in 0..{bound}"
            )
        self._extend((stream, bound, value))
        return value


class ReplayChoices(Choices):
    """Draws answered from a record, by key; a key that the record lacks gets the benign 0.

    A record therefore needs to hold deviations only. A draw whose bound is not the recorded one means that the code under
    test has changed: the replay stops there and says so.
    """

    __slots__ = ("_asked", "_wanted")

    def __init__(self, seed: int, record: Iterable[Choice]) -> None:
        super().__init__(seed, "replay")
        self._wanted: dict[Key, Choice] = {choice.key: choice for choice in record}
        self.picks_events = any(choice.site == PICKED for choice in self._wanted.values())
        self._asked: dict[Key, None] = {}

    def draw(self, stream: Stream, bound: int) -> int:
        """The recorded value.

        Raises:
            NondeterminismError: the recorded draw of this key had another bound.
        """
        stream.count = n = stream.count + 1
        key = (stream.site, stream.entity, n)
        choice = self._wanted.get(key)
        value = 0
        if choice is not None:
            if choice.bound != bound:
                raise NondeterminismError(
                    f"the replay left the record at draw {len(self) + 1}: {stream.site} of {stream.entity} (occurrence {n}) was "
                    f"recorded as one of 0..{choice.bound}, now 0..{bound} is asked; the test or the code under test has changed"
                    " since: find the failure again with 'harness hunt', or see how far the record still fits with"
                    " replay(test, token, strict=False)"
                )
            self._asked[key] = None
            value = choice.value
        self._extend((stream, bound, value))
        return value

    def left_over(self) -> tuple[Choice, ...]:
        """Recorded deviations that the run never asked for."""
        return tuple(choice for key, choice in self._wanted.items() if choice.value and key not in self._asked)


_SEEDED: Mapping[str, type[PromptChoices] | type[RandomChoices]] = {
    "prompt": PromptChoices,
    "random": RandomChoices,
}


def make_choices(seed: int, strategy: str | Strategy, replay: Iterable[Choice] | None = None) -> Choices:
    """The choices of a new run.

    Args:
        seed: any whole number.
        strategy: ``"prompt"``, ``"random"``, or an object with ``name``, ``start(seed)`` and
            ``choose(site, entity, occurrence, bound)``.
        replay: a recorded run (its choices, or only its deviations); then seed and strategy only label the run.

    Raises:
        MisuseError: seed or strategy is nothing of the kind.
    """
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise MisuseError(f"seed={seed!r} is no whole number; a failing run prints the seed to use here")
    if replay is not None:
        return ReplayChoices(seed, replay)
    if isinstance(strategy, str):
        kind = _SEEDED.get(strategy)
        if kind is None:
            raise MisuseError(
                f"strategy={strategy!r} is not known; wanted {' or '.join(map(repr, _SEEDED))}, or a Strategy object"
            )
        return kind(seed)
    if not all(hasattr(strategy, attribute) for attribute in ("name", "start", "choose")):
        raise MisuseError(f"strategy={strategy!r} is no Strategy: it needs name, start(seed) and choose(site, entity, n, bound)")
    return StrategyChoices(seed, strategy)


def generator(purpose: str, seed: int) -> Random:
    """A stream of draws for a strategy that picks among events: thousands a run, which keyed draws would make dear.

    Args:
        purpose: mixed in, so that two strategies under one seed do not draw alike.
        seed: of the run.
    """
    # A string seed is hashed by SHA-512, so it is the same in every process; a tuple's would not be.
    return Random(f"{purpose} {seed}")
