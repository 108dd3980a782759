"""The smallest event loop that runs one ready callback at a time, in an order given from outside."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

Pick = Callable[[Sequence[int]], int]
"""Given the tasks that are ready, by number and oldest first (-1: no task), which goes on: an index."""


class Stuck(Exception):
    """Nothing is ready, no timer is pending, and the main coroutine is not done."""


class TinyLoop(asyncio.AbstractEventLoop):
    """Virtual time; task 0 is the main coroutine, the others are counted in the order in which they are made."""

    def __init__(self, pick: Pick) -> None:
        self.pick = pick
        self.ready: list[asyncio.Handle] = []
        self.timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self.tasks: list[asyncio.Task[Any]] = []
        self.now = 0.0
        self.steps: dict[int, int] = {}

    def run(self, main: Coroutine[Any, Any, Any]) -> Any:
        """The result of the main coroutine.

        Raises:
            Stuck: a deadlock.
        """
        asyncio._set_running_loop(self)
        try:
            task = self.create_task(main)
            while not task.done():
                self._step()
            return task.result()
        finally:
            for left_over in self.tasks:
                left_over.cancel()
            while self.ready:
                self.ready.pop(0)._run()
            asyncio._set_running_loop(None)

    def _step(self) -> None:
        self.ready = [handle for handle in self.ready if not handle.cancelled()]
        if not self.ready:
            if not self.timers:
                raise Stuck
            self.now, _, timer = heapq.heappop(self.timers)
            self.ready.append(timer)
            return
        numbers = [self._number(handle) for handle in self.ready]
        index = self.pick(numbers) if len(numbers) > 1 else 0
        self.steps[numbers[index]] = self.steps.get(numbers[index], 0) + 1
        self.ready.pop(index)._run()

    def _number(self, handle: asyncio.Handle) -> int:
        owner = getattr(handle._callback, "__self__", None)  # type: ignore[attr-defined]
        return self.tasks.index(owner) if isinstance(owner, asyncio.Task) else -1

    def create_task(self, coro: Any, **options: Any) -> Any:
        """A task of this loop."""
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self)
        self.tasks.append(task)
        return task

    def create_future(self) -> asyncio.Future[Any]:
        """A future of this loop."""
        return asyncio.Future(loop=self)

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:
        """One more that is ready."""
        handle = asyncio.Handle(callback, args, self, context)
        self.ready.append(handle)
        return handle

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> asyncio.TimerHandle:
        """One more that is ready when its time has come."""
        handle = asyncio.TimerHandle(self.now + delay, callback, args, self, context)
        heapq.heappush(self.timers, (handle.when(), len(self.timers) + 1_000 * len(self.ready), handle))
        return handle

    def time(self) -> float:
        """Virtual."""
        return self.now

    def get_debug(self) -> bool:
        """No."""
        return False

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        self.timers = [entry for entry in self.timers if entry[2] is not handle]
        heapq.heapify(self.timers)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """A failure that nobody asked for is the failure of another task."""
