"""What is known of a message on its way, and the news of its changes. Never the truth about what is stored."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import redis
import redis.asyncio
from redis.exceptions import RedisError

from captiond.workqueue.connection import BLOCK_SECONDS
from captiond.workqueue.errors import QueueUnavailable
from captiond.workqueue.keys import Keys


@dataclass(frozen=True, slots=True)
class Job:
    """`error` is set once something failed; `dead` names the dead letter as `queue entry`."""

    state: str
    error: str | None
    dead: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """One change of state; `cursor` resumes after it."""

    cursor: str
    id: str
    state: str


class Jobs:
    """Reads the state of messages by id."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    def find(self, message_id: str) -> Job | None:
        """Return what is known of an id. Raises QueueUnavailable."""
        try:
            reply = self._client.hmget(self._keys.job(message_id), ["state", "error", "dead"])
        except RedisError as error:
            raise QueueUnavailable(str(error)) from error
        state, reason, dead = (value.decode() if value else None for value in cast("Sequence[bytes]", reply))
        return Job(state, reason, dead) if state else None


class Events:
    """Follows the changes of all messages."""

    def __init__(self, client: redis.asyncio.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def follow(self, after: str | None) -> AsyncIterator[Event | None]:
        """Yield changes after a cursor, or from now on; None every 2 s without any. Raises QueueUnavailable."""
        cursor = after or "$"
        try:
            while True:
                if cursor == "$":
                    cursor = await self._latest()
                reply = await self._client.xread(
                    {self._keys.events: cursor}, count=1000, block=int(BLOCK_SECONDS * 1000)
                )
                streams = cast(
                    "Sequence[tuple[bytes, Sequence[tuple[bytes, Mapping[bytes, bytes]]]]]",
                    reply or [],
                )
                for _, entries in streams:
                    for entry, fields in entries:
                        cursor = entry.decode()
                        yield Event(cursor, fields[b"id"].decode(), fields[b"state"].decode())
                if not streams:
                    yield None
        except RedisError as error:
            raise QueueUnavailable(str(error)) from error

    async def _latest(self) -> str:
        reply = await self._client.xrevrange(self._keys.events, count=1)
        entries = cast("Sequence[tuple[bytes, Mapping[bytes, bytes]]]", reply)
        return entries[0][0].decode() if entries else "0-0"

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
