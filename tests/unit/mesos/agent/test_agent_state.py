"""What an agent reads from its disk: files that are there, missing, empty or unreadable."""

from __future__ import annotations

import pytest

from harness.mesos.agent.checkpoint import Checkpoint
from harness.mesos.agent.state import SavedAgent, StateReader, UnreadableError
from harness.mesos.messages import DrainConfig, ExecutorInfo, FrameworkInfo, SlaveInfo, StatusUpdate, TaskInfo, TaskStatus
from harness.mesos.states import TaskState
from harness.simulation import Disk

RUN = "w/meta/slaves/S0/frameworks/F0/executors/e/runs/c1/"
TASK = f"{RUN}tasks/t/"
UPDATE = StatusUpdate(
    framework_id="F0", slave_id="S0", uuid="u1", status=TaskStatus(task_id="t", state=TaskState.TASK_RUNNING, uuid="u1")
)


def written() -> Checkpoint:
    """The checkpoints of an agent with one framework, executor and task."""
    save = Checkpoint(Disk("a1"), "w")
    save.save_info(SlaveInfo(hostname="a1", id="S0"))
    save.save_framework(FrameworkInfo(id="F0", checkpoint=True), "scheduler@f1")
    save.save_executor(ExecutorInfo(executor_id="e"), "F0", "c1", command=False)
    run = save.run("F0", "e", "c1")
    save.save_forked_pid(run, "c1")
    save.save_libprocess_pid(run, "executor(1)@a1")
    save.save_task(run, TaskInfo(task_id="t", slave_id="S0"))
    save.log_update(f"{TASK}task.updates", UPDATE)
    save.log_update(f"{TASK}task.updates", "u1")
    return save


def read(save: Checkpoint, *, strict: bool = True, rebooted: bool = False) -> SavedAgent | None:
    """The state that another life finds."""
    return StateReader(Checkpoint(save.disk, "w"), strict=strict, rebooted=rebooted).read()


def outline(state: SavedAgent | None) -> object:
    """What there is, in short: agent, framework, executor, task, number of updates."""
    if state is None:
        return None
    found: list[object] = [state.info.id if state.info else None]
    for framework in state.frameworks:
        found.append(framework.info.id)
        for executor in framework.executors:
            found.append(executor.container_id)
            found.extend((task.info.task_id, len(task.updates)) for task in executor.tasks)
    return found


def test_everything_is_read() -> None:
    """What was written is read again."""
    state = read(written())
    assert outline(state) == ["S0", "F0", "c1", ("t", 1)]
    assert state is not None
    (framework,) = state.frameworks
    (executor,) = framework.executors
    assert (framework.pid, executor.pid, executor.forked, executor.completed) == (
        "scheduler@f1",
        "executor(1)@a1",
        True,
        False,
    )
    assert executor.tasks[0].acknowledged == {"u1": None}
    assert executor.tasks[0].log == f"{TASK}task.updates"
    assert (state.drain_config, state.errors) == (None, 0)


def test_nothing_was_written() -> None:
    """An empty disk is that of a new agent, and so is one without the link to the latest agent."""
    assert read(Checkpoint(Disk("a1"), "w")) is None
    save = written()
    save.forget()
    assert read(save) is None


FILES = [
    ("w/meta/slaves/latest", None),
    ("w/meta/slaves/S0/slave.info", [None]),
    ("w/meta/slaves/S0/frameworks/F0/framework.info", ["S0"]),
    ("w/meta/slaves/S0/frameworks/F0/framework.pid", ["S0"]),
    ("w/meta/slaves/S0/frameworks/F0/executors/e/executor.info", ["S0", "F0"]),
    ("w/meta/slaves/S0/frameworks/F0/executors/e/runs/latest", ["S0", "F0"]),
    (f"{RUN}pids/libprocess.pid", ["S0", "F0", "c1", ("t", 1)]),
    (f"{TASK}task.info", ["S0", "F0", "c1"]),
    (f"{TASK}task.updates", ["S0", "F0", "c1", ("t", 0)]),
]


@pytest.mark.parametrize(("path", "left"), FILES)
def test_a_missing_file(path: str, left: object) -> None:
    """Without a file, what it belongs to is skipped and the rest is read, strict or not."""
    save = written()
    assert save.disk.remove(path)
    state = read(save)
    assert outline(state) == left
    assert state is None or state.errors == 0


@pytest.mark.parametrize(("path", "left"), FILES)
def test_an_unreadable_file(path: str, left: object) -> None:
    """A file that cannot be read is fatal to a strict agent, which names it; another one counts it and goes on without."""
    save = written()
    save.disk.corrupt(path)
    with pytest.raises(UnreadableError, match=f"{path} of a1 is unreadable"):
        read(save)
    state = read(save, strict=False)
    assert outline(state) == left
    assert state is None or state.errors == 1


def test_pids_of_an_earlier_boot() -> None:
    """After a reboot nothing is known of processes, and the stale pid is deleted."""
    save = written()
    state = read(save, rebooted=True)
    assert state is not None
    (executor,) = state.frameworks[0].executors
    assert (executor.pid, executor.forked) == (None, False)
    assert f"{RUN}pids/forked.pid" not in save.disk


def test_only_the_newest_run_counts() -> None:
    """An executor is read in the run that came last; a run that was closed is completed."""
    save = written()
    save.close_run(save.run("F0", "e", "c1"))
    state = read(save)
    assert state is not None
    assert state.frameworks[0].executors[0].completed
    save.save_executor(ExecutorInfo(executor_id="e"), "F0", "c2", command=True)
    state = read(save)
    assert outline(state) == ["S0", "F0", "c2"]
    assert state is not None
    assert not state.frameworks[0].executors[0].completed
    assert state.frameworks[0].executors[0].checkpoint.command


def test_the_order_to_drain() -> None:
    """An agent that drains finds that it does."""
    save = written()
    save.save_drain_config(DrainConfig(mark_gone=True))
    state = read(save)
    assert state is not None
    assert state.drain_config == DrainConfig(mark_gone=True)
    save.save_drain_config(None)
    state = read(save)
    assert state is not None
    assert state.drain_config is None
