"""What a double must know about a method: parameters, Mesos's spelling, and which argument carries which field.

Everything is read from the protocol class once, when the double's class is made; nothing here runs per call except
:meth:`MethodSpec.bind`.
"""

from __future__ import annotations

import collections.abc
import difflib
import enum
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any

import msgspec

from harness.errors import MisuseError

#: An argument of this type is never searched for fields: drivers are addressed by their position only.
Opaque = Annotated[Any, "carries no fields"]

_CLOSED = (str, bytes, int, float, complex, bool, enum.Enum, collections.abc.Mapping, collections.abc.Iterable)


def camel(name: str) -> str:
    """Mesos's spelling of one of our names: ``add_slave`` becomes ``addSlave``."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def nearest(name: str, known: Iterable[str]) -> str:
    """``did you mean ...? `` (with a space at the end) when something known looks like ``name``, else nothing."""
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}? " if close else ""


class MethodSpec:
    """One method of a protocol: ``parameters`` without ``self``, in order, and how to bind a call to them.

    ``label`` is how texts name it: Mesos's spelling with ours beside it, where the two differ.
    """

    __slots__ = ("_carriers", "_function", "arity", "label", "mesos_name", "name", "parameters", "positional",
                 "returns_future", "signature", "var_keyword", "var_positional")  # fmt: skip

    def __init__(self, name: str, function: Callable[..., Any], *, bound: bool, mesos: bool = True, owner: str = "") -> None:
        self.name = name
        self.mesos_name = camel(name) if mesos else name
        self.label = f"{self.mesos_name} ({name})" if self.mesos_name != name else f"{owner}{name}"
        signature = _signature(function)
        parameters = list(signature.parameters.values())
        if not bound:
            parameters = parameters[1:]
        self.signature = signature.replace(parameters=parameters)
        self.var_positional: str | None = None
        self.var_keyword: str | None = None
        names: list[str] = []
        for parameter in parameters:
            if parameter.kind is parameter.VAR_POSITIONAL:
                self.var_positional = parameter.name
            elif parameter.kind is parameter.VAR_KEYWORD:
                self.var_keyword = parameter.name
            else:
                names.append(parameter.name)
        self.parameters = tuple(names)
        #: Those that may be given by position.
        self.positional = tuple(p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD))
        # The fast path of bind holds for plain signatures only; -1 switches it off.
        plain = all(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)
        self.arity = len(names) if plain else -1
        returns = str(signature.return_annotation)
        self.returns_future = "Future[" in returns and "|" not in returns and "Union" not in returns
        self._function = function
        self._carriers: Carriers | None = None

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments by parameter name, defaults filled in; surplus keywords stand under their own names.

        Raises:
            TypeError: the arguments do not fit the signature.
        """
        if not kwargs and len(args) == self.arity:
            return dict(zip(self.parameters, args, strict=True))
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}() was called with arguments that do not fit {self.signature}: {error}") from None
        bound.apply_defaults()
        arguments = dict(bound.arguments)
        if self.var_keyword is not None:
            arguments.update(arguments.pop(self.var_keyword))
        return arguments

    @property
    def carriers(self) -> Carriers:
        """Which parameter carries which field; worked out from the annotations when first asked."""
        if self._carriers is None:
            self._carriers = Carriers(self._function, self.parameters)
        return self._carriers

    def parameter_for(self, keyword: str) -> str | None:
        """The parameter whose argument carries the field ``keyword``; None if only a call can tell.

        Raises:
            MisuseError: no argument can carry it, or more than one does.
        """
        carriers = self.carriers
        found = carriers.of(keyword)
        if len(found) == 1:
            return found[0]
        if found:
            raise self.ambiguous(keyword, found)
        if carriers.undecided:
            return None
        raise self.unknown(keyword)

    def parameter_names(self, field: str) -> tuple[str, ...]:
        """The parameters whose arguments may carry ``field``."""
        return tuple(self.carriers.of(field)) or self.carriers.undecided

    def ambiguous(self, keyword: str, found: Sequence[str]) -> MisuseError:
        """The error for a field that several arguments carry."""
        ways = " or ".join(f"{parameter}=has({keyword}=...)" for parameter in found)
        return MisuseError(
            f"{self.name}({keyword}=...) is ambiguous: {', '.join(found)} each have a field {keyword!r}; write {ways}"
        )

    def unknown(self, keyword: str) -> MisuseError:
        """The error for a keyword that is neither a parameter nor a field."""
        hint = nearest(keyword, [*self.parameters, *self.carriers.names()])
        return MisuseError(
            f"{self.name}({keyword}=...): {keyword!r} is neither a parameter nor a field of one argument; "
            f"{hint}parameters: {', '.join(self.parameters) or 'none'}"
        )


class Carriers:
    """The fields that each parameter's annotation promises; ``undecided`` are those that promise nothing."""

    __slots__ = ("fields", "undecided")

    def __init__(self, function: Callable[..., Any], parameters: Sequence[str]) -> None:
        try:
            hints = typing.get_type_hints(function, include_extras=True)
        except Exception:  # annotations of a user's object may name anything; then the first call decides
            hints = {}
        self.fields: dict[str, dict[str, None]] = {}
        undecided: list[str] = []
        for parameter in parameters:
            fields: dict[str, None] = {}
            if not _collect(hints.get(parameter, Any), fields):
                undecided.append(parameter)
            self.fields[parameter] = fields
        self.undecided = tuple(undecided)

    def of(self, field: str) -> list[str]:
        """The parameters that carry ``field``."""
        return [parameter for parameter, fields in self.fields.items() if field in fields]

    def names(self) -> list[str]:
        """Every known field."""
        return list(dict.fromkeys(name for fields in self.fields.values() for name in fields))


def _collect(annotation: Any, fields: dict[str, None]) -> bool:
    """Add the fields of ``annotation`` to ``fields``; False if it may have any others."""
    if annotation == Opaque or annotation is None or annotation is type(None):
        return True
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        return _collect(typing.get_args(annotation)[0], fields)
    if origin is typing.Union or origin is types.UnionType:
        decided = [_collect(member, fields) for member in typing.get_args(annotation)]
        return all(decided)
    kind = origin or annotation
    if not isinstance(kind, type) or kind is object or kind is Any:
        return False
    if issubclass(kind, msgspec.Struct):
        _collect_struct(kind, fields)
        return True
    if not issubclass(kind, _CLOSED) or _has_properties(kind):
        for name in _public_data(kind):
            fields[name] = None
    return True


def _collect_struct(kind: type[msgspec.Struct], fields: dict[str, None]) -> None:
    # A parameter typed with a base record receives the derived ones: their fields may be asked for as well.
    for name in kind.__struct_fields__:
        fields[name] = None
    for derived in kind.__subclasses__():
        _collect_struct(derived, fields)


def _has_properties(kind: type) -> bool:
    return kind.__module__.startswith("harness.") and not issubclass(kind, (str, enum.Enum))


def _public_data(kind: type) -> list[str]:
    names: dict[str, None] = {}
    for base in kind.__mro__:
        for name, value in vars(base).items():
            if not name.startswith("_") and (isinstance(value, property) or inspect.isdatadescriptor(value)):
                names[name] = None
        for name in vars(base).get("__annotations__", {}):
            if not name.startswith("_"):
                names[name] = None
    return list(names)


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):  # some built-ins have none: take anything
        kinds = inspect.Parameter
        return inspect.Signature([kinds("args", kinds.VAR_POSITIONAL), kinds("kwargs", kinds.VAR_KEYWORD)])


class MethodTable:
    """The methods of one protocol class, found by either spelling."""

    __slots__ = ("_aliases", "owner", "specs")

    def __init__(self, owner: str, specs: Iterable[MethodSpec]) -> None:
        self.owner = owner
        self.specs: dict[str, MethodSpec] = {spec.name: spec for spec in specs}
        self._aliases = {spec.mesos_name: spec.name for spec in self.specs.values()}

    def name_of(self, text: str) -> str:
        """Our name of the method that ``text`` names in either spelling.

        Raises:
            MisuseError: there is no such method.
        """
        if text in self.specs:
            return text
        if text in self._aliases:
            return self._aliases[text]
        hint = nearest(text, self.specs) or nearest(text, self._aliases)
        raise MisuseError(f"{self.owner} has no method {text!r}; {hint}methods: {', '.join(self.specs)}")


def protocol_table(owner: str, protocol: type, leave_out: Sequence[str] = ()) -> MethodTable:
    """The table of all public methods of ``protocol`` but those in ``leave_out``, base classes first."""
    functions: dict[str, Callable[..., Any]] = {}
    for base in reversed(protocol.__mro__):
        functions |= {name: value for name, value in vars(base).items() if inspect.isfunction(value) and name not in leave_out}
    return MethodTable(owner, [MethodSpec(name, functions[name], bound=False) for name in functions if name[0] != "_"])
