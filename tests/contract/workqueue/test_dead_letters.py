"""Dead letters: what is known of them, and the way back."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.contract.workqueue.line import FIRST, Line, a_message

from captiond.workqueue import Message
from captiond.workqueue.admin import DeadLetter
from captiond.workqueue.admin.dead_letters import PAGE
from captiond.workqueue.errors import QueueUnavailable
from captiond.workqueue.streams.settlement import MAX_TRACEBACK_CHARACTERS
from captiond.workqueue.worker import Reject


def broken(message: str = "it broke") -> Exception:
    """An error with a traceback."""
    with pytest.raises(RuntimeError) as caught:
        raise RuntimeError(message)
    return caught.value


def bury(line: Line, *messages: Message, error: Exception | None = None) -> list[DeadLetter]:
    line.send(*messages)
    consumer = line.join()
    consumer.settle([(delivery, Reject(error or broken())) for delivery in line.take(consumer, len(messages))])
    return list(line.broker.dead_letters(FIRST))


def test_a_dead_letter_keeps_its_message_and_says_what_happened(line: Line) -> None:
    message = a_message(b"\xff\xd8", description="🐈".encode())

    [letter] = bury(line, message)

    assert (letter.queue, letter.id, letter.deliveries, letter.omitted_bytes) == (FIRST, str(message.id), 1, 2)
    assert letter.error == "RuntimeError: it broke"
    assert letter.traceback.startswith("Traceback (most recent call last):")
    assert "in broken" in letter.traceback
    assert letter.fields["description"] == "🐈".encode()
    assert abs(datetime.now(UTC) - letter.rejected_at) < timedelta(minutes=1)
    assert line.broker.dead_letters(FIRST).omitted_fields(letter) == {"body": b"\xff\xd8"}


def test_a_header_as_large_as_a_body_is_not_shipped_with_the_letter(line: Line) -> None:
    large = b"x" * 100_000
    message = a_message(b"\xff\xd8", small=b"here", large=large)

    [letter] = bury(line, message)

    assert letter.fields["small"] == b"here"
    assert "large" not in letter.fields
    assert letter.omitted_bytes == 2 + len(large)
    assert line.broker.dead_letters(FIRST).redrive(letter, "queued")
    [delivery] = line.take(line.join(), 1)
    assert delivery.message() == message


def test_the_state_of_a_dead_message_names_its_letter(line: Line) -> None:
    message = a_message()

    [letter] = bury(line, message)

    job = line.broker.jobs.find(str(message.id))
    assert job is not None
    assert (job.state, job.error) == ("failed", "RuntimeError: it broke")
    assert job.dead == f"{line.keys.dead(FIRST)} {letter.entry}"


def test_the_state_of_a_dead_message_never_expires(line: Line) -> None:
    message = a_message()

    bury(line, message)

    assert line.client.ttl(line.keys.job(str(message.id))) == -1


def test_an_error_is_told_in_one_short_line(line: Line) -> None:
    [letter] = bury(line, a_message(), error=RuntimeError("two\nlines " + "x" * 10_000))

    assert letter.error.startswith("RuntimeError: two lines xxx")
    assert len(letter.error) == 500


def test_of_a_long_traceback_the_end_is_kept(line: Line) -> None:
    [letter] = bury(line, a_message(), error=RuntimeError("x" * 50_000 + "the end"))

    assert len(letter.traceback) == MAX_TRACEBACK_CHARACTERS
    assert letter.traceback.endswith("the end\n")


def test_a_retried_letter_is_delivered_as_if_for_the_first_time(line: Line) -> None:
    message = a_message(b"body", description=b"a cat")
    [letter] = bury(line, message)

    assert line.broker.dead_letters(FIRST).redrive(letter, "queued") is True

    consumer = line.join()
    [delivery] = line.take(consumer)
    assert (delivery.message(), delivery.deliveries) == (message, 1)
    assert consumer.fail(delivery, broken(), 0, max_failures=5) == 1
    job = line.broker.jobs.find(str(message.id))
    assert job is not None
    assert (job.state, job.dead) == ("queued", None)


def test_a_letter_is_retried_once_only(line: Line) -> None:
    [letter] = bury(line, a_message())
    letters = line.broker.dead_letters(FIRST)

    assert [letters.redrive(letter, "queued") for _ in range(3)] == [True, False, False]
    assert line.bodies(FIRST) == [b"body"]
    assert list(letters) == []


def test_a_letter_that_dies_again_is_one_letter(line: Line) -> None:
    [letter] = bury(line, a_message())
    line.broker.dead_letters(FIRST).redrive(letter, "queued")
    consumer = line.join()
    consumer.settle([(line.take(consumer)[0], Reject(broken("again")))])

    [letter] = line.broker.dead_letters(FIRST)

    assert letter.error == "RuntimeError: again"
    assert [name for name in letter.fields if name == "dead_error"] == ["dead_error"]


def test_a_dropped_letter_is_gone_and_its_id_is_free(line: Line) -> None:
    message = a_message()
    [letter] = bury(line, message)
    letters = line.broker.dead_letters(FIRST)

    assert [letters.delete(letter), letters.delete(letter), letters.redrive(letter, "queued")] == [True, False, False]
    assert letters.find(letter.entry) is None
    assert line.broker.jobs.find(str(message.id)) is None
    assert line.send(message, digest=b"another")[0].new is True


def test_a_letter_is_found_by_its_entry(line: Line) -> None:
    first, second = bury(line, a_message(b"1"), a_message(b"2"))
    letters = line.broker.dead_letters(FIRST)

    assert letters.find(second.entry) == second
    assert letters.find("1-1") is None
    assert {letters.omitted_fields(first)["body"], letters.omitted_fields(second)["body"]} == {b"1", b"2"}
    letters.delete(first)
    assert letters.omitted_fields(first) == {}


def test_letters_are_listed_from_the_oldest_on_page_by_page(line: Line) -> None:
    count = 3 * PAGE + 1

    letters = bury(line, *(a_message() for _ in range(count)))

    assert len(letters) == count
    assert letters == sorted(letters, key=lambda letter: tuple(map(int, letter.entry.split("-"))))


def test_no_letters_are_listed_where_nothing_died(line: Line) -> None:
    assert list(line.broker.dead_letters(FIRST)) == []


@pytest.mark.parametrize("way", ["retry", "drop"])
def test_what_never_was_a_message_can_be_retried_and_dropped_without_a_trace(line: Line, way: str) -> None:
    line.insert({b"\xff": b"\xfe"})
    consumer = line.join()
    consumer.settle([(line.take(consumer)[0], Reject(broken()))])
    letters = line.broker.dead_letters(FIRST)
    [letter] = letters
    assert (letter.id, letter.omitted_bytes, letter.fields["\ufffd"]) == ("", 0, b"\xfe")

    assert (letters.redrive(letter, "queued") if way == "retry" else letters.delete(letter)) is True

    assert line.client.exists(line.keys.job("")) == 0
    assert line.client.exists(line.keys.events) == 0
    assert len(line.entries(line.keys.stream(FIRST))) == (1 if way == "retry" else 0)


def test_a_server_that_is_away_is_unavailable(own_line: Line) -> None:
    [letter] = bury(own_line, a_message())
    letters = own_line.broker.dead_letters(FIRST)
    own_line.server.kill()

    for ask in (
        lambda: list(letters),
        lambda: letters.find(letter.entry),
        lambda: letters.omitted_fields(letter),
        lambda: letters.redrive(letter, "queued"),
        lambda: letters.delete(letter),
    ):
        with pytest.raises(QueueUnavailable):
            ask()
