"""The id of the deployment whose queues these are."""

import pytest
from tests.contract.workqueue.queues import Queues, a_message

OURS, THEIRS = "0b7dbb7e-6f3c-4f0f-8a0c-2d1c4d7c1a01", "0b7dbb7e-6f3c-4f0f-8a0c-2d1c4d7c1a02"


def test_new_queues_have_no_id(queues: Queues) -> None:
    queues.send(a_message())

    assert queues.broker.monitor.deployment_id() is None


def test_first_claim_is_kept(queues: Queues) -> None:
    monitor = queues.broker.monitor

    assert monitor.claim_deployment_id(OURS) == OURS
    assert monitor.claim_deployment_id(THEIRS) == OURS
    assert monitor.deployment_id() == OURS


def test_id_can_be_replaced(queues: Queues) -> None:
    monitor = queues.broker.monitor
    monitor.claim_deployment_id(THEIRS)

    monitor.set_deployment_id(OURS)

    assert monitor.deployment_id() == OURS


def test_full_server_is_claimed_later(queues: Queues, caplog: pytest.LogCaptureFixture) -> None:
    """So that a worker can start and drain it."""
    monitor = queues.broker.monitor
    queues.client.config_set("maxmemory", 1)

    assert monitor.claim_deployment_id(OURS) == OURS

    assert monitor.deployment_id() is None
    assert "cannot store the deployment id in Redis" in caplog.text
    queues.client.config_set("maxmemory", 0)
    monitor.claim_deployment_id(OURS)
    assert monitor.deployment_id() == OURS


def test_claimed_full_server_needs_no_write(queues: Queues) -> None:
    monitor = queues.broker.monitor
    monitor.claim_deployment_id(OURS)
    queues.client.config_set("maxmemory", 1)

    assert monitor.claim_deployment_id(OURS) == OURS

    queues.client.config_set("maxmemory", 0)
