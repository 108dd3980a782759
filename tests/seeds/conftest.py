"""The stories are checked like scenarios: under several seeds, and once without any chance."""

from __future__ import annotations

from tests.scenarios.conftest import holds as holds
