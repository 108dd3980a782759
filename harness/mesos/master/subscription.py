"""Schedulers that subscribe: for the first time, again, or in the place of another.

Source: Mesos ``src/master/master.cpp``: ``subscribe``, ``_subscribe``, ``failoverFramework``.
"""

from __future__ import annotations

from harness.mesos.authorizer import Action, AuthorizationRequest
from harness.mesos.master.books import granted, why_not
from harness.mesos.master.frameworks import Frameworks
from harness.mesos.master.records import FrameworkRecord
from harness.mesos.master.validation import validate_framework
from harness.mesos.messages import (
    Call,
    FrameworkErrorMessage,
    FrameworkInfo,
    FrameworkRegisteredMessage,
    FrameworkReregisteredMessage,
)
from harness.mesos.states import FrameworkCapability, FrameworkState
from harness.simulation import Address, Future


class Subscription(Frameworks):
    """The SUBSCRIBE call."""

    def subscribe(self, sender: Address, call: Call.Subscribe) -> None:
        """Queue behind a running authentication; check; ask the authorizer."""
        if self.waits_for_authentication("subscribe", sender, call):
            return
        if not self.behaviour.knows_partition_aware and call.framework_info.partition_aware:
            known = tuple(name for name in call.framework_info.capabilities if name != FrameworkCapability.PARTITION_AWARE)
            call = call.replace(framework_info=call.framework_info.replace(capabilities=known))
        info = call.framework_info
        self.note("Received SUBSCRIBE call for framework '{}' at {}", info.name, sender)
        error = validate_framework(info, self.completed_frameworks, self.flags.roles)
        error = error or self._authentication_error(sender, info)
        if error is not None:
            self._refuse_framework(sender, info, error)
            return
        request = AuthorizationRequest(
            action=Action.REGISTER_FRAMEWORK, subject=self.authenticated.get(sender), framework_info=info
        )
        self.decide(self.authorizer.authorized(request), "_subscribe", sender, call)

    def _authentication_error(self, sender: Address, info: FrameworkInfo) -> str | None:
        principal = self.authenticated.get(sender)
        if principal is None:
            return f"Framework at {sender} is not authenticated." if self.flags.authenticate_frameworks else None
        if info.principal is not None and info.principal != principal:
            return f"Framework principal '{info.principal}' does not match the authenticated principal '{principal}'"
        return None

    def _refuse_framework(self, sender: Address, info: FrameworkInfo, error: str) -> None:
        self.note("Refusing subscription of framework '{}' at {}: {}", info.name, sender, error)
        self.send(sender, FrameworkErrorMessage(message=error))

    def _subscribe(self, sender: Address, call: Call.Subscribe, answer: Future[bool]) -> None:
        info = call.framework_info
        if not granted(answer):
            error = why_not(answer, f"Not authorized to use roles '{{ {', '.join(info.subscribed_roles)} }}'")
            self._refuse_framework(sender, info, error)
            return
        stale = self._authentication_error(sender, info)
        if stale is not None:
            # It began to authenticate again meanwhile, and will subscribe once it has.
            self.note("Dropping SUBSCRIBE call of framework '{}': {}", info.name, stale)
        elif info.id is None:
            self._subscribe_new(sender, call)
        else:
            self._subscribe_known(sender, info.id, call)

    def _subscribe_new(self, sender: Address, call: Call.Subscribe) -> None:
        for framework in self.frameworks.values():
            if framework.pid == sender:
                self.note("Framework {} already subscribed, resending acknowledgement", framework.label)
                self._acknowledge_subscription(framework)
                return
        framework_id = self.new_framework_id()
        info = call.framework_info.replace(id=framework_id)
        framework = FrameworkRecord(framework_id, info, sender, FrameworkState.CONNECTED, self.now)
        framework.suppressed_roles = call.suppressed_roles
        framework.offer_constraints = call.offer_constraints
        self.add_framework(framework)
        self._acknowledge_subscription(framework)

    def _subscribe_known(self, sender: Address, framework_id: str, call: Call.Subscribe) -> None:
        info = call.framework_info
        for other in self.frameworks.values():
            if other.pid == sender and other.connected and other.id != framework_id:
                self.note("Dropping SUBSCRIBE call of framework {}: {} is connected from there", framework_id, other.label)
                return
        framework = self.frameworks.get(framework_id)
        if framework is None:
            if framework_id in self.completed_frameworks:
                # It was removed while the authorizer was thinking.
                self._refuse_framework(sender, info, "Framework has been removed")
                return
            framework = self.recover_framework(info)
        recovered = framework.state is FrameworkState.RECOVERED
        error = None
        if not recovered and framework.pid != sender and not call.force:
            error = "Framework failed over"
        elif framework.info.principal != info.principal:
            error = "Changing framework's principal is not allowed."
        if error is not None:
            self._refuse_framework(sender, info, error)
            return
        self.update_framework(framework, call)
        if recovered:
            self._return(framework, sender)
        elif call.force:
            self._fail_over(framework, sender)
        else:
            self._resubscribe(framework, sender)
        self.publish_framework_updated(framework)
        self.broadcast_framework(framework)

    def _return(self, framework: FrameworkRecord, sender: Address) -> None:
        """First scheduler of a framework that was known from agents only."""
        self.note("Framework {} returns at {}", framework.id, sender)
        framework.registered_ns = framework.reregistered_ns = self.now
        self._connect(framework, sender)
        self._acknowledge_subscription(framework)

    def _fail_over(self, framework: FrameworkRecord, sender: Address) -> None:
        """Another scheduler takes over, or the same one insists."""
        self.note("Framework {} failed over to {}", framework.label, sender)
        if framework.pid is not None and framework.pid != sender and framework.connected:
            self.tell_framework(framework, FrameworkErrorMessage(message="Framework failed over"))
        framework.reregistered_ns = self.now
        for offer in list(framework.offers.values()):
            self.discard_offer(offer)
        self.withdraw_inverse_offers(framework, rescind=False)
        self._connect(framework, sender)
        self._acknowledge_subscription(framework)

    def _resubscribe(self, framework: FrameworkRecord, sender: Address) -> None:
        """The scheduler that speaks for it already, or did."""
        self.note("Framework {} resubscribes", framework.label)
        framework.reregistered_ns = self.now
        for offer in list(framework.offers.values()):
            self.rescind_offer(offer)
        self.withdraw_inverse_offers(framework)
        self._connect(framework, sender)
        self.send(sender, FrameworkReregisteredMessage(framework_id=framework.id, master_info=self.info))

    def _connect(self, framework: FrameworkRecord, sender: Address) -> None:
        if framework.pid != sender:
            self.leave_speaker(framework.pid, for_good=False)
            self.enter_speaker(sender, framework.info.principal)
        framework.locate(sender)
        self.link(sender)
        self.move_framework(framework, FrameworkState.CONNECTED)
        if not framework.active:
            framework.active = True
            self.allocator.activate_framework(framework.id)

    def _acknowledge_subscription(self, framework: FrameworkRecord) -> None:
        self.tell_framework(framework, FrameworkRegisteredMessage(framework_id=framework.id, master_info=self.info))
