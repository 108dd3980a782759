"""``cluster.log``, and what it passes on to Python's logging."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import pytest

from harness import Cluster, seconds
from harness.errors import MisuseError
from harness.report.log import Log
from harness.report.log_lines import line, severity_of
from harness.simulation import Address, Process, World, handles
from tests.unit.report.toy import Customer, Order, Shop


@pytest.fixture
def world() -> World:
    """A customer and a shop, after ten milliseconds."""
    world = World(7)
    world.spawn(Customer("ann"), "home")
    world.spawn(Shop("shop"), "town")
    world.run_for("11ms")
    return world


class Listener(logging.Handler):
    """Keeps every record."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def heard() -> Iterator[list[logging.LogRecord]]:
    """What reaches the logger ``harness``, from level INFO on."""
    logger = logging.getLogger("harness")
    listener, before = Listener(), logger.level
    logger.addHandler(listener)
    logger.setLevel(logging.INFO)
    yield listener.records
    logger.setLevel(before)
    logger.removeHandler(listener)


# --- lines


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (0, "I0101 00:00:00.000000 a@b] x"),
        (12_345_678, "I0101 00:00:00.012345 a@b] x"),
        (3_723_000_001_000, "I0101 01:02:03.000001 a@b] x"),
        (32 * 86_400 * 10**9, "I0202 00:00:00.000000 a@b] x"),
    ],
)
def test_a_line_has_glogs_form_on_virtual_time(time_ns: int, text: str) -> None:
    """Severity, month and day, time of day to the microsecond, process, bracket, text."""
    assert line(time_ns, "I", "a@b", "x") == text


@pytest.mark.parametrize(
    ("kind", "text", "severity"),
    [
        ("note", "Admitted agent", "I"),
        ("note", "Ignoring register agent message", "W"),
        ("note", "Refusing it", "W"),
        ("note", "Refusal", "I"),
        ("note", "Failed to recover", "E"),
        ("note", "Exiting: lost", "E"),
        ("dropped", "Ping()", "W"),
    ],
)
def test_the_severity_follows_from_kind_and_first_word(kind: str, text: str, severity: str) -> None:
    """What was lost or refused is a warning, what failed an error, the rest information."""
    assert severity_of(kind, text) == severity


def test_the_log_grows_with_the_run(world: World) -> None:
    """The same object shows later what has been written since."""
    log = Log(world)
    before = len(log)
    assert before == len(list(log)) > 0
    world.run_for("20ms")
    assert len(log) > before
    assert log[0].endswith('ann@home] Ordering "soup; of the day" #1 <ann>')
    assert log[-1] == list(log)[-1] == log[-2:][1]
    with pytest.raises(IndexError, match=f"the log has {len(log)} lines, no line 99"):
        log[99]


def test_in_asks_for_a_part_of_a_line(world: World) -> None:
    """A text counts as contained if one line contains it; a whole line does, too."""
    log = Log(world)
    assert "Ordering" in log
    assert "ordering" not in log
    assert log[0] in log
    assert 3 not in log


def test_the_log_is_a_text_too(world: World) -> None:
    """``str()`` and ``.text`` are all lines; its ``repr`` is short; it equals a list of the same lines."""
    log = Log(world)
    assert str(log) == log.text == "\n".join(log)
    assert repr(log).startswith(f"<Log: {len(log)} lines")
    assert log == list(log)
    assert log != []
    assert Log(World()) == []


def test_lines_can_be_chosen(world: World) -> None:
    """By process (address, name or host), by time, by severity."""
    log = Log(world)
    assert log.lines(process="ann@home") == log.lines(process="ann") == log.lines(process="home") == log.lines("ann")
    assert len(log.lines("shop")) == 1
    assert len(log.lines("town")) == 1
    assert log.lines(since="6ms", until="8ms") == [text for text in log if "#2" in text]
    assert log.lines(severity="W") == log.lines("shop")
    assert log.lines(severity="E") == []
    assert [entry.text for entry in log.entries("shop")] == ["Refusing order 2 from ann@home"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            {"process": "shopp"},
            "process='shopp': no process of that address, name or host has lived in this run; did you mean shop",
        ),
        ({"process": "xyz"}, "there are ann@home, shop@town, kitchen@town"),
        ({"severity": "info"}, "severity='info': wanted one of 'I', 'W', 'E'"),
    ],
)
def test_a_choice_that_cannot_be_meant_is_refused(world: World, arguments: dict[str, str], text: str) -> None:
    """A slip in a name is an error, not an empty list that a test would take for good news."""
    with pytest.raises(MisuseError, match=re.escape(text)):
        Log(world).lines(**arguments)


def test_lost_messages_are_lines(world: World) -> None:
    """A message to nobody is a warning in the log of the address it was meant for."""
    world.post(Order(1, "tea"), to="shop@nowhere", src="ann@home")
    world.settle()
    assert Log(world).lines("nowhere")[-1] == (
        "W0101 00:00:00.011000 shop@nowhere] Lost on its way from ann@home: Order(number=1, dish='tea')"
    )


def test_a_line_stays_one_line() -> None:
    """Whatever a process writes, a record is a line."""

    class Poet(Process):
        def initialize(self) -> None:
            self.note("one\n{}", "two")

    world = World()
    world.spawn(Poet("p"), "h")
    world.settle()
    assert Log(world).lines() == ["I0101 00:00:00.000000 p@h] one\\ntwo"]


def test_a_cluster_has_a_log_that_knows_handles() -> None:
    """``cluster.log`` is one object for the whole run, and a handle of a master or an agent names its process."""
    with Cluster(seed=1) as cluster:
        log = cluster.log
        master = cluster.start_master()
        agent = cluster.start_agent()
        cluster.wait(agent.registered)
        assert cluster.log is log
        assert log.lines(process=master) == log.lines(process="master@master")
        assert any("Registered with master" in text for text in log.lines(process=agent))
    assert "Agent terminating" in log


# --- logging


def test_logging_hears_every_line_when_it_is_written(world: World, heard: list[logging.LogRecord]) -> None:
    """From then on each line is a record of the process's own logger, on virtual time, in the order of the run."""
    log = Log(world)
    before = len(log)
    with log.to_logging():
        world.run_for("5ms")
        now = len(heard)
        assert now == len(log) - before > 0
        world.terminate("shop@town")
        world.post(Order(9, "tea"), to="shop@town", src="ann@home")
        world.settle()
    assert len(heard) == len(log) - before
    assert [record.getMessage() for record in heard] == [entry.text for entry in log.entries()[before:]]
    assert heard[0].name == "harness.ann"
    assert heard[0].levelno == logging.INFO
    assert heard[0].process_name == "ann@home"  # type: ignore[attr-defined]
    assert heard[0].step == log.entries()[before].step  # type: ignore[attr-defined]
    assert heard[0].virtual_time.ns == log.entries()[before].time_ns  # type: ignore[attr-defined]
    assert (heard[-1].name, heard[-1].levelno) == ("harness.shop", logging.WARNING)


def test_times_of_records_are_virtual(world: World, heard: list[logging.LogRecord]) -> None:
    """A formatter that shows the time shows that of the virtual clock, fractions included."""
    with Log(world).to_logging():
        world.run_for("5ms")
    record = heard[0]
    assert record.virtual_time.ns == 11_290_180  # type: ignore[attr-defined]
    assert record.created == pytest.approx(1577836800.01129018)
    assert record.msecs == 11
    assert record.relativeCreated == pytest.approx(11.29018)


def test_who_has_stopped_listening_hears_nothing(world: World, heard: list[logging.LogRecord]) -> None:
    """After ``stop()`` no more records come, and the world keeps no trace of the listener."""
    forwarding = Log(world).to_logging()
    forwarding.stop()
    forwarding.stop()
    world.run_for("20ms")
    assert heard == []
    assert world._driver.watchers == world._driver.on_rest == []


def test_levels_are_respected(world: World, heard: list[logging.LogRecord]) -> None:
    """A logger that wants warnings only gets the lost message and none of the chatter."""
    logging.getLogger("harness").setLevel(logging.WARNING)
    with Log(world).to_logging():
        world.run_for("5ms")
        world.post(Order(9, "tea"), to="nobody@home")
        world.settle()
    assert [record.getMessage() for record in heard] == ["Lost on its way: Order(number=9, dish='tea')"]


def test_listening_changes_nothing(heard: list[logging.LogRecord]) -> None:
    """The digest of a run is the same whether logging listens or not."""

    def run(listen: bool) -> str:
        with Cluster(seed=4) as cluster:
            forwarding = cluster.log.to_logging() if listen else None
            cluster.start_master()
            cluster.wait(cluster.start_agent().registered)
        if forwarding is not None:
            assert len(heard) == len(cluster.log)
        return cluster.digest

    assert run(listen=True) == run(listen=False)


def test_what_a_handler_wrote_before_it_failed_is_passed_on(heard: list[logging.LogRecord]) -> None:
    """An error ends the drive; what was written until then is heard by the time the test sees the error."""

    class Clumsy(Process):
        def initialize(self) -> None:
            self.note("Carrying the glasses")
            raise RuntimeError("crash")

    world = World()
    world.spawn(Clumsy("c"), "h")
    with Log(world).to_logging():
        with pytest.raises(Exception, match="crash"):
            world.settle()
        assert [record.getMessage() for record in heard] == ["Carrying the glasses"]


def test_a_handler_that_logs_itself_keeps_the_order(world: World, heard: list[logging.LogRecord]) -> None:
    """Somebody who asks for the rest while a record is passed on gets it afterwards, not in between."""
    forwarding = Log(world).to_logging()

    class Curious(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            forwarding.catch_up()

    curious = Curious()
    logger = logging.getLogger("harness")
    logger.handlers.insert(0, curious)
    try:
        with forwarding:
            world.run_for("20ms")
    finally:
        logger.removeHandler(curious)
    steps = [record.step for record in heard]  # type: ignore[attr-defined]
    assert steps == sorted(steps)
    assert len(steps) > 1


def test_a_predicate_can_wait_for_a_record(heard: list[logging.LogRecord]) -> None:
    """Records come after each event, not at the end: a test can wait for one."""

    class Ticker(Process):
        def initialize(self) -> None:
            self.delay("1secs", "tick", recurring=True)

        def tick(self) -> None:
            self.note("Tick")
            self.initialize()

        @handles(Order)
        def ignore(self, sender: Address, message: Order) -> None:
            pass

    world = World()
    world.spawn(Ticker("t"), "h")
    with Log(world).to_logging():
        world.wait(lambda: len(heard) == 3)
    assert world.clock.elapsed == seconds(3)
