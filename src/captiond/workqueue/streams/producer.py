"""Adds messages to a queue, each id once and within a budget. Asynchronous, because its caller is an event loop."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import cast

import redis.asyncio
from redis.exceptions import TimeoutError as RedisTimeoutError

from captiond.workqueue.errors import IdConflict, NotReplicated, QueueFull, QueueUnavailable, translate_redis_errors
from captiond.workqueue.message import Message, flat_fields
from captiond.workqueue.streams.connection import REPLY_TIMEOUT_SECONDS
from captiond.workqueue.streams.group_commit import GroupCommit, Put, Reply
from captiond.workqueue.streams.keys import Keys
from captiond.workqueue.streams.scripts import ENQUEUE, run_async

IN_QUEUE = frozenset({b"NEW", b"KNOWN"})


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of a queue; beyond them it refuses messages. The limit of bytes covers all queues.

    Dead letters beyond `max_dead_letter_bytes` count as queued bytes, until their payloads are offloaded.
    """

    max_messages: int = 10_000
    max_bytes: int = 1 << 30
    max_dead_letter_bytes: int = 1 << 28


@dataclass(frozen=True, slots=True)
class Receipt:
    """State of a message in the queue; `new` is false if its id was known. `note` is that of the first upload."""

    new: bool
    state: str
    note: bytes


@dataclass(frozen=True, slots=True)
class Target:
    """The queue of a producer, and the conditions for accepting a message.

    These are a budget, a server that passes the check, and a number of replicas that confirm the write.
    """

    queue: str
    budget: Budget
    require_safe_server: Callable[[], None]
    replicas: int = 0


class Producer:
    """Sends to one queue. Every call may be repeated: a known id changes nothing."""

    def __init__(self, client: redis.asyncio.Redis, keys: Keys, target: Target) -> None:
        self._client = client
        self._keys = keys
        self._target = target
        self.budget = target.budget
        self._commits = GroupCommit(self._enqueue)
        self._server_is_safe = False

    async def put(self, message: Message, *, state: str, digest: bytes, note: bytes, keep_seconds: int) -> Receipt:
        """Add a message; on return the server has stored it, with fsync if it runs with `appendfsync always`.

        `note` is opaque bytes that the queue stores with the id; the API stores `received_at` in it. A repeated id with
        the same digest returns the note of the first upload. The queue stores an id until `keep_seconds` after its
        message was acknowledged.
        Raises IdConflict for a repeated id with another digest, QueueFull, and QueueUnavailable (NotReplicated,
        UnsafeServer), after which the message may or may not be in the queue.
        """
        message_id, size_bytes = str(message.id), message.size_bytes
        fields = flat_fields(message_id, message.headers)
        arguments = (message_id, digest, keep_seconds * 1000, size_bytes, state, note, message.payload, len(fields))
        put = Put(self._keys.job(message_id), self._keys.payload(message_id), (*arguments, *fields), size_bytes)
        status, *stored = await self._send(put)
        if status == b"FULL":
            raise QueueFull(self._target.queue)
        if status == b"CONFLICT":
            raise IdConflict(message_id)
        stored_state, stored_note = stored
        return Receipt(status == b"NEW", stored_state.decode(), stored_note)

    async def _send(self, put: Put) -> Reply:
        """Check the server first, and again after an outage: it may be another server by then."""
        if not self._server_is_safe:
            await asyncio.to_thread(self._target.require_safe_server)
            self._server_is_safe = True
        try:
            with translate_redis_errors():
                return await self._commits.run(put)
        except (QueueUnavailable, asyncio.CancelledError):  # a caller cancels when the server does not reply
            self._server_is_safe = False
            raise

    async def _enqueue(self, puts: Sequence[Put]) -> list[Reply | Exception]:
        """Enqueue all in one script call. Raises RedisError."""
        keys = [self._keys.stream(self._target.queue), self._keys.bytes, self._keys.events, self._keys.totals]
        call = ENQUEUE.call(
            [*keys, *(put.job for put in puts), *(put.payload for put in puts)],
            *(self.budget.max_messages, self.budget.max_bytes, self.budget.max_dead_letter_bytes),
            *chain.from_iterable(put.arguments for put in puts),
        )
        required = self._target.replicas
        try:
            async with asyncio.timeout(REPLY_TIMEOUT_SECONDS):  # the limit of all attempts together
                answer, confirmed = await run_async(self._client, call, required)
        except TimeoutError as error:
            raise RedisTimeoutError(f"no reply within {REPLY_TIMEOUT_SECONDS:.0f} s") from error
        replies = cast("list[Reply | Exception]", answer)
        if confirmed >= required:
            return replies
        unconfirmed = NotReplicated(confirmed, required)
        return [
            unconfirmed if not isinstance(reply, Exception) and reply[0] in IN_QUEUE else reply for reply in replies
        ]

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
