"""Payloads: stored once beside the queue, deleted with their message."""

import time

import pytest
from redis.exceptions import NoPermissionError
from tests.contract.workqueue.queues import FIRST, SECOND, SOON_SECONDS, Queues, a_message, drain

from captiond.workqueue import Budget, Message
from captiond.workqueue.errors import IdConflict, QueueFull
from captiond.workqueue.worker import Acknowledge, Forward, Reject

ERROR = ValueError("broken for good")


def reject(queues: Queues, message: Message) -> None:
    queues.send(message)
    consumer = queues.consumer()
    consumer.settle([(delivery, Reject(ERROR)) for delivery in queues.receive(consumer)])


def test_payload_is_stored_once_and_deleted_on_acknowledge(queues: Queues) -> None:
    message = a_message(b"payload", note=b"first")
    queues.send(message)
    first, second = queues.consumer(), queues.consumer(SECOND)

    [delivery] = queues.receive(first)
    assert delivery.decode() == message
    first.settle([(delivery, Forward({"note": b"second"}, "forwarded"))])
    assert queues.payload_ids() == {str(message.id)}

    [delivery] = queues.receive(second)
    assert delivery.decode() == Message(message.id, {"note": b"second"}, b"payload")
    second.settle([(delivery, Acknowledge("done"))])
    assert queues.payload_ids() == set()


def test_stream_entry_does_not_contain_the_payload(queues: Queues) -> None:
    message = a_message(bytes(1_000_000))

    queues.send(message)

    [fields] = queues.entries(queues.keys.stream(FIRST))
    assert sum(len(name) + len(value) for name, value in fields.items()) < 100
    assert queues.counted_bytes() == {queues.keys.stream(FIRST): message.size_bytes} == queues.actual_bytes()


def test_repeat_does_not_change_the_payload(queues: Queues) -> None:
    message = a_message(b"first")
    queues.send(message)

    queues.send(Message(message.id, {}, b"again"))
    with pytest.raises(IdConflict):
        queues.send(Message(message.id, {}, b"other"), digest=b"another")

    assert queues.payloads(FIRST) == [b"first"]


def test_repeat_of_an_acknowledged_message_stores_no_payload(queues: Queues) -> None:
    message = a_message(b"payload")
    queues.send(message)
    consumer = queues.consumer()
    consumer.settle([(delivery, Acknowledge("done")) for delivery in queues.receive(consumer)])

    [receipt] = queues.send(message)

    assert (receipt.new, receipt.state) == (False, "done")
    assert queues.payload_ids() == set()


def test_refused_message_stores_no_payload(queues: Queues) -> None:
    kept = a_message()
    queues.send(kept)

    with pytest.raises(QueueFull):
        queues.send(a_message(), budget=Budget(max_messages=1))

    assert queues.payload_ids() == {str(kept.id)}


def test_redriven_dead_letter_keeps_its_payload(queues: Queues) -> None:
    message = a_message(b"payload")
    reject(queues, message)
    letters = queues.broker.dead_letters(FIRST)
    [letter] = letters
    assert queues.counted_bytes() == {queues.keys.dead_letters(FIRST): message.size_bytes} == queues.actual_bytes()

    assert letters.redrive(letter, "queued")

    assert queues.payloads(FIRST) == [b"payload"]
    assert queues.counted_bytes() == {queues.keys.stream(FIRST): message.size_bytes} == queues.actual_bytes()


def test_deleting_a_dead_letter_deletes_its_payload(queues: Queues) -> None:
    reject(queues, a_message())
    letters = queues.broker.dead_letters(FIRST)
    [letter] = letters

    assert letters.delete(letter)

    assert queues.payload_ids() == set()
    assert queues.counted_bytes() == {}


def test_message_without_payload_becomes_a_dead_letter(queues: Queues) -> None:
    damaged, whole = a_message(b"damaged"), a_message(b"whole")
    queues.send(damaged, whole)
    queues.client.delete(queues.keys.payload(str(damaged.id)))

    drain(queues)

    [letter] = queues.broker.dead_letters(FIRST)
    assert (letter.id, letter.error) == (
        str(damaged.id),
        f"MalformedMessage: payload key of message {damaged.id} is missing in Redis",
    )
    assert queues.payloads(SECOND) == [b"whole"]


def test_failed_payload_read_is_retried(own_queues: Queues) -> None:
    """The entries are delivered by then: without a retry they would wait for their lease to expire."""
    message = a_message(b"payload")
    own_queues.send(message)
    consumer = own_queues.consumer()
    own_queues.client.acl_setuser("default", enabled=True, nopass=True, commands=["-mget"])
    with pytest.raises(NoPermissionError):
        consumer.receive(1, SOON_SECONDS)
    own_queues.client.acl_setuser("default", enabled=True, nopass=True, commands=["+mget"])

    [delivery] = consumer.receive(1, SOON_SECONDS)

    assert (delivery.deliveries, delivery.decode()) == (1, message)


def test_payload_of_a_format_1_entry_gets_its_key_when_it_is_forwarded(queues: Queues) -> None:
    message_id = a_message().id
    entry = {b"v": b"1", b"id": str(message_id).encode(), b"note": b"first", b"body": b"payload"}
    queues.client.xadd(queues.keys.stream(FIRST), entry)  # type: ignore[arg-type] # its type is invariant
    first, second = queues.consumer(), queues.consumer(SECOND)

    [delivery] = queues.receive(first)
    assert delivery.decode() == Message(message_id, {"note": b"first"}, b"payload")
    first.settle([(delivery, Forward({"note": b"second"}, "forwarded"))])

    [delivery] = queues.receive(second)
    assert delivery.decode() == Message(message_id, {"note": b"second"}, b"payload")
    second.settle([(delivery, Acknowledge("done"))])
    assert queues.payload_ids() == set()


def test_late_result_of_a_format_1_entry_stores_no_payload(queues: Queues) -> None:
    """Nothing would delete the payload of a message that has already ended."""
    entry = {b"v": b"1", b"id": str(a_message().id).encode(), b"body": b"payload"}
    queues.client.xadd(queues.keys.stream(FIRST), entry)  # type: ignore[arg-type] # its type is invariant
    slow, fast, second = queues.consumer(), queues.consumer(), queues.consumer(SECOND)
    [late] = queues.receive(slow)
    time.sleep(0.01)  # until the lease of 1 ms has expired
    [delivery] = fast.claim(1, lease_seconds=0.001)
    fast.settle([(delivery, Forward({}, "forwarded"))])
    [forwarded] = queues.receive(second)

    assert slow.settle([(late, Forward({}, "forwarded"))]) == [0]
    assert forwarded.decode().payload == b"payload"
    second.settle([(forwarded, Acknowledge("done"))])
    assert slow.settle([(late, Forward({}, "forwarded"))]) == [0]

    assert queues.payload_ids() == set()
