"""Every scenario runs under several seeds: 20 by default, more with ``HARNESS_SCENARIO_SEEDS=500`` in the environment."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from harness import explore

SEEDS = int(os.environ.get("HARNESS_SCENARIO_SEEDS", "20"))


@pytest.fixture
def holds() -> Callable[..., None]:
    """Explore a scenario under all seeds, and once without any chance; a failing run is reported with its error and its token."""

    def check(scenario: Callable[..., object], **settings: Any) -> None:
        for strategy, seeds in (("random", SEEDS), ("prompt", 1)):
            exploration = explore(scenario, seeds=seeds, strategy=strategy, **settings)
            if exploration.failures:
                failure = exploration.failures[0]
                report = f"{strategy}, seed {failure.seed} of {seeds}: {failure.error!r}\nreplay: {failure.token}"
                pytest.fail(report, pytrace=False)

    return check
