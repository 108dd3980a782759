"""Mesos's hierarchical allocator tests, without a master: T06, T08 and T10."""

from __future__ import annotations

from typing import Any

from harness import AllocatorLab, Quota, Resources, World

Offers = list[tuple[str, Resources]]


def made(lab: AllocatorLab) -> Offers:
    """Settle; what was offered since the last look, as (framework, resources)."""
    lab.world.settle()
    found = [(str(allocation.framework_id), allocation.resources) for allocation in lab.allocations]
    lab.allocations.clear()
    return found


def r(text: str) -> Resources:
    return Resources.parse(text)


def test_unreserved_drf(holds: Any) -> None:
    """T06: each new agent goes to the role with the lower share, and in it to the framework with the lower one."""

    def body(world: World) -> None:
        world.clock.pause()
        lab = AllocatorLab(world)
        lab.add_agent("agent1", "cpus:2;mem:1024")
        assert made(lab) == []
        lab.add_framework("framework1", "role1")
        assert made(lab) == [("framework1", r("cpus:2;mem:1024"))]
        lab.add_framework("framework2", "role2")
        assert made(lab) == []
        for agent, resources, joining, winner in (
            ("agent2", "cpus:1;mem:512", None, "framework2"),
            ("agent3", "cpus:3;mem:2048", "framework3", "framework2"),
            ("agent4", "cpus:4;mem:4096", "framework4", "framework3"),
            ("agent5", "cpus:1;mem:512", None, "framework2"),
        ):
            lab.add_agent(agent, resources)
            assert made(lab) == [(winner, r(resources))]
            if joining is not None:
                lab.add_framework(joining, "role1")
                assert made(lab) == []
        assert lab.allocator.metrics["allocator/mesos/resources/cpus/total"] == 11
        assert lab.allocator.metrics["allocator/mesos/resources/mem/total"] == 8192

    holds(body)


def test_offer_filter(holds: Any) -> None:
    """T08: refused for two intervals, an agent is offered again with the second batch, whose filter has gone just before."""

    def body(world: World) -> None:
        world.clock.pause()
        lab = AllocatorLab(world)
        lab.add_framework("framework1", "role1")
        lab.add_agent("agent1", "cpus:1;mem:512")
        world.settle()
        (offered,) = lab.allocations
        lab.allocations.clear()
        lab.recover(offered, refuse_seconds=2)
        world.settle()
        active = "allocator/mesos/offer_filters/roles/role1/active"
        assert lab.allocator.metrics[active] == 1
        world.clock.advance("1secs")
        assert made(lab) == []
        world.clock.advance("1secs")
        assert made(lab) == [("framework1", r("cpus:1;mem:512"))]
        assert lab.allocator.metrics[active] == 0

    holds(body)


def test_quota_provides_limit(holds: Any) -> None:
    """T10: a role gets nothing beyond its limit; resources are chopped at it, and the rest goes to others."""

    def body(world: World) -> None:
        world.clock.pause()
        lab = AllocatorLab(world)
        lab.allocator.update_quota("*", Quota(limits="cpus:0;mem:0;disk:0"))
        lab.add_framework("framework1", "*")
        lab.add_agent("agent1", "cpus:2;mem:1024;disk:1024")
        assert made(lab) == []
        lab.add_framework("framework2", "quotaless")
        assert made(lab) == [("framework2", r("cpus:2;mem:1024;disk:1024"))]
        lab.allocator.update_quota("*", Quota(limits="cpus:1;mem:512;disk:512"))
        assert made(lab) == []
        lab.add_agent("agent2", "cpus:2;mem:1024;disk:1024")
        half = r("cpus:1;mem:512;disk:512")
        assert sorted(made(lab), key=str) == [("framework1", half), ("framework2", half)]

    holds(body)
