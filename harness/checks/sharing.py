"""What fair sharing promises, as games that any allocator can be made to play.

Each user wants as many tasks of one size as it can get. Offers are taken as whole agents, so a user starts one task per offer
and gives the rest back at once: progressive filling, one task after another, decided by the allocator alone.

The promises are those of dominant resource fairness (Ghodsi et al., NSDI 2011). They are proved for resources that can be
divided at will; with whole tasks each of them holds up to the size of one task, and that is what is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from harness.errors import InvariantError, MisuseError
from harness.mesos.allocator import Allocation, Allocator, AllocatorLab
from harness.mesos.resources import Resources
from harness.simulation import World

MakeAllocator = Callable[[], Allocator]

#: The size of one task, or of the cluster: units by resource name.
Size = Mapping[str, int]


class Game(msgspec.Struct, frozen=True, kw_only=True):
    """One cluster and its users.

    Attributes:
        total: what the one agent has, for example ``{"cpus": 9, "mem": 18432}``.
        tasks: what one task of each user takes.
        roles: whether each user has a role of its own; otherwise all are in ``*``.
    """

    total: dict[str, int]
    tasks: dict[str, dict[str, int]]
    roles: bool = True


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a game ended.

    Attributes:
        game: what was played.
        started: the number of tasks of each user.
        order: who started a task, one after another.
    """

    game: Game
    started: dict[str, int]
    order: tuple[str, ...]

    def share(self, user: str) -> float:
        """The dominant share of a user: the largest part it has of any resource."""
        return self.started[user] * one_task(self.game, user)

    def free(self) -> dict[str, int]:
        """What nobody has at the end."""
        free = dict(self.game.total)
        for user, count in self.started.items():
            for name, value in self.game.tasks[user].items():
                free[name] -= count * value
        return free


def one_task(game: Game, user: str) -> float:
    """The dominant share of one task of a user."""
    return max(value / game.total[name] for name, value in game.tasks[user].items())


def play(make_allocator: MakeAllocator, game: Game, *, most: int = 10_000) -> Outcome:
    """Play a game to its end: until nobody can start another task.

    Args:
        make_allocator: called once for a new allocator.
        game: cluster and users.
        most: tasks after which something must be wrong.

    Raises:
        MisuseError: more than ``most`` tasks fit.
    """
    world = World(strategy="prompt")
    lab = AllocatorLab(world, make_allocator(), min_allocatable_resources=())
    for user in game.tasks:
        lab.add_framework(user, role=user if game.roles else "*")
    world.settle()
    lab.add_agent("agent", {name: float(value) for name, value in game.total.items()})
    started = dict.fromkeys(game.tasks, 0)
    order: list[str] = []
    seen = idle = 0
    # Everybody has a turn in which nothing could be started before the game is over.
    while idle <= len(started) + 2:
        world.clock.advance("1secs")
        idle += 1
        for allocation in lab.allocations[seen:]:
            user = str(allocation.framework_id)
            if _start_one(lab, allocation, game.tasks[user]):
                started[user] += 1
                order.append(user)
                idle = 0
        seen = len(lab.allocations)
        if len(order) > most:
            raise MisuseError(f"play: more than {most} tasks fit into {game.total}; make the tasks larger, or raise most=")
    return Outcome(game=game, started=started, order=tuple(order))


def _start_one(lab: AllocatorLab, allocation: Allocation, task: Size) -> bool:
    wanted = Resources.of({name: float(value) for name, value in task.items()}).allocate(allocation.role)
    launched = False
    for slave_id, offered in allocation.agents.items():
        left = offered
        if not launched and wanted <= offered:
            launched, left = True, offered - wanted
        if left:
            # What cannot be used now never can: free amounts only shrink in a game.
            lab.recover(msgspec.structs.replace(allocation, agents={slave_id: left}), refuse_seconds=0 if launched else 1e6)
    return launched


def sample_game(world: World, *, users: int = 3, roles: bool = True, scale: int = 1) -> Game:
    """A game drawn from the seed of ``world``: two resources, tasks of 1 to 12 units of each in 40 to 120 times ``scale``."""

    def draw(label: str, low: int, high: int) -> int:
        return low + world.choices.draw(world.choices.stream(label, "sample game"), high - low)

    total = {"cpus": scale * draw("cpus", 40, 120), "mem": scale * draw("mem", 40, 120)}
    tasks = {f"user{n}": {"cpus": draw("task cpus", 1, 12), "mem": draw("task mem", 1, 12)} for n in range(1, users + 1)}
    return Game(total=total, tasks=tasks, roles=roles)


def check_share_guarantee(outcome: Outcome) -> None:
    """Everybody has an equal part of some resource, up to one task of whoever has the largest.

    Raises:
        InvariantError: somebody has less.
    """
    game = outcome.game
    slack = max(one_task(game, user) for user in game.tasks)
    for user in game.tasks:
        if outcome.share(user) + slack < 1 / len(game.tasks):
            raise InvariantError(
                f"share guarantee: {user} has a dominant share of {outcome.share(user):.3f}, less than 1/{len(game.tasks)} by "
                f"more than one task ({slack:.3f}); started: {outcome.started}, of {game.tasks} in {game.total}"
            )


def check_nothing_is_wasted(outcome: Outcome) -> None:
    """No user could start another task in what is left free.

    Raises:
        InvariantError: somebody could.
    """
    free = outcome.free()
    for user, task in outcome.game.tasks.items():
        if all(free[name] >= value for name, value in task.items()):
            raise InvariantError(f"waste: {free} is free at the end, in which {user} could start another task of {task}")


def check_no_envy(outcome: Outcome) -> None:
    """Nobody could start more tasks with what somebody else has, up to one task of each of the two.

    Raises:
        InvariantError: somebody could.
    """
    game = outcome.game
    for user, task in game.tasks.items():
        for other, count in outcome.started.items():
            if other == user or not count:
                continue
            has = {name: (count - 1) * value for name, value in game.tasks[other].items()}
            with_it = min(has[name] // value for name, value in task.items() if value)
            if with_it > outcome.started[user] + 1:
                raise InvariantError(
                    f"envy: {user} started {outcome.started[user]} tasks of {task}, and could start {with_it} with what "
                    f"{other} has; in all: {outcome.started}"
                )


def check_strategy_proofness(make_allocator: MakeAllocator, game: Game, liar: str, claim: Size) -> None:
    """Asking for other amounts than one needs brings no more useful tasks.

    Allowed is what whole tasks bring about at the very end of a game: as much as one claimed task is worth, and what fits into
    a remainder that is too small for the others. Play large games (:func:`sample_game` with ``scale``) for that to be little.

    Args:
        make_allocator: called for a new allocator, twice.
        game: the truth.
        liar: who lies.
        claim: what it says one of its tasks takes.

    Raises:
        InvariantError: the lie paid.
    """
    honest = play(make_allocator, game).started[liar]
    lied = play(make_allocator, msgspec.structs.replace(game, tasks={**game.tasks, liar: dict(claim)}))
    has = {name: lied.started[liar] * value for name, value in claim.items()}
    useful = min(has.get(name, 0) // value for name, value in game.tasks[liar].items() if value)
    others = [task for user, task in game.tasks.items() if user != liar]
    remainder = max(max((task.get(name, 0) for task in others), default=0) // value for name, value in claim.items() if value)
    worth = max(-(-value // game.tasks[liar][name]) for name, value in claim.items() if game.tasks[liar].get(name))
    if useful > honest + max(worth, 1) + remainder:
        raise InvariantError(
            f"strategy-proofness: {liar} needs {game.tasks[liar]} and got {honest} tasks by saying so, but {useful} by claiming "
            f"{dict(claim)}"
        )
