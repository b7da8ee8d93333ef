"""Puts messages on a queue, once for each id and within a budget. Asynchronous: its caller is an event loop."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import redis.asyncio

from captiond.workqueue.errors import IdConflict, QueueFull, QueueUnavailable, asking_redis
from captiond.workqueue.group_commit import GroupCommit
from captiond.workqueue.keys import Keys
from captiond.workqueue.message import Message, size_of
from captiond.workqueue.scripts import ENQUEUE, Call

KEPT = frozenset({b"NEW", b"KNOWN"})


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

    require_fitness: Callable[[], None]
    replicas: int = 0


class Producer:
    """Sends to one queue. Every call may be repeated: a known id changes nothing."""

    def __init__(self, client: redis.asyncio.Redis, keys: Keys, target: Target, gate: Gate) -> None:
        self._client = client
        self._keys = keys
        self._queue = target.queue
        self.budget = target.budget
        self._gate = gate
        self._commits = GroupCommit(client, gate.replicas)
        self._is_fit = False

    async def put(self, message: Message, *, state: str, digest: bytes, note: bytes, keep_seconds: int) -> Receipt:
        """Put a message; when this returns the server has it, on disk where it syncs every write, and its replicas.

        A repeat of the id is told by its digest: the same gives the first receipt, another raises IdConflict.
        The id is remembered until `keep_seconds` after the message was finished.
        Raises QueueFull, QueueUnavailable; after the latter the message may or may not be in the queue.
        """
        fields = message.fields()
        size_bytes = size_of(fields)
        message_id = str(message.id)
        call = ENQUEUE.call(
            [
                self._keys.stream(self._queue),
                self._keys.job(message_id),
                self._keys.bytes,
                self._keys.events,
                self._keys.totals,
            ],
            *(self.budget.max_messages, self.budget.max_bytes),
            *(message_id, digest, keep_seconds * 1000, size_bytes, state, note),
            *fields,
        )
        reply = await self._send(call, size_bytes)
        match reply[0]:
            case b"FULL":
                raise QueueFull(self._queue)
            case b"CONFLICT":
                raise IdConflict(message_id)
            case verdict:
                return Receipt(verdict == b"NEW", reply[1].decode(), reply[2])

    async def _send(self, call: Call, size_bytes: int) -> Sequence[bytes]:
        """Send to a server that is known to be fit; one that was away is judged anew, it may be another by now."""
        await self._require_fitness()
        try:
            with asking_redis():
                reply, copies = await self._commits.run(call, size_bytes)
        except QueueUnavailable:
            self._is_fit = False
            raise
        verdict = cast("Sequence[bytes]", reply)
        if verdict[0] in KEPT and copies < self._gate.replicas:
            raise QueueUnavailable(f"in doubt, {copies} of {self._gate.replicas} replicas have it; repeat it as it is")
        return verdict

    async def _require_fitness(self) -> None:
        if not self._is_fit:
            await asyncio.to_thread(self._gate.require_fitness)
            self._is_fit = True

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
