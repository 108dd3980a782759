"""Who leads, for whom: one standalone detector for each participant, told together or one by one."""

from __future__ import annotations

from typing import Any

from harness.errors import MisuseError
from harness.handles import AgentHandle, FrameworkHandle, MasterHandle
from harness.mesos.detector import StandaloneDetector, fresh_info
from harness.mesos.messages import MasterInfo


class Appointments:
    """``cluster.detector``: appoints leaders, as an election would."""

    def __init__(self) -> None:
        self._detectors: dict[Any, StandaloneDetector] = {}
        self._leader: MasterHandle | None = None
        self._leading: MasterInfo | None = None
        self._times: dict[str, int] = {}

    @property
    def leader(self) -> MasterHandle | None:
        """The master that was appointed for everyone last, or None."""
        return self._leader

    def appoint(self, master: MasterHandle | None, *who: Any) -> None:
        """Appoint a master (None: nobody leads), for everyone or only for the agents, frameworks and masters given.

        Appointing the same master again is a change: everybody who is told detects and registers anew.

        Raises:
            MisuseError: ``master`` is no running master, or one of ``who`` is no handle of this cluster.
        """
        if master is not None and not isinstance(master, MasterHandle):
            raise MisuseError(f"appoint({master!r}): wanted a master's handle, or None for nobody")
        if master is not None and not master.running:
            raise MisuseError(f"appoint({master}): that master is not running; restart() it or start another")
        for one in who:
            if one not in self._detectors:
                raise MisuseError(f"appoint(..., {one!r}): wanted handles of this cluster's agents, frameworks or masters")
        leading = None if master is None else self._fresh(master.info)
        if not who:
            self._leader, self._leading = master, leading
        for one in who or list(self._detectors):
            self._detectors[one].appoint(leading)

    def _fresh(self, info: MasterInfo) -> MasterInfo:
        n = self._times.get(info.id, 0)
        self._times[info.id] = n + 1
        return fresh_info(info, n)

    def forget_leader(self) -> None:
        """The leader is gone, but nobody has noticed yet."""
        self._leader = None

    def new_detector(self) -> StandaloneDetector:
        """A detector that knows the present leader."""
        return StandaloneDetector(self._leading)

    def adopt(self, participant: AgentHandle | FrameworkHandle | MasterHandle, detector: StandaloneDetector) -> None:
        """Tell this detector with everybody else."""
        self._detectors[participant] = detector

    def detector_of(self, participant: AgentHandle | FrameworkHandle | MasterHandle) -> StandaloneDetector:
        """The detector of a participant, made at first asking."""
        if participant not in self._detectors:
            # A new master does not take the word of the others for who leads before it has entered the election.
            known = None if isinstance(participant, MasterHandle) else self._leading
            self._detectors[participant] = StandaloneDetector(known)
        return self._detectors[participant]
