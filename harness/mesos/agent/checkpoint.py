"""What an agent writes to its disk, and where.

The paths follow Mesos's layout below ``<work_dir>/meta`` (``src/slave/paths.hpp``), with one agent for each work_dir.
"""

from __future__ import annotations

from harness.errors import MisuseError
from harness.mesos.messages import SlaveInfo
from harness.simulation import Disk


class Checkpoint:
    """The meta directory of one agent.

    Args:
        disk: the disk of the agent's host.
        work_dir: the agent's flag of that name; another work_dir is another agent.
    """

    __slots__ = ("_disk", "_latest")

    def __init__(self, disk: Disk, work_dir: str) -> None:
        self._disk = disk
        self._latest = f"{work_dir}/meta/slaves/latest/"

    def save_info(self, info: SlaveInfo) -> None:
        """Remember the agent's description, which by now has an id."""
        self._disk.write(f"{self._latest}slave.info", info)

    def load_info(self) -> SlaveInfo | None:
        """The description that an earlier life registered with; None if there was none.

        Raises:
            MisuseError: the file is there but unreadable.
        """
        found = self._disk.read(f"{self._latest}slave.info")
        if found is not None and not isinstance(found, SlaveInfo):
            raise MisuseError(f"slave.info of {self._disk.host} is corrupt: {found}")
        return found

    def forget(self) -> None:
        """Start as a new agent next time (Mesos: remove the ``latest`` link)."""
        self._disk.remove(self._latest)


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
