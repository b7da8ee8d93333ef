"""A line of queues on each kind of server."""

from collections.abc import Iterator

import pytest
from tests.contract.workqueue.line import Line
from tests.servers.queues import RedisServer


@pytest.fixture
def line(redis_server: RedisServer) -> Iterator[Line]:
    """On a server that other tests use too."""
    with Line(redis_server) as line:
        yield line


@pytest.fixture
def own_line(own_redis_server: RedisServer) -> Iterator[Line]:
    """On a server that the test may kill."""
    with Line(own_redis_server) as line:
        yield line
