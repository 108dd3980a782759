"""A hunt over several processes: each runs pytest itself, with its share of the seeds, and tells of it through a pipe."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from harness.cli.progress import Meter
from harness.cli.session import Refused, Stopped, TestResult, run_tests
from harness.errors import HarnessError, InternalError

_SECONDS_TO_STOP = 10.0


def run_in_processes(tests: Sequence[str], options: Sequence[str], jobs: int, meter: Meter) -> list[TestResult]:
    """As :func:`harness.cli.session.run_tests`, with the seeds dealt out to ``jobs`` processes; the same result.

    Raises:
        Refused, Stopped, InternalError: as there.
        HarnessError: a process died.
    """
    context: Any = multiprocessing.get_context("fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn")
    readers: dict[Connection, int] = {}
    processes: list[BaseProcess] = []
    for worker in range(jobs):
        reader, writer = context.Pipe(duplex=False)
        shard = [*options, f"--cluster-shard={worker + 1}/{jobs}"]
        process = context.Process(target=_work, args=(writer, tests, shard), daemon=True)
        process.start()
        writer.close()
        readers[reader] = worker
        processes.append(process)
    parts: list[TestResult] = []
    try:
        try:
            trouble = _listen(readers, parts, meter)
        except KeyboardInterrupt:
            # Asked to stop, they still tell what they have; a second Ctrl-C ends that as well.
            for process in processes:
                process.terminate()
            _listen(readers, parts, meter, end=time.monotonic() + _SECONDS_TO_STOP)
            raise Stopped(_merged(parts)) from None
    finally:
        for process in processes:
            process.kill()
            process.join()
    if trouble is not None:
        raise trouble
    return _merged(parts)


def _listen(readers: dict[Connection, int], parts: list[TestResult], meter: Meter, end: float | None = None) -> Exception | None:
    trouble: Exception | None = None
    while readers:
        ready = wait(list(readers), None if end is None else max(0.0, end - time.monotonic()))
        if not ready:
            break
        for reader in ready:
            assert isinstance(reader, Connection)
            try:
                kind, what = reader.recv()
            except EOFError:
                worker = readers.pop(reader)
                trouble = trouble or HarnessError(f"worker process {worker + 1} died; run with -j 1 to see why")
                continue
            if kind == "done":
                del readers[reader]
            elif kind == "trouble":
                del readers[reader]
                trouble = trouble or what
            else:
                meter.tell(readers[reader], kind, what)
                if kind == "result":
                    parts.append(what)
    return trouble


def _work(writer: Connection, tests: Sequence[str], options: Sequence[str]) -> None:
    # A terminal sends Ctrl-C to every process; whether to stop is for the first one to say, by SIGTERM.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)
    told: list[str] = []

    def listener(kind: str, what: Any) -> None:
        if kind == "result":
            told.append(what.test)
        writer.send((kind, what))

    try:
        run_tests(tests, options, listener)
        writer.send(("done", None))
    except Stopped as stopped:
        for result in stopped.results:
            if result.test not in told:
                writer.send(("result", result))
        writer.send(("done", None))
    except (Refused, HarnessError) as error:
        writer.send(("trouble", error))
    except (KeyboardInterrupt, BrokenPipeError):
        pass
    except Exception as error:
        writer.send(("trouble", InternalError(f"{type(error).__name__}: {error}")))
    finally:
        writer.close()


def _stop(number: int, frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _merged(parts: Sequence[TestResult]) -> list[TestResult]:
    merged: dict[str, TestResult] = {}
    for part in parts:
        whole = merged.setdefault(part.test, part)
        if whole is part:
            continue
        whole.runs += part.runs
        whole.steps += part.steps
        whole.seconds += part.seconds
        whole.failed = sorted([*whole.failed, *part.failed])
        for name, count in part.found_by.items():
            whole.found_by[name] = whole.found_by.get(name, 0) + count
        whole.trouble = whole.trouble or part.trouble
        whole.harness_failed |= part.harness_failed
        if part.first is not None and (whole.first is None or part.first.seed < whole.first.seed):
            whole.first, whole.digest = part.first, part.digest
    return list(merged.values())
