"""The master: who hears what.

This file is the table of contents. Each message, call and broken link goes to a method of one of the layers listed in
``books.py``; a message that comes before this master leads and has read its registry is dropped.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from harness.mesos.master.records import FrameworkRecord
from harness.mesos.master.views import Views
from harness.mesos.messages import (
    AuthenticateMessage,
    Call,
    DeactivateFrameworkMessage,
    ExecutorToFrameworkMessage,
    ExitedExecutorMessage,
    FrameworkErrorMessage,
    RegisterSlaveMessage,
    ReregisterSlaveMessage,
    StatusUpdateMessage,
    UnregisterFrameworkMessage,
    UnregisterSlaveMessage,
    UpdateSlaveMessage,
)
from harness.mesos.states import CallType
from harness.simulation import Address, handles

F = TypeVar("F", bound=Callable[..., None])


def serves(message_type: type, counter: str, method: F) -> F:
    """The handler of a message: counts it and passes it to ``method``, if the master is ready for messages at all."""

    @handles(message_type)
    @functools.wraps(method)
    def handler(self: Master, sender: Address, message: Any) -> None:
        speaker = self.speakers.get(sender)
        if speaker is not None:
            self.heard_from(speaker)
        if not self.serving:
            why = "not recovered yet" if self.elected else "not elected"
            self.note("Dropping {} from {}: {}", message_type.__name__, sender, why)
            self.counters.count("dropped_messages")
        elif speaker is None:
            if counter:
                self.counters.count(counter)
            method(self, sender, message)
        else:
            limit = self.limit_of(speaker) if self.throttles else None
            if limit is None:
                self.consume(sender, message)
            else:
                self.hold_back(limit, sender, message)

    SERVED[message_type] = (counter, method)
    return cast(F, handler)


#: Type of message -> (counter, method), as given to :func:`serves`.
SERVED: dict[type, tuple[str, Callable[..., None]]] = {}


class Master(Views):
    """A Mesos master; see :class:`~harness.mesos.master.books.Books` for what it is made of."""

    # --- from agents
    register_slave = serves(RegisterSlaveMessage, "messages_register_slave", Views.register_slave)
    reregister_slave = serves(ReregisterSlaveMessage, "messages_reregister_slave", Views.reregister_slave)
    unregister_slave = serves(UnregisterSlaveMessage, "messages_unregister_slave", Views.unregister_slave)
    update_slave = serves(UpdateSlaveMessage, "messages_update_slave", Views.update_slave)
    status_update = serves(StatusUpdateMessage, "messages_status_update", Views.status_update)
    exited_executor = serves(ExitedExecutorMessage, "messages_exited_executor", Views.exited_executor)
    executor_message = serves(ExecutorToFrameworkMessage, "messages_executor_to_framework", Views.executor_message)

    # --- from agents and schedulers
    authenticate = serves(AuthenticateMessage, "messages_authenticate", Views.authenticate)

    # --- from schedulers
    on_deactivate_framework = serves(DeactivateFrameworkMessage, "messages_deactivate_framework", Views.on_deactivate_framework)
    on_unregister_framework = serves(UnregisterFrameworkMessage, "messages_unregister_framework", Views.on_unregister_framework)

    def _call(self, sender: Address, call: Call) -> None:
        """Any other call of a scheduler: first whether the caller may, then :data:`CALLS`."""
        if call.type == CallType.SUBSCRIBE and call.subscribe is not None:
            self.counters.count("messages_register_framework")
            self.subscribe(sender, call.subscribe)
            return
        framework = self.frameworks.get(call.framework_id or "")
        if framework is None or framework.pid != sender:
            who = "unknown" if framework is None else f"at {framework.pid}"
            self.note("Dropping {} call from {}: framework {} is {}", call.type, sender, call.framework_id, who)
        elif not framework.connected:
            self.note("Refusing {} call from {}: framework {} is disconnected", call.type, sender, framework.id)
            self.send(sender, FrameworkErrorMessage(message="Framework disconnected"))
        elif call.type not in CALLS:
            self.note("Dropping {} call from framework {}: not supported", call.type, framework.label)
        else:
            counter, field, method = CALLS[call.type]
            self.counters.count(counter)
            if field is None:
                method(self, framework)
            elif getattr(call, field) is None:
                self.note("Dropping {} call from framework {}: it has no '{}'", call.type, framework.label, field)
            else:
                method(self, framework, getattr(call, field))

    receive = serves(Call, "", _call)

    def consume(self, sender: Address, message: Any) -> None:
        """Process a message of a registered framework, now that it may be."""
        speaker = self.speakers.get(sender)
        counter, method = SERVED[type(message)]
        if counter:
            self.counters.count(counter)
        method(self, sender, message)
        if speaker is not None:
            self.done_with(speaker)

    def request(self, framework: FrameworkRecord, call: Call.Request) -> None:
        """Hints about wanted resources; the allocator may ignore them."""
        self.allocator.request_resources(framework.id, call.requests)

    # --- ends of processes

    def exited(self, address: Address) -> None:
        """A scheduler or an agent is gone, or the link to it broke."""
        speaker = self.speakers.get(address) if self.throttles else None
        limit = self.limit_of(speaker) if speaker is not None else None
        if limit is None:
            self.process_exit(address)
        else:
            # Behind the messages that came before.
            limit.limiter.acquire().on_ready(self.defer("process_exit", address))

    def process_exit(self, address: Address, permit: None = None) -> None:
        """See to what an end means."""
        for framework in self.frameworks.values():
            if framework.pid == address:
                self.framework_exited(framework)
                return
        agent = self.slaves.by_pid.get(address)
        if agent is not None:
            self.agent_exited(agent)


#: Type of call -> (counter, field of the call, method); SUBSCRIBE alone needs no subscribed framework.
CALLS: dict[CallType, tuple[str, str | None, Callable[..., None]]] = {
    CallType.TEARDOWN: ("messages_unregister_framework", None, Master.teardown),
    CallType.ACCEPT: ("messages_launch_tasks", "accept", Master.accept),
    CallType.DECLINE: ("messages_decline_offers", "decline", Master.decline),
    CallType.ACCEPT_INVERSE_OFFERS: ("messages_accept_inverse_offers", "accept_inverse_offers", Master.accept_inverse_offers),
    CallType.DECLINE_INVERSE_OFFERS: (
        "messages_decline_inverse_offers",
        "decline_inverse_offers",
        Master.decline_inverse_offers,
    ),
    CallType.REVIVE: ("messages_revive_offers", "revive", Master.revive),
    CallType.SUPPRESS: ("messages_suppress_offers", "suppress", Master.suppress),
    CallType.KILL: ("messages_kill_task", "kill", Master.kill),
    CallType.SHUTDOWN: ("messages_shutdown_executor", "shutdown", Master.shutdown_executor),
    CallType.ACKNOWLEDGE: ("messages_status_update_acknowledgement", "acknowledge", Master.acknowledge),
    CallType.RECONCILE: ("messages_reconcile_tasks", "reconcile", Master.reconcile),
    CallType.MESSAGE: ("messages_framework_to_executor", "message", Master.framework_message),
    CallType.REQUEST: ("messages_resource_request", "request", Master.request),
    CallType.UPDATE_FRAMEWORK: ("messages_update_framework", "update_framework", Master.on_update_framework),
}
