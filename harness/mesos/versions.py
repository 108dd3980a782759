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

    # --- loss of an agent
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


# Each row gives the values for the five releases, in the order of RELEASES.
_TABLE: Mapping[str, tuple[Any, Any, Any, Any, Any]] = {
    "shuts_down_unauthenticated_agents": (True, True, True, True, False),
    "shuts_down_refused_agents": (False, False, False, True, False),
    "shuts_down_duplicate_ids": (True, False, False, False, False),
    "removed_agents_return": ("refused", "without_unaware_tasks", "without_unaware_tasks", "all", "all"),
    "shuts_down_senders_from_removed_agents": (True, False, False, False, False),
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
