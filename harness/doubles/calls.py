"""One recorded call, and what a call must know about the place where it came in."""

from __future__ import annotations

from typing import Any, Protocol

from harness.doubles.matchers import brief, has_field, read_field
from harness.doubles.signatures import MethodSpec
from harness.durations import Duration, DurationLike
from harness.errors import MisuseError
from harness.simulation.future import Future, Promise


class CallSite(Protocol):
    """The method of a double as its calls and actions see it."""

    @property
    def spec(self) -> MethodSpec:
        """What is known about the method."""

    @property
    def can_forward(self) -> bool:
        """Whether there is something real behind it."""

    def run_default(self, call: Call) -> Any:
        """What the double does when nothing else was said."""

    def run_real(self, call: Call) -> Any:
        """Call the real thing with the call's arguments."""

    def run_later(self, delay: DurationLike, call: Call, action: Any) -> None:
        """Perform an action after a span of virtual time and complete the call's future with its result."""


class Call:
    """One call of a double's method.

    Attributes:
        index: its place in the double's ``calls``.
        time: virtual time since the run began; 0 while the double belongs to no world.
        result: what the caller got; for a held or delayed call the pending future.
        error: the exception that the call ended with, if it did.
        defaulted: whether a default set by ``on`` was asked already; the default of that default is the real thing.
    """

    __slots__ = ("_kwargs", "_positional", "_promise", "_site", "defaulted", "error", "index", "result", "time_ns")

    def __init__(self, site: CallSite, args: tuple[Any, ...], kwargs: dict[str, Any], index: int, time_ns: int) -> None:
        self._site = site
        self._positional = args
        self._kwargs = kwargs
        self.time_ns = time_ns
        self._promise: Promise[Any] | None = None
        self.index = index
        self.result: Any = None
        self.defaulted = False
        self.error: BaseException | None = None

    @property
    def time(self) -> Duration:
        """Virtual time of the call since the run began."""
        return Duration(self.time_ns)

    @property
    def method(self) -> str:
        """Our name of the method, for example ``add_slave``."""
        return self._site.spec.name

    @property
    def args(self) -> dict[str, Any]:
        """The arguments by parameter name, defaults filled in, as a copy of its own."""
        return self._site.spec.bind(self._positional, self._kwargs)

    def arg(self, name: str) -> Any:
        """One argument by its parameter name, or a field of the one argument that carries it.

        Raises:
            MisuseError: no such parameter or field, or several arguments carry the field.
        """
        arguments = self.args
        if name in arguments:
            return arguments[name]
        spec = self._site.spec
        carriers = [parameter for parameter in spec.parameter_names(name) if has_field(arguments[parameter], name)]
        if len(carriers) == 1:
            return read_field(arguments[carriers[0]], name)
        raise spec.ambiguous(name, carriers) if carriers else spec.unknown(name)

    # -- held calls -------------------------------------------------------------------------------------------------

    @property
    def held(self) -> bool:
        """Whether the call still waits for its answer."""
        return self._promise is not None and not self._promise.future.done

    @property
    def discarded(self) -> bool:
        """Whether the asker gave up on a held call, or :meth:`discard` was called."""
        if self._promise is None:
            return False
        future = self._promise.future
        return future.discard_requested or future.discarded

    def answer(self, value: Any = None) -> None:
        """Let a held call return ``value``.

        Raises:
            MisuseError: the call is not held, or has its answer already.
        """
        self._open("answer").set(value)

    def fail(self, error: BaseException | str) -> None:
        """Let the future of a held call fail, with an exception or a text; errors as :meth:`answer`."""
        self._open("fail").fail(error)

    def discard(self) -> None:
        """Discard the future of a held call, as somebody who will never answer; errors as :meth:`answer`."""
        self._open("discard").discard()

    def hold(self) -> Future[Any]:
        """Make the call wait for :meth:`answer`, :meth:`fail`, :meth:`discard` or ``double.forward(call)``."""
        if self._promise is None:
            self._promise = Promise(f"{self.method} call {self.index}")
        return self._promise.future

    def complete(self, value: Any) -> None:
        """Answer a held call with the result of the real thing, which may be a future itself."""
        promise = self._open("answer")
        if isinstance(value, Future):
            promise.associate(value)
        else:
            promise.set(value)

    def _open(self, verb: str) -> Promise[Any]:
        if self._promise is None:
            raise MisuseError(
                f"call.{verb}(): {self} was not held, it returned {brief(self.result)}; "
                f"declare the expectation with .will_once(hold()) to answer it yourself"
            )
        if self._promise.future.done:
            raise MisuseError(f"call.{verb}(): {self} has its answer already: {self._promise.future!r}")
        return self._promise

    def __str__(self) -> str:
        arguments = ", ".join(f"{name}={brief(value, 60)}" for name, value in self.args.items())
        return f"{self.method}({arguments}) at {self.time}"

    def __repr__(self) -> str:
        return f"<Call {self.index}: {self}>"
