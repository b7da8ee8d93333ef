"""A server that is suspended: it accepts connections and answers nothing."""

import asyncio
import logging

import pytest
from tests.contract.workqueue.queues import FIRST, Queues, a_message, fast_options
from tests.servers.suspension import hung

from captiond.workqueue import Broker, Budget
from captiond.workqueue.admin import ServerRequirements
from captiond.workqueue.errors import QueueTimeout, QueueUnavailable
from captiond.workqueue.worker import StopSignal
from captiond.workqueue.worker.lease_renewal import LeaseRenewer
from captiond.workqueue.worker.receiver import Receiver


async def put_while_suspended(queues: Queues) -> None:
    producer = queues.broker.producer(FIRST, Budget(10, 1 << 20), ServerRequirements())
    try:
        await producer.put(a_message(), state="queued", digest=b"1", note=b"", keep_seconds=60)
        queues.server.suspend()
        await producer.put(a_message(), state="queued", digest=b"2", note=b"", keep_seconds=60)
    finally:
        queues.server.resume()
        await producer.close()


def test_put_to_a_suspended_server_ends_with_an_error(own_queues: Queues) -> None:
    with pytest.raises(QueueUnavailable):
        asyncio.run(put_while_suspended(own_queues))


def test_read_from_a_suspended_server_ends_with_its_own_error(own_queues: Queues) -> None:
    own_queues.broker.monitor.stats(FIRST)

    with hung(own_queues.server), pytest.raises(QueueTimeout):
        own_queues.broker.monitor.stats(FIRST)


def test_problem_that_cannot_be_recorded_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)

    with Broker("redis://127.0.0.1:1/0") as broker:
        broker.problem_report("archiver").report("images directory: No space left on device")

    [line] = caplog.messages
    assert line.startswith("cannot record the problem 'images directory: No space left on device' in Redis: ")


def test_receiver_under_backpressure_returns_at_once_if_it_must_not_wait(queues: Queues) -> None:
    queues.send_many(3)
    consumer = queues.consumer()
    consumer.settle([(delivery, queues.forward(delivery.decode())) for delivery in queues.receive(consumer, 2)])
    with LeaseRenewer(consumer.renew, 60) as leases:
        receiver = Receiver(consumer, fast_options(high_water_mark=2), leases)

        assert receiver.receive(StopSignal(), wait=False) == []

    assert queues.stats(FIRST).depth == 1
