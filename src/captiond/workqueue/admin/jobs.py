"""Jobs, each the recorded state of one message, and the stream of state changes.

A job expires after its message was acknowledged. To find out whether an image is stored, read the archive.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import redis
import redis.asyncio

from captiond.workqueue.errors import translate_redis_errors
from captiond.workqueue.streams.connection import BLOCK_SECONDS
from captiond.workqueue.streams.keys import Keys

Entries = Sequence[tuple[bytes, Mapping[bytes, bytes]]]


@dataclass(frozen=True, slots=True)
class Job:
    """The state of a message, and the error of its last failed attempt."""

    state: str
    error: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """A state change. `Events.follow(cursor)` resumes after it.

    One stream entry may record several changes. Only the last has the entry's own cursor. The others have that of the
    entry before, so that a reader that resumes there repeats changes and misses none.
    """

    cursor: str
    id: str
    state: str


class Jobs:
    """Reads jobs by message id."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    def find(self, message_id: str) -> Job | None:
        """Return the job of a message, None if the id is unknown or has expired. Raises QueueUnavailable."""
        with translate_redis_errors():
            reply = self._client.hmget(self._keys.job(message_id), ["state", "error"])
        state, error = (value.decode() if value else None for value in cast("Sequence[bytes]", reply))
        return Job(state, error) if state else None


class Events:
    """Follows the state changes of all messages."""

    def __init__(self, client: redis.asyncio.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def follow(self, after: str | None) -> AsyncIterator[Event | None]:
        """Yield changes after a cursor, or new ones; None after 2 s without a change. Raises QueueUnavailable."""
        cursor = after or await self._latest()
        while True:
            entries = await self._read(cursor)
            for entry, changes in entries:
                *others, (last_id, last_state) = changes.items()
                for message_id, state in others:
                    yield Event(cursor, message_id.decode(), state.decode())
                cursor = entry.decode()
                yield Event(cursor, last_id.decode(), last_state.decode())
            if not entries:
                yield None

    async def _read(self, cursor: str) -> Entries:
        with translate_redis_errors():
            reply = await self._client.xread({self._keys.events: cursor}, count=1000, block=int(BLOCK_SECONDS * 1000))
        streams = cast("Sequence[tuple[bytes, Entries]]", reply or [])
        return [entry for _, entries in streams for entry in entries]

    async def _latest(self) -> str:
        with translate_redis_errors():
            reply = await self._client.xrevrange(self._keys.events, count=1)
        entries = cast("Entries", reply)
        return entries[0][0].decode() if entries else "0-0"

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
