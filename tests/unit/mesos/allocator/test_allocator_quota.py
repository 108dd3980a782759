"""Guarantees and limits."""

from __future__ import annotations

import pytest

from harness.errors import MisuseError
from harness.mesos.allocator import AllocatorLab, Quota
from harness.mesos.resources import Resources
from harness.simulation import World


@pytest.fixture
def lab() -> AllocatorLab:
    world = World(strategy="prompt")
    world.clock.pause()
    return AllocatorLab(world)


def step(lab: AllocatorLab) -> list[tuple[str, Resources]]:
    """Settle; what was offered since the last step, as (framework, resources)."""
    lab.world.settle()
    found = [(str(allocation.framework_id), allocation.resources) for allocation in lab.allocations]
    lab.allocations.clear()
    return found


def r(text: str) -> Resources:
    return Resources.parse(text)


def test_quota_provides_limit(lab):
    """A role at its limit gets nothing; a raised limit waits for a run and chops resources at the limit."""
    lab.set_quota("*", limits="cpus:0;mem:0;disk:0")
    lab.add_framework("f1", "*")
    lab.add_agent("a1", "cpus:2;mem:1024;disk:1024")
    assert step(lab) == []
    lab.add_framework("f2", "no-quota")
    assert step(lab) == [("f2", r("cpus:2;mem:1024;disk:1024"))]
    lab.set_quota("*", limits="cpus:1;mem:512;disk:512")
    assert step(lab) == []
    lab.add_agent("a2", "cpus:2;mem:1024;disk:1024")
    assert sorted(step(lab)) == [("f1", r("cpus:1;mem:512;disk:512")), ("f2", r("cpus:1;mem:512;disk:512"))]


def test_a_limit_counts_descendants_of_the_role(lab):
    """What nested roles hold is consumed from their top-level role."""
    lab.set_quota("a", limits="cpus:3")
    lab.add_framework("f1", "a/b")
    lab.add_framework("f2", "a/c")
    lab.add_agent("a1", "cpus:2;mem:512")
    assert step(lab) == [("f1", r("cpus:2;mem:512"))]
    lab.add_agent("a2", "cpus:2;mem:512")
    assert step(lab) == [("f2", r("cpus:1;mem:512"))]


def test_guarantees_are_served_before_fair_shares(lab):
    """A role that lacks guaranteed resources goes first, however much it has already."""
    lab.add_framework("f1", "web")
    lab.add_agent("a1", "cpus:2;mem:1024")
    assert step(lab) == [("f1", r("cpus:2;mem:1024"))]
    lab.set_quota("web", guarantees="cpus:4;mem:2048")
    lab.add_framework("f2", "other")
    lab.add_agent("a2", "cpus:2;mem:1024")
    assert step(lab) == [("f1", r("cpus:2;mem:1024"))]
    lab.add_agent("a3", "cpus:2;mem:1024")
    assert step(lab) == [("f2", r("cpus:2;mem:1024"))]


def test_resources_for_unsatisfied_guarantees_are_held_back(lab):
    """Even if the guaranteed role does not want them now, nobody else gets more than the surplus."""
    lab.set_quota("web", guarantees="cpus:3;mem:1024")
    lab.add_framework("f1", "web", suppressed_roles=("web",))
    lab.add_framework("f2", "other")
    lab.add_agent("a1", "cpus:2;mem:1024")
    lab.add_agent("a2", "cpus:2;mem:1024")
    assert step(lab) == [("f2", r("cpus:1;mem:1024"))]


def test_an_offer_beyond_the_guarantee_takes_the_surplus_along(lab):
    """Agents are offered as coarsely as guarantees of others allow."""
    lab.set_quota("web", guarantees="cpus:1;mem:100")
    lab.add_framework("f1", "web")
    lab.add_agent("a1", "cpus:4;mem:1024;ports:[1-10]")
    assert step(lab) == [("f1", r("cpus:4;mem:1024;ports:[1-10]"))]


def test_an_offer_beyond_the_guarantee_keeps_to_the_limit(lab):
    """What comes with the guarantee is chopped at the limit of the role."""
    lab.set_quota("web", guarantees="cpus:1;mem:100", limits="cpus:2;mem:200")
    lab.add_framework("f1", "web")
    lab.add_agent("a1", "cpus:4;mem:1024")
    assert step(lab) == [("f1", r("cpus:2;mem:200"))]


def test_reservations_count_as_consumed(lab):
    """What is reserved for a role satisfies its guarantee, in use or not."""
    lab.set_quota("web", guarantees="cpus:2")
    lab.add_framework("f2", "other")
    lab.add_agent("a1", "cpus(web):2;cpus:1;mem:512")
    assert step(lab) == [("f2", r("cpus:1;mem:512"))]


def test_a_quota_without_amounts_is_removed(lab):
    """The role is free again from the next run on."""
    lab.set_quota("web", limits="cpus:0;mem:0")
    lab.add_framework("f1", "web")
    lab.add_agent("a1", "cpus:1;mem:512")
    assert step(lab) == []
    lab.set_quota("web")
    lab.world.clock.advance("1secs")
    assert step(lab) == [("f1", r("cpus:1;mem:512"))]


def test_quotas_are_values():
    """They take texts, mappings and resources, compare by value and print what they hold."""
    quota = Quota("cpus:1;mem:0", {"cpus": 2})
    assert quota == Quota({"cpus": 1}, "cpus:2")
    assert repr(quota) == "Quota(guarantees='cpus:1', limits='cpus:2')"
    assert Quota().is_default
    assert not Quota(limits="cpus:0").is_default


def test_a_guarantee_above_its_limit_is_refused():
    """The error names both."""
    with pytest.raises(MisuseError, match="guarantee cpus:3 lies above the limit cpus:2"):
        Quota("cpus:3", "cpus:2")


def test_only_scalars_have_quotas():
    """Ranges and reservations are refused by name."""
    with pytest.raises(MisuseError, match="'ports' is no plain scalar"):
        Quota("ports:[1-2]")


def test_only_top_level_roles_have_quotas(lab):
    """The error names the role to use instead."""
    lab.set_quota("a/b", "cpus:1")
    with pytest.raises(MisuseError, match="'a/b': only top-level roles .* 'a'"):
        lab.world.settle()
