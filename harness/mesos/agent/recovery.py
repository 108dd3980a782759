"""Recovery: what an agent does before it looks for a master.

It reads what an earlier life left on disk, asks the executors of that life to report, and gives them a while. In Mesos's
words: ``recover``, ``_recover``, ``__recover``. Source: Mesos ``src/slave/slave.cpp``.
"""

from __future__ import annotations

from harness.durations import Duration, seconds
from harness.mesos.agent.books import ExecutorRecord, FrameworkRecord, TaskRecord, dispatched_as
from harness.mesos.agent.checkpoint import Checkpoint, incompatibility, underlying
from harness.mesos.agent.registration import Registration
from harness.mesos.agent.state import SavedAgent, SavedExecutor, SavedFramework, SavedTask, StateReader, UnreadableError
from harness.mesos.messages import (
    ExecutorReregisteredMessage,
    ReconnectExecutorMessage,
    ReregisterExecutorMessage,
    ShutdownExecutorMessage,
    SlaveInfo,
)
from harness.mesos.states import AgentState, ExecutorState, StatusReason, TaskState, is_terminal
from harness.simulation import Address, Future, Promise

# Reading the checkpointed state takes a while, even when there is none.
_READING = (Duration.parse("50us"), Duration.parse("5ms"))
_OLD_REREGISTRATION_TIMEOUT = seconds(2)


class Recovery(Registration):
    """The concern of recovery."""

    recovery_hold: Promise[None] | None = None
    """Set by a test that wants the recovery to hang until this is completed."""
    recovery_errors = 0
    """How many checkpointed files could not be read (only an agent that is not strict gets that far)."""

    # --- reading

    def begin(self) -> None:
        """First of all: see what is on the disk."""
        self.checkpoint = Checkpoint(self.world.disk(self.host), self.flags.work_dir)
        self._spawn_update_manager()
        self.work("recover", *_READING, "recover")

    def recover(self) -> None:
        """Take over what an earlier life left behind."""
        saved_boot = self.checkpoint.boot_id
        rebooted = saved_boot is not None and saved_boot != self.boot_id
        reader = StateReader(self.checkpoint, strict=self.flags.strict, rebooted=rebooted)
        state = None
        try:
            self.checkpointed_resources = reader.read_resources()
            if not rebooted or self.behaviour.keeps_id_after_reboot:
                state = reader.read()
        except UnreadableError as error:
            self._crash("Failed to perform recovery: {}", error)
            return
        if not underlying(self.checkpointed_resources) <= self.info.resources:
            incompatible = "Failed to perform recovery: checkpointed resources {} do not fit the agent's resources {}"
            self._crash(incompatible, self.checkpointed_resources, self.info.resources)
            return
        if state is None or state.info is None:
            self.containerizer.recover(()).on_any(self.defer("__recover"))
            return
        self.recovery_errors = state.errors
        if not self._is_still(state.info, rebooted):
            return
        self._take_over(state)
        known = tuple(executor.container_id for executor in self._all_executors())
        self.containerizer.recover(known).on_any(self.defer("_recover"))

    def _is_still(self, old: SlaveInfo, rebooted: bool) -> bool:
        """Whether this can be the agent it was; if not, it ends, or after a reboot starts as a new one."""
        policy = self.flags.reconfiguration_policy if self.behaviour.has_reconfiguration_policy else "equal"
        why = incompatibility(old, self.info, policy)
        if why is None:
            self.info = self.info.replace(id=old.id)
            return True
        if rebooted:
            self.note("Starting as a new agent after the reboot: {}", why)
            self.checkpoint.forget()
            self.containerizer.recover(()).on_any(self.defer("__recover"))
        else:
            self._crash("Failed to perform recovery: {}", why)
        return False

    def _take_over(self, state: SavedAgent) -> None:
        self.drain_config = state.drain_config
        for framework in state.frameworks:
            self._take_over_framework(framework)
            open_tasks = [task for executor in framework.executors if not executor.completed for task in executor.tasks]
            self._tell(self.update_manager, "recover", str(framework.info.id), tuple(open_tasks))

    def _take_over_framework(self, saved: SavedFramework) -> None:
        framework = FrameworkRecord(saved.info, saved.pid)
        for executor in saved.executors:
            if not executor.completed:
                framework.executors[executor.checkpoint.info.executor_id] = self._executor_of(executor, framework)
        if not framework.idle:
            self.note("Recovering framework {}", framework.id)
            self._frameworks[framework.id] = framework

    def _executor_of(self, saved: SavedExecutor, framework: FrameworkRecord) -> ExecutorRecord:
        executor = ExecutorRecord(saved.checkpoint.info, framework, saved.container_id, command=saved.checkpoint.command)
        executor.pid = Address(saved.pid) if saved.pid is not None else None
        executor.had_tasks = bool(saved.tasks)
        for task in saved.tasks:
            self._take_over_task(executor, task)
        return executor

    def _take_over_task(self, executor: ExecutorRecord, saved: SavedTask) -> None:
        task_id = saved.info.task_id
        executor.launched[task_id] = TaskRecord(saved.info, executor.framework_id, executor.id_in_tasks)
        for update in saved.updates:
            executor.update_task_state(update.status)
            if is_terminal(update.status.state):
                if str(update.uuid) in saved.acknowledged:
                    executor.complete_task(task_id)
                # Whatever an executor said after a task's end counts for nothing.
                break

    # --- the executors

    def _recover(self, recovered: Future[None]) -> None:
        """The containerizer knows its containers again: now their executors."""
        if self._hangs("_recover", recovered):
            return
        if not recovered.ready:
            self._recovered(recovered)
            return
        for executor in list(self._all_executors()):
            self.watch_container(executor)
            ids = (executor.framework_id, executor.id, executor.container_id)
            if self.flags.recover == "cleanup":
                if executor.pid is not None:
                    self.shut_down_executor(executor)
                else:
                    self.containerizer.destroy(executor.container_id)
            elif executor.pid is not None:
                self.link(executor.pid)
                self.reconnect_executor(*ids)
            else:
                self.note("Executor '{}' of framework {} never registered; giving it time to end", executor.id, ids[0])
        if self._frameworks and self.flags.recover == "reconnect":
            self.delay(self._executors_have(), self.reregister_executor_timeout)
        else:
            self._tell(self.address, "__recover", recovered)

    def reconnect_executor(self, framework_id: str, executor_id: str, container_id: str) -> None:
        """Ask an executor of an earlier life to report; again and again, if the flag for that is set."""
        executor = self._executor(framework_id, executor_id)
        if (
            self.state is not AgentState.RECOVERING
            or executor is None
            or executor.container_id != container_id
            or executor.state is not ExecutorState.REGISTERING
            or executor.pid is None
        ):
            return
        self.note("Sending reconnect request to executor '{}' of framework {} at {}", executor_id, framework_id, executor.pid)
        self.send(executor.pid, ReconnectExecutorMessage(slave_id=str(self.info.id)))
        again = self.flags.executor_reregistration_retry_interval
        if again is not None:
            self.delay(again, self.reconnect_executor, framework_id, executor_id, container_id)

    def reregister_executor(self, sender: Address, message: ReregisterExecutorMessage) -> None:
        """An executor of an earlier life reports, with all that this life may not know."""
        framework_id, executor_id = message.framework_id, message.executor_id
        framework = self._frameworks.get(framework_id)
        executor = framework.executors.get(executor_id) if framework is not None else None
        expected = (
            self.state is not AgentState.TERMINATING
            and framework is not None
            and not framework.terminating
            and executor is not None
            and executor.state is ExecutorState.REGISTERING
        )
        if framework is None or executor is None or not expected:
            running = executor is not None and executor.state is ExecutorState.RUNNING
            if running and self.flags.executor_reregistration_retry_interval is not None:
                self.note("Ignoring re-registration of executor '{}': it has been answered already", executor_id)
                return
            self.note("Shutting down executor '{}' of framework {}: it is not expected to reregister", executor_id, framework_id)
            self.send(sender, ShutdownExecutorMessage(framework_id=framework_id, executor_id=executor_id))
            return
        self.note("Re-registering executor '{}' of framework {}", executor_id, framework_id)
        executor.move(ExecutorState.RUNNING)
        executor.pid = sender
        self.link(sender)
        self.send(sender, ExecutorReregisteredMessage(slave_id=str(self.info.id), slave_info=self.info))
        for update in message.updates:
            self.status_update(update, sender)
        self.containerizer.update(executor.container_id, executor.allocated_resources)
        self._drop_unknown_tasks(framework, executor, {task.task_id: None for task in message.tasks})
        if not executor.queued and not executor.had_tasks:
            self.note("Shutting down executor '{}': it never got a task", executor_id)
            self.shut_down_executor(executor)

    def _drop_unknown_tasks(self, framework: FrameworkRecord, executor: ExecutorRecord, known: dict[str, None]) -> None:
        """Tasks that the earlier life meant to send and that never arrived."""
        state = self._lost_or(TaskState.TASK_DROPPED, framework.info)
        reason = StatusReason.REASON_SLAVE_RESTARTED
        for task_id, record in list(executor.launched.items()):
            if record.state is TaskState.TASK_STAGING and task_id not in known:
                self.note("Dropping task {}: the agent ended before its executor got it", task_id)
                message = "Task launched during agent restart"
                update = self._make_update(framework.id, task_id, state, reason, message, executor.id_in_tasks)
                self.status_update(update, None)

    def reregister_executor_timeout(self) -> None:
        """The executors had their time; whether or not all are back, this is the end of recovery."""
        within = self._executors_have()
        for framework in list(self._frameworks.values()):
            for executor in list(framework.executors.values()):
                if executor.state is ExecutorState.REGISTERING:
                    self.note("Killing executor '{}' of framework {}: it did not reregister", executor.id, framework.id)
                    state = self._lost_or(TaskState.TASK_GONE, framework.info)
                    reason = StatusReason.REASON_EXECUTOR_REREGISTRATION_TIMEOUT
                    self._destroy(executor, state, reason, f"Executor did not reregister within {within}")
        if self.drain_config is not None:
            self.kill_everything()
        done: Promise[None] = Promise("recovery")
        done.set(None)
        self._tell(self.address, "__recover", done.future)

    def _executors_have(self) -> Duration:
        flagged = self.behaviour.executor_reregistration_flag
        return self.flags.executor_reregistration_timeout if flagged else _OLD_REREGISTRATION_TIMEOUT

    # --- the end

    @dispatched_as("__recover")
    def _recovered(self, recovered: Future[None]) -> None:
        if self.state is AgentState.TERMINATING or self._hangs("__recover", recovered):
            return
        if not recovered.ready:
            self._crash("Failed to perform recovery: {}", recovered.error)
            return
        self.note("Finished recovery")
        if not self._saved(self.checkpoint.save_boot_id, self.boot_id):
            return
        if self.flags.recover == "reconnect":
            self._move(AgentState.DISCONNECTED)
            self._detect(None)
            return
        self._move(AgentState.TERMINATING)
        for framework in list(self._frameworks.values()):
            for executor in list(framework.executors.values()):
                # It was gone before this agent began to terminate, and nobody will acknowledge what became of its tasks.
                if executor.state is ExecutorState.TERMINATED:
                    self.remove_executor(framework, executor)
        if not self._frameworks and self.alive:
            self.terminate()

    def _hangs(self, step: str, recovered: Future[None]) -> bool:
        hold = self.recovery_hold
        if hold is None or hold.future.done:
            return False
        self.note("Recovery hangs before {}", step)
        hold.future.on_any(lambda _: self.dispatch(self.address, step, recovered) if self.alive else None)
        return True
