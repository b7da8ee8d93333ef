"""Workers that are told to stop while they are at work: nothing counts against a message, and it goes on at once."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.contract.workqueue.line import FIRST, SECOND, Handling, Line, a_message, quick, running, until

from captiond.workqueue.worker import StopSignal, Worker

LONG_SECONDS = 3600.0
WAIT_SECONDS = 30.0


@contextmanager
def busy_worker(line: Line, *, grace_seconds: float) -> Iterator[subprocess.Popen[bytes]]:
    """A process with two messages in hand that it never gets done with."""
    line.send(a_message(b"1"), a_message(b"2"))
    command = [sys.executable, "-m", "tests.contract.workqueue.slow_worker", line.server.url, str(LONG_SECONDS)]
    with subprocess.Popen([*command, str(grace_seconds)]) as process:
        try:
            assert line.client.blpop(["began"], timeout=30) == (b"began", b"2")
            yield process
        finally:
            process.kill()


def assert_given_back(line: Line, process: subprocess.Popen[bytes]) -> None:
    assert process.wait(WAIT_SECONDS) == 0
    assert [delivery.deliveries for delivery in line.join().claim(10, None)] == [1, 1]
    assert line.broker.monitor.totals([FIRST, SECOND]).redelivered == 0


def test_what_is_not_done_within_the_grace_is_given_back_uncounted(line: Line) -> None:
    with busy_worker(line, grace_seconds=0.2) as process:
        process.send_signal(signal.SIGTERM)

        assert_given_back(line, process)


def test_a_second_signal_gives_everything_back_at_once(line: Line) -> None:
    with busy_worker(line, grace_seconds=LONG_SECONDS) as process:
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.send_signal(signal.SIGTERM)

        assert_given_back(line, process)


def test_asking_twice_is_asking_for_haste() -> None:
    stop = StopSignal()

    stop.request()
    asked_once = stop.is_set(), stop.immediate.is_set()
    stop.request()

    assert asked_once == (True, False)
    assert stop.immediate.is_set()


def test_what_is_in_reserve_at_a_stop_is_given_back(line: Line) -> None:
    line.send_many(6)
    handling = Handling(expected=4)
    options = quick(batch_size=2, parked_check_seconds=60)

    with running(Worker(line.join(), handling.pass_on, options, handling.health.append), handling.stop):
        pass

    given_back = line.join().claim(10, None)
    assert [len(batch) for batch in handling.batches] == [2, 2]
    assert [one.deliveries for one in given_back] == [1, 1]
    assert {one.id for one in given_back}.isdisjoint(str(message_id) for message_id in handling.seen)
    assert len(line.bodies(SECOND)) == 4


def test_nothing_comes_along_when_the_next_queue_is_about_to_be_full(line: Line) -> None:
    line.send_many(9)
    handling = Handling(expected=9)
    options = quick(batch_size=3, high_water=6, parked_check_seconds=60)

    with running(Worker(line.join(), handling.pass_on, options, handling.health.append), handling.stop):
        handling.wait_for(6)
        until(lambda: handling.health[-10:] == [None] * 10)
        assert (line.stats(FIRST).depth, line.stats(FIRST).in_flight, line.stats(SECOND).depth) == (3, 0, 6)
        taker = line.join(SECOND)
        taker.settle([(one, line.finished()) for one in line.take(taker, 6)])


def test_nothing_is_taken_while_the_next_queue_is_full(line: Line) -> None:
    line.send_many(5)
    handling = Handling(expected=5)
    worker = Worker(line.join(), handling.pass_on, quick(batch_size=1, high_water=2), handling.health.append)

    with running(worker, handling.stop):
        handling.wait_for(2)
        until(lambda: handling.health[-10:] == [None] * 10)
        assert (line.stats(FIRST).depth, line.stats(SECOND).depth) == (3, 2)
        taker = line.join(SECOND)
        taker.settle([(one, line.finished()) for one in line.take(taker, 2)])
        handling.wait_for(4)
        until(lambda: line.stats(SECOND).depth == 2)
        taker.settle([(one, line.finished()) for one in line.take(taker, 2)])

    assert sorted(message.payload for batch in handling.batches for message in batch) == [b"0", b"1", b"2", b"3", b"4"]
