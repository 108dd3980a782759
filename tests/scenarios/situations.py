"""What several scenarios have in common: how they begin, and how they read what a scheduler was told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness import Cluster, MockScheduler, make_task

Holds = Callable[..., None]


def statuses(scheduler: MockScheduler) -> list[Any]:
    """The status updates that a scheduler got, oldest first."""
    return [call.args["status"] for call in scheduler.calls_to("status_update")]


def states(scheduler: MockScheduler) -> list[str]:
    """Their states."""
    return [str(status.state) for status in statuses(scheduler)]


def offers(scheduler: MockScheduler) -> list[Any]:
    """All offers that a scheduler got, oldest first."""
    return [offer for call in scheduler.calls_to("resource_offers") for offer in call.args["offers"]]


def amount(offer: Any) -> tuple[float, float]:
    """Processors and memory of an offer."""
    return offer.resources.cpus, offer.resources.mem


def paused_agent(cluster: Cluster, *resources: str, **arguments: Any) -> Any:
    """An agent that registers with a paused clock, so exactly once: its back-off passes, no retry comes due."""
    cluster.clock.pause()
    agent = cluster.start_agent(*resources, **arguments)
    settle_until_registered(cluster, agent)
    return agent


def settle_until_registered(cluster: Cluster, agent: Any) -> None:
    """Let time go from timer to timer until the agent is registered, and no further."""
    cluster.settle()
    while not agent.registered.ready:
        cluster.clock.advance_to_next_timer()


def settled_agent(cluster: Cluster, *resources: str, **arguments: Any) -> Any:
    """A registered agent, with no retry of its registration on its way any more: what such a retry does is another story."""
    agent = cluster.start_agent(*resources, **arguments)
    cluster.wait(agent.registered)
    cluster.run_for("50ms")
    return agent


def launch_on_next_offer(cluster: Cluster, framework: Any, **arguments: Any) -> Any:
    """A task on part of the next offer, launched."""
    (offer, *_) = cluster.wait(framework.next_offers())
    task = make_task(offer, "cpus:1;mem:128", **arguments)
    framework.driver.launch_tasks([offer.id], [task])
    return task


def run_on_next_offer(cluster: Cluster, framework: Any, **arguments: Any) -> Any:
    """A task whose TASK_RUNNING is acknowledged at the agent."""
    (offer, *_) = cluster.wait(framework.next_offers())
    return framework.run_task(offer, "cpus:1;mem:128", **arguments)


def crash_and_restart(cluster: Cluster, agent: Any, **arguments: Any) -> None:
    """A new life of the agent, begun when the master knows of the end of the old one.

    A master that hears of it later forgets that the new one has authenticated, and a ping has to bring them together.
    """
    agent.terminate()
    cluster.run_for("10ms")
    agent.restart(**arguments)
