"""A busy run of toy processes, to be run as a script in other interpreters: prints one line per seed, digest and record.

It uses what could go wrong with hash seeds and identities: sets and frozen sets in messages, many hosts, ties, children,
links, faults, rules, back-offs, work, and dispatches that carry callbacks.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from typing import Any

from harness.simulation import Address, Process, World, handles


@dataclass(frozen=True)
class Gossip:
    """Hearsay: a set of rumours."""

    rumours: frozenset[str]
    hops: int


class Peer(Process):
    """Tells what it hears to another one, after a back-off, and starts a child now and then."""

    def __init__(self, name: str, others: tuple[str, ...]) -> None:
        super().__init__(name)
        self.others = others
        self.known: set[str] = set()
        self.told = 0

    def initialize(self) -> None:
        for other in self.others:
            self.link(other)
        self.backoff("0ns", "5ms", "tell")
        self.delay("10ms", "tell")

    @handles(Gossip)
    def hear(self, sender: Address, message: Gossip) -> None:
        self.known |= message.rumours
        self.note("{} knows {}", self.name, frozenset(self.known))
        if message.hops:
            self.work("think", "10us", "3ms", "tell", message.hops - 1)
        if self.choose("child", 8) == 7 and self.told < 20:
            self.spawn(Peer(self.unique_name("child"), (self.address,)))

    def tell(self, hops: int = 2) -> None:
        self.told += 1
        self.known.add(f"{self.name}:{self.told}")
        other = self.others[self.choose("other", len(self.others))]
        self.send(other, Gossip(frozenset(self.known), hops))
        self.dispatch(other, "count", self.known.copy()).on_ready(self.defer("counted"))

    def count(self, rumours: set[str]) -> int:
        return len(rumours | self.known)

    def counted(self, n: int) -> None:
        if n % 7 == 0 and self.name != "peer-0" and self.told > 6:
            self.terminate()

    def exited(self, address: Address) -> None:
        self.note("{} misses {}", self.name, address)


def run(seed: int, strategy: Any = "random", replay: Any = None) -> World:
    """One run of six peers on three hosts, under faults."""
    world = World(seed, strategy=strategy, replay=replay)
    hosts = ("h0", "h1", "h2")
    addresses = [f"peer-{n}@{hosts[n % 3]}" for n in range(6)]
    for n, address in enumerate(addresses):
        others = tuple(other for other in addresses if other != address)
        world.spawn(Peer(f"peer-{n}", others), address.partition("@")[2])
    world.network.loss("h0", "h1", 0.05)
    world.network.duplicate("h1", "h2", 0.05)
    watched = world.messages.expect(Gossip, where=lambda gossip: gossip.hops == 1)
    held = world.messages.hold(Gossip, dst="h2", times=2)
    world.settle()
    world.run_for("4ms")
    world.network.partition("h0", "h2")
    world.clock.advance("7ms")
    held.release()
    world.clock.jump("2ms")
    world.network.heal()
    world.run_until_idle()
    assert watched.count
    return world


def fingerprint(world: World) -> str:
    """One line: digest of the trace, digest of the choices, number of steps."""
    record = "\n".join(str(tuple(choice)) for choice in world.choices)
    return f"{world.digest} {hashlib.blake2b(record.encode(), digest_size=8).hexdigest()} {world.steps}"


if __name__ == "__main__":
    for number in range(int(sys.argv[1])):
        print(number, fingerprint(run(number)))
