"""The tree of errors: who is at fault, and which built-in classes they may be caught as."""

from __future__ import annotations

import pytest

from harness import errors

PARENTS = {
    "HarnessError": "Exception",
    "MisuseError": "HarnessError",
    "FlagError": "MisuseError",
    "SystemFailure": "HarnessError",
    "ExpectationError": "SystemFailure",
    "InvariantError": "SystemFailure",
    "DeadlockError": "SystemFailure",
    "WaitTimeout": "SystemFailure",
    "LivelockError": "SystemFailure",
    "ProcessError": "SystemFailure",
    "FutureFailed": "SystemFailure",
    "InternalError": "HarnessError",
    "NondeterminismError": "InternalError",
}


@pytest.mark.parametrize(("name", "parent"), PARENTS.items())
def test_each_error_has_the_parent_that_is_drawn(name: str, parent: str) -> None:
    """Every error is a direct child of the class under which the module draws it."""
    assert getattr(errors, name).__mro__[1].__name__ == parent


def test_the_tree_is_complete() -> None:
    """There is no error class beside those that are drawn."""
    found = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert found == set(PARENTS)


@pytest.mark.parametrize("name", PARENTS)
def test_the_module_draws_each_error(name: str) -> None:
    """The picture at the top of the module names every class, and every class says what it means."""
    assert name in (errors.__doc__ or "")
    assert getattr(errors, name).__doc__


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("FlagError", ValueError),
        ("ExpectationError", AssertionError),
        ("InvariantError", AssertionError),
        ("WaitTimeout", TimeoutError),
    ],
)
def test_errors_are_also_what_python_calls_them(name: str, builtin: type[Exception]) -> None:
    """An unmet expectation is an AssertionError, a timeout a TimeoutError, a bad flag a ValueError."""
    assert issubclass(getattr(errors, name), builtin)


def test_the_three_branches_do_not_overlap() -> None:
    """No error blames the test and the system, or the system and the harness, at once."""
    branches = (errors.MisuseError, errors.SystemFailure, errors.InternalError)
    for name in PARENTS:
        assert sum(issubclass(getattr(errors, name), branch) for branch in branches) <= 1
