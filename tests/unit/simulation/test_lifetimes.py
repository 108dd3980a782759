"""Links, ends and children: who hears of an end, what is dropped by it, and who ends with whom."""

from __future__ import annotations

from typing import Any

from harness.simulation import Address, World
from tests.unit.simulation.toys import Item, Listener, Scripted, listener, pair


def _kinds(world: World, kind: str) -> list[Any]:
    return [record.event for record in world.trace if record.kind == kind]


# -- links ----------------------------------------------------------------------------------------------------------------


def test_a_linker_hears_of_the_end_once() -> None:
    """``exited`` comes once per link, however often it was linked, and the link is gone afterwards."""
    world = World()
    a, b = pair(world)
    a.link(b.address)
    a.link(b.address)
    world.terminate(b.address)
    world.run_until_idle()
    assert a.gone == ["b@hb"]
    world.spawn(Listener("b"), "hb")
    world.terminate("b@hb")
    world.run_until_idle()
    assert a.gone == ["b@hb"]


def test_linking_to_nobody_is_heard_at_once() -> None:
    """A link to a process that is not there, or no longer, leads to ``exited``."""
    world = World()
    a, b = pair(world)
    world.terminate(b.address)
    a.link(b.address)
    a.link("nobody@nowhere")
    world.run_until_idle()
    assert sorted(a.gone) == ["b@hb", "nobody@nowhere"]


def test_one_may_link_again_after_exited() -> None:
    """A new link to a new process of the same address is a link of its own."""
    world = World()
    a, b = pair(world)
    for _ in range(2):
        a.link(b.address)
        world.terminate(b.address)
        world.run_until_idle()
        b = listener(world, "b", "hb")
    assert a.gone == ["b@hb", "b@hb"]


def test_a_linker_that_has_ended_hears_nothing() -> None:
    """Nothing is sent to a linker that is gone, nor to its successor at the same address."""
    world = World()
    a, b = pair(world)
    a.link(b.address)
    world.terminate(a.address)
    successor = listener(world, "a", "ha")
    world.terminate(b.address)
    world.run_until_idle()
    assert a.gone == successor.gone == []


def test_links_have_a_direction() -> None:
    """The linkee does not hear of the linker's end."""
    world = World()
    a, b = pair(world)
    a.link(b.address)
    world.terminate(a.address)
    world.run_until_idle()
    assert b.gone == []


# -- ends and children ----------------------------------------------------------------------------------------------------


def test_terminate_drops_what_is_queued() -> None:
    """Messages, dispatches and timers of a process that ends are dropped; its address is free."""
    world = World()
    a, b = pair(world)
    a.send(b.address, Item(1))
    a.dispatch(b.address, "tick", 2)
    b.delay("1ms", "tick", 3)
    b.work("store", "1ms", "1ms", "tick", 4)
    assert world.terminate(b.address) is True
    assert world.terminate(b.address) is False
    assert not b.alive
    assert world.process(b.address) is None
    world.run_until_idle()
    assert b.heard == []
    assert len(_kinds(world, "dropped")) == 3
    assert world.clock.timers == []


def test_finalize_runs_at_the_end_and_may_still_send() -> None:
    """The last words of a process are delivered, whoever ended it."""
    world = World()
    a = listener(world, "a")
    b = Scripted("b", end=lambda p: p.send(a.address, Item(9)))
    world.spawn(b)
    world.settle()
    world.terminate(b.address)
    world.settle()
    assert a.heard == [9]


def test_finalize_may_end_what_is_ending_already() -> None:
    """Ending oneself or one's parent from inside finalize is harmless and happens once."""
    world = World()
    ends: list[str] = []

    def start(parent: Any) -> None:
        parent.spawn(Scripted("child", end=lambda p: (ends.append("child"), p.terminate(), p.terminate(parent.address))))

    parent = Scripted("parent", start, end=lambda p: (ends.append("parent"), p.terminate()))
    world.spawn(parent)
    world.settle()
    world.terminate(parent.address)
    assert ends == ["child", "parent"]


def test_a_timer_armed_in_finalize_never_fires() -> None:
    """A process has no future after its end."""
    world = World()
    process = Scripted("p", end=lambda p: p.delay("1ms", "tick"))
    world.spawn(process)
    world.settle()
    world.terminate(process.address)
    world.run_until_idle()
    assert process.heard == []


def test_a_process_may_end_itself_or_another() -> None:
    """Ending oneself lets the present handler finish; ending another is immediate."""
    world = World()
    b = listener(world, "b")

    def react(process: Any, sender: Address, message: Item) -> None:
        if message.n:
            process.terminate()
            process.send(b.address, Item(5))
        else:
            process.terminate(b.address)

    a = Scripted("a", react=react)
    world.spawn(a)
    for n in (1, 2):
        world.post(Item(n), a.address)
    world.run_until_idle()
    assert (a.alive, a.heard, b.heard) == (False, [1], [5])
    again = Scripted("again", react=react)
    world.spawn(again)
    world.post(Item(0), again.address)
    world.settle()
    assert not b.alive


def test_children_live_on_the_host_of_their_parent_and_no_longer() -> None:
    """Children, and theirs, end with their parent: youngest first, all before it, and their linkers hear of it."""
    ends: list[str] = []

    def child(name: str, grandchild: str | None = None) -> Scripted:
        def start(process: Any) -> None:
            if grandchild is not None:
                process.spawn(child(grandchild))

        return Scripted(name, start, end=lambda p: ends.append(p.name))

    world = World()
    watcher = listener(world, "watcher")
    parent = Scripted(
        "p", lambda p: (p.spawn(child("c1", "g1")), p.spawn(child("c2"), "elsewhere")), end=lambda p: ends.append("p")
    )
    world.spawn(parent, "h")
    world.settle()
    assert world.process("c2@elsewhere").root == "p@h"
    assert world.process("g1@h").path == "p@h/c1/g1"
    watcher.link("g1@h")
    world.terminate(parent.address)
    assert sorted(ends[:-1]) == ["c1", "c2", "g1"]
    assert ends[0] == "c2"
    assert ends[-1] == "p"
    assert ends.index("g1") < ends.index("c1")
    world.run_until_idle()
    assert watcher.gone == ["g1@h"]


def test_a_child_may_end_alone() -> None:
    """The end of a child leaves its parent alive, and the name free for the next child, with a path of its own."""
    world = World()
    parent = listener(world, "p", "h")
    for path in ("p@h/c", "p@h/c#2"):
        process = Listener("c")
        parent.spawn(process)
        world.settle()
        assert process.path == path
        world.terminate(process.address)
    assert parent.alive


# -- a new life at an old address ---------------------------------------------------------------------------------------


def test_what_was_on_its_way_to_an_earlier_life_is_lost() -> None:
    """A connection dies with its process: only what is sent after the new one was spawned, or posted by the test, arrives."""
    for seed in range(50):
        world = World(seed)
        a, b = pair(world)
        a.send(b.address, Item(1))
        world.terminate(b.address)
        world.post(Item(2), to=b.address)
        successor = Listener("b")
        world.spawn(successor, "hb")
        a.send(b.address, Item(3))
        world.run_until_idle()
        assert sorted(successor.heard) == [2, 3]
        assert [item.n for item in _kinds(world, "dropped") if isinstance(item, Item)] == [1]
