"""Sends in one round trip what is put at the same time: one sync of the server's disk then serves all of it."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

import redis.asyncio

from captiond.workqueue.scripts import Call, run_async

# Two: with one, clients, API and server would wait for each other in step.
ROUND_TRIPS = 2
# Beyond this a round trip only grows longer; the server holds what it has read of it in memory.
MAX_CALLS = 32
MAX_BYTES = 8 << 20


@dataclass(slots=True)
class _Waiting:
    call: Call
    size_bytes: int
    reply: "asyncio.Future[tuple[object, int]]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class GroupCommit:
    """Runs calls of many tasks of one event loop; while its round trips are under way, the next one fills."""

    def __init__(self, client: redis.asyncio.Redis, replicas: int) -> None:
        self._client = client
        self._replicas = replicas
        self._waiting: deque[_Waiting] = deque()
        self._under_way = 0
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself holds them but weakly

    async def run(self, call: Call, size_bytes: int) -> tuple[object, int]:
        """Run one call: its reply, and how many replicas had it in time. Raises RedisError."""
        waiting = _Waiting(call, size_bytes)
        self._waiting.append(waiting)
        if self._under_way < ROUND_TRIPS:
            self._under_way += 1
            task = asyncio.create_task(self._send_all())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await waiting.reply

    async def _send_all(self) -> None:
        try:
            while group := self._next_group():
                await self._send(group)
        finally:
            self._under_way -= 1

    def _next_group(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        size_bytes = 0
        while self._waiting and len(group) < MAX_CALLS:
            size_bytes += self._waiting[0].size_bytes
            if group and size_bytes > MAX_BYTES:
                break
            group.append(self._waiting.popleft())
        return group

    async def _send(self, group: list[_Waiting]) -> None:
        """Answer each; whoever has stopped waiting is sent all the same, its message may be on its way already."""
        try:
            replies, copies = await run_async(self._client, [one.call for one in group], self._replicas)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody must wait for ever
            replies, copies = [error] * len(group), 0
        for one, reply in zip(group, replies, strict=True):
            if one.reply.done():
                continue
            if isinstance(reply, Exception):
                one.reply.set_exception(reply)
            else:
                one.reply.set_result((reply, copies))
