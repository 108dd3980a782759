"""Offer constraints: which agents a framework wants offers of, as data, by role.

The structure is Mesos's JSON of ``OfferConstraints``::

    {"role_constraints": {"web": {"groups": [
        {"attribute_constraints": [
            {"selector": {"attribute_name": "rack"}, "predicate": {"text_equals": {"value": "r1"}}},
            {"selector": {"pseudoattribute_type": "HOSTNAME"}, "predicate": {"text_matches": {"regex": "db-.*"}}},
        ]},
    ]}}}

An agent qualifies for a role when all constraints of at least one group hold; a role that is not named is not constrained.
Source: ``src/master/allocator/mesos/offer_constraints_filter.cpp``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from harness.errors import MisuseError
from harness.mesos.messages import SlaveInfo

#: ``(role, agent) -> bool``: whether a framework wants offers of this agent for this role.
OfferConstraints: TypeAlias = Callable[[str, SlaveInfo], bool]

_PSEUDO = ("HOSTNAME", "REGION", "ZONE")
_PREDICATES = ("exists", "not_exists", "text_equals", "text_not_equals", "text_matches", "text_not_matches")


class ConstraintsFilter:
    """Compiled constraints; call it with a role and an agent.

    Raises:
        MisuseError: the structure is not as shown above; the message names the role and the piece.
    """

    __slots__ = ("_groups", "source")

    def __init__(self, source: Mapping[str, Any]) -> None:
        self.source = source
        self._groups: dict[str, list[list[_Constraint]]] = {}
        by_role = source.get("role_constraints") if isinstance(source, Mapping) else None
        if not isinstance(by_role, Mapping):
            raise MisuseError(f"offer_constraints={source!r}: wanted a mapping with 'role_constraints', or a function")
        for role, constraints in by_role.items():
            groups = _list(constraints, "groups", role)
            self._groups[role] = [
                [_Constraint(role, constraint) for constraint in _list(group, "attribute_constraints", role)] for group in groups
            ]

    def __call__(self, role: str, agent: SlaveInfo) -> bool:
        groups = self._groups.get(role)
        return groups is None or any(all(constraint.holds(agent) for constraint in group) for group in groups)

    def __str__(self) -> str:
        return f"offer constraints for {', '.join(self._groups) or 'no role'}"


class _Constraint:
    __slots__ = ("_name", "_predicate", "_pseudo", "_value")

    def __init__(self, role: str, constraint: Any) -> None:
        selector, predicate = _part(constraint, "selector", role), _part(constraint, "predicate", role)
        self._name = selector.get("attribute_name")
        self._pseudo = selector.get("pseudoattribute_type")
        if (self._name is None) == (self._pseudo is None) or self._pseudo not in (None, *_PSEUDO):
            raise MisuseError(
                f"offer_constraints for role {role!r}: the selector {dict(selector)!r} wants exactly one of 'attribute_name' and "
                f"'pseudoattribute_type' ({', '.join(_PSEUDO)})"
            )
        kinds = [kind for kind in _PREDICATES if kind in predicate]
        if len(kinds) != 1:
            raise MisuseError(
                f"offer_constraints for role {role!r}: the predicate {dict(predicate)!r} wants one of {', '.join(_PREDICATES)}"
            )
        self._predicate = kinds[0]
        self._value: Any = None
        if kinds[0].startswith("text_"):
            self._value = _operand(role, kinds[0], predicate[kinds[0]])

    def holds(self, agent: SlaveInfo) -> bool:
        present, value, is_text = self._select(agent)
        negated = "not_" in self._predicate
        if not present:
            return negated
        if self._predicate in ("exists", "not_exists"):
            return not negated
        if not is_text:
            # Numbers and ranges are left to the framework itself: texts say nothing about them.
            return True
        fits = self._value == value if self._predicate.endswith("equals") else self._value.fullmatch(value) is not None
        return bool(fits) != negated

    def _select(self, agent: SlaveInfo) -> tuple[bool, str, bool]:
        if self._name is not None:
            for attribute in agent.attributes:
                if attribute.name == self._name:
                    return True, attribute.value, is_text(attribute.value)
            return False, "", True
        if self._pseudo == "HOSTNAME":
            return True, agent.hostname, True
        if agent.domain is None:
            return False, "", True
        return True, agent.domain.region if self._pseudo == "REGION" else agent.domain.zone, True


def is_text(value: str) -> bool:
    """Whether an attribute's value is a text to Mesos, and not a number or ranges."""
    if value.startswith("[") and value.endswith("]"):
        return False
    try:
        float(value)
    except ValueError:
        return True
    return False


def _operand(role: str, kind: str, predicate: Any) -> Any:
    key = "value" if kind.endswith("equals") else "regex"
    value = predicate.get(key) if isinstance(predicate, Mapping) else None
    if not isinstance(value, str):
        raise MisuseError(f"offer_constraints for role {role!r}: {kind} is {predicate!r}; wanted {{{key!r}: a text}}")
    if key == "value":
        return value
    try:
        return re.compile(value)
    except re.error as problem:
        raise MisuseError(f"offer_constraints for role {role!r}: {value!r} is no regular expression ({problem})") from None


def _part(whole: Any, key: str, role: str) -> Mapping[str, Any]:
    part = whole.get(key) if isinstance(whole, Mapping) else None
    if not isinstance(part, Mapping):
        raise MisuseError(f"offer_constraints for role {role!r}: {whole!r} lacks {key!r}, a mapping")
    return part


def _list(whole: Any, key: str, role: str) -> list[Any]:
    items = whole.get(key) if isinstance(whole, Mapping) else None
    if not isinstance(items, (list, tuple)) or not items:
        raise MisuseError(f"offer_constraints for role {role!r}: {whole!r} lacks {key!r}, a list that is not empty")
    return list(items)


def constraints_of(given: OfferConstraints | Mapping[str, Any] | None) -> OfferConstraints | None:
    """Constraints of what :class:`FrameworkOptions` accepts: a function, Mesos's structure, or None (every agent will do)."""
    if given is None or callable(given):
        return given
    return ConstraintsFilter(given)
