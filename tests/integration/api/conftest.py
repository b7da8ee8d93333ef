"""A queue server for all tests, and apps on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from captiond.services.api import AuditOptions
from tests.integration.api.serving import Api, Backends, open_api
from tests.servers.queues import RedisServer, running_valkey


@pytest.fixture(scope="session")
def valkey() -> Iterator[RedisServer]:
    """A server that tests do not stop."""
    with running_valkey() as server:
        yield server


@pytest.fixture
def own_valkey() -> Iterator[RedisServer]:
    """A server for one test, which may stop it."""
    with running_valkey() as server:
        yield server


@pytest.fixture(scope="module")
def api(valkey: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An app for all tests of a module. Its queues and archive contain what other tests uploaded."""
    with open_api(Backends(valkey.url, tmp_path_factory.mktemp("api"), audit=AuditOptions(uploads=True))) as opened:
        yield opened


@pytest.fixture(scope="module")
def secured(valkey: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """As `api`, with required keys."""
    with open_api(Backends(valkey.url, tmp_path_factory.mktemp("secured"), requires_keys=True)) as opened:
        yield opened


@pytest.fixture
def own_api(valkey: RedisServer, tmp_path: Path) -> Iterator[Api]:
    """An app with empty queues and an empty archive."""
    with open_api(Backends(valkey.url, tmp_path)) as opened:
        yield opened
