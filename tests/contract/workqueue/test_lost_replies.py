"""Lost replies: a repeated command takes effect once."""

import asyncio

from tests.contract.workqueue.queues import (
    FIRST,
    SECOND,
    SHORT_LEASE_SECONDS,
    Queues,
    RecordingHandler,
    a_message,
    drain,
    fast_options,
    put_with_retries,
    running,
)
from tests.servers.chaos_proxy import ChaosProxy, NetworkFaults
from tests.servers.queues import RedisServer

from captiond.workqueue import Broker, Route
from captiond.workqueue.worker import Worker


def losing_proxy(server: RedisServer, *, every: int) -> ChaosProxy:
    """Return a proxy that drops every n-th reply."""
    proxy = ChaosProxy(server.address())
    proxy.network = NetworkFaults(lose_every=every)
    return proxy


def test_lost_replies_enqueue_each_message_once(queues: Queues, redis_server: RedisServer) -> None:
    messages = [a_message() for _ in range(300)]
    proxy = losing_proxy(redis_server, every=3)

    with proxy.serving():
        asyncio.run(put_with_retries(proxy.redis_url, messages))

    assert proxy.faults > 60
    added = [fields[b"id"].decode() for fields in queues.entries(queues.keys.stream(FIRST))]
    assert sorted(added) == sorted(str(message.id) for message in messages)
    assert queues.counted_bytes() == queues.actual_bytes()


def test_lost_replies_forward_each_message_once(queues: Queues, redis_server: RedisServer) -> None:
    messages = queues.send_many(100)
    queues.consumer()
    proxy = losing_proxy(redis_server, every=7)
    handler = RecordingHandler(expected=100)
    options = fast_options(batch_size=4, lease_seconds=SHORT_LEASE_SECONDS)

    with proxy.serving(), Broker(proxy.redis_url) as broker:
        consumer = broker.consumer("test", Route(FIRST, SECOND))
        worker = Worker(consumer, handler.forward, options, handler.heartbeats.append)
        with running(worker, handler.stop):
            pass
    drain(queues)

    assert proxy.faults > 5
    passed = [fields[b"id"].decode() for fields in queues.entries(queues.keys.stream(SECOND))]
    assert sorted(passed) == sorted(str(message.id) for message in messages)
    assert queues.counted_bytes() == queues.actual_bytes()


def test_read_is_repeated_after_a_lost_reply(queues: Queues, redis_server: RedisServer) -> None:
    queues.send(a_message())
    proxy = losing_proxy(redis_server, every=7)

    with proxy.serving(), Broker(proxy.redis_url) as broker:
        depths = [broker.monitor.stats(FIRST).depth for _ in range(20)]

    assert depths == [1] * 20
    assert proxy.faults > 10
