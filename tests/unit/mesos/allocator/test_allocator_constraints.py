"""Offer constraints as data."""

from __future__ import annotations

import pytest

from harness.errors import MisuseError
from harness.mesos.allocator import AllocatorLab
from harness.mesos.allocator.constraints import ConstraintsFilter
from harness.mesos.messages import Attribute, FaultDomain, SlaveInfo
from harness.simulation import World

AGENT = SlaveInfo(
    hostname="db-1",
    attributes=(Attribute(name="rack", value="r1"), Attribute(name="cores", value="16"), Attribute(name="vlan", value="[1-5]")),
    domain=FaultDomain(region="eu", zone="eu-1"),
)


def constraint(selector: str, **predicate: object) -> dict[str, object]:
    """One constraint: a name of an attribute, or a pseudo-attribute in capitals."""
    key = "pseudoattribute_type" if selector.isupper() else "attribute_name"
    return {"selector": {key: selector}, "predicate": predicate}


def constraints(*groups: list[dict[str, object]], role: str = "web") -> dict[str, object]:
    return {"role_constraints": {role: {"groups": [{"attribute_constraints": group} for group in groups]}}}


@pytest.mark.parametrize(
    ("one", "holds"),
    [
        (constraint("rack", exists={}), True),
        (constraint("shelf", exists={}), False),
        (constraint("rack", not_exists={}), False),
        (constraint("shelf", not_exists={}), True),
        (constraint("rack", text_equals={"value": "r1"}), True),
        (constraint("rack", text_equals={"value": "r"}), False),
        (constraint("rack", text_not_equals={"value": "r1"}), False),
        (constraint("rack", text_not_equals={"value": "r2"}), True),
        (constraint("shelf", text_equals={"value": "r1"}), False),
        (constraint("shelf", text_not_equals={"value": "r1"}), True),
        (constraint("rack", text_matches={"regex": "r[0-9]"}), True),
        (constraint("rack", text_matches={"regex": "r"}), False),
        (constraint("rack", text_not_matches={"regex": "r"}), True),
        (constraint("shelf", text_matches={"regex": ".*"}), False),
        (constraint("shelf", text_not_matches={"regex": ".*"}), True),
        (constraint("cores", text_equals={"value": "8"}), True),
        (constraint("cores", text_not_equals={"value": "16"}), True),
        (constraint("vlan", text_matches={"regex": "x"}), True),
        (constraint("HOSTNAME", text_matches={"regex": "db-.*"}), True),
        (constraint("REGION", text_equals={"value": "eu"}), True),
        (constraint("ZONE", text_not_equals={"value": "eu-1"}), False),
    ],
)
def test_predicates(one, holds):
    """Texts are compared, what is missing satisfies only the negations, and texts say nothing about numbers and ranges."""
    assert ConstraintsFilter(constraints([one]))("web", AGENT) is holds


def test_without_a_domain_region_and_zone_are_missing():
    """An agent that does not say where it stands."""
    nowhere = SlaveInfo(hostname="h")
    assert not ConstraintsFilter(constraints([constraint("REGION", exists={})]))("web", nowhere)
    assert ConstraintsFilter(constraints([constraint("ZONE", not_exists={})]))("web", nowhere)


def test_one_group_must_hold_as_a_whole():
    """All constraints of any group; roles that are not named are free."""
    check = ConstraintsFilter(
        constraints(
            [constraint("rack", text_equals={"value": "r1"}), constraint("HOSTNAME", text_equals={"value": "other"})],
            [constraint("rack", exists={}), constraint("REGION", text_equals={"value": "eu"})],
        )
    )
    assert check("web", AGENT)
    assert not check("web", SlaveInfo(hostname="h"))
    assert check("batch", SlaveInfo(hostname="h"))


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, "wanted a mapping with 'role_constraints'"),
        ({"role_constraints": {"web": {}}}, "role 'web': .* lacks 'groups'"),
        ({"role_constraints": {"web": {"groups": []}}}, "lacks 'groups', a list that is not empty"),
        ({"role_constraints": {"web": {"groups": [{"attribute_constraints": []}]}}}, "lacks 'attribute_constraints'"),
        (constraints([{"predicate": {"exists": {}}}]), "lacks 'selector'"),
        (constraints([{"selector": {}, "predicate": {"exists": {}}}]), "exactly one of 'attribute_name' and"),
        (constraints([{"selector": {"pseudoattribute_type": "IP"}, "predicate": {"exists": {}}}]), "HOSTNAME, REGION, ZONE"),
        (constraints([{"selector": {"attribute_name": "a"}, "predicate": {"likes": {}}}]), "wants one of exists"),
        (constraints([constraint("a", text_equals={"regex": "x"})]), "text_equals is .*; wanted {'value': a text}"),
        (constraints([constraint("a", text_matches={"regex": "("})]), r"'\(' is no regular expression"),
    ],
)
def test_malformed_constraints_are_refused(given, wanted):
    """The error names the role and the piece."""
    with pytest.raises(MisuseError, match=wanted):
        ConstraintsFilter(given)


def test_a_framework_gives_constraints_as_data():
    """Only agents that qualify are offered for that role."""
    lab = AllocatorLab(World(strategy="prompt"))
    wanted = constraints([constraint("HOSTNAME", text_equals={"value": "a2"})])
    lab.add_framework("f1", role="web", offer_constraints=wanted)
    lab.add_agent("a1")
    lab.add_agent("a2")
    lab.world.settle()
    assert [list(allocation.agents) for allocation in lab.allocations] == [["a2"]]
