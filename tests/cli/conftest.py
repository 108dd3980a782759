"""Fixtures of the command line's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.shell import Server, Shell, make_project


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """What runs the commands."""
    server = Server()
    yield server
    server.close()


@pytest.fixture
def shell(tmp_path: Path, server: Server) -> Shell:
    """A project of the test's own."""
    return make_project(tmp_path, server)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Shell:
    """A project for tests that leave it as it is."""
    return make_project(tmp_path_factory.mktemp("project"), server)
