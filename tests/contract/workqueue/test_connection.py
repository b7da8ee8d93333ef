"""Clients as they are made here."""

import asyncio
import socket
from contextlib import closing

from redis.asyncio import Connection
from tests.contract.workqueue.line import Line

from captiond.workqueue.streams.connection import connect_async


def test_only_a_socket_of_the_file_system_has_a_larger_buffer_than_usual(line: Line) -> None:
    is_tcp = not line.server.url.startswith("unix:")

    async def connected() -> tuple[type, int]:
        client = connect_async(line.server.url)
        connection = await client.connection_pool.get_connection()  # type: ignore[no-untyped-call] # untyped in redis-py
        sent = connection._writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)  # noqa: SLF001
        await connection.disconnect()
        assert isinstance(sent, int)
        return type(connection), sent

    connection, send_buffer_bytes = asyncio.run(connected())

    with closing(socket.socket(socket.AF_UNIX)) as usual:
        usual_bytes = usual.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    assert connection is Connection if is_tcp else send_buffer_bytes > usual_bytes
