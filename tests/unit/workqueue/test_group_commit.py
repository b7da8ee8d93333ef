"""Group commit with a sender that misbehaves."""

import asyncio
from collections.abc import Sequence

from captiond.workqueue.streams.group_commit import GroupCommit, Put, Reply

WAIT_SECONDS = 5.0


def test_too_few_replies_raise_in_every_task() -> None:
    async def send(puts: Sequence[Put]) -> list[Reply | Exception]:
        return [[put.job.encode()] for put in puts[1:]]

    async def run() -> list[Reply | BaseException]:
        commits = GroupCommit(send)
        calls = asyncio.gather(*(commits.run(Put(job, "", (), 1)) for job in "abc"), return_exceptions=True)
        return await asyncio.wait_for(calls, WAIT_SECONDS)

    assert [type(reply) for reply in asyncio.run(run())] == [ValueError] * 3


def test_sending_continues_after_an_error() -> None:
    calls: list[Sequence[Put]] = []

    async def send(puts: Sequence[Put]) -> list[Reply | Exception]:
        calls.append(puts)
        return [] if len(calls) == 1 else [[put.job.encode()] for put in puts]

    async def run() -> list[Reply | BaseException]:
        commits = GroupCommit(send)
        replies = list[Reply | BaseException]()
        for job in "ab":
            call = asyncio.gather(commits.run(Put(job, "", (), 1)), return_exceptions=True)
            replies += await asyncio.wait_for(call, WAIT_SECONDS)
        return replies

    failed, answered = asyncio.run(run())

    assert isinstance(failed, ValueError)
    assert answered == [b"b"]


def test_message_whose_task_is_cancelled_before_it_is_sent_is_not_sent() -> None:
    sent: list[str] = []

    async def run() -> None:
        resumed = asyncio.Event()

        async def send(puts: Sequence[Put]) -> list[Reply | Exception]:
            sent.extend(put.job for put in puts)
            await resumed.wait()
            return [[put.job.encode()] for put in puts]

        commits = GroupCommit(send)
        calls = [asyncio.create_task(commits.run(Put(job, "", (), 1))) for job in "a"]
        await asyncio.sleep(0.01)
        calls += [asyncio.create_task(commits.run(Put(job, "", (), 1))) for job in "bc"]
        await asyncio.sleep(0)
        calls[1].cancel()
        await asyncio.wait([calls[1]])
        resumed.set()
        await asyncio.wait_for(asyncio.gather(calls[0], calls[2]), WAIT_SECONDS)

    asyncio.run(run())

    assert sent == ["a", "c"]
