"""How an agent finds its master, authenticates, registers, answers pings, ends and comes back."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from harness.durations import Duration, seconds
from harness.mesos.flags import DEFAULT_CREDENTIAL
from harness.mesos.messages import (
    AuthenticateMessage,
    Credential,
    MasterSlaveConnection,
    PingSlaveMessage,
    PongSlaveMessage,
    RegisterSlaveMessage,
    ReregisterSlaveMessage,
    ShutdownMessage,
    SlaveInfo,
    SlaveRegisteredMessage,
    SlaveReregisteredMessage,
    UnregisterSlaveMessage,
    UpdateSlaveMessage,
)
from harness.mesos.resources import Resources
from harness.mesos.states import AgentState
from tests.unit.mesos.agent_toys import Stage

MS = 1_000_000


def timers(stage: Stage, purpose: str) -> list[Any]:
    return [timer for timer in stage.world.clock.timers if timer.purpose == purpose]


# --- the first registration


@pytest.mark.parametrize("credential", [DEFAULT_CREDENTIAL, None])
def test_registration(credential: Credential | None) -> None:
    """With a credential or without, an agent registers once and takes the id it is given."""
    stage = Stage(credential=credential)
    agent = stage.start()
    stage.world.run_for("1secs")
    assert agent.id == "M-S0"
    assert agent.state is AgentState.RUNNING
    assert agent.registered_future.get() == "M-S0"
    assert len(stage.master.of(RegisterSlaveMessage)) == 1
    assert len(stage.master.of(AuthenticateMessage)) == (credential is not None)
    (message,) = stage.master.of(RegisterSlaveMessage)
    assert message.slave.id is None
    assert message.version == "1.11.0"
    assert "PARTITION_AWARE" not in message.agent_capabilities
    assert "MULTI_ROLE" in message.agent_capabilities


def test_first_delay_is_a_timer_of_known_range() -> None:
    """The first attempt is a back-off in [0, factor], visible by its purpose; prompt is the upper end."""
    stage = Stage(credential=None, registration_backoff_factor="1secs")
    stage.world.clock.pause()
    stage.spawn()
    stage.world.settle()
    (timer,) = timers(stage, "do_reliable_registration")
    assert (timer.low, timer.high) == (Duration(0), seconds(1))
    stage.world.clock.advance("999ms")
    assert stage.master.of(RegisterSlaveMessage) == []
    stage.world.clock.advance("1ms")
    assert len(stage.master.of(RegisterSlaveMessage)) == 1


@pytest.mark.parametrize(("version", "delayed"), [("1.1", False), ("1.2", True), ("1.11", True)])
def test_delay_before_authentication_by_release(version: str, delayed: bool) -> None:
    """Up to 1.1 an agent with a credential authenticates at once, later after its first back-off."""
    stage = Stage(version=version, registration_backoff_factor="1secs")
    stage.start()
    (at,) = stage.master.times(AuthenticateMessage)
    assert (at >= seconds(1).ns) == delayed


def test_update_slave_follows_each_registration() -> None:
    """Every registered message, repeated ones too, is answered with an UpdateSlaveMessage since 1.6."""
    stage = Stage()
    stage.start()
    stage.post(SlaveRegisteredMessage(slave_id="M-S0"))
    stage.world.settle()
    assert len(stage.master.of(UpdateSlaveMessage)) == 2
    old = Stage(version="1.5")
    old.start()
    old.world.settle()
    assert old.master.of(UpdateSlaveMessage) == []


def test_retries_double_up_to_a_minute() -> None:
    """Unanswered registrations are repeated with gaps of at most 2, 4, 8 ... factors, and never more than a minute."""
    stage = Stage(credential=None, registration_backoff_factor="1secs")
    stage.master.answers = False
    stage.spawn()
    stage.world.run_for("10mins")
    times = stage.master.times(RegisterSlaveMessage)
    gaps = [round((later - earlier) / seconds(1).ns) for earlier, later in pairwise(times)]
    assert gaps[:8] == [2, 4, 8, 16, 32, 60, 60, 60]


def test_retries_have_no_lower_bound() -> None:
    """Under random schedules two registrations may leave within a millisecond of each other."""
    shortest = Duration.parse("1hrs").ns
    for seed in range(200):
        stage = Stage(credential=None, strategy="random", seed=seed)
        stage.master.answers = False
        stage.spawn()
        stage.world.run_for("100ms")
        times = stage.master.times(RegisterSlaveMessage)
        shortest = min([shortest, *(later - earlier for earlier, later in pairwise(times))])
    assert shortest < 1 * MS


def test_the_retry_is_cancelled_by_registration() -> None:
    """Nothing of the registration is left to fire once the agent is registered."""
    stage = Stage()
    stage.start()
    assert timers(stage, "do_reliable_registration") == []
    assert timers(stage, "authentication_timeout") == []


def test_wrong_sender_is_ignored() -> None:
    """Only the current master can register the agent."""
    stage = Stage(credential=None)
    stage.master.answers = False
    stage.spawn()
    stage.world.run_for("15ms")
    stage.world.post(SlaveRegisteredMessage(slave_id="X-S0"), to=stage.agent.address, src="master@elsewhere")
    stage.world.settle()
    assert stage.agent.id is None
    assert stage.agent.state is AgentState.DISCONNECTED


@pytest.mark.parametrize("message", [SlaveRegisteredMessage(slave_id="M-S1"), SlaveReregisteredMessage(slave_id="M-S1")])
def test_wrong_id_ends_the_agent(message: Any) -> None:
    """A registered agent that is given another id ends itself, and says why."""
    stage = Stage()
    agent = stage.start()
    stage.post(message)
    stage.world.settle()
    assert not agent.alive
    assert any("wrong id M-S1 (expected M-S0)" in line for line in stage.world.trace.lines())


# --- authentication


def test_refused_credentials_end_the_agent() -> None:
    """A master that refuses ends the agent's process."""
    stage = Stage(secret="other")
    stage.spawn()
    stage.world.run_for("1secs")
    assert not stage.agent.alive
    assert stage.master.of(RegisterSlaveMessage) == []


def test_authentication_timeouts_grow() -> None:
    """Since 1.6 each unanswered attempt is given more time, from 7 s to a minute, and the next starts at once."""
    stage = Stage()
    stage.master.answers = False
    stage.spawn()
    stage.world.run_for("5mins")
    times = stage.master.times(AuthenticateMessage)
    gaps = [round((later - earlier) / seconds(1).ns) for earlier, later in pairwise(times)]
    assert gaps[:6] == [7, 9, 13, 21, 37, 60]


def test_authentication_pauses_in_old_releases() -> None:
    """Up to 1.5 an attempt has 5 s, and failures are followed by pauses of at most 2, 4, 8 ... s."""
    stage = Stage(version="1.5")
    stage.master.answers = False
    stage.spawn()
    stage.world.run_for("2mins")
    times = stage.master.times(AuthenticateMessage)
    gaps = [round((later - earlier) / seconds(1).ns) for earlier, later in pairwise(times)]
    assert gaps[:4] == [5 + 2, 5 + 4, 5 + 8, 5 + 16]


def test_a_new_leader_restarts_authentication() -> None:
    """An attempt that is under way when the leader is appointed anew is given up, and another follows at once."""
    stage = Stage()
    stage.master.answers = False
    stage.spawn()
    stage.world.run_for("1secs")
    stage.master.answers = True
    stage.reappoint()
    stage.world.wait(stage.agent.registered_future)
    assert stage.world.clock.elapsed < seconds(2)
    assert len(stage.master.of(AuthenticateMessage)) == 2


# --- detection


def test_no_leader() -> None:
    """Without a leader nothing is sent; an appointment starts the registration."""
    stage = Stage()
    leader = stage.detector.leader
    stage.detector.appoint(None)
    stage.spawn()
    stage.world.run_for("10mins")
    assert stage.master.heard == []
    stage.detector.appoint(leader)
    stage.world.wait(stage.agent.registered_future)


def test_reappointment_reregisters_with_the_id() -> None:
    """The same master appointed again is a change: the agent reregisters, keeping its id."""
    stage = Stage()
    agent = stage.start()
    stage.reappoint()
    stage.world.run_for("1secs")
    (message,) = stage.master.of(ReregisterSlaveMessage)
    assert message.slave.id == "M-S0"
    assert agent.state is AgentState.RUNNING


def test_a_second_detection_within_the_delay_gives_two_attempts() -> None:
    """The first delay is kept nowhere, so a second detection does not cancel it."""
    stage = Stage(credential=None)
    stage.spawn()
    stage.world.run_for("1ms")
    stage.reappoint()
    stage.world.run_for("5ms")
    assert len(timers(stage, "do_reliable_registration")) == 2


def test_death_of_the_master_changes_nothing() -> None:
    """An agent hears of its master's end but waits for the detector."""
    stage = Stage()
    agent = stage.start()
    stage.world.terminate(stage.master.address)
    stage.world.run_for("10secs")
    assert agent.state is AgentState.RUNNING


# --- pings


def test_pings_are_answered_in_every_state() -> None:
    """Even an agent that knows no master answers."""
    stage = Stage()
    stage.detector.appoint(None)
    stage.spawn()
    stage.world.settle()
    assert stage.agent.state is AgentState.DISCONNECTED
    stage.post(PingSlaveMessage())
    stage.world.settle()
    assert stage.master.of(PongSlaveMessage) == [PongSlaveMessage()]


def test_ping_that_says_disconnected_reregisters() -> None:
    """A master that lost the link makes a running agent reregister by its next ping."""
    stage = Stage()
    stage.start()
    stage.post(PingSlaveMessage(connected=False))
    stage.world.run_for("1secs")
    assert len(stage.master.of(ReregisterSlaveMessage)) == 1
    assert len(stage.master.of(PongSlaveMessage)) == 1


def test_silence_reregisters() -> None:
    """Without a ping for as long as the master announced, the agent looks again and reregisters."""
    stage = Stage()
    stage.start()
    stage.post(SlaveRegisteredMessage(slave_id="M-S0", connection=MasterSlaveConnection(total_ping_timeout_seconds=10)))
    stage.world.settle()
    stage.post(PingSlaveMessage())
    stage.world.run_for("9secs")
    assert stage.master.of(ReregisterSlaveMessage) == []
    stage.world.run_for("2secs")
    assert len(stage.master.of(ReregisterSlaveMessage)) == 1


def test_pings_hold_off_silence() -> None:
    """Each ping starts the wait anew."""
    stage = Stage()
    stage.start()
    for _ in range(10):
        stage.world.run_for("15secs")
        stage.post(PingSlaveMessage())
    assert stage.master.of(ReregisterSlaveMessage) == []


# --- end and return


def test_graceful_shutdown() -> None:
    """An agent that is shut down unregisters and ends."""
    stage = Stage()
    agent = stage.start()
    agent.dispatch(agent.address, "shutdown")
    stage.world.settle()
    assert stage.master.of(UnregisterSlaveMessage) == [UnregisterSlaveMessage(slave_id="M-S0")]
    assert not agent.alive


def test_shutdown_message() -> None:
    """Only the current master can end the agent, and it gets no farewell for it."""
    stage = Stage()
    agent = stage.start()
    stage.world.post(ShutdownMessage(message="no"), to=agent.address, src="master@elsewhere")
    stage.world.settle()
    assert agent.alive
    stage.post(ShutdownMessage(message="yes"))
    stage.world.settle()
    assert not agent.alive
    assert stage.master.of(UnregisterSlaveMessage) == []


def _next_life(stage: Stage, **changes: Any) -> None:
    if stage.agent.alive:
        stage.world.terminate(stage.agent.address)
    stage.agent = stage.new_agent(**changes)
    stage.spawn()
    stage.world.run_for("1secs")


def test_a_crashed_agent_keeps_its_id() -> None:
    """Restarted on the same work_dir, an agent reregisters with the id of its earlier life."""
    stage = Stage()
    stage.start()
    _next_life(stage)
    (message,) = stage.master.of(ReregisterSlaveMessage)
    assert message.slave.id == "M-S0"
    assert stage.agent.id == "M-S0"


def test_another_work_dir_is_another_agent() -> None:
    """Without its files an agent starts anew."""
    stage = Stage()
    stage.start()
    _next_life(stage, flags=type(stage.flags).of(stage.flags, work_dir="elsewhere"))
    assert stage.master.of(ReregisterSlaveMessage) == []
    assert len(stage.master.of(RegisterSlaveMessage)) == 2


@pytest.mark.parametrize(("version", "kept"), [("1.2", False), ("1.5", True), ("1.11", True)])
def test_id_after_graceful_shutdown_by_release(version: str, kept: bool) -> None:
    """Up to 1.2 an agent that was shut down comes back as a new one, later as the same."""
    stage = Stage(version=version)
    agent = stage.start()
    agent.dispatch(agent.address, "shutdown")
    stage.world.settle()
    _next_life(stage)
    assert bool(stage.master.of(ReregisterSlaveMessage)) == kept


@pytest.mark.parametrize(
    ("policy", "resources", "lives"),
    [
        ("equal", "cpus:4", False),
        ("additive", "cpus:4;mem:2048;disk:1024;ports:[31000-32000]", True),
        ("additive", "cpus:1", False),
    ],
)
def test_changed_description(policy: str, resources: str, lives: bool) -> None:
    """An agent that comes back with other resources lives only as far as its policy allows."""
    stage = Stage(reconfiguration_policy=policy)
    stage.start()
    _next_life(stage, info=SlaveInfo(hostname="a1", resources=Resources.parse(resources)))
    assert stage.agent.alive == lives
    assert any("Failed to perform recovery" in line for line in stage.world.trace.lines()) != lives


def test_corrupt_checkpoint() -> None:
    """An unreadable slave.info ends a strict agent, which names it."""
    stage = Stage()
    stage.start()
    stage.world.terminate(stage.agent.address)
    stage.world.disk("a1").corrupt("agent/meta/slaves/M-S0/slave.info")
    stage.agent = stage.new_agent()
    stage.spawn()
    stage.world.run_for("1secs")
    assert not stage.agent.alive
    assert any("slaves/M-S0/slave.info of a1 is unreadable" in line for line in stage.world.trace.lines())


def test_equal_seeds_equal_runs() -> None:
    """Two runs of one seed have one digest."""

    def digest(seed: int) -> str:
        stage = Stage(strategy="random", seed=seed)
        stage.start()
        return stage.world.digest

    assert digest(1) == digest(1)
    assert digest(1) != digest(2)
