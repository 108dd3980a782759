"""The registrar, alone with a toy owner."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from harness.errors import FutureFailed, MisuseError
from harness.mesos.messages import (
    AdmitSlave,
    MarkSlaveGone,
    MarkSlaveReachable,
    MarkSlaveUnreachable,
    MasterInfo,
    Prune,
    RemoveSlave,
    SlaveInfo,
    UpdateSlave,
)
from harness.mesos.registrar import Registrar, RegistryStorage
from harness.simulation import Process, World

MASTER = MasterInfo(id="m1", pid="master@master")
WHEN = datetime(2020, 1, 1, tzinfo=UTC)


def agent(n: int = 0, **more: object) -> SlaveInfo:
    return SlaveInfo(hostname=f"a{n}", id=f"m1-S{n}", **more)


def registrar_of(world: World, storage: RegistryStorage | None = None, name: str = "owner") -> Registrar:
    owner = Process(name)
    world.spawn(owner)
    registrar = Registrar(storage)
    registrar.bind(owner)
    return registrar


def test_recovery_stores_the_master() -> None:
    """Recovering reads the registry and writes the new master into it."""
    world = World()
    registrar = registrar_of(world)
    registry = world.wait(registrar.recover(MASTER))
    assert registry.master == MASTER
    assert registrar.registry.master == MASTER


def test_an_admitted_agent_is_refused_a_second_time() -> None:
    """True means performed; an operation that does not fit the registry is answered with False."""
    world = World()
    registrar = registrar_of(world)
    registrar.recover(MASTER)
    assert world.wait(registrar.apply(AdmitSlave(info=agent()))) is True
    assert world.wait(registrar.apply(AdmitSlave(info=agent()))) is False
    assert list(registrar.registry.admitted) == ["m1-S0"]


def test_operations_before_recovery_wait_for_it() -> None:
    """An operation applied first is stored only after the recovery."""
    world = World()
    registrar = registrar_of(world)
    early = registrar.apply(AdmitSlave(info=agent()))
    world.settle()
    assert not early.done
    registrar.recover(MASTER)
    assert world.wait(early) is True


def test_operations_that_come_during_a_store_share_the_next_one() -> None:
    """One store is in flight at a time; everything queued meanwhile is written together."""
    world = World()
    storage = RegistryStorage()
    registrar = registrar_of(world, storage)
    world.wait(registrar.recover(MASTER))
    before = storage.version
    futures = [registrar.apply(AdmitSlave(info=agent(n))) for n in range(5)]
    world.settle()
    assert all(future.get() for future in futures)
    assert storage.version == before + 2
    assert list(storage.registry.admitted) == [f"m1-S{n}" for n in range(5)]


def test_a_store_goes_on_while_the_clock_is_paused() -> None:
    """Stores are work, not timers."""
    world = World()
    world.clock.pause()
    registrar = registrar_of(world)
    future = registrar.recover(MASTER)
    world.settle()
    assert future.ready


def test_an_agent_goes_through_all_lists() -> None:
    """Admitted, unreachable, reachable, updated, gone, pruned."""
    world = World()
    registrar = registrar_of(world)
    registrar.recover(MASTER)

    def apply(operation: object) -> bool:
        return bool(world.wait(registrar.apply(operation)))

    apply(AdmitSlave(info=agent()))
    assert apply(MarkSlaveUnreachable(info=agent(), unreachable_time=WHEN))
    assert (registrar.registry.admitted, registrar.registry.unreachable) == ({}, {"m1-S0": WHEN})
    assert not apply(MarkSlaveUnreachable(info=agent(), unreachable_time=WHEN))
    assert apply(MarkSlaveReachable(info=agent()))
    assert apply(UpdateSlave(info=agent(port=1)))
    assert registrar.registry.admitted["m1-S0"].port == 1
    assert not apply(UpdateSlave(info=agent(7)))
    assert apply(MarkSlaveGone(id="m1-S0", gone_time=WHEN))
    assert not apply(MarkSlaveGone(id="m1-S0", gone_time=WHEN))
    assert registrar.registry.gone == {"m1-S0": WHEN}
    assert apply(Prune(to_remove_gone=("m1-S0",)))
    assert registrar.registry.gone == {}
    assert not apply(RemoveSlave(info=agent()))


def test_an_unknown_agent_may_become_reachable() -> None:
    """A registry that was pruned, or is new, takes an agent it never heard of."""
    world = World()
    registrar = registrar_of(world)
    registrar.recover(MASTER)
    assert world.wait(registrar.apply(MarkSlaveReachable(info=agent())))
    assert "m1-S0" in registrar.registry.admitted


def test_a_master_that_lost_its_storage_to_another_cannot_write() -> None:
    """After a successor recovered, a store of the predecessor fails, and so does everything after it."""
    world = World()
    storage = RegistryStorage()
    old = registrar_of(world, storage, "old")
    world.wait(old.recover(MASTER))
    new = registrar_of(world, storage, "new")
    world.wait(new.recover(MASTER))
    for _ in range(2):
        with pytest.raises(FutureFailed, match="version mismatch"):
            world.wait(old.apply(AdmitSlave(info=agent())))
    assert world.wait(new.apply(AdmitSlave(info=agent())))


def test_an_unbound_registrar_says_what_to_do() -> None:
    """Using a registrar that no master took is a mistake of the caller."""
    with pytest.raises(MisuseError, match="bind"):
        Registrar().apply(AdmitSlave(info=agent()))


def test_an_unknown_operation_is_named() -> None:
    """Only registry operations can be applied."""
    world = World()
    registrar = registrar_of(world)
    world.wait(registrar.recover(MASTER))
    with pytest.raises(MisuseError, match="AdmitSlave"):
        world.wait(registrar.apply("nonsense"))
