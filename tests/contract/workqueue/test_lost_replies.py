"""Replies that never arrive: what is sent again is done once."""

import asyncio

from tests.contract.workqueue.chaos_proxy import ReplyLosingProxy
from tests.contract.workqueue.line import (
    FIRST,
    SECOND,
    SHORT_LEASE_SECONDS,
    Handling,
    Line,
    a_message,
    put_until_taken,
    quick,
    running,
    work_off,
)
from tests.servers.queues import RedisServer

from captiond.workqueue import Broker, Route
from captiond.workqueue.worker import Worker


def test_300_messages_are_300_entries_though_each_3rd_reply_is_lost(line: Line, redis_server: RedisServer) -> None:
    messages = [a_message() for _ in range(300)]
    proxy = ReplyLosingProxy(redis_server.address(), every=3)

    with proxy.serving():
        asyncio.run(put_until_taken(proxy.url, messages))

    assert proxy.lost > 60
    added = [fields[b"id"].decode() for fields in line.entries(line.keys.stream(FIRST))]
    assert sorted(added) == sorted(str(message.id) for message in messages)
    assert line.held_bytes() == line.stored_bytes()


def test_100_messages_are_handed_on_once_though_each_7th_reply_is_lost(line: Line, redis_server: RedisServer) -> None:
    messages = line.send_many(100)
    line.join()
    proxy = ReplyLosingProxy(redis_server.address(), every=7)
    handling = Handling(expected=100)
    options = quick(batch_size=4, lease_seconds=SHORT_LEASE_SECONDS)

    with proxy.serving(), Broker(proxy.url) as broker:
        consumer = broker.consumer("test", Route(FIRST, SECOND))
        worker = Worker(consumer, handling.pass_on, options, handling.health.append)
        with running(worker, handling.stop):
            pass
    work_off(line)

    assert proxy.lost > 5
    passed = [fields[b"id"].decode() for fields in line.entries(line.keys.stream(SECOND))]
    assert sorted(passed) == sorted(str(message.id) for message in messages)
    assert line.held_bytes() == line.stored_bytes()


def test_a_question_whose_answer_was_lost_is_asked_again(line: Line, redis_server: RedisServer) -> None:
    line.send(a_message())
    proxy = ReplyLosingProxy(redis_server.address(), every=7)

    with proxy.serving(), Broker(proxy.url) as broker:
        depths = [broker.monitor.stats(FIRST).depth for _ in range(20)]

    assert depths == [1] * 20
    assert proxy.lost > 10
