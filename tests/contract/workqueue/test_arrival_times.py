"""Theoretical arrival times that processes share, on each kind of server."""

import pytest
from tests.contract.workqueue.queues import Queues, wait_until

from captiond.workqueue.errors import QueueUnavailable


def test_times_are_advanced_by_all_processes(queues: Queues) -> None:
    times = queues.broker.arrival_times
    times.advance({"a": 1000.0, "b": 50.0})

    left = times.advance({"a": 500.25})

    assert left.keys() == {"a"}
    assert 1400 < left["a"] <= 1500.25


def test_time_that_has_passed_takes_no_memory_and_gives_no_credit(queues: Queues) -> None:
    times = queues.broker.arrival_times
    [key] = [queues.keys.arrival_time("a")]
    times.advance({"a": 0.001})
    wait_until(lambda: queues.client.exists(key) == 0)

    left = times.advance({"a": 1000.0})

    assert 900 < left["a"] <= 1000
    assert 900_000 < queues.client.pttl(key) <= 1_000_000


def test_more_times_than_one_call_takes(queues: Queues) -> None:
    names = [f"client {number}" for number in range(1001)]

    left = queues.broker.arrival_times.advance(dict.fromkeys(names, 1000.0))

    assert list(left) == names
    assert all(seconds > 900 for seconds in left.values())


def test_no_times_send_nothing(queues: Queues) -> None:
    assert queues.broker.arrival_times.advance({}) == {}


def test_stopped_server_is_an_outage(own_queues: Queues) -> None:
    own_queues.server.stop()

    with pytest.raises(QueueUnavailable):
        own_queues.broker.arrival_times.advance({"a": 1.0})
