"""An expectation: what is wanted of a method, what came, and what to do about each call.

It is declared by chaining, judged at every call, and is a future: waiting on it waits until enough calls came. The rules are
gmock's (newest first, cardinality derived from the actions, saturation fails at the call) with two kinder ones: a call that
matches nothing does the default and is remembered as a near miss, and a call that comes before its prerequisites is such a
near miss too.
"""

from __future__ import annotations

import itertools
import sys
from typing import Any, Protocol

from harness.doubles.actions import Action, as_action
from harness.doubles.arguments import Check, checks_of
from harness.doubles.calls import Call, CallSite
from harness.doubles.cardinality import ANY_NUMBER, AT_LEAST_ONCE, NEVER, ONCE, Cardinality
from harness.doubles.matchers import Matcher, Refers, as_matcher, name_of
from harness.doubles.signatures import MethodSpec
from harness.errors import ExpectationError, MisuseError
from harness.simulation.future import Future, Promise


class Site(CallSite, Protocol):
    """The method of a double as its expectations see it."""

    def calls_since(self, index: int) -> list[Call]:
        """The calls of this method from ``index`` on, in the order in which they came."""

    def drop(self, expectation: Expectation) -> None:
        """Forget an expectation: it no longer answers and no longer counts."""

    def unmet(self, expectation: Expectation, *, story: bool = True) -> ExpectationError:
        """The error about an expectation that is not fulfilled, with what happened or without."""

    def describe(self, expectation: Expectation) -> str:
        """An expectation that is still waited for, in a line or two."""


def _caller() -> tuple[str, int]:
    """File and line of the first frame outside this package."""
    frame: Any = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("harness."):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


class Expectation:
    """Made by ``double.expect.<method>(...)``; every method that declares something returns the expectation itself.

    Attributes:
        declared: file name and line of the declaration.
        near_misses: calls that matched no expectation of the method, each with the reason why not this one.
        broken: the error of the first call too many, if there was one.
        start: how many calls the double had recorded when this was declared.
    """

    __slots__ = (
        "_after",
        "_cardinality",
        "_checks",
        "_each",
        "_onces",
        "_promise",
        "_record",
        "_repeated",
        "_retired",
        "_retires",
        "_satisfier",
        "_site",
        "_told",
        "broken",
        "declared",
        "high",
        "low",
        "near_misses",
        "start",
    )

    def __init__(self, site: Site, args: tuple[Any, ...], kwargs: dict[str, Any], start: int) -> None:
        self._site = site
        self._checks: tuple[Check, ...] = checks_of(site.spec, args, kwargs) if args or kwargs else ()
        self.start = start
        self._cardinality: Cardinality | None = None
        self._onces: list[Action] = []
        self._repeated: Action | None = None
        self._after: list[Expectation] = []
        self._each: list[Each] | None = None
        self._retires = False
        self._retired = False
        self._record: list[Call] = []
        self._satisfier: Call | None = None
        self._promise: Promise[Any] | None = None
        self.near_misses: list[tuple[Call, str]] = []
        self.broken: ExpectationError | None = None
        self._told = False
        self.low = 1
        self.high: int | None = 1
        self.declared = _caller()

    # -- how often --------------------------------------------------------------------------------------------------

    def once(self) -> Expectation:
        """Exactly one call."""
        return self._want(ONCE)

    def exactly(self, n: int) -> Expectation:
        """Exactly ``n`` calls."""
        return self._want(Cardinality(n, n))

    def at_least_once(self) -> Expectation:
        """One call or more."""
        return self._want(AT_LEAST_ONCE)

    def at_least(self, n: int) -> Expectation:
        """``n`` calls or more."""
        return self._want(Cardinality(n, None))

    def at_most(self, n: int) -> Expectation:
        """No more than ``n`` calls."""
        return self._want(Cardinality(0, n))

    def between(self, low: int, high: int) -> Expectation:
        """At least ``low`` and at most ``high`` calls."""
        return self._want(Cardinality(low, high))

    def never(self) -> Expectation:
        """No call at all; holds to the end of the shutdown."""
        return self._want(NEVER)

    def any_number(self) -> Expectation:
        """As many calls as come; waiting on it waits for the first."""
        return self._want(ANY_NUMBER)

    def at_least_once_each(self, *agents: Any) -> Expectation:
        """One call or more about each of these agents (or frameworks, or other values), whatever ids they were given.

        A call is about an agent when one of its arguments refers to it; a call about none of them does not match.
        """
        if not agents:
            raise MisuseError("at_least_once_each() needs at least one agent, for example at_least_once_each(agent1, agent2)")
        self._want(Cardinality(len(agents), None))
        self._each = [Each(agent) for agent in agents]
        return self

    def _want(self, cardinality: Cardinality) -> Expectation:
        if self._cardinality is not None:
            raise MisuseError(
                f"{self}: it is to come {self._cardinality} already; say how often only once, now it was {cardinality}"
            )
        self._cardinality = cardinality
        return self._settle_counts()

    def _settle_counts(self) -> Expectation:
        """Derive the bounds and refuse declarations that contradict themselves."""
        wanted = self._cardinality
        onces = len(self._onces)
        if wanted is None:
            # gmock's rule; nothing said at all means once.
            if self._repeated is not None:
                self.low, self.high = onces, None
            else:
                self.low = self.high = onces or 1
            return self
        self.low, self.high = wanted.low, wanted.high
        if self.high is not None and (onces > self.high or (onces == self.high and self._repeated is not None)):
            given = f"{onces} x will_once" + (" and will_repeatedly" if self._repeated is not None else "")
            raise MisuseError(f"{self}: {given} contradict {wanted}: some action could never run; drop it or allow more calls")
        return self

    @property
    def cardinality(self) -> Cardinality:
        """How often it is wanted, said or derived."""
        return self._cardinality or Cardinality(self.low, self.high)

    # -- what to do -------------------------------------------------------------------------------------------------

    def will_once(self, action: Any) -> Expectation:
        """The next call without an action yet does this; a plain function means ``call(function)``."""
        if self._repeated is not None:
            raise MisuseError(f"{self}: will_once() after will_repeatedly() would never run; put it before")
        self._onces.append(self._checked(action))
        return self._settle_counts()

    def will_repeatedly(self, action: Any) -> Expectation:
        """All calls beyond those with an action of their own do this."""
        if self._repeated is not None:
            raise MisuseError(f"{self}: will_repeatedly() was said already: {self._repeated!r}")
        self._repeated = self._checked(action)
        return self._settle_counts()

    def _checked(self, value: Any) -> Action:
        action = as_action(value)
        action.check(self._site)
        return action

    # -- in which order ---------------------------------------------------------------------------------------------

    def retires(self) -> Expectation:
        """Once saturated it steps aside, and older expectations answer again."""
        self._retires = True
        return self

    def after(self, *earlier: Expectation) -> Expectation:
        """Only calls that come when all of ``earlier`` are satisfied match."""
        for expectation in earlier:
            if not isinstance(expectation, Expectation):
                raise MisuseError(f"{self}.after({expectation!r}): wanted expectations")
            if self in expectation._prerequisites():
                raise MisuseError(f"{self} cannot come after {expectation}: that one waits for it, directly or through others")
            self._after.append(expectation)
        return self

    def _prerequisites(self) -> list[Expectation]:
        found = [self]
        for expectation in found:
            found.extend(earlier for earlier in expectation._after if earlier not in found)
        return found

    # -- asking -----------------------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many calls matched."""
        return len(self._record)

    @property
    def calls(self) -> list[Call]:
        """The calls that matched, in order; a list of its own."""
        return list(self._record)

    @property
    def satisfied(self) -> bool:
        """Whether enough calls came, and not too many."""
        if self._each is not None:
            return not self.missing
        count = len(self._record)
        return count >= self.low and (self.high is None or count <= self.high)

    @property
    def saturated(self) -> bool:
        """Whether one more call would be too many."""
        return self.high is not None and len(self._record) >= self.high

    @property
    def missing(self) -> list[str]:
        """Of ``at_least_once_each``: the names of those about which no call came."""
        return [each.name for each in self._each or () if not each.count]

    @property
    def future(self) -> Future[Call | None]:
        """Ready with the call that satisfied it; where none is needed with the first one, of ``never()`` at once with None."""
        if self._promise is None:
            self._promise = Promise(str(self))
            if self._satisfier is not None:
                self._promise.set(self._satisfier)
            elif self.high == 0:
                self._promise.set(None)
        return self._promise.future

    def arg(self, name: str) -> Any:
        """The argument ``name`` (a parameter, or a field of the one argument that carries it) of the call that satisfied it.

        Raises:
            MisuseError: no call satisfied it yet, or there is no such argument.
        """
        if self._satisfier is None:
            raise MisuseError(f"{self}.arg({name!r}): no call has satisfied it yet; wait for it first: cluster.wait(expectation)")
        return self._satisfier.arg(name)

    def args(self, name: str) -> list[Any]:
        """The argument ``name`` of every call that matched, in order."""
        return [call.arg(name) for call in self._record]

    def verify(self) -> None:
        """Check it now, and retire it: later calls and the teardown no longer count.

        Raises:
            ExpectationError: it is not fulfilled.
        """
        error = self.broken or (None if self.satisfied else self._site.unmet(self))
        self.drop()
        if error is not None:
            raise error

    def drop(self) -> None:
        """Forget it, whatever came: it no longer answers and no longer counts."""
        self._site.drop(self)
        self._retired = True

    def finding(self, *, story: bool) -> ExpectationError | None:
        """What is wrong at the end of a run and was not told before."""
        if self._told:
            return None
        error = self.broken or (None if self.satisfied else self._site.unmet(self, story=story))
        self._told = error is not None
        return error

    # -- judging a call ---------------------------------------------------------------------------------------------

    @property
    def spec(self) -> MethodSpec:
        """The method it is about."""
        return self._site.spec

    def admits(self, call: Call) -> bool:
        """Whether the call is one of those meant here, saturated or not."""
        if self._retired:
            return False
        if self._checks:
            arguments = call.args
            for check in self._checks:
                if not check.fits(arguments):
                    return False
        if self._after and not all(earlier.satisfied for earlier in self._after):
            return False
        return self._each is None or any(each.concerns(call) for each in self._each)

    def why_not(self, call: Call) -> str:
        """Why :meth:`admits` said no."""
        if self._retired:
            return "this expectation has retired"
        arguments = call.args
        for check in self._checks:
            if not check.fits(arguments):
                return check.why(arguments)
        for earlier in self._after:
            if not earlier.satisfied:
                return f"came before {earlier} was satisfied ({earlier.cardinality}, {earlier.count} so far)"
        if self._each is not None:
            return f"is about none of {', '.join(each.name for each in self._each)}"
        return "matched"

    def take(self, call: Call) -> Any:
        """Count the call and perform its action; the caller has asked :attr:`saturated` before."""
        position = len(self._record)
        self._record.append(call)
        for each in self._each or ():
            each.count += each.concerns(call)
        if self._retires and self.saturated:
            self._retired = True
        if position < len(self._onces):
            action: Action | None = self._onces[position]
        else:
            action = self._repeated
        try:
            return self._site.run_default(call) if action is None else action.perform(call)
        finally:
            if self._satisfier is None and self.satisfied:
                self._satisfier = call
                if self._promise is not None:
                    self._promise.set(call)

    def overstep(self, call: Call, error: ExpectationError, *, told: bool) -> None:
        """Count a call too many; ``told`` says that the error goes straight to the test."""
        self._record.append(call)
        if self.broken is None:
            self.broken = error
            self._told = told

    # -- words ------------------------------------------------------------------------------------------------------

    @property
    def arguments(self) -> str:
        """What was declared about the arguments."""
        return ", ".join(check.text for check in self._checks)

    @property
    def wanted(self) -> str:
        """How often it is wanted, in words."""
        if self._each is None:
            return str(self.cardinality)
        return f"at least once for each of {', '.join(each.name for each in self._each)}"

    def calls_of_method(self) -> list[Call]:
        """All calls of the method since this was declared, matching or not."""
        return self._site.calls_since(self.start)

    def calls_before(self) -> list[Call]:
        """The calls of the method that came before this was declared."""
        return [call for call in self._site.calls_since(0) if call.index < self.start]

    def describe_pending(self) -> str:
        """What is still waited for, in a line or two."""
        return self._site.describe(self)

    def __str__(self) -> str:
        return f"{self.spec.name}({self.arguments})"

    def __repr__(self) -> str:
        state = "saturated" if self.saturated else "satisfied" if self.satisfied else "unsatisfied"
        return f"<expectation {self}, wanted {self.wanted}, got {self.count}: {state}>"


class Each:
    """One of those of whom ``at_least_once_each`` speaks."""

    __slots__ = ("count", "matcher", "name")

    def __init__(self, subject: Any) -> None:
        self.matcher: Matcher = as_matcher(subject)
        self.name = name_of(subject) if isinstance(self.matcher, Refers) or not isinstance(subject, str) else subject
        self.count = 0

    def concerns(self, call: Call) -> bool:
        """Whether an argument of the call refers to it."""
        return any(self.matcher.matches(value) for value in call.args.values())


def in_sequence(*expectations: Expectation) -> None:
    """Each of these is to come after the one before it is satisfied.

    Raises:
        MisuseError: fewer than two, one is no expectation, or they wait for each other already.
    """
    if len(expectations) < 2:
        raise MisuseError("in_sequence() orders at least two expectations")
    for each in expectations:
        if not isinstance(each, Expectation):
            raise MisuseError(f"in_sequence(..., {each!r}, ...): wanted expectations, such as double.expect.add_slave()")
    for earlier, later in itertools.pairwise(expectations):
        later.after(earlier)
