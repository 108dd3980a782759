"""Section 4 of the contract: expectations on allocators, schedulers, executors, collaborators and any other object."""

from __future__ import annotations

import pytest

from harness import (
    ANY,
    AllocatorLab,
    Cluster,
    ExpectationError,
    MisuseError,
    MockAllocator,
    MockExecutor,
    MockRegistrar,
    MockScheduler,
    accept_all,
    call,
    contains,
    decline_offers,
    delayed,
    do_all,
    forward,
    has,
    hold,
    ignore,
    in_sequence,
    launch_tasks,
    milliseconds,
    not_,
    one_of,
    predicate,
    raises,
    returns,
    satisfy,
    send_status,
    total,
)
from harness.mesos.messages import AdmitSlave
from harness.mesos.resources import Resources

SMALL = "cpus:2;mem:1024"


class Line:
    """Somebody's own class, to be watched."""

    def say(self, text, to="all"):
        """Say something."""
        return f"{text} to {to}"


def _line(expect):
    return expect(Line())


# --- cardinalities


@pytest.mark.parametrize(
    ("declare", "good", "bad"),
    [
        (lambda e: e, (1,), (0, 2)),
        (lambda e: e.once(), (1,), (0, 2)),
        (lambda e: e.exactly(2), (2,), (0, 1, 3)),
        (lambda e: e.at_least_once(), (1, 2, 5), (0,)),
        (lambda e: e.at_least(2), (2, 3), (0, 1)),
        (lambda e: e.at_most(2), (0, 1, 2), (3,)),
        (lambda e: e.between(1, 3), (1, 2, 3), (0, 4)),
        (lambda e: e.never(), (0,), (1,)),
        (lambda e: e.any_number(), (0, 1, 9), ()),
        (lambda e: e.will_once(ignore()), (1,), (0, 2)),
        (lambda e: e.will_once(ignore()).will_once(ignore()), (2,), (1, 3)),
        (lambda e: e.will_once(ignore()).will_repeatedly(ignore()), (1, 4), (0,)),
        (lambda e: e.will_repeatedly(ignore()), (0, 3), ()),
    ],
)
def test_how_often_is_said_or_follows_from_the_actions(declare, good, bad):
    """gmock's cardinalities, checked for every number of calls."""
    for count in (*good, *bad):
        double = MockScheduler()
        expectation = declare(double.expect.disconnected())
        try:
            for _ in range(count):
                double.disconnected(None)
            double.verify()
        except ExpectationError:
            assert count in bad
        else:
            assert count in good, (count, expectation)


def test_contradictory_declarations_are_refused():
    """More actions than calls, and two cardinalities."""
    double = MockScheduler()
    with pytest.raises(MisuseError, match="contradict"):
        double.expect.disconnected().once().will_once(ignore()).will_once(ignore())
    with pytest.raises(MisuseError, match="only once"):
        double.expect.disconnected().once().never()


def test_an_expectation_of_the_ticket_is_waited_for(cluster, allocator):
    """Waiting gives the call that satisfied it, and asking never consumes."""
    cluster.start_master(allocator=allocator)
    agent = cluster.start_agent(SMALL)
    added = allocator.expect.add_slave().at_least_once()
    got = cluster.wait(added)
    assert cluster.wait(added) is got
    assert added.satisfied
    assert not added.saturated
    assert added.count == len(added.calls) == 1
    assert cluster.wait(added.future) is got
    assert added.arg("slave_id") == got.arg("slave_id")
    assert added.args("slave_id") == [got.arg("slave_id")]
    assert added.arg("hostname") == agent.hostname


def test_at_least_once_each_counts_agents_and_not_ids(cluster, allocator):
    """One call for each agent; an agent that is added twice does not stand for the other."""
    cluster.start_master(allocator=allocator)
    one, two = cluster.start_agent(SMALL), cluster.start_agent(SMALL, start=False)
    added = allocator.expect.add_slave().at_least_once_each(one, two)
    cluster.wait(one.registered)
    cluster.run_for("1secs")
    assert not added.satisfied
    two.start()
    cluster.wait(added)
    assert {call.arg("hostname") for call in added.calls} == {"agent1", "agent2"}


# --- matching


def test_arguments_match_by_position_name_field_and_handle(cluster, allocator):
    """A keyword that is no parameter is a field of the one argument that has it; a handle matches what refers to it."""
    cluster.start_master(allocator=allocator)
    one, two = cluster.start_agent(SMALL), cluster.start_agent("cpus:4;mem:512")
    first = allocator.expect.add_slave(hostname="agent1").at_least_once()
    second = allocator.expect.add_slave(ANY, two).at_least_once()
    sized = allocator.expect.update_slave(two).any_number()
    cluster.wait(first)
    cluster.wait(second)
    assert first.arg("total") == Resources.parse(SMALL)
    assert second.arg("slave_info").hostname == "agent2"
    assert sized.count == 0
    cluster.wait(one.registered)


def test_a_task_matches_whatever_refers_to_it(cluster):
    """A status of the task, and the task's id."""
    scheduler, executor = MockScheduler(), MockExecutor("default")
    cluster.start_master()
    cluster.start_agent(executors=[executor])
    framework = cluster.start_framework(scheduler)
    offer = cluster.wait(framework.next_offers())[0]
    from harness import make_task

    task, other = make_task(offer, "cpus:1;mem:32", executor=executor), make_task(offer, "cpus:1;mem:32", executor=executor)
    executor.on.launch_task().do(send_status("TASK_RUNNING"))
    of_task = scheduler.expect.status_update(status=task).at_least_once()
    of_other = scheduler.expect.status_update(status=other).at_least_once()
    framework.driver.launch_tasks([offer.id], [task, other])
    cluster.wait(of_task)
    cluster.wait(of_other)
    assert of_task.arg("status").task_id == task.task_id
    assert of_other.arg("status").task_id == other.task_id


@pytest.mark.parametrize(
    ("matcher", "yes", "no"),
    [
        (ANY, 3, None),
        ("web", "web", "db"),
        (one_of("web", "db"), "db", "x"),
        (not_("web"), "db", "web"),
        (predicate(lambda text: text.startswith("w")), "web", "db"),
        (predicate(lambda text: len(text) == 3) & not_("abc"), "web", "abc"),
        (one_of("a") | one_of("b"), "b", "c"),
        (~one_of("a"), "b", "a"),
    ],
)
def test_matchers_say_yes_or_no(expect, matcher, yes, no):
    """ANY, equality, choice, negation, predicates and their combinations."""
    line = Line()
    heard = expect(line).say(matcher).any_number()
    line.say(yes)
    assert heard.count == 1
    if no is not None:
        line.say(no)
        assert heard.count == 1


def test_has_looks_into_fields_and_keys(expect):
    """Also nested, and it says which field was wrong."""
    line = Line()
    heard = expect(line).say({"y": 3}, to=ANY).any_number()
    deep = expect(line).say(has(y=has(z=1))).any_number()
    line.say({"y": 3})
    line.say({"y": {"z": 1}})
    assert (heard.count, deep.count) == (1, 1)


def test_total_is_exact_and_contains_is_a_minimum(cluster):
    """Of an offer, of several together, and of resources; only what is named counts."""
    scheduler = MockScheduler()
    cluster.start_master()
    cluster.start_agent("cpus:2;mem:1024;disk:50")
    exactly = scheduler.expect.resource_offers(offers=total("cpus:2;mem:1024")).any_number()
    cluster.wait(cluster.start_framework(scheduler).next_offers())
    assert exactly.count == 1
    lab_like = MockScheduler()
    least = lab_like.expect.resource_offers(offers=contains("cpus:1")).any_number()
    not_this = lab_like.expect.resource_offers(offers=total("cpus:1")).any_number()
    lab_like.resource_offers(None, exactly.arg("offers"))
    assert (least.count, not_this.count) == (1, 0)


# --- actions


def test_actions_decide_what_a_call_does(expect):
    """forward, ignore, returns, raises, call, do_all, satisfy."""
    line = Line()
    heard: list = []
    expect(line).say("a").will_once(forward())
    expect(line).say("b").will_once(ignore())
    expect(line).say("c").will_once(returns(7))
    expect(line).say("d").will_once(raises(KeyError("no")))
    expect(line).say("e").will_once(call(lambda text, to: heard.append(text) or "called"))
    expect(line).say("f").will_once(do_all(call(lambda *_: heard.append("f")), returns("last")))
    assert line.say("a") == "a to all"
    assert line.say("b") is None
    assert line.say("c") == 7
    with pytest.raises(KeyError):
        line.say("d")
    assert line.say("e", to="me") == "called"
    assert line.say("f") == "last"
    assert heard == ["e", "f"]


def test_a_promise_is_satisfied_by_a_call(expect, world):
    """The promise gets the call."""
    line, promise = Line(), world.promise()
    expect(line).say("now").will_once(satisfy(promise))
    line.say("now")
    assert promise.future.get().arg("text") == "now"


def test_a_held_call_counts_and_is_answered_later(cluster):
    """The registrar waits; forwarded, the agent is admitted."""
    registrar = MockRegistrar()
    held = registrar.expect.apply(operation=AdmitSlave).will_once(hold()).will_repeatedly(forward())
    master = cluster.start_master(registrar=registrar)
    agent = cluster.start_agent()
    admission = cluster.wait(held)
    cluster.run_for("1secs")
    assert not master.agents
    assert not admission.discarded
    registrar.forward(admission)
    cluster.wait(agent.registered)


@pytest.mark.parametrize("way", ["answer", "fail", "discard"])
def test_a_held_call_can_be_answered_failed_or_discarded(world, way):
    """The asker's future ends that way."""
    registrar = MockRegistrar()
    registrar.attach(world)
    registrar.expect.apply().will_once(hold())
    future = registrar.apply(None)
    (held,) = registrar.calls
    {"answer": lambda: held.answer(True), "fail": lambda: held.fail("broken"), "discard": held.discard}[way]()
    assert {"answer": future.ready, "fail": future.failed, "discard": future.discarded}[way]
    assert held.discarded is (way == "discard")


def test_a_held_call_knows_when_the_asker_gave_up(world):
    """A discarded future shows on the call."""
    registrar = MockRegistrar()
    registrar.attach(world)
    registrar.expect.apply().will_once(hold())
    registrar.apply(None).discard()
    assert registrar.calls[0].discarded


def test_a_delayed_call_happens_in_virtual_time(cluster, clock):
    """The registrar answers late."""
    registrar = MockRegistrar()
    registrar.on.apply(operation=AdmitSlave).do(delayed("200ms"))
    cluster.start_master(registrar=registrar)
    agent = cluster.start_agent()
    cluster.wait(lambda: registrar.calls_to("apply"))
    asked = clock.elapsed
    cluster.wait(agent.registered)
    assert clock.elapsed - asked >= milliseconds(200)


def test_schedulers_launch_and_decline(cluster):
    """launch_tasks on the first offer, decline_offers on the rest, accept_all takes everything."""
    one, two = MockScheduler(), MockScheduler()
    master = cluster.start_master()
    cluster.start_agent(SMALL)
    one.expect.resource_offers().will_once(launch_tasks(n=1, resources="cpus:1;mem:256")).will_repeatedly(decline_offers(60))
    cluster.start_framework(one)
    cluster.wait(lambda: master.tasks)
    (task,) = master.tasks.values()
    assert task.resources.cpus == 1
    two.on.resource_offers().do(accept_all())
    cluster.start_framework(two)
    cluster.wait(lambda: len(master.tasks) == 2, timeout="1mins")


def test_executors_report_states(cluster):
    """send_status on launch and on kill."""
    executor, scheduler = MockExecutor("default"), MockScheduler()
    executor.on.launch_task().do(send_status("TASK_RUNNING"))
    executor.on.kill_task().do(send_status("TASK_KILLED"))
    cluster.start_master()
    cluster.start_agent(executors=[executor])
    framework = cluster.start_framework(scheduler)
    task = framework.run_task(cluster.wait(framework.next_offers())[0], executor=executor)
    killed = scheduler.expect.status_update(status=has(state="TASK_KILLED")).at_least_once()
    framework.driver.kill_task(task.task_id)
    cluster.wait(killed)


def test_without_an_action_the_default_is_done(cluster, allocator):
    """An allocator forwards (the agent gets offers), a scheduler does nothing."""
    cluster.start_master(allocator=allocator)
    cluster.start_agent()
    allocator.expect.add_slave().at_least_once()
    scheduler = MockScheduler()
    scheduler.expect.resource_offers().at_least_once()
    framework = cluster.start_framework(scheduler)
    assert cluster.wait(framework.next_offers())


# --- who answers


def test_the_newest_matching_expectation_answers(expect):
    """Older ones answer what newer ones do not match."""
    line = Line()
    general = expect(line).say(ANY).any_number()
    special = expect(line).say("x").any_number()
    line.say("x")
    line.say("y")
    assert (general.count, special.count) == (1, 1)


def test_a_saturated_one_that_still_matches_is_an_error_at_that_call(expect):
    """Unless it retires, then older ones answer again."""
    line = Line()
    older = expect(line).say(ANY).any_number()
    newer = expect(line).say("x").once()
    line.say("x")
    with pytest.raises(ExpectationError, match="twice"):
        line.say("x")
    newer.drop()
    expect(line).say("x").once().retires()
    line.say("x")
    line.say("x")
    assert older.count == 1


def test_after_and_in_sequence_order_expectations(expect):
    """A call before its turn matches nothing and is a near miss."""
    line = Line()
    first, second, third = (expect(line).say(text).any_number() for text in ("a", "b", "c"))
    first = expect(line).say("a").at_least_once()
    second = expect(line).say("b").after(first).at_least_once()
    third = expect(line).say("c").at_least_once()
    in_sequence(second, third)
    line.say("a")
    line.say("b")
    line.say("c")
    assert (first.count, second.count, third.count) == (1, 1, 1)


def test_a_call_out_of_order_is_reported(expect):
    """The error names what it came before."""
    line = Line()
    first = expect(line).say("a")
    second = expect(line).say("b").after(first)
    line.say("b")
    line.say("a")
    with pytest.raises(ExpectationError, match=r"(?s)near miss.*before"):
        second.verify()


def test_a_default_expects_nothing(cluster, allocator):
    """``on`` changes what is done, and the end of the run is content."""
    seen: list = []
    allocator.on.add_slave().do(do_all(call(lambda *arguments: seen.append(arguments)), forward()))
    cluster.start_master(allocator=allocator)
    cluster.start_agent()
    framework = cluster.start_framework()
    cluster.wait(framework.next_offers())
    assert seen


def test_a_call_that_matches_nothing_is_a_near_miss_or_with_strict_an_error():
    """The default is done and the reason remembered; ``strict=True`` raises as gmock does."""
    double, strict = MockScheduler(), MockScheduler(strict=True)
    missed = double.expect.error(message="x")
    double.error(None, "y")
    with pytest.raises(ExpectationError) as error:
        missed.verify()
    assert "near miss" in str(error.value)
    assert "expected 'x', got 'y'" in str(error.value)
    strict.expect.error(message="x").any_number()
    with pytest.raises(ExpectationError, match="strict"):
        strict.error(None, "y")


def test_verifying_retires():
    """What was verified no longer counts at the end of the run."""
    with Cluster() as cluster:
        allocator = MockAllocator()
        cluster.start_master(allocator=allocator)
        added = allocator.expect.add_slave().once()
        agent = cluster.start_agent()
        cluster.wait(added)
        added.verify()
        cluster.wait(agent.registered)
        agent.terminate()
        agent.restart(same_pid=False)


# --- failures


def test_too_many_calls_are_reported_at_the_call_and_fail_the_run():
    """Also when the caller swallowed the error, as the model does; the text says what was declared where, and what came."""
    with pytest.raises(ExpectationError) as error, Cluster() as cluster:  # noqa: PT012
        allocator = MockAllocator()
        cluster.start_master(allocator=allocator)
        allocator.expect.add_slave().never()
        cluster.start_agent()
        cluster.run_for("30secs")
    text = str(error.value)
    assert "addSlave" in text
    assert "test_section_4_expectations.py" in text
    assert "allocator.expect.add_slave().never()" in text
    assert "Admitted agent" in text


def test_never_holds_to_the_end_of_the_shutdown():
    """A call during the clean-up is one too many as well."""
    with pytest.raises(ExpectationError, match="deactivateSlave"), Cluster() as cluster:  # noqa: PT012
        allocator = MockAllocator()
        cluster.start_master(allocator=allocator)
        agent = cluster.start_agent()
        cluster.wait(agent.registered)
        allocator.expect.deactivate_slave().never()


def test_unmet_expectations_are_reported_at_the_end_with_their_near_misses():
    """What was wanted, where it was declared, what came instead and why that did not match."""
    with pytest.raises(ExpectationError) as error, Cluster() as cluster:  # noqa: PT012
        allocator = MockAllocator()
        cluster.start_master(allocator=allocator)
        allocator.expect.add_slave(hostname="agent7")
        agent = cluster.start_agent()
        cluster.wait(agent.registered)
    text = str(error.value)
    assert "never called" in text
    assert "near misses" in text
    assert "expected 'agent7', got 'agent1'" in text
    assert "test_section_4_expectations.py" in text
    assert len(text.splitlines()) < 60


def test_reports_shorten_ids_and_print_names_as_names():
    """No full uuid, no ``<Enum: ...>``; one line says what the short form stands for."""
    with pytest.raises(ExpectationError) as error, Cluster() as cluster:  # noqa: PT012
        scheduler = MockScheduler()
        scheduler.expect.status_update(status=has(state="TASK_LOST"))
        cluster.start_master()
        cluster.start_agent()
        framework = cluster.start_framework(scheduler)
        framework.run_task(cluster.wait(framework.next_offers())[0])
    text = str(error.value)
    assert "expected 'TASK_LOST', got 'TASK_RUNNING'" in text
    assert "<TaskState" not in text
    assert "…" in text
    assert text.count("beginning of a uuid") == 1
    from harness.simulation.trace import UUID

    assert not UUID.search(text)


def test_an_expectation_that_was_declared_too_late_says_so(expect):
    """The call that came before the declaration is shown, with its time."""
    line = Line()
    expect(line).say("first").any_number()
    line.say("first")
    late = expect(line).say("first")
    with pytest.raises(ExpectationError) as error:
        late.verify()
    assert "one came before that" in str(error.value)
    assert "declare it before" in str(error.value)


# --- any object


def test_any_object_can_be_watched(expect):
    """``expect(obj).method(...)`` patches it for the test; the default is the object itself."""
    line = Line()
    heard = expect(line).say(ANY, to=has(name="x") | one_of("all")).between(1, 3)
    assert line.say("hello") == "hello to all"
    assert heard.count == 1
    assert heard.arg("to") == "all"


def test_expectations_work_without_a_cluster(world):
    """A double in a laboratory of its own: the same words."""
    allocator = MockAllocator()
    lab = AllocatorLab(world, allocator)
    added = allocator.expect.add_slave(hostname="a1").once()
    lab.add_agent("a1", SMALL)
    world.wait(added)
