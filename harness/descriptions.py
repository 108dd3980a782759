"""How a test's words become Mesos's records: resources, attributes, the description and credential of a framework."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.durations import DurationLike, as_duration
from harness.errors import MisuseError
from harness.mesos.flags import DEFAULT_CREDENTIAL, DEFAULT_CREDENTIAL_2
from harness.mesos.ids import FrameworkID
from harness.mesos.messages import Attribute, Credential, FrameworkInfo
from harness.mesos.resources import Resources
from harness.mesos.states import FrameworkCapability

DEFAULT: Any = Credential(principal="", secret="default")
"""Stands for the credential that fits the principal; ``credential=None`` means none."""

DRIVER_OPTIONS = ("implicit_acknowledgements",)
"""What ``start_framework`` passes to the driver and not into the framework's description."""

# As in Mesos's own tests.
_CAPABILITIES = ("MULTI_ROLE", "RESERVATION_REFINEMENT")
_KNOWN = tuple(FrameworkCapability)


def resources_of(given: str | Resources) -> Resources:
    """Resources, parsed if need be."""
    return given if isinstance(given, Resources) else Resources.parse(given)


def attributes_of(text: str) -> tuple[Attribute, ...]:
    """``name:value;name:value`` as records.

    Raises:
        MisuseError: a part is not of that form.
    """
    attributes = []
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        name, colon, value = part.partition(":")
        if not colon or not name:
            raise MisuseError(f"attributes={text!r}: {part!r} is not name:value")
        attributes.append(Attribute(name=name, value=value))
    return tuple(attributes)


def framework_of(
    *,
    roles: Iterable[str],
    failover_timeout: DurationLike,
    partition_aware: bool,
    capabilities: Iterable[str],
    framework_id: str | None,
    more: Mapping[str, Any],
) -> FrameworkInfo:
    """A framework's description; ``more`` holds its other fields.

    Raises:
        MisuseError: ``roles`` or ``capabilities`` is a single text, a capability is unknown, or ``more`` names no field.
    """
    if isinstance(roles, str):
        raise MisuseError(f"roles={roles!r}: wanted several roles, for example roles=({roles!r},)")
    unknown = [field for field in more if field not in FrameworkInfo.__struct_fields__]
    if unknown:
        known = ", ".join(sorted({*FrameworkInfo.__struct_fields__, *DRIVER_OPTIONS}))
        raise MisuseError(f"start_framework({unknown[0]}=...): no such argument or field of FrameworkInfo; known are {known}")
    if isinstance(capabilities, str):
        raise MisuseError(f"capabilities={capabilities!r}: wanted several, for example capabilities=({capabilities!r},)")
    capabilities = tuple(capabilities)
    for capability in capabilities:
        if capability not in _KNOWN:
            raise MisuseError(f"capabilities: {capability!r} is none of a framework; known are {', '.join(_KNOWN)}")
    wanted = (*_CAPABILITIES, *capabilities, *(("PARTITION_AWARE",) if partition_aware else ()))
    return FrameworkInfo(
        roles=tuple(roles),
        failover_timeout=as_duration(failover_timeout, "failover_timeout"),
        capabilities=tuple(dict.fromkeys(wanted)),
        id=FrameworkID(framework_id) if framework_id is not None else None,
        **more,
    )


def credential_of(given: Credential | None, principal: str | None) -> Credential | None:
    """The credential to use: the one given, or the one that fits the principal.

    Raises:
        MisuseError: what was given is no credential.
    """
    if given is not None and not isinstance(given, Credential):
        raise MisuseError(f"credential={given!r}: wanted a Credential(principal=..., secret=...), or None for none")
    if given is not DEFAULT:
        return given
    if principal is None:
        return None
    for known in (DEFAULT_CREDENTIAL, DEFAULT_CREDENTIAL_2):
        if known.principal == principal:
            return known
    # Nobody told the masters a secret of this principal either, unless by the flag credentials.
    return Credential(principal=principal)
