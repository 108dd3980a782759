"""A run as plain data: what is in it, and that writing and reading lose nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import MisuseError
from harness.report.contents import tells_state
from harness.report.document import FailureDocument, RecordEntry, RunDocument, document_of, main_run, read, write
from harness.report.page import page
from harness.simulation import World
from tests.browser import toys


@pytest.fixture(scope="module")
def document() -> RunDocument:
    return document_of(toys.failing_run(), test="shop.py::each_orders_once", replay="pytest shop.py")


@pytest.fixture(scope="module")
def lossy() -> RunDocument:
    return document_of(toys.run_of(toys.loses_and_holds, 1), test="shop.py::loses_and_holds")


def _records(document: RunDocument, **wanted: object) -> list[RecordEntry]:
    return [record for record in document.records if all(getattr(record, name) == value for name, value in wanted.items())]


def test_run_says_how_it_was_made_and_how_it_ended(document: RunDocument) -> None:
    """Test, seed, strategy, token, digest, error and command are those of the run."""
    run = toys.failing_run()
    assert (document.test, document.replay) == ("shop.py::each_orders_once", "pytest shop.py")
    assert (document.seed, document.strategy, document.token, document.digest) == (run.seed, "random", run.token, run.digest)
    assert (document.steps, document.draws) == (run.steps, len(run.choices))
    assert document.failed
    assert document.error_type == "AssertionError"
    assert "orders: [1, " in str(document.error)
    assert document.mesos_version == ""
    assert document.aborted
    assert document.over == run.trace.over


def test_records_are_those_of_the_trace(document: RunDocument) -> None:
    """One entry a record, with time, kind, process, sender, send time and cause."""
    trace = toys.failing_run().trace
    assert len(document.records) == len(trace)
    for entry, record in zip(document.records, trace, strict=True):
        assert (entry.step, entry.time_ns, entry.kind) == (record.step, record.time.ns, record.kind)
        assert (entry.process, entry.source) == (record.process, record.source)
        assert (entry.since_ns, entry.cause) == (record.since.ns, record.cause)


def test_fields_of_a_message_are_nested(document: RunDocument) -> None:
    """Records inside a message become mappings, absent fields are left out."""
    order = _records(document, type="Order", source="ada@ada")[0]
    assert order.channel == "message"
    assert order.fields == {
        "number": "1",
        "items": {"0": {"name": "</script><b>tea</b>", "price": "3"}, "1": {"name": "cake", "price": "5"}},
    }


def test_processes_have_a_beginning_and_an_end(document: RunDocument) -> None:
    """A process that was ended says at which step; a child shares the root of its parent."""
    by_address = {process.address: process for process in document.processes}
    assert list(by_address) == ["shop@market", "ada@ada", "bob@bob", "till@market"]
    assert by_address["till@market"].root == by_address["shop@market"].root == "shop@market"
    assert by_address["shop@market"].type == "Shop"
    assert by_address["ada@ada"].ended is None
    ended = by_address["bob@bob"].ended
    assert ended is not None
    assert document.records[ended].kind == "ended"


def test_message_to_nobody_is_dropped(document: RunDocument) -> None:
    """It stands in the record with its receiver."""
    (dropped,) = _records(document, kind="dropped", type="Receipt", process="nobody@nowhere")
    assert dropped.source == ""


def test_rules_leave_their_marks(lossy: RunDocument) -> None:
    """What a rule dropped or held is told as such."""
    assert [record.type for record in _records(lossy, kind="dropped", process="shop@market")] == ["Order"]
    assert {record.type for record in _records(lossy, kind="held")} == {"Receipt"}


def test_repeated_order_is_a_retry(document: RunDocument) -> None:
    """The same message sent again by a timer is marked; the first is not."""
    orders = _records(document, type="Order", kind="delivered")
    marked = [record for record in orders if "retry" in record.marks]
    assert marked
    assert all(record.name.endswith("#2") or record.name.endswith("#3") for record in marked)


def test_loops_for_ever_are_no_retries() -> None:
    """What recurring timers send again and again is not marked."""
    assert not [record for record in toys.big(2000).records if "retry" in record.marks]


def test_news_is_marked(document: RunDocument) -> None:
    """Notes that tell a change of state are marked, others are not."""
    notes = {record.text: record.marks for record in document.records if record.kind == "note"}
    assert notes["Registered order 1 of ada@ada"] == ("state",)
    assert notes["Waiting for nothing more"] == ()


@pytest.mark.parametrize(
    ("note", "tells"),
    [
        ("Registered agent S0", True),
        ("Removed agent S0: it did not return", True),
        ("follower -> candidate", True),
        ("Task t1 is now TASK_RUNNING", True),
        ("Received register agent message from slave(1)", False),
        ("Ignoring register agent message: already registered", False),
        ("Sending 1 offers to framework F", False),
    ],
)
def test_what_reads_as_news(note: str, tells: bool) -> None:
    """A change that has happened, not one that is under way or refused."""
    assert tells_state(note) is tells


def test_deviations_know_their_records(document: RunDocument) -> None:
    """Each deviation has words, and the record that it is about, which is marked; the latency of a message is that message's."""
    assert document.deviations
    for deviation in document.deviations:
        assert deviation.words
        if deviation.step is not None:
            assert "deviation" in document.records[deviation.step].marks
    latency = next(entry for entry in document.deviations if entry.entity == "ada@ada -> shop@market")
    assert latency.step is not None
    assert document.records[latency.step].source == "ada@ada"


def test_pending_is_what_was_to_come_when_the_test_ended() -> None:
    """The timers and messages of that moment, though the clean-up has ended or delivered them since."""
    run = toys.run_of(_stops_early, 0)
    document = document_of(run, test="t")
    assert [(timer.owner, timer.purpose, timer.low_ns, timer.high_ns) for timer in document.timers] == [
        ("ada@ada", "ask", 1_000_000, 30_000_000)
    ]
    assert [(flight.source, flight.target, flight.type) for flight in document.in_flight] == [("ada@ada", "shop@market", "Order")]


def _stops_early(world: World) -> None:
    world.spawn(toys.Shop(), host="market")
    world.spawn(toys.Customer("ada", 1), host="ada")
    world.run_for("1us")
    raise AssertionError("at once")


def test_long_run_is_cut_to_its_end() -> None:
    """The last records are kept, counted from there; what began before has no beginning, what caused it no step."""
    run = toys.failing_run()
    whole, cut = document_of(run, test="t"), document_of(run, test="t", most=10)
    assert cut.left_out == len(whole.records) - 10
    assert [record.text for record in cut.records] == [record.text for record in whole.records[-10:]]
    assert [record.step for record in cut.records] == list(range(10))
    for part, record in zip(cut.records, whole.records[-10:], strict=True):
        assert part.cause == max(-1, record.cause - cut.left_out)
    assert {process.address for process in cut.processes} >= {"shop@market", "ada@ada", "bob@bob"}
    assert {process.spawned for process in cut.processes} == {-1}
    (ended,) = (process.ended for process in cut.processes if process.address == "bob@bob")
    assert ended is not None
    assert cut.records[ended].kind == "ended"
    assert whole.over is not None
    assert cut.over == max(0, whole.over - cut.left_out)
    assert all(deviation.step is None or 0 <= deviation.step < 10 for deviation in cut.deviations)
    assert "records left out" in page(cut)


def test_names_are_shared_by_two_runs(document: RunDocument) -> None:
    """The same event has the same name in another run, whenever it came; no name occurs twice."""
    other = document_of(toys.run_of(toys.each_orders_once, 0, "prompt"), test="t")
    names = [record.name for record in document.records]
    assert len(set(names)) == len(names)
    shared = {record.name: record for record in other.records}
    for record in _records(document, type="Order", source="ada@ada")[:1]:
        assert shared[record.name].type == "Order"


def test_writing_and_reading_lose_nothing(document: RunDocument, tmp_path: Path) -> None:
    """What is read equals what was written, a run and a failure alike."""
    failure = FailureDocument(failing=document, passing=document, explanation=("because",))
    for written in (document, failure):
        write(tmp_path / "run.json", written)
        assert read(tmp_path / "run.json") == written
        assert main_run(read(tmp_path / "run.json")) == document
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_file_is_ordinary_json(document: RunDocument, tmp_path: Path) -> None:
    """Anybody's reader understands it; the format stands first."""
    write(tmp_path / "run.json", document)
    plain = json.loads((tmp_path / "run.json").read_text("utf-8"))
    assert plain["document"] == "run"
    assert plain["format"] == 1
    assert plain["records"][0]["kind"] == "spawned"


def test_seed_beyond_64_bits(tmp_path: Path) -> None:
    """Any whole number is a seed; one that is too long for JSON's readers is written as text."""
    document = document_of(toys.run_of(toys.each_orders_once, 2**70), test="t")
    write(tmp_path / "run.json", document)
    assert main_run(read(tmp_path / "run.json")).seed == str(2**70)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"document": "run", "form', "is damaged, it is no JSON"),
        ("[1, 2]", "is JSON, but no document of a run"),
        ('{"tests": []}', "is JSON, but no document of a run"),
        ('{"document": "run", "format": 99}', "has the format 99, this release reads 1"),
        ('{"document": "run", "format": 1, "test": 5}', "is damaged: "),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(content: str, says: str, tmp_path: Path) -> None:
    """The error names the file, what is wrong with it and what to do."""
    path = tmp_path / "run.json"
    path.write_text(content, "utf-8")
    with pytest.raises(MisuseError, match="--cluster-report=DIR") as raised:
        read(path)
    assert str(raised.value).startswith(str(path))
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there is named."""
    with pytest.raises(MisuseError, match=r"none\.json cannot be read \(No such file or directory\)"):
        read(tmp_path / "none.json")
