"""What is put at the same time goes in one round trip, and each still gets an answer of its own."""

import asyncio
from collections.abc import Sequence

import pytest
from tests.contract.workqueue.line import FIRST, Line, a_message

from captiond.workqueue import Budget, Message, Producer, Receipt
from captiond.workqueue.admin import ServerRequirements
from captiond.workqueue.errors import IdConflict, QueueFull, QueueUnavailable
from captiond.workqueue.streams.portions import MAX_MESSAGES

Answer = Receipt | BaseException


async def put(producer: Producer, message: Message, digest: bytes = b"digest") -> Receipt:
    return await producer.put(message, state="queued", digest=digest, note=b"", keep_seconds=60)


def put_at_once(line: Line, messages: Sequence[Message], budget: Budget) -> list[Answer]:
    async def put_all() -> list[Answer]:
        producer = line.broker.producer(FIRST, budget, ServerRequirements())
        try:
            await put(producer, a_message(b"first of all"))
            return await asyncio.gather(*(put(producer, message) for message in messages), return_exceptions=True)
        finally:
            await producer.close()

    return asyncio.run(put_all())


def round_trips(line: Line) -> int:
    """Reads of the server's from its clients, this question's own among them."""
    processed = line.client.info("stats")["total_reads_processed"]
    assert isinstance(processed, int)
    return processed


def test_what_is_put_at_the_same_time_shares_its_round_trips(line: Line) -> None:
    messages = [a_message(b"%d" % number) for number in range(2 * MAX_MESSAGES)]
    before = round_trips(line)

    answers = put_at_once(line, messages, Budget())

    assert round_trips(line) - before < MAX_MESSAGES
    assert all(isinstance(answer, Receipt) and answer.new for answer in answers)
    assert sorted(line.bodies(FIRST)) == sorted([b"first of all", *(message.payload for message in messages)])


def test_each_gets_its_own_answer(line: Line) -> None:
    twice = a_message(b"twice")
    other = Message(twice.id, {}, b"another body")

    async def put_three() -> list[Answer]:
        producer = line.broker.producer(FIRST, Budget(max_messages=2), ServerRequirements())
        try:
            await put(producer, a_message(b"so that the server is known to be fit"))
            calls = (put(producer, twice), put(producer, other, b"another"), put(producer, a_message()))
            return list(await asyncio.gather(*calls, return_exceptions=True))
        finally:
            await producer.close()

    new, conflict, full = asyncio.run(put_three())

    assert isinstance(new, Receipt)
    assert new.new
    assert isinstance(conflict, IdConflict)
    assert isinstance(full, QueueFull)


def test_large_messages_do_not_wait_for_each_other_in_one_round_trip(line: Line) -> None:
    messages = [a_message(bytes(3 << 20)) for _ in range(5)]

    answers = put_at_once(line, messages, Budget())

    assert [type(answer) for answer in answers] == [Receipt] * 5


def test_all_are_told_when_the_server_is_away(own_line: Line) -> None:
    async def put_all() -> list[Answer]:
        producer = own_line.broker.producer(FIRST, Budget(), ServerRequirements())
        try:
            await put(producer, a_message())
            own_line.server.kill()
            return await asyncio.gather(*(put(producer, a_message()) for _ in range(5)), return_exceptions=True)
        finally:
            await producer.close()

    answers = asyncio.run(put_all())

    assert [type(answer) for answer in answers] == [QueueUnavailable] * 5


def test_whoever_stops_waiting_does_not_stop_the_others(line: Line) -> None:
    async def put_and_leave() -> Receipt:
        producer = line.broker.producer(FIRST, Budget(), ServerRequirements())
        try:
            await put(producer, a_message())
            impatient = asyncio.create_task(put(producer, a_message(b"impatient")))
            patient = asyncio.create_task(put(producer, a_message(b"patient")))
            await asyncio.sleep(0)
            impatient.cancel()
            with pytest.raises(asyncio.CancelledError):
                await impatient
            return await patient
        finally:
            await producer.close()

    assert asyncio.run(put_and_leave()).new
    assert b"patient" in line.bodies(FIRST)
