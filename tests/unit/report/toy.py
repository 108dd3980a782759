"""One small run for the exporters: a customer who orders again and again, a shop with a kitchen, and a failure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import msgspec

from harness.explore.tokens import Schedule
from harness.report.document import DEVIATION, RunDocument, document_of
from harness.runs import Plan, Run
from harness.simulation import Address, Process, World, handles

SEED = 7


@dataclass(frozen=True)
class Order:
    """What the customer wants."""

    number: int
    dish: str


@dataclass(frozen=True)
class Served:
    """What the customer gets."""

    number: int


class Customer(Process):
    """Orders, and orders again while nothing comes."""

    def initialize(self) -> None:
        self.backoff("1ms", "9ms", "order", 1)

    def order(self, number: int) -> None:
        self.note('Ordering "soup; of the day" #{} <{}>', number, self.name)
        self.send("shop@town", Order(number, "soup; 100%"))
        if number < 3:
            self.backoff("2ms", "6ms", "order", number + 1)

    @handles(Served)
    def eat(self, sender: Address, message: Served) -> None:
        self.note("Finished eating {}", message.number)


class Shop(Process):
    """Takes orders, and has a kitchen."""

    def initialize(self) -> None:
        self.kitchen = self.spawn(Kitchen("kitchen"))
        self.delay("1mins", "close", recurring=True)

    @handles(Order)
    def take(self, sender: Address, message: Order) -> None:
        if message.number == 2:
            self.note("Refusing order {} from {}", message.number, sender)
            return
        self.dispatch(self.kitchen, "cook", sender, message)

    def close(self) -> None:
        self.terminate()


class Kitchen(Process):
    """Cooks and serves."""

    def cook(self, customer: Address, order: Order) -> None:
        self.work("cooking", "1ms", "2ms", "serve", customer, order.number)

    def serve(self, customer: Address, number: int) -> None:
        self.send(customer, Served(number))


def a_meal(world: World) -> None:
    """The test: it fails after the shop has gone and an order was lost."""
    world.spawn(Customer("ann"), "home")
    world.spawn(Shop("shop"), "town")
    world.run_for("8ms")
    world.messages.hold(Served, times=1)
    world.run_for("8ms")
    world.terminate("shop@town")
    world.post(Order(4, "nothing"), to="shop@town", src="ann@home")
    world.settle()
    assert world.process("shop@town") is not None, "the shop is gone"


def a_pass(world: World) -> None:
    """The same without the complaint."""
    world.spawn(Customer("ann"), "home")
    world.spawn(Shop("shop"), "town")
    world.run_for("30ms")


@cache
def failed() -> Run:
    """The run that fails."""
    return Plan(a_meal).run(Schedule(SEED, "random"))


@cache
def document(passing: bool = False) -> RunDocument:
    """A run as a document: the one that fails, or the other."""
    run = Plan(a_pass).run(Schedule(SEED, "random")) if passing else failed()
    made = document_of(run, test="tests/test_meal.py::test_a_meal", replay="pytest tests/test_meal.py --cluster-seed=7")
    # How a deviation is worded, and which records deserve which other mark, is tested where documents are made.
    made = msgspec.structs.replace(
        made,
        deviations=tuple(msgspec.structs.replace(one, words=f"deviated by {one.value}") for one in made.deviations),
        records=tuple(
            msgspec.structs.replace(one, marks=tuple(mark for mark in one.marks if mark == DEVIATION)) for one in made.records
        ),
    )
    # The traceback names the place of this file on this machine.
    return made if made.error is None else msgspec.structs.replace(made, error=made.error.splitlines()[-1])
