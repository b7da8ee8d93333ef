"""The invariants of the queue under any order of events."""

from tests.contract.workqueue.queues import FIRST, Queues, a_message
from tests.contract.workqueue.state_machine import run_state_machine
from tests.servers.queues import RedisServer

from captiond.workqueue.worker import Reject


def test_any_order_of_events_keeps_the_invariants(redis_server: RedisServer) -> None:
    run_state_machine(redis_server, examples=20, steps=25)


def test_empty_queue_counts_no_bytes_after_manual_changes(queues: Queues) -> None:
    queues.send(a_message())
    queues.add_entry({b"no": b"message"})
    consumer = queues.consumer()
    deleted, added = queues.receive(consumer, 2)
    queues.client.xdel(queues.keys.stream(FIRST), deleted.entry)
    consumer.settle([(added, Reject(RuntimeError("it broke")))])
    assert queues.counted_bytes()[queues.keys.stream(FIRST)] != 0

    consumer.claim(1, 30)

    assert queues.keys.stream(FIRST) not in queues.counted_bytes()
    assert queues.owner(deleted) != ""
