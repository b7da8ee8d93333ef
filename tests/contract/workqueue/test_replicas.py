"""Replication: a message is accepted once enough replicas have it."""

import asyncio
from collections.abc import Callable

import pytest
from tests.contract.workqueue.queues import FIRST, a_message, wait_until
from tests.servers.queues import RedisServer, is_replicating

from captiond.workqueue import Broker, Budget, Message, Producer, Receipt, Route
from captiond.workqueue.admin import Monitor, ServerRequirements, find_server_problems
from captiond.workqueue.errors import NotReplicated, QueueUnavailable, UnsafeServer

HA = ServerRequirements(fsync=True, replicas=1)
Pair = tuple[RedisServer, RedisServer]


def put(producer: Producer, message: Message) -> "asyncio.Future[Receipt]":
    return asyncio.ensure_future(producer.put(message, state="queued", digest=b"d", note=b"n", keep_seconds=60))


def test_replicated_message_survives_the_loss_of_the_primary(own_redis_pair: Pair) -> None:
    primary, replica = own_redis_pair
    message = a_message(b"precious")

    async def send() -> Receipt:
        with Broker(primary.url) as broker:
            producer = broker.producer(FIRST, Budget(), HA)
            try:
                return await put(producer, message)
            finally:
                await producer.close()

    receipt = asyncio.run(send())
    primary.kill()
    replica.client().replicaof("NO", "ONE")

    assert receipt == Receipt(new=True, state="queued", note=b"n")
    with Broker(replica.url) as broker:
        consumer = broker.consumer("test", Route(FIRST))
        consumer.create_group()
        [delivery] = consumer.receive(1, 1)
        assert delivery.decode() == message


def test_put_and_its_repeat_fail_until_a_replica_confirms(own_redis_pair: Pair) -> None:
    """WAIT covers writes only, so a repeat must write too; else WAIT would confirm it without a replica."""
    primary, replica = own_redis_pair
    message = a_message()

    async def send() -> Receipt:
        with Broker(primary.url) as broker:
            producer = broker.producer(FIRST, Budget(), HA)
            try:
                await put(producer, a_message())
                replica.suspend()
                for _ in range(2):
                    with pytest.raises(NotReplicated, match="replication not confirmed: 0 of 1 replicas confirmed"):
                        await put(producer, message)
                replica.resume()
                await asyncio.to_thread(wait_until, lambda: is_replicating(primary))
                return await put(producer, message)
            finally:
                await producer.close()

    receipt = asyncio.run(send())

    assert receipt.new is False
    assert primary.client().xlen("{captiond:0}:first") == 2


def disconnected(replica: RedisServer, primary: Monitor) -> None:
    replica.kill()
    wait_until(lambda: primary.server_info()["connected_slaves"] == 0)


def connected(replica: RedisServer, primary: Monitor) -> None:
    del replica
    assert primary.server_info()["connected_slaves"] == 1


@pytest.mark.parametrize(("change", "problems"), [(connected, []), (disconnected, ["0 of 1 replicas are connected"])])
def test_missing_replica_is_a_server_problem(
    own_redis_pair: Pair, change: Callable[[RedisServer, Monitor], None], problems: list[str]
) -> None:
    primary, replica = own_redis_pair
    with Broker(primary.url) as broker:
        change(replica, broker.monitor)

        found = find_server_problems(broker.monitor, HA)

    assert [problem.partition(";")[0] for problem in found] == problems


def test_replica_as_server_is_a_server_problem(own_redis_pair: Pair) -> None:
    with Broker(own_redis_pair[1].url) as broker:
        [problem] = find_server_problems(broker.monitor, HA)

    assert "the server is a replica" in problem


def test_server_is_checked_again_after_an_outage(own_redis_server: RedisServer) -> None:
    async def send() -> None:
        with Broker(own_redis_server.url) as broker:
            producer = broker.producer(FIRST, Budget(), ServerRequirements())
            try:
                await put(producer, a_message())
                own_redis_server.kill()
                with pytest.raises(QueueUnavailable):
                    await put(producer, a_message())
                own_redis_server.start()
                own_redis_server.client().config_set("appendfsync", "everysec")
                with pytest.raises(UnsafeServer, match="appendfsync is everysec"):
                    await put(producer, a_message())
                own_redis_server.client().config_set("appendfsync", "always")
                await put(producer, a_message())
            finally:
                await producer.close()

    asyncio.run(send())

    assert own_redis_server.client().xlen("{captiond:0}:first") == 2
