"""Dead letters: content, redrive and deletion."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.contract.workqueue.queues import FIRST, SECOND, Queues, a_message

from captiond.workqueue import Message
from captiond.workqueue.admin import DeadLetter
from captiond.workqueue.admin.dead_letters import PAGE
from captiond.workqueue.errors import QueueUnavailable
from captiond.workqueue.streams.settlement import MAX_TRACEBACK_CHARACTERS
from captiond.workqueue.worker import Reject


def broken(message: str = "it broke") -> Exception:
    """Return an error with a traceback."""
    with pytest.raises(RuntimeError) as caught:
        raise RuntimeError(message)
    return caught.value


def reject(queues: Queues, *messages: Message, error: Exception | None = None) -> list[DeadLetter]:
    queues.send(*messages)
    consumer = queues.consumer()
    consumer.settle([(delivery, Reject(error or broken())) for delivery in queues.receive(consumer, len(messages))])
    return list(queues.broker.dead_letters(FIRST))


def test_dead_letter_has_message_error_and_traceback(queues: Queues) -> None:
    message = a_message(b"\xff\xd8", description="🐈".encode())

    [letter] = reject(queues, message)

    assert (letter.queue, letter.id, letter.deliveries, letter.omitted_bytes) == (FIRST, str(message.id), 1, 2)
    assert letter.error == "RuntimeError: it broke"
    assert letter.traceback.startswith("Traceback (most recent call last):")
    assert "in broken" in letter.traceback
    assert letter.fields["description"] == "🐈".encode()
    assert abs(datetime.now(UTC) - letter.rejected_at) < timedelta(minutes=1)
    assert queues.broker.dead_letters(FIRST).omitted_fields(letter) == {"body": b"\xff\xd8"}


def test_large_header_is_omitted_from_the_dead_letter(queues: Queues) -> None:
    large = b"x" * 100_000
    message = a_message(b"\xff\xd8", small=b"here", large=large)

    [letter] = reject(queues, message)

    assert letter.fields["small"] == b"here"
    assert "large" not in letter.fields
    assert letter.omitted_bytes == 2 + len(large)
    assert queues.broker.dead_letters(FIRST).redrive(letter, "queued")
    [delivery] = queues.receive(queues.consumer(), 1)
    assert delivery.decode() == message


def test_offloaded_payload_leaves_the_budget_and_returns_with_the_redrive(queues: Queues) -> None:
    message = a_message(b"x" * 1000)
    [letter] = reject(queues, message)
    letters = queues.broker.dead_letters(FIRST)
    assert letters.payload(letter) == message.payload
    before = queues.broker.monitor.totals([FIRST]).dead_letter_bytes

    assert letters.drop_payload(letter)
    assert not letters.drop_payload(letter)

    assert queues.broker.monitor.totals([FIRST]).dead_letter_bytes == before - 1000
    [offloaded] = letters
    assert (offloaded.offloaded_bytes, offloaded.omitted_bytes) == (1000, 1000)
    assert letters.payload(offloaded) is None
    assert letters.redrive(offloaded, "queued", message.payload)
    totals = queues.broker.monitor.totals([FIRST])
    assert (totals.dead_letter_bytes, totals.queued_bytes) == (0, message.size_bytes)
    [delivery] = queues.receive(queues.consumer(), 1)
    assert delivery.decode() == message


def test_payload_of_a_redriven_dead_letter_is_not_offloaded(queues: Queues) -> None:
    [letter] = reject(queues, a_message())
    letters = queues.broker.dead_letters(FIRST)
    letters.redrive(letter, "queued")

    assert not letters.drop_payload(letter)

    assert letters.payload(letter) == b"payload"


def test_deleted_offloaded_dead_letter_takes_no_bytes(queues: Queues) -> None:
    [letter] = reject(queues, a_message())
    letters = queues.broker.dead_letters(FIRST)
    letters.drop_payload(letter)

    assert letters.delete(letter)

    assert queues.broker.monitor.totals([FIRST]).dead_letter_bytes == 0


def test_job_refers_to_its_dead_letter(queues: Queues) -> None:
    message = a_message()

    [letter] = reject(queues, message)

    job = queues.broker.jobs.find(str(message.id))
    assert job is not None
    assert (job.state, job.error) == ("failed", "RuntimeError: it broke")
    dead_letter = queues.client.hget(queues.keys.job(str(message.id)), "dead")
    assert dead_letter == f"{queues.keys.dead_letters(FIRST)} {letter.entry}".encode()


def test_job_of_a_dead_letter_does_not_expire(queues: Queues) -> None:
    message = a_message()

    reject(queues, message)

    assert queues.client.ttl(queues.keys.job(str(message.id))) == -1


def test_error_is_one_line_of_500_characters(queues: Queues) -> None:
    [letter] = reject(queues, a_message(), error=RuntimeError("two\nlines " + "x" * 10_000))

    assert letter.error.startswith("RuntimeError: two lines xxx")
    assert len(letter.error) == 500


def test_long_traceback_keeps_its_end(queues: Queues) -> None:
    [letter] = reject(queues, a_message(), error=RuntimeError("x" * 50_000 + "the end"))

    assert len(letter.traceback) == MAX_TRACEBACK_CHARACTERS
    assert letter.traceback.endswith("the end\n")


def test_redriven_message_has_fresh_counters(queues: Queues) -> None:
    message = a_message(b"payload", description=b"a cat")
    [letter] = reject(queues, message)

    assert queues.broker.dead_letters(FIRST).redrive(letter, "queued") is True

    consumer = queues.consumer()
    [delivery] = queues.receive(consumer)
    assert (delivery.decode(), delivery.deliveries) == (message, 1)
    assert consumer.record_failure(delivery, broken(), [0] * 4) == 1
    job = queues.broker.jobs.find(str(message.id))
    assert job is not None
    assert job.state == "queued"
    assert not queues.client.hexists(queues.keys.job(str(message.id)), "dead")


def test_dead_letter_is_redriven_once(queues: Queues) -> None:
    [letter] = reject(queues, a_message())
    letters = queues.broker.dead_letters(FIRST)

    assert [letters.redrive(letter, "queued") for _ in range(3)] == [True, False, False]
    assert queues.payloads(FIRST) == [b"payload"]
    assert list(letters) == []


def test_redriven_message_rejected_again_is_one_dead_letter(queues: Queues) -> None:
    [letter] = reject(queues, a_message())
    queues.broker.dead_letters(FIRST).redrive(letter, "queued")
    consumer = queues.consumer()
    consumer.settle([(queues.receive(consumer)[0], Reject(broken("again")))])

    [letter] = queues.broker.dead_letters(FIRST)

    assert letter.error == "RuntimeError: again"
    assert [name for name in letter.fields if name == "dead_error"] == ["dead_error"]


def test_deleted_dead_letter_frees_its_id(queues: Queues) -> None:
    message = a_message()
    [letter] = reject(queues, message)
    letters = queues.broker.dead_letters(FIRST)

    assert [letters.delete(letter), letters.delete(letter), letters.redrive(letter, "queued")] == [True, False, False]
    assert letters.find(letter.entry) is None
    assert queues.broker.jobs.find(str(message.id)) is None
    assert queues.send(message, digest=b"another")[0].new is True


def test_dead_letter_is_found_by_entry(queues: Queues) -> None:
    first, second = reject(queues, a_message(b"1"), a_message(b"2"))
    letters = queues.broker.dead_letters(FIRST)

    assert letters.find(second.entry) == second
    assert letters.find("1-1") is None
    assert {letters.omitted_fields(first)["body"], letters.omitted_fields(second)["body"]} == {b"1", b"2"}
    letters.delete(first)
    assert letters.omitted_fields(first) == {}


def test_dead_letter_is_found_by_id_without_a_scan(queues: Queues) -> None:
    messages = [a_message(b"%d" % number) for number in range(3 * PAGE)]
    rejected = {letter.id: letter for letter in reject(queues, *messages)}
    letters = queues.broker.dead_letters(FIRST)
    queues.client.config_resetstat()

    found = letters.find_by_id(str(messages[-1].id))

    assert found == rejected[str(messages[-1].id)]
    assert queues.client.info("commandstats")["cmdstat_xrange"]["calls"] == 1
    assert queues.broker.dead_letters(SECOND).find_by_id(str(messages[-1].id)) is None
    assert letters.find_by_id("unknown") is None
    assert letters.redrive(found, "queued")
    assert letters.find_by_id(found.id) is None


def test_dead_letters_are_listed_oldest_first_over_several_pages(queues: Queues) -> None:
    count = 3 * PAGE + 1

    letters = reject(queues, *(a_message() for _ in range(count)))

    assert len(letters) == count
    assert letters == sorted(letters, key=lambda letter: tuple(map(int, letter.entry.split("-"))))


def test_empty_dead_letter_queue_lists_nothing(queues: Queues) -> None:
    assert list(queues.broker.dead_letters(FIRST)) == []


@pytest.mark.parametrize("operation", ["redrive", "delete"])
def test_malformed_dead_letter_can_be_redriven_and_deleted(queues: Queues, operation: str) -> None:
    queues.add_entry({b"\xff": b"\xfe"})
    consumer = queues.consumer()
    consumer.settle([(queues.receive(consumer)[0], Reject(broken()))])
    letters = queues.broker.dead_letters(FIRST)
    [letter] = letters
    assert (letter.id, letter.omitted_bytes, letter.fields["\ufffd"]) == ("", 0, b"\xfe")

    assert (letters.redrive(letter, "queued") if operation == "redrive" else letters.delete(letter)) is True

    assert queues.client.exists(queues.keys.job("")) == 0
    assert queues.client.exists(queues.keys.events) == 0
    assert len(queues.entries(queues.keys.stream(FIRST))) == (1 if operation == "redrive" else 0)


def test_dead_letters_raise_queue_unavailable_during_an_outage(own_queues: Queues) -> None:
    [letter] = reject(own_queues, a_message())
    letters = own_queues.broker.dead_letters(FIRST)
    own_queues.server.kill()

    for call in (
        lambda: list(letters),
        lambda: letters.find(letter.entry),
        lambda: letters.find_by_id(letter.id),
        lambda: letters.omitted_fields(letter),
        lambda: letters.redrive(letter, "queued"),
        lambda: letters.delete(letter),
    ):
        with pytest.raises(QueueUnavailable):
            call()


def test_newest_dead_letters_come_first_and_continue_before_an_entry(queues: Queues) -> None:
    letters = reject(queues, *(a_message(b"%d" % number) for number in range(2 * PAGE + 3)))
    found = queues.broker.dead_letters(FIRST)

    assert list(found.newest(None, 1000)) == letters[::-1]
    assert list(found.newest(None, PAGE + 1)) == letters[::-1][: PAGE + 1]
    assert list(found.newest(letters[2].entry, 1000)) == letters[1::-1]
    assert list(found.newest(letters[0].entry, 1)) == list(found.newest("0-0", 1)) == list(found.newest(None, 0)) == []
    assert found.count() == len(letters)
