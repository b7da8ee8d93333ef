"""A queue server for all tests, and for each test an API with empty queues and a directory to watch."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.api.serving import Api, Backends, open_api
from tests.integration.watch.watching import Watched
from tests.servers.queues import RedisServer, running_valkey


@pytest.fixture(scope="session")
def valkey() -> Iterator[RedisServer]:
    with running_valkey() as server:
        yield server


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
