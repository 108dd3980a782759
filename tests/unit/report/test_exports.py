"""The exporters on one small run: their texts as snapshots, and the rules of the formats on that run and on a cluster's.

``HARNESS_REWRITE_SNAPSHOTS=1`` writes the snapshots anew; look at what changed before it is committed.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness import Cluster
from harness.errors import MisuseError
from harness.explore.tokens import Schedule
from harness.report.chart import WIDTH, led_to
from harness.report.columns import columns
from harness.report.document import (
    DECISIVE,
    DeviationEntry,
    InFlightEntry,
    ProcessEntry,
    RecordEntry,
    RunDocument,
    TimerEntry,
    document_of,
)
from harness.report.glog import glog
from harness.report.json_lines import json_lines
from harness.report.log_lines import headline
from harness.report.mermaid import escape, mermaid
from harness.report.perfetto import perfetto
from harness.runs import Plan
from tests.unit.report.toy import document, failed

SNAPSHOTS = Path(__file__).with_name("snapshots")
RENDERINGS: dict[str, Callable[[RunDocument], str]] = {
    "columns": columns,
    "glog": lambda run: "\n".join(glog(run)),
    "json_lines": lambda run: "\n".join(json_lines(run)),
    "mermaid": mermaid,
    "perfetto": lambda run: json.dumps(perfetto(run), indent=1),
}


@cache
def of_a_cluster() -> RunDocument:
    """A run of a whole cluster, in which an agent is partitioned away and comes back."""

    def test(cluster: Cluster) -> None:
        cluster.start_master()
        agent = cluster.start_agent()
        framework = cluster.start_framework()
        cluster.wait(framework.registered)
        cluster.wait(agent.registered)
        cluster.network.partition("master", "agent1")
        cluster.run_for("20secs")
        cluster.network.heal()
        cluster.run_for("2mins")

    return document_of(Plan(test).run(Schedule(3, "random")), test="test_of_a_cluster")


def empty() -> RunDocument:
    """A run in which nothing happened."""
    return RunDocument(test="t", seed=1, strategy="random", token="ch1-random-1", digest="0")


@pytest.mark.parametrize("name", RENDERINGS)
def test_the_text_of_a_run_is_as_it_was(name: str) -> None:
    """Each exporter renders the small run exactly as its snapshot says."""
    text = RENDERINGS[name](document()).rstrip("\n") + "\n"
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("HARNESS_REWRITE_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", RENDERINGS)
def test_an_empty_run_is_rendered_too(name: str) -> None:
    """Nothing happened, and each exporter says so in its own way instead of failing."""
    assert RENDERINGS[name](empty()) or name == "glog"


# --- columns


def test_columns_fit_a_ci_log() -> None:
    """No line is wider than 160 letters, and all but the ellipsis of ids is ASCII."""
    text = columns(of_a_cluster(), most=400)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert set(text) - {"…"} <= {chr(code) for code in range(32, 127)} | {"\n"}


def test_columns_show_the_last_records_and_say_how_many_are_hidden() -> None:
    """Of a long run the end is shown; what was cut off at the top is counted."""
    run = of_a_cluster()
    lines = columns(run, most=5).splitlines()
    assert lines[0] == f"({len(run.records) - 5} earlier records left out)"
    heads = len({record.process for record in run.records[-5:]} | {record.source for record in run.records[-5:]} - {""})
    assert next(index for index, line in enumerate(lines) if line.startswith("(o handled")) == 1 + heads + 5


def test_columns_fold_processes_that_matter_little() -> None:
    """With more processes than columns the quiet ones share one, named at each event."""
    text = columns(of_a_cluster(), most=400)
    heads = [line for line in text.splitlines() if re.fullmatch(r" {16,20}(\| {4})*[^| ]\S*", line)]
    assert len(heads) == 8
    assert heads[-1].endswith("others")
    assert re.search(r"crammd5-authenticator\(\d\)@master: ", text)


def test_columns_mark_what_decides() -> None:
    """Steps that are named, or the pair of the document, get a star, and the legend says what it means."""
    run = msgspec.structs.replace(document(), pair=(6, 8))
    starred = [line for line in columns(run).splitlines() if line[14:15] == "*"]
    assert len(starred) == 2
    assert all("timer order" in line for line in starred)
    assert "* decides" in columns(run)
    assert "* decides" not in columns(document(), marked=(999,))
    assert columns(run, marked=(6,)).count("ms* ") == 1


def test_what_led_to_an_event_is_told_from_the_trace() -> None:
    """From a record backwards through its causes, oldest first; a step of -1 has no history."""
    trace = failed().trace
    served = next(record.step for record in trace if record.kind == "delivered" and str(record.event).startswith("Served"))
    steps = led_to(trace, served)
    assert steps[-1] == served
    assert [trace[step].cause for step in steps[1:]] == steps[:-1]
    assert trace[steps[0]].cause == -1
    assert led_to(trace, -1) == []


def test_columns_tell_pending_timers() -> None:
    """What was still to come stands below: when, whose, what, and the range it was drawn from."""
    text = columns(document(passing=True))
    assert re.search(r"pending timers:\n +60secs  shop@town close  \(again and again\)", text)


def test_lanes_stand_straight_in_a_long_run() -> None:
    """Times of many digits push nothing out of its column."""
    times = (5, 15_020_475_518, 600_000_000_001)
    records = tuple(
        RecordEntry(step=step, time_ns=time, kind="note", process="a@b", text=f"text {step}") for step, time in enumerate(times)
    )
    lines = columns(msgspec.structs.replace(document(passing=True), records=records, over=3, timers=())).splitlines()
    assert [line.index("text") for line in lines if "text" in line] == [lines[0].index("a@b") + 5] * 3


def test_columns_of_a_bare_trace_are_those_of_its_document() -> None:
    """The chart does not depend on where the records come from; a trace only knows no timers."""
    assert columns(document()).startswith(columns(failed().trace))


def test_columns_leave_the_clean_up_out() -> None:
    """What followed the failure is counted, not shown."""
    run = msgspec.structs.replace(document(), over=10)
    text = columns(run)
    assert f"(here the test failed; {len(run.records) - 10} records of the clean-up left out)" in text
    assert "Finished eating" not in text


def test_a_lane_is_empty_where_its_process_does_not_live() -> None:
    """After its end a process has no line any more, also if it ended before the part that is shown."""
    whole = columns(document()).splitlines()
    ended = next(index for index, line in enumerate(whole) if line.endswith("#         ended"))
    assert whole[ended + 1] == f"{'':16}o----x         dropped: Order(number=4, dish='nothing')"
    records = document().records
    another = msgspec.structs.replace(records[25], kind="note", process="kitchen@town", source="", channel="", text="a ghost")
    run = msgspec.structs.replace(document(), records=(*records[:25], another), over=None, aborted=False)
    # The shop ends; the kitchen, second column, has ended one record before the first that is shown.
    assert columns(run, most=2).splitlines()[3] == f"{'16ms':>14}  #         ended"


# --- perfetto


@pytest.mark.parametrize("run", [document, of_a_cluster], ids=["toy", "cluster"])
def test_perfetto_keeps_the_rules_of_the_format(run: Callable[[], RunDocument]) -> None:
    """Known phases, numbers where numbers must be, times in order, metadata first, every thread and process named."""
    trace = json.loads(json.dumps(perfetto(run())))
    events: list[dict[str, Any]] = trace["traceEvents"]
    names = [event for event in events if event["ph"] == "M"]
    assert events[: len(names)] == names
    rest = events[len(names) :]
    assert {event["ph"] for event in rest} <= {"X", "i", "s", "f"}
    assert [event["ts"] for event in rest] == sorted(event["ts"] for event in rest)
    processes = {event["pid"]: event["args"]["name"] for event in names if event["name"] == "process_name"}
    threads = {(event["pid"], event["tid"]): event["args"]["name"] for event in names if event["name"] == "thread_name"}
    assert len(set(threads.values())) == len(threads)
    for event in rest:
        assert isinstance(event["ts"], (int, float))
        assert event["ts"] >= 0
        assert isinstance(event["name"], str)
        assert event["name"]
        assert threads[event["pid"], event["tid"]].partition("@")[2] == processes[event["pid"]]
        assert event["ph"] != "X" or event["dur"] > 0
        assert event["ph"] != "i" or event["s"] in ("t", "g")


@pytest.mark.parametrize("run", [document, of_a_cluster], ids=["toy", "cluster"])
def test_each_arrow_of_perfetto_has_two_ends_inside_slices(run: Callable[[], RunDocument]) -> None:
    """Each flow has one start and one later finish, each bound to a slice of its thread."""
    events = perfetto(run())["traceEvents"]
    slices = [event for event in events if event["ph"] == "X"]
    starts = {event["id"]: event for event in events if event["ph"] == "s"}
    finishes = {event["id"]: event for event in events if event["ph"] == "f"}
    assert starts
    assert starts.keys() == finishes.keys()
    assert len([event for event in events if event["ph"] in "sf"]) == 2 * len(starts)
    for name, start in starts.items():
        finish = finishes[name]
        assert start["ts"] < finish["ts"]
        assert finish["bp"] == "e"
        assert (start["name"], start["cat"]) == (finish["name"], finish["cat"])
        for end in (start, finish):
            assert any(
                one["tid"] == end["tid"] and one["pid"] == end["pid"] and one["ts"] <= end["ts"] <= one["ts"] + one["dur"]
                for one in slices
            )


@pytest.mark.parametrize("run", [document, of_a_cluster], ids=["toy", "cluster"])
def test_slices_of_a_thread_lie_apart_or_inside_each_other(run: Callable[[], RunDocument]) -> None:
    """No two slices of a thread overlap in part, which a viewer could not draw."""
    threads: dict[int, list[tuple[float, float]]] = {}
    for event in perfetto(run())["traceEvents"]:
        if event["ph"] == "X":
            threads.setdefault(event["tid"], []).append((event["ts"], round(event["ts"] + event["dur"], 3)))
    for slices in threads.values():
        open_ends: list[float] = []
        for begin, end in slices:
            while open_ends and open_ends[-1] <= begin:
                open_ends.pop()
            assert not open_ends or end <= open_ends[-1]
            open_ends.append(end)


def test_perfetto_times_are_those_of_the_run() -> None:
    """A drawn time is at most a microsecond per record off, and the exact one is told."""
    events = [event for event in perfetto(of_a_cluster())["traceEvents"] if "step" in event.get("args", {})]
    records = of_a_cluster().records
    assert len(events) == len(records)
    for event in events:
        record = records[event["args"]["step"]]
        same_instant = sum(other.time_ns // 10**6 == record.time_ns // 10**6 for other in records[: record.step])
        assert 0 <= event["ts"] - record.time_ns / 1000 <= same_instant + 1
        assert event["args"]["caused by step"] == record.cause


# --- json lines


def test_json_lines_have_all_their_keys() -> None:
    """Every line is one object that says what it is, with every documented key, also where a value is absent."""
    lines = [json.loads(line) for line in json_lines(of_a_cluster())]
    assert (lines[0]["line"], lines[-1]["line"]) == ("run", "verdict")
    structs: dict[str, Any] = {
        "process": ProcessEntry,
        "record": RecordEntry,
        "deviation": DeviationEntry,
        "timer": TimerEntry,
        "in_flight": InFlightEntry,
    }
    for line in lines[1:-1]:
        assert list(line) == ["line", *structs[line["line"]].__struct_fields__]
    assert lines[0]["records"] == sum(line["line"] == "record" for line in lines) == len(of_a_cluster().records)
    assert lines[-1]["passed"] is True


def test_json_lines_are_lines() -> None:
    """A line break in a text stays inside its object."""
    run = msgspec.structs.replace(document(), error="one\ntwo")
    lines = list(json_lines(run))
    assert not any("\n" in line for line in lines)
    assert json.loads(lines[-1])["error"] == "one\ntwo"


# --- mermaid

LINE = re.compile(
    r"sequenceDiagram"
    r"|    %% [^{}\n]+"
    r"|    participant p\d+ as (?P<label>[^#;<>{}\n]|#\d+;)+"
    r"|    Note over p\d+(,p\d+)?: (?P<note>[^#;<>{}\n]|#\d+;)+"
    r"|    p\d+(-\)|--\)|-x|--x)p\d+: (?P<text>[^#;<>{}\n]|#\d+;)+"
)


@pytest.mark.parametrize("run", [document, of_a_cluster, empty], ids=["toy", "cluster", "empty"])
def test_mermaid_is_a_sequence_diagram(run: Callable[[], RunDocument]) -> None:
    """Each line is one of the few statements used, with nothing in a label that would end it; participants are declared."""
    text = mermaid(run())
    lines = text.splitlines()
    assert lines[0] == "sequenceDiagram"
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    declared = re.findall(r"participant (p\d+) as", text)
    used = {name for line in lines if " participant " not in line for name in re.findall(r"\bp\d+\b", line.split(":")[0])}
    assert used <= set(declared)
    assert len(declared) == len(set(declared))


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("a; b", "a#59; b"),
        ("#1", "#35;1"),
        ("<b>{x}</b>", "#60;b#62;#123;x#125;#60;/b#62;"),
        ("two\nlines", "two lines"),
        ("end", "#101;nd"),
        ("Note this", "#78;ote this"),
        ("ended", "ended"),
    ],
)
def test_labels_cannot_end_the_statement(text: str, label: str) -> None:
    """What Mermaid reads as syntax is written as the code of its letter."""
    assert escape(text) == label


def test_mermaid_shows_what_was_selected() -> None:
    """By process, by type, by steps, and no more than asked for, saying what is left out."""
    run = of_a_cluster()
    agent = mermaid(run, processes=["agent1"], types=["RegisterSlaveMessage"])
    assert "RegisterSlaveMessage" in agent
    assert "Ping" not in agent
    assert set(re.findall(r"participant \S+ as (\S+)", agent)) == {"master@master", "slave(1)@agent1"}
    few = mermaid(run, most=3)
    assert re.search(r"Note over p1,p\d: \d+ of \d+ selected events, all earlier, are left out", few)
    assert len(few.splitlines()) <= 3 + 1 + 2 + 6
    step = next(record.step for record in run.records if record.type == "SlaveRegisteredMessage")
    assert mermaid(run, first=step, last=step).count("SlaveRegisteredMessage") == 1


def test_mermaid_marks_the_deciding_pair() -> None:
    """The events whose order decides are told from the others."""
    records = [
        msgspec.structs.replace(record, marks=(DECISIVE,)) if record.type == "Order" else record for record in document().records
    ]
    assert "(!) Order" in mermaid(msgspec.structs.replace(document(), records=tuple(records)))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"processes": ["nobody"]}, "processes names 'nobody'"),
        ({"types": ["Nothing"]}, "types names 'Nothing', which never happened here; there are "),
        ({"types": "Order"}, "are lists of texts"),
        ({"most": 0}, "most=0: wanted at least 1"),
    ],
)
def test_mermaid_refuses_a_selection_that_cannot_be_meant(arguments: dict[str, Any], text: str) -> None:
    """A name that is not there is an error that lists what is there, not an empty diagram."""
    with pytest.raises(MisuseError, match=re.escape(text)):
        mermaid(document(), **arguments)


# --- glog

GLOG = re.compile(r"[IWE]\d{4} \d\d:\d\d:\d\d\.\d{6} \S+\] .+")


def test_glog_has_the_lines_of_the_log() -> None:
    """The document gives the lines that the cluster's own log had, each in glog's form."""
    logs = []

    def test(cluster: Cluster) -> None:
        logs.append(cluster.log)
        cluster.start_master()
        agent = cluster.start_agent()
        cluster.wait(agent.registered)

    run = Plan(test).run(Schedule(5, "random"))
    lines = list(glog(document_of(run, test="t")))
    assert lines == list(logs[0])
    assert lines
    assert all(GLOG.fullmatch(line) for line in lines)


def test_glog_says_where_the_test_failed() -> None:
    """One line of severity E at that place: after the last record of the test, before the clean-up."""
    whole = document()
    assert list(glog(whole))[-1] == "E0101 00:00:00.016000 test] AssertionError: the shop is gone"
    cut = msgspec.structs.replace(whole, over=7)
    lines = list(glog(cut))
    assert [index for index, line in enumerate(lines) if line.startswith("E")] == [0]
    assert "Ordering" in lines[1]


def test_the_headline_of_an_error_is_what_is_wrong() -> None:
    """Of a traceback the line after the frames, of anything else the first."""
    assert headline("ExpectationError: twice\n  declared") == "ExpectationError: twice"
    assert headline("Traceback (most recent call last):\n  File x\n    y\nKeyError: 1\nnote") == "KeyError: 1"
    assert headline("") == "failed"
