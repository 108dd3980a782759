"""Offer constraints that a scheduler gives its master decide which agents it is offered."""

from __future__ import annotations

from typing import Any

from harness import Cluster

ONLY_SSD = {
    "role_constraints": {
        "*": {
            "groups": [
                {
                    "attribute_constraints": [
                        {
                            "selector": {"attribute_name": "disk"},
                            "predicate": {"text_equals": {"value": "ssd"}},
                        }
                    ]
                }
            ]
        }
    }
}


def test_only_agents_that_satisfy_them_are_offered(holds: Any) -> None:
    """After UPDATE_FRAMEWORK with constraints, offers come from the agents with the attribute alone."""

    def body(cluster: Cluster) -> None:
        cluster.start_master()
        framework = cluster.start_framework()
        cluster.wait(framework.registered)
        framework.driver.update_framework(framework.info, offer_constraints=ONLY_SSD)
        cluster.run_for("10ms")
        spinning = cluster.start_agent(attributes="disk:hdd")
        fast = cluster.start_agent(attributes="disk:ssd")
        cluster.wait(spinning.registered)
        cluster.wait(fast.registered)
        cluster.run_for("3secs")
        assert {offer.hostname for offer in framework.offers} == {fast.hostname}

    holds(body)
