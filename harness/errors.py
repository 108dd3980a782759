"""Everything that can go wrong, by who is at fault::

    HarnessError
    ├── MisuseError              the test is wrong: a call that cannot mean anything
    │   └── FlagError            a flag with a wrong name, type or range
    ├── SystemFailure            the system under test is wrong
    │   ├── ExpectationError     a double was called too often, too rarely or out of order
    │   ├── InvariantError       a property that must always hold did not
    │   ├── DeadlockError        a wait for something that nothing pending can bring about
    │   ├── WaitTimeout          virtual time ran out while waiting
    │   ├── LivelockError        a limit was reached: steps, steps in one instant, pending events, virtual time
    │   ├── ProcessError         a handler raised or got a message it does not handle; the original is the cause
    │   └── FutureFailed         a future that was waited for failed or was discarded
    └── InternalError            the harness is wrong: please report it
        └── NondeterminismError  equal choices led to different runs

Each message names the value, what was wanted, and the next thing to try. This file imports nothing of ours.
"""

from __future__ import annotations

from collections.abc import Callable


class HarnessError(Exception):
    """Root of all errors raised by this package."""


class MisuseError(HarnessError):
    """The test (or the caller) asked for something that cannot be: fix the call."""


class FlagError(MisuseError, ValueError):
    """A Mesos flag with an unknown name, a value of the wrong type or out of its range."""


class SystemFailure(HarnessError):
    """The system under test did not do what it should; this is what tests are for.

    Attributes:
        step: the record of the trace at which it went wrong, -1 if no single event can be named.
    """

    step: int = -1


class ExpectationError(SystemFailure, AssertionError):
    """A double was called more often, less often, or in another order than was declared.

    Args:
        text: the report, or a function that makes it: in a sweep over thousands of seeds only one is ever read.
    """

    def __init__(self, text: str | Callable[[], str] = "") -> None:
        super().__init__(text)

    def __str__(self) -> str:
        (text,) = self.args
        if not isinstance(text, str):
            text = str(text())
            self.args = (text,)
        return text

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[type[ExpectationError], tuple[str]]:
        return type(self), (str(self),)


class InvariantError(SystemFailure, AssertionError):
    """A property declared with ``always``, ``eventually`` or ``leads_to``, or a built-in check, does not hold."""


class DeadlockError(SystemFailure):
    """A wait for something that cannot happen: nothing is pending that could bring it about."""


class WaitTimeout(SystemFailure, TimeoutError):
    """The virtual time given to a wait ran out."""


class LivelockError(SystemFailure):
    """A limit of the world was reached; the text names the limit, its value and what was still pending."""


class ProcessError(SystemFailure):
    """A handler of a process raised, or a message arrived that the process does not handle."""


class FutureFailed(SystemFailure):
    """A future that was waited for ended as failed or discarded."""


class InternalError(HarnessError):
    """The harness itself is wrong."""


class NondeterminismError(InternalError):
    """Two runs with equal choices differed, or a recorded run could not be followed."""
