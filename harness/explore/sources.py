"""What a run asks for that no seed controls: real time, random numbers, identities, threads; and from which line.

A profile function of the interpreter sees every call, also of what is written in C and however it was imported. It makes a run
several times slower, so it is used only once a run is known to differ from an equal one.
"""

from __future__ import annotations

import os
import random
import sys
from datetime import date
from types import CodeType, FrameType, TracebackType
from typing import Any, NamedTuple

from harness.simulation.event_kernel import EventKernel
from harness.simulation.kernel import Kernel
from harness.simulation.trace import STRIDE
from harness.simulation.world import World

TIME, CHANCE, IDENTITY, HASH, THREADS, SURROUNDINGS = (
    "real time",
    "random numbers that no seed controls",
    "the identity of an object",
    "a hash that depends on PYTHONHASHSEED",
    "threads",
    "the environment of the process",
)

_BUILTINS = {
    **{("time", name): TIME for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns")},
    **{("time", name): TIME for name in ("process_time", "process_time_ns", "thread_time", "thread_time_ns", "sleep")},
    **{(module, name): CHANCE for module in ("posix", "nt") for name in ("urandom", "getrandom")},
    **{(module, name): SURROUNDINGS for module in ("posix", "nt") for name in ("getcwd", "getpid", "listdir", "scandir")},
    ("_uuid", "generate_time_safe"): CHANCE,
    ("builtins", "id"): IDENTITY,
    ("builtins", "hash"): HASH,
    ("_thread", "start_new_thread"): THREADS,
    ("_thread", "start_joinable_thread"): THREADS,
}
_TODAY = ("now", "utcnow", "today")
# Modules through which calls pass on their way: whoever called them is meant.
_OURS = ("harness", "harness_fixtures")
_PASSED = frozenset((*_OURS, "_pytest", "freezegun", "mock", "pluggy", "pytest", "pytest_mock")) | sys.stdlib_module_names
_POSTS: tuple[CodeType, ...] = (Kernel.post.__code__, EventKernel.post.__code__)
_ENVIRONMENT = type(os.environ).__getitem__.__code__


class Asked(NamedTuple):
    """One call for something uncontrolled.

    Attributes:
        kind: what was asked for; one of the constants of this module.
        call: the function that was called.
        where: file, line and function of the call.
        step: how many records the trace had by then.
    """

    kind: str
    call: str
    where: str
    step: int

    def __str__(self) -> str:
        return f"{self.call}() at {self.where}"


class Sources:
    """Notes what one run asks for, and where its messages are sent; a context manager around the run.

    If somebody profiles already, nothing is noted.

    Attributes:
        asked: the calls, in order; of those from one line the last.
    """

    def __init__(self) -> None:
        self.asked: dict[tuple[str, str], Asked] = {}
        self._sent: dict[tuple[str, int, int], str] = {}
        self._flat: list[Any] = []
        self._watching = False

    def follow(self, world: World) -> None:
        """Count the steps of this world."""
        self._flat = world.trace.flat

    def __enter__(self) -> Sources:
        if sys.getprofile() is None:
            self._watching = True
            sys.setprofile(self._on_event)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """What is asked for from now on does not matter."""
        if self._watching:
            self._watching = False
            sys.setprofile(None)

    def until(self, step: int) -> list[Asked]:
        """What was asked for by the time the trace had ``step`` records, last first."""
        return [asked for asked in reversed(self.asked.values()) if asked.step <= step]

    def sent_at(self, entity: str, sent_ns: int, cause: int) -> str:
        """Where the message was sent that travelled on this channel since then, caused by that step; empty if not known."""
        return self._sent.get((entity, sent_ns, cause), "")

    def _on_event(self, frame: FrameType, event: str, arg: Any) -> None:
        if event == "c_call":
            kind = _kind_of(arg)
            if kind is not None:
                self._note(kind, _name_of(arg), frame)
        elif event == "call":
            code = frame.f_code
            if code in _POSTS:
                given = frame.f_locals
                kernel, channel = given["self"], given["channel"]
                self._sent[channel.entity, kernel.now, kernel.cause] = place(frame)
            elif code is _ENVIRONMENT:
                self._note(SURROUNDINGS, "os.environ.get", frame)

    def _note(self, kind: str, call: str, frame: FrameType) -> None:
        caller: FrameType | None = frame
        while caller is not None and _module(caller) in sys.stdlib_module_names:
            caller = caller.f_back
        if caller is None or _module(caller) in _PASSED:
            return
        asked = Asked(kind, call, _place(caller), len(self._flat) // STRIDE)
        self.asked.pop((call, asked.where), None)
        self.asked[call, asked.where] = asked


def place(frame: FrameType | None) -> str:
    """File, line and function of the nearest frame that is the user's; empty if there is none."""
    while frame is not None and _module(frame) in _PASSED:
        frame = frame.f_back
    return "" if frame is None else _place(frame)


def _module(frame: FrameType) -> str:
    name: str = frame.f_globals.get("__name__") or ""
    return name.partition(".")[0]


def _place(frame: FrameType) -> str:
    path = frame.f_code.co_filename
    if os.path.isabs(path):
        inside = os.path.relpath(path) if os.path.splitdrive(path)[0] == os.path.splitdrive(os.getcwd())[0] else path
        path = path if inside.startswith("..") else inside
    return f"{path}:{frame.f_lineno} in {frame.f_code.co_name}"


def _kind_of(called: Any) -> str | None:
    owner = getattr(called, "__self__", None)
    if isinstance(owner, type):
        return TIME if issubclass(owner, date) and called.__name__ in _TODAY else None
    if owner is getattr(random, "_inst", called):
        return CHANCE
    return _BUILTINS.get((getattr(called, "__module__", None) or "", getattr(called, "__name__", "")))


def _name_of(called: Any) -> str:
    owner = getattr(called, "__self__", None)
    if isinstance(owner, type):
        return f"{owner.__name__}.{called.__name__}"
    module = getattr(called, "__module__", None) or ("random" if isinstance(owner, random.Random) else "builtins")
    shown = {"builtins": "", "posix": "os.", "nt": "os.", "_thread": "thread.", "_uuid": "uuid."}.get(module, f"{module}.")
    return f"{shown}{called.__name__}"
