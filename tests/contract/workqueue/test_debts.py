"""Debts that processes share, on each kind of server."""

import pytest
from tests.contract.workqueue.queues import Queues, wait_until

from captiond.workqueue.errors import QueueUnavailable


def test_debts_of_all_processes_are_added(queues: Queues) -> None:
    debts = queues.broker.debts
    debts.add({"a": 1000.0, "b": 50.0})

    left = debts.add({"a": 500.25})

    assert left.keys() == {"a"}
    assert 1400 < left["a"] <= 1500.25


def test_paid_debt_takes_no_memory_and_does_not_become_credit(queues: Queues) -> None:
    debts = queues.broker.debts
    [key] = [queues.keys.debt("a")]
    debts.add({"a": 0.001})
    wait_until(lambda: queues.client.exists(key) == 0)

    left = debts.add({"a": 1000.0})

    assert 900 < left["a"] <= 1000
    assert 900_000 < queues.client.pttl(key) <= 1_000_000


def test_more_debts_than_one_call_takes(queues: Queues) -> None:
    names = [f"client {number}" for number in range(1001)]

    left = queues.broker.debts.add(dict.fromkeys(names, 1000.0))

    assert list(left) == names
    assert all(seconds > 900 for seconds in left.values())


def test_no_debts_send_nothing(queues: Queues) -> None:
    assert queues.broker.debts.add({}) == {}


def test_stopped_server_is_an_outage(own_queues: Queues) -> None:
    own_queues.server.stop()

    with pytest.raises(QueueUnavailable):
        own_queues.broker.debts.add({"a": 1.0})
