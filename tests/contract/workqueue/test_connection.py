"""The Redis clients."""

import asyncio
import socket
from contextlib import closing

from redis.asyncio import Connection
from tests.contract.workqueue.queues import Queues

from captiond.workqueue.streams.connection import connect_async


def test_only_unix_sockets_get_a_larger_send_buffer(queues: Queues) -> None:
    is_tcp = not queues.server.url.startswith("unix:")

    async def connected() -> tuple[type, int]:
        client = connect_async(queues.server.url)
        connection = await client.connection_pool.get_connection()  # type: ignore[no-untyped-call] # untyped in redis-py
        sent = connection._writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)  # noqa: SLF001
        await connection.disconnect()
        assert isinstance(sent, int)
        return type(connection), sent

    connection, send_buffer_bytes = asyncio.run(connected())

    with closing(socket.socket(socket.AF_UNIX)) as default:
        default_bytes = default.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    assert connection is Connection if is_tcp else send_buffer_bytes > default_bytes
