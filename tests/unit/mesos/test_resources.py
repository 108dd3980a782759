"""Resources: text, exact amounts, and the laws of their algebra."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import MisuseError
from harness.mesos.resources import Resource, ResourceError, Resources
from harness.mesos.values import RANGES, SET, coalesce, thousandths

DEFAULT = "cpus:2;mem:1024;disk:1024;ports:[31000-32000]"


def r(text: str) -> Resources:
    return Resources.parse(text)


# --- reading and writing


def test_parse_reads_scalars_ranges_and_sets():
    """Each of the three kinds is read from Mesos's notation."""
    resources = r("cpus:2.5; mem:1024;ports:[31000-32000, 8080-8080];zones:{b,a}")
    assert (resources.cpus, resources.mem, resources.disk, resources.gpus) == (2.5, 1024.0, 0, 0)
    assert resources.ports == ((8080, 8080), (31000, 32000))
    assert [record.value for record in resources.get("zones")] == [("a", "b")]


def test_str_prints_the_notation_that_parse_reads():
    """Text goes out as Mesos prints it and comes back as the same value."""
    text = "cpus:2; mem:0.1; ports:[1-2, 5-9]; zones:{a, b}; cpus(web):1"
    assert str(r(text)) == text
    assert r(str(r(text))) == r(text)
    assert str(r("")) == "{}"


def test_str_shows_the_allocation_role():
    """Allocated resources print as in Mesos's logs."""
    assert str(r("cpus:1").allocate("web")) == "cpus(allocated: web):1"


def test_scalars_have_three_exact_decimals():
    """A thousand tenths are a hundred, and what is below half a thousandth is nothing."""
    tenth = r("cpus:0.1")
    total = Resources.sum([tenth] * 1000)
    assert total == r("cpus:100")
    assert r("cpus:0.0004") == r("")
    assert thousandths(0.0005) == 1


def test_zero_and_empty_resources_are_dropped():
    """Nothing of something is nothing."""
    assert not r("cpus:0;ports:[];zones:{}")
    assert r("gpus:0;cpus:1") == r("cpus:1")


def test_equal_identities_add_up_when_parsed():
    """Naming a resource twice gives the sum."""
    assert r("cpus:1;cpus:2") == r("cpus:3")


def test_parse_reads_mesos_json():
    """The JSON array form gives the same value as the text."""
    text = (
        '[{"name":"cpus","type":"SCALAR","scalar":{"value":2},"reservations":[{"type":"STATIC","role":"web"}]},'
        '{"name":"ports","type":"RANGES","ranges":{"range":[{"begin":1,"end":5}]}}]'
    )
    assert r(text) == r("cpus(web):2;ports:[1-5]")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("cpus:2;mem", "piece 2 ('mem', at position 7) has no ':'"),
        ("cpus:2:3", "more than one ':'"),
        (":2", "no name"),
        ("cpus:two", "'two'; wanted a number"),
        ("cpus:-1", "not negative"),
        ("cpus:nan", "finite"),
        ("cpus:inf", "finite"),
        ("ports:[5-1]", "the range '5-1', which ends before it begins; wanted 1-5"),
        ("cpus:1_0", "wanted a number"),
        ("cpus:\N{FULLWIDTH DIGIT ONE}", "wanted a number"),
        ("mem:1;ports:[\N{FULLWIDTH DIGIT ONE}-2]", "at position 6"),
        ('[{"name":"cpus","type":"SCALAR"}]', "lacks 'scalar'"),
        ('[{"name":"cpus","type":"SCALAR","scalar":{"value":"x"}}]', "is malformed"),
        ('[{"name":"cpus","type":"SCALAR","scalar":{"value":Infinity}}]', "wanted a finite number"),
        ('[{"name":"p","type":"RANGES","ranges":{"range":[{"begin":5,"end":1}]}}]', "wanted 0 <= begin <= end"),
        ("ports:[1-2,3]", "inclusive ranges"),
        ("ports:[1-2", "inclusive ranges"),
        ("zones:{a,b", "closing brace"),
        ("cpus(web:2", "malformed role"),
        ("cpus():2", "malformed role"),
        ('[{"name":"cpus"}]', "entry 1 of the JSON array"),
        ("[1-2", "JSON array"),
    ],
)
def test_a_malformed_text_is_refused_with_its_piece_and_place(text, wanted):
    """The error is a MisuseError that names the piece and what was expected."""
    with pytest.raises(ResourceError) as caught:
        r(text)
    assert isinstance(caught.value, MisuseError)
    assert wanted in str(caught.value)


def test_parse_takes_texts_only():
    """Something that is no text is a TypeError that shows it."""
    with pytest.raises(TypeError, match="got 3"):
        Resources.parse(3)  # type: ignore[arg-type]


def test_of_takes_what_public_arguments_accept():
    """A text, a mapping, resources and None all mean resources."""
    assert Resources.of("cpus:1") == Resources.of({"cpus": 1}) == Resources.of(r("cpus:1"))
    assert not Resources.of(None)


def test_records_come_back_as_resources():
    """Iteration yields records, and records make resources."""
    resources = (r(DEFAULT) + r("cpus(web):1;zones:{a}")).allocate("web")
    assert Resources(resources) == resources
    assert [record.type for record in resources] == ["SCALAR", "SCALAR", "SCALAR", RANGES, "SCALAR", SET]


def test_negative_amounts_can_be_built_for_masters_to_refuse():
    """Records and mappings may hold what no text may, and validate says so in Mesos's words."""
    assert Resources.of({"cpus": -1}).validate() == "Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0"
    assert Resources([Resource(name="cpus", value=-1.0)]).validate() is not None
    assert r(DEFAULT).validate() is None


def test_resources_cannot_be_assigned_to():
    """They are values: their amounts have no setters."""
    with pytest.raises(AttributeError):
        r("cpus:1").cpus = 2  # type: ignore[misc]


def test_resources_survive_pickling_and_copying():
    """Copies are equal, so resources can travel to other processes."""
    resources = r(DEFAULT).allocate("web")
    assert pickle.loads(pickle.dumps(resources)) == copy.deepcopy(resources) == resources


# --- identity


def test_reservations_keep_resources_apart():
    """Reserved cpus are no part of unreserved ones, but both count in the sum."""
    resources = r("cpus:4;cpus(web):2")
    assert resources.cpus == 6
    assert not r("cpus(web):1") <= r("cpus:4")
    assert resources.reserved("web") == r("cpus(web):2")
    assert resources.unreserved() == r("cpus:4")


def test_allocatable_to_a_role_are_its_own_and_its_ancestors_reservations():
    """A descendant may use what is reserved above it, not beside it or below it."""
    resources = r("cpus:1;cpus(a):2;cpus(a/b):4;cpus(ab):8")
    assert resources.allocatable_to("a/b").cpus == 7
    assert resources.allocatable_to("a").cpus == 3
    assert resources.allocatable_to("z").cpus == 1


def test_allocate_and_unallocate():
    """The allocation role is part of the identity; without it the amounts of several roles merge."""
    one, other = r("cpus:1").allocate("a"), r("cpus:2").allocate("b")
    assert one != r("cpus:1")
    assert (one + other).allocations == {"a": one, "b": other}
    assert (one + other).unallocate() == r("cpus:3")


def test_shared_resources_count_once_however_many_hold_them():
    """Copies of a shared volume add up as copies, and are gone with the last one."""
    volume = Resources([Resource(name="disk", value=64.0, shared=True)])
    two = volume + volume
    assert two.disk == 64
    assert two - volume == volume
    assert not two - volume - volume
    assert two.shared() == two
    assert not two.nonshared()


# --- algebra


def test_subtraction_ignores_what_is_not_there():
    """Nothing goes below nothing."""
    assert r("cpus:1;mem:10") - r("cpus:3;disk:5") == r("mem:10")


def test_ranges_are_cut_and_merged():
    """Subtraction splits ranges; addition merges what overlaps or touches."""
    assert r("ports:[1-10]") - r("ports:[3-4]") == r("ports:[1-2, 5-10]")
    assert r("ports:[1-2]") + r("ports:[3-4]") == r("ports:[1-4]")
    assert r("ports:[3-4]") <= r("ports:[1-10]")
    assert not r("ports:[3-14]") <= r("ports:[1-10]")


def test_sets_are_sets():
    """Members are unique; difference and intersection work by member."""
    assert r("z:{a,b}") + r("z:{b,c}") == r("z:{a,b,c}")
    assert r("z:{a,b}") - r("z:{b,c}") == r("z:{a}")
    assert r("z:{a,b}") & r("z:{b,c}") == r("z:{b}")


def test_order_does_not_matter_for_equality():
    """Two texts that list the same amounts in another order are equal and hash alike."""
    assert r("cpus:1;mem:2") == r("mem:2;cpus:1")
    assert len({r("cpus:1;mem:2"), r("mem:2;cpus:1")}) == 1


NAMES = st.sampled_from(["cpus", "mem", "disk", "cpus(a)", "mem(a/b)"])
SCALARS = st.tuples(NAMES, st.integers(0, 5000)).map(lambda pair: f"{pair[0]}:{pair[1] / 1000}")
PAIRS = st.tuples(st.integers(0, 40), st.integers(0, 10))
PORTS = st.lists(PAIRS, max_size=4).map(lambda pairs: "ports:[" + ",".join(f"{low}-{low + size}" for low, size in pairs) + "]")
SETS = st.lists(st.sampled_from("abcd"), max_size=4).map(lambda items: "zones:{" + ",".join(items) + "}")
SCALARS_ONLY = st.lists(SCALARS, max_size=5).map(lambda parts: r(";".join(parts)))
ANYTHING = st.lists(st.one_of(SCALARS, PORTS, SETS), max_size=6).map(lambda parts: r(";".join(parts)))


@given(ANYTHING, ANYTHING, ANYTHING)
@settings(max_examples=150, deadline=None)
def test_addition_is_commutative_and_associative(a, b, c):
    """Amounts may be added in any order."""
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)


@given(SCALARS_ONLY, SCALARS_ONLY)
@settings(max_examples=150, deadline=None)
def test_subtraction_undoes_the_addition_of_scalars(a, b):
    """Scalars are exact, so what was added can be taken away again."""
    assert (a + b) - b == a
    assert a <= a + b


@given(ANYTHING, ANYTHING)
@settings(max_examples=150, deadline=None)
def test_intersection_is_the_largest_common_part(a, b):
    """It is contained in both, symmetric, and what is left over has nothing in common with what was removed."""
    both = a & b
    assert both == b & a
    assert both <= a
    assert both <= b
    assert (a - b) + both == a


@given(ANYTHING, ANYTHING)
@settings(max_examples=150, deadline=None)
def test_containment_is_an_order(a, b):
    """Contained in each other means equal; contained means that the difference is nothing."""
    assert a <= a
    assert (a <= b and b <= a) == (a == b)
    if a <= b:
        assert not a - b


@given(ANYTHING)
@settings(max_examples=100, deadline=None)
def test_text_allocation_and_records_lose_nothing(a):
    """Printing and parsing, allocating and unallocating, records and back: all are the identity."""
    assert Resources.parse("" if not a else str(a)) == a
    assert a.allocate("x").unallocate() == a
    assert Resources(a) == a


@given(st.lists(PAIRS, max_size=8))
@settings(max_examples=100, deadline=None)
def test_coalesced_ranges_hold_the_same_numbers(pairs):
    """Merging changes the notation, not the numbers, and leaves gaps between the ranges."""
    ranges = [(low, low + size) for low, size in pairs]
    merged = coalesce(ranges)
    assert {n for low, high in merged for n in range(low, high + 1)} == {n for low, high in ranges for n in range(low, high + 1)}
    assert all(left[1] + 1 < right[0] for left, right in zip(merged, merged[1:], strict=False))


RECORDS = st.builds(
    Resource,
    name=st.sampled_from(["cpus", "mem", "disk"]),
    value=st.integers(1, 5000).map(lambda thousandth: thousandth / 1000),
    reservations=st.sampled_from([(), (("STATIC", "a"),), (("DYNAMIC", "a"),), (("STATIC", "a"), ("DYNAMIC", "a/b"))]),
    allocation_role=st.sampled_from([None, "a", "a/b"]),
    revocable=st.booleans(),
    provider_id=st.sampled_from([None, "p1"]),
)
RICH = st.lists(RECORDS, max_size=6).map(Resources)


@given(RICH, RICH, RICH)
def test_the_laws_hold_for_every_identity(a, b, c):
    """Sums in any order, removal of what was added, distribution over common parts: with reservations, marks and providers."""
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert (a + b) - b == a
    assert (a & b) <= a
    assert (a - b) + (a & b) == a
    assert a - (b + c) == (a - b) - c


@given(RICH)
def test_parts_make_up_the_whole(a):
    """Each way of dividing resources divides them without loss or overlap, and into what may go to a role and what may not."""
    assert a.reserved() + a.unreserved() == a
    assert a.revocable() + a.nonrevocable() == a
    assert a.shared() + a.nonshared() == a
    assert a.allocatable_to("x") == a.unreserved()
    assert a.allocatable_to("a/b") == a
    assert a.allocatable_to("a") <= a
    assert a.unallocate().quantities == a.quantities


# --- the other notation, and disks that are had as a whole


@given(RICH)
def test_json_loses_nothing(a):
    """What is written as JSON is read back as the same value."""
    assert r(json.dumps(a.to_json())) == a


def test_to_json_writes_what_mesos_writes():
    """Names and nesting are those of the Resource message."""
    text = json.dumps(r("cpus(web):0.5;ports:[1-2,5-6];disks:{a}").allocate("web").to_json())
    assert json.loads(text) == [
        {
            "name": "cpus",
            "type": "SCALAR",
            "scalar": {"value": 0.5},
            "reservations": [{"type": "STATIC", "role": "web"}],
            "allocation_info": {"role": "web"},
        },
        {
            "name": "ports",
            "type": "RANGES",
            "ranges": {"range": [{"begin": 1, "end": 2}, {"begin": 5, "end": 6}]},
            "allocation_info": {"role": "web"},
        },
        {"name": "disks", "type": "SET", "set": {"item": ["a"]}, "allocation_info": {"role": "web"}},
    ]


def disk(size: int, **info: object) -> Resources:
    """A disk of that many MB with this DiskInfo, reserved for web."""
    entry = {"name": "disk", "type": "SCALAR", "scalar": {"value": size}, "disk": info}
    entry["reservations"] = [{"type": "DYNAMIC", "role": "web"}]
    return r(json.dumps([entry]))


VOLUME = {"persistence": {"id": "v1"}, "volume": {"container_path": "data", "mode": "RW"}}
MOUNT = {"source": {"type": "MOUNT", "mount": {"root": "/mnt/1"}}}
PATH = {"source": {"type": "PATH", "path": {"root": "/mnt/2"}}}


def test_volumes_print_with_their_id_and_mount_point():
    """As in Mesos's logs."""
    assert str(disk(64, **VOLUME)) == "disk(reservations: [(DYNAMIC,web)])[v1:data]:64"
    assert str(disk(64, **MOUNT)) == "disk(reservations: [(DYNAMIC,web)])[MOUNT:/mnt/1]:64"
    assert str(disk(64, **PATH, **VOLUME)) == "disk(reservations: [(DYNAMIC,web)])[PATH:/mnt/2,v1:data]:64"


@pytest.mark.parametrize("info", [VOLUME, MOUNT], ids=["volume", "mount"])
def test_a_volume_has_no_parts(info):
    """A smaller one of the same name is another one: not contained, not removed, nothing in common."""
    whole, other = disk(64, **info), disk(32, **info)
    assert not other <= whole
    assert whole - other == whole
    assert not whole & other
    assert whole - whole == r("")
    assert (whole + r("cpus:1")) - whole == r("cpus:1")
    assert whole & whole == whole


def test_a_path_disk_can_be_divided():
    """As long as no volume is made of it."""
    assert disk(64, **PATH) - disk(32, **PATH) == disk(32, **PATH)
    assert disk(32, **PATH) <= disk(64, **PATH)


def test_volumes_are_no_disk_of_their_role():
    """A volume and the reserved disk beside it do not merge, but both count as disk."""
    both = disk(64, **VOLUME) + Resources([Resource(name="disk", value=100.0, reservations=(("DYNAMIC", "web"),))])
    assert len(both) == 2
    assert both.disk == 164


def test_a_refined_reservation_goes_to_the_refining_role_and_below():
    """Reserved for a, refined for a/b: offered to a/b and a/b/c, not to a or a/d."""
    refined = Resources([Resource(name="cpus", value=1.0, reservations=(("STATIC", "a"), ("DYNAMIC", "a/b")))])
    assert refined.allocatable_to("a/b") == refined.allocatable_to("a/b/c") == refined
    assert not refined.allocatable_to("a")
    assert not refined.allocatable_to("a/d")
    assert refined.reserved("a/b") == refined
    assert str(refined) == "cpus(reservations: [(STATIC,a),(DYNAMIC,a/b)]):1"
