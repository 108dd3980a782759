"""The disk of a host: what survives an end, a power failure, a refusal and a corruption."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import MisuseError, ProcessError
from harness.simulation import Corrupt, DiskFailure, World
from tests.unit.simulation.toys import Scripted, listener


def test_a_disk_belongs_to_a_host_and_outlives_its_processes() -> None:
    """What one process wrote, its successor on that host reads; other hosts and other worlds have disks of their own."""
    world = World()
    process = listener(world, "p", "h")
    world.disk(process.host).write("meta/id", 7)
    world.terminate(process.address)
    successor = listener(world, "p", "h")
    assert world.disk(successor.host).read("meta/id") == 7
    assert world.disk("h") is world.disk("h")
    assert world.disk("other").read("meta/id", "nothing") == "nothing"
    assert "meta/id" not in World().disk("h")


def test_files_are_listed_by_prefix_in_order_of_writing() -> None:
    """Listing is in the order of the first writing, whatever was written again."""
    disk = World().disk("h")
    for path in ("b/2", "a/1", "b/1", "a/1"):
        disk.write(path, path)
    assert disk.paths() == ["b/2", "a/1", "b/1"]
    assert disk.paths("b/") == ["b/2", "b/1"]
    assert "a/1" in disk
    assert "a" not in disk


def test_files_and_folders_can_be_removed() -> None:
    """A path removes one file, a path with a slash at its end everything below; the answer tells whether there was anything."""
    disk = World().disk("h")
    for path in ("a/1", "a/2", "ab", "c"):
        disk.write(path, 0)
    assert disk.remove("c") is True
    assert disk.remove("c") is False
    assert disk.remove("a/") is True
    assert disk.paths() == ["ab"]
    disk.lose_unsynced()
    assert disk.paths() == ["ab"]


def test_a_power_failure_loses_what_was_not_synced() -> None:
    """Unsynced files vanish or go back to their synced content, and the disk says which."""
    disk = World().disk("h")
    disk.write("kept", 1)
    disk.write("changed", 1)
    disk.write("changed", 2, sync=False)
    disk.write("new", 1, sync=False)
    assert disk.read("changed") == 2
    assert disk.lose_unsynced() == ["changed", "new"]
    assert (disk.read("kept"), disk.read("changed"), disk.read("new")) == (1, 1, None)
    assert disk.lose_unsynced() == []


def test_sync_makes_everything_safe() -> None:
    """After a sync nothing that was written before can be lost."""
    disk = World().disk("h")
    disk.write("a", 1, sync=False)
    disk.sync()
    disk.write("b", 1, sync=False)
    assert disk.lose_unsynced() == ["b"]
    assert disk.paths() == ["a"]


def test_writes_fail_after_a_number_of_them() -> None:
    """``after=n`` lets n more succeed; a failed write changes nothing; None mends the disk."""
    disk = World().disk("h")
    disk.fail_writes(after=2)
    disk.write("a", 1)
    disk.write("a", 2)
    for _ in range(2):
        with pytest.raises(DiskFailure, match="h: write to a failed"):
            disk.write("a", 3)
    assert disk.read("a") == 2
    disk.fail_writes(None)
    disk.write("a", 3)
    disk.fail_writes()
    with pytest.raises(OSError, match="failed"):
        disk.write("a", 4)


@pytest.mark.parametrize("after", [-1, 1.5, True, "1"])
def test_fail_writes_wants_a_count(after: Any) -> None:
    """Anything that is no count is refused with its value."""
    with pytest.raises(MisuseError, match="after="):
        World().disk("h").fail_writes(after=after)


def test_a_failed_write_that_nobody_catches_fails_the_run() -> None:
    """For a process a refused write is an error like any other."""
    world = World()
    world.disk("h").fail_writes()
    world.spawn(Scripted("p", lambda p: p.world.disk(p.host).write("a", 1)), "h")
    with pytest.raises(ProcessError, match="write to a failed"):
        world.settle()


def test_a_corrupted_file_reads_as_a_mark() -> None:
    """Corruption replaces the content, power failure or not; a file that is not there cannot be corrupted."""
    disk = World().disk("h")
    disk.write("a", 1)
    disk.corrupt("a")
    disk.lose_unsynced()
    assert isinstance(disk.read("a"), Corrupt)
    assert str(disk.read("a")) == "<corrupt a>"
    with pytest.raises(MisuseError, match="has no such file; it has: a"):
        disk.corrupt("b")
