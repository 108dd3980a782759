"""Tokens: one run as text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import MisuseError
from harness.explore import Schedule, read_schedule
from harness.simulation.choices import Choice

CHOICES = st.builds(
    Choice,
    st.text(max_size=8),
    st.text(max_size=8),
    st.integers(1, 9),
    st.integers(1, 2**40),
    st.integers(1, 2**40),
)


@given(st.integers(), st.sampled_from(["prompt", "random"]))
def test_seeded_token_comes_back(seed: int, strategy: str) -> None:
    """A token of a seed is read back to the same schedule."""
    schedule = Schedule(seed, strategy)
    assert read_schedule(schedule.token) == schedule


@given(st.integers(), st.lists(CHOICES, unique_by=lambda choice: choice.key))
def test_recorded_token_comes_back(seed: int, choices: list[Choice]) -> None:
    """A token of choices is read back with the same deviations."""
    schedule = Schedule(seed).recorded(choices)
    token = schedule.token
    assert re.fullmatch(r"ch1-choices-[A-Za-z0-9_-]+", token)
    assert sorted(read_schedule(token).choices or ()) == sorted(choices)


def test_record_keeps_deviations_only() -> None:
    """Benign draws are left out of a record: they are what happens without one."""
    calm, wild = Choice("latency", "a", 1, 9, 0), Choice("latency", "a", 2, 9, 4)
    assert Schedule(1).recorded([calm, wild]).choices == (wild,)


def test_portfolio_token_names_what_it_chose() -> None:
    """A token never names the portfolio, whose members may change."""
    assert Schedule(4, "portfolio").token == "ch1-random-4"
    assert Schedule(23, "portfolio").token == "ch1-pct:3-23"


@pytest.mark.parametrize("text", ["17", " 17 ", 17])
def test_bare_seed_is_read(text: str | int) -> None:
    """A seed, as number or text, is a schedule of the strategy given."""
    assert read_schedule(text, "prompt") == Schedule(17, "prompt")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seventeen", "neither a seed"),
        ("", "neither a seed"),
        ("ch2-random-1", "format 'ch2'"),
        ("ch1-random", "damaged"),
        ("ch1-nosuch-1", "not known"),
        ("ch1-choices-AAAA", "damaged"),
        (Schedule(1).recorded([Choice("latency", "a", 2, 9, 4)]).token[:-6], "damaged"),
        (1.5, "neither a seed"),
        (True, "neither a seed"),
    ],
)
def test_wrong_token_says_what_to_do(text: object, words: str) -> None:
    """Whatever is no token of ours is refused with what is wrong with it."""
    with pytest.raises(MisuseError, match=words):
        read_schedule(text)  # type: ignore[arg-type]
