"""The stream of state changes, which one reader reads for all followers."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import redis.asyncio

from captiond.workqueue.errors import translate_redis_errors
from captiond.workqueue.streams.connection import BLOCK_SECONDS
from captiond.workqueue.streams.keys import Keys

# Entries of one batch, and the batches that a follower may leave unread.
BATCH_ENTRIES = 1000
MAX_UNREAD_BATCHES = 64
# Pause between two reads. Under load, changes are combined into larger batches: a follower costs time per batch.
READ_INTERVAL_SECONDS = 0.1

Entries = Sequence[tuple[bytes, Mapping[bytes, bytes]]]


class FollowerTooSlow(Exception):
    """A follower has left too many batches unread. It can resume after the last event that it has read."""

    def __init__(self) -> None:
        super().__init__(f"over {MAX_UNREAD_BATCHES} unread batches of events; resume after the last event")


@dataclass(frozen=True, slots=True)
class Event:
    """A state change. `Events.follow(cursor)` resumes after it.

    One stream entry may record several changes. Only the last has the entry's own cursor. The others have that of the
    entry before, so that a reader that resumes there repeats changes and misses none.
    """

    cursor: str
    id: str
    state: str


@dataclass(frozen=True, slots=True, eq=False)
class EventBatch:
    """Consecutive state changes, at least one. All followers get the same object."""

    events: tuple[Event, ...]

    @property
    def cursor(self) -> str:
        """The cursor after the batch."""
        return self.events[-1].cursor


class _Follower:
    """The batches that one follower has not read."""

    def __init__(self) -> None:
        self._unread: asyncio.Queue[EventBatch | None] = asyncio.Queue(MAX_UNREAD_BATCHES)
        self._error: Exception | None = None

    def put(self, batch: EventBatch | None) -> None:
        if self._unread.full():
            self.end(FollowerTooSlow())
        else:
            self._unread.put_nowait(batch)

    def end(self, error: Exception) -> None:
        """Discard what is unread, and raise the error at the next read."""
        self._error = self._error or error
        while not self._unread.empty():
            self._unread.get_nowait()
        self._unread.put_nowait(None)

    async def get(self) -> EventBatch | None:
        batch = await self._unread.get()
        if self._error:
            raise self._error
        return batch


class Events:
    """Follows the state changes of all messages, in one event loop."""

    def __init__(self, client: redis.asyncio.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._users = 0
        self._followers: set[_Follower] = set()
        self._reader: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()  # many followers that start together need one connection
        # Where the reader is. Followers have everything before this cursor in their batches, or read it themselves.
        self._cursor: str | None = None

    async def latest_cursor(self) -> str:
        """Return the cursor after the newest change that the reader has seen, or exists. Raises QueueUnavailable."""
        async with self._starting:
            return self._cursor or await self._read_latest_id()

    async def follow(self, after: str | None) -> AsyncGenerator[EventBatch | None, None]:
        """Yield changes after a cursor, or new ones; None about every 2 s without a change.

        Raises QueueUnavailable, FollowerTooSlow.
        """
        self._users += 1
        try:
            position = await self._start_reader()
            cursor = after or position
            while _position(cursor) < _position(self._cursor or position):
                batch = await self._read_past(cursor, self._cursor or position)
                if batch is None:
                    break
                cursor = batch.cursor
                yield batch
            with self._subscribed() as follower:
                while self._reader:
                    batch = await follower.get()
                    if batch is None or _position(batch.cursor) > _position(cursor):
                        yield batch
        finally:
            self._users -= 1

    @contextmanager
    def _subscribed(self) -> Iterator[_Follower]:
        follower = _Follower()
        self._followers.add(follower)
        try:
            yield follower
        finally:
            self._followers.discard(follower)

    async def _start_reader(self) -> str:
        """Start the reader unless it runs. Returns its cursor."""
        async with self._starting:
            cursor = self._cursor or await self._read_latest_id()
            if self._reader is None:
                self._cursor = cursor
                self._reader = asyncio.create_task(self._read_all(cursor))
            return cursor

    async def _read_all(self, cursor: str) -> None:
        """Pass new entries to all followers until there are none, or Redis is unavailable."""
        try:
            while self._users:
                batch = await self._read_new(cursor)
                if batch:
                    self._cursor = cursor = batch.cursor
                for follower in self._followers:
                    follower.put(batch)
                if batch:
                    await asyncio.sleep(READ_INTERVAL_SECONDS)
        except Exception as error:  # noqa: BLE001 - every follower must end
            for follower in self._followers:
                follower.end(error)
        finally:
            self._reader = self._cursor = None

    async def _read_new(self, cursor: str) -> EventBatch | None:
        with translate_redis_errors():
            reply = await self._client.xread(
                {self._keys.events: cursor}, count=BATCH_ENTRIES, block=int(BLOCK_SECONDS * 1000)
            )
        streams = cast("Sequence[tuple[bytes, Entries]]", reply or [])
        return _to_batch(cursor, [entry for _, entries in streams for entry in entries])

    async def _read_past(self, cursor: str, last: str) -> EventBatch | None:
        """Read entries after a cursor up to `last`."""
        with translate_redis_errors():
            reply = await self._client.xrange(self._keys.events, f"({cursor}", last, count=BATCH_ENTRIES)
        return _to_batch(cursor, cast("Entries", reply))

    async def _read_latest_id(self) -> str:
        with translate_redis_errors():
            reply = await self._client.xrevrange(self._keys.events, count=1)
        entries = cast("Entries", reply)
        return entries[0][0].decode() if entries else "0-0"

    async def close(self) -> None:
        """Stop the reader and close the connections."""
        if self._reader is not None:
            self._reader.cancel()
        await self._client.aclose()


def _to_batch(cursor: str, entries: Entries) -> EventBatch | None:
    events = []
    for entry, changes in entries:
        *others, (last_id, last_state) = changes.items()
        events += [Event(cursor, message_id.decode(), state.decode()) for message_id, state in others]
        cursor = entry.decode()
        events.append(Event(cursor, last_id.decode(), last_state.decode()))
    return EventBatch(tuple(events)) if events else None


def _position(cursor: str) -> tuple[int, int]:
    milliseconds, number = cursor.split("-")
    return int(milliseconds), int(number)
