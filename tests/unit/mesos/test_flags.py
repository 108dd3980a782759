"""Flags: defaults, overrides, and errors that help."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from harness.durations import Duration, minutes, seconds
from harness.errors import FlagError
from harness.mesos.flags import DEFAULT_CREDENTIAL, AgentFlags, MasterFlags
from harness.mesos.resources import Resources


def test_defaults_are_shared() -> None:
    """Without overrides everybody gets one immutable instance."""
    assert MasterFlags.of() is MasterFlags.of(None) is MasterFlags.of({})
    with pytest.raises(AttributeError):
        MasterFlags.of().port = 1  # type: ignore[misc]


def test_mesos_defaults() -> None:
    """Defaults are Mesos's, and its test suite's where that differs."""
    master, agent = MasterFlags.of(), AgentFlags.of()
    assert master.agent_ping_timeout == seconds(15)
    assert master.agent_reregister_timeout == minutes(10)
    assert master.registry_store_timeout == seconds(100)
    assert master.authenticate_agents
    assert DEFAULT_CREDENTIAL in master.credentials
    assert agent.registration_backoff_factor == Duration.parse("10ms")
    assert agent.resources == "cpus:2;mem:1024;disk:1024;ports:[31000-32000]"


@pytest.mark.parametrize("value", ["5secs", 5, 5.0, timedelta(seconds=5), seconds(5)])
def test_durations_in_every_notation(value: Any) -> None:
    """A flag that is a duration takes what every public argument takes, and stores a Duration."""
    assert MasterFlags.of(agent_ping_timeout=value).agent_ping_timeout == seconds(5)


def test_overrides_win_over_mapping_and_base() -> None:
    """Later layers win: defaults, then the mapping or finished flags, then keywords."""
    base = MasterFlags.of({"max_agent_ping_timeouts": 2, "port": 6000}, port=7000)
    assert (base.max_agent_ping_timeouts, base.port) == (2, 7000)
    assert MasterFlags.of(base, port=8000).max_agent_ping_timeouts == 2
    assert MasterFlags.of(base) is base


def test_registry_of_mesos_is_durable() -> None:
    """Mesos's own word for a registry that survives is understood."""
    assert MasterFlags.of(registry="replicated_log").registry == MasterFlags.of(registry="durable").registry == "durable"


def test_structures() -> None:
    """Flags that are structured in Mesos take the same structure in Python."""
    assert MasterFlags.of(credentials={"p": "s"}).credentials[0].principal == "p"
    assert MasterFlags.of(roles="a,b").roles == ("a", "b")
    assert AgentFlags.of(resources=Resources.parse("cpus:1")).resources == "cpus:1"


@pytest.mark.parametrize(
    ("flags", "override", "parts"),
    [
        (MasterFlags, {"agent_ping_timeot": 1}, ["agent_ping_timeot=1", "did you mean agent_ping_timeout"]),
        (MasterFlags, {"agent_reregister_timeout": "5mins"}, ["agent_reregister_timeout='5mins'", "at least 10mins"]),
        (MasterFlags, {"agent_ping_timeout": "16mins"}, ["from 1secs to 15mins"]),
        (MasterFlags, {"agent_ping_timeout": [1]}, ["agent_ping_timeout=[1]", "a duration"]),
        (MasterFlags, {"max_agent_ping_timeouts": 0}, ["a whole number of at least 1"]),
        (MasterFlags, {"max_agent_ping_timeouts": 2.5}, ["a whole number"]),
        (MasterFlags, {"authenticate_agents": "yes"}, ["True or False"]),
        (MasterFlags, {"registry": "disk"}, ["'in_memory', 'durable'"]),
        (MasterFlags, {"agent_removal_rate_limit": "fast"}, ["a rate such as"]),
        (MasterFlags, {"recovery_agent_removal_limit": "120%"}, ["a percentage"]),
        (MasterFlags, {"offer_timeout": "0secs"}, ["at least 1ns", "or None"]),
        (MasterFlags, {"credentials": "secret"}, ["Credential"]),
        (MasterFlags, {"resources": "cpus:1"}, ["a flag of an agent"]),
        (AgentFlags, {"agent_ping_timeout": 1}, ["a flag of a master"]),
        (AgentFlags, {"executor_reregistration_timeout": "16secs"}, ["15secs"]),
        (AgentFlags, {"resources": "cpus:2;mem"}, ["cpus:2;mem", "position"]),
        (AgentFlags, {"recover": "never"}, ["'reconnect', 'cleanup'"]),
    ],
)
def test_errors_name_flag_value_and_range(flags: Any, override: dict[str, Any], parts: list[str]) -> None:
    """A bad flag is a FlagError that says which, what was given and what was wanted."""
    with pytest.raises(FlagError) as caught:
        flags.of(**override)
    assert next(iter(override)) in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


def test_flags_of_another_role_are_refused() -> None:
    """A finished set of flags fits only the role it was made for."""
    with pytest.raises(FlagError, match="MasterFlags"):
        MasterFlags.of(AgentFlags.of())  # type: ignore[type-var]


@pytest.mark.parametrize("flags", [MasterFlags, AgentFlags])
def test_every_flag_has_a_rule_that_takes_its_default(flags: Any) -> None:
    """Table and fields agree, and each default passes its own check."""
    assert sorted(flags.rules) == sorted(flags.__struct_fields__)
    defaults = flags.of()
    assert flags.of({name: getattr(defaults, name) for name in flags.rules}) == defaults
