"""Making tasks out of offers, with ids that are the same in every run."""

from __future__ import annotations

from typing import Any

from harness.errors import MisuseError
from harness.mesos.ids import ExecutorID, TaskID
from harness.mesos.messages import CommandInfo, ExecutorInfo, Offer, TaskInfo
from harness.mesos.resources import Resources

#: What a task runs unless the test says otherwise: nothing that ever ends by itself.
FOREVER = "tail -f /dev/null"


def make_task(
    offer: Offer,
    resources: Resources | str | None = None,
    *,
    executor: Any = None,
    task_id: str | None = None,
    name: str | None = None,
    command: str | CommandInfo | None = None,
) -> TaskInfo:
    """A task for the agent of ``offer``.

    Args:
        offer: where it is to run.
        resources: what it takes, allocated to the offer's role; by default all that is offered.
        executor: a ``MockExecutor``, an executor id, or an ``ExecutorInfo``; by default the command executor runs it.
        task_id: by default one made of the offer's id and a count.
        name: by default ``test-task``.
        command: a shell line; by default one that runs until it is killed.

    Raises:
        MisuseError: ``offer`` is no single offer, or ``executor`` is none of the above.
    """
    if not isinstance(offer, Offer):
        raise MisuseError(f"make_task({offer!r}): wanted one Offer; of several take one, for example offers[0]")
    runner = executor_info(executor, offer)
    line = command
    if line is None and runner is None:
        line = FOREVER
    return TaskInfo(
        task_id=TaskID(next_task_id(offer) if task_id is None else task_id),
        slave_id=offer.slave_id,
        name="test-task" if name is None else name,
        resources=offer.resources if resources is None else _allocated(Resources.of(resources), offer),
        executor=runner,
        command=CommandInfo(value=line) if isinstance(line, str) else line,
    )


def next_task_id(offer: Offer) -> str:
    """An id that no other task of this offer has. The count lives on the offer's id: there is no counter for all runs."""
    offer_id: Any = offer.id
    try:
        count = getattr(offer_id, "tasks_made", 0) + 1
        offer_id.tasks_made = count
    except AttributeError:  # an offer that a test built with a plain text as its id
        return f"task-{offer_id}"
    return f"task-{offer_id}-{count}"


def executor_info(executor: Any, offer: Offer) -> ExecutorInfo | None:
    """The ``ExecutorInfo`` that ``executor`` means in :func:`make_task`."""
    if executor is None or isinstance(executor, ExecutorInfo):
        return executor
    executor_id = getattr(executor, "executor_id", executor)
    if not isinstance(executor_id, str):
        raise MisuseError(f"executor={executor!r}: wanted a MockExecutor, an executor id, or an ExecutorInfo")
    # The command is never run: the executor lives in this process. Mesos wants one nevertheless.
    return ExecutorInfo(
        executor_id=ExecutorID(executor_id),
        framework_id=offer.framework_id,
        command=CommandInfo(value="exit 1"),
        name=executor_id,
    )


def _allocated(resources: Resources, offer: Offer) -> Resources:
    role = offer.role
    if role is None or any(identity.allocation_role is not None for identity in resources.entries):
        return resources
    return resources.allocate(role)


def fitting_tasks(offer: Offer, resources: Resources | None, limit: int | None, *, executor: Any, role: str) -> list[TaskInfo]:
    """As many tasks of ``resources`` each as fit on ``offer``, ``limit`` at most; without ``resources`` one for all of it."""
    if limit == 0:
        return []
    if resources is None:
        return [make_task(offer, executor=executor, task_id=f"task-{offer.id}-1")]
    wanted = _allocated(reserved_for(resources, role), offer)
    if not wanted:
        raise MisuseError("launch_tasks(resources=''): a task needs resources; name some, for example 'cpus:1;mem:128'")
    left = offer.resources
    tasks: list[TaskInfo] = []
    while wanted <= left and (limit is None or len(tasks) < limit):
        tasks.append(make_task(offer, wanted, executor=executor, task_id=f"task-{offer.id}-{len(tasks) + 1}"))
        left = left - wanted
    return tasks


def reserved_for(resources: Resources, role: str) -> Resources:
    """``resources`` as statically reserved for ``role``; ``*`` leaves them as they are."""
    if role == "*":
        return resources
    return Resources.from_entries(
        {identity._replace(reservations=(("STATIC", role),)): value for identity, value in resources.entries.items()}
    )
