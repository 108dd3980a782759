"""Behaviours that changed between Mesos releases, as one table.

A column is what the ``.0`` tag of that release does. A role asks the table (``behaviour.growing_authentication_timeout``),
never the release's number, so the code says what differs and this file says since when.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from harness.durations import Duration, seconds
from harness.errors import MisuseError

RELEASES = ("1.0", "1.1", "1.2", "1.5", "1.11")
LATEST = "1.11"


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """What one release does where releases differ."""

    version: str
    """The release, for example ``1.11``."""

    # --- agent registration at the master
    shuts_down_unauthenticated_agents: bool
    """An agent that registers without authentication is told to shut down; newer releases ignore it."""
    shuts_down_refused_agents: bool
    """The same for an agent whom the authorizer refuses."""
    shuts_down_duplicate_ids: bool
    """An agent for whom the registry refuses a new id is told to shut down; newer releases let it try again."""
    removed_agents_return: str
    """A removed agent that comes back is ``refused`` (shut down), or admitted and loses the tasks of frameworks that are not
    partition-aware (``without_unaware_tasks``), or keeps ``all`` its tasks."""
    shuts_down_senders_from_removed_agents: bool
    """A status update (or alike) from a removed agent is answered with a shutdown instead of being dropped."""

    asks_authorizer_about_agents: bool
    """The authorizer is asked about every agent that registers."""
    announces_return: bool
    """A framework is sent the state of its tasks on an agent that was not expected back."""
    readmits_tasks_of_completed_frameworks: bool
    """A returning agent's tasks of frameworks that are over are taken in as orphans; newer releases end them."""
    different_host_text: str
    """What a registered id is told that speaks from another host."""
    tells_agents_of_connected_frameworks_only: bool
    """A returning agent hears only of frameworks whose scheduler is connected."""
    always_sends_checkpointed_resources: bool
    """A returning known agent is told its dynamic reservations whatever its capabilities."""

    # --- loss of an agent
    clears_memory_first: bool
    """A removed agent is forgotten at once and the registry written afterwards; newer releases do it the other way round."""
    marking_yields_to_return: bool
    """An agent that is just registering again is not marked unreachable."""
    unreachable_text: str
    """The message of updates for the tasks of an agent that failed its health checks."""
    removed_text: str
    """The same for an agent that was removed."""
    disconnected_text: str
    """The same for tasks that end because the link to their agent broke."""
    unreachable_is_terminal: bool
    """TASK_UNREACHABLE counts as the end of a task."""
    tells_disconnected_frameworks: bool
    """Lost agents and their tasks are reported to frameworks that are disconnected, too."""
    updates_need_framework: bool
    """A status update is dropped whole if its framework is unknown, and forwarded even to a disconnected one."""

    # --- task states and events
    knows_partition_aware: bool
    """Frameworks may be partition-aware; older releases do not know the capability."""
    missing_task_state: str
    """What a partition-aware framework hears of a task that its registered agent does not have."""
    unknown_task_state: str
    """The same for a task of an agent that nobody knows."""
    missing_operator_calls: tuple[str, ...]
    """What operators cannot ask for yet, by the names of :class:`~harness.mesos.authorizer.Action`."""
    operator_events: tuple[str, ...]
    """The events that a subscribed operator may get."""
    marks_unreachable: bool
    """An agent that fails its health checks is marked unreachable in the registry; older releases remove it."""
    lost_link_timer: bool
    """A broken link to an agent starts ``agent_reregister_timeout``."""

    # --- authentication, agents and scheduler drivers
    delay_before_authentication: bool
    """An agent with a credential waits for its first back-off before it authenticates."""
    growing_authentication_timeout: bool
    """The timeout of an attempt is drawn from a range that widens with each failure, and retries start at once. Otherwise it is
    5 s and failures are followed by a growing random pause."""
    authentication_v0_timeout: Duration
    """How long the master gives one attempt."""
    second_authentication_waits: bool
    """A second request of one client waits until the first, which is discarded, has ended; otherwise it replaces it."""

    # --- registration at the agent
    cancels_registration_retry: bool
    """A new detection or a registration cancels the pending retry; older releases let chains of retries pile up."""
    always_sends_update_slave: bool
    """An agent reports its resources after each (re)registration, oversubscribed or not."""
    keeps_id_after_shutdown: bool
    """An agent that was shut down gracefully registers again with its old id when it is started on the same work_dir."""
    keeps_id_after_reboot: bool
    """An agent recovers what it checkpointed also when its host has rebooted since; older releases start as a new agent."""
    has_reconfiguration_policy: bool
    """The flag ``reconfiguration_policy`` decides whether a changed agent keeps its id; older releases take no change."""
    executor_reregistration_flag: bool
    """``executor_reregistration_timeout`` is a flag; in older releases executors have 2 s."""
    drops_missing_tasks: bool
    """Tasks that got lost on the way to or at the agent are TASK_DROPPED or TASK_GONE for partition-aware frameworks."""

    # --- allocator
    suppresses_by_role: bool
    """SUPPRESS and REVIVE work on roles; older releases keep one switch for each framework."""
    revive_clears_revived_roles_only: bool
    """REVIVE drops the offer filters of the revived roles; older releases drop all filters of the framework."""
    suppression_survives_deactivation: bool
    """A framework that disconnects stays suppressed."""
    coalesces_allocations: bool
    """Events collect agents for one dispatched run; older releases allocate inside each event."""
    batch_after_run: bool
    """The next batch is timed from the end of the run; older releases time it from its start."""
    quota_change_allocates: bool
    """Changes of quotas and weights run an allocation."""
    update_slave_always_allocates: bool
    """Every update of an agent runs an allocation, also one that changes nothing."""
    filter_expiry_dispatches: bool
    """An offer filter that expires goes through one more dispatch, so a batch of the same instant still sees it."""
    filters_by_role: bool
    """Offer filters belong to a role of a framework."""
    caps_refuse_seconds: bool
    """``refuse_seconds`` beyond 365 days counts as 365 days."""


_RE_REGISTER = "Agent attempted to re-register with different IP / hostname"
_REREGISTER = "Agent attempted to reregister with different IP / hostname"
_OLD_REMOVED, _REMOVED = "Slave {hostname} removed: {message}", "Agent {hostname} removed: {message}"
_OLD_DISCONNECTED, _DISCONNECTED = "Slave {hostname} disconnected", "Agent {hostname} disconnected"
_NO_DRAINING = ("DRAIN_AGENT", "DEACTIVATE_AGENT", "REACTIVATE_AGENT")  # since 1.9
_NO_GONE = (*_NO_DRAINING, "MARK_AGENT_GONE")
_TASK_EVENTS = ("SUBSCRIBED", "TASK_ADDED", "TASK_UPDATED")
_AGENT_EVENTS = (*_TASK_EVENTS, "AGENT_ADDED", "AGENT_REMOVED")
_ALL_EVENTS = (*_AGENT_EVENTS, "FRAMEWORK_ADDED", "FRAMEWORK_UPDATED", "FRAMEWORK_REMOVED", "HEARTBEAT")

# Each row gives the values for the five releases, in the order of RELEASES.
_TABLE: Mapping[str, tuple[Any, Any, Any, Any, Any]] = {
    "shuts_down_unauthenticated_agents": (True, True, True, True, False),
    "shuts_down_refused_agents": (False, False, False, True, False),
    "shuts_down_duplicate_ids": (True, False, False, False, False),
    "removed_agents_return": ("refused", "without_unaware_tasks", "without_unaware_tasks", "all", "all"),
    "shuts_down_senders_from_removed_agents": (True, False, False, False, False),
    "asks_authorizer_about_agents": (False, False, False, True, True),
    "announces_return": (False, False, False, True, True),
    "readmits_tasks_of_completed_frameworks": (True, True, False, False, False),
    "different_host_text": (_RE_REGISTER, _RE_REGISTER, _RE_REGISTER, _RE_REGISTER, _REREGISTER),
    "tells_agents_of_connected_frameworks_only": (False, False, True, False, False),
    "always_sends_checkpointed_resources": (True, True, True, False, False),
    "clears_memory_first": (True, False, False, False, False),
    "marking_yields_to_return": (False, False, False, False, True),
    "unreachable_text": (
        "Slave {hostname} removed: {message}",
        "Slave {hostname} is unreachable",
        "Agent {hostname} is unreachable: {message}",
        "{message}",
        "{message}",
    ),
    "removed_text": (_OLD_REMOVED, _OLD_REMOVED, _REMOVED, _REMOVED, _REMOVED),
    "disconnected_text": (_OLD_DISCONNECTED, _OLD_DISCONNECTED, _OLD_DISCONNECTED, _DISCONNECTED, _DISCONNECTED),
    "unreachable_is_terminal": (False, True, False, False, False),
    "tells_disconnected_frameworks": (True, True, False, False, False),
    "updates_need_framework": (True, False, False, False, False),
    "knows_partition_aware": (False, True, True, True, True),
    "missing_task_state": ("TASK_LOST", "TASK_LOST", "TASK_UNKNOWN", "TASK_GONE", "TASK_GONE"),
    "unknown_task_state": ("TASK_LOST", "TASK_LOST", "TASK_UNKNOWN", "TASK_UNKNOWN", "TASK_UNKNOWN"),
    "missing_operator_calls": (_NO_GONE, _NO_GONE, _NO_GONE, _NO_DRAINING, ()),
    "operator_events": (_TASK_EVENTS, _AGENT_EVENTS, _AGENT_EVENTS, _ALL_EVENTS, _ALL_EVENTS),
    "marks_unreachable": (False, True, True, True, True),
    "lost_link_timer": (False, False, True, True, True),
    "delay_before_authentication": (False, False, True, True, True),
    "growing_authentication_timeout": (False, False, False, False, True),
    "authentication_v0_timeout": (seconds(5), seconds(5), seconds(5), seconds(5), seconds(15)),
    "second_authentication_waits": (True, True, True, True, False),
    "cancels_registration_retry": (False, False, True, True, True),
    "always_sends_update_slave": (False, False, False, False, True),
    "keeps_id_after_shutdown": (False, False, False, True, True),
    "keeps_id_after_reboot": (False, False, False, True, True),
    "has_reconfiguration_policy": (False, False, False, True, True),
    "executor_reregistration_flag": (False, False, False, True, True),
    "drops_missing_tasks": (False, False, True, True, True),
    "suppresses_by_role": (False, False, False, True, True),
    "revive_clears_revived_roles_only": (False, False, False, False, True),
    "suppression_survives_deactivation": (False, False, False, True, True),
    "coalesces_allocations": (False, False, True, True, True),
    "batch_after_run": (False, False, True, True, True),
    "quota_change_allocates": (True, True, True, False, False),
    "update_slave_always_allocates": (True, True, True, False, False),
    "filter_expiry_dispatches": (False, False, True, True, True),
    "filters_by_role": (False, False, True, True, True),
    "caps_refuse_seconds": (False, False, False, True, True),
}

_BEHAVIOURS: Mapping[str, Behaviour] = {
    release: Behaviour(version=release, **{name: row[column] for name, row in _TABLE.items()})
    for column, release in enumerate(RELEASES)
}


def behaviour(version: str = LATEST) -> Behaviour:
    """What the release does.

    Raises:
        MisuseError: not one of :data:`RELEASES`.
    """
    found = _BEHAVIOURS.get(version) if isinstance(version, str) else None
    if found is None:
        raise MisuseError(f"mesos_version={version!r} is not modelled; known are {', '.join(RELEASES)}")
    return found
