"""Adds messages to a queue, each id once and within a budget. Asynchronous, because its caller is an event loop."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import cast

import redis.asyncio

from captiond.workqueue.errors import IdConflict, NotReplicated, QueueFull, QueueUnavailable, translate_redis_errors
from captiond.workqueue.message import Message
from captiond.workqueue.streams.group_commit import GroupCommit
from captiond.workqueue.streams.keys import Keys
from captiond.workqueue.streams.scripts import ENQUEUE, Value, run_async

IN_QUEUE = frozenset({b"NEW", b"KNOWN"})

Verdict = Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of a queue; beyond them it refuses messages. The bytes of all queues and dead-letter queues count."""

    max_messages: int = 10_000
    max_bytes: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Receipt:
    """State of a message in the queue. `note` is the first sender's; `new` is false for a repeat."""

    new: bool
    state: str
    note: bytes


@dataclass(frozen=True, slots=True)
class Target:
    """The queue of a producer, and the conditions for accepting a message.

    They are a budget, a safe server, and a number of replicas that confirm the write.
    """

    queue: str
    budget: Budget
    require_safe_server: Callable[[], None]
    replicas: int = 0


@dataclass(frozen=True, slots=True)
class _Put:
    """One message: its own keys, and its part of the script's arguments."""

    job: str
    payload: str
    arguments: Sequence[Value]


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

        A repeated id with the same digest returns the first receipt. The queue remembers an id until `keep_seconds`
        after its message was acknowledged.
        Raises IdConflict for a repeated id with another digest, QueueFull, and QueueUnavailable (NotReplicated,
        UnsafeServer), after which the message may or may not be in the queue.
        """
        fields, size_bytes = message.fields(), message.size_bytes
        message_id = str(message.id)
        about = (message_id, digest, keep_seconds * 1000, size_bytes, state, note, message.payload, len(fields))
        put = _Put(self._keys.job(message_id), self._keys.payload(message_id), (*about, *fields))
        verdict = await self._send(put, size_bytes)
        match verdict[0]:
            case b"FULL":
                raise QueueFull(self._target.queue)
            case b"CONFLICT":
                raise IdConflict(message_id)
            case word:
                return Receipt(word == b"NEW", verdict[1].decode(), verdict[2])

    async def _send(self, put: _Put, size_bytes: int) -> Verdict:
        """Check the server first, and again after an outage: it may be another server by then."""
        await self._require_safe_server()
        try:
            with translate_redis_errors():
                return await self._commits.run(put, size_bytes)
        except QueueUnavailable:
            self._server_is_safe = False
            raise

    async def _enqueue(self, puts: Sequence[_Put]) -> list[Verdict | Exception]:
        """Enqueue all in one script call. Raises RedisError."""
        keys = [self._keys.stream(self._target.queue), self._keys.bytes, self._keys.events, self._keys.totals]
        call = ENQUEUE.call(
            [*keys, *(put.job for put in puts), *(put.payload for put in puts)],
            *(self.budget.max_messages, self.budget.max_bytes),
            *chain.from_iterable(put.arguments for put in puts),
        )
        required = self._target.replicas
        replies, copies = await run_async(self._client, call, required)
        verdicts = cast("list[Verdict | Exception]", replies)
        if copies >= required:
            return verdicts
        error = NotReplicated(copies, required)
        return [error if not isinstance(one, Exception) and one[0] in IN_QUEUE else one for one in verdicts]

    async def _require_safe_server(self) -> None:
        if not self._server_is_safe:
            await asyncio.to_thread(self._target.require_safe_server)
            self._server_is_safe = True

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
