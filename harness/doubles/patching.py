"""Expectations on anything: ``expect(queue).put(ANY).once()`` patches the method through ``mocker`` and watches it.

The original is called unless an action says otherwise, and ``mocker`` puts everything back at the end of the test.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any, Protocol

from harness.doubles.calls import Call
from harness.doubles.recorder import Double, Method
from harness.doubles.signatures import MethodSpec, MethodTable, nearest
from harness.errors import MisuseError
from harness.simulation import Process, World


class Patcher(Protocol):
    """What is needed of pytest-mock's ``mocker``."""

    @property
    def patch(self) -> Any:
        """Its ``patch.object`` replaces an attribute until the end of the test."""


class Watched(Double):
    """The record of one patched object (or class, or module); methods are patched when they are first mentioned."""

    def __init__(self, target: Any, mocker: Patcher) -> None:
        super().__init__()
        self._target = target
        self._mocker = mocker
        self._table = MethodTable(_name(target), ())  # type: ignore[misc]
        self._title = "watched"  # type: ignore[misc]
        self._originals: dict[str, Any] = {}
        # For patched classes: the instance of each call, by the call's index.
        self._instances: dict[int, Any] = {}

    @property
    def forwards(self) -> bool:
        """Always: the original method is there."""
        return True

    def _find(self, name: str) -> str:
        if name not in self._originals:
            self._patch(name)
        return name

    def _run_real(self, name: str, call: Call) -> Any:
        instance = (self._instances[call.index],) if call.index in self._instances else ()
        return self._originals[name](*instance, *call._positional, **call._kwargs)

    def _patch(self, name: str) -> None:
        target = self._target
        original = getattr(target, name, None)
        if not callable(original):
            what = "is no method" if hasattr(target, name) else "does not exist"
            known = [each for each in dir(target) if not each.startswith("_") and callable(getattr(target, each, None))]
            raise MisuseError(
                f"expect({_name(target)}).{name}: {name!r} {what}; {nearest(name, known)}methods: {', '.join(known) or 'none'}"
            )
        # On a class the function waits for its instance, which expectations do not mention.
        unbound = inspect.isclass(target) and inspect.isfunction(inspect.getattr_static(target, name))
        owner = f"{_name(target)}."
        self._table.specs[name] = spec = MethodSpec(name, original, bound=not unbound, mesos=False, owner=owner)
        self._originals[name] = original
        method = self._method(name)
        replacement: Any = _for_instances(method, original) if unbound else method
        if inspect.isclass(target) and not unbound:
            replacement = staticmethod(method)
        try:
            self._mocker.patch.object(target, name, new=replacement)
            self._patch_handler(original, method)
        except (AttributeError, TypeError) as error:
            del self._table.specs[name], self._originals[name], self._methods[name]
            raise MisuseError(
                f"expect({_name(target)}).{name}: this object does not let its methods be replaced ({error}); "
                f"expect it of the class: expect({type(target).__name__}).{spec.name}(...)"
            ) from error

    def _patch_handler(self, original: Any, method: Method) -> None:
        # A process finds the handlers of messages in a table of functions, not by attribute.
        types = getattr(original, "_handled_types", ())
        if isinstance(self._target, Process) and types:
            handler = functools.partial(_without_process, method)
            table = {**self._target._handlers, **dict.fromkeys(types, handler)}
            self._mocker.patch.object(self._target, "_handlers", new=table)

    def __repr__(self) -> str:
        return f"expect({_name(self._target)})"


def _without_process(method: Method, process: Process, *args: Any) -> Any:
    return method(*args)


def _for_instances(method: Method, original: Any) -> Any:
    # A plain function, so that Python binds the instance; the original is called with it again.
    @functools.wraps(original)
    def watched(instance: Any, /, *args: Any, **kwargs: Any) -> Any:
        double = method._double
        assert isinstance(double, Watched)
        double._instances[len(double._record)] = instance
        return method(*args, **kwargs)

    return watched


def _name(target: Any) -> str:
    own = getattr(target, "__name__", None)
    return own if isinstance(own, str) else type(target).__name__


class Expect:
    """``expect(anything).method(...)``: an expectation on a method of any object, class or module.

    Args:
        world: gives the times, and verifies at its end.
        mocker: pytest-mock's fixture, which takes the patches back.
    """

    def __init__(self, world: World, mocker: Patcher) -> None:
        self._world = world
        self._mocker = mocker
        self._watched: list[Watched] = []

    def __call__(self, target: Any) -> Any:
        """The namespace of expectations on ``target``: ``expect(target).<method>(...)``."""
        return self.watch(target).expect

    def watch(self, target: Any) -> Double:
        """The record behind ``expect(target)``: its ``calls``, ``calls_to(name)``, ``on``, ``forward(call)``."""
        if isinstance(target, Double):
            target.attach(self._world)
            return target
        for watched in self._watched:
            if watched._target is target:
                return watched
        watched = Watched(target, self._mocker)
        watched.attach(self._world)
        self._watched.append(watched)
        return watched

    def verify(self) -> None:
        """Check all expectations on all objects now, and retire them."""
        for watched in self._watched:
            watched.verify()
