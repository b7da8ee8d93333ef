"""Putting messages on a queue: once for each id, within the budget."""

from uuid import uuid4

import pytest
from tests.contract.workqueue.line import FIRST, Line, a_message

from captiond.workqueue import Budget, Message, Receipt
from captiond.workqueue.errors import IdConflict, QueueFull, QueueUnavailable


def test_a_message_arrives_as_it_was_sent(line: Line) -> None:
    sent = a_message(b"\x00\xff\r\n", description="🐈 ünï\0".encode(), nothing=b"")

    line.send(sent)

    assert line.take(line.join())[0].message() == sent


def test_a_new_id_is_told_from_a_repeat_which_changes_nothing(line: Line) -> None:
    message = a_message()

    first = line.send(message, note=b"the first note")
    again = line.send(message, note=b"another note")

    assert first == [Receipt(new=True, state="queued", note=b"the first note")]
    assert again == [Receipt(new=False, state="queued", note=b"the first note")]
    assert line.bodies(FIRST) == [b"body"]


def test_a_repeat_is_known_in_whatever_state_the_message_is(line: Line) -> None:
    message = a_message()
    line.send(message)
    consumer = line.join()
    consumer.settle([(line.take(consumer)[0], line.passed_on(message))])

    again = line.send(message)

    assert again == [Receipt(new=False, state="passed", note=b"note")]
    assert line.bodies(FIRST) == []


def test_an_id_with_another_digest_is_a_conflict(line: Line) -> None:
    message = a_message()
    line.send(message)

    with pytest.raises(IdConflict, match=str(message.id)):
        line.send(Message(message.id, {}, b"another body"), digest=b"another digest")

    assert line.bodies(FIRST) == [b"body"]


def test_a_queue_takes_no_more_messages_than_its_budget(line: Line) -> None:
    budget = Budget(max_messages=2)
    line.send(a_message(), a_message(), budget=budget)

    with pytest.raises(QueueFull, match=FIRST):
        line.send(a_message(), budget=budget)

    assert line.stats().depth == 2


def test_a_queue_takes_no_more_bytes_than_its_budget(line: Line) -> None:
    fits_once = Budget(max_bytes=1500)
    line.send(a_message(bytes(1000)), budget=fits_once)

    with pytest.raises(QueueFull):
        line.send(a_message(bytes(1000)), budget=fits_once)

    assert line.stats().depth == 1


def test_a_repeat_is_known_when_the_queue_is_full_too(line: Line) -> None:
    message, budget = a_message(), Budget(max_messages=1)
    line.send(message, budget=budget)

    assert line.send(message, budget=budget)[0].new is False


def test_a_refused_message_leaves_no_trace(line: Line) -> None:
    message = a_message()

    with pytest.raises(QueueFull):
        line.send(message, budget=Budget(max_messages=0))

    assert line.broker.jobs.find(str(message.id)) is None
    assert line.client.dbsize() == 0


def test_a_finished_id_is_forgotten_after_the_time_it_was_to_be_kept(line: Line) -> None:
    message = a_message()
    line.send(message, keep_seconds=0)
    consumer = line.join()

    consumer.settle([(line.take(consumer)[0], line.finished())])

    assert line.broker.jobs.find(str(message.id)) is None
    assert line.send(message)[0].new is True


def test_an_id_is_kept_while_its_message_is_on_its_way(line: Line) -> None:
    message = a_message()

    line.send(message, keep_seconds=0)

    assert line.client.ttl(line.keys.job(str(message.id))) == -1


def test_a_server_that_forgot_the_scripts_is_sent_them_again(line: Line) -> None:
    line.send(a_message())
    line.client.script_flush()

    assert line.send(a_message())[0].new is True


def test_an_empty_body_and_a_body_of_megabytes_are_messages(line: Line) -> None:
    line.send(Message(uuid4(), {}, b""))
    line.send(Message(uuid4(), {}, bytes(8_000_000)))

    assert [len(body) for body in line.bodies(FIRST)] == [0, 8_000_000]


def test_a_server_that_is_away_is_unavailable(own_line: Line) -> None:
    own_line.server.kill()

    with pytest.raises(QueueUnavailable, match="Redis is not available"):
        own_line.send(a_message())


def test_what_was_taken_survives_the_servers_death(own_line: Line) -> None:
    own_line.send_many(100)

    own_line.server.restart()

    assert sorted(own_line.bodies(FIRST), key=int) == [b"%d" % number for number in range(100)]
