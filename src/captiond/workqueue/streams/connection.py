"""The one place that makes Redis clients, with explicit timeouts and retries: redis-py resends silently by default."""

import socket
from enum import Enum

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.retry import Retry

CONNECT_TIMEOUT_SECONDS = 3.0
REPLY_TIMEOUT_SECONDS = 10.0
BLOCK_SECONDS = 2.0
RETRIES = 3
# Up to 32 uploads go in one command. What does not fit into a socket of the file system is sent piece by piece, in step
# with the server; TCP's buffers grow by themselves. Linux gives as much of it as net.core.wmem_max allows.
SEND_BUFFER_BYTES = 2 << 20


class Role(Enum):
    """What a client is for; a blocking read that is resent would take a second batch."""

    COMMANDS = "commands"
    BLOCKING = "blocking"


class _UnixConnection(redis.asyncio.UnixDomainSocketConnection):
    """With the buffer, for which redis-py has no setting."""

    async def on_connect(self) -> None:
        await super().on_connect()
        if self._writer is not None:
            self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)


def connect(url: str, role: Role = Role.COMMANDS, max_connections: int = 8) -> redis.Redis:
    """Make a client; nothing is sent before its first command."""
    backoff = ExponentialWithJitterBackoff(base=0.05, cap=0.5)
    retry = Retry(backoff, RETRIES) if role is Role.COMMANDS else Retry(NoBackoff(), 0)
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=max_connections,
        timeout=REPLY_TIMEOUT_SECONDS,
        socket_connect_timeout=CONNECT_TIMEOUT_SECONDS,
        socket_timeout=REPLY_TIMEOUT_SECONDS,
        retry=retry,
        protocol=2,
        decode_responses=False,
    )
    return redis.Redis.from_pool(pool)


def connect_async(url: str, max_connections: int = 64) -> redis.asyncio.Redis:
    """Make an asyncio client, to be used within one event loop."""
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url,
        max_connections=max_connections,
        timeout=REPLY_TIMEOUT_SECONDS,
        socket_connect_timeout=CONNECT_TIMEOUT_SECONDS,
        socket_timeout=REPLY_TIMEOUT_SECONDS,
        retry=AsyncRetry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), RETRIES),
        protocol=2,
        decode_responses=False,
    )
    if pool.connection_class is redis.asyncio.UnixDomainSocketConnection:
        pool.connection_class = _UnixConnection
    return redis.asyncio.Redis.from_pool(pool)
