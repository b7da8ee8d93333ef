"""Puts messages on a queue, once for each id and within a budget. Asynchronous: its caller is an event loop."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import cast

import redis.asyncio

from captiond.workqueue.errors import IdConflict, QueueFull, QueueUnavailable, asking_redis
from captiond.workqueue.message import Message
from captiond.workqueue.streams.group_commit import GroupCommit
from captiond.workqueue.streams.keys import Keys
from captiond.workqueue.streams.scripts import ENQUEUE, Value, run_async

KEPT = frozenset({b"NEW", b"KNOWN"})

Verdict = Sequence[bytes]


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


@dataclass(frozen=True, slots=True)
class Target:
    """Where a producer sends and how much may lie there."""

    queue: str
    budget: Budget


@dataclass(frozen=True, slots=True)
class Gate:
    """What must hold before a message counts as kept: a fit server, and so many replicas that have the message."""

    require_safe_server: Callable[[], None]
    replicas: int = 0


@dataclass(frozen=True, slots=True)
class _Put:
    """A message on its way: its own keys, and its part of the script's arguments."""

    job: str
    payload: str
    arguments: Sequence[Value]


class Producer:
    """Sends to one queue. Every call may be repeated: a known id changes nothing."""

    def __init__(self, client: redis.asyncio.Redis, keys: Keys, target: Target, gate: Gate) -> None:
        self._client = client
        self._keys = keys
        self._queue = target.queue
        self.budget = target.budget
        self._gate = gate
        self._commits = GroupCommit(self._enqueue)
        self._is_fit = False

    async def put(self, message: Message, *, state: str, digest: bytes, note: bytes, keep_seconds: int) -> Receipt:
        """Put a message; when this returns the server has it, on disk where it syncs every write, and its replicas.

        A repeat of the id is told by its digest: the same gives the first receipt, another raises IdConflict.
        The id is remembered until `keep_seconds` after the message was finished.
        Raises QueueFull, QueueUnavailable; after the latter the message may or may not be in the queue.
        """
        fields, size_bytes = message.fields(), message.size_bytes
        message_id = str(message.id)
        about = (message_id, digest, keep_seconds * 1000, size_bytes, state, note, message.payload, len(fields))
        put = _Put(self._keys.job(message_id), self._keys.payload(message_id), (*about, *fields))
        verdict = await self._send(put, size_bytes)
        match verdict[0]:
            case b"FULL":
                raise QueueFull(self._queue)
            case b"CONFLICT":
                raise IdConflict(message_id)
            case word:
                return Receipt(word == b"NEW", verdict[1].decode(), verdict[2])

    async def _send(self, put: _Put, size_bytes: int) -> Verdict:
        """Send to a server that is known to be fit; one that was away is judged anew, it may be another by now."""
        await self._require_safe_server()
        try:
            with asking_redis():
                return await self._commits.run(put, size_bytes)
        except QueueUnavailable:
            self._is_fit = False
            raise

    async def _enqueue(self, puts: Sequence[_Put]) -> list[Verdict | Exception]:
        """Enqueue all in one step. Raises RedisError when nothing is known of any."""
        keys = [self._keys.stream(self._queue), self._keys.bytes, self._keys.events, self._keys.totals]
        call = ENQUEUE.call(
            [*keys, *(put.job for put in puts), *(put.payload for put in puts)],
            *(self.budget.max_messages, self.budget.max_bytes),
            *chain.from_iterable(put.arguments for put in puts),
        )
        replies, copies = await run_async(self._client, call, self._gate.replicas)
        verdicts = cast("list[Verdict | Exception]", replies)
        if copies >= self._gate.replicas:
            return verdicts
        doubt = QueueUnavailable(f"in doubt, {copies} of {self._gate.replicas} replicas have it; repeat it as it is")
        return [doubt if not isinstance(verdict, Exception) and verdict[0] in KEPT else verdict for verdict in verdicts]

    async def _require_safe_server(self) -> None:
        if not self._is_fit:
            await asyncio.to_thread(self._gate.require_safe_server)
            self._is_fit = True

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
