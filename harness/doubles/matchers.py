"""Matchers: values that say whether an argument is the one that is meant.

They print as they are written, combine with ``&``, ``|`` and ``~``, and one that raises is an error of the test, never
"no match". Anything that is no matcher means equality, with four comforts: a handle (anything with ``_refers_to``) matches
whatever refers to it, a task matches whatever carries its id, a class matches its instances, and lists and mappings may hold
matchers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import msgspec

from harness.errors import HarnessError, MisuseError
from harness.mesos.messages import Task, TaskInfo
from harness.mesos.resources import Identity, Resources
from harness.simulation.trace import shorten

_MISSING: Any = type("Missing", (), {"__repr__": lambda self: "nothing"})()


# Texts of failures are equal in equal runs, so no address of memory may get into them.
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def brief(value: object, limit: int = 100) -> str:
    """``value`` as text of at most ``limit`` characters."""
    text = shorten(_brief(value))
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def _brief(value: object) -> str:
    if isinstance(value, str):
        return repr(str(value))
    if isinstance(value, msgspec.Struct):
        return str(value)
    if type(value) in (list, tuple):
        items = ", ".join(map(_brief, cast("Sequence[object]", value)))
        return f"[{items}]"
    return _ADDRESS.sub("", repr(value))


def read_field(value: Any, field: str) -> Any:
    """The attribute or the key ``field`` of ``value``; an own marker when it has neither."""
    if isinstance(value, Mapping):
        return value.get(field, _MISSING)
    return getattr(value, field, _MISSING)


def has_field(value: Any, field: str) -> bool:
    """Whether ``value`` has ``field`` as an attribute or a key."""
    return read_field(value, field) is not _MISSING


class Matcher:
    """Base of all matchers; a subclass says :meth:`_test` and, where it can say more, :meth:`why`."""

    __slots__ = ()

    def matches(self, value: Any) -> bool:
        """Whether ``value`` is meant.

        Raises:
            MisuseError: the matcher itself raised.
        """
        try:
            return bool(self._test(value))
        except HarnessError:
            raise
        except Exception as error:
            raise MisuseError(
                f"the matcher {self!r} raised {type(error).__name__}: {error} when asked about {brief(value)}; "
                "a matcher must answer yes or no for every value"
            ) from error

    def why(self, value: Any) -> str:
        """Why ``value`` does not match; asked only after :meth:`matches` said no."""
        return f"expected {self!r}, got {brief(value)}"

    def _test(self, value: Any) -> bool:
        raise NotImplementedError

    def __and__(self, other: object) -> Matcher:
        return AllOf(self, as_matcher(other))

    def __rand__(self, other: object) -> Matcher:
        return AllOf(as_matcher(other), self)

    def __or__(self, other: object) -> Matcher:
        return AnyOf(self, as_matcher(other))

    def __ror__(self, other: object) -> Matcher:
        return AnyOf(as_matcher(other), self)

    def __invert__(self) -> Matcher:
        return Not(self)


class _Any(Matcher):
    __slots__ = ()

    def _test(self, value: Any) -> bool:
        return True

    def __repr__(self) -> str:
        return "ANY"


#: Matches every value.
ANY: Matcher = _Any()


class Equals(Matcher):
    """The value itself; lists, tuples, sets and mappings may hold matchers and are compared by content."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def _test(self, value: Any) -> bool:
        return self._difference(value) is None

    def why(self, value: Any) -> str:
        return self._difference(value) or "equal"

    def _difference(self, value: Any) -> str | None:
        wanted = self.value
        if isinstance(wanted, (list, tuple)) and isinstance(value, (list, tuple)):
            return _sequence_difference(wanted, value)
        if isinstance(wanted, (set, frozenset)) and isinstance(value, (list, tuple, set, frozenset)):
            same = len(wanted) == len(value) and all(item in value for item in sorted(wanted, key=repr))
            return None if same else super().why(value)
        if isinstance(wanted, dict) and isinstance(value, Mapping):
            return _mapping_difference(wanted, value)
        if isinstance(wanted, str) and isinstance(value, Resources):
            return None if Resources.parse(wanted) == value else super().why(value)
        return None if wanted == value else super().why(value)

    def __repr__(self) -> str:
        return brief(self.value)


def _sequence_difference(wanted: Any, value: Any) -> str | None:
    if len(wanted) != len(value):
        return f"expected {len(wanted)} items {brief(wanted)}, got {len(value)} {brief(value)}"
    for position, (item, got) in enumerate(zip(wanted, value, strict=True)):
        matcher = as_matcher(item)
        if not matcher.matches(got):
            return f"[{position}]: {matcher.why(got)}"
    return None


def _mapping_difference(wanted: Mapping[Any, Any], value: Mapping[Any, Any]) -> str | None:
    missing = [key for key in wanted if key not in value]
    surplus = [key for key in value if key not in wanted]
    if missing or surplus:
        parts = [f"without {brief(key)}" for key in missing] + [f"with {brief(key)} besides" for key in surplus]
        return f"expected {brief(wanted)}, got one {', '.join(parts)}"
    for key, item in wanted.items():
        matcher = as_matcher(item)
        if not matcher.matches(value[key]):
            return f"[{brief(key)}]: {matcher.why(value[key])}"
    return None


class InstanceOf(Matcher):
    """An instance of a class (or the class itself): what a bare class means as an argument."""

    __slots__ = ("kind",)

    def __init__(self, kind: type) -> None:
        self.kind = kind

    def _test(self, value: Any) -> bool:
        return value is self.kind or isinstance(value, self.kind)

    def __repr__(self) -> str:
        return self.kind.__name__


class Refers(Matcher):
    """Whatever refers to a handle: its ids, records and addresses, alone or in a list."""

    __slots__ = ("handle",)

    def __init__(self, handle: Any) -> None:
        self.handle = handle

    def _test(self, value: Any) -> bool:
        if value is self.handle or self.handle._refers_to(value):
            return True
        return isinstance(value, (list, tuple)) and any(self.handle._refers_to(item) for item in value)

    def __repr__(self) -> str:
        return name_of(self.handle)


class OfTask(Matcher):
    """Whatever carries the id of a task: an id, a status, an update, an info, alone or in a list."""

    __slots__ = ("task_id",)

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id

    def _test(self, value: Any) -> bool:
        if isinstance(value, (list, tuple)):
            return any(self._test(item) for item in value)
        if isinstance(value, str):
            return value == self.task_id
        status = getattr(value, "status", None)
        return bool(getattr(value, "task_id", getattr(status, "task_id", None)) == self.task_id)

    def __repr__(self) -> str:
        return f"task {str(self.task_id)!r}"


def name_of(handle: Any) -> str:
    """How texts call an agent, a framework or any other thing a test holds."""
    for attribute in ("hostname", "name"):
        name = getattr(handle, attribute, None)
        if isinstance(name, str) and name:
            return name
    text = str(handle)
    return brief(handle) if text == repr(handle) else text


class Has(Matcher):
    """A value whose named fields (attributes or keys) match; fields may be matchers, so it nests."""

    __slots__ = ("fields",)

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = {name: as_matcher(value) for name, value in fields.items()}

    def _test(self, value: Any) -> bool:
        for field, matcher in self.fields.items():
            got = read_field(value, field)
            if got is _MISSING or not matcher.matches(got):
                return False
        return True

    def why(self, value: Any) -> str:
        for field, matcher in self.fields.items():
            got = read_field(value, field)
            if got is _MISSING:
                return f".{field}: {type(value).__name__} has no such field"
            if not matcher.matches(got):
                reason = matcher.why(got)
                return f".{field}{reason}" if reason.startswith((".", "[")) else f".{field}: {reason}"
        return "equal"

    def __repr__(self) -> str:
        return f"has({', '.join(f'{name}={matcher!r}' for name, matcher in self.fields.items())})"


def has(**fields: Any) -> Matcher:
    """A value with these fields, for example ``has(slave_info=has(hostname="a1"))``.

    Raises:
        MisuseError: no field was given.
    """
    if not fields:
        raise MisuseError("has() needs at least one field, for example has(hostname='a1'); for any value use ANY")
    return Has(fields)


def amounts(value: Any) -> Resources | None:
    """The resources of an offer, of several together, or of a ``Resources``; None if the value has none."""
    if isinstance(value, Resources):
        return value.unallocate()
    own = getattr(value, "resources", None)
    if isinstance(own, Resources):
        return own.unallocate()
    if isinstance(value, (list, tuple)):
        total = Resources.parse("")
        for item in value:
            part = amounts(item)
            if part is None:
                return None
            total = total + part
        return total
    return None


class ResourceAmount(Matcher):
    """Amounts by resource name, whatever the reservation: exactly those named, or at least."""

    __slots__ = ("exact", "text", "wanted")

    def __init__(self, resources: Resources | str, exact: bool) -> None:
        self.exact = exact
        self.text = str(resources)
        self.wanted = _by_name(Resources.of(resources))
        # A text may name a resource with amount 0 ("gpus:0"); parsing drops it, the wish stays.
        for name in re.findall(r"(?:^|;)\s*([^;:()\s]+)", self.text):
            self.wanted.setdefault(name, Resources.parse(""))

    def _test(self, value: Any) -> bool:
        return self._difference(value) is None

    def why(self, value: Any) -> str:
        return self._difference(value) or "equal"

    def _difference(self, value: Any) -> str | None:
        found = amounts(value)
        if found is None:
            return f"expected {self!r}, got {brief(value)}, which is no offer and no resources"
        got = _by_name(found)
        nothing = Resources.parse("")
        for name, wanted in self.wanted.items():
            have = got.get(name, nothing)
            if have != wanted if self.exact else not wanted <= have:
                least = "" if self.exact else "at least "
                return f"expected {least}{_show(name, wanted)}, got {_show(name, have)}"
        return None

    def __repr__(self) -> str:
        return f"{'total' if self.exact else 'contains'}({self.text!r})"


def _show(name: str, amount: Resources) -> str:
    return str(amount) if amount else f"{name}:0"


def _by_name(resources: Resources) -> dict[str, Resources]:
    """Each resource's amount, freed of roles, reservations and all other identity, by name."""
    found: dict[str, Resources] = {}
    for identity, value in resources.entries.items():
        amount = identity.shared or value if isinstance(value, int) else value
        plain = Resources.from_entries({Identity(identity.name, identity.kind): amount})
        found[identity.name] = found[identity.name] + plain if identity.name in found else plain
    return found


def total(resources: Resources | str) -> Matcher:
    """An offer, several offers together, or a ``Resources`` with exactly this amount of every resource named."""
    return ResourceAmount(resources, exact=True)


def contains(resources: Resources | str) -> Matcher:
    """An offer, several offers together, or a ``Resources`` with at least this amount of every resource named."""
    return ResourceAmount(resources, exact=False)


class Predicate(Matcher):
    """A value for which a function answers yes."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[[Any], object]) -> None:
        self.function = function

    def _test(self, value: Any) -> bool:
        return bool(self.function(value))

    def __repr__(self) -> str:
        return f"predicate({getattr(self.function, '__name__', brief(self.function))})"


def predicate(function: Callable[[Any], object]) -> Matcher:
    """A value for which ``function(value)`` is true.

    Raises:
        MisuseError: ``function`` cannot be called.
    """
    if not callable(function):
        raise MisuseError(
            f"predicate({function!r}): wanted a function of one value, for example predicate(lambda offer: offer.cpus > 1)"
        )
    return Predicate(function)


class AllOf(Matcher):
    """Both of two matchers: ``a & b``."""

    __slots__ = ("left", "right")

    def __init__(self, left: Matcher, right: Matcher) -> None:
        self.left = left
        self.right = right

    def _test(self, value: Any) -> bool:
        return self.left.matches(value) and self.right.matches(value)

    def why(self, value: Any) -> str:
        return (self.right if self.left.matches(value) else self.left).why(value)

    def __repr__(self) -> str:
        return f"({self.left!r} & {self.right!r})"


class AnyOf(Matcher):
    """One of two matchers: ``a | b``."""

    __slots__ = ("left", "right")

    def __init__(self, left: Matcher, right: Matcher) -> None:
        self.left = left
        self.right = right

    def _test(self, value: Any) -> bool:
        return self.left.matches(value) or self.right.matches(value)

    def __repr__(self) -> str:
        return f"({self.left!r} | {self.right!r})"


class OneOf(Matcher):
    """One of several values or matchers."""

    __slots__ = ("choices",)

    def __init__(self, choices: tuple[Any, ...]) -> None:
        self.choices = tuple(as_matcher(choice) for choice in choices)

    def _test(self, value: Any) -> bool:
        return any(choice.matches(value) for choice in self.choices)

    def __repr__(self) -> str:
        return f"one_of({', '.join(map(repr, self.choices))})"


def one_of(*values: Any) -> Matcher:
    """Any of these values or matchers.

    Raises:
        MisuseError: nothing to choose from.
    """
    if not values:
        raise MisuseError("one_of() needs at least one value; a call that must not come is .never()")
    return OneOf(values)


class Not(Matcher):
    """Anything but: ``~m``."""

    __slots__ = ("matcher",)

    def __init__(self, matcher: Matcher) -> None:
        self.matcher = matcher

    def _test(self, value: Any) -> bool:
        return not self.matcher.matches(value)

    def __invert__(self) -> Matcher:
        return self.matcher

    def __repr__(self) -> str:
        return f"not_({self.matcher!r})"


def not_(value: Any) -> Matcher:
    """Anything but this value or what this matcher matches."""
    return Not(as_matcher(value))


def as_matcher(value: Any) -> Matcher:
    """The matcher that ``value`` means where one is wanted."""
    if isinstance(value, Matcher):
        return value
    if isinstance(value, type):
        return InstanceOf(value)
    if callable(getattr(value, "_refers_to", None)):
        return Refers(value)
    if isinstance(value, (Task, TaskInfo)):
        return OfTask(value.task_id)
    return Equals(value)
