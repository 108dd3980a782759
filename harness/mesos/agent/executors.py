"""Executors at the agent: launch, registration, shutdown, termination; and the frameworks they belong to.

Source: Mesos ``src/slave/slave.cpp``.
"""

from __future__ import annotations

from harness.durations import Duration
from harness.mesos.agent.books import ExecutorRecord, FrameworkRecord
from harness.mesos.agent.status_updates import StatusUpdates
from harness.mesos.containers import ExecutorEnvironment, Termination
from harness.mesos.messages import (
    ExecutorInfo,
    ExecutorRegisteredMessage,
    ExitedExecutorMessage,
    FrameworkToExecutorMessage,
    ShutdownExecutorMessage,
)
from harness.mesos.states import AgentState, ExecutorState, StatusReason, TaskState, is_terminal
from harness.simulation import Address, Future

_LIVE = (ExecutorState.REGISTERING, ExecutorState.RUNNING)


class Executors(StatusUpdates):
    """The concern of executors."""

    # --- beginning

    def launch_executor(self, framework: FrameworkRecord, info: ExecutorInfo, *, command: bool) -> ExecutorRecord | None:
        """Start an executor (``command``: the built-in one) and watch it; None if the disk failed and the agent ended."""
        self._containers_made += 1
        container_id = self.world.uuid(f"{self.path} container {self._containers_made}")
        executor = ExecutorRecord(info, framework, container_id, command=command)
        framework.executors[executor.id] = executor
        if not self._keep_executor(executor):
            return None
        flags = self.flags
        environment = ExecutorEnvironment(
            slave_pid=self.address,
            slave_id=str(self.info.id),
            framework_id=framework.id,
            executor_id=executor.id,
            checkpoint=executor.checkpoint,
            recovery_timeout=flags.recovery_timeout.ns,
            shutdown_grace_period=self._grace_period(executor).ns,
        )
        self.note("Launching executor '{}' of framework {} in container {}", executor.id, framework.id, container_id)
        launched = self.containerizer.launch(self, container_id, environment, command=executor.command)
        launched.on_any(self.defer("executor_launched", framework.id, executor.id, container_id))
        timeout = flags.executor_registration_timeout
        executor.timer = self.delay(timeout, self.register_executor_timeout, framework.id, executor.id, container_id)
        self.watch_container(executor)
        return executor

    def _keep_executor(self, executor: ExecutorRecord) -> bool:
        """Checkpoint a new executor, if its framework does; false if that ended the agent."""
        if not executor.checkpoint:
            return True
        save, run = self.checkpoint, self._run_folder(executor)
        return self._saved(
            save.save_executor, executor.info, executor.framework_id, executor.container_id, command=executor.command
        ) and self._saved(save.save_forked_pid, run, executor.container_id)

    def watch_container(self, executor: ExecutorRecord) -> None:
        """Hear of the end of the container, however it comes."""
        framework_id, executor_id, container_id = executor.framework_id, executor.id, executor.container_id

        def ended(future: Future[Termination | None]) -> None:
            # Containers outlive agents: what a dead agent asked for must not reach its successor at the same address.
            if self.alive and not self._ending:
                self._tell(self.address, "executor_terminated", framework_id, executor_id, container_id, future)

        self.containerizer.wait(container_id).on_any(ended)

    def executor_launched(self, framework_id: str, executor_id: str, container_id: str, launched: Future[bool]) -> None:
        """The containerizer has answered."""
        if launched.ready and launched.get():
            return
        self.note("Container {} for executor '{}' failed to start: {}", container_id, executor_id, launched.error)
        executor = self._executor(framework_id, executor_id)
        if executor is not None and executor.container_id == container_id and executor.state in _LIVE:
            reason = StatusReason.REASON_CONTAINER_LAUNCH_FAILED
            self._destroy(executor, TaskState.TASK_FAILED, reason, f"Failed to launch container: {launched.error}")

    def register_executor_timeout(self, framework_id: str, executor_id: str, container_id: str) -> None:
        """The executor had its time to register."""
        executor = self._executor(framework_id, executor_id)
        if executor is None or executor.container_id != container_id or executor.state is not ExecutorState.REGISTERING:
            return
        within = self.flags.executor_registration_timeout
        self.note("Terminating executor '{}' of framework {}: it did not register within {}", executor_id, framework_id, within)
        reason = StatusReason.REASON_EXECUTOR_REGISTRATION_TIMEOUT
        self._destroy(executor, TaskState.TASK_FAILED, reason, f"Executor did not register within {within}")

    def register_executor(self, sender: Address, framework_id: str, executor_id: str) -> None:
        """An executor reports for the first time."""
        framework = self._frameworks.get(framework_id)
        executor = framework.executors.get(executor_id) if framework is not None else None
        if (
            self.state in (AgentState.RECOVERING, AgentState.TERMINATING)
            or framework is None
            or framework.terminating
            or executor is None
            or executor.state is not ExecutorState.REGISTERING
        ):
            self.note("Shutting down executor '{}' of framework {}: it is not expected to register", executor_id, framework_id)
            self.send(sender, ShutdownExecutorMessage(framework_id=framework_id, executor_id=executor_id))
            return
        self.note("Got registration for executor '{}' of framework {} from {}", executor_id, framework_id, sender)
        executor.move(ExecutorState.RUNNING)
        executor.pid = sender
        self.link(sender)
        if executor.checkpoint and not self._saved(self.checkpoint.save_libprocess_pid, self._run_folder(executor), sender):
            return
        if not executor.queued and not executor.had_tasks:
            self.note("Shutting down executor '{}': its tasks were killed before it registered", executor_id)
            self.shut_down_executor(executor)
            return
        self.send(
            sender,
            ExecutorRegisteredMessage(
                executor_info=executor.info,
                framework_id=framework_id,
                framework_info=framework.info,
                slave_id=str(self.info.id),
                slave_info=self.info,
            ),
        )
        self.deliver_tasks(executor, tuple(executor.queued))

    # --- in between

    def scheduler_message(self, message: FrameworkToExecutorMessage) -> None:
        """Pass a framework's data on, if its executor is there to take it."""
        executor = self._executor(message.framework_id, message.executor_id)
        if self.state is not AgentState.RUNNING or executor is None or executor.state is not ExecutorState.RUNNING:
            self.note("Dropping message for executor '{}' of framework {}", message.executor_id, message.framework_id)
        elif executor.pid is not None:
            self.send(executor.pid, message)

    # --- end

    def shut_down_executor(self, executor: ExecutorRecord) -> None:
        """Ask an executor to end, and end its container when the grace period is over."""
        if executor.state not in _LIVE:
            return
        self.note("Shutting down executor '{}' of framework {}", executor.id, executor.framework_id)
        executor.move(ExecutorState.TERMINATING)
        if executor.pid is not None:
            message = ShutdownExecutorMessage(framework_id=executor.framework_id, executor_id=executor.id)
            self.send(executor.pid, message)
        ids = (executor.framework_id, executor.id, executor.container_id)
        executor.timer = self.delay(self._grace_period(executor), self.shutdown_executor_timeout, *ids)

    def shutdown_executor_timeout(self, framework_id: str, executor_id: str, container_id: str) -> None:
        """The grace period is over."""
        executor = self._executor(framework_id, executor_id)
        if executor is None or executor.container_id != container_id or executor.state is not ExecutorState.TERMINATING:
            return
        self.note("Killing executor '{}' of framework {}: its grace period is over", executor_id, framework_id)
        self.containerizer.destroy(container_id)

    def executor_terminated(
        self, framework_id: str, executor_id: str, container_id: str, ended: Future[Termination | None]
    ) -> None:
        """A container has ended: settle its tasks, tell the master, forget it as soon as nothing is open."""
        framework = self._frameworks.get(framework_id)
        executor = framework.executors.get(executor_id) if framework is not None else None
        if framework is None or executor is None or executor.container_id != container_id:
            return
        if executor.state is ExecutorState.TERMINATED:
            return
        termination = (ended.get() if ended.ready else None) or Termination(message="Abnormal executor termination")
        self.note("Executor '{}' of framework {} ended: {}", executor_id, framework_id, termination.message)
        executor.move(ExecutorState.TERMINATED)
        if not framework.terminating:
            open_tasks = [task_id for task_id, record in executor.launched.items() if not is_terminal(record.state)]
            for task_id in [*open_tasks, *executor.queued]:
                self._settle_task(executor, task_id, termination)
        if not executor.command:
            self._send_to_master(
                ExitedExecutorMessage(
                    slave_id=str(self.info.id), framework_id=framework_id, executor_id=executor_id, status=termination.status
                )
            )
        if framework.terminating or self.state is AgentState.TERMINATING or not executor.incomplete:
            self.remove_executor(framework, executor)

    def _settle_task(self, executor: ExecutorRecord, task_id: str, termination: Termination) -> None:
        pending = executor.pending_termination
        state = termination.state or (pending.state if pending else None) or TaskState.TASK_FAILED
        reason = termination.reason or (pending.reason if pending else None) or StatusReason.REASON_EXECUTOR_TERMINATED
        message = pending.message if pending is not None else termination.message
        update = self._make_update(executor.framework_id, task_id, state, reason, message, executor.id_in_tasks)
        self.status_update(update, None)

    def completed_all(self, executor: ExecutorRecord) -> None:
        """Nothing of this executor is open any more: if it has ended, forget it."""
        framework = self._frameworks.get(executor.framework_id)
        if framework is not None and executor.state is ExecutorState.TERMINATED:
            self.remove_executor(framework, executor)

    def remove_executor(self, framework: FrameworkRecord, executor: ExecutorRecord) -> None:
        """Forget an executor, and its framework with the last one."""
        framework.executors.pop(executor.id, None)
        if executor.checkpoint and not self._saved(self.checkpoint.close_run, self._run_folder(executor)):
            return
        if framework.idle:
            self.remove_framework(framework)

    def shut_down_framework(self, framework_id: str) -> None:
        """End everything of a framework; its tasks get no updates any more."""
        framework = self._frameworks.get(framework_id)
        if framework is None or framework.terminating:
            return
        self.note("Shutting down framework {}", framework_id)
        framework.terminating = True
        framework.pending.clear()
        for executor in list(framework.executors.values()):
            if executor.state in _LIVE:
                self.shut_down_executor(executor)
            elif executor.state is ExecutorState.TERMINATED:
                self.remove_executor(framework, executor)
        if framework.idle:
            self.remove_framework(framework)

    def remove_framework(self, framework: FrameworkRecord) -> None:
        """Forget a framework; an agent that is terminating ends with the last one."""
        if self._frameworks.pop(framework.id, None) is None:
            return
        self.note("Cleaning up framework {}", framework.id)
        self._tell(self.update_manager, "cleanup", framework.id)
        if self.drain_config is not None and not self._frameworks:
            self.end_of_draining()
        if self.state is AgentState.TERMINATING and not self._frameworks and not self._ending:
            self.terminate()

    def end_of_draining(self) -> None:
        """Nothing is left to drain; tasks may come again."""
        self.note("Agent is drained")
        self.drain_config = None
        self.checkpoint.save_drain_config(None)

    def _destroy(self, executor: ExecutorRecord, state: TaskState, reason: StatusReason, message: str) -> None:
        executor.move(ExecutorState.TERMINATING)
        executor.pending_termination = Termination(state=state, reason=reason, message=message)
        self.containerizer.destroy(executor.container_id)

    def _grace_period(self, executor: ExecutorRecord) -> Duration:
        own = executor.info.shutdown_grace_period
        return own if own is not None else self.flags.executor_shutdown_grace_period

    # --- given by the layer above

    def deliver_tasks(self, executor: ExecutorRecord, task_ids: tuple[str, ...]) -> None:
        """Hand queued tasks to a running executor; see ``tasks.py``."""
        raise NotImplementedError
