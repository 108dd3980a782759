"""The main job on the ticket, start to end: hunt for failing seeds, print the reports, replay one of them twice.

``python examples/mesos_ticket/hunt_and_replay.py [SEEDS]`` ends with 0 if the flaky forms failed under some seeds, the repaired
forms under none, and both replays gave the same run; else it says what was otherwise and ends with 1.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
FLAKY = ("test_strict", "test_two_agents_strict", "test_two_agents_counted_flaky")
REPLAYED = "test_single_framework.py::test_strict"


def harness(*arguments: str) -> tuple[int, str]:
    """Run ``harness`` of this interpreter's environment; its exit code and what it printed, which is shown as it comes."""
    command = [sys.executable, "-m", "harness.cli", *arguments]
    printed = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            printed.append(line)
    return process.returncode, "".join(printed)


def surprises(report: str) -> list[str]:
    """What the hunt found otherwise than this folder's README says; each test of it reports how many of its seeds failed."""
    wrong = []
    for test, failed in re.findall(r"^\S*::(\w+)\n.*\n +(\d+|none) of \d+ seeds failed", report, re.MULTILINE):
        if (test in FLAKY) != (failed not in ("0", "none")):
            wrong.append(f"{test}: {failed} seeds failed")
    return wrong


def main() -> int:
    """The whole job; returns the exit code."""
    seeds = sys.argv[1] if len(sys.argv) > 1 else "2000"
    test = f"{HERE}/{REPLAYED}"
    code, report = harness("hunt", str(HERE), "--seeds", seeds, "-j", "2")
    found = re.search(rf"{re.escape(REPLAYED)} (ch1-\S+)", report)
    if code != 1 or found is None or surprises(report):
        print(f"\nnot as expected: harness hunt ended with {code}; {'; '.join(surprises(report)) or 'no failing seed to replay'}")
        return 1
    token = found[1]
    print(f"\nNow the lowest failing seed of {REPLAYED} once more: harness replay {test} {token}\n")
    replays = [harness("replay", test, token), harness("replay", test, token)]
    digests = [re.findall(r"^\s*digest: (\w+)", text, re.MULTILINE) for _, text in replays]
    same = digests[0] and digests[0] == digests[1] and all(digest in report for digest in digests[0])
    print(f"\nReplayed twice: {'the same run each time' if same else 'NOT the same run'}, digests {digests}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
