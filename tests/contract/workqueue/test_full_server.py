"""A server at maxmemory: it refuses new messages and can be drained."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.contract.workqueue.queues import FIRST, SECOND, Queues, RecordingHandler, a_message, fast_options

from captiond.workqueue import Route
from captiond.workqueue.errors import QueueUnavailable
from captiond.workqueue.worker import Reject, Worker

ERROR = RuntimeError("it broke")


@contextmanager
def out_of_memory(queues: Queues) -> Iterator[None]:
    queues.client.config_set("maxmemory", 1)
    yield
    queues.client.config_set("maxmemory", 0)


def test_full_server_refuses_a_message_without_side_effects(queues: Queues) -> None:
    queues.send(a_message())
    refused = a_message()

    with out_of_memory(queues), pytest.raises(QueueUnavailable, match="maxmemory"):
        queues.send(refused)

    assert queues.stats().depth == 1
    assert queues.counted_bytes() == queues.actual_bytes()
    assert queues.broker.jobs.find(str(refused.id)) is None
    assert queues.send(refused)[0].new is True


def test_full_server_accepts_settlements(queues: Queues) -> None:
    messages = [a_message() for _ in range(4)]
    queues.send(*messages)
    consumer = queues.consumer()
    one, two, three, four = queues.receive(consumer, 4)

    with out_of_memory(queues):
        settled = consumer.settle(
            [(one, queues.forward(messages[0])), (two, queues.acknowledge()), (three, Reject(ERROR))]
        )
        assert consumer.record_failure(four, ERROR, [0] * 4) == 1
        [again] = consumer.claim(1, 30)
        assert consumer.renew([again.entry]) == {again.entry}
        consumer.requeue([again])

    assert all(settled)
    assert (len(queues.payloads(SECOND)), queues.stats().dead_letters, queues.stats().delayed) == (1, 1, 1)
    assert queues.counted_bytes() == queues.actual_bytes()


@pytest.mark.parametrize("group_exists", [True, False])
def test_worker_that_starts_on_a_full_server_drains_it(queues: Queues, *, group_exists: bool) -> None:
    queues.send(*(a_message() for _ in range(5)))
    if group_exists:
        queues.consumer()
    handler = RecordingHandler(expected=5)

    with out_of_memory(queues):
        consumer = queues.broker.consumer("test", Route(FIRST, SECOND))
        Worker(consumer, handler.forward, fast_options(), handler.heartbeats.append).run(handler.stop)

    assert len(queues.payloads(SECOND)) == 5
    assert queues.stats().in_flight == queues.stats().depth == 0
    assert not any(handler.heartbeats)


def test_redrive_on_a_full_server_keeps_the_dead_letter(queues: Queues) -> None:
    queues.send(a_message(), a_message())
    consumer = queues.consumer()
    consumer.settle([(delivery, Reject(ERROR)) for delivery in queues.receive(consumer, 2)])
    letters = queues.broker.dead_letters(FIRST)
    first, second = letters

    with out_of_memory(queues):
        with pytest.raises(QueueUnavailable, match="maxmemory"):
            letters.redrive(first, "queued")
        assert letters.delete(second) is True

    assert list(letters) == [first]
    assert letters.redrive(first, "queued") is True
    assert queues.counted_bytes() == queues.actual_bytes()
