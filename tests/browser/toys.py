"""Runs to make pages of: a shop whose customers order again too early, and much gossip."""

from __future__ import annotations

import functools
import time
from typing import Any

import msgspec

from harness.explore.tokens import Schedule
from harness.report.document import FailureDocument, RunDocument, document_of
from harness.report.failure_files import failure_document
from harness.runs import Plan, Run
from harness.simulation import Address, Process, World, handles


class Item(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    price: int


class Order(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    items: tuple[Item, ...] = ()
    remark: str | None = None


class Receipt(msgspec.Struct, frozen=True):
    number: int


class Shop(Process):
    def __init__(self) -> None:
        super().__init__("shop")
        self.orders: list[int] = []

    def initialize(self) -> None:
        self.spawn(Process("till"))

    @handles(Order)
    def order(self, sender: Address, message: Order) -> None:
        self.orders.append(message.number)
        self.note("Registered order {} of {}", message.number, sender)
        self.link(sender)
        self.send(sender, Receipt(message.number))

    def exited(self, address: Address) -> None:
        self.note("Customer {} is gone", address)


class Customer(Process):
    def __init__(self, name: str, number: int) -> None:
        super().__init__(name)
        self.number = number
        self.served = False

    def initialize(self) -> None:
        self.ask()

    def ask(self) -> None:
        if not self.served:
            items = (Item(name="</script><b>tea</b>", price=3), Item(name="cake", price=5))
            self.send("shop@market", Order(number=self.number, items=items))
            self.backoff("1ms", "30ms", self.ask)

    @handles(Receipt)
    def receipt(self, sender: Address, message: Receipt) -> None:
        self.served = True
        self.note("Waiting for nothing more")


def each_orders_once(world: World) -> None:
    """Fails where an order is sent again before the receipt came."""
    shop = Shop()
    world.spawn(shop, host="market")
    for number, name in enumerate(("ada", "bob")):
        world.spawn(Customer(name, number + 1), host=name)
    world.run_for("40ms")
    world.post(Receipt(99), to="nobody@nowhere")
    world.terminate("bob@bob")
    world.run_for("10ms")
    assert sorted(shop.orders) == [1, 2], f"orders: {sorted(shop.orders)}"


def loses_and_holds(world: World) -> None:
    """One order is dropped, one receipt held; then it fails."""
    world.messages.drop(Order, dst="shop@market", times=1)
    world.messages.hold(Receipt, dst="bob@bob")
    each_orders_once(world)
    raise AssertionError("nobody was happy")


def run_of(test: Any, seed: int, strategy: str = "random") -> Run:
    """One run of a test."""
    return Plan(test).run(Schedule(seed, strategy))


def failing_run(test: Any = each_orders_once) -> Run:
    """The run of the lowest failing seed."""
    return next(run for seed in range(200) if (run := run_of(test, seed)).failed)


def explained() -> FailureDocument:
    """A failure with everything: as found, shrunk, the nearest passing run, the explanation."""
    plan = Plan(each_orders_once)
    return failure_document(
        failing_run(), test="shop.py::each_orders_once", replay="pytest shop.py", make=plan.run, now=time.perf_counter, seconds=60
    )


class Gossip(msgspec.Struct, frozen=True):
    round: int
    about: str


class Heard(msgspec.Struct, frozen=True):
    round: int


class Gossiper(Process):
    def __init__(self, name: str, peers: list[str]) -> None:
        super().__init__(name)
        self.peers = peers
        self.round = 0

    def initialize(self) -> None:
        self.backoff("1ms", "40ms", self.gossip, recurring=True)

    def gossip(self) -> None:
        self.round += 1
        to = self.peers[self.choose("peer", len(self.peers))]
        self.send(to, Gossip(self.round, f"rumour {self.round} of {self.name}"))
        if self.round % 50 == 0:
            self.note("{} became the leader of round {}", self.name, self.round)
        self.backoff("1ms", "40ms", self.gossip, recurring=True)

    @handles(Gossip)
    def hear(self, sender: Address, message: Gossip) -> None:
        self.send(sender, Heard(message.round))

    @handles(Heard)
    def heard(self, sender: Address, message: Heard) -> None:
        pass


def gossip(world: World, records: int = 20_000) -> None:
    """So many records of 40 processes on 10 hosts, or a few more; then it fails."""
    names = [f"node{number}@host{number // 4}" for number in range(40)]
    for name in names:
        world.spawn(Gossiper(name.partition("@")[0], names), host=name.partition("@")[2])
    while len(world.trace) < records:
        world.run_for("50ms")
    world.terminate("node3@host0")
    raise AssertionError("rumours everywhere")


def big(records: int = 20_000) -> RunDocument:
    """The document of so many records."""
    return document_of(run_of(functools.partial(gossip, records=records), 3), test="gossip.py::gossip")
