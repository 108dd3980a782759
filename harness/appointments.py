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

    def elect(self, master: MasterHandle) -> None:
        """Let a master that has just started win the election; nobody else hears of it before :meth:`announce`."""
        self._leader, self._leading = master, self._fresh(master.info)
        self.detector_of(master).appoint(self._leading)

    def announce(self) -> None:
        """Tell everybody but the leader itself who was elected."""
        for participant, detector in self._detectors.items():
            if participant is not self._leader:
                detector.appoint(self._leading)

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
            self._detectors[participant] = self.new_detector()
        return self._detectors[participant]

    def new_detector_of_master(self, master: MasterHandle) -> StandaloneDetector:
        """The detector of a new life of a master, which has to enter the election before it believes anybody."""
        detector = self._detectors[master] = StandaloneDetector()
        return detector
