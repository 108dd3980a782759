"""Agents that register, and agents that come back.

A registration is known by its address (``registering``) until it is decided, a return by its agent id (``reregistering``);
whatever repeats it meanwhile is ignored. The steps are dispatches of the master to itself, so anything may happen between them.
Their names are Mesos's: ``_register_slave``, ``__register_slave``, ``_reregister_slave``, ``__reregister_slave`` (a new record),
``___reregister_slave`` (a known agent). Source: Mesos ``src/master/master.cpp``, the functions of these names.
"""

from __future__ import annotations

from harness.mesos.authorizer import Action, AuthorizationRequest
from harness.mesos.master.agents import REASON_REGISTERED
from harness.mesos.master.books import granted, why_not
from harness.mesos.master.reconnection import Reconnection
from harness.mesos.master.records import AgentRecord
from harness.mesos.master.validation import MINIMUM_AGENT_VERSION, validate_agent, version_of
from harness.mesos.messages import (
    AdmitSlave,
    MarkSlaveReachable,
    RegisterSlaveMessage,
    ReregisterSlaveMessage,
    ShutdownMessage,
    SlaveInfo,
    SlaveRegisteredMessage,
    UpdateSlave,
)
from harness.simulation import Address, Future


class Admission(Reconnection):
    """Decides who becomes, or is again, a registered agent."""

    # --- registration

    def register_slave(self, sender: Address, message: RegisterSlaveMessage) -> None:
        """An agent without an id wants to be admitted."""
        if self.waits_for_authentication("register_slave", sender, message):
            return
        if not self._may_speak(sender, "register"):
            return
        error = validate_agent(message.slave)
        if error is not None:
            self.note("Dropping registration of agent at {}: {}", sender, error)
            return
        if sender in self.slaves.registering:
            self.note("Ignoring register agent message from {}: admission already in progress", sender)
            return
        self.note("Received register agent message from {} ({})", sender, message.slave.hostname)
        self.slaves.registering[sender] = None
        self.decide(self._ask(sender, message.slave), "_register_slave", sender, message)

    def _register_slave(self, sender: Address, message: RegisterSlaveMessage, answer: Future[bool]) -> None:
        info = message.slave
        slaves = self.slaves
        obstacle = self._obstacle(sender, message, answer, "registration")
        if obstacle:
            del slaves.registering[sender]
            return
        known = slaves.by_pid.get(sender)
        if known is not None and known.connected:
            self.note("Agent {} already registered, resending acknowledgement", known.label)
            self.send(sender, SlaveRegisteredMessage(slave_id=known.id, connection=self.connection))
            del slaves.registering[sender]
            return
        if known is not None:
            self.note("Removing disconnected agent {}: a registration attempt came from the same address", known.label)
            self.remove_slave(known, "a new agent registered at the same address", REASON_REGISTERED)
        slave_id = self.new_slave_id()
        self.note("Registering agent at {} ({}) with id {}", sender, info.hostname, slave_id)
        info = info.replace(id=slave_id)
        self.registrar.apply(AdmitSlave(info=info)).on_any(self.defer("__register_slave", sender, message, info))

    def _admitted(self, sender: Address, message: RegisterSlaveMessage, info: SlaveInfo, outcome: Future[bool]) -> None:
        self.slaves.registering.pop(sender, None)
        slave_id = info.id or ""
        answer = self.written(outcome, f"admit agent {slave_id}")
        if answer is None:
            return
        if not answer:
            self.note("Agent {} at {} was not admitted: the registry knows that id already", slave_id, sender)
            if self.behaviour.shuts_down_duplicate_ids:
                self.send(sender, ShutdownMessage(message="Agent attempted to register but got duplicate agent id"))
            return
        self.note("Admitted agent {} at {} ({})", slave_id, sender, info.hostname)
        agent = self.new_record(sender, info, message)
        self.counters.count("slave_registrations")
        self.add_slave(agent)
        self.send(sender, SlaveRegisteredMessage(slave_id=slave_id, connection=self.connection))
        self.note("Registered agent {} with {}", agent.label, agent.total)

    # --- return

    def reregister_slave(self, sender: Address, message: ReregisterSlaveMessage) -> None:
        """An agent with an id reports for duty."""
        if self.waits_for_authentication("reregister_slave", sender, message):
            return
        if not self._may_speak(sender, "reregister"):
            return
        info = message.slave
        slave_id = info.id or ""
        slaves = self.slaves
        for ids, doing in (
            (slaves.reregistering, "readmission already in progress"),
            (slaves.marking_gone, "it is being marked gone"),
        ):
            if slave_id in ids:
                self.note("Ignoring reregister agent message from {} ({}): {}", slave_id, sender, doing)
                return
        if self._refused_gone(sender, slave_id):
            return
        error = validate_agent(info) if slave_id else "an agent that reregisters must have an id"
        if error is not None:
            self.note("Dropping reregistration of agent at {}: {}", sender, error)
            return
        self.note("Received reregister agent message from agent {} at {} ({})", slave_id, sender, info.hostname)
        slaves.reregistering[slave_id] = None
        self.decide(self._ask(sender, info), "_reregister_slave", sender, message)

    def _reregister_slave(self, sender: Address, message: ReregisterSlaveMessage, answer: Future[bool]) -> None:
        info = message.slave
        slave_id = info.id or ""
        slaves = self.slaves
        obstacle = self._obstacle(sender, message, answer, "reregistration")
        if obstacle or slave_id in slaves.marking_gone or self._refused_gone(sender, slave_id):
            slaves.reregistering.pop(slave_id, None)
            return
        known = slaves.registered.get(slave_id)
        if known is not None:
            if known.pid.host != sender.host or known.info.hostname != info.hostname:
                self.note("Agent {} at {} attempted to reregister from another host, {}", slave_id, known.pid, sender)
                self.send(sender, ShutdownMessage(message=self.behaviour.different_host_text))
                slaves.reregistering.pop(slave_id, None)
            elif known.info == info:
                self._known_again(sender, message, None)
            else:
                self._update_then(info, "___reregister_slave", sender, message)
            return
        recovered = slaves.recovered.get(slave_id)
        if recovered is not None:
            # The registry knows it already; a master that failed over need not write anything.
            if recovered == info:
                self._readmitted(sender, message, None)
            else:
                self._update_then(info, "__reregister_slave", sender, message)
            return
        if self.behaviour.removed_agents_return == "refused" and slave_id in slaves.removed:
            self.note("Refusing reregistration of agent {} at {}: it was removed", slave_id, sender)
            self.send(sender, ShutdownMessage(message="Agent attempted to re-register after removal"))
            slaves.reregistering.pop(slave_id, None)
            return
        kind = "unreachable" if slave_id in slaves.unreachable else "unknown"
        self.note("Consulting registry about {} agent {} at {}", kind, slave_id, sender)
        operation = MarkSlaveReachable(info=info)
        self.registrar.apply(operation).on_any(self.defer("__reregister_slave", sender, message))

    def _update_then(self, info: SlaveInfo, method: str, sender: Address, message: ReregisterSlaveMessage) -> None:
        self.note("Agent {} returns with a changed description", info.id)
        self.registrar.apply(UpdateSlave(info=info)).on_any(self.defer(method, sender, message))

    def _readmitted(self, sender: Address, message: ReregisterSlaveMessage, outcome: Future[bool] | None) -> None:
        slave_id = message.slave.id or ""
        if self._interrupted(sender, slave_id, outcome):
            return
        self.reconnect_unknown(sender, message)
        self.slaves.reregistering.pop(slave_id, None)

    def _known_again(self, sender: Address, message: ReregisterSlaveMessage, outcome: Future[bool] | None) -> None:
        slave_id = message.slave.id or ""
        if self._interrupted(sender, slave_id, outcome):
            return
        self.slaves.reregistering.pop(slave_id, None)
        agent = self.slaves.registered.get(slave_id)
        if agent is None:
            self.note("Dropping reregistration of agent {}: it was removed meanwhile", slave_id)
            return
        self.reconnect_known(agent, sender, message)

    def _interrupted(self, sender: Address, slave_id: str, outcome: Future[bool] | None) -> bool:
        """Whether the return must end here: the registry failed or refused, or an operator declared the agent gone."""
        if outcome is not None:
            answer = self.written(outcome, f"readmit agent {slave_id}")
            if answer is None:
                return True
            if not answer:
                self.give_up(f"Failed to readmit agent {slave_id}: the registry refused it")
                return True
        if slave_id in self.slaves.marking_gone or self._refused_gone(sender, slave_id):
            self.slaves.reregistering.pop(slave_id, None)
            return True
        return False

    # --- what both share

    def new_record(self, sender: Address, info: SlaveInfo, message: RegisterSlaveMessage | ReregisterSlaveMessage) -> AgentRecord:
        """A record of an agent as it just described itself."""
        agent = AgentRecord(info.id or "", info, sender, self.now)
        agent.version = message.version
        agent.capabilities = message.agent_capabilities
        agent.resource_version_uuid = message.resource_version_uuid
        return agent

    def _may_speak(self, sender: Address, what: str) -> bool:
        if not self.flags.authenticate_agents or sender in self.authenticated:
            return True
        self.note("Refusing {} of agent at {}: it is not authenticated", what, sender)
        if self.behaviour.shuts_down_unauthenticated_agents:
            self.send(sender, ShutdownMessage(message="Agent is not authenticated"))
        return False

    def _ask(self, sender: Address, info: SlaveInfo) -> Future[bool] | bool:
        if not self.behaviour.asks_authorizer_about_agents:
            return True
        subject = self.authenticated.get(sender)
        return self.authorizer.authorized(AuthorizationRequest(action=Action.REGISTER_AGENT, subject=subject, slave=info))

    def _obstacle(
        self, sender: Address, message: RegisterSlaveMessage | ReregisterSlaveMessage, answer: Future[bool], what: str
    ) -> str | None:
        """Why an agent is not taken, or None; whatever it has to be told is sent."""
        info = message.slave
        obstacle = None
        if not granted(answer):
            obstacle = why_not(answer, "it is not authorized")
            if self.behaviour.shuts_down_refused_agents:
                self.send(sender, ShutdownMessage(message="Agent is not authorized"))
        elif self.machine_is_down(sender, info):
            obstacle = "its machine is down"
            self.send(sender, ShutdownMessage(message="Machine is `DOWN`"))
        else:
            version = version_of(message.version) if message.version else MINIMUM_AGENT_VERSION
            if version is None:
                obstacle = f"its version {message.version!r} cannot be read"
            elif version < MINIMUM_AGENT_VERSION:
                obstacle = f"its version {message.version} is too old"
            elif info.domain is not None and self.flags.domain is None:
                obstacle = "it has a domain, the master has none"
            elif info.domain is None and self.flags.require_agent_domain:
                obstacle = "it has no domain"
        if obstacle is not None:
            self.note("Ignoring {} of agent at {} ({}): {}", what, sender, info.hostname, obstacle)
        return obstacle

    def machine_is_down(self, sender: Address, info: SlaveInfo) -> bool:
        """Whether an operator took the machine down."""
        machine = self.machines.get(info.hostname.lower()) if self.machines else None
        return machine is not None and machine.mode == "DOWN"

    def _refused_gone(self, sender: Address, slave_id: str) -> bool:
        if slave_id not in self.slaves.gone:
            return False
        self.note("Refusing reregistration of agent {} at {}: it is marked gone", slave_id, sender)
        self.send(sender, ShutdownMessage(message="Agent has been marked gone"))
        return True


# Two leading underscores would be rewritten inside the class body; these are the names that dispatches carry.
setattr(Admission, "__register_slave", Admission._admitted)
setattr(Admission, "__reregister_slave", Admission._readmitted)
setattr(Admission, "___reregister_slave", Admission._known_again)
