"""Frameworks: added, recovered from agents, deactivated, disconnected, removed.

Source: Mesos ``src/master/master.cpp``: ``addFramework``, ``recoverFramework``, ``deactivate``, ``disconnect``, ``_exited``,
``frameworkFailoverTimeout``, ``removeFramework``.
"""

from __future__ import annotations

from harness.durations import Duration, to_ns
from harness.mesos.allocator.options import FrameworkOptions
from harness.mesos.master.launching import Launching
from harness.mesos.master.records import FrameworkRecord, remember
from harness.mesos.messages import (
    Call,
    DeactivateFrameworkMessage,
    FrameworkErrorMessage,
    FrameworkInfo,
    ShutdownFrameworkMessage,
    UnregisterFrameworkMessage,
    UpdateFrameworkMessage,
)
from harness.mesos.states import FRAMEWORK, FrameworkState, StatusReason, TaskState, is_terminal, move
from harness.simulation import Address


class Frameworks(Launching):
    """The life of a framework after its subscription was accepted."""

    def add_framework(self, framework: FrameworkRecord) -> None:
        """Put a framework on the books and tell the allocator what it holds already."""
        self.note("Adding framework {} with roles [{}]", framework.label, ", ".join(framework.info.subscribed_roles))
        self.frameworks[framework.id] = framework
        if framework.connected and framework.pid is not None:
            self.link(framework.pid)
            self.enter_speaker(framework.pid, framework.info.principal)
        self.allocator.add_framework(framework.id, framework.info, framework.used(), framework.active, self.options_of(framework))
        self.publish_framework_added(framework)

    def options_of(self, framework: FrameworkRecord) -> FrameworkOptions:
        """What the allocator needs to know beside the framework's info."""
        return FrameworkOptions(suppressed_roles=framework.suppressed_roles, offer_constraints=framework.offer_constraints)

    def recover_framework(self, info: FrameworkInfo) -> FrameworkRecord:
        """Add a framework that this master knows from elsewhere only: an agent, or its own claim to an id."""
        assert info.id is not None
        framework = FrameworkRecord(info.id, info, None, FrameworkState.RECOVERED, self.now)
        for agent in self.slaves.registered.values():
            framework.tasks.update(agent.tasks.get(framework.id, {}))
            executors = agent.executors.get(framework.id)
            if executors:
                framework.executors[agent.id] = dict(executors)
        self.note("Recovering framework {}", framework.label)
        self.add_framework(framework)
        return framework

    def move_framework(self, framework: FrameworkRecord, to: FrameworkState) -> None:
        """Change its state, by the rules of its life cycle."""
        framework.state = move(FRAMEWORK, framework.id, [framework.state], to)

    # --- less of it

    def deactivate_framework(self, framework: FrameworkRecord, *, rescind: bool) -> None:
        """No more offers; the outstanding ones are rescinded or discarded."""
        self.note("Deactivating framework {}", framework.label)
        framework.active = False
        self.allocator.deactivate_framework(framework.id)
        for offer in list(framework.offers.values()):
            if rescind:
                self.rescind_offer(offer)
            else:
                self.discard_offer(offer)
        self.withdraw_inverse_offers(framework, rescind=rescind)

    def on_deactivate_framework(self, sender: Address, message: DeactivateFrameworkMessage) -> None:
        """A driver that aborts: the framework stays connected but gets no more offers."""
        framework = self.frameworks.get(message.framework_id)
        if framework is None or framework.pid != sender:
            self.note("Ignoring deactivate framework message of {} from {}: not its scheduler", message.framework_id, sender)
        elif framework.connected and framework.active:
            self.deactivate_framework(framework, rescind=True)

    def disconnect_framework(self, framework: FrameworkRecord) -> None:
        """Its scheduler is not there any more."""
        self.note("Disconnecting framework {}", framework.label)
        if framework.active:
            self.deactivate_framework(framework, rescind=True)
        if framework.pid is not None:
            self.authenticated.pop(framework.pid, None)
        self.move_framework(framework, FrameworkState.DISCONNECTED)

    def framework_exited(self, framework: FrameworkRecord) -> None:
        """Its link broke: it has ``failover_timeout`` to come back. Should its driver live, it is told to abort."""
        self.tell_framework(framework, FrameworkErrorMessage(message="Framework disconnected"))
        self.note("Framework {} disconnected", framework.label)
        if framework.connected:
            self.disconnect_framework(framework)
        timeout_ns = to_ns(framework.info.failover_timeout, "failover_timeout")
        self.note("Giving framework {} {} seconds to fail over", framework.label, timeout_ns / 1e9)
        if timeout_ns > 0:
            self.delay(Duration(timeout_ns), self.framework_failover_timeout, framework.id, framework.reregistered_ns, framework)
        else:
            # No time at all is the next event, whether the clock runs or not.
            self._tell(self.address, "framework_failover_timeout", framework.id, framework.reregistered_ns, framework)

    def framework_failover_timeout(self, framework_id: str, reregistered_ns: int, record: FrameworkRecord) -> None:
        """Remove a framework that did not come back since."""
        framework = self.frameworks.get(framework_id)
        if framework is record and not framework.connected and framework.reregistered_ns == reregistered_ns:
            self.note("Framework failover timeout, removing framework {}", framework.label)
            self.remove_framework(framework)

    # --- the end of it

    def teardown(self, framework: FrameworkRecord) -> None:
        """Its scheduler wants it removed."""
        self.note("Processing TEARDOWN call for framework {}", framework.label)
        self.remove_framework(framework)

    def on_unregister_framework(self, sender: Address, message: UnregisterFrameworkMessage) -> None:
        """The same wish, as an older message."""
        framework = self.frameworks.get(message.framework_id)
        if framework is None or framework.pid != sender:
            self.note("Ignoring unregister framework message of {} from {}: not its scheduler", message.framework_id, sender)
            return
        self.teardown(framework)

    def remove_framework(self, framework: FrameworkRecord) -> None:
        """End a framework: agents end its executors, its tasks count as killed, nobody is sent an update."""
        self.note("Removing framework {}", framework.label)
        if framework.active:
            self.deactivate_framework(framework, rescind=False)
        self.tell_all_agents(ShutdownFrameworkMessage(framework_id=framework.id))
        framework.pending_tasks.clear()
        reason = StatusReason.REASON_FRAMEWORK_REMOVED
        message = f"Framework {framework.id} removed"
        for task in list(framework.tasks.values()):
            if not is_terminal(task.state):
                task = self.update_task(task, self.make_update(framework, task, TaskState.TASK_KILLED, reason, message))
            self.remove_task(task)
        for task in list(framework.unreachable_tasks.values()):
            self.complete_task(framework, task.replace(state=TaskState.TASK_KILLED))
        framework.unreachable_tasks.clear()
        for slave_id, executors in list(framework.executors.items()):
            for executor_id in list(executors):
                self.remove_executor(self.slaves.registered[slave_id], framework.id, executor_id)
        for slave_id in self.slaves.draining:
            if slave_id in self.slaves.registered:
                self._tell(self.address, "check_drained", self.slaves.registered[slave_id])
        if framework.connected:
            self.disconnect_framework(framework)
        del self.frameworks[framework.id]
        self.leave_speaker(framework.pid, for_good=True)
        self.allocator.pause()
        self.allocator.remove_framework(framework.id)
        self.allocator.resume()
        remember(self.completed_frameworks, framework.id, framework, self.flags.max_completed_frameworks)
        self.publish_framework_removed(framework)

    # --- changes

    def update_framework(self, framework: FrameworkRecord, call: Call.Subscribe | Call.UpdateFramework) -> None:
        """Take over a new description; user and checkpointing never change. Offers for roles it left are rescinded."""
        info = call.framework_info
        info = info.replace(id=framework.id, user=framework.info.user, checkpoint=framework.info.checkpoint)
        framework.suppressed_roles = call.suppressed_roles
        framework.offer_constraints = call.offer_constraints
        self.allocator.update_framework(framework.id, info, self.options_of(framework))
        framework.info = info
        for offer in list(framework.offers.values()):
            if offer.role is not None and offer.role not in info.subscribed_roles:
                self.rescind_offer(offer)

    def on_update_framework(self, framework: FrameworkRecord, call: Call.UpdateFramework) -> None:
        """An UPDATE_FRAMEWORK call."""
        self.update_framework(framework, call)
        self.publish_framework_updated(framework)
        self.broadcast_framework(framework)

    def broadcast_framework(self, framework: FrameworkRecord) -> None:
        """Tell every agent where the framework's scheduler is; agents then send unacknowledged updates again."""
        self.tell_all_agents(self.framework_update(framework))

    def framework_update(self, framework: FrameworkRecord) -> UpdateFrameworkMessage:
        """The message that tells an agent of a framework."""
        return UpdateFrameworkMessage(framework_id=framework.id, framework_info=framework.info, pid=framework.pid or "")

    def suppress(self, framework: FrameworkRecord, call: Call.Suppress) -> None:
        """No offers for these roles; none named means all."""
        roles = call.roles or framework.info.subscribed_roles
        framework.suppressed_roles = tuple(dict.fromkeys((*framework.suppressed_roles, *roles)))
        self.note("Processing SUPPRESS call for framework {}", framework.label)
        self.allocator.suppress_offers(framework.id, call.roles)

    def revive(self, framework: FrameworkRecord, call: Call.Revive) -> None:
        """Offers again for these roles, filters forgotten; none named means all."""
        roles = call.roles or framework.info.subscribed_roles
        framework.suppressed_roles = tuple(role for role in framework.suppressed_roles if role not in roles)
        self.note("Processing REVIVE call for framework {}", framework.label)
        self.allocator.revive_offers(framework.id, call.roles)
