"""Who is next: sorters keep clients (roles, or the frameworks of a role) in the order in which they shall be served.

Clients form a tree by the ``/`` of their paths. A client that is also an ancestor of another is kept as a leaf called ``.``
beneath its own node, so that every client is a leaf and every inner node a sum of its leaves.

- :class:`DRFSorter` (dominant resource fairness): the lowest share first, where a share is the largest part that a client
  has of any resource of the cluster, divided by its weight; then who was served less often; then the smaller path.
- :class:`RandomSorter`: a weighted shuffle at every sort.

Amounts are plain dicts of thousandths. Source: ``src/master/allocator/mesos/sorter/{drf,random}``.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import accumulate
from typing import Any, TypeAlias

from harness.errors import MisuseError
from harness.mesos.resources import Resources

VIRTUAL = "."


class Totals:
    """What the cluster has, by agent and in sum; one object shared by all sorters of an allocator."""

    __slots__ = ("by_agent", "quantities", "version")

    def __init__(self) -> None:
        self.quantities: dict[str, int] = {}
        self.by_agent: dict[str, dict[str, int]] = {}
        # Sorters compare it with the version they saw last: shares depend on totals.
        self.version = 0

    def set(self, slave_id: str, quantities: dict[str, int]) -> None:
        """The agent has this much now."""
        self.remove(slave_id)
        self.by_agent[slave_id] = quantities
        total = self.quantities
        for name, value in quantities.items():
            total[name] = total.get(name, 0) + value

    def remove(self, slave_id: str) -> None:
        """The agent is gone; harmless if it is unknown."""
        self.version += 1
        for name, value in self.by_agent.pop(slave_id, {}).items():
            self.quantities[name] -= value


class Node:
    """A client (leaf), or an inner node that sums up what lies beneath it."""

    __slots__ = ("active", "children", "client", "count", "key", "name", "ordered", "parent", "path", "quantities", "shared")

    def __init__(self, name: str, path: str, parent: Node | None) -> None:
        self.name = name
        self.path = path
        self.parent = parent
        self.client: str | None = None
        self.children: dict[str, Node] | None = None
        self.active = False
        self.quantities: dict[str, int] = {}
        self.count = 0
        # Copies of shared resources by (agent, identity): a volume counts once, however many hold it.
        self.shared: dict[Any, int] | None = None
        # Used by the DRF sorter: the place of this node among its siblings, and its children in order.
        self.key: tuple[float, int, str, Node] | None = None
        self.ordered: list[tuple[float, int, str, Node]] = []

    def counted(self, slave_id: str, resources: Resources, sign: int) -> dict[str, int]:
        """What ``resources`` add here (``sign`` 1) or take away (-1) when copies of shared ones count once."""
        books = self.shared = {} if self.shared is None else self.shared
        counted = dict(resources.nonshared().quantities)
        for identity, copies in resources.shared().entries.items():
            assert isinstance(copies, int)
            key = (slave_id, identity._replace(allocation_role=None))
            before = books.get(key, 0)
            after = books[key] = before + sign * copies
            if (before <= 0) != (after <= 0):
                counted[identity.name] = counted.get(identity.name, 0) + identity.shared
        return counted


class Sorter:
    """The books that all sorters keep; a subclass decides the order in :meth:`sort`.

    A subclass of your own goes wherever a sorter is named: ``HierarchicalAllocator(role_sorter=MySorter)``. It finds the
    clients in ``leaves`` (their ``active``, ``count``, ``quantities``), weights in ``weights``, the cluster in ``totals``.

    Args:
        totals: what the cluster has.
        excluded: scalars that do not count.
        hierarchical: whether ``/`` in a client separates levels (roles) or is a letter like any other (frameworks).
        choose: source of recorded choices, ``choose(label, n) -> 0..n-1``; only the random sorter asks.
        label: what is sorted, for the labels of those choices.
    """

    def __init__(
        self,
        totals: Totals,
        excluded: Collection[str] = (),
        hierarchical: bool = False,
        choose: Callable[[str, int], int] | None = None,
        label: str = "clients",
    ) -> None:
        self.totals = totals
        self.excluded = excluded
        self.hierarchical = hierarchical
        self.choose = choose
        self.label = label
        self.root = Node("", "", None)
        self.root.children = {}
        self.leaves: dict[str, Node] = {}
        self.weights: dict[str, float] = {}
        self.dirty = True

    # --- clients

    def __contains__(self, client: str) -> bool:
        return client in self.leaves

    def __len__(self) -> int:
        return len(self.leaves)

    def add(self, client: str) -> None:
        """A new client, inactive and with nothing."""
        if client in self.leaves:
            raise MisuseError(f"sorter: {client!r} was added already")
        node = self.root
        for name in client.split("/") if self.hierarchical else (client,):
            if node.children is None:
                self._make_inner(node)
            assert node.children is not None
            child = node.children.get(name)
            if child is None:
                child = node.children[name] = Node(name, f"{node.path}/{name}" if node.parent else name, node)
            node = child
        if node.children is not None:
            leaf = Node(VIRTUAL, f"{node.path}/{VIRTUAL}", node)
            node.children[VIRTUAL] = leaf
            node = leaf
        node.client = client
        self.leaves[client] = node
        self.dirty = True

    def _make_inner(self, node: Node) -> None:
        # Nodes on the way are created without children; a client among them moves into a virtual leaf.
        node.children = {}
        if node.client is None:
            return
        leaf = node.children[VIRTUAL] = Node(VIRTUAL, f"{node.path}/{VIRTUAL}", node)
        leaf.client, node.client = node.client, None
        leaf.active, node.active = node.active, False
        leaf.quantities = dict(node.quantities)
        leaf.count = node.count
        leaf.shared = None if node.shared is None else dict(node.shared)
        assert leaf.client is not None
        self.leaves[leaf.client] = leaf

    def remove(self, client: str) -> None:
        """A client leaves, with everything it holds."""
        leaf = self.leaves.pop(client)
        node = leaf.parent
        while node is not None:
            for name, value in leaf.quantities.items():
                node.quantities[name] -= value
            node = node.parent
        node = leaf
        while node.parent is not None and not node.children:
            parent = node.parent
            assert parent.children is not None
            del parent.children[node.name]
            node = parent
        if node.parent is not None and node.children is not None and list(node.children) == [VIRTUAL]:
            only = node.children[VIRTUAL]
            assert only.client is not None
            node.children = None
            node.client = only.client
            node.active = only.active
            self.leaves[only.client] = node
        self.dirty = True

    def activate(self, client: str) -> None:
        """The client takes part in the order."""
        self.leaves[client].active = True
        self.dirty = True

    def deactivate(self, client: str) -> None:
        """The client keeps what it has but is left out of the order."""
        self.leaves[client].active = False
        self.dirty = True

    def update_weight(self, path: str, weight: float) -> None:
        """The weight of a client or of an inner node; 1 unless set."""
        self.weights[path] = weight
        self.dirty = True

    # --- amounts

    def allocated(self, client: str, slave_id: str, resources: Resources) -> None:
        """The client got ``resources`` of an agent; counts as once served."""
        self._account(self.leaves[client], slave_id, resources, 1)

    def unallocated(self, client: str, slave_id: str, resources: Resources) -> None:
        """The client no longer has ``resources``."""
        self._account(self.leaves[client], slave_id, resources, -1)

    def converted(self, client: str, slave_id: str, old: Resources, new: Resources) -> None:
        """What the client has of an agent changed its kind; this does not count as being served."""
        self._account(self.leaves[client], slave_id, old, -1)
        self._account(self.leaves[client], slave_id, new, 0)

    def _account(self, leaf: Node, slave_id: str, resources: Resources, sign: int) -> None:
        """Add (1, and 0 for an addition that does not count as being served) or take away (-1), up to the root."""
        shared = resources.has_shared
        quantities = resources.quantities
        node: Node | None = leaf
        while node is not None:
            if shared:
                quantities = node.counted(slave_id, resources, sign or 1)
            own = node.quantities
            if sign < 0:
                for name, value in quantities.items():
                    own[name] = own.get(name, 0) - value
            else:
                for name, value in quantities.items():
                    own[name] = own.get(name, 0) + value
                node.count += sign
            self._moved(node)
            node = node.parent

    def quantities(self, client: str) -> dict[str, int]:
        """Thousandths that the client has, by name."""
        return {name: value for name, value in self.leaves[client].quantities.items() if value}

    def share(self, client: str) -> float:
        """The dominant share of a client, divided by its weight: 0.5 is half of the cluster at weight 1."""
        return self._share(self.leaves[client])

    def _share(self, node: Node) -> float:
        share = 0.0
        totals = self.totals.quantities
        for name, value in node.quantities.items():
            if value > 0 and name not in self.excluded:
                total = totals.get(name, 0)
                if total > 0 and value / total > share:
                    share = value / total
        if self.weights:
            share /= self.weights.get(node.path, 1.0)
        return share

    def _moved(self, node: Node) -> None:
        """The amounts of a node changed."""

    def sort(self) -> list[str]:
        """The active clients, the one to be served first in front; a new list at each call."""
        raise NotImplementedError

    def order(self) -> Iterable[str]:
        """The same as :meth:`sort`, for a caller that mostly needs the first few; later changes do not affect it."""
        return self.sort()


class DRFSorter(Sorter):
    """Dominant resource fairness. The order is kept up to date change by change, and rebuilt when totals change."""

    _seen = -1
    _is_flat = True

    def sort(self) -> list[str]:
        """Active clients by share, then by how often they were served, then by path; siblings first, then their leaves."""
        return list(self.order())

    def order(self) -> Iterable[str]:
        """See :meth:`sort`; without levels, which is the common case, nothing but a list of pointers is copied."""
        if self.dirty or self._seen != self.totals.version:
            self._is_flat = True
            self._rebuild(self.root)
            self.dirty = False
            self._seen = self.totals.version
        if self._is_flat:
            return map(_client_of, self.root.ordered.copy())
        order: list[str] = []
        self._collect(self.root, order)
        return order

    def _rebuild(self, node: Node) -> None:
        ordered = node.ordered = []
        assert node.children is not None
        for child in node.children.values():
            child.key = None
            if child.children is not None:
                self._is_flat = False
                self._rebuild(child)
            elif not child.active:
                continue
            child.key = (self._share(child), child.count, child.path, child)
            ordered.append(child.key)
        ordered.sort()

    def _collect(self, node: Node, order: list[str]) -> None:
        for _, _, _, child in node.ordered:
            if child.client is not None:
                order.append(child.client)
            else:
                self._collect(child, order)

    def _moved(self, node: Node) -> None:
        key = node.key
        if self.dirty or key is None or node.parent is None:
            return
        siblings = node.parent.ordered
        del siblings[bisect_left(siblings, key)]
        node.key = (self._share(node), node.count, node.path, node)
        insort(siblings, node.key)


class RandomSorter(Sorter):
    """A weighted shuffle without replacement: a client of twice the weight is in front twice as often.

    Who is next is drawn when somebody asks for the next, so a run draws about once for each offer it makes.
    """

    #: A draw among clients of different weights takes one of this many values.
    RESOLUTION = 1 << 32

    _cached: tuple[list[str], list[float] | None] = ([], None)

    def sort(self) -> list[str]:
        """Active clients in a newly drawn order; the benign draw gives them by path."""
        return list(self.order())

    def order(self) -> Iterable[str]:
        """See :meth:`sort`."""
        if self.dirty:
            weighted: list[tuple[float, str, str]] = []
            self._weigh(self.root, 1.0, weighted)
            weighted.sort(key=_path)
            weights = [weight for weight, _, _ in weighted]
            is_even = not weights or max(weights) - min(weights) <= 1e-9 * max(weights)
            self._cached = [client for _, _, client in weighted], None if is_even else weights
            self.dirty = False
        clients, uneven = self._cached
        if len(clients) < 2 or self.choose is None:
            return clients.copy()
        return self._drawn(clients.copy()) if uneven is None else self._drawn_by_weight(clients.copy(), uneven.copy())

    def _drawn(self, clients: list[str]) -> Iterator[str]:
        assert self.choose is not None
        while len(clients) > 1:
            yield clients.pop(self.choose(self.label, len(clients)))
        yield clients[0]

    def _drawn_by_weight(self, clients: list[str], weights: list[float]) -> Iterator[str]:
        assert self.choose is not None
        while len(clients) > 1:
            bounds = list(accumulate(weights))
            point = self.choose(self.label, self.RESOLUTION) / self.RESOLUTION * bounds[-1]
            # Rounding may put the point on the very end.
            at = min(bisect_right(bounds, point), len(clients) - 1)
            del weights[at]
            yield clients.pop(at)
        yield clients[0]

    def _weigh(self, node: Node, weight: float, found: list[tuple[float, str, str]]) -> bool:
        """Collect the active leaves below ``node`` with their parts of ``weight``; False if there are none."""
        assert node.children is not None
        alive = [child for child in node.children.values() if _is_alive(child)]
        total = sum(self._weight_of(child) for child in alive)
        for child in alive:
            part = weight * self._weight_of(child) / total
            if child.client is not None:
                found.append((part, child.path, child.client))
            else:
                self._weigh(child, part, found)
        return bool(alive)

    def _weight_of(self, node: Node) -> float:
        return self.weights.get(node.path, 1.0)


def _is_alive(node: Node) -> bool:
    if node.children is None:
        return node.active
    return any(_is_alive(child) for child in node.children.values())


def _client_of(key: tuple[float, int, str, Node]) -> str:
    client = key[3].client
    assert client is not None
    return client


def _path(entry: tuple[float, str, str]) -> str:
    return entry[1]


#: A :class:`Sorter` class, or anything that takes its arguments and returns one.
SorterFactory: TypeAlias = Callable[..., Sorter]

#: The sorters by the name that flags and constructors use.
SORTERS: dict[str, SorterFactory] = {"drf": DRFSorter, "random": RandomSorter}


def sorter_of(given: str | SorterFactory) -> SorterFactory:
    """A sorter by its name, or a user's own class.

    Raises:
        MisuseError: an unknown name, or something that makes no sorters.
    """
    if isinstance(given, str):
        found = SORTERS.get(given)
        if found is not None:
            return found
    elif callable(given):
        return given
    known = ", ".join(map(repr, sorted(SORTERS)))
    raise MisuseError(f"sorter={given!r} is not known; wanted one of {known}, or a subclass of harness.mesos.allocator.Sorter")
