"""Explorations on file: interrupted, resumed, and refused where the file is of something else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.errors import MisuseError
from harness.exploring import Exploration, explore
from harness.simulation import World
from tests.unit.explore.toys import orderly, patient

SEEDS = range(40, 240)


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    """Where the results are written down."""
    return tmp_path / "campaign.jsonl"


def everything(exploration: Exploration) -> dict[str, Any]:
    """What must not depend on how often it was interrupted."""
    told = exploration.as_dict()
    del told["seconds"], told["seconds_per_run"]
    return told | {"tokens": [failure.token for failure in exploration.failures], "names": exploration.classes}


def interrupt_behind(monkeypatch: pytest.MonkeyPatch, runs: int) -> None:
    """Somebody presses Ctrl-C after so many runs of ``orderly``."""
    left = iter(range(runs))

    def impatient(world: World) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        orderly(world)

    impatient.__module__, impatient.__qualname__ = orderly.__module__, orderly.__qualname__
    monkeypatch.setattr("tests.unit.explore.test_campaign.subject", impatient)


subject = orderly


@pytest.mark.parametrize("strategy", ["random", "portfolio", "order"])
@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupted_campaign_goes_on(campaign: Path, monkeypatch: pytest.MonkeyPatch, strategy: str, jobs: int) -> None:
    """Interrupted in the middle and resumed, it has the result of one that was left alone, whatever does the rest."""
    monkeypatch.setattr("harness.exploring.inspect.getsource", lambda _: "the same")
    whole = explore(orderly, SEEDS, strategy, stop_on_failure=False)
    interrupt_behind(monkeypatch, 120)
    with pytest.raises(KeyboardInterrupt):
        explore(subject, SEEDS, strategy, stop_on_failure=False, resume=campaign)
    written = len(campaign.read_text("utf-8").splitlines())
    assert written > 1
    resumed = explore(orderly, SEEDS, strategy, jobs, stop_on_failure=False, resume=campaign)
    assert everything(resumed) == everything(whole)
    assert len(campaign.read_text("utf-8").splitlines()) > written


def test_what_is_on_file_is_not_run_again(campaign: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A finished campaign is read, not run; more seeds are run and written behind it."""
    first = explore(orderly, 100, "random", stop_on_failure=False, resume=campaign)
    lines = campaign.read_text("utf-8")
    with monkeypatch.context() as patched:
        patched.setattr("harness.exploring._run_chunk", lambda *_: pytest.fail("it was run again"))
        again = explore(orderly, 100, "random", stop_on_failure=False, resume=campaign)
    assert everything(again) == everything(first)
    assert campaign.read_text("utf-8") == lines
    more = explore(orderly, 150, "random", stop_on_failure=False, resume=campaign)
    assert everything(more) == everything(explore(orderly, 150, "random", stop_on_failure=False))
    assert campaign.read_text("utf-8").startswith(lines)


def test_the_first_failure_ends_it_on_file_as_well(campaign: Path) -> None:
    """With stop_on_failure a campaign that has found something is over, and says the same again."""
    found = explore(orderly, 200, "random", resume=campaign)
    assert len(found.failures) == 1
    assert everything(explore(orderly, 200, "random", resume=campaign)) == everything(found)
    assert everything(found) == everything(explore(orderly, 200, "random"))


def test_a_line_that_was_cut_off_is_dropped(campaign: Path) -> None:
    """A session that was killed while it wrote leaves half a line; the chunk is run again."""
    whole = explore(orderly, 100, "random", stop_on_failure=False, resume=campaign)
    lines = campaign.read_bytes()
    campaign.write_bytes(lines[:-9])
    assert everything(explore(orderly, 100, "random", stop_on_failure=False, resume=campaign)) == everything(whole)
    assert everything(explore(orderly, 100, "random", stop_on_failure=False, resume=campaign)) == everything(whole)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"strategy": "pos"}, "its strategy is 'random', now it is 'pos'"),
        ({"test": patient}, "its (source|test) is"),
        ({"mesos_version": "1.5"}, "its mesos_version is '1.11', now it is '1.5'"),
        ({"stop_on_failure": True}, "its stop_on_failure is False, now it is True"),
        ({"seeds": range(50, 150)}, r"goes on with the seeds 0\.\.\d+ .* this exploration with 50\.\."),
    ],
)
def test_another_exploration_is_refused(campaign: Path, arguments: dict[str, Any], words: str) -> None:
    """A file of another test, strategy, release or other seeds is named and left as it is."""
    usual: dict[str, Any] = {"test": orderly, "seeds": 100, "strategy": "random", "stop_on_failure": False}
    explore(**usual, resume=campaign)
    before = campaign.read_bytes()
    with pytest.raises(MisuseError, match=words):
        explore(**(usual | arguments), resume=campaign)
    assert campaign.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("hello\n", "is no campaign"),
        ("hello", "is no campaign"),
        (json.dumps({"campaign": 99}) + "\n", "has the format 99, this release reads 1"),
    ],
)
def test_another_file_is_refused(campaign: Path, content: str, words: str) -> None:
    """What is no campaign, or one of another format, is not overwritten."""
    campaign.write_text(content, "utf-8")
    with pytest.raises(MisuseError, match=words):
        explore(orderly, 10, resume=campaign)
    assert campaign.read_text("utf-8") == content


def test_a_damaged_line_is_named(campaign: Path) -> None:
    """A line in the middle that makes no sense is refused with its number."""
    explore(orderly, 100, "random", stop_on_failure=False, resume=campaign)
    lines = campaign.read_text("utf-8").splitlines(keepends=True)
    campaign.write_text("".join([lines[0], "{}\n", *lines[2:]]), "utf-8")
    with pytest.raises(MisuseError, match=r"campaign\.jsonl:2 is damaged"):
        explore(orderly, 100, "random", stop_on_failure=False, resume=campaign)


def test_seeds_that_come_only_once_are_refused(campaign: Path) -> None:
    """A generator cannot be gone through again, so there is nothing to resume."""
    with pytest.raises(MisuseError, match="cannot be resumed: wanted how many, a range, or a list"):
        explore(orderly, iter(range(10)), resume=campaign)


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """A folder is no file to write to; the value is named."""
    with pytest.raises(MisuseError, match="resume=.* cannot be read and written"):
        explore(orderly, 10, resume=tmp_path)


def test_a_budget_ends_it_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the time is over no further seed is begun, and the result says that it is not all."""
    moments: Iterator[float] = iter(range(1000))
    monkeypatch.setattr("harness.exploring.time.monotonic", lambda: float(next(moments)))
    found = explore(patient, 500, "random", budget="20secs")
    assert 0 < found.runs < 500
    assert found.out_of_time
    assert found.as_dict()["out_of_time"]
    assert "the budget ended it before all seeds were run" in found.report()
