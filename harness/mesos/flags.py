"""The flags of masters and agents: Mesos's names, defaults, types and ranges, as one table each.

Build them with :meth:`MasterFlags.of` and :meth:`AgentFlags.of`, which check; a finished set of flags is immutable and may be
shared. Defaults are Mesos's, but for those that its own test fixture changes (``src/tests/mesos.cpp``): they are marked.
Source: Mesos ``src/master/flags.cpp``, ``src/slave/flags.cpp``, the two ``constants.hpp``.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeAlias, TypeVar

import msgspec

from harness.durations import Duration, milliseconds, minutes, seconds, to_ns
from harness.errors import FlagError, MisuseError
from harness.mesos.messages import Credential
from harness.mesos.resources import Resources

DEFAULT_CREDENTIAL = Credential(principal="test-principal", secret="test-secret")
DEFAULT_CREDENTIAL_2 = Credential(principal="test-principal-2", secret="test-secret-2")
DEFAULT_RESOURCES = "cpus:2;mem:1024;disk:1024;ports:[31000-32000]"

# A rule reads what a caller gave and returns what is stored, or raises ValueError with what it wanted instead.
Rule: TypeAlias = Callable[[Any], Any]
F = TypeVar("F", bound="Flags")


def _span(low: str | None = None, high: str | None = None) -> Rule:
    """A duration from ``low`` to ``high``, both included."""
    lowest = Duration.parse(low or "0ns")
    highest = Duration.parse(high) if high else None
    wanted = f"a duration from {lowest} to {highest}" if highest else f"a duration of at least {lowest}"

    def read(value: Any) -> Duration:
        try:
            span = Duration(to_ns(value, "flag"))
        except (TypeError, MisuseError):
            raise ValueError(f"{wanted}, such as '15secs'") from None
        if span < lowest or (highest is not None and span > highest):
            raise ValueError(wanted)
        return span

    return read


def _number(low: float, high: float | None = None, *, whole: bool = True) -> Rule:
    """A number from ``low`` to ``high``, both included."""
    kind = "a whole number" if whole else "a number"
    wanted = f"{kind} from {low} to {high}" if high is not None else f"{kind} of at least {low}"

    def read(value: Any) -> int | float:
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            raise ValueError(wanted)
        if not low <= value or (high is not None and value > high):
            raise ValueError(wanted)
        return value

    return read


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a text")
    return value


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("True or False")
    return value


def _one_of(*choices: str, **aliases: str) -> Rule:
    def read(value: Any) -> str:
        if value in aliases:
            return aliases[value]
        if value not in choices:
            raise ValueError(f"one of {', '.join(map(repr, choices))}")
        return str(value)

    return read


def _optional(rule: Rule) -> Rule:
    def read(value: Any) -> Any:
        try:
            return None if value is None else rule(value)
        except ValueError as error:
            raise ValueError(f"{error}, or None") from None

    return read


def _percentage(value: Any) -> str:
    text = value if isinstance(value, str) else ""
    try:
        inside = 0 <= float(text.removesuffix("%")) <= 100
    except ValueError:
        inside = False
    if not inside or not text.endswith("%"):
        raise ValueError("a percentage from '0%' to '100%'")
    return text


def _rate(value: Any) -> str:
    permits, slash, period = value.partition("/") if isinstance(value, str) else ("", "", "")
    try:
        good = bool(slash) and int(permits) > 0 and Duration.parse(period).ns > 0
    except (ValueError, MisuseError):
        good = False
    if not good:
        raise ValueError("a rate such as '1/20mins': a positive number, a slash, a duration")
    return str(value)


def _resources(value: Any) -> str:
    if isinstance(value, Resources):
        return str(value)
    if not isinstance(value, str):
        raise ValueError("resources such as 'cpus:2;mem:1024'")
    Resources.parse(value)  # says itself what is wrong with the text, and where
    return value


def _credentials(value: Any) -> tuple[Credential, ...]:
    if isinstance(value, Mapping):
        value = tuple(Credential(principal=principal, secret=secret) for principal, secret in value.items())
    if not isinstance(value, (tuple, list)) or not all(isinstance(each, Credential) for each in value):
        raise ValueError("a sequence of Credential, or a mapping principal -> secret")
    return tuple(value)


def _names(value: Any) -> tuple[str, ...]:
    names = tuple(value.split(",")) if isinstance(value, str) else value
    if not isinstance(names, (tuple, list)) or not all(isinstance(each, str) for each in names):
        raise ValueError("a text with commas, or a sequence of texts")
    return tuple(names)


def _anything(value: Any) -> Any:
    return value


class Flags(msgspec.Struct, frozen=True, kw_only=True):
    """What both sets of flags share: checked construction from overrides, and errors that name the nearest flag."""

    rules: ClassVar[Mapping[str, Rule]] = {}
    owner: ClassVar[str] = ""

    @classmethod
    def of(cls: type[F], flags: Mapping[str, Any] | F | None = None, /, **overrides: Any) -> F:
        """The flags given by ``flags`` (a finished set, a mapping, or None for the defaults), changed by ``overrides``.

        Raises:
            FlagError: an unknown name, a value of the wrong type or out of its range.
        """
        if flags is None or isinstance(flags, Mapping):
            changes = {**flags, **overrides} if flags else overrides
            base: F = _defaults(cls)
        elif isinstance(flags, cls):
            changes, base = overrides, flags
        else:
            raise FlagError(f"flags={flags!r} are no flags of {cls.owner}; wanted a mapping, {cls.__name__} or None")
        if not changes:
            return base
        read = {name: cls._read(name, value) for name, value in changes.items()}
        return msgspec.structs.replace(base, **read)

    @classmethod
    def _read(cls, name: str, value: Any) -> Any:
        rule = cls.rules.get(name)
        if rule is None:
            raise FlagError(_unknown(cls, name, value))
        try:
            return rule(value)
        except FlagError:
            raise
        except MisuseError as error:
            raise FlagError(f"flag {name}={value!r} of {cls.owner}: {error}") from None
        except ValueError as error:
            raise FlagError(f"flag {name}={value!r} of {cls.owner} cannot be; wanted {error}") from None


@functools.cache
def _defaults(cls: type[F]) -> F:
    # Immutable, so one instance serves every cluster; its default texts go through no rule.
    return cls()


def _unknown(cls: type[Flags], name: str, value: Any) -> str:
    for other in (MasterFlags, AgentFlags):
        if name in other.rules:
            return f"flag {name}={value!r} is a flag of {other.owner}, not of {cls.owner}; give it where that one is started"
    near = difflib.get_close_matches(name, cls.rules, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(cls.rules))}"
    return f"unknown flag {name}={value!r} of {cls.owner}; {hint}"


class MasterFlags(Flags, frozen=True, kw_only=True):
    """The flags of a master."""

    owner: ClassVar[str] = "a master"

    agent_ping_timeout: Duration = seconds(15)
    agent_removal_rate_limit: str | None = None
    agent_reregister_timeout: Duration = minutes(10)
    allocation_interval: Duration = seconds(1)
    allocator: str = "hierarchical"
    allocator_agent_recovery_factor: float = 0.8
    allocator_recovery_timeout: Duration = minutes(10)
    authenticate_agents: bool = True  # test fixture
    authenticate_frameworks: bool = True  # test fixture
    authentication_v0_timeout: Duration | None = None  # None: what the release does (15 s, earlier 5 s)
    cluster: str | None = None
    credentials: tuple[Credential, ...] = (DEFAULT_CREDENTIAL, DEFAULT_CREDENTIAL_2)  # test fixture
    domain: Any = None
    fair_sharing_excluded_resource_names: tuple[str, ...] = ()
    filter_gpu_resources: bool = True
    framework_sorter: str = "drf"
    hostname: str | None = None
    max_agent_ping_timeouts: int = 5
    max_completed_frameworks: int = 50
    max_completed_tasks_per_framework: int = 1000
    max_unreachable_tasks_per_framework: int = 1000
    min_allocatable_resources: str = "cpus:0.01|mem:32"
    offer_timeout: Duration | None = None
    port: int = 5050
    publish_per_framework_metrics: bool = True
    rate_limits: Any = None
    recovery_agent_removal_limit: str = "100%"
    registry: str = "in_memory"
    registry_fetch_timeout: Duration = minutes(1)
    registry_gc_interval: Duration = minutes(15)
    registry_max_agent_age: Duration = Duration.parse("2weeks")
    registry_max_agent_count: int = 102_400
    registry_store_timeout: Duration = seconds(100)  # test fixture: five times Mesos's 20 s
    require_agent_domain: bool = False
    role_sorter: str = "drf"
    roles: tuple[str, ...] | None = None
    weights: str | None = None
    whitelist: tuple[str, ...] | None = None
    work_dir: str = "master"


class AgentFlags(Flags, frozen=True, kw_only=True):
    """The flags of an agent."""

    owner: ClassVar[str] = "an agent"

    attributes: str = ""
    authentication_backoff_factor: Duration = seconds(1)
    authentication_timeout_max: Duration = minutes(1)
    authentication_timeout_min: Duration = seconds(5)
    default_role: str = "*"
    disk_watch_interval: Duration = minutes(1)
    domain: Any = None
    executor_registration_timeout: Duration = minutes(1)
    executor_reregistration_retry_interval: Duration | None = None
    executor_reregistration_timeout: Duration = seconds(2)
    executor_shutdown_grace_period: Duration = seconds(5)
    gc_delay: Duration = Duration.parse("1weeks")
    gc_disk_headroom: float = 0.1
    hostname: str | None = None
    max_completed_executors_per_framework: int = 150
    oversubscribed_resources_interval: Duration = seconds(15)
    port: int = 5051
    qos_correction_interval_min: Duration = Duration(0)
    reconfiguration_policy: str = "equal"
    recover: str = "reconnect"
    recovery_timeout: Duration = minutes(15)
    registration_backoff_factor: Duration = milliseconds(10)  # test fixture: Mesos's own default is 1 s
    resources: str = DEFAULT_RESOURCES  # test fixture
    strict: bool = True
    work_dir: str = "agent"


_COUNT = _number(0)
_POSITIVE = _number(1)
_SPAN = _span()
_SOME_TIME = _span("1ns")

# Ranges where Mesos checks them; elsewhere only what makes sense at all.
MasterFlags.rules = {
    "agent_ping_timeout": _span("1secs", "15mins"),
    "agent_removal_rate_limit": _optional(_rate),
    "agent_reregister_timeout": _span("10mins"),
    "allocation_interval": _SOME_TIME,
    "allocator": _text,
    "allocator_agent_recovery_factor": _number(0, 1, whole=False),
    "allocator_recovery_timeout": _SPAN,
    "authenticate_agents": _switch,
    "authenticate_frameworks": _switch,
    "authentication_v0_timeout": _optional(_SOME_TIME),
    "cluster": _optional(_text),
    "credentials": _credentials,
    "domain": _anything,
    "fair_sharing_excluded_resource_names": _names,
    "filter_gpu_resources": _switch,
    "framework_sorter": _one_of("drf", "random"),
    "hostname": _optional(_text),
    "max_agent_ping_timeouts": _POSITIVE,
    "max_completed_frameworks": _COUNT,
    "max_completed_tasks_per_framework": _COUNT,
    "max_unreachable_tasks_per_framework": _COUNT,
    "min_allocatable_resources": _text,
    "offer_timeout": _optional(_SOME_TIME),
    "port": _number(1, 65_535),
    "publish_per_framework_metrics": _switch,
    "rate_limits": _anything,
    "recovery_agent_removal_limit": _percentage,
    "registry": _one_of("in_memory", "durable", replicated_log="durable"),
    "registry_fetch_timeout": _SOME_TIME,
    "registry_gc_interval": _SOME_TIME,
    "registry_max_agent_age": _SPAN,
    "registry_max_agent_count": _COUNT,
    "registry_store_timeout": _SOME_TIME,
    "require_agent_domain": _switch,
    "role_sorter": _one_of("drf", "random"),
    "roles": _optional(_names),
    "weights": _optional(_text),
    "whitelist": _optional(_names),
    "work_dir": _text,
}
AgentFlags.rules = {
    "attributes": _text,
    "authentication_backoff_factor": _SPAN,
    "authentication_timeout_max": _SOME_TIME,
    "authentication_timeout_min": _SOME_TIME,
    "default_role": _text,
    "disk_watch_interval": _SOME_TIME,
    "domain": _anything,
    "executor_registration_timeout": _SOME_TIME,
    "executor_reregistration_retry_interval": _optional(_SOME_TIME),
    "executor_reregistration_timeout": _span("0ns", "15secs"),
    "executor_shutdown_grace_period": _SPAN,
    "gc_delay": _SPAN,
    "gc_disk_headroom": _number(0, 1, whole=False),
    "hostname": _optional(_text),
    "max_completed_executors_per_framework": _COUNT,
    "oversubscribed_resources_interval": _SOME_TIME,
    "port": _number(1, 65_535),
    "qos_correction_interval_min": _SPAN,
    "reconfiguration_policy": _one_of("equal", "additive"),
    "recover": _one_of("reconnect", "cleanup"),
    "recovery_timeout": _SPAN,
    "registration_backoff_factor": _SPAN,
    "resources": _resources,
    "strict": _switch,
    "work_dir": _text,
}
