"""Sends concurrent requests in one call: one fsync of the server then covers all of them (group commit)."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from captiond.workqueue.streams.scripts import count_for_one_call

Item = TypeVar("Item")
Reply = TypeVar("Reply")


@dataclass(slots=True)
class _Waiting(Generic[Item, Reply]):
    item: Item
    size_bytes: int
    reply: "asyncio.Future[Reply]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class GroupCommit(Generic[Item, Reply]):
    """Collects the items of many tasks of one event loop while the previous call is running, then sends them.

    `send` returns one reply or error per item.
    """

    def __init__(self, send: Callable[[Sequence[Item]], Awaitable[Sequence[Reply | Exception]]]) -> None:
        self._send = send
        self._waiting: deque[_Waiting[Item, Reply]] = deque()
        self._sending: asyncio.Task[None] | None = None  # the event loop itself keeps only a weak reference

    async def run(self, item: Item, size_bytes: int) -> Reply:
        """Send one item and return its reply. Raises its error, or any error of `send`."""
        waiting = _Waiting[Item, Reply](item, size_bytes)
        self._waiting.append(waiting)
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_all())
        return await waiting.reply

    async def _send_all(self) -> None:
        try:
            while count := count_for_one_call(waiting.size_bytes for waiting in self._waiting):
                await self._send_group([self._waiting.popleft() for _ in range(count)])
        finally:
            self._sending = None

    async def _send_group(self, group: Sequence[_Waiting[Item, Reply]]) -> None:
        """Send one call. It includes items whose task was cancelled: they may be on their way already."""
        pairs: Sequence[tuple[_Waiting[Item, Reply], Reply | Exception]]
        try:
            pairs = list(zip(group, await self._send([one.item for one in group]), strict=True))
        except Exception as error:  # noqa: BLE001 - every waiting task must get an answer
            pairs = [(one, error) for one in group]
        for one, reply in pairs:
            if one.reply.done():
                continue
            if isinstance(reply, Exception):
                one.reply.set_exception(reply)
            else:
                one.reply.set_result(reply)
