"""The registrar, which reads and writes the registry; what is in it, and what operations do to it: ``registry.py``.

A :class:`Registrar` queues operations while a store is in flight and writes everything queued as the next store; each store
takes a while, but no protocol timer, so it goes on while the clock is paused. The :class:`RegistryStorage` is given from
outside: successive masters that share one share their memory.
Source: Mesos ``src/master/registrar.cpp``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from harness.durations import Duration, DurationLike, to_ns
from harness.errors import FutureFailed, MisuseError
from harness.mesos.messages import MasterInfo, Recover
from harness.mesos.registry import OPERATIONS, Registry
from harness.simulation import Future, Process, Promise

STORE_LOW, STORE_HIGH = "100us", "5ms"


class RegistryStorage:
    """Where registries are kept: the present one, and a version that grows with each store.

    A store whose writer read another version is refused, as Mesos's replicated state does: a master that lost its
    leadership cannot overwrite its successor.
    """

    __slots__ = ("registry", "version")

    def __init__(self) -> None:
        self.registry = Registry()
        self.version = 0

    def store(self, registry: Registry, expected_version: int) -> int | None:
        """Keep ``registry``; its new version, or None if ``expected_version`` is not the present one."""
        if expected_version != self.version:
            return None
        self.registry = registry
        self.version += 1
        return self.version


class RegistrarInterface(ABC):
    """What a master needs of a registrar; a double that forwards fits between."""

    def bind(self, owner: Process) -> None:  # noqa: B027
        """Called once by the master before anything else: ``owner`` is whose child the registrar's process may be."""

    @abstractmethod
    def recover(self, info: MasterInfo) -> Future[Registry]:
        """Read the registry and write ``info`` into it; the result as it is then. A second call answers the same."""

    @abstractmethod
    def apply(self, operation: Any) -> Future[bool]:
        """Perform and store an operation.

        Returns:
            True: performed. False: it did not fit the registry (an id that is admitted already, or not at all). A failed
            future means that the store failed; the master cannot go on then.
        """

    @property
    def registry(self) -> Registry:
        """The registry as stored last, for looking only."""
        return Registry()


class Registrar(RegistrarInterface):
    """The registrar over a storage; its process is a child of the master's.

    Args:
        storage: where the registry is kept; a new empty one by default.
        low, high: how long one fetch or store takes.
    """

    def __init__(
        self, storage: RegistryStorage | None = None, low: DurationLike = STORE_LOW, high: DurationLike = STORE_HIGH
    ) -> None:
        self.storage = storage if storage is not None else RegistryStorage()
        self._low_ns, self._high_ns = to_ns(low, "low"), to_ns(high, "high")
        self._process: RegistrarProcess | None = None

    def bind(self, owner: Process) -> None:
        """Spawn the registrar's process under ``owner``."""
        self._process = RegistrarProcess(owner.unique_name("registrar"), self.storage, self._low_ns, self._high_ns)
        owner.spawn(self._process)

    def recover(self, info: MasterInfo) -> Future[Registry]:
        """See :meth:`RegistrarInterface.recover`."""
        process = self._bound()
        return process.dispatch(process.address, "recover", info)

    def apply(self, operation: Any) -> Future[bool]:
        """See :meth:`RegistrarInterface.apply`."""
        process = self._bound()
        return process.dispatch(process.address, "apply", operation)

    @property
    def registry(self) -> Registry:
        """The registry as stored last."""
        return self.storage.registry

    def _bound(self) -> RegistrarProcess:
        if self._process is None:
            raise MisuseError("this registrar belongs to no process yet; call bind(owner) first, as a master does")
        return self._process


class RegistrarProcess(Process):
    """The actor behind a :class:`Registrar`: one store at a time, everything else waits for the next."""

    def __init__(self, name: str, storage: RegistryStorage, low_ns: int, high_ns: int) -> None:
        super().__init__(name)
        self._storage = storage
        self._low = Duration(low_ns)
        self._high = Duration(high_ns)
        self._recovered: Promise[Registry] | None = None
        self._error: str | None = None
        self._storing = False
        self._version = 0
        self._registry = Registry()
        self._waiting: list[tuple[Any, Promise[bool]]] = []

    def recover(self, info: MasterInfo) -> Future[Registry]:
        """Fetch, then store the new master's description."""
        if self._recovered is None:
            self._recovered = Promise("registry recovery")
            self.note("Recovering registrar")
            self.work("fetch", self._low, self._high, self._fetched, info)
        return self._recovered.future

    def apply(self, operation: Any) -> Future[bool]:
        """Queue an operation; it is stored with whatever else waits by then."""
        promise: Promise[bool] = Promise(f"registrar apply {type(operation).__name__}")
        if type(operation) not in OPERATIONS:
            known = ", ".join(sorted(each.__name__ for each in OPERATIONS))
            raise MisuseError(f"the registrar knows no operation {operation!r}; wanted one of {known}")
        if self._error is not None:
            promise.fail(self._error)
            return promise.future
        self._waiting.append((operation, promise))
        # Operations that come before the recovery has ended wait for it.
        if not self._storing and self._recovered is not None and self._recovered.future.done:
            self._store()
        return promise.future

    def _fetched(self, info: MasterInfo) -> None:
        self._registry = self._storage.registry
        self._version = self._storage.version
        recovered: Promise[bool] = Promise("registrar apply Recover")
        recovered.future.on_any(self._written)
        self._waiting.insert(0, (Recover(info=info), recovered))
        self._store()

    def _written(self, outcome: Future[bool]) -> None:
        assert self._recovered is not None
        if outcome.ready:
            self.note("Successfully recovered registrar")
            self._recovered.set(self._registry)
        else:
            self._recovered.fail(outcome.error or FutureFailed("the registry could not be recovered"))

    def _store(self) -> None:
        batch, self._waiting = self._waiting, []
        registry = self._registry.copy()
        results = [OPERATIONS[type(operation)](registry, operation) for operation, _ in batch]
        self._storing = True
        self.work("store", self._low, self._high, self._stored, registry, batch, results)

    def _stored(self, registry: Registry, batch: list[tuple[Any, Promise[bool]]], results: list[bool]) -> None:
        self._storing = False
        version = self._storage.store(registry, self._version)
        if version is None:
            self._abort("Failed to update registry: version mismatch", batch)
            return
        self._registry, self._version = registry, version
        for (_, promise), result in zip(batch, results, strict=True):
            promise.set(result)
        if self._waiting:
            self._store()

    def _abort(self, error: str, batch: list[tuple[Any, Promise[bool]]]) -> None:
        self._error = error
        self.note("Registrar aborting: {}", error)
        waiting, self._waiting = self._waiting, []
        for _, promise in (*batch, *waiting):
            promise.fail(error)
