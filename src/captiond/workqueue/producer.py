"""Puts messages on a queue, once for each id and within a budget. Asynchronous: its caller is an event loop."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import redis.asyncio

from captiond.workqueue.errors import IdConflict, QueueFull, asking_redis
from captiond.workqueue.keys import Keys
from captiond.workqueue.message import Message, size_of
from captiond.workqueue.scripts import ENQUEUE, run_async


@dataclass(frozen=True, slots=True)
class Budget:
    """What a queue may hold before it refuses more."""

    max_messages: int = 10_000
    max_bytes: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the queue knows of an id: `note` is the first sender's, `new` is false for a repeat."""

    new: bool
    state: str
    note: bytes


class Producer:
    """Sends to one queue. Every call may be repeated: a known id changes nothing."""

    def __init__(self, client: redis.asyncio.Redis, keys: Keys, queue: str, budget: Budget) -> None:
        self._client = client
        self._keys = keys
        self._queue = queue
        self._budget = budget

    async def put(self, message: Message, *, state: str, digest: bytes, note: bytes, keep_seconds: int) -> Receipt:
        """Put a message; when this returns the server has it, on disk where it syncs every write.

        A repeat of the id is told by its digest: the same gives the first receipt, another raises IdConflict.
        The id is remembered until `keep_seconds` after the message was finished.
        Raises QueueFull, QueueUnavailable; after the latter the message may or may not be in the queue.
        """
        fields = message.fields()
        message_id = str(message.id)
        call = ENQUEUE.call(
            [
                self._keys.stream(self._queue),
                self._keys.job(message_id),
                self._keys.bytes,
                self._keys.events,
                self._keys.totals,
            ],
            *(self._budget.max_messages, self._budget.max_bytes),
            *(message_id, digest, keep_seconds * 1000, size_of(fields), state, note),
            *fields,
        )
        with asking_redis():
            reply = cast("Sequence[bytes]", await run_async(self._client, call))
        match reply[0]:
            case b"FULL":
                raise QueueFull(self._queue)
            case b"CONFLICT":
                raise IdConflict(message_id)
            case verdict:
                return Receipt(verdict == b"NEW", reply[1].decode(), reply[2])

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
