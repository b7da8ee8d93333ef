"""A server without memory to spare: it takes nothing more, and can be drained."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.contract.workqueue.line import FIRST, SECOND, Handling, Line, a_message, quick

from captiond.workqueue import Route
from captiond.workqueue.errors import QueueUnavailable
from captiond.workqueue.worker import Reject, Worker

ERROR = RuntimeError("it broke")


@contextmanager
def out_of_memory(line: Line) -> Iterator[None]:
    line.client.config_set("maxmemory", 1)
    yield
    line.client.config_set("maxmemory", 0)


def test_a_full_server_refuses_a_message_and_keeps_nothing_of_it(line: Line) -> None:
    line.send(a_message())
    refused = a_message()

    with out_of_memory(line), pytest.raises(QueueUnavailable, match="maxmemory"):
        line.send(refused)

    assert line.stats().depth == 1
    assert line.held_bytes() == line.stored_bytes()
    assert line.broker.jobs.find(str(refused.id)) is None
    assert line.send(refused)[0].new is True


def test_a_full_server_is_drained_by_settling(line: Line) -> None:
    messages = [a_message() for _ in range(4)]
    line.send(*messages)
    consumer = line.join()
    one, two, three, four = line.take(consumer, 4)

    with out_of_memory(line):
        settled = consumer.settle([(one, line.passed_on(messages[0])), (two, line.finished()), (three, Reject(ERROR))])
        assert consumer.fail(four, ERROR, 0, max_failures=5) == 1
        [again] = consumer.claim(1, 30)
        assert consumer.renew([again.entry]) == {again.entry}
        consumer.release([again])

    assert settled == [True, True, True]
    assert (len(line.bodies(SECOND)), line.stats().dead_letters, line.stats().delayed) == (1, 1, 1)
    assert line.held_bytes() == line.stored_bytes()


@pytest.mark.parametrize("there", [True, False], ids=["another was there before", "it is the very first"])
def test_a_worker_that_starts_on_a_full_server_drains_it(line: Line, *, there: bool) -> None:
    line.send(*(a_message() for _ in range(5)))
    if there:
        line.join()
    handling = Handling(expected=5)

    with out_of_memory(line):
        consumer = line.broker.consumer("test", Route(FIRST, SECOND))
        Worker(consumer, handling.pass_on, quick(), handling.health.append).run(handling.stop)

    assert len(line.bodies(SECOND)) == 5
    assert line.stats().in_flight == line.stats().depth == 0
    assert not any(handling.health)


def test_a_letter_that_finds_no_room_stays_a_dead_letter(line: Line) -> None:
    line.send(a_message(), a_message())
    consumer = line.join()
    consumer.settle([(delivery, Reject(ERROR)) for delivery in line.take(consumer, 2)])
    letters = line.broker.dead_letters(FIRST)
    first, second = letters

    with out_of_memory(line):
        with pytest.raises(QueueUnavailable, match="maxmemory"):
            letters.redrive(first, "queued")
        assert letters.delete(second) is True

    assert list(letters) == [first]
    assert letters.redrive(first, "queued") is True
    assert line.held_bytes() == line.stored_bytes()
