"""Bodies: put once beside the queue, there until nobody needs them, and gone then."""

import pytest
from redis.exceptions import NoPermissionError
from tests.contract.workqueue.line import FIRST, SECOND, SOON_SECONDS, Line, a_message, work_off

from captiond.workqueue import Budget, Message
from captiond.workqueue.errors import IdConflict, QueueFull
from captiond.workqueue.worker import Acknowledge, Forward, Reject

ERROR = ValueError("broken for good")


def buried(line: Line, message: Message) -> None:
    line.send(message)
    consumer = line.join()
    consumer.settle([(delivery, Reject(ERROR)) for delivery in line.take(consumer)])


def test_a_body_is_put_once_and_goes_when_its_message_is_finished(line: Line) -> None:
    message = a_message(b"body", note=b"first")
    line.send(message)
    first, second = line.join(), line.join(SECOND)

    [delivery] = line.take(first)
    assert delivery.message() == message
    first.settle([(delivery, Forward({"note": b"second"}, "passed"))])
    assert line.all_bodies() == {str(message.id)}

    [delivery] = line.take(second)
    assert delivery.message() == Message(message.id, {"note": b"second"}, b"body")
    second.settle([(delivery, Acknowledge("done"))])
    assert line.all_bodies() == set()


def test_the_entries_of_a_queue_are_small_whatever_their_bodies_are(line: Line) -> None:
    message = a_message(bytes(1_000_000))

    line.send(message)

    [fields] = line.entries(line.keys.stream(FIRST))
    assert sum(len(name) + len(value) for name, value in fields.items()) < 100
    assert line.held_bytes() == {line.keys.stream(FIRST): message.size_bytes} == line.stored_bytes()


def test_a_repeat_changes_no_body(line: Line) -> None:
    message = a_message(b"first")
    line.send(message)

    line.send(Message(message.id, {}, b"again"))
    with pytest.raises(IdConflict):
        line.send(Message(message.id, {}, b"other"), digest=b"another")

    assert line.bodies(FIRST) == [b"first"]


def test_a_repeat_of_a_finished_message_leaves_no_body(line: Line) -> None:
    message = a_message(b"body")
    line.send(message)
    consumer = line.join()
    consumer.settle([(delivery, Acknowledge("done")) for delivery in line.take(consumer)])

    [receipt] = line.send(message)

    assert (receipt.new, receipt.state) == (False, "done")
    assert line.all_bodies() == set()


def test_what_a_full_queue_refuses_leaves_no_body(line: Line) -> None:
    kept = a_message()
    line.send(kept)

    with pytest.raises(QueueFull):
        line.send(a_message(), budget=Budget(max_messages=1))

    assert line.all_bodies() == {str(kept.id)}


def test_a_dead_letter_keeps_its_body_on_its_way_back(line: Line) -> None:
    message = a_message(b"body")
    buried(line, message)
    letters = line.broker.dead_letters(FIRST)
    [letter] = letters
    assert line.held_bytes() == {line.keys.dead(FIRST): message.size_bytes} == line.stored_bytes()

    assert letters.redrive(letter, "queued")

    assert line.bodies(FIRST) == [b"body"]
    assert line.held_bytes() == {line.keys.stream(FIRST): message.size_bytes} == line.stored_bytes()


def test_a_dropped_dead_letter_takes_its_body_along(line: Line) -> None:
    buried(line, a_message())
    letters = line.broker.dead_letters(FIRST)
    [letter] = letters

    assert letters.delete(letter)

    assert line.all_bodies() == set()
    assert line.held_bytes() == {}


def test_a_message_whose_body_is_gone_is_buried_and_stops_nobody(line: Line) -> None:
    robbed, whole = a_message(b"robbed"), a_message(b"whole")
    line.send(robbed, whole)
    line.client.delete(line.keys.payload(str(robbed.id)))

    work_off(line)

    [letter] = line.broker.dead_letters(FIRST)
    assert (letter.id, letter.error) == (str(robbed.id), "MalformedMessage: the message's body is gone")
    assert line.bodies(SECOND) == [b"whole"]


def test_bodies_that_cannot_be_had_are_asked_for_again(own_line: Line) -> None:
    """Their entries are in hand by then: dropped, they would have to wait for their lease."""
    message = a_message(b"body")
    own_line.send(message)
    consumer = own_line.join()
    own_line.client.acl_setuser("default", enabled=True, nopass=True, commands=["-mget"])
    with pytest.raises(NoPermissionError):
        consumer.receive(1, SOON_SECONDS)
    own_line.client.acl_setuser("default", enabled=True, nopass=True, commands=["+mget"])

    [delivery] = consumer.receive(1, SOON_SECONDS)

    assert (delivery.deliveries, delivery.message()) == (1, message)
