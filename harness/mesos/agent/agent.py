"""The agent, a role: what it hears, and which concern answers.

Everything else is in the files beside this one; see the package's docstring for their order.
Source: Mesos ``src/slave/slave.cpp``.
"""

from __future__ import annotations

from harness.mesos.agent.recovery import Recovery
from harness.mesos.messages import (
    CheckpointResourcesMessage,
    DrainSlaveMessage,
    ExecutorToFrameworkMessage,
    FrameworkToExecutorMessage,
    KillTaskMessage,
    PingSlaveMessage,
    RegisterExecutorMessage,
    ReregisterExecutorMessage,
    RunTaskGroupMessage,
    RunTaskMessage,
    ShutdownExecutorMessage,
    ShutdownFrameworkMessage,
    ShutdownMessage,
    SlaveRegisteredMessage,
    SlaveReregisteredMessage,
    StatusUpdateAcknowledgementMessage,
    StatusUpdateMessage,
    UnregisterSlaveMessage,
    UpdateFrameworkMessage,
)
from harness.mesos.states import AgentState
from harness.simulation import Address, handles


class Agent(Recovery):
    """One life of an agent.

    Args:
        name: of the process; Mesos numbers them, ``slave(1)``. A restart may keep it.
        info: hostname, resources, attributes; an id is found on disk or given by the master.
        flags: see :class:`~harness.mesos.flags.AgentFlags`.
        detector: says who leads.
        credential: to authenticate with; None registers without.
        containerizer: where executors run.
        behaviour: what the release does.
        boot_id: changes when the host reboots.
    """

    # --- life

    def initialize(self) -> None:
        """Begin with what an earlier life left behind."""
        self.note("Agent started on {} with resources {}", self.address, self.info.resources)
        self.begin()

    def exited(self, address: Address) -> None:
        """A master or executor is gone: only noted. The detector tells of masters, the containerizer of executors."""
        if address == self.master:
            self.note("Master {} disconnected! Waiting for a new master to be elected", address)

    def finalize(self) -> None:
        """End as by ``terminate()``: frameworks that do not checkpoint are shut down, the others are left alone."""
        self._ending = True
        if self._crashed:
            return
        self.note("Agent terminating")
        for framework_id, framework in list(self._frameworks.items()):
            if not framework.info.checkpoint and self.state in (AgentState.RUNNING, AgentState.TERMINATING):
                self.shut_down_framework(framework_id)
        if self.state is AgentState.TERMINATING and not self.behaviour.keeps_id_after_shutdown:
            self.checkpoint.forget()

    def power_off(self) -> None:
        """End with the host: nobody gets a word from this agent any more."""
        self._crash("Host goes down")

    def shutdown(self) -> None:
        """End gracefully, as an operator asks for it: say farewell, end all executors, then end."""
        if self.state is AgentState.TERMINATING:
            return
        self.note("Agent asked to shut down")
        if self.info.id is not None:
            self._send_to_master(UnregisterSlaveMessage(slave_id=self.info.id))
        self._shut_down()

    @handles(ShutdownMessage)
    def shutdown_message(self, sender: Address, message: ShutdownMessage) -> None:
        """The master wants this agent to end."""
        if sender != self.master:
            self.note("Ignoring shutdown message from {}: it is not the expected master {}", sender, self.master)
            return
        self.note("Agent asked to shut down by {} because '{}'", sender, message.message)
        self._shut_down()

    def _shut_down(self) -> None:
        self._move(AgentState.TERMINATING)
        if not self._frameworks:
            self.terminate()
            return
        for framework_id in list(self._frameworks):
            self.shut_down_framework(framework_id)

    # --- registration

    @handles(SlaveRegisteredMessage)
    def slave_registered(self, sender: Address, message: SlaveRegisteredMessage) -> None:
        """The master admitted this agent."""
        self.registered(sender, message.slave_id, message.connection)

    @handles(SlaveReregisteredMessage)
    def slave_reregistered(self, sender: Address, message: SlaveReregisteredMessage) -> None:
        """The master knows this agent again."""
        self.reregistered(sender, message.slave_id, message.connection, message.reconciliations)

    @handles(PingSlaveMessage)
    def ping(self, sender: Address, message: PingSlaveMessage) -> None:
        """The master's observer asks."""
        self.pinged(sender, message.connected)

    @handles(CheckpointResourcesMessage)
    def checkpoint_resources(self, sender: Address, message: CheckpointResourcesMessage) -> None:
        """The master's view of what frameworks reserved and made volumes of: it has to survive this agent."""
        if sender != self.master:
            self.note("Ignoring checkpointed resources from {}: it is not the expected master {}", sender, self.master)
        elif message.resources != self.checkpointed_resources:
            self.note("Updating checkpointed resources from {} to {}", self.checkpointed_resources, message.resources)
            self.checkpointed_resources = message.resources
            self._saved(self.checkpoint.save_resources, message.resources)

    @handles(DrainSlaveMessage)
    def drain_slave(self, sender: Address, message: DrainSlaveMessage) -> None:
        """The operator wants this agent to be empty."""
        if sender != self.master:
            self.note("Ignoring the order to drain from {}: it is not the expected master {}", sender, self.master)
            return
        self.drain(message.config)

    # --- frameworks

    @handles(UpdateFrameworkMessage)
    def update_framework(self, sender: Address, message: UpdateFrameworkMessage) -> None:
        """A scheduler (re)subscribed: remember where it is, and send it every update again that it did not acknowledge."""
        framework = self._frameworks.get(message.framework_id)
        if sender != self.master or self.state is not AgentState.RUNNING or framework is None or framework.terminating:
            return
        self.note("Updating info for framework {} with pid {}", message.framework_id, message.pid)
        framework.pid = message.pid
        if message.framework_info is not None:
            framework.info = message.framework_info
        if framework.info.checkpoint and not self._saved(self.checkpoint.save_framework, framework.info, framework.pid):
            return
        self._tell(self.update_manager, "resume")

    @handles(ShutdownFrameworkMessage)
    def shutdown_framework(self, sender: Address, message: ShutdownFrameworkMessage) -> None:
        """The master wants everything of a framework to end."""
        if sender != self.master or self.state in (AgentState.RECOVERING, AgentState.DISCONNECTED):
            self.note("Ignoring shutdown of framework {}: the agent is {}", message.framework_id, self.state)
            return
        self.shut_down_framework(message.framework_id)

    # --- tasks and executors

    @handles(RunTaskMessage)
    def run_task_message(self, sender: Address, message: RunTaskMessage) -> None:
        """The master assigns a task."""
        if sender != self.master:
            self.note("Ignoring run task message from {}: it is not the expected master {}", sender, self.master)
            return
        self.run_task(message)

    @handles(RunTaskGroupMessage)
    def run_task_group_message(self, sender: Address, message: RunTaskGroupMessage) -> None:
        """The master assigns tasks that belong together."""
        if sender != self.master:
            self.note("Ignoring run task group message from {}: it is not the expected master {}", sender, self.master)
            return
        self.run_task_group(message)

    @handles(KillTaskMessage)
    def kill_task_message(self, sender: Address, message: KillTaskMessage) -> None:
        """The master wants a task to be killed."""
        if sender != self.master:
            self.note("Ignoring kill task message from {}: it is not the expected master {}", sender, self.master)
            return
        self.kill_task(message)

    @handles(RegisterExecutorMessage)
    def register_executor_message(self, sender: Address, message: RegisterExecutorMessage) -> None:
        """An executor reports."""
        self.register_executor(sender, message.framework_id, message.executor_id)

    @handles(ReregisterExecutorMessage)
    def reregister_executor_message(self, sender: Address, message: ReregisterExecutorMessage) -> None:
        """An executor that outlived an earlier life of this agent reports."""
        self.reregister_executor(sender, message)

    @handles(ShutdownExecutorMessage)
    def shutdown_executor(self, sender: Address, message: ShutdownExecutorMessage) -> None:
        """The master wants an executor to end."""
        executor = self._executor(message.framework_id or "", message.executor_id or "")
        if sender == self.master and executor is not None:
            self.shut_down_executor(executor)

    @handles(StatusUpdateMessage)
    def status_update_message(self, sender: Address, message: StatusUpdateMessage) -> None:
        """An executor tells how a task is doing."""
        self.status_update(message.update, Address(message.pid) if message.pid else sender)

    @handles(StatusUpdateAcknowledgementMessage)
    def acknowledgement(self, sender: Address, message: StatusUpdateAcknowledgementMessage) -> None:
        """A framework has a status update."""
        self.status_update_acknowledgement(sender, message.slave_id, message.framework_id, message.task_id, message.uuid)

    @handles(FrameworkToExecutorMessage)
    def framework_to_executor(self, sender: Address, message: FrameworkToExecutorMessage) -> None:
        """A scheduler speaks to its executor."""
        self.scheduler_message(message)

    @handles(ExecutorToFrameworkMessage)
    def executor_to_framework(self, sender: Address, message: ExecutorToFrameworkMessage) -> None:
        """An executor speaks to its scheduler: straight to it if its place is known, else through the master."""
        framework = self._frameworks.get(message.framework_id)
        if self.state is not AgentState.RUNNING or framework is None or framework.terminating:
            self.note("Dropping message of executor '{}' of framework {}", message.executor_id, message.framework_id)
        elif framework.pid:
            self.send(framework.pid, message)
        else:
            self._send_to_master(message)
