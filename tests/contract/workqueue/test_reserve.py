"""Under load a batch is settled while the next, held in reserve, is handled."""

import threading
from collections.abc import Sequence

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from tests.contract.workqueue.line import FIRST, SECOND, SHORT_LEASE_SECONDS, Handling, Line, quick, running

from captiond.workqueue import Message
from captiond.workqueue.message import Delivery
from captiond.workqueue.streams.consumer import Consumer
from captiond.workqueue.worker import DependencyUnavailable, Outcome, Worker, prefetch

WAIT_SECONDS = 20.0


class Settlings:
    """Watches a consumer's settlings: each may be made to wait, and to fail."""

    def __init__(self, consumer: Consumer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go_on = threading.Event()
        self.failures = 0
        self.sizes: list[int] = []
        self._settle = consumer.settle
        monkeypatch.setattr(consumer, "settle", self.settle)

    def settle(self, settled: Sequence[tuple[Delivery, Outcome]]) -> list[bool]:
        assert self.go_on.wait(WAIT_SECONDS)
        if self.failures:
            self.failures -= 1
            raise RedisConnectionError("cut")
        self.sizes.append(len(settled))
        return self._settle(settled)


def test_a_batch_is_settled_while_the_next_is_handled(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.send_many(6)
    consumer = line.join()
    settlings = Settlings(consumer, monkeypatch)
    handling = Handling(expected=6)

    def handle(messages: Sequence[Message]) -> list[Outcome]:
        if len(handling.batches) == 1:
            assert line.bodies(SECOND) == []
            settlings.go_on.set()  # the settling of the first batch waits for the second to be handled
        return handling.pass_on(messages)

    options = quick(batch_size=2, parked_check_seconds=60)
    with running(Worker(consumer, handle, options, handling.health.append), handling.stop):
        pass

    assert [len(batch) for batch in handling.batches] == settlings.sizes == [2, 2, 2]
    assert len(line.bodies(SECOND)) == 6
    assert line.stats().in_flight == 0


def test_a_worker_at_rest_keeps_nothing_in_reserve(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = line.join()
    settlings = Settlings(consumer, monkeypatch)
    settlings.go_on.set()
    handling = Handling(expected=3)

    with running(Worker(consumer, handling.pass_on, quick(batch_size=2), handling.health.append), handling.stop):
        for sent in range(1, 4):
            line.send_many(1)
            handling.wait_for(sent)

    assert settlings.sizes == [1, 1, 1]
    assert line.stats().in_flight == 0


def test_after_a_large_batch_nothing_is_kept_in_reserve(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefetch, "MAX_RESERVE_BYTES", 2 * line.send_many(6)[0].size_bytes - 1)
    handling = Handling(expected=6)
    in_flight: list[int] = []

    def handle(messages: Sequence[Message]) -> list[Outcome]:
        in_flight.append(line.stats().in_flight)
        return handling.pass_on(messages)

    options = quick(batch_size=2, parked_check_seconds=60)
    with running(Worker(line.join(), handle, options, handling.health.append), handling.stop):
        pass

    assert in_flight == [2, 2, 2]


def test_what_cannot_be_settled_in_the_background_is_settled_later(
    line: Line, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    line.send_many(6)
    consumer = line.join()
    settlings = Settlings(consumer, monkeypatch)
    settlings.go_on.set()
    settlings.failures = 3
    handling = Handling(expected=6)

    options = quick(batch_size=2, parked_check_seconds=60)
    with running(Worker(consumer, handling.pass_on, options, handling.health.append), handling.stop):
        pass

    assert sorted(handling.seen) == sorted(set(handling.seen))
    assert len(line.bodies(SECOND)) == 6
    assert line.stats().in_flight == 0
    said = [record.getMessage() for record in caplog.records]
    assert sum("Redis is not available" in message for message in said) == 1


def test_the_reserve_is_given_back_with_the_rest_when_something_is_away(line: Line) -> None:
    line.send_many(6)
    handling = Handling(expected=8)

    def handle(messages: Sequence[Message]) -> list[Outcome]:
        outcomes = handling.pass_on(messages)
        if len(handling.batches) == 2:
            assert line.stats().in_flight >= 4  # this batch and the one in reserve; the first may be settled
            raise DependencyUnavailable("the disk is full")
        return outcomes

    options = quick(batch_size=2, parked_check_seconds=60)
    with running(Worker(line.join(), handle, options, handling.health.append), handling.stop):
        pass

    assert len(line.bodies(SECOND)) == 6
    assert line.broker.monitor.totals([FIRST, SECOND]).redelivered == 0
    assert line.stats().in_flight == 0


def test_the_leases_of_reserve_and_settling_are_kept(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.send_many(6)
    consumer, rival = line.join(), line.join()
    settlings = Settlings(consumer, monkeypatch)
    handling = Handling(expected=6)

    def handle(messages: Sequence[Message]) -> list[Outcome]:
        if len(handling.batches) == 1:
            for _ in range(10):
                assert not handling.stop.wait(SHORT_LEASE_SECONDS / 5)
                assert rival.claim(10, SHORT_LEASE_SECONDS) == []
            settlings.go_on.set()
        return handling.pass_on(messages)

    options = quick(batch_size=2, parked_check_seconds=60, lease_seconds=SHORT_LEASE_SECONDS)
    with running(Worker(consumer, handle, options, handling.health.append), handling.stop):
        pass

    assert len(handling.seen) == 6
    assert len(line.bodies(SECOND)) == 6
