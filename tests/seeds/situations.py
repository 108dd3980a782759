"""What the stories have in common: an agent that is told to take its time, a task that never ends, who is still alive."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from harness import Cluster, Duration, make_task
from harness.mesos.messages import RegisterExecutorMessage
from harness.simulation import Trace

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ENDLESS = "env && ps aux && while true; do echo running; sleep 30; done"
GUESTS = {"authenticate_agents": False, "authenticate_frameworks": False}


@cache
def example(path: str) -> ModuleType:
    """A file below ``examples``, as a module."""
    spec = importlib.util.spec_from_file_location(f"example_{Path(path).stem}", EXAMPLES / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def settled_agent(cluster: Cluster, *resources: str, **arguments: Any) -> Any:
    """A registered agent none of whose registrations is on its way any more."""
    agent = cluster.start_agent(*resources, **arguments)
    cluster.wait(agent.registered)
    cluster.run_for("100ms")
    return agent


class Running:
    """An endless task with its executor, the command executor."""

    def __init__(self, cluster: Cluster, framework: Any, resources: str = "cpus:0.5;mem:128") -> None:
        self.cluster = cluster
        reports = cluster.messages.expect(RegisterExecutorMessage)
        (offer, *_) = cluster.wait(framework.next_offers())
        self.task = framework.run_task(offer, resources, command=ENDLESS)
        # Whatever else the framework is offered must not concern the story.
        framework.driver.suppress_offers()
        cluster.run_for("20ms")
        reports.cancel()
        self.executor = reports.deliveries[-1].src

    @property
    def alive(self) -> bool:
        """Whether the executor's process lives."""
        return self.cluster.world.process(self.executor) is not None


def launch(cluster: Cluster, framework: Any, **arguments: Any) -> Any:
    """Launch a task on the next offer, and do not wait for it."""
    (offer, *_) = cluster.wait(framework.next_offers())
    task = make_task(offer, "cpus:0.5;mem:128", **arguments)
    framework.driver.launch_tasks([offer.id], [task])
    return task


def first_note(trace: Trace, text: str, after: int = -1) -> Any:
    """The first log line after step ``after`` that contains ``text``."""
    for record in trace[after + 1 :]:
        if record.kind == "note" and text in record.text:
            return record
    raise AssertionError(f"nothing like {text!r} was logged after step {after}")


def in_order(trace: Trace, *texts: str, after: int = -1) -> list[Duration]:
    """When these lines were logged, one after the other, the first of them after step ``after``."""
    times = []
    for text in texts:
        record = first_note(trace, text, after)
        after = record.step
        times.append(record.time)
    return times
