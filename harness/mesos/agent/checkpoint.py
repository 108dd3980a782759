"""What an agent writes to its disk, and where.

The paths follow Mesos's layout below ``<work_dir>/meta`` (``src/slave/paths.hpp``); a folder's name ends with a slash.
What a host reboot makes worthless anyway (pids, descriptions of executors and tasks) is not synced; the agent's identity,
the status updates and the drain order are.
"""

from __future__ import annotations

from harness.mesos.messages import DrainConfig, ExecutorInfo, FrameworkInfo, SlaveInfo, StatusUpdate, TaskInfo
from harness.mesos.messages.base import Record
from harness.mesos.resources import Resources
from harness.simulation import Disk


class ExecutorCheckpoint(Record, frozen=True, kw_only=True):
    """The content of ``executor.info``; ``command`` marks an executor that the agent made up for a command task."""

    info: ExecutorInfo
    command: bool = False


class Checkpoint:
    """The meta directory of one agent. Every write may raise :class:`~harness.simulation.disk.DiskFailure`.

    Args:
        disk: the disk of the agent's host.
        work_dir: the agent's flag of that name; another work_dir is another agent.
    """

    __slots__ = ("disk", "meta", "slave")

    def __init__(self, disk: Disk, work_dir: str) -> None:
        self.disk = disk
        self.meta = f"{work_dir}/meta/"
        # The folder of the agent by its id; set as soon as there is one.
        self.slave = ""

    # --- the agent itself

    def identify(self, slave_id: str) -> None:
        """From now on everything is kept below the folder of this id."""
        self.slave = f"{self.meta}slaves/{slave_id}/"

    def save_info(self, info: SlaveInfo) -> None:
        """Remember the agent's description, which by now has an id."""
        self.identify(str(info.id))
        self.disk.write(f"{self.slave}slave.info", info)
        self.disk.write(f"{self.meta}slaves/latest", info.id)

    def forget(self) -> None:
        """Start as a new agent next time: what there is stays, but no ``latest`` leads to it."""
        self.disk.remove(f"{self.meta}slaves/latest")

    @property
    def boot_id(self) -> str | None:
        """The boot of the host in which an earlier life of the agent recovered."""
        found = self.disk.read(f"{self.meta}boot_id")
        return found if isinstance(found, str) else None

    def save_boot_id(self, boot_id: str) -> None:
        """Remember in which boot of the host this agent runs."""
        self.disk.write(f"{self.meta}boot_id", boot_id)

    def save_drain_config(self, config: DrainConfig | None) -> None:
        """Remember that the agent drains, or that it does not any more."""
        if config is None:
            self.disk.remove(f"{self.slave}drain.config")
        else:
            self.disk.write(f"{self.slave}drain.config", config)

    def save_resources(self, resources: Resources) -> None:
        """Remember what was reserved and made volumes of; this belongs to the work_dir, whatever id the agent has."""
        self.disk.write(f"{self.meta}resources/resources_and_operations.state", resources)

    # --- what it runs

    def framework(self, framework_id: str) -> str:
        """The folder of a framework."""
        return f"{self.slave}frameworks/{framework_id}/"

    def executor(self, framework_id: str, executor_id: str) -> str:
        """The folder of an executor."""
        return f"{self.framework(framework_id)}executors/{executor_id}/"

    def run(self, framework_id: str, executor_id: str, container_id: str) -> str:
        """The folder of one run of an executor."""
        return f"{self.executor(framework_id, executor_id)}runs/{container_id}/"

    def save_framework(self, info: FrameworkInfo, pid: str) -> None:
        """Remember a framework and where its scheduler is."""
        folder = self.framework(str(info.id))
        self.disk.write(f"{folder}framework.info", info, sync=False)
        self.disk.write(f"{folder}framework.pid", pid, sync=False)

    def save_executor(self, info: ExecutorInfo, framework_id: str, container_id: str, *, command: bool) -> None:
        """Remember an executor and its newest run."""
        folder = self.executor(framework_id, info.executor_id)
        self.disk.write(f"{folder}executor.info", ExecutorCheckpoint(info=info, command=command), sync=False)
        self.disk.write(f"{folder}runs/latest", container_id, sync=False)

    def save_forked_pid(self, run: str, pid: str) -> None:
        """Remember the process of a run."""
        self.disk.write(f"{run}pids/forked.pid", pid, sync=False)

    def save_libprocess_pid(self, run: str, pid: str) -> None:
        """Remember where the executor of a run registered from."""
        self.disk.write(f"{run}pids/libprocess.pid", pid, sync=False)

    def forget_pids(self, run: str) -> None:
        """After a reboot the processes of a run are others' by now."""
        self.disk.remove(f"{run}pids/forked.pid")

    def save_task(self, run: str, task: TaskInfo) -> None:
        """Remember a task."""
        self.disk.write(f"{run}tasks/{task.task_id}/task.info", task, sync=False)

    def close_run(self, run: str) -> None:
        """Nothing of this run needs to be recovered any more."""
        self.disk.write(f"{run}executor.sentinel", "", sync=False)

    # --- status updates

    def log_update(self, path: str, record: StatusUpdate | str) -> None:
        """Append to a log of updates: an update, or the uuid of one that was acknowledged."""
        before = self.disk.read(path)
        self.disk.write(path, (*before, record) if isinstance(before, tuple) else (record,))


def underlying(checkpointed: Resources) -> Resources:
    """What reservations and volumes were made of: what the agent's flags must offer at least."""
    total = Resources()
    for identity, value in checkpointed.entries.items():
        static = tuple(pair for pair in identity.reservations if pair[0] != "DYNAMIC")
        plain = identity._replace(reservations=static, disk=None, shared=0, allocation_role=None)
        # The value of something shared counts its copies, which are all one.
        total = total + Resources.from_entries({plain: identity.shared or value})
    return total


def incompatibility(old: SlaveInfo, new: SlaveInfo, policy: str) -> str | None:
    """Why an agent described by ``old`` must not come back as ``new``; None if it may.

    Args:
        policy: the flag ``reconfiguration_policy``: ``equal``, or ``additive`` (nothing may shrink or change, only be added).
    """
    new = new.replace(id=old.id)
    if old == new:
        return None
    if policy == "equal":
        return f"the agent was described as {old}, now as {new}, and reconfiguration_policy is 'equal'"
    if old.hostname != new.hostname or old.port != new.port:
        return f"hostname or port changed from {old.hostname}:{old.port} to {new.hostname}:{new.port}"
    if old.domain is not None and old.domain != new.domain:
        return f"domain changed from {old.domain} to {new.domain}"
    if not old.resources <= new.resources:
        return f"resources shrank from {old.resources} to {new.resources}"
    missing = [attribute for attribute in old.attributes if attribute not in new.attributes]
    if missing:
        return f"attributes are missing or changed: {', '.join(map(str, missing))}"
    return None
