"""Tokens of yesterday: too long for a line, or older than the test."""

from __future__ import annotations

import re
from pathlib import Path

from tests.cli.shell import Shell

CHANGED = """\
from toys import Ping, Receiver, Sender

def test_race(world):
    receiver = Receiver()
    address = world.spawn(receiver, host="west")
    world.spawn(Sender(1, address), host="home7")
    world.spawn(Sender(2, address), host="hub")
    world.run_until_idle()
    assert receiver.seen == [1, 2]
"""

MANY = """\
from toys import Receiver, Sender

def test_crowd(world):
    receiver = Receiver()
    address = world.spawn(receiver, host="west")
    for n in range(120):
        world.spawn(Sender(n, address), host=f"home{n * 37}")
    world.run_until_idle()
    assert receiver.seen == sorted(receiver.seen)
"""


def shrunk_token(shell: Shell) -> str:
    """The recorded choices of a failing run."""
    token = shell.json("explain", "test_it.py::test_race", "2")["explanation"]["failing_token"]
    assert token.startswith("ch1-choices-")
    return str(token)


def test_lenient_replay_says_how_far_a_token_still_fits(shell: Shell) -> None:
    """A token of the test before a host was renamed fails alike, and what was moved is told; as JSON too."""
    token = shrunk_token(shell)
    (shell.folder / "test_new.py").write_text(CHANGED, "utf-8")
    assert "NondeterminismError: the replay passed" in shell("replay", "test_new.py::test_race", token).stdout
    done = shell("replay", "--lenient", "test_new.py::test_race", token)
    assert done.returncode == 1, done.stderr
    assert "of 1 recorded choices 0 fit as they were, 1 were moved, 0 not used" in done.stdout
    assert "moved: latency of sender1@home -> receiver@west" in done.stdout
    told = shell.json("replay", "--lenient", "test_new.py::test_race", token)
    assert (told["failed"], told["exact"], told["distance"], told["lost"]) == (True, 0, 1, [])
    # The new token is one for the test as it is now.
    assert shell("replay", "test_new.py::test_race", told["token"]).returncode == 1


def test_lenient_replay_needs_choices(shell: Shell) -> None:
    """A seed has nothing to fit, and a file that is not there is named: exit code 2, one line."""
    for token, words in (("7", "7 is a seed"), ("@nowhere.json", "@nowhere.json cannot be read")):
        done = shell("replay", "--lenient", "test_it.py::test_race", token)
        assert done.returncode == 2
        assert words in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


def test_choices_too_many_for_a_line_go_to_a_file(shell: Shell) -> None:
    """A strategy that learns has to be written down; what is printed stays a line, and works wherever a token does."""
    (shell.folder / "test_many.py").write_text(MANY, "utf-8")
    done = shell(
        "hunt", "test_many.py::test_crowd", "--seeds=8", "--first-seed=4", "--strategy=order", "--no-explain", "--report=out"
    )
    assert done.returncode == 1, done.stderr
    found = re.search(r"^  token: (@\S+\.json)$", done.stdout, re.MULTILINE)
    assert found is not None, done.stdout
    assert Path(shell.folder, found[1][1:]).is_file()
    assert max(map(len, done.stdout.splitlines())) < 400
    digest = re.search(r"digest: (\S+)", done.stdout)
    assert digest is not None
    replayed = shell("replay", "test_many.py::test_crowd", found[1])
    assert replayed.returncode == 1
    assert digest[0] in replayed.stdout
    # The folder of the reports has everything that they name.
    (report,) = (shell.folder / "out").glob("*.txt")
    (choices,) = (shell.folder / "out").glob("choices-*.json")
    assert f"token: @out/{choices.name}\n" in report.read_text("utf-8")
    assert shell("show", str(report), "--last=1").returncode == 0
