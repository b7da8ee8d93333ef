"""Group commit with a sender that misbehaves."""

import asyncio
from collections.abc import Sequence

from captiond.workqueue.streams.group_commit import GroupCommit

WAIT_SECONDS = 5.0


def test_too_few_replies_raise_in_every_task() -> None:
    async def send(items: Sequence[str]) -> list[str | Exception]:
        return list(items[1:])

    async def run() -> list[str | BaseException]:
        commits = GroupCommit(send)
        calls = asyncio.gather(*(commits.run(item, 1) for item in "abc"), return_exceptions=True)
        return await asyncio.wait_for(calls, WAIT_SECONDS)

    assert [type(reply) for reply in asyncio.run(run())] == [ValueError] * 3


def test_sending_continues_after_an_error() -> None:
    calls: list[Sequence[str]] = []

    async def send(items: Sequence[str]) -> list[str | Exception]:
        calls.append(items)
        return [] if len(calls) == 1 else list(items)

    async def run() -> list[str | BaseException]:
        commits = GroupCommit(send)
        replies = list[str | BaseException]()
        for item in "ab":
            call = asyncio.gather(commits.run(item, 1), return_exceptions=True)
            replies += await asyncio.wait_for(call, WAIT_SECONDS)
        return replies

    failed, answered = asyncio.run(run())

    assert isinstance(failed, ValueError)
    assert answered == "b"
