"""A genuine Mesos and the model are asked the same; what they answer is compared. Needs a running master, see below."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness import Cluster
from tests.real_mesos.client import RealMaster
from tests.real_mesos.conversation import Conversation, Side, Wanted
from tests.real_mesos.model import OurMaster

URL = os.environ.get("HARNESS_REAL_MESOS", "")
if not URL:
    pytest.skip(
        "set HARNESS_REAL_MESOS=http://127.0.0.1:PORT to ask a Mesos of your own; see docs/how-to/compare-with-real-mesos.md",
        allow_module_level=True,
    )

SEEDS = 10
Question = Callable[[Side], Any]
QUESTIONS: dict[str, Question] = {}


def question(ask: Question) -> Question:
    """A question to both: its docstring is what Mesos is expected to do, its value what was answered."""
    QUESTIONS[ask.__name__] = ask
    return ask


def waits(talk: Conversation, since: float, at_least: float, at_most: float) -> str:
    """Whether the next offer comes within these bounds: the same text on both sides, if it does."""
    offer = talk.offer(within=at_most + 5)
    gap = offer["time"] - since
    return "in time" if at_least <= gap <= at_most else f"after {gap:.3f} s instead of {at_least} to {at_most}"


def running(talk: Conversation, task_id: str = "long", **wanted: Any) -> Any:
    """Launch a task and see it run; the offer that it runs on."""
    offer = talk.offer()
    talk.accept(offer, Wanted(task_id, **wanted))
    states = [talk.update()["status"]["state"] for _ in range(2)]
    assert states == ["TASK_STARTING", "TASK_RUNNING"]
    return offer


@question
def registration(side: Side) -> Any:
    """SUBSCRIBED first, then an offer of all that the agent has; ids are numbered after the id of the master."""
    talk = side.subscribe()
    events = [talk.next(), talk.next()]
    master_id = talk.events[0]["master_id"]
    offer = talk.events[1]["offers"][0]
    shape = len(talk.id.removeprefix(f"{master_id}-")), "-O" in offer["id"], offer["agent_id"].rpartition("-")[2]
    talk.teardown()
    return [event["type"] for event in events if event], shape, offer["role"], offer["resources"]


@question
def decline_with_a_filter(side: Side) -> Any:
    """After a decline for 5 s nothing comes for 5 s, then with the next allocation."""
    talk = side.subscribe()
    since = talk.now
    talk.decline(talk.offer(), 5.0)
    answer = waits(talk, since, 5.0, 7.5)
    talk.teardown()
    return answer


@question
def decline_without_a_filter(side: Side) -> Any:
    """After a decline for 0 s the next allocation offers again."""
    talk = side.subscribe()
    offer = talk.offer()
    since = talk.now
    talk.decline(offer, 0.0)
    answer = waits(talk, since, 0.0, 2.5)
    talk.teardown()
    return answer


@question
def suppress_and_revive(side: Side) -> Any:
    """Who suppresses gets no offers, until it revives: then at once, in spite of a filter."""
    talk = side.subscribe()
    offer = talk.offer()
    talk.suppress()
    talk.decline(offer, 0.0)
    silence = talk.next(within=4.0)
    since = talk.now
    talk.revive()
    revived = waits(talk, since, 0.0, 0.9)
    talk.decline(talk.events[-1]["offers"][0], 1000.0)
    filtered = talk.next(within=3.0)
    since = talk.now
    talk.revive()
    unfiltered = waits(talk, since, 0.0, 0.9)
    talk.teardown()
    return silence, revived, filtered, unfiltered


@question
def reconciling_what_nobody_knows(side: Side) -> Any:
    """A task of an unknown agent, of no agent, and of an agent that does not have it: lost."""
    talk = side.subscribe()
    agent = talk.offer()["agent_id"]
    answers: list[Any] = []
    for asked in (("one", "no-such-agent"), ("two", None), ("three", agent)):
        talk.reconcile(asked)
        answers.append(talk.answer())
    talk.reconcile()
    answers.append(talk.next("UPDATE", within=1.0))
    talk.teardown()
    return answers


@question
def reconciling_as_partition_aware(side: Side) -> Any:
    """Those who are told more hear TASK_UNKNOWN and TASK_GONE instead."""
    talk = side.subscribe(partition_aware=True)
    agent = talk.offer()["agent_id"]
    answers = []
    for asked in (("one", "no-such-agent"), ("two", None), ("three", agent)):
        talk.reconcile(asked)
        answers.append(talk.answer())
    talk.teardown()
    return answers


@question
def reconciling_a_running_task(side: Side) -> Any:
    """A known task: its latest state, asked for by name, with any agent, or among all."""
    talk = side.subscribe()
    agent = running(talk)["agent_id"]
    answers = []
    for asked in ([("long", agent)], [("long", None)], [("long", "no-such-agent")], []):
        talk.reconcile(*asked)
        answers.append(talk.answer())
    talk.teardown()
    return answers


@question
def impossible_tasks(side: Side) -> Any:
    """Each is refused with its own words, and its resources come back."""
    talk = side.subscribe()
    answers = []
    for wanted in (
        Wanted("greedy", "cpus:400;mem:32"),
        Wanted("idle", ""),
        Wanted("nothing to run", command=None),
        Wanted("bad/id"),
        Wanted("elsewhere", agent="no-such-agent"),
        Wanted("negative", "cpus:-1;mem:32"),
        Wanted("x" * 256),
        Wanted(".."),
    ):
        talk.accept(talk.offer(), wanted)
        answers.append(talk.answer())
    talk.teardown()
    return answers


@question
def duplicate_task(side: Side) -> Any:
    """A second task of the same id is refused while the first one runs, which goes on; so is one twice in a single launch."""
    talk = side.subscribe()
    running(talk)
    rest = talk.next("OFFERS")
    assert rest is not None
    talk.accept(rest["offers"][0], Wanted("long"), Wanted("other"), Wanted("other"))
    answers = sorted([talk.answer() for _ in range(4)])
    talk.reconcile(("long", None))
    answers.append(talk.answer())
    talk.teardown()
    return answers


@question
def used_up_offer(side: Side) -> Any:
    """An offer serves once: a launch on a declined one is lost, or dropped for those who are told more."""
    answers = []
    for aware in (False, True):
        talk = side.subscribe(partition_aware=aware)
        offer = talk.offer()
        talk.decline(offer, 0.0)
        talk.accept(offer, Wanted("late"))
        answers.append(talk.answer())
        talk.teardown()
    return answers


@question
def misused_offers(side: Side) -> Any:
    """An offer that is named twice serves for nothing and comes back; one of another framework serves nobody else."""
    talk = side.subscribe()
    offer = talk.offer()
    talk.accept(offer, Wanted("twice"), more=(offer,))
    answers: list[Any] = [talk.answer()]
    offer = talk.offer()
    thief = side.subscribe()
    assert thief.next("SUBSCRIBED") is not None
    thief.accept(offer, Wanted("stolen"))
    status = thief.update()["status"]
    answers.append((status["state"], status["reason"], status["message"].replace(offer["id"], "<offer>")))
    answers[-1] = tuple(text.replace(talk.id, "<owner>").replace(thief.id, "<thief>") for text in answers[-1])
    thief.suppress()
    talk.teardown()
    thief.teardown()
    return answers


@question
def several_tasks_at_once(side: Side) -> Any:
    """Each is looked at by itself, in order, against what is left; an impossible amount spoils them all."""
    talk = side.subscribe()
    half = f"cpus:{side.whole_cpus * 0.75};mem:32"
    talk.accept(talk.offer(), Wanted("one", half), Wanted("two", half))
    answers = sorted([talk.answer() for _ in range(3)])
    talk.kill("one")
    answers.append(talk.answer())
    talk.accept(talk.offer(), Wanted("good"), Wanted("bad", "cpus:1;mem:-5"))
    answers += [talk.answer(), talk.answer()]
    talk.teardown()
    return answers


@question
def identities(side: Side) -> Any:
    """Who brings an id that no master gave keeps it, if it can be an id at all."""
    answers = []
    for number, framework_id in enumerate(("a/b", "a\\b", "x" * 256, "..", "a\nb", "own id")):
        if framework_id == "own id":
            framework_id += side.fresh()
        talk = side.subscribe(framework_id=framework_id)
        first = talk.next()
        assert first is not None
        answers.append((number, first["type"], first.get("message"), first.get("framework_id") in (None, framework_id)))
    talk.teardown()
    return answers


@question
def life_of_a_command(side: Side) -> Any:
    """Started, running, and finished or failed as the command says."""
    talk = side.subscribe()
    answers = []
    for task_id, command in (("good", "true"), ("bad", "exit 7")):
        talk.accept(talk.offer(), Wanted(task_id, command=command))
        answers += [talk.answer() for _ in range(3)]
    talk.teardown()
    return answers


@question
def kill(side: Side) -> Any:
    """A running task is killed; a kill of an unknown one is answered like a question about it."""
    talk = side.subscribe()
    running(talk)
    talk.kill("long")
    answers = [talk.answer()]
    talk.kill("no-such-task")
    answers.append(talk.answer())
    talk.teardown()
    return answers


@question
def teardown(side: Side) -> Any:
    """The id of a framework that was torn down is used up: its next subscription is an error."""
    talk = side.subscribe(failover_timeout=1000.0)
    running(talk)
    framework_id = talk.id
    talk.teardown()
    again = side.subscribe(framework_id=framework_id, failover_timeout=1000.0)
    events = [again.next(), again.next()]
    other = side.subscribe()
    whole = other.offer()["resources"]
    other.teardown()
    return [(event["type"], event.get("message")) for event in events if event], whole


@question
def disconnection_without_a_failover_timeout(side: Side) -> Any:
    """Without a failover timeout a framework that goes away has ended."""
    talk = side.subscribe()
    talk.offer()
    framework_id = talk.id
    talk.leave()
    again = side.subscribe(framework_id=framework_id)
    events = [again.next(), again.next()]
    return [(event["type"], event.get("message")) for event in events if event]


@question
def return_within_the_failover_timeout(side: Side) -> Any:
    """A framework that comes back in time keeps its id and its tasks, and is offered what it held again."""
    talk = side.subscribe(failover_timeout=1000.0)
    running(talk)
    framework_id = talk.id
    talk.leave()
    again = side.subscribe(framework_id=framework_id, failover_timeout=1000.0)
    first = again.next()
    assert first is not None
    same = again.id == framework_id
    offers = again.next()
    assert offers is not None
    again.reconcile()
    answers = again.answer()
    again.teardown()
    return first["type"], same, offers["type"], offers["offers"][0]["resources"], answers


@question
def taking_over(side: Side) -> Any:
    """A second scheduler of the same id takes over: the first is told and cut off, its offers go to the second."""
    old = side.subscribe(failover_timeout=1000.0)
    offer = old.offer()
    new = side.subscribe(framework_id=old.id, failover_timeout=1000.0)
    first, second = new.next(), new.next()
    assert first is not None
    assert second is not None
    ends = [(event["type"], event.get("message")) for event in (old.next(), old.next()) if event]
    same = new.id == old.id, second["offers"][0]["id"] != offer["id"], second["offers"][0]["resources"] == offer["resources"]
    new.teardown()
    return ends, first["type"], second["type"], same


@question
def roles_that_are_none(side: Side) -> Any:
    """A framework of an impossible role is refused, and told why."""
    answers = []
    for roles in (
        ["/a"],
        ["a//b"],
        ["a/../b"],
        ["-a"],
        ["a b"],
        ["a", "a"],
        ["a/*"],
        [""],
        ["a/"],
        ["."],
        ["a\tb"],
        ["b", "a", "b", "a"],
    ):
        talk = side.subscribe(roles=roles)
        events = [talk.next(within=5.0), talk.next(within=5.0)]
        answers.append([(event["type"], event.get("message")) for event in events if event])
    return answers


@pytest.fixture(scope="module")
def real() -> RealMaster:
    """The genuine master."""
    if os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1") != "1":
        pytest.fail("several workers would disturb each other at the one master; run tests/real_mesos without -n", pytrace=False)
    return RealMaster(URL)


def ours(ask: Question, resources: str) -> Iterator[tuple[str, Any]]:
    """What the model answers under each schedule."""
    for strategy, seeds in (("prompt", 1), ("random", SEEDS)):
        for seed in range(seeds):
            with Cluster(seed, strategy=strategy) as cluster:
                yield f"{strategy}, seed {seed}", ask(OurMaster(cluster, resources))


@pytest.mark.parametrize("name", QUESTIONS)
def test_same_answers(name: str, real: RealMaster) -> None:
    """The model answers as Mesos does, whatever its schedule."""
    ask = QUESTIONS[name]
    resources = real.agent_resources
    try:
        wanted = ask(real)
    finally:
        real.end_all()
    for schedule, answered in ours(ask, resources):
        assert answered == wanted, f"{name} under {schedule}: the model answered\n{answered!r}\nMesos answered\n{wanted!r}"
