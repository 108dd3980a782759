"""One run of one test: the objects it asks for by name, the call, the clean-up, and what is left to look at.

Shared by :func:`harness.explore`, the pytest plugin and the command line. The cluster is imported only when a test asks for
something of it: a test of somebody's own processes needs nothing but a world.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from harness.errors import MisuseError, NondeterminismError, ProcessError
from harness.explore.anchoring import Anchoring
from harness.explore.knowledge import PILOTS, Observed, observe, summary
from harness.explore.leaks import Difference
from harness.explore.tokens import Schedule
from harness.report.contents import Pending, pending_of
from harness.report.text import run_report
from harness.simulation.choices import Choice, Strategy
from harness.simulation.limits import Limits
from harness.simulation.strategies import Knowledge, learns, make_strategy, member_of, pilot_of
from harness.simulation.trace import Trace
from harness.simulation.world import World

PROVIDED = ("allocator", "clock", "cluster", "expect", "messages", "network", "seed", "world")
"""What a test may ask for by the name of a parameter."""

_THROUGH = (KeyboardInterrupt, SystemExit, GeneratorExit)


class Bench:
    """The objects of one run, each made when first asked for, all of one world.

    Args:
        schedule: seed and strategy, or recorded choices.
        mesos_version: for the cluster.
        limits: for the world; None takes its defaults.
        mocker: makes what ``expect`` patches with (a pytest-mock ``MockerFixture``); called at first use.
        strategy: what to draw with, if it has been made from the schedule's already.
    """

    __slots__ = ("_cluster", "_mocker", "_objects", "limits", "mesos_version", "pending", "schedule", "world")

    def __init__(
        self,
        schedule: Schedule,
        *,
        mesos_version: str = "1.11",
        limits: Limits | None = None,
        mocker: Callable[[], Any] | None = None,
        strategy: str | Strategy | None = None,
    ) -> None:
        self.schedule = schedule
        self.mesos_version = mesos_version
        self.limits = limits
        self._mocker = mocker
        self._objects: dict[str, Any] = {}
        self._cluster: Any = None
        # What was still to come when the test itself had ended: a failure's report shows it.
        self.pending: Pending | None = None
        options: dict[str, Any] = {} if limits is None else {"limits": limits}
        if schedule.choices is not None:
            options["replay"] = schedule.choices
        self.world = World(schedule.seed, strategy=_strategy_of(schedule) if strategy is None else strategy, **options)

    def get(self, name: str) -> Any:
        """One of :data:`PROVIDED`."""
        found = self._objects.get(name)
        if found is None:
            found = self._objects[name] = self._make(name)
        return found

    def _make(self, name: str) -> Any:
        world = self.world
        match name:
            case "world":
                return world
            case "seed":
                return self.schedule.seed
            case "clock":
                return world.clock
            case "messages":
                return world.messages
            case "network":
                return world.network
            case "cluster":
                from harness.cluster import Cluster

                self._cluster = Cluster(
                    self.schedule.seed, strategy=self.schedule.strategy, mesos_version=self.mesos_version, world=world
                )
                return self._cluster
            case "allocator":
                from harness.doubles.allocator import MockAllocator

                return MockAllocator()
            case "expect":
                from harness.doubles.patching import Expect

                return Expect(world, self._mocker() if self._mocker is not None else _new_mocker())
        raise MisuseError(f"there is no {name!r} to give to a test; a test may take {', '.join(PROVIDED)}")

    def finish(self) -> None:
        """Shut down: drain what is in flight, then verify every expectation and property.

        Raises:
            SystemFailure: something was not as declared.
            NondeterminismError: the run followed a record and did not use it up.
        """
        self.pending = pending_of(self.world)
        if self._cluster is not None:
            self._cluster.shutdown()
        else:
            self.world.finish()
        left_over = self.world.choices.left_over()
        if left_over:
            first, recorded = left_over[0], sum(1 for choice in self.schedule.choices or () if choice.value)
            raise NondeterminismError(
                f"the replay passed, and did not ask for {len(left_over)} of the {recorded} choices in the token, the first"
                f" being {first.site} of {first.entity} (occurrence {first.occurrence}): {self._misfit()};"
                " find the failure again with 'harness hunt'"
            )

    def _misfit(self) -> str:
        if not any(choice.value for choice in self.world.choices.record):
            return "the token is of another test, or this one has been rewritten"
        return "the token is of another test, or the test or the code under test has changed since it was made"

    def abandon(self) -> list[str]:
        """End without verifying, after the test itself has failed; what verifying would have found, as texts."""
        if self.pending is None:
            self.pending = pending_of(self.world)
        owner = self._cluster if self._cluster is not None else self.world
        findings: list[str] = owner.abandon()
        return findings

    def drop(self) -> None:
        """End at once, running nothing more: the test hangs, or somebody has interrupted it."""
        if self.pending is None:
            self.pending = pending_of(self.world)
        self.world.trace.end(aborted=True)


def _strategy_of(schedule: Schedule) -> Any:
    # The name in a record only says where it came from; the choices are all that counts.
    return "prompt" if schedule.choices is not None else make_strategy(schedule.strategy, seed=schedule.seed)


def _new_mocker() -> NoReturn:
    raise MisuseError("'expect' needs pytest-mock's mocker to patch with; run this test under pytest or 'harness hunt'")


class Run:
    """A finished run. Everything but ``seed`` and ``error`` is worked out when asked for.

    Attributes:
        raised: the exception as it left the test or the clean-up; None if the run passed.
        doubt: in what it differed when it was made again; None if it did not, or if nobody has tried.
        anchoring: of a lenient replay, where the recorded choices found their places; else None.
        reference: ``@PATH`` of a file that holds what the token would, if that is too long for a line; else empty.
    """

    __slots__ = ("anchoring", "bench", "doubt", "how_to_replay", "raised", "reference")

    def __init__(self, bench: Bench, raised: BaseException | None, how_to_replay: str = "") -> None:
        self.bench = bench
        self.raised = raised
        self.how_to_replay = how_to_replay
        self.doubt: Difference | None = None
        self.anchoring: Anchoring[Run] | None = None
        self.reference = ""

    @property
    def world(self) -> World:
        """The world it lived in."""
        return self.bench.world

    @property
    def seed(self) -> int:
        """The seed of the run."""
        return self.bench.schedule.seed

    @property
    def error(self) -> BaseException | None:
        """Why it failed: the original exception, also when the handler of a process raised it; None if it passed."""
        raised = self.raised
        return raised.__cause__ if isinstance(raised, ProcessError) and raised.__cause__ is not None else raised

    @property
    def failed(self) -> bool:
        """Whether there is an error."""
        return self.raised is not None

    @property
    def steps(self) -> int:
        """The events of the run."""
        steps: int = self.bench.world.steps
        return steps

    @property
    def digest(self) -> str:
        """The fingerprint of the trace: equal for two runs exactly when everything happened alike."""
        return str(self.bench.world.digest)

    @property
    def choices(self) -> Sequence[Choice]:
        """Every draw, in order."""
        record: Sequence[Choice] = self.bench.world.choices.record
        return record

    @property
    def trace(self) -> Trace:
        """What happened, in order."""
        trace: Trace = self.bench.world.trace
        return trace

    @property
    def pending(self) -> Pending | None:
        """Timers and deliveries that were still to come when the test itself had ended; None before."""
        return self.bench.pending

    @property
    def mesos_version(self) -> str:
        """The release that the cluster imitated; empty if the test had no cluster."""
        return self.bench.mesos_version if self.bench._cluster is not None else ""

    @property
    def token(self) -> str:
        """Text from which :func:`harness.replay` makes this run again."""
        return self.schedule.token

    @property
    def named(self) -> str:
        """What to type to name this run: its token, or the file that stands for a long one."""
        return self.reference or self.token

    @property
    def schedule(self) -> Schedule:
        """What makes this run again anywhere: its seed if that is enough, else its record.

        A seed is not enough for a strategy that is the user's own object, or that has learnt from earlier runs.
        """
        schedule = self.bench.schedule
        return schedule if schedule.portable else schedule.recorded(self.choices)

    def report(self) -> str:
        """The run as text: verdict, error, timeline, choices, digest, token; first of all any doubt about it."""
        text = run_report(
            seed=self.seed,
            strategy=self.bench.schedule.strategy_name,
            token=self.named,
            error=self.raised,
            trace=self.trace,
            choices=self.choices,
            digest=self.digest,
            steps=self.steps,
            how_to_replay=self.how_to_replay,
        )
        if self.anchoring is not None:
            text = f"{text}\n\nlenient replay: {self.anchoring}"
        return text if self.doubt is None else f"{self.doubt.headline}\n\n{text}"

    def __repr__(self) -> str:
        return f"<Run: seed {self.seed}, {'failed' if self.failed else 'passed'}>"


def close(bench: Bench, raised: BaseException | None) -> BaseException | None:
    """Clean up after a test: verify if it passed, else add what is worth knowing to its exception as notes.

    Returns:
        The exception of the run as a whole, None if it passed.
    """
    if raised is None:
        try:
            bench.finish()
        except _THROUGH:
            raise
        except BaseException as error:
            return error
        return None
    try:
        findings = bench.abandon()
    except Exception as error:
        findings = [f"and the clean-up failed as well: {type(error).__name__}: {error}"]
    for finding in findings:
        raised.add_note(finding)
    return raised


class Known(NamedTuple):
    """What the first runs of a plan have shown.

    Attributes:
        seeds: theirs; under these nothing is known, also when they are made again.
    """

    seeds: tuple[int, ...]
    knowledge: Knowledge


class Plan:
    """How to run one test: what it takes and what its benches are made with. Made once, used for many seeds.

    Args:
        test: the callable; its parameters say what it gets.
        fixed: values for parameters that are the same in every run.
        through: exceptions that are no failure and end everything (a skip).
        hangs: tells whether an exception means that the test hangs: a failure, after which nothing of the run may go on.
        settings: keyword arguments of :class:`Bench`.
        known: what earlier runs have shown, in another process; else the first runs of this plan serve.

    Raises:
        MisuseError: the test takes something that nobody provides, or is a coroutine function.
    """

    __slots__ = ("_fixed", "_hangs", "_known", "_seen", "_settings", "_strategies", "_test", "_through", "_wanted", "name")

    def __init__(
        self,
        test: Callable[..., object],
        *,
        wanted: Sequence[str] | None = None,
        fixed: Mapping[str, Any] | None = None,
        through: tuple[type[BaseException], ...] = (),
        hangs: Callable[[BaseException], bool] | None = None,
        settings: Mapping[str, Any] | None = None,
        known: Known | None = None,
    ) -> None:
        self._test = test
        self._known = known
        self._seen: dict[int, Observed] = {}
        self._strategies: dict[str, str | Strategy] = {}
        self._fixed = dict(fixed or {})
        self._wanted = tuple(_parameters(test, self._fixed) if wanted is None else wanted)
        self._through: tuple[type[BaseException], ...] = (*_THROUGH, *through)
        self._hangs = hangs
        self._settings = dict(settings or {})
        self.name = str(getattr(test, "__qualname__", repr(test)))

    def bench(self, schedule: Schedule) -> Bench:
        """A fresh bench for one run."""
        return Bench(schedule, **self._settings)

    def run(self, schedule: Schedule, prepare: Callable[[Bench], object] | None = None) -> Run:
        """Make the bench, call the test, clean up. A failing test is in the run's ``error``, not raised."""
        bench = Bench(schedule, strategy=self._strategy(schedule), **self._settings)
        raised: BaseException | None = None
        try:
            if prepare is not None:
                prepare(bench)
            get = bench.get
            self._test(**self._fixed, **{name: get(name) for name in self._wanted})
        except _THROUGH:
            bench.drop()
            raise
        except self._through:
            bench.abandon()
            raise
        except BaseException as error:
            raised = error
        if raised is not None and self._hangs is not None and self._hangs(raised):
            bench.drop()
        else:
            raised = close(bench, raised)
        run = Run(bench, raised)
        if self._known is None and schedule.choices is None and learns(schedule.strategy):
            self._learn(run)
        return run

    @property
    def known(self) -> Known | None:
        """What the first runs have shown, and which seeds they had; None until there have been enough."""
        return self._known

    def _strategy(self, schedule: Schedule) -> str | Strategy | None:
        if schedule.choices is not None:
            return None
        strategy = member_of(schedule.strategy, schedule.seed)
        if not isinstance(strategy, str):
            return strategy
        known = self._known
        if not learns(strategy):
            return make_strategy(strategy)
        if known is None or schedule.seed in known.seeds:
            return make_strategy(pilot_of(strategy))
        made = self._strategies.get(strategy)
        if made is None:
            made = self._strategies[strategy] = make_strategy(strategy, known.knowledge)
        return made

    def _learn(self, run: Run) -> None:
        seen = self._seen
        seen.setdefault(run.seed, observe(run.bench.world))
        if len(seen) >= PILOTS:
            self._known = Known(tuple(seen), summary(list(seen.values())))
            seen.clear()


def _parameters(test: Callable[..., object], fixed: Mapping[str, Any]) -> list[str]:
    if not callable(test):
        raise MisuseError(f"{test!r} is no test: wanted a callable that takes any of {', '.join(PROVIDED)}")
    name = getattr(test, "__qualname__", repr(test))
    if inspect.iscoroutinefunction(test):
        raise MisuseError(f"{name} is a coroutine function; a test is a plain function: it waits with cluster.wait(...)")
    wanted = []
    for parameter in inspect.signature(test).parameters.values():
        if parameter.name in fixed or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.name in PROVIDED:
            wanted.append(parameter.name)
        elif parameter.default is parameter.empty:
            raise MisuseError(f"{name} takes {parameter.name!r}, which nobody provides; a test may take {', '.join(PROVIDED)}")
    return wanted
