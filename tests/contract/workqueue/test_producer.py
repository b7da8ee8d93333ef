"""The producer: each id once, within the budget."""

from uuid import uuid4

import pytest
from tests.contract.workqueue.queues import FIRST, Queues, a_message

from captiond.workqueue import Budget, Message, Receipt
from captiond.workqueue.errors import IdConflict, QueueFull, QueueUnavailable
from captiond.workqueue.worker import Reject


def test_message_is_delivered_unchanged(queues: Queues) -> None:
    sent = a_message(b"\x00\xff\r\n", description="🐈 ünï\0".encode(), nothing=b"")

    queues.send(sent)

    assert queues.receive(queues.consumer())[0].decode() == sent


def test_repeat_returns_the_first_receipt(queues: Queues) -> None:
    message = a_message()

    first = queues.send(message, note=b"the first note")
    again = queues.send(message, note=b"another note")

    assert first == [Receipt(new=True, state="queued", note=b"the first note")]
    assert again == [Receipt(new=False, state="queued", note=b"the first note")]
    assert queues.payloads(FIRST) == [b"payload"]


def test_repeat_of_a_forwarded_message_returns_its_state(queues: Queues) -> None:
    message = a_message()
    queues.send(message)
    consumer = queues.consumer()
    consumer.settle([(queues.receive(consumer)[0], queues.forward(message))])

    again = queues.send(message)

    assert again == [Receipt(new=False, state="forwarded", note=b"note")]
    assert queues.payloads(FIRST) == []


def test_same_id_with_another_digest_raises_id_conflict(queues: Queues) -> None:
    message = a_message()
    queues.send(message)

    with pytest.raises(IdConflict, match=str(message.id)):
        queues.send(Message(message.id, {}, b"another payload"), digest=b"another digest")

    assert queues.payloads(FIRST) == [b"payload"]


def test_message_budget_raises_queue_full(queues: Queues) -> None:
    budget = Budget(max_messages=2)
    queues.send(a_message(), a_message(), budget=budget)

    with pytest.raises(QueueFull, match=FIRST):
        queues.send(a_message(), budget=budget)

    assert queues.stats().depth == 2


def test_byte_budget_raises_queue_full(queues: Queues) -> None:
    fits_once = Budget(max_bytes=1500)
    queues.send(a_message(bytes(1000)), budget=fits_once)

    with pytest.raises(QueueFull):
        queues.send(a_message(bytes(1000)), budget=fits_once)

    assert queues.stats().depth == 1


def test_dead_letters_take_queue_bytes_only_beyond_their_budget(queues: Queues) -> None:
    queues.send(*(a_message(bytes(1000)) for _ in range(3)))
    consumer = queues.consumer()
    consumer.settle([(delivery, Reject(ValueError())) for delivery in queues.receive(consumer, 3)])
    dead_bytes = queues.broker.monitor.totals([FIRST]).dead_letter_bytes
    assert dead_bytes > 3000

    queues.send(a_message(bytes(1000)), budget=Budget(max_bytes=1500, max_dead_letter_bytes=dead_bytes))
    with pytest.raises(QueueFull):
        queues.send(a_message(bytes(1000)), budget=Budget(max_bytes=3000, max_dead_letter_bytes=dead_bytes - 1500))


def test_repeat_is_answered_by_a_full_queue(queues: Queues) -> None:
    message, budget = a_message(), Budget(max_messages=1)
    queues.send(message, budget=budget)

    assert queues.send(message, budget=budget)[0].new is False


def test_refused_message_leaves_no_keys(queues: Queues) -> None:
    message = a_message()

    with pytest.raises(QueueFull):
        queues.send(message, budget=Budget(max_messages=0))

    assert queues.broker.jobs.find(str(message.id)) is None
    assert queues.client.dbsize() == 0


def test_acknowledged_id_expires_after_keep_seconds(queues: Queues) -> None:
    message = a_message()
    queues.send(message, keep_seconds=0)
    consumer = queues.consumer()

    consumer.settle([(queues.receive(consumer)[0], queues.acknowledge())])

    assert queues.broker.jobs.find(str(message.id)) is None
    assert queues.send(message)[0].new is True


def test_id_of_a_queued_message_does_not_expire(queues: Queues) -> None:
    message = a_message()

    queues.send(message, keep_seconds=0)

    assert queues.client.ttl(queues.keys.job(str(message.id))) == -1


def test_put_works_after_script_flush(queues: Queues) -> None:
    queues.send(a_message())
    queues.client.script_flush()

    assert queues.send(a_message())[0].new is True


def test_empty_and_large_payloads_are_accepted(queues: Queues) -> None:
    queues.send(Message(uuid4(), {}, b""))
    queues.send(Message(uuid4(), {}, bytes(8_000_000)))

    assert [len(payload) for payload in queues.payloads(FIRST)] == [0, 8_000_000]


def test_put_raises_queue_unavailable_during_an_outage(own_queues: Queues) -> None:
    own_queues.server.kill()

    with pytest.raises(QueueUnavailable, match="Redis is unavailable"):
        own_queues.send(a_message())


def test_accepted_messages_survive_a_server_kill(own_queues: Queues) -> None:
    own_queues.send_many(100)

    own_queues.server.restart()

    assert sorted(own_queues.payloads(FIRST), key=int) == [b"%d" % number for number in range(100)]
