"""The inventory: where each message is."""

import pytest
from tests.contract.workqueue.queues import FIRST, SECOND, Queues, a_message

from captiond.workqueue.admin import Location
from captiond.workqueue.admin.inventory import JOBS_PER_SCAN, PAGE
from captiond.workqueue.errors import QueueUnavailable
from captiond.workqueue.worker import Reject


def test_messages_are_located_in_queues_and_dead_letter_queues(queues: Queues) -> None:
    queued, forwarded, rejected, done = messages = [a_message(b"%d" % number) for number in range(4)]
    queues.send(*messages)
    consumer, downstream = queues.consumer(), queues.consumer(SECOND)
    _, *taken = queues.receive(consumer, 4)
    consumer.settle(
        [
            (taken[0], queues.forward(forwarded)),
            (taken[1], Reject(RuntimeError("it broke"))),
            (taken[2], queues.acknowledge()),
        ]
    )
    queues.receive(downstream)

    assert queues.broker.inventory.locate_all([FIRST, SECOND]) == {
        str(queued.id): Location("queued", ["queue first"]),
        str(forwarded.id): Location("forwarded", ["queue second"]),
        str(rejected.id): Location("failed", ["dead-letter queue of first"]),
        str(done.id): Location("done", []),
    }


def test_message_without_job_is_located(queues: Queues) -> None:
    message = a_message()
    queues.send(message)
    queues.client.delete(queues.keys.job(str(message.id)))

    assert queues.broker.inventory.locate_all([FIRST]) == {str(message.id): Location(None, ["queue first"])}


def test_entries_without_id_and_jobs_without_state_are_skipped(queues: Queues) -> None:
    queues.add_entry({b"no": b"message"})
    queues.client.hset(queues.keys.job("7"), "repeats", "1")

    assert queues.broker.inventory.locate_all([FIRST, SECOND]) == {}


def test_messages_over_several_pages_are_located(queues: Queues) -> None:
    messages = queues.send_many(2 * PAGE + 1)

    assert queues.broker.inventory.locate_all([FIRST]).keys() == {str(message.id) for message in messages}


def test_many_jobs_are_read_in_several_scans(queues: Queues) -> None:
    ids = {str(number) for number in range(2 * JOBS_PER_SCAN)}
    pipeline = queues.client.pipeline(transaction=False)
    for message_id in ids:
        pipeline.hset(queues.keys.job(message_id), "state", "done")
    pipeline.execute()

    assert queues.broker.inventory.locate_all([FIRST]).keys() == ids


def test_inventory_raises_queue_unavailable_during_an_outage(own_queues: Queues) -> None:
    own_queues.server.kill()

    with pytest.raises(QueueUnavailable):
        own_queues.broker.inventory.locate_all([FIRST])
