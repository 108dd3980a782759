"""Tokens: one run as text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import MisuseError
from harness.explore import Schedule, read_schedule
from harness.explore.tokens import A_LINE, in_a_line, save
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


# -- choices in a file ----------------------------------------------------------------------------------------------


@given(st.integers(), st.lists(CHOICES, unique_by=lambda choice: choice.key))
def test_a_file_of_choices_comes_back(tmp_path_factory: pytest.TempPathFactory, seed: int, choices: list[Choice]) -> None:
    """``@PATH`` is read back to the schedule that was saved, whatever its names contain."""
    schedule = Schedule(seed).recorded(choices)
    reference = save(schedule, tmp_path_factory.mktemp("choices") / "some.json")
    assert reference.startswith("@")
    assert read_schedule(reference) == schedule


def test_only_long_tokens_go_to_a_file(tmp_path: Path) -> None:
    """A token that fits into a line is one; a longer one is a file named after its content, the same each time."""
    few = Schedule(1).recorded([Choice("latency", "a", 1, 9, 4)])
    assert in_a_line(few, tmp_path) == few.token
    many = Schedule(1).recorded([Choice("latency", f"process {n * n}", n, 10**9, n * 7919**3 % 10**9) for n in range(1, 200)])
    assert len(many.token) > A_LINE
    reference = in_a_line(many, tmp_path / "new")
    assert reference == in_a_line(many, tmp_path / "new")
    assert [f"@{path}" for path in (tmp_path / "new").iterdir()] == [reference]
    assert read_schedule(reference) == many


def test_a_file_of_choices_can_be_read_by_people(tmp_path: Path) -> None:
    """One choice a line, below a line that names the columns."""
    reference = save(Schedule(5).recorded([Choice("latency", "a -> b", 2, 9, 4)]), tmp_path / "c.json")
    text = Path(reference[1:]).read_text("utf-8")
    assert '"seed": 5' in text
    assert '["site", "entity", "occurrence", "bound", "value"]' in text
    assert '\n  ["latency", "a -> b", 2, 9, 4]\n' in text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file"),
        ("{", "holds no recorded choices"),
        ("[]", "holds no recorded choices"),
        ('{"token": "ch9", "seed": 1}', "has the format 'ch9', this release reads 'ch1'"),
        ('{"token": "ch1", "seed": 1, "strategy": "random", "choices": [["latency", "a", 1, 9]]}', "holds no recorded choices"),
        ('{"token": "ch1", "seed": "1", "strategy": "random", "choices": []}', "'1' where int was wanted"),
    ],
)
def test_a_bad_file_of_choices_is_refused(tmp_path: Path, content: str | None, words: str) -> None:
    """Missing, damaged and of another format: one clear line each, with the way out."""
    path = tmp_path / "c.json"
    if content is not None:
        path.write_text(content, "utf-8")
    with pytest.raises(MisuseError, match=f"{words}.*harness hunt"):
        read_schedule(f"@{path}")


def test_a_seed_needs_no_file(tmp_path: Path) -> None:
    """A schedule without choices has a short token, so asking for a file is a misuse."""
    with pytest.raises(MisuseError, match="ch1-random-3 is all there is"):
        save(Schedule(3), tmp_path / "c.json")
