"""Logging under the plugin: the cluster's log in ``caplog``, and virtual time on everything that is logged."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Runner

CHATTY = """
    import logging
    import time

    import pytest
    from harness import Process, World

    log = logging.getLogger("shop")

    class Chatty(Process):
        def initialize(self):
            self.delay("1500ms", "speak")

        def speak(self):
            self.note("before")
            log.warning("%s%% sold", 7)
            self.note("after")
            self.note("Failed to close")
"""


def test_caplog_has_the_log_of_processes_and_of_handlers(project: pytest.Pytester, run: Runner) -> None:
    """In a test that takes caplog notes and the handlers' own logging come in the order of the run, with virtual time."""
    project.makepyfile(
        test_it=CHATTY
        + """
    def test_records(world, caplog):
        caplog.set_level("INFO")
        world.spawn(Chatty("ann"), "home")
        world.run_for("2secs")
        assert [r.getMessage() for r in caplog.records] == ["before", "7% sold", "after", "Failed to close"]
        assert [r.name for r in caplog.records] == ["harness.ann", "shop", "harness.ann", "harness.ann"]
        assert [r.levelname for r in caplog.records] == ["INFO", "WARNING", "INFO", "ERROR"]
        assert {str(r.virtual_time) for r in caplog.records} == {"1500ms"}
        assert {r.process_name for r in caplog.records} == {"ann@home"}
        assert caplog.records[1].created == 1577836801.5
        log.error("in the test")
        assert caplog.records[-1].process_name == "test"
        assert caplog.records[-1].step == -1
        assert str(caplog.records[-1].virtual_time) == "2secs"

    def test_levels(world, caplog):
        world.spawn(Chatty("ann"), "home")
        world.run_for("2secs")
        assert [r.getMessage() for r in caplog.records] == ["7% sold", "Failed to close"]

    def test_waiting(world, caplog):
        caplog.set_level("INFO", logger="harness.ann")
        world.spawn(Chatty("ann"), "home")
        world.wait(lambda: "after" in caplog.text)
        assert str(world.clock.elapsed) == "1500ms"
    """
    )
    run().assert_outcomes(passed=3)


def test_captured_log_shows_virtual_time(project: pytest.Pytester, run: Runner) -> None:
    """Under a failure pytest's own section shows the time of each line; the clean-up's lines are left out."""
    project.makepyfile(
        test_it=CHATTY
        + """
    class Late(Chatty):
        def finalize(self):
            self.note("cleaning up")

    def test_it(world):
        world.spawn(Late("ann"), "home")
        world.run_for("2secs")
        log.info("done")
        assert 0
    """
    )
    result = run("--log-level=INFO")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "* Captured log call *",
            "[[]       1.5secs] INFO     harness.ann:home:* before",
            "[[]       1.5secs] WARNING  shop:test_it.py:* 7% sold",
            "[[]       1.5secs] INFO     harness.ann:home:* after",
            "[[]       1.5secs] ERROR    harness.ann:home:* Failed to close",
            "[[]         2secs] INFO     shop:test_it.py:* done",
        ]
    )
    result.stdout.no_fnmatch_line("*cleaning up*")


def test_without_asking_only_the_users_own_logging_is_there(project: pytest.Pytester, run: Runner) -> None:
    """Without caplog and a level nothing of the cluster is logged; the code under test still gets virtual time."""
    project.makepyfile(
        test_it=CHATTY
        + """
    def test_it(world):
        world.spawn(Chatty("ann"), "home")
        world.run_for("2secs")
        assert world._driver.watchers == []
        assert 0
    """
    )
    result = run()
    result.stdout.fnmatch_lines(["* Captured log call *", "[[]       1.5secs] WARNING  shop:test_it.py:* 7% sold"])
    result.stdout.no_fnmatch_line("*harness.ann*")


def test_live_logging_shows_virtual_time(project: pytest.Pytester, run: Runner) -> None:
    """With pytest's live log the cluster is heard while it runs, each line with its virtual time."""
    project.makepyfile(
        test_it=CHATTY
        + """
    def test_it(world):
        world.spawn(Chatty("ann"), "home")
        world.run_for("2secs")
    """
    )
    result = run("-o", "log_cli=true", "--log-cli-level=INFO")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["* live log call *", "[[]       1.5secs] INFO     harness.ann:home:* before", "[[]       1.5secs] WARNING  shop:*% sold"]
    )


def test_a_format_of_ones_own_shows_virtual_time_by_itself(project: pytest.Pytester, run: Runner) -> None:
    """A format with asctime gets it from the virtual clock, and nothing is put before it."""
    project.makepyfile(
        test_it=CHATTY
        + """
    def test_it(world):
        world.spawn(Chatty("ann"), "home")
        world.run_for("2secs")
        assert 0
    """
    )
    result = run("--log-format=%(asctime)s.%(msecs)03d %(message)s", "--log-date-format=%S")
    result.stdout.fnmatch_lines(["01.500 7% sold"])


def test_logging_is_as_before_afterwards(project: pytest.Pytester, run: Runner) -> None:
    """The next test that uses none of the fixtures has real times and plain lines."""
    project.makepyfile(
        test_it=CHATTY
        + """
    factory = logging.getLogRecordFactory()

    def test_first(world):
        assert logging.getLogRecordFactory() is not factory

    def test_second(caplog):
        assert logging.getLogRecordFactory() is factory
        log.warning("plain")
        assert caplog.records[0].created > 1600000000
        assert not hasattr(caplog.records[0], "virtual_time")
        assert 0

    def test_third(world):
        logging.setLogRecordFactory(lambda *a, **k: factory(*a, **k))

    def test_fourth():
        assert logging.getLogRecordFactory() is not factory
        logging.setLogRecordFactory(factory)
    """
    )
    result = run()
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["WARNING  shop:test_it.py:* plain"])


SWEPT = (
    CHATTY
    + """
    def test_race(world):
        world.spawn(Chatty("ann"), "home")
        world.run_for("2secs")
        log.warning("seed %s", world.seed)
        assert world.seed % 4 != 2

    def test_slow(world, caplog, tmp_path):
        log.warning("seed %s", world.seed)
        assert [r.getMessage() for r in caplog.records] == [f"seed {world.seed}"]
        assert world.seed != 3
    """
)


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "workers"])
def test_under_many_seeds_the_log_is_that_of_the_run_that_is_shown(
    project: pytest.Pytester, run: Runner, workers: tuple[str, ...]
) -> None:
    """Each seed begins with an empty log, and the failure shows the log of its lowest seed, not of those run later."""
    project.makepyfile(test_it=SWEPT)
    result = run("--cluster-seeds=6", "--log-level=INFO", "-k", "race", *workers)
    result.stdout.fnmatch_lines(["[[]       1.5secs] INFO     harness.ann:home:* before", "[[]         2secs]*seed 2"])
    result.stdout.no_fnmatch_line("*seed 1")
    result.stdout.no_fnmatch_line("*seed 5")


def test_fixtures_of_ones_own_see_one_seeds_log(project: pytest.Pytester, run: Runner) -> None:
    """Also where each seed is set up anew, caplog has the records of that seed alone."""
    project.makepyfile(test_it=SWEPT)
    result = run("--cluster-seeds=6", "-k", "slow")
    result.stdout.fnmatch_lines(["*assert 3 != 3", "*[[]           0ns] WARNING  shop:test_it.py:* seed 3"])
    result.stdout.no_fnmatch_line("WARNING*seed 4")


def test_the_wall_clock_and_the_log_agree(project: pytest.Pytester, run: Runner) -> None:
    """With real time frozen as well, a record's time and what time.time() says are the same."""
    project.makepyfile(
        test_it=CHATTY
        + """
    def test_it(world, wall_clock, caplog):
        world.run_for("90mins")
        log.warning("%s", time.time())
        assert caplog.records[0].created == time.time() == 1577836800 + 5400
    """
    )
    run().assert_outcomes(passed=1)


def test_digests_do_not_depend_on_logging(project: pytest.Pytester, run: Runner) -> None:
    """The same seed gives the same digest whether logging listens or not."""
    project.makepyfile(
        test_it="""
        def test_it(cluster):
            cluster.start_master()
            cluster.wait(cluster.start_agent().registered)
            assert 0
        """
    )
    digests = []
    for level in ("WARNING", "INFO"):
        result = run("--cluster-seed=3", f"--log-level={level}")
        digests += [line.partition("digest ")[2] for line in result.outlines if "digest " in line]
    assert len(digests) == 2
    assert digests[0] == digests[1]


def test_it_works_where_logging_is_not_captured(project: pytest.Pytester, run: Runner) -> None:
    """Without pytest's logging plugin there is nothing to show, and nothing breaks."""
    project.makepyfile(test_it=SWEPT)
    result = run("--cluster-seeds=3", "-k", "race", "-p", "no:logging")
    result.assert_outcomes(failed=1, deselected=1)
    result.stdout.fnmatch_lines(["FAILED test_it.py::test_race*"])
