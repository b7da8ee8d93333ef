"""Sends in one call what is put at the same time: one sync of the server's disk then serves all of it."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from captiond.workqueue.streams.portions import portion

Item = TypeVar("Item")
Reply = TypeVar("Reply")


@dataclass(slots=True)
class _Waiting(Generic[Item, Reply]):
    item: Item
    size_bytes: int
    reply: "asyncio.Future[Reply]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class GroupCommit(Generic[Item, Reply]):
    """Sends the items of many tasks of one event loop; while a call is under way, the next one fills.

    `send` returns a reply or an error for each of its items.
    """

    def __init__(self, send: Callable[[Sequence[Item]], Awaitable[Sequence[Reply | Exception]]]) -> None:
        self._send = send
        self._waiting: deque[_Waiting[Item, Reply]] = deque()
        self._sending: asyncio.Task[None] | None = None  # the loop itself holds it but weakly

    async def run(self, item: Item, size_bytes: int) -> Reply:
        """Send one item: its reply, or whatever `send` raises."""
        waiting = _Waiting[Item, Reply](item, size_bytes)
        self._waiting.append(waiting)
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_all())
        return await waiting.reply

    async def _send_all(self) -> None:
        try:
            while count := portion(waiting.size_bytes for waiting in self._waiting):
                await self._send_group([self._waiting.popleft() for _ in range(count)])
        finally:
            self._sending = None

    async def _send_group(self, group: Sequence[_Waiting[Item, Reply]]) -> None:
        """Answer each; whoever has stopped waiting is sent all the same, its message may be on its way already."""
        replies: Sequence[Reply | Exception]
        try:
            replies = await self._send([one.item for one in group])
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody must wait for ever
            replies = [error] * len(group)
        for one, reply in zip(group, replies, strict=True):
            if one.reply.done():
                continue
            if isinstance(reply, Exception):
                one.reply.set_exception(reply)
            else:
                one.reply.set_result(reply)
