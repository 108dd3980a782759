"""Sorters: shares, trees of roles, ties, weights."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import MisuseError
from harness.mesos.allocator import AllocatorLab, HierarchicalAllocator
from harness.mesos.allocator.sorter import DRFSorter, RandomSorter, Sorter, Totals
from harness.mesos.resources import Resource, Resources
from harness.simulation import World


def r(text: str) -> Resources:
    return Resources.parse(text)


def sorter_of(*clients: str, total: str = "cpus:10;mem:1000", hierarchical: bool = True, **arguments) -> DRFSorter:
    """A sorter with these clients, active, over one agent."""
    totals = Totals()
    totals.set("agent", r(total).quantities)
    sorter = DRFSorter(totals, hierarchical=hierarchical, **arguments)
    for client in clients:
        sorter.add(client)
        sorter.activate(client)
    return sorter


def test_the_lowest_dominant_share_comes_first():
    """A share is the largest part of any resource, whichever that is."""
    sorter = sorter_of("a", "b")
    sorter.allocated("a", "agent", r("cpus:1;mem:500"))
    sorter.allocated("b", "agent", r("cpus:4;mem:1"))
    assert sorter.share("a") == 0.5
    assert sorter.share("b") == 0.4
    assert sorter.sort() == ["b", "a"]


def test_equal_shares_are_ordered_by_count_then_by_path():
    """Who was served less often goes first, then the smaller name; giving back does not lower the count."""
    sorter = sorter_of("b", "a")
    assert sorter.sort() == ["a", "b"]
    sorter.allocated("a", "agent", r("cpus:1"))
    sorter.unallocated("a", "agent", r("cpus:1"))
    assert sorter.sort() == ["b", "a"]


def test_excluded_resources_do_not_count():
    """A resource excluded from fair sharing leaves the share alone."""
    sorter = sorter_of("a", total="cpus:10;gpus:1", excluded=("gpus",))
    sorter.allocated("a", "agent", r("cpus:1;gpus:1"))
    assert sorter.share("a") == 0.1


def test_weights_divide_shares():
    """Twice the weight is half the share, for clients and for inner nodes."""
    sorter = sorter_of("a", "b/c")
    sorter.update_weight("b", 4.0)
    sorter.allocated("a", "agent", r("cpus:1"))
    sorter.allocated("b/c", "agent", r("cpus:2"))
    assert sorter.sort() == ["b/c", "a"]


def test_inner_nodes_share_what_their_leaves_have():
    """Siblings are ordered by the sums of their subtrees, then the leaves within."""
    sorter = sorter_of("a/b", "a/c", "d/e")
    sorter.allocated("a/b", "agent", r("cpus:4"))
    assert sorter.sort() == ["d/e", "a/c", "a/b"]
    sorter.allocated("d/e", "agent", r("cpus:5"))
    assert sorter.sort() == ["a/c", "a/b", "d/e"]


@pytest.mark.parametrize("order", [("a", "a/b"), ("a/b", "a")])
def test_a_client_may_be_an_ancestor_of_another(order):
    """Such a client competes as a leaf beneath its own node, in whichever order both were added."""
    sorter = sorter_of(*order, "z")
    sorter.allocated("a", "agent", r("cpus:1"))
    assert sorter.sort() == ["z", "a/b", "a"]
    sorter.allocated("a/b", "agent", r("cpus:3"))
    assert sorter.sort() == ["z", "a", "a/b"]
    assert sorter.quantities("a") == {"cpus": 1000}


def test_a_client_keeps_what_it_has_when_its_descendants_come_and_go():
    """Turning a leaf into an inner node and back loses nothing."""
    sorter = sorter_of("a", "z")
    sorter.allocated("a", "agent", r("cpus:2"))
    sorter.add("a/b/c")
    sorter.activate("a/b/c")
    assert sorter.share("a") == 0.2
    assert sorter.sort() == ["z", "a/b/c", "a"]
    sorter.remove("a/b/c")
    assert sorter.share("a") == 0.2
    assert sorter.sort() == ["z", "a"]
    sorter.unallocated("a", "agent", r("cpus:2"))
    assert sorter.quantities("a") == {}


def test_inactive_clients_are_left_out_but_counted():
    """They keep their part of the subtree's share."""
    sorter = sorter_of("a/b", "a/c", "d")
    sorter.allocated("a/b", "agent", r("cpus:5"))
    sorter.deactivate("a/b")
    assert sorter.sort() == ["d", "a/c"]


def test_frameworks_are_flat():
    """A slash in a framework's id separates nothing."""
    sorter = sorter_of("x/1", "x/2", hierarchical=False)
    sorter.allocated("x/1", "agent", r("cpus:1"))
    assert sorter.sort() == ["x/2", "x/1"]


def test_new_totals_change_shares():
    """An agent that appears or goes reorders clients without any allocation."""
    sorter = sorter_of("a", "b", total="cpus:10;mem:100")
    sorter.allocated("a", "agent", r("cpus:5"))
    sorter.allocated("b", "agent", r("mem:60"))
    assert sorter.sort() == ["a", "b"]
    sorter.totals.set("other", r("mem:1000").quantities)
    assert sorter.sort() == ["b", "a"]
    sorter.totals.remove("other")
    assert sorter.sort() == ["a", "b"]


def test_shared_resources_count_once():
    """A volume that two allocations hold is one volume, until the last of them ends."""
    volume = Resources([Resource(name="disk", value=50.0, shared=True)])
    sorter = sorter_of("a", total="disk:100")
    sorter.allocated("a", "agent", volume)
    sorter.allocated("a", "agent", volume)
    assert sorter.share("a") == 0.5
    sorter.unallocated("a", "agent", volume)
    assert sorter.share("a") == 0.5
    sorter.unallocated("a", "agent", volume)
    assert sorter.share("a") == 0


def test_adding_a_client_twice_is_an_error():
    """The error names the client."""
    with pytest.raises(MisuseError, match="'a' was added already"):
        sorter_of("a", "a")


CHANGES = st.lists(
    st.tuples(st.sampled_from(["a", "a/b", "a/c", "d", "e/f/g"]), st.integers(1, 3), st.booleans()), min_size=1, max_size=30
)


@given(CHANGES)
@settings(max_examples=100, deadline=None)
def test_the_order_kept_step_by_step_is_the_order_computed_anew(changes):
    """Incremental updates and a full rebuild never disagree, and inner nodes are the sums of their leaves."""
    clients = ["a", "a/b", "a/c", "d", "e/f/g"]
    sorter = sorter_of(*clients)
    sorter.sort()
    for client, amount, give in changes:
        have = sorter.quantities(client).get("cpus", 0)
        part = r(f"cpus:{amount}")
        if give:
            sorter.allocated(client, "agent", part)
        elif have >= amount * 1000:
            sorter.unallocated(client, "agent", part)
        kept = sorter.sort()
        sorter.dirty = True
        assert sorter.sort() == kept
    assert sorter.root.quantities.get("cpus", 0) == sum(sorter.quantities(client).get("cpus", 0) for client in clients)


def random_sorter(choose, weights=(), clients=("a", "b", "c")) -> RandomSorter:
    totals = Totals()
    sorter = RandomSorter(totals, hierarchical=True, choose=choose, label="sort")
    for client in clients:
        sorter.add(client)
        sorter.activate(client)
    for path, weight in weights:
        sorter.update_weight(path, weight)
    return sorter


def test_the_benign_random_order_is_by_path():
    """When every draw is 0 nobody is preferred."""
    assert random_sorter(lambda label, n: 0).sort() == ["a", "b", "c"]


def test_a_single_client_needs_no_draw():
    """Nothing is drawn where there is nothing to choose."""

    def choose(label, n):
        raise AssertionError("drawn")

    assert random_sorter(choose, clients=("a",)).sort() == ["a"]


def test_weights_make_clients_go_first_more_often():
    """Weight 3 against 1 goes first in three of four sorts."""
    state = [12345]

    def choose(label, n):
        state[0] = (state[0] * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        return (state[0] >> 32) * n >> 32

    sorter = random_sorter(choose, [("a", 3.0)], ("a", "b"))
    first = sum(sorter.sort()[0] == "a" for _ in range(4000))
    assert 2850 < first < 3150


# --- sorters of one's own


class ByName(Sorter):
    """Serves clients by the alphabet, whatever they have."""

    def sort(self) -> list[str]:
        return sorted(client for client, leaf in self.leaves.items() if leaf.active)


def test_a_sorter_of_ones_own_decides_who_is_next():
    """A class goes wherever a name goes, for roles, for frameworks or for both."""
    for arguments, wanted in (
        ({"framework_sorter": ByName}, ["a", "a"]),
        ({"sorter": ByName}, ["a", "a"]),
        ({"role_sorter": ByName}, ["a", "b"]),
    ):
        lab = AllocatorLab(World(strategy="prompt"), HierarchicalAllocator(**arguments))
        lab.add_framework("b")
        lab.add_framework("a")
        for name in ("a1", "a2"):
            lab.add_agent(name, "cpus:1;mem:100")
            lab.world.settle()
        assert [str(allocation.framework_id) for allocation in lab.allocations] == wanted


def test_something_that_makes_no_sorter_is_refused():
    """The error says what would."""
    with pytest.raises(MisuseError, match=r"sorter=7 is not known; wanted one of 'drf', 'random', or a subclass of"):
        HierarchicalAllocator(7)


def test_the_random_order_is_drawn_as_far_as_somebody_asks():
    """One draw for the first of a hundred, whatever the number of clients; later changes do not affect an order begun."""
    draws = []

    def choose(label: str, n: int) -> int:
        draws.append(n)
        return n - 1

    sorter = random_sorter(choose, clients=[f"c{number:03}" for number in range(100)])
    order = iter(sorter.order())
    assert next(order) == "c099"
    assert draws == [100]
    sorter.remove("c098")
    assert next(order) == "c098"


def test_the_order_of_drf_is_that_of_its_beginning():
    """Whoever goes through it may allocate on the way."""
    sorter = sorter_of("a", "b", "c")
    order = iter(sorter.order())
    assert next(order) == "a"
    sorter.allocated("b", "agent", r("cpus:5"))
    assert list(order) == ["b", "c"]
    assert sorter.sort() == ["a", "c", "b"]
