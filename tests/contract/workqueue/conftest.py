"""Two queues on each kind of server."""

from collections.abc import Iterator

import pytest
from tests.contract.workqueue.queues import Queues
from tests.servers.queues import RedisServer


@pytest.fixture
def queues(redis_server: RedisServer) -> Iterator[Queues]:
    """On a server that the tests of a module share."""
    with Queues(redis_server) as queues:
        yield queues


@pytest.fixture
def own_queues(own_redis_server: RedisServer) -> Iterator[Queues]:
    """On a server of its own, which the test may kill."""
    with Queues(own_redis_server) as queues:
        yield queues
