"""A campaign on a Dask cluster: real worker processes on this machine, reached over loopback."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Executor
from typing import Any

import pytest

from harness.errors import HarnessError
from harness.exploring import Exploration, explore
from harness.proving import prove
from harness.simulation import World
from tests.unit.explore.toys import orderly

distributed = pytest.importorskip("distributed", reason="the extra 'dask' is not installed")

# Libraries of a cluster warn of their own affairs (ports, deprecated loops); those are not ours to fail for.
pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.xdist_group("dask")]

SEEDS = range(300)


@pytest.fixture(scope="module")
def executor() -> Iterator[Executor]:
    """The executor of a cluster with two worker processes."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1", silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client.get_executor()


def everything(exploration: Exploration) -> dict[str, Any]:
    """What must not depend on where the seeds were run."""
    told = exploration.as_dict()
    del told["seconds"], told["seconds_per_run"]
    first = exploration.failures[:3]
    return told | {
        "tokens": [failure.token for failure in exploration.failures],
        "digests": [failure.digest for failure in first],
        "names": dict(sorted(exploration.classes.items())),
    }


@pytest.mark.parametrize("strategy", ["random", "portfolio"])
@pytest.mark.parametrize("stop", [True, False])
def test_a_dask_cluster_finds_what_one_process_finds(executor: Executor, strategy: str, stop: bool) -> None:
    """The same failing seeds, tokens, digests and classes as one process and as two of our own."""
    alone = everything(explore(orderly, SEEDS, strategy, stop_on_failure=stop))
    assert everything(explore(orderly, SEEDS, strategy, executor=executor, stop_on_failure=stop)) == alone
    assert everything(explore(orderly, SEEDS, strategy, jobs=2, stop_on_failure=stop)) == alone


def test_a_proof_on_a_dask_cluster(executor: Executor) -> None:
    """A bounded search over the workers makes the runs of one process."""
    alone = prove(orderly, 2, stop_on_failure=False)
    spread = prove(orderly, 2, executor=executor, stop_on_failure=False)
    assert (spread.exhausted, spread.runs) == (alone.exhausted, alone.runs)
    assert sorted(failure.token for failure in spread.failures) == sorted(failure.token for failure in alone.failures)


def where_am_i(world: World) -> None:
    """Fails in the processes of a cluster."""
    assert multiprocessing.parent_process() is None


def test_seeds_run_in_the_workers(executor: Executor) -> None:
    """They are not run here by mistake."""
    found = explore(where_am_i, 20, "random", executor=executor, stop_on_failure=False)
    assert found.as_dict()["failed"] == list(range(20))


def leave(world: World) -> None:
    """Ends the process of a cluster that runs it."""
    if multiprocessing.parent_process() is not None:
        os._exit(3)


def test_a_worker_that_dies_is_told_with_its_seeds() -> None:
    """A test that kills its worker ends the exploration with the seeds in question; nothing is reported as explored."""
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1", silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
        pytest.raises(HarnessError, match=r"the executor could not run the seeds 0\.\.\d+ \(KilledWorker"),
    ):
        explore(leave, 20, "random", executor=client.get_executor(retries=0))
