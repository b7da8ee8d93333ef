"""Sends concurrent requests in one call: one fsync of the server then covers all of them (group commit)."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from captiond.workqueue.streams.scripts import Value, count_for_one_call

# The reply of enqueue.lua for one message.
Reply = Sequence[bytes]


@dataclass(slots=True, eq=False)
class Put:
    """A message to enqueue: its own keys, its part of the script's arguments, and the future of its reply."""

    job: str
    payload: str
    arguments: Sequence[Value]
    size_bytes: int
    reply: "asyncio.Future[Reply]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class GroupCommit:
    """Collects the messages of many tasks of one event loop while the previous call is running, then sends them.

    `send` returns one reply or error per message.
    """

    def __init__(self, send: Callable[[Sequence[Put]], Awaitable[Sequence[Reply | Exception]]]) -> None:
        self._send = send
        self._waiting: deque[Put] = deque()
        self._sending: asyncio.Task[None] | None = None  # the event loop itself keeps only a weak reference

    async def run(self, put: Put) -> Reply:
        """Send one message and return its reply. Raises its error, or any error of `send`.

        If the task is cancelled, a message that is still waiting is not sent.
        """
        self._waiting.append(put)
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_all())
        try:
            return await put.reply
        except asyncio.CancelledError:
            with suppress(ValueError):
                self._waiting.remove(put)
            raise

    async def _send_all(self) -> None:
        try:
            while count := count_for_one_call(put.size_bytes for put in self._waiting):
                await self._send_group([self._waiting.popleft() for _ in range(count)])
        finally:
            self._sending = None

    async def _send_group(self, group: Sequence[Put]) -> None:
        """Send one call. It includes messages whose task was cancelled: Redis may have received them already."""
        replies: list[tuple[Put, Reply | Exception]]
        try:
            replies = list(zip(group, await self._send(group), strict=True))
        except Exception as error:  # noqa: BLE001 - every waiting task must get a reply
            replies = [(put, error) for put in group]
        for put, reply in replies:
            if put.reply.done():
                continue
            if isinstance(reply, Exception):
                put.reply.set_exception(reply)
            else:
                put.reply.set_result(reply)
