"""Failures are made again before they are reported, and with ``--cluster-check-determinism`` everything is."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Runner

SEND = """
    import random
    import time

    import pytest
    from toys import Ping, Receiver, orderly, patient

    kept = []

    def send(world, *numbers):
        address = world.spawn(Receiver(), host="west")
        for number in numbers:
            world.post(Ping(number), to=address)
        world.run_until_idle()
"""


def test_failure_that_comes_back_says_so(run: Runner) -> None:
    """An honest failure is made once more, quietly: its report has one line about it, and its output comes once."""
    result = run("--cluster-seed=2", "-k", "race")
    result.stdout.fnmatch_lines(
        ["*- cluster replay -*", "seed 2, *", "made again in this process, it fails alike", "pytest test_it.py::test_race *"]
    )
    result.stdout.no_fnmatch_line("NOT REPRODUCED*")


@pytest.mark.parametrize("arguments", [["--cluster-seed=2"], ["--cluster-seeds=3"]], ids=["once", "swept"])
def test_doubtful_failure_says_so_first(project: pytest.Pytester, run: Runner, arguments: list[str]) -> None:
    """What fails and then goes another way keeps its error, but the first lines say that it was not reproduced, and why."""
    project.makepyfile(
        test_it=SEND
        + """
    def test_counter(world):
        print("only once")
        kept.append(1)
        send(world, len(kept))
        assert len(kept) < 2 or len(kept) == 3, "a failure of mine"
        assert len(kept) != 3
        assert False, "the first"
"""
    )
    result = run(*arguments)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*_ test_counter _*",
            "NOT REPRODUCED: this failure depends on more than its seed.",
            "The same choices gave another run when it was made again in this process: step 2 was",
            "*Ping(n=1)",
            "and is now",
            "*Ping(n=*)",
            "sent at test_it.py:* in send",
            "likely cause: something that is kept from one run to the next*",
            "The failure, as it was found:",
            "E *AssertionError: the first*",
            "FAILED test_it.py::test_counter - (not reproduced) *",
        ]
    )
    if "--cluster-seed=2" in arguments:
        assert result.stdout.str().count("\nonly once") == 1


def test_only_the_option_sets_fixtures_up_again(project: pytest.Pytester, run: Runner) -> None:
    """A failing test with fixtures of its own is not run behind the user's back; the report says how to have it checked."""
    project.makepyfile(
        test_it=SEND
        + """
    @pytest.fixture
    def number():
        kept.append(1)
        return random.getrandbits(40)

    def test_number(world, number):
        send(world, number)
        assert len(kept) > 1, "the first"
"""
    )
    result = run()
    result.stdout.fnmatch_lines(["not made again, since it has fixtures of its own: --cluster-check-determinism *"])
    result = run("--cluster-check-determinism")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["NOT REPRODUCED: *", "likely cause: random numbers that no seed controls: the run called random.getrandbits() at *"]
    )


def test_option_finds_leaks_of_passing_tests(project: pytest.Pytester, run: Runner) -> None:
    """Real time, set order and the garbage collector are each named, with the line; a clean test passes."""
    project.makepyfile(
        test_it=SEND
        + """
    class Loop:
        def __init__(self):
            self.me = self

        def __del__(self):
            kept.append(1)

    def test_clock(world):
        send(world, time.time_ns())

    def test_set(world):
        send(world, *{f"name{n}" for n in range(9)})

    def test_end(world):
        kept.clear()
        Loop()
        send(world, 1)
        send_to = world.spawn(Receiver(), host="east")
        world.post(Ping(len(kept)), to=send_to)
        world.run_until_idle()

    def test_clean(world):
        patient(world)
"""
    )
    result = run("--cluster-check-determinism")
    result.assert_outcomes(passed=1, failed=3)
    result.stdout.fnmatch_lines(
        [
            "E *NondeterminismError: the same choices gave another run when it was made again in this process: step 2 was*",
            "* likely cause: real time: the run called time.time_ns() at test_it.py:* in test_clock",
            "pytest test_it.py::test_clock --cluster-seed=* --cluster-check-determinism",
            "E *NondeterminismError: the same choices gave another run in a fresh process under PYTHONHASHSEED=*",
            "* likely cause: the order of a set, *",
            "E *NondeterminismError: * with the garbage collector running whenever nothing else did: step *",
            "* likely cause: something that happens when an object is destroyed*",
        ]
    )


def test_sweep_with_the_option_checks_every_seed(project: pytest.Pytester, run: Runner) -> None:
    """Under many seeds each is made again; a leak that shows under a few of them only is found."""
    project.makepyfile(
        test_it=SEND
        + """
    def test_some(world, seed):
        send(world, time.time_ns() if seed % 4 == 3 else 0)
"""
    )
    result = run("--cluster-check-determinism", "--cluster-seeds=8")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*2 of 8 seeds failed*lowest failing: 3, 7*"])


def test_a_run_is_made_elsewhere_from_any_folder(project: pytest.Pytester, run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pytest was started in a folder of the project, the fresh process finds the test too."""
    folder = project.mkdir("some folder")
    project.path.joinpath("test_it.py").rename(folder / "test_it.py")
    project.makeini("[pytest]\npythonpath = .\n")
    monkeypatch.chdir(folder)
    result = run("--cluster-check-determinism", "-W", "error", "-k", "patient")
    result.assert_outcomes(passed=1, deselected=1)


def test_what_cannot_be_made_elsewhere_is_a_warning(project: pytest.Pytester, run: Runner) -> None:
    """A test that a fresh process cannot collect is checked here all the same, and a warning says what was left out."""
    project.makepyfile(
        test_it=SEND
        + """
    import os

    if os.environ.get("TZ") == "HRN+11":
        raise OSError("not here")

    def test_clean(world):
        patient(world)
"""
    )
    result = run("--cluster-check-determinism", "-W", "default")
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*test_clean was not made in a fresh process: *", "*OSError: not here*"])
