"""What counts as kept where a replica must have it too."""

import asyncio
from collections.abc import Callable

import pytest
from tests.contract.workqueue.line import FIRST, a_message, until
from tests.servers.queues import RedisServer, is_replicating

from captiond.workqueue import Broker, Budget, Message, Producer, Receipt, Route
from captiond.workqueue.admin import Monitor, ServerRequirements, find_server_problems
from captiond.workqueue.errors import QueueUnavailable, UnsafeServer

HA = ServerRequirements(fsync=True, replicas=1)
Pair = tuple[RedisServer, RedisServer]


def put(producer: Producer, message: Message) -> "asyncio.Future[Receipt]":
    return asyncio.ensure_future(producer.put(message, state="queued", digest=b"d", note=b"n", keep_seconds=60))


def test_a_message_that_a_replica_has_is_kept_whatever_happens_to_the_primary(own_redis_pair: Pair) -> None:
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
        consumer.join()
        [delivery] = consumer.receive(1, 1)
        assert delivery.message() == message


def test_what_no_replica_has_is_in_doubt_and_so_is_its_repeat_until_one_has_it(own_redis_pair: Pair) -> None:
    """A repeat finds the id known; were that no write, WAIT would find nothing to wait for and call it kept."""
    primary, replica = own_redis_pair
    message = a_message()

    async def send() -> Receipt:
        with Broker(primary.url) as broker:
            producer = broker.producer(FIRST, Budget(), HA)
            try:
                await put(producer, a_message())
                replica.suspend()
                for _ in range(2):
                    with pytest.raises(QueueUnavailable, match="in doubt, 0 of 1 replicas"):
                        await put(producer, message)
                replica.resume()
                await asyncio.to_thread(until, lambda: is_replicating(primary))
                return await put(producer, message)
            finally:
                await producer.close()

    receipt = asyncio.run(send())

    assert receipt.new is False
    assert primary.client().xlen("{captiond:0}:first") == 2


def away(replica: RedisServer, primary: Monitor) -> None:
    replica.kill()
    until(lambda: primary.server_info()["connected_slaves"] == 0)


def present(replica: RedisServer, primary: Monitor) -> None:
    del replica
    assert primary.server_info()["connected_slaves"] == 1


@pytest.mark.parametrize(
    ("fate", "problems"), [(present, []), (away, ["0 replicas are connected, and 1 must have each upload"])]
)
def test_a_server_without_its_replicas_has_a_shortcoming(
    own_redis_pair: Pair, fate: Callable[[RedisServer, Monitor], None], problems: list[str]
) -> None:
    primary, replica = own_redis_pair
    with Broker(primary.url) as broker:
        fate(replica, broker.monitor)

        found = find_server_problems(broker.monitor, HA)

    assert [problem.partition(";")[0] for problem in found] == problems


def test_a_replica_is_nothing_to_write_to(own_redis_pair: Pair) -> None:
    with Broker(own_redis_pair[1].url) as broker:
        [problem] = find_server_problems(broker.monitor, HA)

    assert "it is a replica" in problem


def test_a_server_that_came_back_unfit_is_given_nothing(own_redis_server: RedisServer) -> None:
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
