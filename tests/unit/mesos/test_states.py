"""States as names, and the life cycles as tables."""

from __future__ import annotations

import pytest

from harness.errors import InternalError
from harness.mesos.states import (
    AGENT,
    EXECUTOR,
    FRAMEWORK,
    TASK,
    AgentState,
    ExecutorState,
    LifeCycle,
    StatusReason,
    TaskState,
    is_terminal,
    move,
)

_LIVING = {"TASK_STAGING", "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING", "TASK_UNREACHABLE", "TASK_UNKNOWN"}


def test_members_equal_mesos_names() -> None:
    """A state is the text Mesos prints."""
    assert TaskState.TASK_RUNNING == "TASK_RUNNING"
    assert f"{StatusReason.REASON_SLAVE_REMOVED}" == "REASON_SLAVE_REMOVED"
    assert len(TaskState) == 14


@pytest.mark.parametrize("state", list(TaskState))
def test_terminal_states(state: TaskState) -> None:
    """Exactly the states without a way back are terminal, given as a member or as a text."""
    assert is_terminal(state) == is_terminal(str(state)) == (state not in _LIVING)


def test_a_legal_move_is_appended() -> None:
    """``move`` returns the new state and keeps the history."""
    history = [AgentState.RECOVERING]
    assert move(AGENT, "M-S0", history, AgentState.DISCONNECTED) is AgentState.DISCONNECTED
    assert history == ["RECOVERING", "DISCONNECTED"]


def test_an_illegal_move_tells_the_history() -> None:
    """``move`` names the cycle, the id, how it came here and what could have come next."""
    history = [TaskState.TASK_STAGING, TaskState.TASK_FINISHED]
    with pytest.raises(InternalError) as caught:
        move(TASK, "t1", history, TaskState.TASK_RUNNING)
    text = str(caught.value)
    assert "task t1 cannot go from TASK_FINISHED to TASK_RUNNING" in text
    assert "TASK_STAGING -> TASK_FINISHED" in text
    assert history == [TaskState.TASK_STAGING, TaskState.TASK_FINISHED]


def test_terminal_tasks_stay_so() -> None:
    """No move leads out of a terminal task state, and every living task may end in each of them."""
    for state in TaskState:
        assert bool(TASK.moves[state]) != is_terminal(state)


def test_executors_only_grow_older() -> None:
    """No executor state can be entered twice."""
    order = list(ExecutorState)
    for state, following in EXECUTOR.moves.items():
        assert all(order.index(ExecutorState(after)) > order.index(ExecutorState(state)) for after in following)


@pytest.mark.parametrize("cycle", [TASK, EXECUTOR, AGENT, FRAMEWORK], ids=lambda cycle: cycle.name)
def test_cycles_are_closed(cycle: LifeCycle) -> None:
    """Each state a cycle can reach has a row of its own."""
    for following in cycle.moves.values():
        assert set(following) <= set(cycle.moves)
