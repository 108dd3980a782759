"""What a declaration says about arguments: ``add_slave(ANY, hostname="a1")`` turned into checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from harness.doubles.matchers import ANY, Has, Matcher, as_matcher, has_field, read_field
from harness.doubles.signatures import MethodSpec
from harness.errors import MisuseError


class Check(Protocol):
    """One condition on the arguments of a call."""

    text: str

    def fits(self, arguments: Mapping[str, Any]) -> bool:
        """Whether the arguments fulfil it."""

    def why(self, arguments: Mapping[str, Any]) -> str:
        """Why they do not."""


class ParameterCheck:
    """A matcher on one parameter."""

    __slots__ = ("matcher", "parameter", "text")

    def __init__(self, parameter: str, matcher: Matcher, text: str) -> None:
        self.parameter = parameter
        self.matcher = matcher
        self.text = text

    def fits(self, arguments: Mapping[str, Any]) -> bool:
        """See :meth:`Check.fits`."""
        return self.parameter in arguments and self.matcher.matches(arguments[self.parameter])

    def why(self, arguments: Mapping[str, Any]) -> str:
        """See :meth:`Check.why`."""
        if self.parameter not in arguments:
            return f"{self.parameter}: expected {self.matcher!r}, it was not given"
        reason = self.matcher.why(arguments[self.parameter])
        return f"{self.parameter}{reason}" if reason.startswith((".", "[")) else f"{self.parameter}: {reason}"


class FieldCheck:
    """A matcher on a field of whichever argument carries it: for parameters whose types promise nothing."""

    __slots__ = ("field", "matcher", "spec", "text")

    def __init__(self, spec: MethodSpec, field: str, matcher: Matcher, text: str) -> None:
        self.spec = spec
        self.field = field
        self.matcher = matcher
        self.text = text

    def _parameter(self, arguments: Mapping[str, Any]) -> str | None:
        undecided = self.spec.carriers.undecided
        found = [name for name in undecided if has_field(arguments.get(name), self.field)]
        if len(found) > 1:
            raise self.spec.ambiguous(self.field, found)
        if found:
            return found[0]
        # Nothing (None) carries no field, but a later call may bring something that does.
        if any(arguments.get(name) is None for name in undecided):
            return None
        raise self.spec.unknown(self.field)

    def fits(self, arguments: Mapping[str, Any]) -> bool:
        """See :meth:`Check.fits`."""
        parameter = self._parameter(arguments)
        return parameter is not None and self.matcher.matches(read_field(arguments[parameter], self.field))

    def why(self, arguments: Mapping[str, Any]) -> str:
        """See :meth:`Check.why`."""
        parameter = self._parameter(arguments)
        if parameter is None:
            return f"{self.field}: no argument has such a field"
        return f"{parameter}.{self.field}: {self.matcher.why(read_field(arguments[parameter], self.field))}"


class SurplusCheck:
    """A matcher on one of the surplus positional arguments (``*args``)."""

    __slots__ = ("matcher", "parameter", "position", "text")

    def __init__(self, parameter: str, position: int, matcher: Matcher) -> None:
        self.parameter = parameter
        self.position = position
        self.matcher = matcher
        self.text = repr(matcher)

    def fits(self, arguments: Mapping[str, Any]) -> bool:
        """See :meth:`Check.fits`."""
        surplus = arguments.get(self.parameter, ())
        return len(surplus) > self.position and self.matcher.matches(surplus[self.position])

    def why(self, arguments: Mapping[str, Any]) -> str:
        """See :meth:`Check.why`."""
        surplus = arguments.get(self.parameter, ())
        if len(surplus) <= self.position:
            return f"*{self.parameter}[{self.position}]: expected {self.matcher!r}, it was not given"
        return f"*{self.parameter}[{self.position}]: {self.matcher.why(surplus[self.position])}"


def checks_of(spec: MethodSpec, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Check, ...]:
    """The checks of a declaration; those that hold for every value are left out.

    Raises:
        MisuseError: too many positional arguments, one given twice, or a keyword that no argument can carry.
    """
    checks: list[Check] = []
    for position, value in enumerate(args):
        matcher = as_matcher(value)
        if position < len(spec.positional):
            parameter = spec.positional[position]
            if parameter in kwargs:
                raise MisuseError(f"{spec.name}(): {parameter} is given twice, by position and by name")
            if matcher is not ANY:
                checks.append(ParameterCheck(parameter, matcher, f"{parameter}={matcher!r}"))
        elif spec.var_positional is None:
            raise MisuseError(
                f"{spec.name}() takes {len(spec.positional)} arguments, {len(args)} were given; "
                f"parameters: {', '.join(spec.parameters) or 'none'}"
            )
        elif matcher is not ANY:
            checks.append(SurplusCheck(spec.var_positional, position - len(spec.positional), matcher))
    for keyword, value in kwargs.items():
        matcher = as_matcher(value)
        text = f"{keyword}={matcher!r}"
        if keyword in spec.parameters or spec.var_keyword is not None:
            if matcher is not ANY:
                checks.append(ParameterCheck(keyword, matcher, text))
            continue
        carrier = spec.parameter_for(keyword)
        if carrier is not None:
            checks.append(ParameterCheck(carrier, Has({keyword: matcher}), text))
        else:
            checks.append(FieldCheck(spec, keyword, matcher, text))
    return tuple(checks)
