"""Election, recovery from the registry, agents that never come back, old registry entries, the end of a master.

Source: Mesos ``src/master/master.cpp``: ``initialize``, ``detected``, ``recover``, ``_recover``, ``recoveredSlavesTimeout``,
``doRegistryGc``, ``finalize``.
"""

from __future__ import annotations

from datetime import timedelta

from harness.mesos.allocator.options import Options, Quota
from harness.mesos.master.operators import Operators
from harness.mesos.messages import MasterInfo, Prune, RemoveSlave, SlaveInfo, UpdateWeights, WeightInfo
from harness.mesos.registry import Registry
from harness.simulation import Future


class Leadership(Operators):
    """The frame around everything else."""

    def initialize(self) -> None:
        """Set the collaborators to work, then find out who leads."""
        self.started_ns = self.now
        self.note("Master {} started at {}", self.info.id, self.address)
        flags = self.flags
        self.allocator.bind(self)
        self.registrar.bind(self)
        if self.removal_limiter is not None:
            self.removal_limiter.bind(self)
        self.bind_limits()
        self.allocator.initialize(
            Options(
                allocation_interval=flags.allocation_interval,
                fair_sharing_excluded_resource_names=flags.fair_sharing_excluded_resource_names,
                filter_gpu_resources=flags.filter_gpu_resources,
                domain=flags.domain,
                min_allocatable_resources=flags.min_allocatable_resources,
                recovery_timeout=flags.allocator_recovery_timeout,
                agent_recovery_factor=flags.allocator_agent_recovery_factor,
                behaviour=self.behaviour,
            ),
            self.offer_callback,
            self.inverse_offer_callback,
        )
        if flags.whitelist is not None:
            self.allocator.update_whitelist(flags.whitelist)
        self._detect()

    def _detect(self) -> None:
        self.detector.detect(self.leader).on_any(self.defer("detected"))

    def detected(self, leader: Future[MasterInfo | None]) -> None:
        """There is another leader, or none. A master that loses the lead ends itself."""
        if not leader.ready:
            self.give_up(f"Failed to detect the leading master: {leader.error or 'discarded'}")
            return
        was_elected = self.elected
        self.leader = leader.get()
        if self.elected:
            self.note("Re-elected as the leading master" if was_elected else "Elected as the leading master!")
            if not was_elected:
                self.elected_ns = self.now
                self.recover()
        else:
            self.note("The newly elected leader is {}", self.leader.pid if self.leader else "nobody")
            if was_elected:
                self.give_up("Lost leadership... committing suicide!")
                return
        self._detect()

    # --- recovery

    def recover(self) -> None:
        """Read the registry."""
        self.note("Recovering from registrar")
        self.registrar.recover(self.info).on_any(self.defer("_recover"))

    def _recover(self, outcome: Future[Registry]) -> None:
        if not outcome.ready:
            self.give_up(f"Recovery failed: {outcome.error or 'discarded'}")
            return
        registry = outcome.get()
        slaves = self.slaves
        slaves.recovered.update(registry.admitted)
        slaves.unreachable.update(registry.unreachable)
        slaves.gone.update(registry.gone)
        slaves.draining.update(registry.draining)
        slaves.deactivated.update(registry.deactivated)
        self.schedule = registry.schedule
        self.machines.update(registry.machines)
        self.quotas.update((role, Quota(config.guarantees, config.limits)) for role, config in registry.quotas.items())
        self.delay(self.flags.registry_gc_interval, self._collect_garbage, recurring=True)
        if slaves.recovered:
            # Without anybody to wait for, the timer could do nothing; leaving it out keeps idle clusters idle.
            self.delay(self.flags.agent_reregister_timeout, self._recovered_slaves_timeout, len(registry.admitted))
        self.allocator.recover(len(registry.admitted), dict(self.quotas))
        self._recover_weights(registry)
        self.note(
            "Recovered {} agents from the registry; allowing {} for agents to reregister",
            len(slaves.recovered),
            self.flags.agent_reregister_timeout,
        )
        self._recovered.set(None)

    def _recover_weights(self, registry: Registry) -> None:
        """The registry's weights; without any there, those of the flag, which the registry then learns."""
        if registry.weights:
            self.weights.update(registry.weights)
        elif self.flags.weights:
            pairs = (piece.partition("=") for piece in self.flags.weights.split(","))
            self.weights.update((role.strip(), float(weight)) for role, _, weight in pairs)
            infos = tuple(WeightInfo(role=role, weight=weight) for role, weight in self.weights.items())
            self.registrar.apply(UpdateWeights(weight_infos=infos))
        if self.weights:
            self.allocator.update_weights(list(self.weights.items()))

    def _recovered_slaves_timeout(self, known: int) -> None:
        missing = self.slaves.recovered
        limit = float(self.flags.recovery_agent_removal_limit.rstrip("%"))
        percentage = 100.0 * len(missing) / known
        if percentage > limit:
            self.give_up(
                f"Post-recovery agent removal limit exceeded! After {self.flags.agent_reregister_timeout} there were "
                f"{len(missing)} agents ({percentage}%) that did not reregister; the limit is {limit}%"
            )
            return
        for slave_id, info in list(missing.items()):
            if slave_id in self.slaves.reregistering:
                continue
            self.counters.count("slave_unreachable_scheduled")
            if self.removal_limiter is None:
                self._mark_recovered_unreachable(info)
                continue
            self.note("Scheduling removal of recovered agent {}", slave_id)
            permit = self.removal_limiter.acquire()
            permit.on_any(self.defer("_mark_recovered_unreachable", info))

    def _mark_recovered_unreachable(self, info: SlaveInfo, permit: Future[None] | None = None) -> None:
        if (permit is not None and not permit.ready) or info.id not in self.slaves.recovered:
            self.note("Canceling removal of recovered agent {}: it is back", info.id)
            self.counters.count("slave_unreachable_canceled")
            return
        self.counters.count("slave_unreachable_completed")
        timeout = self.flags.agent_reregister_timeout
        if self.behaviour.marks_unreachable:
            self.mark_unreachable(info, True, f"agent did not reregister within {timeout} after master failover")
            return
        # Before agents could be unreachable nobody was told of one that was removed from the registry alone.
        self.slaves.recovered.pop(info.id or "", None)
        self.counters.count("recovery_slave_removals")
        self.registrar.apply(RemoveSlave(info=info)).on_any(self.defer("_removed_recovered", info))

    def _removed_recovered(self, info: SlaveInfo, outcome: Future[bool]) -> None:
        if self.written(outcome, f"remove agent {info.id}") is not None:
            self.note("Removed agent {} ({}), which did not return", info.id, info.hostname)

    # --- old entries of the registry

    def _collect_garbage(self) -> None:
        self.delay(self.flags.registry_gc_interval, self._collect_garbage, recurring=True)
        oldest = self.time - timedelta(seconds=self.flags.registry_max_agent_age.total_seconds())
        limit = self.flags.registry_max_agent_count
        slaves = self.slaves
        outdated = [
            # Too many go first, the oldest entries before the others; then whatever is too old.
            tuple(slave_id for n, (slave_id, since) in enumerate(entries.items()) if n < len(entries) - limit or since < oldest)
            for entries in (slaves.unreachable, slaves.gone)
        ]
        if not any(outdated):
            self.note("Skipping periodic registry garbage collection: no agents qualify for removal")
            return
        operation = Prune(to_remove_unreachable=outdated[0], to_remove_gone=outdated[1])
        self.note("Attempting to remove {} unreachable and {} gone agents from the registry", *map(len, outdated))
        self.registrar.apply(operation).on_any(self.defer("_collected_garbage", operation))

    def _collected_garbage(self, operation: Prune, outcome: Future[bool]) -> None:
        if self.written(outcome, "prune agents") is None:
            return
        for slave_id in operation.to_remove_unreachable:
            # One that came back while the store was in flight is no longer there.
            if self.slaves.unreachable.pop(slave_id, None) is None:
                continue
            self.slaves.draining.pop(slave_id, None)
            self.slaves.deactivated.pop(slave_id, None)
            self.slaves.unreachable_tasks.pop(slave_id, None)
        for slave_id in operation.to_remove_gone:
            self.slaves.gone.pop(slave_id, None)

    # --- the end

    def finalize(self) -> None:
        """Return everything to the allocator; agents and schedulers hear nothing but the break of their links."""
        for agent in list(self.slaves.registered.values()):
            self.allocator.remove_slave(agent.id)
            for tasks in list(agent.tasks.values()):
                for task in list(tasks.values()):
                    self.remove_task(task)
            for framework_id, executors in list(agent.executors.items()):
                for executor_id in list(executors):
                    self.remove_executor(agent, framework_id, executor_id)
            for offer in list(agent.offers.values()):
                self.discard_offer(offer)
            self.withdraw_inverse_offers(agent, rescind=False)
        for framework in list(self.frameworks.values()):
            self.allocator.remove_framework(framework.id)
        for future in list(self.authenticating.values()):
            future.discard()
