"""Pipelining: under load a batch is settled while the next, prefetched one is handled."""

import threading
from collections.abc import Sequence

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from tests.contract.workqueue.queues import (
    FIRST,
    SECOND,
    SHORT_LEASE_SECONDS,
    Queues,
    RecordingHandler,
    fast_options,
    running,
)

from captiond.workqueue import Message
from captiond.workqueue.message import Delivery
from captiond.workqueue.streams.consumer import Consumer
from captiond.workqueue.worker import DependencyUnavailable, Outcome, Worker, receiver

WAIT_SECONDS = 20.0


class ControlledSettlement:
    """Makes the settlements of a consumer wait and fail, and records their sizes."""

    def __init__(self, consumer: Consumer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go_on = threading.Event()
        self.failures = 0
        self.sizes: list[int] = []
        self._settle = consumer.settle
        monkeypatch.setattr(consumer, "settle", self.settle)

    def settle(self, outcomes: Sequence[tuple[Delivery, Outcome]]) -> list[int | bytes]:
        assert self.go_on.wait(WAIT_SECONDS)
        if self.failures:
            self.failures -= 1
            raise RedisConnectionError("cut")
        self.sizes.append(len(outcomes))
        return self._settle(outcomes)


def test_batch_is_settled_while_the_next_is_handled(queues: Queues, monkeypatch: pytest.MonkeyPatch) -> None:
    queues.send_many(6)
    consumer = queues.consumer()
    settlement = ControlledSettlement(consumer, monkeypatch)
    handler = RecordingHandler(expected=6)

    def handle(messages: Sequence[Message]) -> list[Outcome]:
        if len(handler.batches) == 1:
            assert queues.payloads(SECOND) == []
            settlement.go_on.set()  # the first batch is settled only now
        return handler.forward(messages)

    options = fast_options(batch_size=2, delayed_check_seconds=60)
    with running(Worker(consumer, handle, options, handler.heartbeats.append), handler.stop):
        pass

    assert [len(batch) for batch in handler.batches] == settlement.sizes == [2, 2, 2]
    assert len(queues.payloads(SECOND)) == 6
    assert queues.stats().in_flight == 0


def test_idle_worker_does_not_prefetch(queues: Queues, monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = queues.consumer()
    settlement = ControlledSettlement(consumer, monkeypatch)
    settlement.go_on.set()
    handler = RecordingHandler(expected=3)

    with running(
        Worker(consumer, handler.forward, fast_options(batch_size=2), handler.heartbeats.append), handler.stop
    ):
        for sent in range(1, 4):
            queues.send_many(1)
            handler.wait_for(sent)

    assert settlement.sizes == [1, 1, 1]
    assert queues.stats().in_flight == 0


def test_large_batch_disables_prefetch(queues: Queues, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver, "MAX_PREFETCH_BYTES", 2 * queues.send_many(6)[0].size_bytes - 1)
    handler = RecordingHandler(expected=6)
    in_flight: list[int] = []

    def handle(messages: Sequence[Message]) -> list[Outcome]:
        in_flight.append(queues.stats().in_flight)
        return handler.forward(messages)

    options = fast_options(batch_size=2, delayed_check_seconds=60)
    with running(Worker(queues.consumer(), handle, options, handler.heartbeats.append), handler.stop):
        pass

    assert in_flight == [2, 2, 2]


def test_background_settlement_is_retried_after_errors(
    queues: Queues, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    queues.send_many(6)
    consumer = queues.consumer()
    settlement = ControlledSettlement(consumer, monkeypatch)
    settlement.go_on.set()
    settlement.failures = 3
    handler = RecordingHandler(expected=6)

    options = fast_options(batch_size=2, delayed_check_seconds=60)
    with running(Worker(consumer, handler.forward, options, handler.heartbeats.append), handler.stop):
        pass

    assert sorted(handler.seen) == sorted(set(handler.seen))
    assert len(queues.payloads(SECOND)) == 6
    assert queues.stats().in_flight == 0
    logged = [record.getMessage() for record in caplog.records]
    assert sum("Redis is unavailable" in message for message in logged) == 1


def test_prefetched_messages_are_requeued_when_a_dependency_is_unavailable(queues: Queues) -> None:
    queues.send_many(6)
    handler = RecordingHandler(expected=8)

    def handle(messages: Sequence[Message]) -> list[Outcome]:
        outcomes = handler.forward(messages)
        if len(handler.batches) == 2:
            assert queues.stats().in_flight >= 4  # this batch and the prefetched one; the first may be settled
            raise DependencyUnavailable("the disk is full")
        return outcomes

    options = fast_options(batch_size=2, delayed_check_seconds=60)
    with running(Worker(queues.consumer(), handle, options, handler.heartbeats.append), handler.stop):
        pass

    assert len(queues.payloads(SECOND)) == 6
    assert queues.broker.monitor.totals([FIRST, SECOND]).redelivered == 0
    assert queues.stats().in_flight == 0


def test_leases_of_prefetched_messages_are_renewed(queues: Queues, monkeypatch: pytest.MonkeyPatch) -> None:
    queues.send_many(6)
    consumer, rival = queues.consumer(), queues.consumer()
    settlement = ControlledSettlement(consumer, monkeypatch)
    handler = RecordingHandler(expected=6)

    def handle(messages: Sequence[Message]) -> list[Outcome]:
        if len(handler.batches) == 1:
            for _ in range(10):
                assert not handler.stop.wait(SHORT_LEASE_SECONDS / 5)
                assert rival.claim(10, SHORT_LEASE_SECONDS) == []
            settlement.go_on.set()
        return handler.forward(messages)

    options = fast_options(batch_size=2, delayed_check_seconds=60, lease_seconds=SHORT_LEASE_SECONDS)
    with running(Worker(consumer, handle, options, handler.heartbeats.append), handler.stop):
        pass

    assert len(handler.seen) == 6
    assert len(queues.payloads(SECOND)) == 6
