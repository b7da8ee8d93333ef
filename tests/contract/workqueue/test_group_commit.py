"""Group commit: concurrent puts share a round trip, and each gets its own reply."""

import asyncio
from collections.abc import Sequence

import pytest
from tests.contract.workqueue.queues import FIRST, Queues, a_message

from captiond.workqueue import Budget, Message, Producer, Receipt
from captiond.workqueue.admin import ServerRequirements
from captiond.workqueue.errors import IdConflict, QueueFull, QueueUnavailable
from captiond.workqueue.streams.scripts import MAX_CALL_MESSAGES

Reply = Receipt | BaseException


async def put(producer: Producer, message: Message, digest: bytes = b"digest") -> Receipt:
    return await producer.put(message, state="queued", digest=digest, note=b"", keep_seconds=60)


def put_at_once(queues: Queues, messages: Sequence[Message], budget: Budget) -> list[Reply]:
    async def put_all() -> list[Reply]:
        producer = queues.broker.producer(FIRST, budget, ServerRequirements())
        try:
            await put(producer, a_message(b"first"))
            return await asyncio.gather(*(put(producer, message) for message in messages), return_exceptions=True)
        finally:
            await producer.close()

    return asyncio.run(put_all())


def round_trips(queues: Queues) -> int:
    """Return the number of reads from clients, this one included."""
    processed = queues.client.info("stats")["total_reads_processed"]
    assert isinstance(processed, int)
    return processed


def test_concurrent_puts_share_round_trips(queues: Queues) -> None:
    messages = [a_message(b"%d" % number) for number in range(2 * MAX_CALL_MESSAGES)]
    before = round_trips(queues)

    replies = put_at_once(queues, messages, Budget())

    assert round_trips(queues) - before < MAX_CALL_MESSAGES
    assert all(isinstance(reply, Receipt) and reply.new for reply in replies)
    assert sorted(queues.payloads(FIRST)) == sorted([b"first", *(message.payload for message in messages)])


def test_each_put_of_a_group_gets_its_own_reply(queues: Queues) -> None:
    twice = a_message(b"twice")
    other = Message(twice.id, {}, b"another payload")

    async def put_three() -> list[Reply]:
        producer = queues.broker.producer(FIRST, Budget(max_messages=2), ServerRequirements())
        try:
            await put(producer, a_message(b"first, so that the server is checked"))
            calls = (put(producer, twice), put(producer, other, b"another"), put(producer, a_message()))
            return list(await asyncio.gather(*calls, return_exceptions=True))
        finally:
            await producer.close()

    new, conflict, full = asyncio.run(put_three())

    assert isinstance(new, Receipt)
    assert new.new
    assert isinstance(conflict, IdConflict)
    assert isinstance(full, QueueFull)


def test_large_messages_are_split_over_several_calls(queues: Queues) -> None:
    messages = [a_message(bytes(3 << 20)) for _ in range(5)]

    replies = put_at_once(queues, messages, Budget())

    assert [type(reply) for reply in replies] == [Receipt] * 5


def test_outage_raises_queue_unavailable_in_every_put(own_queues: Queues) -> None:
    async def put_all() -> list[Reply]:
        producer = own_queues.broker.producer(FIRST, Budget(), ServerRequirements())
        try:
            await put(producer, a_message())
            own_queues.server.kill()
            return await asyncio.gather(*(put(producer, a_message()) for _ in range(5)), return_exceptions=True)
        finally:
            await producer.close()

    replies = asyncio.run(put_all())

    assert [type(reply) for reply in replies] == [QueueUnavailable] * 5


def test_cancelled_put_does_not_cancel_the_others(queues: Queues) -> None:
    async def put_and_cancel() -> Receipt:
        producer = queues.broker.producer(FIRST, Budget(), ServerRequirements())
        try:
            await put(producer, a_message())
            cancelled = asyncio.create_task(put(producer, a_message(b"cancelled")))
            waiting = asyncio.create_task(put(producer, a_message(b"waiting")))
            await asyncio.sleep(0)
            cancelled.cancel()
            with pytest.raises(asyncio.CancelledError):
                await cancelled
            return await waiting
        finally:
            await producer.close()

    assert asyncio.run(put_and_cancel()).new
    assert b"waiting" in queues.payloads(FIRST)
