"""The one place that makes Redis clients, with explicit timeouts and retries: redis-py resends silently by default."""

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


class Role(Enum):
    """What a client is for; a blocking read that is resent would take a second batch."""

    COMMANDS = "commands"
    BLOCKING = "blocking"


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
    return redis.asyncio.Redis.from_pool(pool)
