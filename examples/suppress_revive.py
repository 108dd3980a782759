"""A framework that suppresses its offers, and one that revives them at once: the trial of suppress and revive, Mesos 1.0.

Three runs, one after the other, with the same master and the same agent. A framework has five tasks of ten seconds, each of
which takes all that is offered, so they run one after the other. When a task is over the scheduler sends its executor a
message, and the executor sends it back. Then the scheduler does

    1. nothing: the next batch allocation offers the agent again, until all tasks are done;
    2. ``suppress_offers()``: batches go on, but nothing is offered any more, and somebody ends the scheduler in the end;
    3. ``suppress_offers()`` and ``revive_offers()``: the next offer comes within milliseconds.

What schedulers and master write about it is printed like a log.

    python examples/suppress_revive.py [SEED]
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from harness import Cluster, MockExecutor, delayed, do_all, make_task, send_status
from harness.mesos.messages import ExecutorID, MasterInfo, Offer, SlaveID, TaskStatus

DATA = b"data with a \x00 byte"
RESOURCES = "cpus:1;mem:2928"
TASKS = 5
# Whose lines come from which file of Mesos.
SOURCES = {"scheduler": "sched.cpp", "master": "master.cpp", "hierarchical": "hierarchical.cpp"}
MASTER_SAYS = ("Processing SUPPRESS", "Processing REVIVE", "Processing ACCEPT", "Suppressed", "Revived", "Sending")


class TestFramework:
    """The scheduler of the trial, which prints as it goes.

    Args:
        cluster: for the time of each line.
        suppress: call ``suppress_offers()`` on every message.
        revive: call ``revive_offers()`` right after it.
    """

    __test__ = False

    def __init__(self, cluster: Cluster, *, suppress: bool = False, revive: bool = False) -> None:
        self.cluster = cluster
        self.suppress = suppress
        self.revive = revive
        self.launched = 0
        self.messages = 0
        self.says: list[tuple[int, str]] = []
        self._executors: dict[str, ExecutorID] = {}

    def print(self, text: str) -> None:
        """Remember a line and its time."""
        self.says.append((self.cluster.clock.elapsed.ns, text))

    def registered(self, driver: Any, framework_id: str, master_info: MasterInfo) -> None:
        """The master took it."""
        self.print(f"Registered with framework ID {framework_id}")

    def resource_offers(self, driver: Any, offers: Sequence[Offer]) -> None:
        """Start the next task on each offer."""
        for offer in offers:
            self.print(f"Received offer {offer.id} with cpus: {offer.resources.cpus} and mem: {offer.resources.mem}")
            if self.launched == TASKS:
                driver.decline_offer(offer.id)
                continue
            self.print(f"Launching task {self.launched} using offer {offer.id}")
            task = make_task(offer, executor="default", task_id=str(self.launched), name=f"task {self.launched}")
            self.launched += 1
            driver.launch_tasks([offer.id], [task])

    def status_update(self, driver: Any, status: TaskStatus) -> None:
        """When a task is over, say something to its executor."""
        self.print(f"Task {status.task_id} is in state {status.state}")
        if status.state == "TASK_FINISHED":
            driver.send_framework_message("default", status.slave_id, DATA)

    def framework_message(self, driver: Any, executor_id: ExecutorID, slave_id: SlaveID, data: bytes) -> None:
        """The executor sent it back: here the three runs differ."""
        self.print(f"Received message: {data.decode()!r}")
        self.messages += 1
        if self.messages == TASKS:
            driver.stop()
            return
        if self.suppress:
            driver.suppress_offers()
        if self.revive:
            driver.revive_offers()


class Trial:
    """Master, agent and executor of all three runs.

    Args:
        seed: of the cluster.
        mesos_version: 1.0 is what the trial was made with.
    """

    def __init__(self, seed: int = 0, mesos_version: str = "1.0") -> None:
        self.cluster = Cluster(seed, mesos_version=mesos_version)
        executor = MockExecutor("default")
        executor.on.launch_task().do(do_all(send_status("TASK_RUNNING"), delayed("10secs", send_status("TASK_FINISHED"))))
        executor.on.framework_message().do(lambda driver, data: driver.send_framework_message(data))
        # No credentials anywhere, as in the trial.
        self.master = self.cluster.start_master(authenticate_agents=False, authenticate_frameworks=False)
        self.agent = self.cluster.start_agent(RESOURCES, executors=[executor], credential=None)
        self.cluster.wait(self.agent.registered)

    def run(self, *, suppress: bool = False, revive: bool = False) -> list[str]:
        """One framework, until its tasks are done or nothing has happened for long; what it and the master wrote."""
        cluster = self.cluster
        # A batch is due at every full second. Begin between two of them, so that none falls between the end of a task and
        # what the scheduler does about it.
        cluster.run_for((1_300_000_000 - cluster.clock.elapsed.ns % 1_000_000_000) / 1e9)
        began = len(cluster.trace)
        scheduler = TestFramework(cluster, suppress=suppress, revive=revive)
        framework = cluster.start_framework(scheduler, name="Test Framework", credential=None)
        cluster.run_for("3mins")
        if scheduler.messages < TASKS:
            # Ctrl-C.
            cluster.world.terminate(framework.pid)
            cluster.run_for("1secs")
        return self._log(began, scheduler)

    def _log(self, began: int, scheduler: TestFramework) -> list[str]:
        clock = self.cluster.clock
        lines: list[tuple[int, str]] = []
        for record in self.cluster.trace[began:]:
            who = re.split(r"[-@(]", record.process)[0]
            if record.kind == "note" and who in SOURCES and (who == "scheduler" or record.text.startswith(MASTER_SAYS)):
                time = clock.epoch + record.time.to_timedelta()
                lines.append((record.time.ns, f"I{time:%m%d %H:%M:%S.%f} {SOURCES[who]}] {record.text}"))
        # A driver writes its line before it calls its scheduler.
        return [text for _, text in sorted([*lines, *scheduler.says], key=lambda line: line[0])]

    def close(self) -> None:
        """End the cluster."""
        self.cluster.shutdown()


RUNS: Sequence[tuple[str, Mapping[str, bool]]] = (
    ("by default", {}),
    ("with suppress", {"suppress": True}),
    ("with suppress and revive", {"suppress": True, "revive": True}),
)


def main(arguments: Sequence[str] = ()) -> int:
    """Print the three logs."""
    trial = Trial(int(arguments[0]) if arguments else 0)
    for title, settings in RUNS:
        print(f"=== {title}\n")
        for line in trial.run(**settings):
            print(line)
        print()
    trial.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
