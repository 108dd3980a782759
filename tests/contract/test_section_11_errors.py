"""Section 11 of the contract: the tree of errors."""

from __future__ import annotations

import pytest

import harness

BRANCHES = {
    "MisuseError": ["FlagError"],
    "SystemFailure": [
        "DeadlockError",
        "ExpectationError",
        "FutureFailed",
        "InvariantError",
        "LivelockError",
        "ProcessError",
        "WaitTimeout",
    ],
    "InternalError": ["NondeterminismError"],
}


def test_every_error_is_a_harness_error_of_one_of_three_branches():
    """The test is wrong, the system under test is wrong, or the harness is wrong."""
    for branch, leaves in BRANCHES.items():
        assert getattr(harness, branch).__mro__[1] is harness.HarnessError
        for leaf in leaves:
            assert issubclass(getattr(harness, leaf), getattr(harness, branch))
            assert sum(issubclass(getattr(harness, leaf), getattr(harness, other)) for other in BRANCHES) == 1


@pytest.mark.parametrize(
    ("error", "python"),
    [
        ("ExpectationError", AssertionError),
        ("InvariantError", AssertionError),
        ("WaitTimeout", TimeoutError),
        ("FlagError", ValueError),
    ],
)
def test_errors_are_what_python_calls_them_too(error, python):
    """So that ``pytest.raises(AssertionError)`` and the like catch them."""
    assert issubclass(getattr(harness, error), python)


def test_every_public_name_can_be_imported():
    """From ``harness`` itself, and nothing else is offered."""
    for name in harness.__all__:
        assert getattr(harness, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Clsuter'"):
        _ = harness.Clsuter


def test_the_function_explore_is_not_hidden_by_the_folder_of_that_name():
    """Whatever was imported first."""
    import importlib

    importlib.import_module("harness.explore.sweep")
    from harness import explore

    assert callable(explore)
