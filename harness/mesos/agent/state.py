"""What an agent finds on its disk when it starts: the checkpoints of its earlier life, read and sorted.

A file that is missing or empty is no error: the life before ended in the middle of something, and what the file belongs to
is skipped. A file that cannot be read is an error, fatal for a strict agent and counted by one that is not.
Source: Mesos ``src/slave/state.cpp``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from harness.mesos.agent.checkpoint import Checkpoint, ExecutorCheckpoint
from harness.mesos.messages import DrainConfig, FrameworkInfo, SlaveInfo, StatusUpdate, TaskInfo
from harness.mesos.messages.infos import NO_RESOURCES
from harness.mesos.resources import Resources
from harness.simulation import Disk

T = TypeVar("T")
Folder = Mapping[str, Any]


class UnreadableError(Exception):
    """A file of a strict agent cannot be read."""


@dataclass(slots=True)
class SavedTask:
    """A task: its description and, in order, the updates of it and which of them were acknowledged."""

    info: TaskInfo
    log: str
    updates: list[StatusUpdate] = field(default_factory=list)
    acknowledged: dict[str, None] = field(default_factory=dict)


@dataclass(slots=True)
class SavedExecutor:
    """An executor in its newest run; ``pid`` is None if it never registered (or the host has rebooted since)."""

    checkpoint: ExecutorCheckpoint
    container_id: str
    run: str
    completed: bool
    forked: bool
    pid: str | None
    tasks: list[SavedTask]


@dataclass(slots=True)
class SavedFramework:
    """A framework with its executors."""

    info: FrameworkInfo
    pid: str
    executors: list[SavedExecutor]


@dataclass(slots=True)
class SavedAgent:
    """Everything; ``errors`` counts what could not be read."""

    info: SlaveInfo | None
    drain_config: DrainConfig | None = None
    frameworks: list[SavedFramework] = field(default_factory=list)
    errors: int = 0


class StateReader:
    """Reads the state once.

    Args:
        checkpoint: where.
        strict: whether an unreadable file is an error at once.
        rebooted: the host has started again since, so pids mean nothing.
    """

    def __init__(self, checkpoint: Checkpoint, *, strict: bool, rebooted: bool) -> None:
        self._checkpoint = checkpoint
        self._disk: Disk = checkpoint.disk
        self._strict = strict
        self._rebooted = rebooted
        self._errors = 0

    def read_resources(self) -> Resources:
        """What the agent was told to remember of its resources; this survives every reboot and every change of id.

        Raises:
            UnreadableError: strict, and the file cannot be read.
        """
        return self._file(f"{self._checkpoint.meta}resources/resources_and_operations.state", Resources) or NO_RESOURCES

    def read(self) -> SavedAgent | None:
        """The state of the latest agent in this work_dir; None if there was none.

        Raises:
            UnreadableError: strict, and a file cannot be read.
        """
        latest = self._file(f"{self._checkpoint.meta}slaves/latest", str)
        if latest is None:
            return None
        self._checkpoint.identify(latest)
        root = self._checkpoint.slave
        tree: dict[str, Any] = {}
        for path in self._disk.paths(root):
            *folders, name = path[len(root) :].split("/")
            inner = tree
            for folder in folders:
                inner = inner.setdefault(folder, {})
            inner[name] = path
        state = SavedAgent(self._entry(tree, "slave.info", SlaveInfo))
        if state.info is not None:
            state.drain_config = self._entry(tree, "drain.config", DrainConfig)
            frameworks = (self._framework(folder) for folder in tree.get("frameworks", {}).values())
            state.frameworks = [framework for framework in frameworks if framework is not None]
        state.errors = self._errors
        return state

    def _framework(self, folder: Folder) -> SavedFramework | None:
        info = self._entry(folder, "framework.info", FrameworkInfo)
        pid = None if info is None else self._entry(folder, "framework.pid", str, empty=True)
        if info is None or pid is None:
            return None
        executors = (self._executor(each) for each in folder.get("executors", {}).values())
        return SavedFramework(info, pid, [executor for executor in executors if executor is not None])

    def _executor(self, folder: Folder) -> SavedExecutor | None:
        runs: Folder = folder.get("runs", {})
        container_id = self._entry(runs, "latest", str)
        checkpoint = self._entry(folder, "executor.info", ExecutorCheckpoint)
        if container_id is None or checkpoint is None:
            return None
        run: Folder = runs.get(container_id, {})
        path = f"{runs['latest'].removesuffix('latest')}{container_id}/"
        forked = pid = None
        if self._rebooted:
            self._checkpoint.forget_pids(path)
        else:
            pids: Folder = run.get("pids", {})
            forked = self._entry(pids, "forked.pid", str)
            pid = self._entry(pids, "libprocess.pid", str) if forked is not None else None
        tasks = (self._task(each) for each in run.get("tasks", {}).values())
        return SavedExecutor(
            checkpoint=checkpoint,
            container_id=container_id,
            run=path,
            completed="executor.sentinel" in run,
            forked=forked is not None,
            pid=pid,
            tasks=[task for task in tasks if task is not None],
        )

    def _task(self, folder: Folder) -> SavedTask | None:
        info = self._entry(folder, "task.info", TaskInfo)
        if info is None:
            return None
        task = SavedTask(info, f"{folder['task.info'].removesuffix('info')}updates")
        for record in self._entry(folder, "task.updates", tuple) or ():
            if isinstance(record, StatusUpdate):
                task.updates.append(record)
            else:
                task.acknowledged[record] = None
        return task

    def _entry(self, folder: Folder, name: str, kind: type[T], *, empty: bool = False) -> T | None:
        return self._file(folder[name], kind, empty=empty) if name in folder else None

    def _file(self, path: str, kind: type[T], *, empty: bool = False) -> T | None:
        found = self._disk.read(path)
        if found is None or (found == "" and not empty):
            return None
        if isinstance(found, kind):
            return found
        if self._strict:
            raise UnreadableError(f"{path} of {self._disk.host} is unreadable: {found}")
        self._errors += 1
        return None
