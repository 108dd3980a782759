"""What a double does when called: actions are values, made by the functions at the end of this file.

An action is checked when it is declared (an action for offers on a method without offers is a mistake of the test) and
performed once per call.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from harness.doubles.calls import Call, CallSite
from harness.doubles.matchers import brief
from harness.doubles.tasks import fitting_tasks
from harness.durations import Duration, DurationLike, as_duration
from harness.errors import MisuseError
from harness.mesos.resources import Resources
from harness.mesos.states import TaskState
from harness.simulation.future import Future, Promise


class Action:
    """Base of all actions."""

    __slots__ = ()

    def check(self, site: CallSite) -> None:
        """Raise MisuseError if this action makes no sense for the method."""

    def perform(self, call: Call) -> Any:
        """Do it; the result is what the caller gets."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__.lower()}()"


def _ready(call: Call, value: Any) -> Any:
    """``value`` as the method returns it: methods that always return a future get a completed one."""
    if not call._site.spec.returns_future or isinstance(value, Future):
        return value
    promise: Promise[Any] = Promise(call.method)
    promise.set(value)
    return promise.future


class Forward(Action):
    """Call the real thing."""

    __slots__ = ()

    def check(self, site: CallSite) -> None:
        if not site.can_forward:
            raise MisuseError(
                f"forward() on {site.spec.name}: there is nothing real behind this double; "
                "use call(f), returns(value), or build the double with real=..."
            )

    def perform(self, call: Call) -> Any:
        return call._site.run_real(call)


class Default(Action):
    """Whatever the double does by default."""

    __slots__ = ()

    def perform(self, call: Call) -> Any:
        return call._site.run_default(call)


class Ignore(Action):
    """Do nothing."""

    __slots__ = ()

    def perform(self, call: Call) -> Any:
        # Nobody ever answers: for a method that returns a future that is a pending one.
        return Promise(f"{call.method} (ignored)").future if call._site.spec.returns_future else None


class Returns(Action):
    """Return a value."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def perform(self, call: Call) -> Any:
        return _ready(call, self.value)

    def __repr__(self) -> str:
        return f"returns({brief(self.value)})"


class Raises(Action):
    """Raise an exception."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException | type[BaseException]) -> None:
        self.error = error

    def perform(self, call: Call) -> Any:
        raise self.error

    def __repr__(self) -> str:
        return f"raises({self.error!r})"


class CallFunction(Action):
    """Call a function with the call's arguments, or with none if it takes none."""

    __slots__ = ("function", "takes_nothing")

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        try:
            self.takes_nothing = not inspect.signature(function).parameters
        except (TypeError, ValueError):  # built-ins without a signature
            self.takes_nothing = False

    def perform(self, call: Call) -> Any:
        value = self.function() if self.takes_nothing else self.function(*call._positional, **call._kwargs)
        return _ready(call, value)

    def __repr__(self) -> str:
        return f"call({getattr(self.function, '__name__', brief(self.function))})"


class DoAll(Action):
    """Several actions in a row; the result is the last one's."""

    __slots__ = ("actions",)

    def __init__(self, actions: tuple[Action, ...]) -> None:
        self.actions = actions

    def check(self, site: CallSite) -> None:
        for action in self.actions:
            action.check(site)

    def perform(self, call: Call) -> Any:
        result = None
        for action in self.actions:
            result = action.perform(call)
        return result

    def __repr__(self) -> str:
        return f"do_all({', '.join(map(repr, self.actions))})"


class Hold(Action):
    """Keep the caller waiting."""

    __slots__ = ()

    def perform(self, call: Call) -> Any:
        return call.hold()


class Delayed(Action):
    """Do something after a span of virtual time."""

    __slots__ = ("action", "delay")

    def __init__(self, delay: Duration, action: Action) -> None:
        self.delay = delay
        self.action = action

    def check(self, site: CallSite) -> None:
        self.action.check(site)

    def perform(self, call: Call) -> Any:
        future = call.hold()
        call._site.run_later(self.delay, call, self.action)
        return future

    def __repr__(self) -> str:
        return f"delayed({str(self.delay)!r}, {self.action!r})"


class Satisfy(Action):
    """Complete a promise with the call."""

    __slots__ = ("promise",)

    def __init__(self, promise: Promise[Any]) -> None:
        self.promise = promise

    def perform(self, call: Call) -> Any:
        self.promise.set(call)
        return Ignore().perform(call)


def _needs(site: CallSite, action: Action, *parameters: str) -> None:
    names = site.spec.parameters
    if any(all(part not in names for part in parameter.split("|")) for parameter in parameters):
        wanted = " and ".join(parameter.replace("|", " or ") for parameter in parameters)
        raise MisuseError(f"{action!r} on {site.spec.name}: wanted a callback with {wanted}; it has {', '.join(names) or 'none'}")


class LaunchTasks(Action):
    """Launch what fits on the offers of the call, and accept each of them, with nothing if nothing fits."""

    __slots__ = ("count", "executor", "resources", "role")

    def __init__(self, count: int | None, resources: Resources | None, executor: Any, role: str) -> None:
        self.count = count
        self.resources = resources
        self.executor = executor
        self.role = role

    def check(self, site: CallSite) -> None:
        _needs(site, self, "driver", "offers")

    def perform(self, call: Call) -> Any:
        arguments = call.args
        left = self.count
        for offer in arguments["offers"]:
            tasks = fitting_tasks(offer, self.resources, left, executor=self.executor, role=self.role)
            if left is not None:
                left -= len(tasks)
            arguments["driver"].launch_tasks([offer.id], tasks)

    def __repr__(self) -> str:
        return "accept_all()" if self.count is None else f"launch_tasks(n={self.count})"


class DeclineOffers(Action):
    """Decline every offer of the call."""

    __slots__ = ("refuse_seconds",)

    def __init__(self, refuse_seconds: float | None) -> None:
        self.refuse_seconds = refuse_seconds

    def check(self, site: CallSite) -> None:
        _needs(site, self, "driver", "offers")

    def perform(self, call: Call) -> Any:
        arguments = call.args
        for offer in arguments["offers"]:
            arguments["driver"].decline_offer(offer.id, refuse_seconds=self.refuse_seconds)

    def __repr__(self) -> str:
        return "decline_offers()" if self.refuse_seconds is None else f"decline_offers(refuse_seconds={self.refuse_seconds!r})"


class SendStatus(Action):
    """Report a state for the task that the call is about."""

    __slots__ = ("message", "state")

    def __init__(self, state: TaskState, message: str) -> None:
        self.state = state
        self.message = message

    def check(self, site: CallSite) -> None:
        _needs(site, self, "driver", "task|task_id")

    def perform(self, call: Call) -> Any:
        arguments = call.args
        task = arguments["task"] if "task" in arguments else arguments["task_id"]
        arguments["driver"].send_status_update(task, self.state, message=self.message)

    def __repr__(self) -> str:
        return f"send_status({str(self.state)!r})"


# -- what tests write ---------------------------------------------------------------------------------------------------


def forward() -> Action:
    """Call the real thing with the same arguments; its result is returned."""
    return Forward()


def ignore() -> Action:
    """Do nothing, and return nothing (from a method that returns a future: one that nobody completes)."""
    return Ignore()


def returns(value: Any) -> Action:
    """Return ``value`` without doing anything (from a method that returns a future: one that is ready with it)."""
    return Returns(value)


def raises(error: BaseException | type[BaseException]) -> Action:
    """Raise ``error`` out of the call.

    Raises:
        MisuseError: ``error`` is no exception.
    """
    if not isinstance(error, BaseException) and not (isinstance(error, type) and issubclass(error, BaseException)):
        raise MisuseError(f"raises({error!r}): wanted an exception or its class, for example raises(ValueError('no'))")
    return Raises(error)


def call(function: Callable[..., Any]) -> Action:
    """Call ``function`` with the arguments of the call (with none if it takes none) and return its result.

    Raises:
        MisuseError: ``function`` cannot be called.
    """
    if not callable(function):
        raise MisuseError(f"call({function!r}): wanted a function; to return a value write returns({brief(function)})")
    return CallFunction(function)


def do_all(*actions: Action | Callable[..., Any]) -> Action:
    """Perform all actions in this order; the result is the last one's."""
    if not actions:
        raise MisuseError("do_all() needs at least one action; to do nothing use ignore()")
    return DoAll(tuple(as_action(action) for action in actions))


def hold() -> Action:
    """Keep the caller waiting for ``double.forward(call)``, ``call.answer(value)``, ``.fail(error)`` or ``.discard()``."""
    return Hold()


def delayed(duration: DurationLike, action: Action | Callable[..., Any] | None = None) -> Action:
    """Perform ``action`` (by default whatever the double does by default) after a span of virtual time."""
    delay = as_duration(duration, "duration")
    if delay.ns < 0:
        raise MisuseError(f"delayed({duration!r}): wanted a span of at least 0")
    return Delayed(delay, Default() if action is None else as_action(action))


def satisfy(promise: Promise[Any]) -> Action:
    """Complete ``promise`` with the call; only its first call counts. It does nothing else: see :func:`do_all`.

    Raises:
        MisuseError: not a promise.
    """
    if not isinstance(promise, Promise):
        raise MisuseError(f"satisfy({promise!r}): wanted a promise, made by world.promise()")
    return Satisfy(promise)


def launch_tasks(n: int = 1, resources: Resources | str | None = None, executor: Any = None, role: str = "*") -> Action:
    """For ``resource_offers``: launch as many tasks as fit on the offers until there are ``n``; every offer is accepted.

    Args:
        n: tasks per call.
        resources: what each task takes; by default the whole offer.
        executor: as in :func:`~harness.doubles.tasks.make_task`.
        role: the reservation that the tasks' resources are taken from; ``*`` takes unreserved ones.
    """
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise MisuseError(f"launch_tasks(n={n!r}): wanted a whole number of at least 1; for none use decline_offers()")
    return LaunchTasks(n, None if resources is None else Resources.of(resources), executor, role)


def decline_offers(refuse_seconds: float | None = None) -> Action:
    """For ``resource_offers``: decline each offer, by default with Mesos's filter of 5 seconds."""
    return DeclineOffers(refuse_seconds)


def accept_all() -> Action:
    """For ``resource_offers``: launch one task on each offer that takes all of it."""
    return LaunchTasks(None, None, None, "*")


def send_status(state: TaskState | str, message: str = "") -> Action:
    """For an executor's ``launch_task`` and ``kill_task``: report ``state`` for the task.

    Raises:
        MisuseError: there is no such state.
    """
    known = list(TaskState)
    for candidate in known:
        if state == candidate:
            return SendStatus(candidate, message)
    raise MisuseError(f"send_status({state!r}): there is no such state; states: {_join(known)}")


def _join(names: Iterable[object]) -> str:
    return ", ".join(str(name) for name in names)


def as_action(value: Any) -> Action:
    """The action that ``value`` means: itself, or for a function :func:`call` of it.

    Raises:
        MisuseError: it is neither.
    """
    if isinstance(value, Action):
        return value
    if isinstance(value, BaseException) or (isinstance(value, type) and issubclass(value, BaseException)):
        raise MisuseError(f"{value!r} is no action; write raises({value!r})")
    if callable(value):
        return CallFunction(value)
    raise MisuseError(
        f"{value!r} is no action; wanted forward(), ignore(), returns({brief(value)}), call(f), hold() and the like"
    )
