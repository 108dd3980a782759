"""The registration toy as processes: ten agents authenticate and register with one master; ``peers/registration.py`` is its twin.

An agent waits for up to a second, asks to be authenticated, and registers; as long as no answer has come it asks again, after a
random back-off of 1 to 20 ms whose upper end doubles with each attempt. The master writes each new agent to its store, which
takes up to 20 ms, and then acknowledges; an agent that asks again meanwhile is not heard, one that asks again afterwards is
acknowledged again. Messages take 50 us to 5 ms.
"""

from __future__ import annotations

from harness.durations import Duration
from harness.simulation import Address, Process, World, handles

AGENTS = 10
START = Duration.parse("1secs")
LEAST_BACKOFF = Duration.parse("1ms")
BACKOFF = Duration.parse("20ms")
STORE = Duration.parse("20ms")
NOTHING = Duration(0)


class Authenticate:
    """An agent asks."""

    __slots__ = ()


class Authenticated:
    """The master has let it in."""

    __slots__ = ()


class Register:
    """An agent asks to be admitted."""

    __slots__ = ()


class Registered:
    """The agent is in the store."""

    __slots__ = ()


class Count:
    """What happened in a run: messages that arrived, timers that fired and writes that were done."""

    def __init__(self) -> None:
        self.events = 0


class Master(Process):
    """Admits agents."""

    def __init__(self, count: Count) -> None:
        super().__init__("master")
        self.count = count
        self.writing: dict[str, None] = {}
        self.admitted: dict[str, None] = {}

    @handles(Authenticate)
    def authenticate(self, sender: Address, message: Authenticate) -> None:
        """Let it in."""
        self.count.events += 1
        self.send(sender, Authenticated())

    @handles(Register)
    def register(self, sender: Address, message: Register) -> None:
        """Write it down, unless that is under way or done."""
        self.count.events += 1
        if sender in self.admitted:
            self.send(sender, Registered())
        elif sender not in self.writing:
            self.writing[sender] = None
            self.backoff(NOTHING, STORE, self.written, sender)

    def written(self, agent: Address) -> None:
        """It is in the store."""
        self.count.events += 1
        del self.writing[agent]
        self.admitted[agent] = None
        self.send(agent, Registered())


class Agent(Process):
    """Registers."""

    def __init__(self, name: str, count: Count) -> None:
        super().__init__(name)
        self.count = count
        self.registered = False
        self.longest = BACKOFF

    def initialize(self) -> None:
        """Not all at once."""
        self.backoff(NOTHING, START, self.begin)

    def begin(self) -> None:
        """Ask to be let in."""
        self.count.events += 1
        self.send("master@master", Authenticate())

    @handles(Authenticated)
    def authenticated(self, sender: Address, message: Authenticated) -> None:
        """Register, again and again."""
        self.count.events += 1
        self.attempt()

    def attempt(self) -> None:
        """Ask, and set the clock for the next time."""
        self.send("master@master", Register())
        self.retry = self.backoff(LEAST_BACKOFF, self.longest, self.again)
        self.longest *= 2

    def again(self) -> None:
        """No answer yet."""
        self.count.events += 1
        self.attempt()

    @handles(Registered)
    def acknowledged(self, sender: Address, message: Registered) -> None:
        """That is all."""
        self.count.events += 1
        self.registered = True
        self.retry.cancel()


def run(world: World) -> int:
    """One run; the events in it."""
    count = Count()
    master = Master(count)
    world.spawn(master, host="master")
    agents = [Agent(f"agent{n}", count) for n in range(AGENTS)]
    for agent in agents:
        world.spawn(agent)
    world.run_until_idle()
    assert all(agent.registered for agent in agents)
    assert len(master.admitted) == AGENTS
    return count.events
