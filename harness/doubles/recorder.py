"""The machinery under every double: methods that record, judge and pass on, made from a protocol class.

A double's class names its protocol (``class MockAllocator(Double, Allocator, protocol=Allocator)``); each public method of the
protocol becomes a :class:`Method` of the double. Nothing is written by hand per method, nothing is inspected per call, and a
method costs nothing until it is touched.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any, ClassVar
from unittest import mock

from harness.doubles import explain
from harness.doubles.actions import Action, as_action
from harness.doubles.arguments import Check, checks_of
from harness.doubles.calls import Call
from harness.doubles.expectation import Expectation
from harness.doubles.signatures import MethodSpec, MethodTable, nearest, protocol_table
from harness.durations import DurationLike
from harness.errors import ExpectationError, HarnessError, MisuseError
from harness.simulation import Process, World

#: The questions of unittest.mock that a method answers about its record.
MOCK_QUESTIONS = (
    "assert_any_call",
    "assert_called",
    "assert_called_once",
    "assert_called_once_with",
    "assert_called_with",
    "assert_has_calls",
    "assert_not_called",
    "call_args",
    "call_args_list",
    "call_count",
    "called",
    "method_calls",
    "mock_calls",
)


class Standing:
    """Made by ``double.on.<method>(...)``: what matching calls do by default, without anything being expected."""

    __slots__ = ("_checks", "_method", "action")

    def __init__(self, method: Method, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._method = method
        self._checks: tuple[Check, ...] = checks_of(method.spec, args, kwargs)
        self.action: Action | None = None

    def do(self, action: Any) -> Standing:
        """Let matching calls perform ``action``; the newest matching one answers."""
        checked = as_action(action)
        checked.check(self._method)
        if self.action is None:
            self._method.add_standing(self)
        self.action = checked
        return self

    def admits(self, call: Call) -> bool:
        """Whether the call is one of those meant."""
        if not self._checks:
            return True
        arguments = call.args
        return all(check.fits(arguments) for check in self._checks)


class Method:
    """One method of one double: call it, or ask it what ``unittest.mock`` would be asked."""

    __slots__ = ("_asked_from", "_double", "_expectations", "_standing", "run_real", "spec")

    def __init__(self, double: Double, spec: MethodSpec, run_real: Callable[[Call], Any]) -> None:
        self._double = double
        self.spec = spec
        self.run_real = run_real
        self._expectations: list[Expectation] | None = None
        self._standing: list[Standing] = []
        self._asked_from = 0

    # -- a call -----------------------------------------------------------------------------------------------------

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        double = self._double
        record = double._record
        if kwargs or len(args) != self.spec.arity:
            self.spec.bind(args, kwargs)
        clock = double._clock
        call = Call(self, args, kwargs, len(record), 0 if clock is None else clock.elapsed_ns)
        record.append(call)
        try:
            result = self.run_default(call) if self._expectations is None else self._judge(call, self._expectations)
        except BaseException as error:
            call.error = error
            raise
        call.result = result
        return result

    def _judge(self, call: Call, expectations: list[Expectation]) -> Any:
        for expectation in reversed(expectations):
            if expectation.admits(call):
                if not expectation.saturated:
                    return expectation.take(call)
                world = self._double._world
                end = 0 if world is None else len(world.trace)
                error = ExpectationError(
                    functools.partial(explain.oversaturated, expectation, [*expectation.calls, call], world, end)
                )
                error.step = end - 1
                expectation.overstep(call, error, told=not _inside_a_run())
                raise error
        for expectation in expectations:
            expectation.near_misses.append((call, expectation.why_not(call)))
        if self._double.strict:
            raise ExpectationError(explain.unexpected(call, self.spec, expectations, self._double._world))
        return self.run_default(call)

    def run_default(self, call: Call) -> Any:
        """What was set by ``on``, else forward to the real thing, else nothing."""
        for standing in reversed(self._standing):
            if not call.defaulted and standing.admits(call):
                assert standing.action is not None
                call.defaulted = True
                return standing.action.perform(call)
        return self.run_real(call)

    @property
    def can_forward(self) -> bool:
        """Whether there is something real behind the double."""
        return self._double.forwards

    def run_later(self, delay: DurationLike, call: Call, action: Any) -> None:
        """Perform ``action`` after ``delay`` of virtual time and answer the held call with its result."""
        self._double._delay(delay, call, action)

    # -- expectations -----------------------------------------------------------------------------------------------

    def expect(self, /, *args: Any, **kwargs: Any) -> Expectation:
        """Declare an expectation; it is judged from now on."""
        expectation = Expectation(self, args, kwargs, len(self._double._record))
        if self._expectations is None:
            self._expectations = []
        self._expectations.append(expectation)
        return expectation

    def on(self, /, *args: Any, **kwargs: Any) -> Standing:
        """Begin a default for matching calls; it holds from its ``do`` on."""
        return Standing(self, args, kwargs)

    def add_standing(self, standing: Standing) -> None:
        """Let ``standing`` answer calls that no expectation has an action for."""
        self._standing.append(standing)

    @property
    def expectations(self) -> list[Expectation]:
        """The expectations that still count, oldest first; a list of its own."""
        return list(self._expectations or ())

    def drop(self, expectation: Expectation) -> None:
        """Forget an expectation."""
        if self._expectations is not None and expectation in self._expectations:
            self._expectations.remove(expectation)

    def calls_since(self, index: int) -> list[Call]:
        """The calls of this method from ``index`` of the double's record on."""
        return [call for call in self._double._record[index:] if call._site is self]

    def unmet(self, expectation: Expectation, *, story: bool = True) -> ExpectationError:
        """The error about an expectation that is not fulfilled, with what happened or without."""
        return ExpectationError(explain.unmet(expectation, self._double._world if story else None))

    def describe(self, expectation: Expectation) -> str:
        """An expectation that is still waited for, in a line or two."""
        return explain.pending(expectation)

    # -- unittest.mock's questions ----------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        if name in MOCK_QUESTIONS:
            return getattr(self._replayed(), name)
        if name.startswith("__"):
            raise AttributeError(name)
        hint = nearest(name, MOCK_QUESTIONS)
        raise AttributeError(
            f"the recorded method {self.spec.name} has no attribute {name!r}; {hint}it answers: {', '.join(MOCK_QUESTIONS)}"
        )

    def reset_mock(self) -> None:
        """Let the questions of ``unittest.mock`` speak of later calls only; the record itself stays."""
        self._asked_from = len(self._double._record)

    def _replayed(self) -> mock.Mock:
        def probe(*args: Any, **kwargs: Any) -> None: ...

        # With the signature known, a call by position equals the same call by name.
        probe.__signature__ = self.spec.signature  # type: ignore[attr-defined]
        real = mock.Mock(spec=probe, name=self.spec.name, return_value=None)
        for call in self.calls_since(self._asked_from):
            real(*call._positional, **call._kwargs)
        return real

    @property
    def __name__(self) -> str:
        return self.spec.name

    @property
    def __signature__(self) -> inspect.Signature:
        return self.spec.signature

    def __repr__(self) -> str:
        return f"<recorded method {self.spec.name} of {self._double!r}>"


def _inside_a_run() -> bool:
    """Whether a world is being driven further up the stack; if not, an error raised now goes straight to the test."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__") == "harness.simulation.drive":
            return True
        frame = frame.f_back
    return False


class MethodPort:
    """Makes the :class:`Method` of a double when it is first touched, and stays out of the way afterwards."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, double: Double | None, owner: type | None = None) -> Any:
        if double is None:
            return self
        # Instance attributes win over this kind of descriptor: from now on, and while somebody patches the method.
        method = double.__dict__[self.name] = double._method(self.name)
        return method


class _Namespace:
    """``double.expect`` or ``double.on``: attributes are methods of the double, in either spelling."""

    __slots__ = ("_double", "_verb")

    def __init__(self, double: Double, verb: str) -> None:
        self._double = double
        self._verb = verb

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._double._method(self._double._find(name)), self._verb)

    def __repr__(self) -> str:
        return f"<{self._verb} of {self._double!r}>"


class _Later(Process):
    """Performs delayed actions of one double."""

    def perform(self, call: Call, action: Action) -> None:
        """Perform the action unless somebody answered the call in the meantime."""
        if call.held:
            call.complete(action.perform(call))


class Double:
    """Base class of everything that stands in for something and records.

    Every subclass takes ``strict=True``: a call that matches none of a method's expectations is then an error, as in gmock.
    """

    _table: ClassVar[MethodTable]
    #: How texts call it.
    _title: ClassVar[str] = "double"

    def __init_subclass__(
        cls, *, protocol: type | None = None, title: str = "", leave_out: tuple[str, ...] = (), **arguments: Any
    ) -> None:
        super().__init_subclass__(**arguments)
        if protocol is None:
            return
        cls._title = title or cls.__name__
        cls._table = protocol_table(cls.__name__, protocol, leave_out)
        for name in cls._table.specs:
            setattr(cls, name, MethodPort(name))

    def __init__(self, *, strict: bool = False) -> None:
        self.strict = strict
        self._record: list[Call] = []
        self._methods: dict[str, Method] = {}
        self._world: World | None = None
        self._clock: Any = None
        self._later: _Later | None = None

    # -- what tests use ---------------------------------------------------------------------------------------------

    @property
    def expect(self) -> Any:
        """Declare an expectation: ``double.expect.<method>(...)`` gives an :class:`Expectation`."""
        return _Namespace(self, "expect")

    @property
    def on(self) -> Any:
        """Set a default without expecting anything: ``double.on.<method>(...).do(action)``."""
        return _Namespace(self, "on")

    @property
    def calls(self) -> list[Call]:
        """All calls in the order in which they came; a list of its own."""
        return list(self._record)

    def calls_to(self, method: str) -> list[Call]:
        """The calls of one method, named in our spelling or in Mesos's.

        Raises:
            MisuseError: there is no such method.
        """
        return self._method(self._find(method)).calls_since(0)

    def forward(self, call: Call) -> Any:
        """Run a recorded call on the real thing now; if it was held, its asker gets the result.

        Raises:
            MisuseError: the call is another double's, or nothing real is behind this one.
        """
        method = call._site
        if not isinstance(method, Method) or method._double is not self:
            raise MisuseError(f"forward({call!r}): that call was made to another double; wanted one of {self!r}.calls")
        if not self.forwards:
            raise MisuseError(f"forward({call!r}): there is nothing real behind {self!r}; answer it: call.answer(value)")
        result = method.run_real(call)
        if call.held:
            call.complete(result)
        return result

    def verify(self) -> None:
        """Check all expectations now, and retire them.

        Raises:
            ExpectationError: one is not fulfilled; further ones are its notes.
        """
        errors = self.verify_at_end()
        for expectation in self.expectations:
            expectation.drop()
        if errors:
            for other in errors[1:]:
                errors[0].add_note(f"also: {other}")
            raise errors[0]

    @property
    def expectations(self) -> list[Expectation]:
        """The expectations that still count, by method."""
        return [expectation for method in self._methods.values() for expectation in method.expectations]

    # -- what a cluster uses ----------------------------------------------------------------------------------------

    def attach(self, world: World) -> None:
        """Take times from ``world`` and let its end verify the expectations. Attaching again to the same world is nothing.

        Raises:
            MisuseError: it belongs to another world.
        """
        if self._world is world:
            return
        if self._world is not None:
            raise MisuseError(f"{self!r} belongs to another world already; make a new double for each cluster")
        self._world = world
        self._clock = world.clock
        world.add_check(self)

    def verify_at_end(self) -> list[HarnessError]:
        """The findings about expectations that are not fulfilled; each is returned once."""
        errors: list[HarnessError] = []
        for expectation in self.expectations:
            # What happened is told once; the other findings would only repeat it.
            error = expectation.finding(story=not errors)
            if error is not None:
                errors.append(error)
        return errors

    def describe_pending(self) -> list[str]:
        """What is still waited for, for the report of a deadlock."""
        return [
            line
            for expectation in self.expectations
            if not expectation.satisfied
            for line in expectation.describe_pending().splitlines()
        ]

    # -- machinery --------------------------------------------------------------------------------------------------

    @property
    def forwards(self) -> bool:
        """Whether there is something real behind this double."""
        return False

    def _run_real(self, name: str, call: Call) -> Any:
        """Without anything real: do nothing."""
        return None

    def _find(self, name: str) -> str:
        """Our name of the method called ``name`` in either spelling."""
        return self._table.name_of(name)

    def _method(self, name: str) -> Method:
        method = self._methods.get(name)
        if method is None:
            method = Method(self, self._table.specs[name], functools.partial(self._run_real, name))
            self._methods[name] = method
        return method

    def _delay(self, delay: DurationLike, call: Call, action: Action) -> None:
        world = self._world
        if world is None:
            raise MisuseError(f"delayed({delay!s}) needs a clock, and {self!r} belongs to no world; hand it to a cluster first")
        if self._later is None:
            number = 1
            while world.process(f"delayed-{number}@{self._title}") is not None:
                number += 1
            self._later = _Later(f"delayed-{number}")
            world.spawn(self._later, self._title)
        self._later.delay(delay, self._later.perform, call, action)

    def __repr__(self) -> str:
        return type(self).__name__


class ForwardingDouble(Double):
    """A double with something real behind it, to which every call goes unless told otherwise.

    Args:
        real: what calls are forwarded to; by default one is made when it is first needed.
        strict: see :class:`Double`.
    """

    def __init__(self, real: Any = None, *, strict: bool = False) -> None:
        super().__init__(strict=strict)
        self._real = real

    @property
    def real(self) -> Any:
        """What calls are forwarded to; may be set while nothing has been forwarded yet."""
        if self._real is None:
            self._real = self._make_real()
        return self._real

    @real.setter
    def real(self, real: Any) -> None:
        self._real = real

    def _make_real(self) -> Any:
        raise NotImplementedError

    @property
    def forwards(self) -> bool:
        """Always."""
        return True

    def _run_real(self, name: str, call: Call) -> Any:
        return getattr(self.real, name)(*call._positional, **call._kwargs)

    def __getattr__(self, name: str) -> Any:
        # What is no method of the protocol (metrics, a registry to look at) is the real thing's own.
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return getattr(self.real, name)
        except AttributeError:
            hint = nearest(name, self._table.specs)
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}; {hint}".rstrip("; ")) from None
