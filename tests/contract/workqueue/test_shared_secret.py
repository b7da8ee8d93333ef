"""The secret that all API processes share."""

import pytest
from tests.contract.workqueue.queues import Queues

from captiond.operations.session_secret import SessionSecret


def test_all_processes_get_the_first_secret(queues: Queues) -> None:
    agree = queues.broker.session_secret.agree

    assert agree(b"first") == b"first"
    assert agree(b"second") == b"first"


def test_lost_secret_is_stored_again_by_a_running_process(queues: Queues) -> None:
    running, started_later = (SessionSecret(queues.broker.session_secret.agree) for _ in range(2))
    running.refresh()
    before = running.value
    queues.client.flushall()

    running.refresh()
    started_later.refresh()

    assert running.value == started_later.value == before


def test_full_server_leaves_each_process_its_own_secret(queues: Queues, caplog: pytest.LogCaptureFixture) -> None:
    secret, other = (SessionSecret(queues.broker.session_secret.agree) for _ in range(2))
    own = secret.value
    queues.client.config_set("maxmemory", 1)

    secret.refresh()
    secret.refresh()
    assert secret.value == own
    queues.client.config_set("maxmemory", 0)
    secret.refresh()
    other.refresh()

    assert secret.value == other.value == own
    assert caplog.text.count("cannot read the secret of sessions") == 1
