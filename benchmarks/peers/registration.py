"""The registration toy of ``benchmarks/registration.py`` as asyncio coroutines: one task for the master, one for each agent.

Messages go by one of two ways. *datagrams* are those of ``loop.create_datagram_endpoint``, between hosts of the network that the
explorer simulates, with its latencies. *queues* have no network at all: what is sent is put into the receiver's queue by
``call_later`` after a random time, which is the least that asyncio can do. Every random number comes from the explorer's own
source, so that a run can be repeated and explored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

AGENTS = 10
START = 1.0
LEAST_BACKOFF = 0.001
BACKOFF = 0.02
STORE = 0.02
LATENCY = (0.00005, 0.005)
PORT = 5050

Draw = Callable[[float, float], float]
"""A random number between two others."""
SpawnOn = Callable[[str, Coroutine[Any, Any, None]], "asyncio.Task[None]"]


class Wire:
    """Queues by name, and what was delivered."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.loop = asyncio.get_running_loop()
        self.queues: dict[str, asyncio.Queue[tuple[str, str]]] = {}
        self.events = 0

    def spawn(self, name: str, body: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a party."""
        return asyncio.create_task(body)

    async def open(self, name: str) -> None:
        """Be there to receive."""
        self.queues[name] = asyncio.Queue()

    def send(self, sender: str, to: str, message: str) -> None:
        """Let it arrive some time later."""
        self.loop.call_later(self.draw(*LATENCY), self.queues[to].put_nowait, (sender, message))

    async def receive(self, name: str) -> tuple[str, str]:
        """The next message, with its sender."""
        item = await self.queues[name].get()
        self.events += 1
        return item


class Inbox(asyncio.DatagramProtocol):
    """Puts what arrives into a queue."""

    def __init__(self, queue: asyncio.Queue[tuple[str, str]]) -> None:
        self.queue = queue

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """A message: its sender and its text."""
        sender, _, message = data.decode().partition(" ")
        self.queue.put_nowait((sender, message))


class Network(Wire):
    """The same over datagrams; ``spawn_on`` runs a coroutine on a host of the explorer's."""

    def __init__(self, draw: Draw, spawn_on: SpawnOn) -> None:
        super().__init__(draw)
        self.spawn_on = spawn_on
        self.endpoints: dict[str, asyncio.DatagramTransport] = {}

    def spawn(self, name: str, body: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a party on a host of its own."""
        return self.spawn_on(name, body)

    async def open(self, name: str) -> None:
        """Be there to receive."""
        queue: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self.queues[name] = queue
        self.endpoints[name], _ = await self.loop.create_datagram_endpoint(lambda: Inbox(queue), local_addr=(name, PORT))

    def send(self, sender: str, to: str, message: str) -> None:
        """Hand it to the network."""
        self.endpoints[sender].sendto(f"{sender} {message}".encode(), (to, PORT))


class Master:
    """Admits agents."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.writing: dict[str, None] = {}
        self.admitted: dict[str, None] = {}
        self.ready = asyncio.Event()

    async def serve(self) -> None:
        """For ever."""
        wire = self.wire
        await wire.open("master")
        self.ready.set()
        while True:
            sender, message = await wire.receive("master")
            if message == "authenticate":
                wire.send("master", sender, "authenticated")
            elif sender in self.admitted:
                wire.send("master", sender, "registered")
            elif sender not in self.writing:
                self.writing[sender] = None
                wire.loop.call_later(wire.draw(0, STORE), self.written, sender)

    def written(self, agent: str) -> None:
        """It is in the store."""
        self.wire.events += 1
        del self.writing[agent]
        self.admitted[agent] = None
        self.wire.send("master", agent, "registered")


class Agent:
    """Registers."""

    def __init__(self, name: str, wire: Wire) -> None:
        self.name = name
        self.wire = wire
        self.registered = False
        self.longest = BACKOFF

    async def live(self) -> None:
        """From the start to the last answer."""
        wire = self.wire
        await wire.open(self.name)
        await asyncio.sleep(wire.draw(0, START))
        wire.events += 1
        wire.send(self.name, "master", "authenticate")
        await wire.receive(self.name)
        self.attempt()
        await wire.receive(self.name)
        self.registered = True
        self.retry.cancel()

    def attempt(self) -> None:
        """Ask, and set the clock for the next time."""
        wire = self.wire
        wire.send(self.name, "master", "register")
        self.retry = wire.loop.call_later(wire.draw(LEAST_BACKOFF, self.longest), self.again)
        self.longest *= 2

    def again(self) -> None:
        """No answer yet."""
        self.wire.events += 1
        self.attempt()


async def run(wire: Wire) -> int:
    """One run; the events in it."""
    master = Master(wire)
    serving = wire.spawn("master", master.serve())
    await master.ready.wait()
    agents = [Agent(f"agent{n}", wire) for n in range(AGENTS)]
    await asyncio.gather(*(wire.spawn(agent.name, agent.live()) for agent in agents))
    assert all(agent.registered for agent in agents)
    assert len(master.admitted) == AGENTS
    serving.cancel()
    return wire.events
