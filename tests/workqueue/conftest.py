"""A line of queues on each kind of server."""

from collections.abc import Iterator

import pytest
from tests.queue_servers import RedisServer
from tests.workqueue.line import Line


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
