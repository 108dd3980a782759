"""Resources: text, exact amounts, and the laws of their algebra."""

from __future__ import annotations

import copy
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
        ("ports:[5-1]", "inclusive ranges"),
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
    assert Resources.of({"cpus": -1}).validate() == "Invalid scalar resource: value < 0"
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
