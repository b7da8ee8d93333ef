"""Shutdown of busy workers, and backpressure."""

import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from tests.contract.workqueue.queues import (
    FIRST,
    SECOND,
    SHORT_LEASE_SECONDS,
    Queues,
    RecordingHandler,
    a_message,
    fast_options,
    running,
    wait_until,
)

from captiond.workqueue import Message
from captiond.workqueue.worker import Outcome, Worker

LONG_SECONDS = 3600.0
WAIT_SECONDS = 30.0


@contextmanager
def busy_worker(queues: Queues, *, grace_seconds: float) -> Iterator[subprocess.Popen[bytes]]:
    """Start a worker process that receives two messages and never finishes them."""
    queues.send(a_message(b"1"), a_message(b"2"))
    command = [sys.executable, "-m", "tests.contract.workqueue.slow_worker", queues.server.url, str(LONG_SECONDS)]
    with subprocess.Popen([*command, str(grace_seconds)]) as process:
        try:
            assert queues.client.blpop(["began"], timeout=30) == (b"began", b"2")
            yield process
        finally:
            process.kill()


def assert_requeued(queues: Queues, process: subprocess.Popen[bytes]) -> None:
    assert process.wait(WAIT_SECONDS) == 0
    assert [delivery.deliveries for delivery in queues.consumer().claim(10, None)] == [1, 1]
    assert queues.broker.monitor.totals([FIRST, SECOND]).redelivered == 0


def test_shutdown_timeout_requeues_in_flight_messages(queues: Queues) -> None:
    with busy_worker(queues, grace_seconds=0.2) as process:
        process.send_signal(signal.SIGTERM)

        assert_requeued(queues, process)


def test_second_signal_requeues_in_flight_messages_at_once(queues: Queues) -> None:
    with busy_worker(queues, grace_seconds=LONG_SECONDS) as process:
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.send_signal(signal.SIGTERM)

        assert_requeued(queues, process)


def test_leases_are_renewed_until_the_last_batch_is_settled(queues: Queues) -> None:
    queues.send(a_message())
    handler, rival = RecordingHandler(expected=1), queues.consumer()
    never_set = threading.Event()

    def stop_then_take_long(messages: Sequence[Message]) -> list[Outcome]:
        outcomes = handler.forward(messages)
        assert handler.stop.is_set()
        for _ in range(10):
            assert not never_set.wait(SHORT_LEASE_SECONDS / 5)
            assert rival.claim(1, SHORT_LEASE_SECONDS) == []
        return outcomes

    options = fast_options(lease_seconds=SHORT_LEASE_SECONDS)
    Worker(queues.consumer(), stop_then_take_long, options, handler.heartbeats.append).run(handler.stop)

    assert queues.payloads(SECOND) == [b"payload"]


def test_prefetched_messages_are_requeued_at_shutdown(queues: Queues) -> None:
    queues.send_many(6)
    handler = RecordingHandler(expected=4)
    options = fast_options(batch_size=2, delayed_check_seconds=60)

    with running(Worker(queues.consumer(), handler.forward, options, handler.heartbeats.append), handler.stop):
        pass

    requeued = queues.consumer().claim(10, None)
    assert [len(batch) for batch in handler.batches] == [2, 2]
    assert [one.deliveries for one in requeued] == [1, 1]
    assert {one.id for one in requeued}.isdisjoint(str(message_id) for message_id in handler.seen)
    assert len(queues.payloads(SECOND)) == 4


def test_worker_does_not_prefetch_near_the_high_water_mark(queues: Queues) -> None:
    queues.send_many(9)
    handler = RecordingHandler(expected=9)
    options = fast_options(batch_size=3, high_water_mark=6, delayed_check_seconds=60)

    with running(Worker(queues.consumer(), handler.forward, options, handler.heartbeats.append), handler.stop):
        handler.wait_for(6)
        wait_until(lambda: handler.heartbeats[-10:] == [None] * 10)
        assert (queues.stats(FIRST).depth, queues.stats(FIRST).in_flight, queues.stats(SECOND).depth) == (3, 0, 6)
        downstream = queues.consumer(SECOND)
        downstream.settle([(one, queues.acknowledge()) for one in queues.receive(downstream, 6)])


def test_worker_receives_nothing_at_the_high_water_mark(queues: Queues, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    queues.send_many(5)
    handler = RecordingHandler(expected=5)
    worker = Worker(
        queues.consumer(), handler.forward, fast_options(batch_size=1, high_water_mark=2), handler.heartbeats.append
    )

    with running(worker, handler.stop):
        handler.wait_for(2)
        wait_until(lambda: handler.heartbeats[-10:] == [None] * 10)
        assert (queues.stats(FIRST).depth, queues.stats(SECOND).depth) == (3, 2)
        downstream = queues.consumer(SECOND)
        downstream.settle([(one, queues.acknowledge()) for one in queues.receive(downstream, 2)])
        handler.wait_for(4)
        wait_until(lambda: queues.stats(SECOND).depth == 2)
        downstream.settle([(one, queues.acknowledge()) for one in queues.receive(downstream, 2)])

    assert sorted(message.payload for batch in handler.batches for message in batch) == [b"0", b"1", b"2", b"3", b"4"]
    logged = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert logged[:2] == [
        ("WARNING", "paused by backpressure queue=second depth=2 high_water_mark=2"),
        ("INFO", "resumed after backpressure queue=second depth=0 high_water_mark=2"),
    ]
