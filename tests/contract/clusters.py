"""Clusters as the tests of the contract want them."""

from __future__ import annotations

BIG = "cpus:2;mem:1024;disk:1024;ports:[31000-32000]"


def settled(cluster, agent):
    """The agent's id, once it is registered and no repetition of its registration is on its way any more."""
    agent_id = cluster.wait(agent.registered)
    cluster.run_for("30ms")
    return agent_id


def running(cluster, executor=None, **options):
    """A cluster with one agent and one framework that holds an offer."""
    master = cluster.start_master()
    agent = cluster.start_agent(executors=[executor] if executor is not None else [])
    framework = cluster.start_framework(**options)
    offer = cluster.wait(framework.next_offers())[0]
    # The offer may overtake the answer to the agent.
    cluster.wait(agent.registered)
    return master, agent, framework, offer
