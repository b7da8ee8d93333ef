"""The stream of state changes, which one reader reads for all followers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from typing import TypeVar

import pytest
from tests.contract.workqueue.queues import FIRST, Queues, a_message

from captiond.workqueue.admin import Event, EventBatch, Events, FollowerTooSlow
from captiond.workqueue.admin.events import BATCH_ENTRIES, MAX_UNREAD_BATCHES
from captiond.workqueue.errors import QueueUnavailable
from captiond.workqueue.worker import Reject

Result = TypeVar("Result")
ERROR = RuntimeError("it broke")


def run(queues: Queues, use: Callable[[Events], Coroutine[object, object, Result]]) -> Result:
    """Use the events of a broker in an event loop."""

    async def use_and_close() -> Result:
        events = queues.broker.events()
        try:
            return await use(events)
        finally:
            await events.close()

    return asyncio.run(use_and_close())


def follow(queues: Queues, after: str | None, count: int) -> list[Event]:
    """Return the next `count` events."""
    return run(queues, lambda events: collect(events, after, count))


async def collect(events: Events, after: str | None, count: int) -> list[Event]:
    seen: list[Event] = []
    async with aclosing(events.follow(after)) as following:
        while len(seen) < count:
            batch = await anext(following)
            seen += batch.events if batch else []
    return seen


def test_latest_cursor_is_after_all_changes(queues: Queues) -> None:
    async def use(events: Events) -> list[str]:
        cursors = [await events.latest_cursor()]
        await asyncio.to_thread(queues.send, a_message())
        cursors.append(await events.latest_cursor())
        async with aclosing(events.follow(cursors[0])) as following:
            batch = await anext(following)
            assert batch
            cursors += [batch.cursor, await events.latest_cursor()]
        return cursors

    start, *rest = run(queues, use)

    assert start == "0-0"
    assert len(set(rest)) == 1


def test_events_are_in_order_and_resume_after_any_cursor(queues: Queues) -> None:
    lives, dies = a_message(), a_message()
    queues.send(lives)
    queues.send(dies)
    consumer = queues.consumer()
    first, second = queues.receive(consumer, 2)
    consumer.settle([(first, queues.forward(lives))])
    consumer.settle([(second, Reject(ERROR))])
    [letter] = queues.broker.dead_letters(FIRST)
    queues.broker.dead_letters(FIRST).redrive(letter, "again")

    seen = follow(queues, "0-0", 5)

    one, two = str(lives.id), str(dies.id)
    assert [(event.id, event.state) for event in seen] == [
        (one, "queued"),
        (two, "queued"),
        (one, "forwarded"),
        (two, "failed"),
        (two, "again"),
    ]
    for position, event in enumerate(seen[:-1]):
        assert follow(queues, event.cursor, 4 - position) == seen[position + 1 :]


def test_changes_of_one_batch_are_separate_events(queues: Queues) -> None:
    messages = [a_message(), a_message()]
    queues.send(*messages)
    consumer = queues.consumer()
    taken = queues.receive(consumer, 2)
    [*_, last] = follow(queues, "0-0", 2)
    consumer.settle([(one, queues.forward(one.decode())) for one in taken])

    first, second = follow(queues, last.cursor, 2)

    assert {first.id, second.id} == {str(message.id) for message in messages}
    assert first.state == second.state == "forwarded"
    assert follow(queues, first.cursor, 2) == [first, second]
    queues.send(a_message())
    [after] = follow(queues, second.cursor, 1)
    assert after.state == "queued"


def test_follower_without_cursor_sees_new_events_only(queues: Queues) -> None:
    queues.send(a_message())
    message = a_message()

    async def see(events: Events) -> tuple[EventBatch | None, EventBatch | None]:
        async with aclosing(events.follow(None)) as following:
            quiet = await anext(following)
            await asyncio.to_thread(queues.send, message)
            return quiet, await anext(following)

    quiet, batch = run(queues, see)

    assert quiet is None
    assert batch is not None
    assert [(event.id, event.state) for event in batch.events] == [(str(message.id), "queued")]


def test_follower_of_an_empty_stream_waits_for_the_first_event(queues: Queues) -> None:
    queues.client.delete(queues.keys.events)
    message = a_message()

    async def see(events: Events) -> list[Event]:
        following = asyncio.create_task(collect(events, None, 1))
        await asyncio.sleep(0.1)
        await asyncio.to_thread(queues.send, message)
        return await following

    [event] = run(queues, see)

    assert event.id == str(message.id)


def test_followers_share_one_connection_and_their_batches(queues: Queues) -> None:
    messages = [a_message() for _ in range(3)]

    async def see(events: Events) -> tuple[list[EventBatch | None], int]:
        followings = [events.follow(None) for _ in range(20)]
        first = [asyncio.ensure_future(anext(following)) for following in followings]
        await asyncio.sleep(1)
        blocked = sum("xread" in client["cmd"].lower() for client in queues.client.client_list())
        await asyncio.to_thread(queues.send, *messages)
        batches = await asyncio.gather(*first)
        for following in followings:
            await following.aclose()
        return batches, blocked

    batches, blocked = run(queues, see)

    assert blocked == 1
    assert batches[0] is not None
    assert batches[0].events[0].id == str(messages[0].id)
    assert all(batch is batches[0] for batch in batches)


def test_follower_that_resumes_reads_the_past_in_batches_and_then_joins_the_others(queues: Queues) -> None:
    queues.client.delete(queues.keys.events)
    entries = BATCH_ENTRIES + 500
    with queues.client.pipeline(transaction=False) as pipeline:
        for number in range(entries):
            pipeline.xadd(queues.keys.events, {f"{number}": "queued"})
        pipeline.execute()
    message = a_message()

    async def see(events: Events) -> list[Event]:
        seen = asyncio.create_task(collect(events, "0-0", entries + 1))
        await asyncio.sleep(0.5)
        await asyncio.to_thread(queues.send, message)
        return await seen

    seen = run(queues, see)

    assert [event.id for event in seen] == [*(f"{number}" for number in range(entries)), str(message.id)]


def test_follower_with_a_cursor_ahead_of_the_reader_skips_older_events(queues: Queues) -> None:
    queues.send(a_message())
    [*_, last] = follow(queues, "0-0", 1)
    milliseconds = int(last.cursor.split("-")[0])
    ahead = f"{milliseconds + 60_000}-5"

    async def see(events: Events) -> list[Event]:
        seen = asyncio.create_task(collect(events, ahead, 1))
        await asyncio.sleep(0.2)
        queues.client.xadd(queues.keys.events, {"old": "queued"}, f"{milliseconds + 60_000}-5")
        await asyncio.sleep(0.3)
        queues.client.xadd(queues.keys.events, {"new": "queued"}, f"{milliseconds + 60_000}-6")
        return await seen

    assert [event.id for event in run(queues, see)] == ["new"]
    queues.client.delete(queues.keys.events)


def test_follower_resumes_after_trimmed_events(queues: Queues) -> None:
    queues.send(a_message())
    queues.client.xtrim(queues.keys.events, maxlen=0)
    message = a_message()

    async def see(events: Events) -> list[Event]:
        other = asyncio.create_task(collect(events, None, 1))
        await asyncio.sleep(0.2)
        queues.client.xadd(queues.keys.events, {"trimmed": "queued"})
        await other
        queues.client.xtrim(queues.keys.events, maxlen=0)
        keep = asyncio.create_task(collect(events, None, 1))
        seen = asyncio.create_task(collect(events, "0-1", 1))
        await asyncio.sleep(0.2)
        await asyncio.to_thread(queues.send, message)
        await keep
        return await seen

    assert [event.id for event in run(queues, see)] == [str(message.id)]


def test_follower_that_does_not_read_is_cut_off_and_the_others_continue(queues: Queues) -> None:
    async def see(events: Events) -> int:
        async with aclosing(events.follow(None)) as slow:
            first = asyncio.ensure_future(anext(slow))
            await asyncio.sleep(0.1)
            others = asyncio.create_task(collect(events, None, MAX_UNREAD_BATCHES + 3))
            await asyncio.sleep(0.1)
            for number in range(MAX_UNREAD_BATCHES + 3):
                queues.client.xadd(queues.keys.events, {f"{number}": "queued"})
                await asyncio.sleep(0.12)
            await first
            with pytest.raises(FollowerTooSlow):
                await anext(slow)
            return len(await others)

    assert run(queues, see) == MAX_UNREAD_BATCHES + 3


def test_outage_ends_all_followers(own_queues: Queues) -> None:
    async def see(events: Events) -> list[EventBatch | BaseException | None]:
        followings = [asyncio.create_task(_read_until_error(events.follow(None))) for _ in range(3)]
        await asyncio.sleep(0.3)
        await asyncio.to_thread(own_queues.server.kill)
        return await asyncio.gather(*followings, return_exceptions=True)

    assert [type(result) for result in run(own_queues, see)] == [QueueUnavailable] * 3


def test_follower_raises_queue_unavailable_if_redis_is_down(own_queues: Queues) -> None:
    own_queues.server.kill()

    for after in (None, "0-0"):
        with pytest.raises(QueueUnavailable, match="Redis is unavailable"):
            follow(own_queues, after, 1)


def test_following_ends_if_the_reader_has_ended_meanwhile(own_queues: Queues) -> None:
    own_queues.send(a_message())

    async def see(events: Events) -> list[EventBatch | None]:
        async with aclosing(events.follow("0-0")) as following:
            past = await anext(following)
            await asyncio.to_thread(own_queues.server.kill)
            await asyncio.sleep(3)  # the reader repeats its command
            return [past, *[batch async for batch in following]]

    [batch] = run(own_queues, see)

    assert batch is not None


def test_reader_stops_without_followers_and_starts_again(queues: Queues) -> None:
    message = a_message()

    async def see(events: Events) -> list[Event]:
        async with aclosing(events.follow(None)) as following:
            assert await anext(following) is None
        await asyncio.sleep(3)
        seen = asyncio.create_task(collect(events, None, 1))
        await asyncio.sleep(0.5)
        await asyncio.to_thread(queues.send, message)
        return await seen

    [event] = run(queues, see)

    assert event.id == str(message.id)


async def _read_until_error(following: AsyncIterator[EventBatch | None]) -> None:
    async for _ in following:
        pass
