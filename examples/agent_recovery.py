"""What becomes of a task when its agent ends and comes back: the trial of an agent recovery, for five Mesos releases.

A framework runs a task that never ends. The agent's process is killed and started again on the same work_dir, in time or
too late for the master's pings (5 x 15 s). Does the framework checkpoint? Which release is it? The table says what the
framework is told about the task, whether the executor lives, and under which id the agent comes back.

    python examples/agent_recovery.py
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields

from harness import Cluster, MockScheduler
from harness.mesos.messages import RegisterExecutorMessage
from harness.mesos.versions import RELEASES

IN_TIME, TOO_LATE = "30secs", "120secs"


@dataclass(frozen=True)
class Outcome:
    """One trial: how it was set up, and what was seen while the agent was away and half a minute after its return."""

    release: str
    checkpoint: str
    away_for: str
    task_while_away: str
    executor_while_away: str
    agent: str
    agent_id: str
    task: str
    executor: str


def trial(release: str, *, checkpoint: bool, away_for: str, partition_aware: bool = False, seed: int = 0) -> Outcome:
    """Kill an agent, bring it back after ``away_for``, and look."""
    with Cluster(seed, mesos_version=release) as cluster:
        cluster.start_master()
        agent = cluster.start_agent()
        scheduler = MockScheduler()
        framework = cluster.start_framework(scheduler, checkpoint=checkpoint, partition_aware=partition_aware)
        executors = cluster.messages.expect(RegisterExecutorMessage)
        (offer,) = cluster.wait(framework.next_offers())
        task = framework.run_task(offer, "cpus:1;mem:128", command="while true; do echo running; sleep 30; done")
        (registration,) = executors.deliveries
        first_id = agent.id
        # Retries of the first registration that are still on their way would only blur the picture.
        cluster.run_for("1secs")

        def executor() -> str:
            return "alive" if cluster.world.process(registration.src) is not None else "dead"

        def state() -> str:
            statuses = [call.args["status"] for call in scheduler.calls_to("status_update")]
            return str([status.state for status in statuses if status.task_id == task.task_id][-1])

        agent.terminate()
        cluster.run_for(away_for)
        while_away = state(), executor()
        agent.restart()
        cluster.run_for("30secs")
        refused = not agent.running
        if refused:
            # Told to shut down; whoever looks after the machine starts it once more.
            agent.restart()
            cluster.run_for("30secs")
        return Outcome(
            release,
            "on" if checkpoint else "off",
            away_for,
            *while_away,
            "refused, started again" if refused else "admitted",
            "same" if agent.id == first_id else "new",
            state(),
            executor(),
        )


def trials(*, partition_aware: bool = False) -> list[Outcome]:
    """Every combination: checkpointing off and on, in time and too late, all releases."""
    return [
        trial(release, checkpoint=checkpoint, away_for=away_for, partition_aware=partition_aware)
        for checkpoint in (False, True)
        for away_for in (IN_TIME, TOO_LATE)
        for release in RELEASES
    ]


def table(outcomes: Sequence[Outcome]) -> str:
    """The outcomes as text, a line each."""
    heads = [field.name.replace("_", " ") for field in fields(Outcome)]
    rows = [heads, *(list(astuple(outcome)) for outcome in outcomes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def main() -> int:
    """Print the table for a framework that knows of partitions and for one that does not."""
    for partition_aware in (False, True):
        print(f"A framework {'with' if partition_aware else 'without'} the capability PARTITION_AWARE\n")
        print(table(trials(partition_aware=partition_aware)))
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
