"""The page that draws who held what."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from harness import Cluster
from harness.checks import AllocatorWatch
from harness.mesos.allocator import AllocatorLab, HierarchicalAllocator
from harness.mesos.resources import Resources
from harness.report.allocation import allocation_page
from harness.report.holdings import Holder, Holdings
from harness.simulation import World


@pytest.fixture
def lab() -> AllocatorLab:
    """Two roles: web gets 2 cpus of 4 at 0 s, batch the other 2 at 1 s; at 3 s web gives its half back."""
    world = World(strategy="prompt")
    lab = AllocatorLab(world)
    lab.add_framework("f1", role="web")
    lab.add_agent("a1", "cpus:2;mem:1024")
    world.settle()
    world.clock.advance("1secs")
    lab.add_framework("f2", role="batch")
    lab.add_agent("a2", "cpus:2;mem:1024")
    world.settle()
    world.clock.advance("2secs")
    lab.recover(lab.allocations[0], refuse_seconds=100)
    lab.allocator.suppress_offers("f1", ())
    lab.allocator.suppress_offers("f2", ())
    world.settle()
    world.clock.advance("1secs")
    return lab


def svgs(page: str) -> list[ElementTree.Element]:
    """The plots of a page; each is well-formed by itself."""
    found = []
    for piece in page.split("<svg")[1:]:
        found.append(ElementTree.fromstring("<svg" + piece[: piece.index("</svg>")] + "</svg>"))
    return found


def test_holdings_follow_offers_and_returns(lab):
    """What is held between two instants is what was offered and not given back."""
    moments = Holdings(lab.world.trace).moments
    assert [(moment.time_ns, moment.held) for moment in moments] == [
        (0, {Holder("web", "f1"): {"cpus": 2000, "mem": 1024000}}),
        (
            1_000_000_000,
            {
                Holder("web", "f1"): {"cpus": 2000, "mem": 1024000},
                Holder("batch", "f2"): {"cpus": 2000, "mem": 1024000},
            },
        ),
        (3_000_000_000, {Holder("batch", "f2"): {"cpus": 2000, "mem": 1024000}}),
    ]
    assert moments[1].totals == {"cpus": 4000, "mem": 2048000}
    assert moments[1].shares() == {Holder("web", "f1"): 0.5, Holder("batch", "f2"): 0.5}


def test_a_removed_agent_takes_what_was_held_on_it(lab):
    """Totals and holdings go with it, and a later return of its resources changes nothing."""
    lab.allocator.remove_slave("a2")
    lab.allocator.recover_resources("f2", "a2", Resources.parse("cpus:2;mem:1024").allocate("batch"))
    lab.world.settle()
    last = Holdings(lab.world.trace).moments[-1]
    assert last.totals == {"cpus": 2000, "mem": 1024000}
    assert last.held == {}


def test_the_page_has_a_plot_for_each_resource_and_for_shares(lab):
    """Stacks of cpus and memory, then dominant shares of roles; all of it drawn by coloured steps."""
    page = allocation_page(lab.world.trace, "Two roles")
    titles = [piece[: piece.index("</h2>")] for piece in page.split("<h2>")[1:]]
    assert titles == ["CPUs: what is held", "Memory in MB: what is held", "Dominant shares of roles", "At the end"]
    plots = svgs(page)
    assert len(plots) == 3
    layers = plots[0].findall("path[@class='layer']")
    assert [layer.findtext("title") for layer in layers] == ["batch / f2: at most 2", "web / f1: at most 2"]
    assert len({layer.get("fill") for layer in layers}) == 2
    assert "2 agents, 2 frameworks in 2 roles, 2 offers, from 0ns to 3secs of virtual time" in page


def test_layers_lie_on_each_other(lab):
    """The second layer begins where the first ends, and both together reach the line of the total."""
    plot = svgs(allocation_page(lab.world.trace))[0]
    first, second = (layer.get("d") for layer in plot.findall("path[@class='layer']"))
    total = plot.find("path[@class='total']").get("d")
    heights = [float(piece.split("H")[0]) for piece in total.split("V")[1:]]
    assert heights[-1] in [float(piece.split("H")[0].rstrip("Z")) for piece in second.split("V")[1:]]
    assert first.endswith("Z")
    assert second.endswith("Z")


def test_the_table_says_how_it_ended(lab):
    """What each holds at the end, and its share then, at most and on average."""
    page = allocation_page(lab.world.trace)
    assert "<tr><td>batch</td><td>f2</td><td>2</td><td>1,024</td><td>50.0%</td><td>50.0%</td>" in page
    assert "<tr><td>web</td><td>f1</td><td>0</td><td>0</td><td>0.0%</td><td>100.0%</td>" in page


def test_the_page_loads_nothing(lab):
    """It may be opened from a disk, or mailed: no scripts, no links, no fonts."""
    page = allocation_page(lab.world.trace)
    for word in ("<script", "http:", "https:", "src=", "@import", "url("):
        assert word not in page


def test_the_page_is_the_same_at_every_call(lab):
    """Equal runs give equal pages."""
    assert allocation_page(lab.world.trace) == allocation_page(lab.world.trace)


def test_any_allocator_can_be_drawn_from_the_calls_of_a_watch():
    """A watch records offers, too; the page is that of the trace."""
    world = World(strategy="prompt")
    watch = AllocatorWatch(HierarchicalAllocator())
    lab = AllocatorLab(world, watch)
    lab.add_framework("f1", role="web")
    lab.add_agent("a1", "cpus:2;mem:1024")
    world.settle()
    lab.recover(lab.allocations[0])
    world.clock.advance("1secs")
    assert allocation_page(watch.calls) == allocation_page(world.trace)


def test_a_long_run_is_drawn_no_finer_than_the_page():
    """Thousands of events lead to about a thousand snapshots, the last of them complete."""
    world = World(strategy="prompt")
    lab = AllocatorLab(world)
    for number in range(10):
        lab.add_framework(f"f{number}", role="r")
    for number in range(300):
        lab.add_agent(f"a{number}", "cpus:2;mem:100")
    for _ in range(20):
        world.clock.advance("1secs")
        for allocation in lab.allocations:
            lab.recover(allocation)
        lab.allocations.clear()
    world.settle()
    holdings = Holdings(world.trace, most=100)
    assert holdings.offers == 6000
    assert len(holdings.moments) == 21
    assert holdings.moments[-1].held == {}
    assert holdings.moments[-1].totals == {"cpus": 600000, "mem": 30000000}


def test_when_no_time_passes_events_are_counted():
    """A test under a paused clock is drawn event by event."""
    world = World(strategy="prompt")
    lab = AllocatorLab(world)
    for number in (1, 2):
        lab.add_framework(f"f{number}", role=f"r{number}")
        lab.add_agent(f"a{number}", "cpus:1;mem:100")
        world.settle()
    page = allocation_page(world.trace)
    assert "events are counted instead" in page
    assert "event 2" in page


def test_a_run_without_allocations_says_so():
    """No plot is better than an empty one."""
    assert "No allocations were made" in allocation_page(World().trace)


def test_names_cannot_break_the_page():
    """What users call their roles is shown as they wrote it."""
    world = World(strategy="prompt")
    lab = AllocatorLab(world)
    lab.add_framework("<b>&", role="a<script>")
    lab.add_agent("a1", "cpus:1;mem:100")
    world.settle()
    page = allocation_page(world.trace, "<title>")
    assert "<script" not in page
    assert "a&lt;script&gt; / &lt;b&gt;&amp;" in page
    svgs(page)


def test_many_frameworks_are_put_together():
    """The largest are named, the rest is one layer."""
    world = World(strategy="prompt")
    lab = AllocatorLab(world)
    for number in range(40):
        lab.add_framework(f"f{number}", role="r")
        lab.add_agent(f"a{number}", f"cpus:{number + 1};mem:100")
        world.settle()
        world.clock.advance("1secs")
    page = allocation_page(world.trace)
    assert page.count("<li>") == 24
    assert "others / many frameworks" in page


def test_a_cluster_is_drawn_and_starts_anew_with_another_master():
    """Frameworks are called by their names; after a failover the agents are not counted twice."""
    with Cluster(seed=4) as cluster:
        cluster.start_master(registry="durable")
        cluster.start_agent("cpus:4;mem:2048")
        framework = cluster.start_framework(name="shop", roles=("web",))
        offer = cluster.wait(framework.next_offers())[0]
        framework.run_task(offer, resources="cpus:1;mem:128")
        cluster.run_for("3secs")
        cluster.fail_over_master()
        cluster.run_for("30secs")
        page = allocation_page(cluster.trace)
        holdings = Holdings(cluster.trace)
    assert max(moment.totals.get("cpus", 0) for moment in holdings.moments) == 4000
    assert holdings.moments[-1].held
    assert "web / shop" in page


def test_what_is_in_use_is_told_from_what_is_only_offered():
    """A task's part of an offer is drawn in full colour from its launch on, the offer before and the next one pale."""
    with Cluster(seed=4) as cluster:
        cluster.start_master()
        cluster.start_agent("cpus:4;mem:2048")
        framework = cluster.start_framework(name="shop", roles=("web",))
        offer = cluster.wait(framework.next_offers())[0]
        framework.run_task(offer, resources="cpus:1;mem:128", command="sleep 1000")
        cluster.wait(framework.next_offers())
        holdings = Holdings(cluster.trace)
        page = allocation_page(cluster.trace)
    holder = Holder("web", framework.id)
    seen = []
    for moment in holdings.moments:
        held, offered = moment.held.get(holder, {}).get("cpus", 0), moment.offered.get(holder, {}).get("cpus", 0)
        if not seen or seen[-1] != (held - offered, offered):
            seen.append((held - offered, offered))
    assert seen == [(0, 0), (0, 4000), (1000, 0), (1000, 3000)]
    layers = svgs(page)[0].findall("path[@fill]")
    assert [layer.findtext("title") for layer in layers] == ["web / shop: at most 1", "web / shop: at most 4 offered"]
